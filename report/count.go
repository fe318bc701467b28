package report

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
)

// Count is a number of things; Few stands for 1 to 4 of them in a report that hides small numbers.
type Count int64

// Few is a hidden small number.
const Few Count = -1

// smallest is the smallest number that is shown when small ones are hidden; others are rounded to multiples of it.
const smallest = 5

// String writes the number with thin groups of thousands, or <5.
func (c Count) String() string {
	if c == Few {
		return "<" + strconv.Itoa(smallest)
	}
	return grouped(int64(c))
}

// lower is the least number that the count may mean.
func (c Count) lower() Count { return max(c, 0) }

// MarshalJSON writes a number or "<5".
func (c Count) MarshalJSON() ([]byte, error) {
	if c == Few {
		return []byte(`"` + c.String() + `"`), nil
	}
	return strconv.AppendInt(nil, int64(c), 10), nil
}

// UnmarshalJSON reads what MarshalJSON writes.
func (c *Count) UnmarshalJSON(b []byte) error {
	if bytes.Contains(b, []byte("<")) || bytes.Contains(b, []byte(`\u003c`)) {
		*c = Few
		return nil
	}
	n, err := strconv.ParseInt(string(b), 10, 64)
	if err != nil {
		return fmt.Errorf("a count is a number or \"<%d\"", smallest)
	}
	*c = Count(n)
	return nil
}

// grouped writes a number with a thin space between groups of three digits.
func grouped(n int64) string {
	s := strconv.FormatInt(n, 10)
	start := 0
	if n < 0 {
		start = 1
	}
	for i := len(s) - 3; i > start; i -= 3 {
		s = s[:i] + "\u202f" + s[i:]
	}
	return s
}

// Tally counts by reason. A nil Tally counts nothing and can be read.
type Tally map[string]Count

// Add counts n more for a reason.
func (t *Tally) Add(reason string, n int) {
	if *t == nil {
		*t = Tally{}
	}
	(*t)[reason] += Count(n)
}

// Sum returns the number over all reasons; a hidden number counts as 1.
func (t Tally) Sum() Count {
	var n Count
	for _, c := range t {
		if c == Few {
			c = 1
		}
		n += c
	}
	return n
}

// Reason is one line of a Tally.
type Reason struct {
	Name  string
	Count Count
}

// Sorted returns the reasons that occurred, the most frequent first.
func (t Tally) Sorted() []Reason {
	var list []Reason
	for name, n := range t {
		if n != 0 {
			list = append(list, Reason{name, n})
		}
	}
	slices.SortFunc(list, func(a, b Reason) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Name, b.Name))
	})
	return list
}

// MarshalJSON writes an object, also for a nil Tally.
func (t Tally) MarshalJSON() ([]byte, error) {
	if t == nil {
		return []byte("{}"), nil
	}
	return json.Marshal(map[string]Count(t))
}
