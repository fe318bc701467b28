// Package vaulttest is the exam that every pseudonym.VaultStore passes, and a store in memory for tests.
package vaulttest

import (
	"bytes"
	"context"
	"iter"
	"slices"
	"sync"

	"github.com/crflink/crflink/pseudonym"
)

// Memory is a VaultStore that lives as long as the test.
type Memory struct {
	mu         sync.Mutex
	meta       map[string][]byte
	rows       map[string]pseudonym.Row // by row id
	identities map[string]string        // to row ids
}

// NewMemory returns an empty store.
func NewMemory() *Memory {
	return &Memory{meta: map[string][]byte{}, rows: map[string]pseudonym.Row{}, identities: map[string]string{}}
}

// Meta returns the value of a name, or ErrNoRow.
func (m *Memory) Meta(_ context.Context, name string) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if v, ok := m.meta[name]; ok {
		return bytes.Clone(v), nil
	}
	return nil, pseudonym.ErrNoRow
}

// InitMeta stores the values unless any of the names is there already.
func (m *Memory) InitMeta(_ context.Context, values map[string][]byte) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for name := range values {
		if m.meta[name] != nil {
			return false, nil
		}
	}
	for name, v := range values {
		m.meta[name] = bytes.Clone(v)
	}
	return true, nil
}

// ChangeMeta stores what next returns.
func (m *Memory) ChangeMeta(_ context.Context, name string, next func(now []byte) ([]byte, error)) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	v, err := next(bytes.Clone(m.meta[name]))
	if err == nil && v != nil {
		m.meta[name] = bytes.Clone(v)
	}
	return err
}

// Rows yields all rows of a study.
func (m *Memory) Rows(_ context.Context, studyHash []byte) iter.Seq2[pseudonym.Row, error] {
	m.mu.Lock()
	defer m.mu.Unlock()
	var rows []pseudonym.Row
	for _, r := range m.rows {
		if bytes.Equal(r.StudyHash, studyHash) {
			rows = append(rows, clone(r))
		}
	}
	return func(yield func(pseudonym.Row, error) bool) {
		for _, r := range rows {
			if !yield(r, nil) {
				return
			}
		}
	}
}

// Subject returns the row that an identity hash points to, or ErrNoRow.
func (m *Memory) Subject(_ context.Context, identity []byte) (pseudonym.Row, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if id, ok := m.identities[string(identity)]; ok {
		return clone(m.rows[id]), nil
	}
	return pseudonym.Row{}, pseudonym.ErrNoRow
}

// Subjects returns the rows that identity hashes point to.
func (m *Memory) Subjects(_ context.Context, identities [][]byte) (map[string]pseudonym.Row, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	rows := map[string]pseudonym.Row{}
	for _, hash := range identities {
		if id, ok := m.identities[string(hash)]; ok {
			rows[string(hash)] = clone(m.rows[id])
		}
	}
	return rows, nil
}

// SubjectByNumber returns the row of a number hash, or ErrNoRow.
func (m *Memory) SubjectByNumber(_ context.Context, numberHash []byte) (pseudonym.Row, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range m.rows {
		if bytes.Equal(r.NumberHash, numberHash) {
			return clone(r), nil
		}
	}
	return pseudonym.Row{}, pseudonym.ErrNoRow
}

// Insert stores the row and the identity that points to it, or returns the row that the identity has already.
func (m *Memory) Insert(_ context.Context, check, identity []byte, row pseudonym.Row) (pseudonym.Row, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !bytes.Equal(m.meta[pseudonym.MetaCheck], check) {
		return pseudonym.Row{}, pseudonym.ErrRotated
	}
	if id, ok := m.identities[string(identity)]; ok {
		return clone(m.rows[id]), nil
	}
	for _, r := range m.rows {
		if bytes.Equal(r.NumberHash, row.NumberHash) {
			return pseudonym.Row{}, pseudonym.ErrNumberTaken
		}
	}
	m.rows[string(row.ID)] = clone(row)
	m.identities[string(identity)] = string(row.ID)
	return clone(row), nil
}

// Link lets a further identity point to a row.
func (m *Memory) Link(_ context.Context, identity, rowID []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	id, known := m.identities[string(identity)]
	_, exists := m.rows[string(rowID)]
	switch {
	case known && id == string(rowID):
		return nil
	case known:
		return pseudonym.ErrIdentity
	case !exists:
		return pseudonym.ErrNoRow
	}
	m.identities[string(identity)] = string(rowID)
	return nil
}

// Destroy deletes a row and the identities that point to it.
func (m *Memory) Destroy(_ context.Context, rowID []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.destroy(string(rowID))
	return nil
}

func (m *Memory) destroy(id string) {
	delete(m.rows, id)
	for identity, to := range m.identities {
		if to == id {
			delete(m.identities, identity)
		}
	}
}

// DestroyStudy deletes all rows of a study and returns how many there were.
func (m *Memory) DestroyStudy(_ context.Context, studyHash []byte) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := 0
	for id, r := range m.rows {
		if bytes.Equal(r.StudyHash, studyHash) {
			m.destroy(id)
			n++
		}
	}
	return n, nil
}

// Rewrite replaces the sealed values of all rows and the metadata, or nothing.
func (m *Memory) Rewrite(_ context.Context, meta map[string][]byte, reseal func(pseudonym.Row) (pseudonym.Row, error)) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	next := map[string]pseudonym.Row{}
	for id, r := range m.rows {
		changed, err := reseal(clone(r))
		if err != nil {
			return err
		}
		next[id] = clone(changed)
	}
	m.rows = next
	for name, v := range meta {
		m.meta[name] = bytes.Clone(v)
	}
	return nil
}

func clone(r pseudonym.Row) pseudonym.Row {
	for _, b := range []*[]byte{&r.ID, &r.StudyHash, &r.NumberHash, &r.Number, &r.Site, &r.Secret, &r.Origin} {
		*b = slices.Clone(*b)
	}
	return r
}
