package report

import (
	"fmt"
	"strings"
)

// flow is the plot of patients from found to delivered: four nodes, ribbons between them whose height is the number of
// patients, and exits below for those who drop out.
type flow struct {
	Width, Height int
	Nodes         []flowNode
	Ribbons       []flowRibbon
	Texts         []flowText
	Spoken        string
}

type flowNode struct {
	X, Y, W, H   string
	Class, Title string
}

type flowRibbon struct{ Path, Class, Title string }

type flowText struct{ X, Y, Class, Anchor, Text string }

// Measures of the plot in its own units.
const (
	flowWidth  = 1000
	flowTop    = 52.0  // of the nodes
	flowFull   = 170.0 // height of all patients
	flowColumn = 328.0 // distance of nodes
	flowNodeW  = 14.0
	flowExitX  = 84.0 // from a node's right side to its exits
	flowExitH  = 50.0 // least height of an exit with its two lines of text
)

// exit is a group of patients who drop out of a step.
type exit struct {
	name, class string
	count       Count
	why         string
}

type step struct {
	name  string
	count Count
	exits []exit
}

func steps(p Patients) []step {
	return []step{
		{"found", p.Found, exits(exitOf("held", "f-held", p.Held), exitOf("excluded", "f-out", p.Excluded))},
		{"permitted", p.Permitted, exits(exit{"not enrolled", "f-wait", p.NotEnrolled, "no subject number yet"}, exitOf("not identified", "f-out", p.Unidentified))},
		{"enrolled", p.Enrolled, exits(exitOf("failed", "f-out", p.Failed))},
		{"delivered", p.Delivered, nil},
	}
}

func exitOf(name, class string, t Tally) exit {
	reasons := t.Sorted()
	sum := t.Sum()
	if len(reasons) == 1 {
		sum = reasons[0].Count
	}
	return exit{name, class, sum, inWords(reasons, 2)}
}

func exits(all ...exit) (list []exit) {
	for _, e := range all {
		if e.count != 0 {
			list = append(list, e)
		}
	}
	return list
}

func drawFlow(p Patients) flow {
	f := flow{Width: flowWidth, Height: int(flowTop + flowFull + 16)}
	if p.Found == 0 {
		return f
	}
	scale := flowFull / float64(max(p.Found.lower(), p.Permitted.lower(), p.Enrolled.lower(), p.Delivered.lower(), 1))
	all := steps(p)
	var spoken []string
	for i, s := range all {
		x := 1 + float64(i)*flowColumn
		h := flowHeight(s.count, scale)
		f.node(x, flowTop, h, "f-main", fmt.Sprintf("%s: %s", s.name, s.count))
		f.caption(x, i, s)
		spoken = append(spoken, fmt.Sprintf("%s %s", s.count, s.name))
		next := 0.0
		if i+1 < len(all) {
			next = flowHeight(all[i+1].count, scale)
			f.ribbon(x+flowNodeW, flowTop, x+flowColumn, flowTop, min(h, next), "f-main", fmt.Sprintf("%s %s", all[i+1].count, all[i+1].name))
		}
		f.exits(x+flowNodeW, min(h, next), s.exits, scale)
		for _, e := range s.exits {
			spoken = append(spoken, fmt.Sprintf("%s %s (%s)", e.count, e.name, e.why))
		}
	}
	f.Spoken = strings.Join(spoken, "; ") + "."
	return f
}

// flowHeight is never so small that a group cannot be seen, and never more than all, even where sums do not come out.
func flowHeight(n Count, scale float64) float64 {
	if n == 0 {
		return 0
	}
	return min(max(float64(n.lower())*scale, 2), flowFull)
}

// caption writes a node's name and number above it; that of the last column ends at its right side.
func (f *flow) caption(x float64, column int, s step) {
	anchor := "start"
	if column == 3 {
		anchor, x = "end", x+flowNodeW
	}
	f.text(x, flowTop-28, "t-name", anchor, s.name)
	f.text(x, flowTop-7, "t-count", anchor, s.count.String())
}

func (f *flow) exits(x, from float64, list []exit, scale float64) {
	y, to := flowTop+from, flowTop+from+26
	for _, e := range list {
		h := flowHeight(e.count, scale)
		f.ribbon(x, y, x+flowExitX, to, h, e.class, fmt.Sprintf("%s %s", e.count, e.name))
		f.node(x+flowExitX, to, h, e.class, fmt.Sprintf("%s: %s", e.name, e.count))
		f.text(x+flowExitX+flowNodeW+8, to+12, "t-exit", "start", fmt.Sprintf("%s %s", e.count, e.name))
		f.text(x+flowExitX+flowNodeW+8, to+29, "t-why", "start", shorten(e.why, 34))
		y += h
		to += max(h+10, flowExitH)
		f.Height = max(f.Height, int(to))
	}
}

func shorten(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n-1]) + "…"
	}
	return s
}

func (f *flow) node(x, y, h float64, class, title string) {
	if h > 0 {
		f.Nodes = append(f.Nodes, flowNode{num(x), num(y), num(flowNodeW), num(h), class, title})
	}
}

func (f *flow) text(x, y float64, class, anchor, text string) {
	f.Texts = append(f.Texts, flowText{num(x), num(y), class, anchor, text})
}

// ribbon draws a band of equal height from one place to another.
func (f *flow) ribbon(x0, y0, x1, y1, h float64, class, title string) {
	if h <= 0 {
		return
	}
	mid := num((x0 + x1) / 2)
	path := fmt.Sprintf("M%s %sC%s %s %s %s %s %sV%sC%s %s %s %s %s %sZ", num(x0), num(y0), mid, num(y0), mid, num(y1), num(x1), num(y1),
		num(y1+h), mid, num(y1+h), mid, num(y0+h), num(x0), num(y0+h))
	f.Ribbons = append(f.Ribbons, flowRibbon{path, class, title})
}

func num(f float64) string { return fmt.Sprintf("%.1f", f) }
