package ecrf

import "testing"

func TestMergeFollowsTheDecisionTable(t *testing.T) {
	never, wrote := LastWritten{}, func(v string) LastWritten { return LastWritten{v, true} }
	for _, c := range []struct {
		name             string
		stored, incoming string
		last             LastWritten
		want             Action
	}{
		{"both empty", "", "", never, Keep},
		{"equal, never written", "5", "5", never, Keep},
		{"equal, written", "5", "5", wrote("5"), Keep},
		{"equal by chance", "5", "5", wrote("4"), Keep},
		{"empty cell, never written", "", "5", never, Fill},
		{"empty cell, we wrote nothing", "", "5", wrote(""), Fill},
		{"a person cleared ours", "", "5", wrote("5"), QueryCleared},
		{"a person cleared ours, and the source changed", "", "6", wrote("5"), QueryCleared},
		{"ours, the source corrected it", "5", "6", wrote("5"), Update},
		{"a person's entry on a first run", "5", "6", never, QueryConflict},
		{"a person changed ours", "7", "6", wrote("5"), QueryConflict},
		{"a person changed ours, the source is as before", "7", "5", wrote("5"), QueryConflict},
		{"ours, the source vanished", "5", "", wrote("5"), QueryVanished},
		{"a person changed ours, the source vanished", "7", "", wrote("5"), QueryConflict},
		{"a person's entry, nothing from us", "7", "", never, Keep},
		{"a person cleared ours, the source vanished", "", "", wrote("5"), Keep},
	} {
		if got := Merge(c.stored, c.incoming, c.last); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

// Laws over all combinations of four values and all policies.
func TestNoPolicyButAlwaysChangesAPersonsEntry(t *testing.T) {
	values := []string{"", "1", "2", "3"}
	policies := []Policy{"", OwnValuesOnly, FillEmptyOnly, SuggestOnly, Always, "unknown"}
	for _, p := range policies {
		for _, stored := range values {
			for _, incoming := range values {
				for _, last := range []LastWritten{{}, {"", true}, {"1", true}, {"2", true}, {"3", true}} {
					a := p.Merge(stored, incoming, last)
					persons := stored != "" && (!last.Wrote || last.Value != stored)
					cleared := stored == "" && last.Wrote && last.Value != ""
					switch {
					case a.Writes() && incoming == "":
						t.Errorf("%q: a silent clear of %q", p, stored)
					case a.Writes() && stored == incoming:
						t.Errorf("%q: a write of what is there", p)
					case a.Writes() && (persons || cleared) && p != Always:
						t.Errorf("%q: %s of a person's %q by %q, last %v", p, a, stored, incoming, last)
					case a.Writes() && (p == SuggestOnly || p == "unknown"):
						t.Errorf("%q writes", p)
					case p == FillEmptyOnly && a.Writes() && stored != "":
						t.Errorf("%q changes %q", p, stored)
					}
				}
			}
		}
	}
}
