package redcap_test

import (
	"encoding/csv"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/ecrf/redcap"
	"github.com/crflink/crflink/ecrf/redcap/fakeredcap"
)

// exported asks a project for a part of its design as CSV, as a person would save it.
func (s *site) exported(t *testing.T, content string) io.Reader {
	t.Helper()
	response, err := http.PostForm(s.base, url.Values{"token": {token}, "content": {content}, "format": {"csv"}})
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatal(response.Status, err)
	}
	return strings.NewReader(string(text))
}

// begun is the dictionary that crflink init makes of the project's exports.
func (s *site) begun(t *testing.T) *ecrf.Dictionary {
	t.Helper()
	draft, err := redcap.ReadDictionary(redcap.Export{Dictionary: s.exported(t, "metadata"), Repeating: s.exported(t, "repeatingFormsEvents")})
	if err != nil {
		t.Fatal(err)
	}
	d, _, _, err := draft.Dictionary("large")
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// value makes a value of an item, another for each n.
func value(d *ecrf.Dictionary, it *ecrf.Item, n int) string {
	switch it.Type {
	case ecrf.Integer:
		return fmt.Sprint(n % 100)
	case ecrf.Decimal:
		return fmt.Sprintf("%d.%0*d", n%90, it.Decimals, n%10)
	case ecrf.Date:
		return fmt.Sprintf("2026-%02d-%02d", n%12+1, n%28+1)
	case ecrf.DateTime:
		return fmt.Sprintf("2026-%02d-%02dT%02d:30:00", n%12+1, n%28+1, n%24)
	case ecrf.Boolean:
		return []string{"true", "false"}[n%2]
	case ecrf.Choice:
		codes := d.CodeList(it.CodeList).Values()
		return codes[n%len(codes)]
	case ecrf.Text, ecrf.PartialDate:
	}
	return fmt.Sprintf("Größe %d, \"so\"", n)
}

// A study as large as those of the German COVID-19 research: 540 fields in 15 forms, German dates, decimal commas.
func TestALargeGermanProjectIsBegunFilledAndFoundUnchanged(t *testing.T) {
	r := newRig(t, redcap.Options{CreateRecords: true})
	r.site = newSite(t, fakeredcap.Large(15, 36), redcap.Options{CreateRecords: true})
	r.d = r.begun(t)
	r.options.Dictionary = r.d
	var books []*ecrf.StoredCasebook
	fields := 0
	for n := range 12 {
		b := &ecrf.StoredCasebook{Facts: ecrf.Facts{Subject: fmt.Sprintf("S%02d", n)}}
		for i := range r.d.Forms {
			form := &r.d.Forms[i]
			for repeat := range map[bool]int{true: 2, false: 1}[form.Repeating] {
				for j := range form.Items {
					it := &form.Items[j]
					key := ecrf.CellKey{Event: r.d.Events[0].Name, Form: form.Name, Item: it.Name}
					if form.Repeating {
						key.Repeat = repeat + 1
					}
					v := value(r.d, it, n+i+j+repeat)
					if err := r.d.Check(it.Name, v); err != nil {
						t.Fatal(err)
					}
					b.Cells = append(b.Cells, ecrf.StoredCell{CellKey: key, Value: v, State: ecrf.New})
				}
			}
			fields += len(form.Items)
		}
		books = append(books, b)
	}
	if notes, err := r.target(t).Check(t.Context()); err != nil || len(notes) != 0 || fields < 12*540 {
		t.Fatalf("%d items; notes %q: %v", fields/12, notes, err)
	}
	first := r.deliver(books...)
	if first.Written == 0 || first.Written+first.Unchanged != first.Cells || first.Rejected != 0 {
		t.Errorf("%+v", first)
	}
	commas := 0
	for _, line := range rows(t, r.exported(t, "record")) {
		for _, cell := range line {
			if _, after, ok := strings.Cut(cell, ","); ok && len(after) == 1 {
				commas++
			}
		}
	}
	if commas < 12*40 {
		t.Errorf("%d numbers with a comma", commas)
	}
	second := r.deliver(books...)
	if second.Written != 0 || second.Unchanged != second.Cells || r.Writes() > first.Written {
		t.Errorf("the second time: %+v; %d values were taken", second, r.Writes())
	}
}

func rows(t *testing.T, r io.Reader) [][]string {
	t.Helper()
	all, err := csv.NewReader(r).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return all
}
