package report

import (
	"strconv"
	"testing"

	"pgregory.net/rapid"
)

// Whatever the numbers are, the plot is finite, everything lies inside it, and no text of one column covers another.
func TestTheFlowFitsItsFrame(t *testing.T) {
	count := rapid.OneOf(rapid.Just(Few), rapid.Map(rapid.Int64Range(0, 2_000_000), func(n int64) Count { return Count(n) }))
	tally := rapid.MapOfN(rapid.SampledFrom([]string{"expired", "withdrawn", "denied", "server-error"}), count, 0, 4)
	rapid.Check(t, func(t *rapid.T) {
		p := Patients{
			Found: count.Draw(t, "found"), Permitted: count.Draw(t, "permitted"), Enrolled: count.Draw(t, "enrolled"), Delivered: count.Draw(t, "delivered"),
			NotEnrolled: count.Draw(t, "not enrolled"), Held: tally.Draw(t, "held"), Excluded: tally.Draw(t, "excluded"),
			Unidentified: tally.Draw(t, "unidentified"), Failed: tally.Draw(t, "failed"),
		}
		f := drawFlow(p)
		if p.Found == 0 && len(f.Nodes) != 0 {
			t.Fatal("a plot of nobody")
		}
		for _, n := range f.Nodes {
			x, y, w, h := number(t, n.X), number(t, n.Y), number(t, n.W), number(t, n.H)
			if x < 0 || y < 0 || h <= 0 || x+w > float64(f.Width) || y+h > float64(f.Height) {
				t.Fatalf("a node at %s,%s of %sx%s in %dx%d", n.X, n.Y, n.W, n.H, f.Width, f.Height)
			}
		}
		for i, a := range f.Texts {
			if y := number(t, a.Y); y > float64(f.Height) {
				t.Fatalf("a text at %s below %d", a.Y, f.Height)
			}
			for _, b := range f.Texts[i+1:] {
				if a.X == b.X && abs(number(t, a.Y)-number(t, b.Y)) < 14 {
					t.Fatalf("%q covers %q", a.Text, b.Text)
				}
			}
		}
	})
}

func number(t *rapid.T, s string) float64 {
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || f != f || f > 1e6 {
		t.Fatalf("%q is no place", s)
	}
	return f
}

func abs(f float64) float64 { return max(f, -f) }
