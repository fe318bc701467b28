package audit_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/crflink/crflink/audit"
	"github.com/crflink/crflink/audit/audittest"
	"github.com/crflink/crflink/pseudonym"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func mark(n int) (m audit.Mark) {
	m[0] = byte(n)
	return m
}

// decide records a run that decides about subjects, and returns what stands.
func decide(t testing.TB, s *audittest.Study, log audit.Log, subjects ...int) {
	t.Helper()
	r := s.Recorder(t, log)
	must(t, r.Record(t.Context(), audit.Event{Kind: audit.RunBegun, Detail: audit.Run{AsOf: "2026-09-01"}}))
	marks, err := r.Standing(t.Context())
	must(t, err)
	var drafts []audit.Draft
	for _, n := range subjects {
		subject := s.Subjects[n]
		d, err := r.Draft(audit.Event{Kind: audit.Decided, Subject: subject, Mark: mark(n + 1), Detail: audit.Decision{Outcome: "permitted"}})
		must(t, err)
		drafts = append(drafts, d)
		marks.Set(subject.AuditName(), mark(n+1))
	}
	must(t, r.Append(t.Context(), drafts...))
	must(t, r.Record(t.Context(), audit.Event{Kind: audit.RunFinished, Detail: audit.Finished{Standing: len(marks), Decisions: r.Decisions(marks)}}))
}

func verify(t testing.TB, s *audittest.Study, log audit.Log, held ...audit.Head) *audit.Report {
	t.Helper()
	report, err := audit.Verify(t.Context(), log, s.Vault, held...)
	must(t, err)
	return report
}

func faults(r *audit.Report) string {
	var all []string
	for _, f := range r.Findings {
		all = append(all, fmt.Sprint(f.Number, " ", f.Fault))
	}
	return strings.Join(all, ", ")
}

// written is a log of two runs with a head of each: entries 1 to 6, and 7 to 9.
func written(t testing.TB) (s *audittest.Study, log *audittest.Memory, first, second audit.Head) {
	t.Helper()
	s, log = audittest.NewStudy(t, 5), &audittest.Memory{}
	decide(t, s, log, 0, 1, 2, 3)
	first = log.Stored[5].Head()
	decide(t, s, log, 1)
	return s, log, first, log.Stored[8].Head()
}

func TestALogThatNobodyTouchedIsSound(t *testing.T) {
	s, log, first, second := written(t)
	r := verify(t, s, log, first, second)
	if !r.Sound() || r.Entries != 9 || r.Head != second || r.Anchor != second || r.Kinds[audit.Decided] != 5 || r.Erased.Entries != 0 {
		t.Errorf("%+v", r)
	}
}

func TestEveryDamageIsFound(t *testing.T) {
	flip := func(b []byte) []byte { return append([]byte{b[0] ^ 1}, b[1:]...) }
	for name, c := range map[string]struct {
		damage func(e []audit.Entry) []audit.Entry
		want   string
	}{
		"another time":           {func(e []audit.Entry) []audit.Entry { e[2].At = "2026-09-01T02:00:00Z"; return e }, "3 altered"},
		"another actor":          {func(e []audit.Entry) []audit.Entry { e[2].Actor = "nobody"; return e }, "3 altered"},
		"another kind":           {func(e []audit.Entry) []audit.Entry { e[2].Kind = audit.Computed; return e }, "3 altered"},
		"another subject":        {func(e []audit.Entry) []audit.Entry { e[2].Subject = e[3].Subject; return e }, "3 altered"},
		"no subject":             {func(e []audit.Entry) []audit.Entry { e[2].Subject = nil; return e }, "3 altered"},
		"another mark":           {func(e []audit.Entry) []audit.Entry { e[2].Mark = e[3].Mark; return e }, "3 altered"},
		"no mark":                {func(e []audit.Entry) []audit.Entry { e[2].Mark = nil; return e }, "3 altered"},
		"another payload":        {func(e []audit.Entry) []audit.Entry { e[2].Payload = flip(e[2].Payload); return e }, "3 altered"},
		"the payload of another": {func(e []audit.Entry) []audit.Entry { e[2].Payload = e[3].Payload; return e }, "3 altered"},
		"another predecessor":    {func(e []audit.Entry) []audit.Entry { e[2].Before = flip(e[2].Before); return e }, "3 reordered, 3 altered"},
		"no predecessor":         {func(e []audit.Entry) []audit.Entry { e[0].Before = nil; return e }, "1 reordered, 1 altered"},
		"another digest":         {func(e []audit.Entry) []audit.Entry { e[2].Digest = flip(e[2].Digest); return e }, "3 altered, 4 reordered"},
		"a longer digest":        {func(e []audit.Entry) []audit.Entry { e[2].Digest = append(slices.Clone(e[2].Digest), 0); return e }, "3 altered"},
		"another number":         {func(e []audit.Entry) []audit.Entry { e[8].Number = 10; return e }, "10 missing, 10 altered, 0 foreign"},
		"the first is gone":      {func(e []audit.Entry) []audit.Entry { return e[1:] }, "2 missing"},
		"one is gone":            {func(e []audit.Entry) []audit.Entry { return slices.Delete(e, 2, 3) }, "4 missing, 6 unproved"},
		"several are gone":       {func(e []audit.Entry) []audit.Entry { return slices.Delete(e, 2, 5) }, "6 missing, 6 unproved, 9 unproved"},
		"the end is gone":        {func(e []audit.Entry) []audit.Entry { return e[:8] }, "0 truncated"},
		"a run is gone":          {func(e []audit.Entry) []audit.Entry { return e[:6] }, "0 truncated"},
		"all is gone":            {func([]audit.Entry) []audit.Entry { return nil }, "0 truncated"},
		"two are swapped":        {func(e []audit.Entry) []audit.Entry { e[2], e[3] = e[3], e[2]; return e }, "4 missing, 3 reordered, 5 missing"},
		"two swap their numbers": {func(e []audit.Entry) []audit.Entry { return renumbered(e, 2, 3) }, "3 reordered, 3 altered, 4 reordered, 4 altered, 5 reordered"},
		"one is there twice":     {func(e []audit.Entry) []audit.Entry { return slices.Insert(e, 3, e[2]) }, "3 reordered"},
		"one is put in":          {inserted, "4 altered, 5 altered, 6 altered, 7 altered, 8 altered, 9 foreign, 9 altered, 10 altered"},
		"one is put at the end":  {func(e []audit.Entry) []audit.Entry { return append(e, forged(e[8])) }, "10 altered"},
	} {
		t.Run(name, func(t *testing.T) {
			s, log, _, _ := written(t)
			log.Stored = c.damage(log.Stored)
			r := verify(t, s, log)
			if got := faults(r); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
			if r.Sound() {
				t.Error("it is called sound")
			}
		})
	}
}

// renumbered gives two entries each other's number and keeps the order of numbers.
func renumbered(e []audit.Entry, i, j int) []audit.Entry {
	e[i].Number, e[j].Number = e[j].Number, e[i].Number
	e[i], e[j] = e[j], e[i]
	return e
}

// forged is an entry that somebody without the key made after another.
func forged(after audit.Entry) audit.Entry {
	e := after
	e.Number, e.Before = after.Number+1, after.Digest
	return e
}

// inserted puts a forged entry in, and moves what follows by one.
func inserted(e []audit.Entry) []audit.Entry {
	e = slices.Insert(e, 3, forged(e[2]))
	for i := 4; i < len(e); i++ {
		e[i].Number++
	}
	return e
}

func TestACutThatTheNextRunMetIsSeenForGood(t *testing.T) {
	s, log, first, second := written(t)
	log.Stored = log.Stored[:4]
	decide(t, s, log, 1, 4)
	decide(t, s, log)
	r := verify(t, s, log, first, second)
	if got, want := faults(r), "10 missing, 10 recorded, 0 foreign, 0 foreign"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if last := log.Stored[len(log.Stored)-1].Number; last != 16 {
		t.Errorf("the chain goes on to %d: numbers that were used are not used again", last)
	}
	if !strings.Contains(r.Findings[0].Says, "entries 5 to 9") {
		t.Errorf("%s", r.Findings[0].Says)
	}
}

func TestALogThatWasReplacedByAnOlderCopyIsSeenForGood(t *testing.T) {
	s, log, _, second := written(t)
	old := &audittest.Memory{Stored: slices.Clone(log.Stored[:6])}
	other := audittest.NewStudy(t, 1)
	for range 3 {
		decide(t, other, old) // written under another key, to the length of the lost one and beyond
	}
	if got := faults(verify(t, s, old, second)); !strings.Contains(got, "7 altered") || !strings.Contains(got, "9 foreign") {
		t.Errorf("%s", got)
	}
}

func TestAVaultWithoutAnchorIsNoticed(t *testing.T) {
	s, log, _, _ := written(t)
	lost := audittest.NewStudy(t, 5) // another vault: nothing opens under its keys, either
	r := verify(t, lost, log)
	if got := faults(r); !strings.HasSuffix(got, "0 unanchored") || r.Faults < 9 {
		t.Errorf("%s", got)
	}
	_ = s
}

func TestWhatConcernedAnErasedSubjectIsSealedForGoodAndTheChainHolds(t *testing.T) {
	s, log, first, _ := written(t)
	gone := s.Subjects[1]
	name := gone.AuditName()
	must(t, s.Recorder(t, log).Record(t.Context(), audit.Event{Kind: audit.Erased, Subject: gone}, audit.Event{Kind: "withdrawal", Detail: map[string]int{"subjects": 1}}))
	must(t, s.Vault.Destroy(t.Context(), gone.Number()))
	decide(t, s, log, 2)
	r := verify(t, s, log, first)
	if !r.Sound() || r.Erased != (audit.ErasedCount{Subjects: 1, Entries: 3}) || r.Subjects != 4 {
		t.Errorf("%+v", r)
	}
	marks, err := s.Recorder(t, log).Standing(t.Context())
	must(t, err)
	if _, ok := marks[name]; ok || len(marks) != 3 {
		t.Errorf("%d decisions stand, of the erased subject: %v", len(marks), ok)
	}
	again, err := s.Vault.Enrol(t.Context(), pseudonym.Identity{System: "pid", Value: "patient-1"}, gone.Number(), "")
	must(t, err)
	if again.AuditName() == name {
		t.Error("who enrols again under the number is found in the old entries")
	}
	for told, err := range audit.Read(t.Context(), log, s.Vault, 0) {
		must(t, err)
		if told.Erased != (string(told.Entry.Subject) == string(name[:])) || told.Erased != (told.Detail == nil) {
			t.Errorf("entry %d: erased %v, detail %s", told.Entry.Number, told.Erased, told.Detail)
		}
	}
}

func TestNoStudyNumberAndNothingOfWhatWasSaidStandsInTheLog(t *testing.T) {
	s, log, _, _ := written(t)
	for _, e := range log.Stored {
		for _, word := range []string{"S-000", "patient-", "permitted", "2026-09-01\""} {
			if strings.Contains(fmt.Sprintf("%s %s %s %s", e.Payload, e.Subject, e.Mark, e.Actor), word) {
				t.Errorf("entry %d holds %s", e.Number, word)
			}
		}
	}
	_ = s
}

func TestDecisionsThatARunDidNotFindStandingAreNoticed(t *testing.T) {
	s, log, _, _ := written(t)
	r := s.Recorder(t, log)
	must(t, r.Record(t.Context(), audit.Event{Kind: audit.RunFinished, Detail: audit.Finished{Standing: 4, Decisions: r.Decisions(audit.Marks{})}}))
	if got := faults(verify(t, s, log)); got != "10 unproved" {
		t.Errorf("%s", got)
	}
}

func TestNoActorNoEvent(t *testing.T) {
	s := audittest.NewStudy(t, 0)
	for _, actor := range []audit.Actor{{}, {For: "nightly"}, {Account: "\n"}, {Account: "crflink", For: "a\nb"}, {Account: strings.Repeat("x", 81)}} {
		if _, err := audit.NewRecorder(t.Context(), &audittest.Memory{}, s.Vault, actor, time.Now); !errors.Is(err, audit.ErrNoActor) {
			t.Errorf("%q: %v", actor, err)
		}
	}
	var nobody *audit.Recorder
	if err := nobody.Record(t.Context(), audit.Event{Kind: audit.RunBegun}); !errors.Is(err, audit.ErrNoActor) {
		t.Errorf("a recorder of nobody: %v", err)
	}
}

func TestRotatingTheVaultsKeyChangesNothingInTheAudit(t *testing.T) {
	s, log, first, second := written(t)
	key, err := pseudonym.NewKey([]byte("another vault key for tests only, never for patients 987654"))
	must(t, err)
	_, err = s.Vault.Rotate(t.Context(), key)
	must(t, err)
	decide(t, s, log, 0)
	if r := verify(t, s, log, first, second); !r.Sound() || r.Erased.Entries > 0 {
		t.Errorf("%+v", r)
	}
}

// FuzzEveryChangedByteIsFound changes one byte somewhere in the log, cuts or adds one.
func FuzzEveryChangedByteIsFound(f *testing.F) {
	s, log, _, _ := written(f)
	for field := range uint8(8) {
		f.Add(uint8(2), field, uint16(3), uint8(1))
		f.Add(uint8(8), field, uint16(0), uint8(0))
	}
	f.Fuzz(func(t *testing.T, number, field uint8, place uint16, change uint8) {
		damaged := &audittest.Memory{Stored: slices.Clone(log.Stored)}
		e := &damaged.Stored[int(number)%len(damaged.Stored)]
		alter := func(b []byte) []byte {
			b = slices.Clone(b)
			switch {
			case change == 0 && len(b) > 0: // cut
				return b[:len(b)-1]
			case change == 0 || len(b) == 0:
				return append(b, byte(place))
			}
			b[int(place)%len(b)] ^= change
			return b
		}
		switch field % 8 {
		case 0:
			e.At = string(alter([]byte(e.At)))
		case 1:
			e.Actor = string(alter([]byte(e.Actor)))
		case 2:
			e.Kind = audit.Kind(alter([]byte(e.Kind)))
		case 3:
			e.Subject = alter(e.Subject)
		case 4:
			e.Mark = alter(e.Mark)
		case 5:
			e.Payload = alter(e.Payload)
		case 6:
			e.Before = alter(e.Before)
		case 7:
			e.Digest = alter(e.Digest)
		}
		if verify(t, s, damaged).Sound() {
			t.Errorf("entry %d, field %d, byte %d, change %d is not found", e.Number, field%8, place, change)
		}
	})
}
