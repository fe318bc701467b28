package gather

import (
	"bufio"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"os"
	"slices"
	"sync"
)

// Spool is an encrypted temporary file of texts. Each text is sealed on its own with AES-256-GCM under a random key
// that is never written; its nonce is its offset, which no two texts share. The file has mode 0600 and, where the system
// allows it, no name.
type Spool struct {
	mu     sync.Mutex
	file   *os.File
	buffer *bufio.Writer
	size   int64
	sealed []byte
	aead   cipher.AEAD
	named  bool
}

// NewSpool creates a spool in the folder; "" is the system's folder for temporary files.
func NewSpool(folder string) (*Spool, error) {
	aead, err := randomAEAD()
	if err != nil {
		return nil, fmt.Errorf("make a key for the spool: %w", err)
	}
	file, err := os.CreateTemp(folder, "crflink-spool-*")
	if err != nil {
		return nil, fmt.Errorf("create the spool: %w", err)
	}
	s := &Spool{file: file, buffer: bufio.NewWriterSize(file, 256<<10), aead: aead}
	s.named = os.Remove(file.Name()) != nil // an open file has no name to be removed by on some systems
	return s, nil
}

func randomAEAD() (cipher.AEAD, error) {
	key := make([]byte, 32)
	if _, err := rand.Read(key); err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

func nonce(offset int64) []byte {
	n := make([]byte, 12)
	binary.BigEndian.PutUint64(n[4:], uint64(offset)) // #nosec G115 -- offsets are not negative
	return n
}

// Append writes a text and returns its offset.
func (s *Spool) Append(text string) (offset int64, err error) { return s.append([]byte(text)) }

func (s *Spool) append(text []byte) (offset int64, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	offset = s.size
	s.sealed = s.aead.Seal(s.sealed[:0], nonce(offset), text, nil)
	if _, err := s.buffer.Write(s.sealed); err != nil {
		return 0, fmt.Errorf("write the spool: %w", err)
	}
	s.size += int64(len(s.sealed))
	return offset, nil
}

// Read returns the text of the length at the offset.
func (s *Spool) Read(offset int64, length int) (string, error) {
	into, _ := opened.Get().(*[]byte)
	text, err := s.read(*into, offset, length)
	read := string(text)
	if cap(text) <= keptText {
		*into = text
	}
	opened.Put(into)
	return read, err
}

// opened is memory for texts until they are strings; keptText bounds what is kept of it.
var opened = sync.Pool{New: func() any { return new([]byte) }}

const keptText = 64 << 10

// read reads into the memory of into, where that is large enough.
func (s *Spool) read(into []byte, offset int64, length int) ([]byte, error) {
	if err := s.flush(); err != nil {
		return nil, err
	}
	sealed := slices.Grow(into[:0], length+s.aead.Overhead())[:length+s.aead.Overhead()]
	if _, err := s.file.ReadAt(sealed, offset); err != nil {
		return nil, fmt.Errorf("read the spool: %w", err)
	}
	text, err := s.aead.Open(sealed[:0], nonce(offset), sealed, nil)
	if err != nil {
		return nil, fmt.Errorf("read the spool: the file was changed: %w", err)
	}
	return text, nil
}

func (s *Spool) flush() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.buffer.Flush(); err != nil {
		return fmt.Errorf("write the spool: %w", err)
	}
	return nil
}

// Close removes the spool.
func (s *Spool) Close() error {
	name := s.file.Name()
	err := s.file.Close()
	if s.named {
		if e := os.Remove(name); err == nil {
			err = e
		}
	}
	return err
}
