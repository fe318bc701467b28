package main

import (
	"fmt"
	"os"
	"strings"
)

// The lines of docs/performance.md between which the figures stand.
const (
	figuresBegin = "<!-- figures: written by make bench -->\n"
	figuresEnd   = "<!-- end of figures -->\n"
)

// page returns the text of a page with a table of the figures in the place of the one that it had.
func page(text string, figures []Figure) (string, error) {
	before, rest, begins := strings.Cut(text, figuresBegin)
	_, after, ends := strings.Cut(rest, figuresEnd)
	if !begins || !ends {
		return "", fmt.Errorf("the page has no place for figures, which is between the lines\n%s%s", figuresBegin, figuresEnd)
	}
	var b strings.Builder
	b.WriteString(before + figuresBegin + "\n| figure | value | unit | against | floor | goal | |\n|---|--:|---|---|--:|--:|---|\n")
	for _, f := range figures {
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s | %s |\n", f.Name, number(f.Value), f.Unit, f.Against, bound(f.Floor), bound(f.Goal), f.verdict())
	}
	b.WriteString("\n" + figuresEnd + after)
	return b.String(), nil
}

// writePage brings a page up to date.
func writePage(path string, figures []Figure) error {
	text, err := os.ReadFile(path) // #nosec G304 -- of this repository, or named by whoever runs bench
	if err != nil {
		return fmt.Errorf("read the page of figures: %w", err)
	}
	written, err := page(string(text), figures)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return os.WriteFile(path, []byte(written), 0o644) // #nosec G306 G703 -- a page of the documentation
}
