package report

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"github.com/crflink/crflink/internal/golden"

	"golang.org/x/net/html"
)

func demoPreview() Preview {
	return Preview{
		Study: Study{"psma-registry", "PSMA-PET registry", "1.0"}, AsOf: "2026-06-30", Mapping: strings.Repeat("a17b220d", 8), Unchanged: 812,
		Forms: []PreviewForm{
			{At: "ledger", Form: "labs", Label: "Laboratory", Actions: Tally{"added": 1, "vanished": 1, "empty": 3}},
			{At: "edc", Form: "labs", Label: "Laboratory", Actions: Tally{"fill": 1, "query-conflict": 1}},
		},
		Cells: []PreviewCell{
			{Subject: "P-0007", At: "ledger", Event: "baseline", Form: "labs", Item: "creatinine", Incoming: "1.10", Action: "added", Source: "hospital Observation/kx7 value", Original: "97 umol/L", Rule: "labs.creatinine"},
			{Subject: "P-0007", At: "ledger", Event: "baseline", Form: "psa", Repeat: 2, Item: "psa_value", Stored: "4.1", Missing: "no-resource", Action: "vanished"},
			{Subject: "P-0007", At: "edc", Event: "baseline", Form: "labs", Item: "creatinine", Stored: "<b>\x1b[31m", Incoming: "1.10", Action: "query-conflict", Rule: "labs.creatinine"},
		},
		Warnings: []string{"1 cell waits"},
	}
}

func TestAPreviewIsWrittenForPeopleAndPrograms(t *testing.T) {
	for name, write := range map[string]func(*bytes.Buffer) error{
		"preview.txt":  func(b *bytes.Buffer) error { return WritePreview(b, demoPreview()) },
		"preview.json": func(b *bytes.Buffer) error { return WritePreviewJSON(b, demoPreview()) },
	} {
		var b bytes.Buffer
		if err := write(&b); err != nil {
			t.Fatal(err)
		}
		golden.Equal(t, filepath.Join("testdata", name), b.String())
	}
}

func TestAPreviewAsAPageLoadsNothingAndObeysNoValue(t *testing.T) {
	var b bytes.Buffer
	if err := WritePreviewHTML(&b, demoPreview()); err != nil {
		t.Fatal(err)
	}
	if _, err := html.Parse(&b); err != nil {
		t.Fatal(err)
	}
	if err := WritePreviewHTML(&b, demoPreview()); err != nil {
		t.Fatal(err)
	}
	text := b.String()
	for _, want := range []string{"<td>psa[2].psa_value</td>", "<td>(no-resource)</td>", "query-conflict", "&lt;b&gt;", "3 cells would change, 812 were computed and stay"} {
		if !strings.Contains(text, want) {
			t.Errorf("the page has no %q", want)
		}
	}
	for _, bad := range []string{"<script", "src=", "href=\"http", "<b>\x1b", "\x1b"} {
		if strings.Contains(text, bad) {
			t.Errorf("the page has %q", bad)
		}
	}
}

func TestAnEmptyPreviewHasListsAndNoNull(t *testing.T) {
	var b bytes.Buffer
	if err := WritePreviewJSON(&b, Preview{}); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(b.String(), "null") {
		t.Error(b.String())
	}
}
