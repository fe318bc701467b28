package several

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/crflink/crflink/fhir"
)

// tracked is a Source all of whose parts are Trackers.
type tracked struct{ *Source }

// Moment asks each part for its moment.
func (s *tracked) Moment(ctx context.Context) (map[string]fhir.Moment, error) {
	all := map[string]fhir.Moment{}
	var mu sync.Mutex
	err := s.trackers(ctx, func(ctx context.Context, p *part, t fhir.Tracker) error {
		moments, err := t.Moment(ctx)
		mu.Lock()
		defer mu.Unlock()
		for _, m := range moments {
			all[p.Alias] = m
		}
		return err
	})
	return all, err
}

// Touched asks each part about its patients.
func (s *tracked) Touched(ctx context.Context, patients []fhir.Footprint, wanted fhir.Wanted, since map[string]time.Time) (map[fhir.Key]bool, error) {
	prints, whose := map[*part][]fhir.Footprint{}, map[*part]map[fhir.Key]fhir.Key{}
	for _, f := range patients {
		person, _ := s.find(f.Patient)
		for _, m := range person.members {
			prints[m.part] = append(prints[m.part], fhir.Footprint{Patient: m.key(), Found: foundBy(m.part, f.Found)})
			if whose[m.part] == nil {
				whose[m.part] = map[fhir.Key]fhir.Key{}
			}
			whose[m.part][m.key()] = f.Patient
		}
	}
	all := map[fhir.Key]bool{}
	var mu sync.Mutex
	err := s.trackers(ctx, func(ctx context.Context, p *part, t fhir.Tracker) error {
		if len(prints[p]) == 0 {
			return nil
		}
		touched, err := t.Touched(ctx, prints[p], wanted, map[string]time.Time{p.Source.Name(): since[p.Alias]})
		mu.Lock()
		defer mu.Unlock()
		for k, is := range touched {
			if is {
				all[whose[p][k]] = true
			}
		}
		return err
	})
	for p, theirs := range whose {
		if p.state() != nil {
			for _, k := range theirs {
				all[k] = true
			}
		}
	}
	return all, err
}

// foundBy is what a part found of all that was found.
func foundBy(p *part, found map[string]int) map[string]int {
	own := map[string]int{}
	for name, n := range found {
		if name, ok := strings.CutPrefix(name, p.Alias+" "); ok {
			own[name] = n
		}
	}
	return own
}

// Common lists the shared resources of all parts.
func (s *tracked) Common(ctx context.Context, typ string, since map[string]time.Time) (there, changed map[string]bool, err error) {
	there, changed = map[string]bool{}, map[string]bool{}
	var mu sync.Mutex
	err = s.trackers(ctx, func(ctx context.Context, p *part, t fhir.Tracker) error {
		all, some, err := t.Common(ctx, typ, map[string]time.Time{p.Source.Name(): since[p.Alias]})
		mu.Lock()
		defer mu.Unlock()
		for id := range all {
			there[p.id(id)] = true
		}
		for id := range some {
			changed[p.id(id)] = true
		}
		return err
	})
	return there, changed, err
}

// trackers asks every part that answers as the Tracker that it is.
func (s *tracked) trackers(ctx context.Context, ask func(context.Context, *part, fhir.Tracker) error) error {
	return s.each(ctx, func(ctx context.Context, p *part) error {
		if t, ok := p.Source.(fhir.Tracker); ok {
			return ask(ctx, p, t)
		}
		return nil
	})
}

// printed is a Source all of whose parts are Fingerprinters.
type printed struct{ *Source }

// Fingerprint tells whether anything that a part has of the person is another.
func (s *printed) Fingerprint(ctx context.Context, patient fhir.Key, wanted fhir.Wanted) (string, error) {
	person, ok := s.find(patient)
	if !ok {
		return "", nil
	}
	h := sha256.New()
	for _, m := range person.members {
		f, ok := m.part.Source.(fhir.Fingerprinter)
		if !ok || m.part.state() != nil {
			return "", nil
		}
		print, err := f.Fingerprint(ctx, m.key(), wanted)
		if print == "" || err != nil {
			return "", err
		}
		_, _ = io.WriteString(h, m.part.Alias+" "+print+"\n")
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
