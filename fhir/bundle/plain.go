package bundle

import (
	"bufio"
	"errors"
	"io"

	"github.com/klauspost/compress/gzip"
)

// Plain returns a stream's content, and whether the stream was compressed by gzip: its first bytes tell, whatever its name is.
func Plain(stream io.Reader) (content io.Reader, compressed bool, err error) {
	b := bufio.NewReaderSize(stream, 64<<10)
	magic, err := b.Peek(2)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, false, err
	}
	if string(magic) != "\x1f\x8b" {
		return b, false, nil
	}
	z, err := gzip.NewReader(b)
	if err != nil {
		return nil, true, errors.Join(ErrDamaged, err)
	}
	return inflated{z}, true, nil
}

// ErrDamaged is what reading compressed content fails with that is cut off or not what was compressed.
var ErrDamaged = errors.New("the compressed content is damaged or cut off")

type inflated struct{ in io.Reader }

func (i inflated) Read(p []byte) (int, error) {
	n, err := i.in.Read(p)
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, gzip.ErrChecksum) || errors.Is(err, gzip.ErrHeader) {
		err = errors.Join(ErrDamaged, err)
	}
	return n, err
}
