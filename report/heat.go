package report

import (
	"fmt"
	"strings"
)

// heatForm is a form of the heat map with a tile per item.
type heatForm struct {
	Label, Percent string
	Tiles          []tile
}

type tile struct {
	ID, Name, Label, Class, Percent, Spoken string
	Filled, Expected                        Count
	Reasons                                 []Reason
}

type legendKey struct{ Class, Text string }

// steps of the heat map, by the share that is filled. The classes are colours in the style sheet.
var legend = []legendKey{
	{"c0", "nothing"}, {"c1", "up to 25 %"}, {"c2", "up to 50 %"}, {"c3", "up to 75 %"}, {"c4", "up to 95 %"}, {"c5", "more"}, {"cn", "nothing expected"},
}

// heatClass goes by the percentage as it is shown, so that equal numbers have equal colours.
func heatClass(share float64, ok bool) string {
	if !ok {
		return "cn"
	}
	for i, limit := range []float64{0, 25, 50, 75, 95} {
		if rounded(share) <= limit {
			return legend[i].Class
		}
	}
	return "c5"
}

func heatForms(forms []Form) []heatForm {
	list := make([]heatForm, len(forms))
	for i, f := range forms {
		list[i] = heatForm{Label: label(f.Name, f.Label), Percent: percent(f.Completeness())}
		for j, item := range f.Items {
			list[i].Tiles = append(list[i].Tiles, heatTile(fmt.Sprintf("item-%d-%d", i+1, j+1), item))
		}
	}
	return list
}

func heatTile(id string, item Item) tile {
	share, ok := item.Completeness()
	t := tile{
		ID: id, Name: clean(item.Name), Label: label(item.Name, item.Label), Class: heatClass(share, ok), Percent: percent(share, ok),
		Filled: item.Filled, Expected: item.Expected(), Reasons: cleaned(item.Empty.Sorted()),
	}
	t.Spoken = fmt.Sprintf("%s: nothing expected", t.Label)
	if ok {
		t.Spoken = fmt.Sprintf("%s: %s filled, %s of %s", t.Label, t.Percent, t.Filled, t.Expected)
	}
	if len(t.Reasons) > 0 {
		t.Spoken += ". Empty: " + inWords(t.Reasons, len(t.Reasons))
	}
	t.Spoken = strings.ReplaceAll(t.Spoken, "\u202f", "")
	return t
}

func cleaned(reasons []Reason) []Reason {
	for i := range reasons {
		reasons[i].Name = clean(reasons[i].Name)
	}
	return reasons
}
