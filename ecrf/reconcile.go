package ecrf

import (
	"cmp"
	"slices"
)

// CellKey names a cell of a subject as people and targets see it. Repeat is the repeat number, 0 in a form that does
// not repeat.
type CellKey struct {
	Event, Form string
	Repeat      int
	Item        string
}

// StoredCell is a cell in the ledger. In state Query it has both the last value and the reason why the source no
// longer supports it; otherwise exactly one of the two.
type StoredCell struct {
	CellKey
	Value      string
	Missing    MissingReason
	Provenance Provenance
	State      State
}

// KeptBack reports whether the value is one that the consent does not cover now, although nobody refused it: it stays in the ledger
// and is not delivered.
func (c *StoredCell) KeptBack() bool {
	return c.State == Query && c.Missing == NoConsent && c.Value != ""
}

// Numbered is an instance of a repeating form that has its repeat number.
type Numbered struct {
	InstanceKey
	Repeat int
}

// StoredCasebook is what the ledger knows of one subject, in canonical order: events, forms and items as in the
// dictionary, repeats by number.
type StoredCasebook struct {
	Facts     Facts
	Instances []Numbered
	Cells     []StoredCell
}

// Facts are the decisions about a subject that later runs start from. They hold no date and no identifier but the
// study number.
type Facts struct {
	Subject string
	Site    string
	Outcome string // such as permitted, held, excluded
	Reason  string // a code of a published list
	Digest  string // of everything that the casebook was computed from; equal digests need no computation
	Links   string // imaging linkage, pseudonymous, as package imaging writes it; opaque here
}

// Standing is how a subject stands: what its facts say but where it is and its imaging linkage.
type Standing struct{ Subject, Outcome, Reason, Digest string }

// ChangeKind says what happened to a cell since the last run.
type ChangeKind string

// The kinds of change. A cell that is equal in everything has none.
const (
	Added     ChangeKind = "added"     // not in the ledger before
	Corrected ChangeKind = "corrected" // another value, or another reason for having none
	Resourced ChangeKind = "resourced" // the same value from another place or version
	Vanished  ChangeKind = "vanished"  // the source no longer supports the value: kept, and queried
	Revoked   ChangeKind = "revoked"   // the consent no longer covers the item: the value is removed
	Held      ChangeKind = "outdated"  // another rule, which nobody has approved, gives something else: kept as it is
)

// CellChange is a cell as it must be stored. Before is what the ledger holds; nil when Kind is Added.
type CellChange struct {
	Kind   ChangeKind
	Before *StoredCell
	Cell   StoredCell
}

// SubjectChange is the difference between a subject's casebook and the ledger.
type SubjectChange struct {
	Facts     Facts
	Instances []Numbered // new ones, with the numbers given to them
	Cells     []CellChange
	Unchanged int // cells that are equal
}

// Tally counts cells by what happened to them.
type Tally struct {
	Added, Corrected, Resourced, Vanished, Revoked, Held, Unchanged int
}

// Writes returns how many cells differ from the ledger.
func (t Tally) Writes() int {
	return t.Added + t.Corrected + t.Resourced + t.Vanished + t.Revoked + t.Held
}

// Plus returns the sum.
func (t Tally) Plus(o Tally) Tally {
	return Tally{
		t.Added + o.Added, t.Corrected + o.Corrected, t.Resourced + o.Resourced,
		t.Vanished + o.Vanished, t.Revoked + o.Revoked, t.Held + o.Held, t.Unchanged + o.Unchanged,
	}
}

// Tally counts the change.
func (s *SubjectChange) Tally() Tally {
	t := Tally{Unchanged: s.Unchanged}
	for i := range s.Cells {
		switch s.Cells[i].Kind {
		case Added:
			t.Added++
		case Corrected:
			t.Corrected++
		case Resourced:
			t.Resourced++
		case Vanished:
			t.Vanished++
		case Revoked:
			t.Revoked++
		case Held:
			t.Held++
		}
	}
	return t
}

// Reconcile compares a computed casebook with what the ledger holds of the subject (nil when it holds nothing).
// Outcome, reason and digest become the subject's facts. It changes neither argument.
//
// A value that the source no longer supports is never cleared: its cell keeps the value, gets the reason and the
// state Query. Where the reason is NoConsent the value is removed (but see Bar) and the state is Withdrawn. Cells of items that the
// mapping no longer fills count as vanished, with the reason NotApplicable.
func Reconcile(stored *StoredCasebook, computed *Casebook, outcome, reason, digest string) *SubjectChange {
	if stored == nil {
		stored = &StoredCasebook{}
	}
	change := &SubjectChange{Facts: Facts{Subject: computed.subject, Site: computed.site, Outcome: outcome, Reason: reason, Digest: digest}}
	instances := computed.Instances()
	numbers, added := Number(stored.Instances, instances)
	change.Instances = added
	before := make(map[CellKey]*StoredCell, len(stored.Cells))
	for i := range stored.Cells {
		before[stored.Cells[i].CellKey] = &stored.Cells[i]
	}
	cells := 0
	for _, in := range instances {
		cells += len(in.Cells)
	}
	if len(stored.Cells) == 0 {
		change.Cells = make([]CellChange, 0, cells)
	}
	type instance struct {
		event, form string
		repeat      int
	}
	present := map[instance]bool{}
	for _, in := range instances {
		repeat := numbers[InstanceKey{in.Event, in.Form, in.Key}]
		present[instance{in.Event, in.Form, repeat}] = true
		for _, cell := range in.Cells {
			key := CellKey{in.Event, in.Form, repeat, cell.Item}
			if cell.Value == "" && computed.uncovered[cell.Item] {
				cell.Missing = NoConsent
			}
			change.add(computed, before[key], StoredCell{key, cell.Value, cell.Missing, cell.Provenance, New})
			delete(before, key)
		}
	}
	for i := range stored.Cells { // in their order, for a deterministic result
		old := &stored.Cells[i]
		if before[old.CellKey] == nil {
			continue
		}
		why := NoResource
		if present[instance{old.Event, old.Form, old.Repeat}] {
			why = NotApplicable
		}
		if computed.uncovered[old.Item] {
			why = NoConsent
		}
		change.add(computed, old, StoredCell{CellKey: old.CellKey, Missing: why})
	}
	return change
}

func (s *SubjectChange) add(computed *Casebook, before *StoredCell, now StoredCell) {
	now, held := computed.whyGone(before, now)
	kind, cell := compareCell(before, now)
	if held {
		kind, cell = vanish(before, NoConsent)
	}
	if kind == "" {
		s.Unchanged++
		return
	}
	s.Cells = append(s.Cells, CellChange{kind, before, cell})
}

// compareCell returns the cell to store and what happened to it; "" when nothing did.
func compareCell(before *StoredCell, now StoredCell) (ChangeKind, StoredCell) {
	if now.Missing == NoConsent { // nothing of the original stays
		now = StoredCell{CellKey: now.CellKey, Missing: NoConsent, Provenance: Provenance{Rule: now.Provenance.Rule}, State: Withdrawn}
	}
	switch {
	case before == nil:
		return Added, now
	case now.Missing == NoConsent && *before == now:
		return "", now
	case now.Missing == NoConsent:
		return Revoked, now
	case now.Value == "" && before.Value != "":
		return vanish(before, now.Missing)
	}
	now.State = New
	same := now.Value == before.Value && now.Missing == before.Missing
	if same && before.State != Outdated && before.State != Withdrawn {
		now.State = before.State
	}
	switch {
	case same && now.State == before.State && now.Provenance == before.Provenance:
		return "", now
	case same && now.State == before.State:
		return Resourced, now
	}
	return Corrected, now
}

func vanish(before *StoredCell, why MissingReason) (ChangeKind, StoredCell) {
	cell := *before
	if before.KeptBack() {
		why = NoConsent // until there is a value again
	}
	cell.State, cell.Missing = Query, why
	if cell == *before {
		return "", cell
	}
	return Vanished, cell
}

// Number gives each incoming form instance its repeat number. Numbers that were given stay for good, also of instances
// that are gone; new instances get the next free ones in the sequence of Order, then Key. A form that does not repeat
// has the number 0. It returns the numbers by key, and the new instances of repeating forms in the sequence of their
// numbers.
func Number(stored []Numbered, incoming []Instance) (numbers map[InstanceKey]int, added []Numbered) {
	numbers = make(map[InstanceKey]int, len(stored)+len(incoming))
	highest := map[[2]string]int{}
	for _, s := range stored {
		numbers[s.InstanceKey] = s.Repeat
		slot := [2]string{s.Event, s.Form}
		highest[slot] = max(highest[slot], s.Repeat)
	}
	sorted := slices.Clone(incoming)
	slices.SortStableFunc(sorted, func(a, b Instance) int {
		return cmp.Or(cmp.Compare(a.Order, b.Order), cmp.Compare(a.Key, b.Key))
	})
	for _, in := range sorted {
		key := InstanceKey{in.Event, in.Form, in.Key}
		if _, known := numbers[key]; known {
			continue
		}
		if in.Key == "" {
			numbers[key] = 0
			continue
		}
		slot := [2]string{in.Event, in.Form}
		highest[slot]++
		numbers[key] = highest[slot]
		added = append(added, Numbered{key, highest[slot]})
	}
	return numbers, added
}
