package audit

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"

	"github.com/crflink/crflink/pseudonym"
)

// keys open what entries say.
type keys struct {
	vault    *pseudonym.Vault
	subjects map[pseudonym.AuditName]pseudonym.Subject
}

func keysOf(ctx context.Context, vault *pseudonym.Vault) (*keys, error) {
	k := &keys{vault: vault, subjects: map[pseudonym.AuditName]pseudonym.Subject{}}
	for s, err := range vault.Subjects(ctx) {
		if err != nil {
			return nil, fmt.Errorf("audit: %w", err)
		}
		k.subjects[s.AuditName()] = s
	}
	return k, nil
}

// subject returns whom the entry concerns: the zero Subject for nobody in particular. ok is false for one who was erased.
func (k *keys) subject(e *Entry) (s pseudonym.Subject, ok bool) {
	if len(e.Subject) == 0 {
		return s, true
	}
	if len(e.Subject) != len(pseudonym.AuditName{}) {
		return s, false
	}
	s, ok = k.subjects[pseudonym.AuditName(e.Subject)]
	return s, ok
}

// open returns what the entry says; ok is false when its subject was erased.
func (k *keys) open(e *Entry) (text []byte, ok bool, err error) {
	s, ok := k.subject(e)
	if !ok {
		return nil, false, nil
	}
	seal := k.vault.AuditSeal()
	if !s.IsZero() {
		seal = s.AuditSeal()
	}
	text, err = seal.Open(e.Payload, bound(e.Kind))
	return text, err == nil, err
}

// Told is an entry with what it says.
type Told struct {
	Entry   Entry
	Subject pseudonym.Subject // zero when it concerns nobody in particular, or somebody who was erased
	Erased  bool
	Detail  json.RawMessage // nil when the subject was erased
}

// Read yields the entries of a log from a number on with what they say. It does not check the chain: Verify does. An entry
// that does not open, although its key is there, is an error.
func Read(ctx context.Context, log Log, vault *pseudonym.Vault, from int64) iter.Seq2[Told, error] {
	return func(yield func(Told, error) bool) {
		k, err := keysOf(ctx, vault)
		if err != nil {
			yield(Told{}, err)
			return
		}
		for e, err := range log.Entries(ctx, from) {
			told := Told{Entry: e}
			if err == nil {
				told, err = k.tell(e)
			}
			if err != nil {
				yield(told, fmt.Errorf("audit: entry %d: %w", e.Number, err))
				return
			}
			if !yield(told, nil) {
				return
			}
		}
	}
}

func (k *keys) tell(e Entry) (Told, error) {
	text, ok, err := k.open(&e)
	s, _ := k.subject(&e)
	return Told{Entry: e, Subject: s, Erased: !ok && err == nil, Detail: text}, err
}
