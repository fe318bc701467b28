package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/jedib0t/go-pretty/v6/table"
)

// Figure is one measured number, as bench/latest.json has it. Floor and goal are nil where none was set.
type Figure struct {
	Name    string   `json:"name"`
	Value   float64  `json:"value"`
	Unit    string   `json:"unit"`
	Against string   `json:"against"`
	Floor   *float64 `json:"floor"`
	Goal    *float64 `json:"goal"`
	Better  string   `json:"better"` // higher or lower
}

// The senses of Better.
const (
	higher = "higher"
	lower  = "lower"
)

// within returns the figure with a floor and a goal.
func (f Figure) within(floor, goal float64) Figure {
	f.Floor, f.Goal = &floor, &goal
	return f
}

// verdict says which of its bounds the figure holds.
func (f Figure) verdict() string {
	holds := func(bound *float64) bool {
		return f.Better == higher && f.Value >= *bound || f.Better == lower && f.Value <= *bound
	}
	switch {
	case f.Floor == nil:
		return "-"
	case !holds(f.Floor):
		return "BELOW FLOOR"
	case !holds(f.Goal):
		return "floor"
	}
	return "goal"
}

// writeJSON replaces the file with the list.
func writeJSON(path string, figures []Figure) error {
	text, err := json.MarshalIndent(figures, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(path, append(text, '\n'), 0o644); err != nil { // #nosec G306 -- figures are public
		return fmt.Errorf("write the figures: %w", err)
	}
	return nil
}

// render prints the list for people.
func render(w io.Writer, figures []Figure) {
	t := table.NewWriter()
	t.SetOutputMirror(w)
	t.AppendHeader(table.Row{"figure", "value", "unit", "against", "floor", "goal", "verdict"})
	for _, f := range figures {
		t.AppendRow(table.Row{f.Name, number(f.Value), f.Unit, f.Against, bound(f.Floor), bound(f.Goal), f.verdict()})
	}
	t.SetStyle(table.StyleLight)
	t.Render()
}

func bound(b *float64) string {
	if b == nil {
		return ""
	}
	return number(*b)
}

func number(v float64) string {
	if v >= 100 || v <= -100 {
		return fmt.Sprintf("%.0f", v)
	}
	return fmt.Sprintf("%.2f", v)
}
