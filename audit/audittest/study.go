package audittest

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/crflink/crflink/audit"
	"github.com/crflink/crflink/pseudonym"
	"github.com/crflink/crflink/pseudonym/vaulttest"
)

// Study is a vault with subjects, and who acts on it.
type Study struct {
	Vault    *pseudonym.Vault
	Subjects []pseudonym.Subject // S-0000, S-0001, …
	minutes  atomic.Int64
}

// NewStudy makes a vault in memory with as many subjects.
func NewStudy(t testing.TB, subjects int) *Study {
	t.Helper()
	key, err := pseudonym.NewKey([]byte("a vault key for tests only, never for patients 0123456789"))
	check(t, err)
	s := &Study{}
	s.Vault, err = pseudonym.CreateVault(t.Context(), vaulttest.NewMemory(), key, "study")
	check(t, err)
	for i := range subjects {
		subject, err := s.Vault.Enrol(t.Context(), pseudonym.Identity{System: "pid", Value: fmt.Sprint("patient-", i)}, fmt.Sprintf("S-%04d", i), "")
		check(t, err)
		s.Subjects = append(s.Subjects, subject)
	}
	return s
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Recorder opens a log for the actor "somebody". Its clock moves on by a minute with every event.
func (s *Study) Recorder(t testing.TB, log audit.Log) *audit.Recorder {
	t.Helper()
	r, err := audit.NewRecorder(t.Context(), log, s.Vault, audit.Actor{Account: "somebody"}, func() time.Time {
		return time.Date(2026, 9, 1, 2, 0, 0, 0, time.UTC).Add(time.Duration(s.minutes.Add(1)) * time.Minute)
	})
	check(t, err)
	return r
}
