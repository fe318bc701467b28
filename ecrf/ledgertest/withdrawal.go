package ledgertest

import (
	"maps"
	"reflect"
	"strings"
	"testing"

	"github.com/crflink/crflink/ecrf"
)

func freeze(t *testing.T, b *bench) {
	b.put(t, 1, full())
	before := b.cells(t, 1)
	for _, subject := range []string{Number(1), Number(1), "nobody"} {
		must(t, b.l.Freeze(t.Context(), subject))
	}
	b.reopen(t)
	known, err := b.l.Facts(t.Context(), []string{Number(1)})
	must(t, err)
	facts, ok := known[Number(1)]
	if want := (ecrf.Facts{Subject: Number(1), Site: "site-a", Outcome: ecrf.OutcomeWithdrawn, Reason: ecrf.ReasonKept}); !ok || facts != want {
		t.Errorf("facts %+v", facts)
	}
	if !maps.Equal(before, b.cells(t, 1)) {
		t.Error("the cells are not as they were")
	}
}

func anonymise(t *testing.T, b *bench) {
	token := "TOKEN" + strings.Repeat("y", 20)
	marked := b.change(t, 1, full())
	for i := range marked.Cells {
		marked.Cells[i].Cell.Provenance.Resource = "Observation/" + token
	}
	for i := range marked.Instances {
		marked.Instances[i].Key += token
	}
	marked.Facts.Links, marked.Facts.Digest = `["`+token+`"]`, token
	must(t, b.l.Apply(t.Context(), b.run, ecrf.Batch{Subjects: []*ecrf.SubjectChange{marked}}))
	must(t, b.l.MarkWritten(t.Context(), b.run, "edc", []ecrf.Delivered{{Subject: Number(1), CellKey: psa(1), Value: token, State: ecrf.Written}}))
	before := b.cells(t, 1)
	if n, err := b.l.Anonymise(t.Context(), Number(1), "X-1"); n != len(before) || err != nil {
		t.Errorf("%d cells stay, want %d: %v", n, len(before), err)
	}
	if n, err := b.l.Anonymise(t.Context(), Number(1), "X-2"); n != 0 || err != nil {
		t.Errorf("a second time %d cells stay: %v", n, err)
	}
	b.reopen(t)
	book, err := b.l.Subject(t.Context(), "X-1")
	must(t, err)
	if book == nil || len(book.Cells) != len(before) || len(book.Instances) != 2 || book.Instances[0].Key == book.Instances[1].Key {
		t.Fatalf("the casebook is %+v", book)
	}
	if want := (ecrf.Facts{Subject: "X-1", Site: "site-a", Outcome: ecrf.OutcomeWithdrawn, Reason: ecrf.ReasonAnonymised}); book.Facts != want {
		t.Errorf("facts %+v", book.Facts)
	}
	for _, c := range book.Cells {
		if c.Value != before[c.CellKey].Value || c.Provenance.Resource != "" || c.Provenance.Version != "" {
			t.Errorf("cell %+v", c)
		}
	}
	if b.Holding(t, b.dir, "X-1") == "" {
		t.Error("no file holds the subject: the search finds nothing")
	}
	for _, name := range []string{token, Number(1)} {
		if file := b.Holding(t, b.dir, name); file != "" {
			t.Errorf("%s still holds %q", file, name)
		}
	}
}

func recipients(t *testing.T, b *bench) {
	for range 2 {
		must(t, b.l.Received(t.Context(), b.run, "tables", []string{"Centre B", "Centre A"}))
		must(t, b.l.Received(t.Context(), b.run, "odm", []string{"Centre A"}))
	}
	must(t, b.l.Received(t.Context(), b.run, "nobody's", nil))
	b.reopen(t)
	got, err := b.l.Recipients(t.Context())
	must(t, err)
	if want := []ecrf.Recipient{{Output: "odm", Name: "Centre A"}, {Output: "tables", Name: "Centre A"}, {Output: "tables", Name: "Centre B"}}; !reflect.DeepEqual(got, want) {
		t.Errorf("recipients %v", got)
	}
}

func names(t *testing.T, b *bench) {
	number := "NUMBER" + strings.Repeat("z", 20)
	must(t, b.l.NameWithdrawn(t.Context(), 3, number))
	must(t, b.l.NameWithdrawn(t.Context(), 3, "another"))
	b.reopen(t)
	got, err := b.l.WithdrawnNames(t.Context())
	must(t, err)
	if !maps.Equal(got, map[int]string{3: number}) {
		t.Errorf("names %v", got)
	}
	for range 2 {
		must(t, b.l.UnnameWithdrawn(t.Context(), 3))
	}
	b.reopen(t)
	if got, err := b.l.WithdrawnNames(t.Context()); len(got) != 0 || err != nil {
		t.Errorf("names %v, %v", got, err)
	}
	if file := b.Holding(t, b.dir, number); file != "" {
		t.Errorf("%s still holds the number", file)
	}
}

func seen(t *testing.T, b *bench) {
	if n, err := b.l.JournalSeen(t.Context()); n != 0 || err != nil {
		t.Errorf("a new ledger has seen %d entries, %v", n, err)
	}
	for _, n := range []int{4, 7, 5} {
		must(t, b.l.SeeJournal(t.Context(), n))
	}
	b.reopen(t)
	if n, err := b.l.JournalSeen(t.Context()); n != 7 || err != nil {
		t.Errorf("%d entries were seen, %v", n, err)
	}
}
