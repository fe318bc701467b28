package ecrf

import (
	"slices"
	"testing"

	"github.com/crflink/crflink/pseudonym"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// book makes a casebook without a vault; only this package can.
func book(t testing.TB, instances ...Instance) *Casebook {
	t.Helper()
	d, _ := registry(t)
	c := &Casebook{subject: "S1", dictionary: d, seen: map[InstanceKey]bool{}}
	for _, in := range instances {
		if err := c.Add(in); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

func psaOf(key, day, value string) Instance {
	in := Instance{Event: "course", Form: "psa", Key: key, Order: day, Cells: []Cell{{Item: "psa_date", Value: day}}}
	if value == "" {
		in.Cells = append(in.Cells, Cell{Item: "psa", Missing: Unconvertible})
		return in
	}
	in.Cells = append(in.Cells, Cell{Item: "psa", Value: value})
	return in
}

// applied is what a ledger holds after the change.
func applied(stored *StoredCasebook, change *SubjectChange) *StoredCasebook {
	next := &StoredCasebook{Facts: change.Facts}
	if stored != nil {
		next.Instances = slices.Clone(stored.Instances)
		next.Cells = slices.Clone(stored.Cells)
	}
	next.Instances = append(next.Instances, change.Instances...)
	for _, c := range change.Cells {
		i := slices.IndexFunc(next.Cells, func(s StoredCell) bool { return s.CellKey == c.Cell.CellKey })
		if i < 0 {
			next.Cells = append(next.Cells, c.Cell)
		} else {
			next.Cells[i] = c.Cell
		}
	}
	return next
}

func reconcile(stored *StoredCasebook, c *Casebook) *SubjectChange {
	return Reconcile(stored, c, "permitted", "", "")
}

func TestTheZeroCasebookAndTheZeroSubjectAreRefused(t *testing.T) {
	d, _ := registry(t)
	if _, err := NewCasebook(pseudonym.Subject{}, d); err == nil {
		t.Error("a casebook was made for nobody")
	}
	var none Casebook
	if none.Add(psaOf("k", "2024-01-01", "1.000")) == nil || none.Uncovered("psa") == nil {
		t.Error("the zero casebook was filled")
	}
}

func TestACasebookLetsInOnlyWhatTheDictionaryAllows(t *testing.T) {
	c := book(t, psaOf("k1", "2024-01-01", "1.000"))
	for name, in := range map[string]Instance{
		"unknown form":          {Event: "course", Form: "none"},
		"form of another event": {Event: "baseline", Form: "psa", Key: "k"},
		"repeating without key": {Event: "course", Form: "psa"},
		"single with key":       {Event: "baseline", Form: "labs", Key: "k"},
		"key with control":      {Event: "course", Form: "psa", Key: "a\x00"},
		"instance twice":        psaOf("k1", "2024-01-01", "1.000"),
		"foreign item":          {Event: "course", Form: "psa", Key: "k2", Cells: []Cell{{Item: "sex", Value: "1"}}},
		"item twice":            {Event: "course", Form: "psa", Key: "k2", Cells: []Cell{{Item: "psa", Value: "1.000"}, {Item: "psa", Value: "1.000"}}},
		"neither":               {Event: "course", Form: "psa", Key: "k2", Cells: []Cell{{Item: "psa"}}},
		"both":                  {Event: "course", Form: "psa", Key: "k2", Cells: []Cell{{Item: "psa", Value: "1.000", Missing: NoValue}}},
		"unpublished reason":    {Event: "course", Form: "psa", Key: "k2", Cells: []Cell{{Item: "psa", Missing: "because"}}},
		"not canonical":         {Event: "course", Form: "psa", Key: "k2", Cells: []Cell{{Item: "psa", Value: "1.0"}}},
		"out of range":          {Event: "course", Form: "psa", Key: "k2", Cells: []Cell{{Item: "psa", Value: "20000.001"}}},
	} {
		if err := c.Add(in); err == nil {
			t.Errorf("%s: let in", name)
		}
	}
	if n := len(c.Instances()); n != 1 {
		t.Errorf("%d instances", n)
	}
}

func TestProvenanceIsMadeFitForEveryTarget(t *testing.T) {
	long := string(slices.Repeat([]byte("ä"), maxKey))
	c := book(t, Instance{Event: "course", Form: "psa", Key: "k", Cells: []Cell{
		{Item: "psa", Value: "1.000", Provenance: Provenance{OriginalValue: "a\x00b\xff", OriginalUnit: long, Path: "fine"}},
	}})
	p := c.Instances()[0].Cells[0].Provenance
	if p.OriginalValue != "a\ufffdb\ufffd" || len(p.OriginalUnit) > maxKey || bad(p.OriginalUnit) || p.Path != "fine" {
		t.Errorf("provenance %q, %d bytes", p.OriginalValue, len(p.OriginalUnit))
	}
}

func TestNumbersStayAndNewInstancesFollowInTheirOrder(t *testing.T) {
	stored := []Numbered{{InstanceKey{"course", "psa", "b"}, 1}, {InstanceKey{"course", "psa", "gone"}, 4}, {InstanceKey{"course", "therapy", "x"}, 9}}
	incoming := []Instance{
		psaOf("z", "2024-03-01", ""), psaOf("b", "2024-02-01", ""), psaOf("y", "2024-01-01", ""), psaOf("a", "2024-03-01", ""),
		{Event: "baseline", Form: "labs"},
	}
	numbers, added := Number(stored, incoming)
	want := []Numbered{{InstanceKey{"course", "psa", "y"}, 5}, {InstanceKey{"course", "psa", "a"}, 6}, {InstanceKey{"course", "psa", "z"}, 7}}
	if diff := cmp.Diff(want, added); diff != "" {
		t.Error(diff)
	}
	if numbers[InstanceKey{"course", "psa", "b"}] != 1 || numbers[InstanceKey{"baseline", "labs", ""}] != 0 {
		t.Errorf("numbers %v", numbers)
	}
}

func TestAnotherVersionWithTheSameValueIsResourced(t *testing.T) {
	first := applied(nil, reconcile(nil, book(t, psaOf("k", "2024-01-01", "1.000"))))
	newer := psaOf("k", "2024-01-01", "1.000")
	newer.Cells[1].Provenance.Version = "2"
	if tally := reconcile(first, book(t, newer)); tally.Tally() != (Tally{Resourced: 1, Unchanged: 1}) {
		t.Errorf("%+v", tally.Tally())
	}
}

func TestAnItemThatNoRuleFillsAnyMoreIsQueried(t *testing.T) {
	first := applied(nil, reconcile(nil, book(t, psaOf("k", "2024-01-01", "1.000"))))
	without := psaOf("k", "2024-01-01", "1.000")
	without.Cells = without.Cells[:1]
	change := reconcile(first, book(t, without))
	if len(change.Cells) != 1 || change.Cells[0].Cell.Missing != NotApplicable || change.Cells[0].Cell.State != Query || change.Cells[0].Cell.Value != "1.000" {
		t.Errorf("%+v", change.Cells)
	}
}

func TestOutdatedCellsAreRenewedByTheNextMapping(t *testing.T) {
	stored := applied(nil, reconcile(nil, book(t, psaOf("k", "2024-01-01", "1.000"))))
	stored.Cells[1].State = Outdated
	change := reconcile(stored, book(t, psaOf("k", "2024-01-01", "1.000")))
	if len(change.Cells) != 1 || change.Cells[0].Cell.State != New {
		t.Errorf("%+v", change.Cells)
	}
}

// Laws over random histories: a second pass changes nothing; no value is lost unless consent is; numbers never change.
func TestRandomHistoriesKeepTheLedgersLaws(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		var stored *StoredCasebook
		numbers := map[InstanceKey]int{}
		for range rapid.IntRange(1, 6).Draw(r, "runs") {
			computed := drawn(t, r)
			change := reconcile(stored, computed)
			next := applied(stored, change)
			if again := reconcile(next, computed); again.Tally().Writes() != 0 || len(again.Instances) != 0 {
				r.Fatalf("a second pass writes %+v", again.Tally())
			}
			for _, c := range change.Cells {
				if c.Before != nil && c.Before.Value != "" && c.Cell.Value == "" && c.Cell.State != Withdrawn {
					r.Fatalf("a value was cleared: %+v", c)
				}
				if c.Cell.State == Withdrawn && c.Cell.Provenance.OriginalValue != "" {
					r.Fatalf("a withdrawn cell keeps its original: %+v", c)
				}
			}
			seen := map[int]bool{}
			for _, n := range next.Instances {
				if old, ok := numbers[n.InstanceKey]; seen[n.Repeat] || ok && old != n.Repeat {
					r.Fatalf("number %d of %v", n.Repeat, n.InstanceKey)
				}
				seen[n.Repeat], numbers[n.InstanceKey] = true, n.Repeat
			}
			stored = next
		}
	})
}

func drawn(t *testing.T, r *rapid.T) *Casebook {
	keys := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"a", "b", "c", "d"}), 0, 4, rapid.ID[string]).Draw(r, "keys")
	var instances []Instance
	for _, key := range keys {
		day := rapid.SampledFrom([]string{"2024-01-01", "2024-02-01"}).Draw(r, "day")
		in := psaOf(key, day, rapid.SampledFrom([]string{"", "1.000", "2.000"}).Draw(r, "value"))
		in.Cells[1].Provenance.OriginalValue = "original"
		instances = append(instances, in)
	}
	c := book(t, instances...)
	if rapid.IntRange(0, 3).Draw(r, "covered") == 0 {
		if err := c.Uncovered("psa"); err != nil {
			t.Fatal(err)
		}
	}
	return c
}
