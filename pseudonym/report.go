package pseudonym

import (
	"cmp"
	"slices"
)

// Reason says why an element was dropped.
type Reason uint8

// The reasons. They are a published list.
const (
	ByProfile   Reason = iota // the profile names the element and drops it
	NotListed                 // the profile does not list the element, extension or resource type
	Unfit                     // the value has not the form that the profile keeps, or cannot be read
	Placeholder               // a date that stands for none, such as 9999-12-31: moved, it would give the shift away
	Unresolved                // a reference in a form, or to something, that does not exist in the record
	Modifier                  // an unlisted modifierExtension may turn its element into the opposite
	reasons
)

// String returns the reason's published name.
func (r Reason) String() string {
	return [...]string{"by-profile", "not-listed", "unfit", "placeholder", "unresolved", "modifier", "?"}[r]
}

// Dropped counts the elements of one path that were dropped for one reason. A path consists of names from the
// profile only; what has another name is "(other)".
type Dropped struct {
	Path   string
	Reason Reason
	Count  int
}

// Report says what a Veil did to one patient. It holds no value of a resource.
type Report struct {
	Resources int // read
	Kept      int // of these, in the Record
	Dropped   []Dropped
}

// Add sums another patient's report into r.
func (r *Report) Add(other Report) {
	r.Resources += other.Resources
	r.Kept += other.Kept
	for _, d := range other.Dropped {
		i, known := slices.BinarySearchFunc(r.Dropped, d, Dropped.compare)
		if known {
			r.Dropped[i].Count += d.Count
			continue
		}
		r.Dropped = slices.Insert(r.Dropped, i, d)
	}
}

// compare orders by path and reason.
func (d Dropped) compare(other Dropped) int {
	return cmp.Or(cmp.Compare(d.Path, other.Path), cmp.Compare(d.Reason, other.Reason))
}

// other stands for a name that the profile does not know: the name itself might identify.
const other = "(other)"

// tally counts drops during one Apply: of known elements by rule, of others by the rule they hung on.
type tally struct {
	known   []uint32 // by rule and reason
	touched []dropping
	unknown map[unknown]int
}

type dropping struct {
	rule   *rule
	reason Reason
}

func (d dropping) place() int { return d.rule.index*int(reasons) + int(d.reason) }

type unknown struct {
	on     *rule // nil: a resource
	name   string
	reason Reason
}

func (t *tally) add(r *rule, reason Reason) {
	d := dropping{r, reason}
	if t.known[d.place()]++; t.known[d.place()] == 1 {
		t.touched = append(t.touched, d)
	}
}

func (t *tally) addUnknown(on *rule, name string, reason Reason) {
	t.unknown[unknown{on, name, reason}]++
}

// take moves the counts into a report and clears the tally. Rules of one path add up: a type that contains itself
// has the same paths again.
func (t *tally) take(r *Report) {
	r.Dropped = slices.Grow(r.Dropped, len(t.touched)+len(t.unknown))
	for _, d := range t.touched {
		r.Dropped = append(r.Dropped, Dropped{Path: d.rule.path, Reason: d.reason, Count: int(t.known[d.place()])})
		t.known[d.place()] = 0
	}
	for u, n := range t.unknown {
		path := u.name
		if u.on != nil {
			path = u.on.path + "." + u.name
		}
		r.Dropped = append(r.Dropped, Dropped{Path: path, Reason: u.reason, Count: n})
	}
	t.touched = t.touched[:0]
	clear(t.unknown)
	slices.SortFunc(r.Dropped, Dropped.compare)
	sums := r.Dropped[:0]
	for _, d := range r.Dropped {
		if last := len(sums) - 1; last >= 0 && sums[last].compare(d) == 0 {
			sums[last].Count += d.Count
			continue
		}
		sums = append(sums, d)
	}
	r.Dropped = sums
}
