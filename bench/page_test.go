package main

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/crflink/crflink/internal/golden"
)

func TestThePageHasTheLatestFigures(t *testing.T) {
	t.Chdir("..")
	text, err := os.ReadFile("bench/latest.json")
	if err != nil {
		t.Fatal(err)
	}
	var figures []Figure
	if err := json.Unmarshal(text, &figures); err != nil {
		t.Fatal(err)
	}
	if golden.Updating() {
		if err := writePage("docs/performance.md", figures); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile("docs/performance.md")
	if err != nil {
		t.Fatal(err)
	}
	want, err := page(string(got), figures)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Error("docs/performance.md has other figures than bench/latest.json: go test ./bench -run Page -update")
	}
}

func TestAPageWithoutAPlaceForFiguresIsRefused(t *testing.T) {
	for _, text := range []string{"", figuresBegin, figuresEnd} {
		if _, err := page(text, nil); err == nil {
			t.Errorf("%q: no error", text)
		}
	}
}
