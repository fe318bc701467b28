package several

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/crflink/crflink/fhir"
)

// Part is one of several sources.
type Part struct {
	Alias  string
	Source fhir.Source
	Plain  bool // its ids stay as they are; of one part at most
}

// part is a Part with how it stands.
type part struct {
	Part
	others []string // prefixes of the other parts, for one whose ids stay

	mu       sync.Mutex
	patients int
	silent   error
}

// longestID is how long a FHIR id may be.
const longestID = 64

// id is what an id of the part is in the records that come out.
func (p *part) id(id string) string {
	if p.Plain || id == "" {
		return id
	}
	if long := p.Alias + "." + id; len(long) <= longestID {
		return long
	}
	sum := sha256.Sum256([]byte(id))
	return p.Alias + ".x-" + hex.EncodeToString(sum[:16])
}

func (p *part) key(k fhir.Key) fhir.Key { return fhir.Key{Type: k.Type, ID: p.id(k.ID)} }

func (p *part) keys(all []fhir.Key) []fhir.Key {
	out := make([]fhir.Key, len(all))
	for i, k := range all {
		out[i] = p.key(k)
	}
	return out
}

// own takes the alias off an id; ok is false for an id of another part.
func (p *part) own(id string) (own string, ok bool) {
	if p.Plain {
		return id, !p.isAnothers(id)
	}
	return strings.CutPrefix(id, p.Alias+".")
}

func (p *part) isAnothers(id string) bool {
	for _, prefix := range p.others {
		if strings.HasPrefix(id, prefix) {
			return true
		}
	}
	return false
}

var errTaken = errors.New("an id of a source whose ids stay as they are begins like the alias of another source")

// renamed returns a resource of the part as it comes out.
func (p *part) renamed(res *fhir.Resource, record *fhir.Record) (*fhir.Resource, error) {
	if p.isAnothers(res.ID) {
		return nil, errTaken
	}
	again, err := res.Rename(p.id(res.ID), func(reference string) (string, bool) {
		k, ok := record.KeyOf(reference)
		return p.key(k).String(), ok
	})
	if err != nil {
		return nil, fmt.Errorf("a resource under its alias: %w", err)
	}
	again.Origin.Alias = p.Alias
	return again, nil
}

// rejects passes on what the part rejects.
func (p *part) rejects(rej func(fhir.Rejected)) func(fhir.Rejected) {
	return func(x fhir.Rejected) {
		x.Origin.Alias = p.Alias
		if x.Patient != (fhir.Key{}) {
			x.Patient = p.key(x.Patient)
		}
		x.Others = p.keys(x.Others)
		rej(x)
	}
}

// state returns why the part is silent.
func (p *part) state() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.silent
}

// fail makes the part silent.
func (p *part) fail(err error) *fhir.UnreachedError {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.silent == nil {
		p.silent = err
	}
	return &fhir.UnreachedError{Alias: p.Alias, Err: p.silent}
}
