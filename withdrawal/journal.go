package withdrawal

import (
	"crypto/hmac"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
)

// Log stores lines. A line that Append took without an error is there for good, behind those before it; one that it did not
// finish is not there at all.
type Log interface {
	Lines() ([][]byte, error)
	Append(line []byte) error
	Close() error
}

// Frozen is a log that is not written any more.
type Frozen [][]byte

// Lines returns the lines.
func (f Frozen) Lines() ([][]byte, error) { return f, nil }

// Append refuses.
func (Frozen) Append([]byte) error {
	return errors.New("a copy of the journal of withdrawals is not written")
}

// Close does nothing.
func (Frozen) Close() error { return nil }

// Signer returns a keyed digest of a text; only who has the vault and its key can compute it.
type Signer func(text []byte) []byte

// Journal is the durable account of withdrawals. It is safe for concurrent use.
type Journal struct {
	mu       sync.Mutex
	log      Log
	sign     Signer
	last     string // signature of the last entry
	register *Register
}

// ErrDamaged is the error of a journal whose entries were altered, reordered or taken out.
var ErrDamaged = errors.New("the journal of withdrawals was altered; restore it from its newest backup")

// Open reads a journal and checks every entry.
func Open(log Log, sign Signer) (*Journal, error) {
	lines, err := log.Lines()
	if err != nil {
		return nil, fmt.Errorf("read the journal of withdrawals: %w", err)
	}
	j := &Journal{log: log, sign: sign, register: newRegister()}
	for i, line := range lines {
		if err := j.read(line); err != nil {
			return nil, fmt.Errorf("%w: line %d: %w", ErrDamaged, i+1, err)
		}
	}
	return j, nil
}

// read takes up a line: a signature, a space, and the entry as JSON.
func (j *Journal) read(line []byte) error {
	signature, text, _ := strings.Cut(string(line), " ")
	if !hmac.Equal([]byte(signature), []byte(j.signature([]byte(text)))) {
		return errors.New("it does not follow the one before")
	}
	var e Entry
	if err := json.Unmarshal([]byte(text), &e); err != nil || e.N != j.register.last+1 {
		return errors.New("it is no entry of this version's")
	}
	j.last = signature
	return j.register.take(e)
}

// signature binds an entry to all before it.
func (j *Journal) signature(text []byte) string {
	return hex.EncodeToString(j.sign(append([]byte(j.last+"\n"), text...)))
}

// Append numbers, signs and stores entries, one after the other. When it returns they are durable.
func (j *Journal) Append(entries ...Entry) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, e := range entries {
		if err := j.append(e); err != nil {
			return err
		}
	}
	return nil
}

func (j *Journal) append(e Entry) error {
	e.N, e.At = j.register.last+1, e.At.UTC()
	text, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("write the journal of withdrawals: %w", err)
	}
	if err := j.register.check(e); err != nil {
		return err
	}
	signature := j.signature(text)
	if err := j.log.Append([]byte(signature + " " + string(text))); err != nil {
		return fmt.Errorf("write the journal of withdrawals: %w", err)
	}
	j.last = signature
	return j.register.take(e)
}

// Register returns what the journal says up to now. It goes on with the journal: the caller does not keep it while others
// write.
func (j *Journal) Register() *Register { return j.register }

// Lines returns the journal's lines, for a copy that is read elsewhere.
func (j *Journal) Lines() ([][]byte, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.log.Lines()
}

// Close closes the log.
func (j *Journal) Close() error { return j.log.Close() }
