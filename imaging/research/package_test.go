package research

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/imaging"
	"github.com/crflink/crflink/imaging/pet"
)

const forms = `
study: demo
version: "1"
events: [{name: base, label: Base, forms: [a, b]}]
codelists: {yes: {"-1": less, "=": same}}
forms:
  - name: a
    label: Form A
    items:
      - {name: code, label: Code, type: choice, codelist: yes}
      - {name: dose, label: Dose, type: decimal, decimals: 2, unit: MBq, min: 0}
      - {name: day, label: Day, type: date}
      - {name: part, label: Part, type: partial-date}
      - {name: at, label: At, type: datetime}
      - {name: ok, label: OK, type: boolean}
      - {name: note, label: Note, type: text}
  - {name: b, label: Form B, repeating: true, items: [{name: n, label: N, type: integer}]}
`

func cell(form, item string, repeat int, value string) ecrf.StoredCell {
	c := ecrf.StoredCell{CellKey: ecrf.CellKey{Event: "base", Form: form, Item: item, Repeat: repeat}, Value: value}
	if value == "" {
		c.Missing = ecrf.NoResource
	}
	return c
}

// books are two subjects, one with everything and one with nothing.
func books() []*ecrf.StoredCasebook {
	return []*ecrf.StoredCasebook{
		{Facts: ecrf.Facts{Subject: "=S-1", Site: "A"}, Cells: []ecrf.StoredCell{
			cell("a", "code", 0, "="), cell("a", "dose", 0, "-1.50"), cell("a", "day", 0, "2024-02-29"), cell("a", "part", 0, "2024-02"),
			cell("a", "at", 0, "2024-02-29T23:59:59"), cell("a", "ok", 0, "true"), cell("a", "note", 0, "=1+1, \"x\"\nnext"), cell("b", "n", 1, "7"), cell("b", "n", 2, ""),
			cell("gone", "n", 0, "1"),
		}},
		{Facts: ecrf.Facts{Subject: "S-2"}},
	}
}

func demo(t *testing.T, casebooks func(context.Context) iter.Seq2[*ecrf.StoredCasebook, error]) *Package {
	t.Helper()
	d, _, err := ecrf.ParseDictionary("dictionary.yaml", []byte(forms))
	if err != nil {
		t.Fatal(err)
	}
	factor := 0.25
	return &Package{
		Study: Study{ID: "demo", Dates: "none"}, Program: "test", Run: 3, AsOf: "2026-09-01T00:00:00+02:00", Recipients: []string{"R"}, Notices: []string{"A notice."},
		Delivery: ecrf.Delivery{Dictionary: d, Casebooks: casebooks},
		Links: func(f ecrf.Facts) ([]imaging.Link, error) {
			if f.Site == "" {
				return nil, nil
			}
			return []imaging.Link{{
				Subject: f.Subject, Session: 1, Modality: []string{"PT"}, Series: 1, Method: imaging.ByDICOMUID, Quality: imaging.Stated, Type: imaging.Whole,
				Contents: []imaging.Series{{UID: "2.25.7", Modality: "PT", PET: &pet.Result{Status: pet.Ready, FactorMin: &factor, Tracer: "F-18-FDG"}}},
			}}, nil
		},
	}
}

func all(books []*ecrf.StoredCasebook) func(context.Context) iter.Seq2[*ecrf.StoredCasebook, error] {
	return func(context.Context) iter.Seq2[*ecrf.StoredCasebook, error] {
		return func(yield func(*ecrf.StoredCasebook, error) bool) {
			for _, b := range books {
				if !yield(b, nil) {
					return
				}
			}
		}
	}
}

func read(t *testing.T, folder, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(folder, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func admitted(*Written) error { return nil }

func TestAPackageHoldsWhatItWasGiven(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "package")
	w, err := demo(t, all(books())).Write(t.Context(), folder, admitted)
	if err != nil {
		t.Fatal(err)
	}
	if w.Subjects != 2 || w.Sessions != 1 || w.Ready["ready"] != 1 || w.Unknown != 1 || len(w.Unfit) != 1 || w.Unfit["a.dose"] != 1 {
		t.Errorf("%+v", w)
	}
	for name, want := range map[string]string{
		"participants.csv": "subject,site,sessions\n'=S-1,A,1\nS-2,,0\n",
		"clinical/a.csv":   "subject,event,repeat,code,dose,day,part,at,ok,note\n'=S-1,base,0,'=,,2024-02-29,2024-02,2024-02-29T23:59:59,true,\"'=1+1, \"\"x\"\"\nnext\"\n",
		"clinical/b.csv":   "subject,event,repeat,n\n'=S-1,base,1,7\n'=S-1,base,2,\n",
		"series_uids.txt":  "2.25.7\n",
	} {
		if got := read(t, folder, name); got != want {
			t.Errorf("%s:\n%s\nwant\n%s", name, got, want)
		}
	}
	if long := read(t, folder, "clinical_long.csv"); !strings.Contains(long, "a,0,dose,-1.50,,MBq") || !strings.Contains(long, "b,2,n,,,,no-resource") {
		t.Errorf("cells:\n%s", long)
	}
	if risk := read(t, folder, "disclosure.json"); !strings.Contains(risk, `"value": "F-18-FDG"`) || strings.Contains(risk, `"subjects": "1"`) {
		t.Errorf("risk:\n%s", risk)
	}
	if readme := read(t, folder, "README.md"); !strings.Contains(readme, "**A notice.**") {
		t.Error("the README has no notice")
	}
}

func TestEqualInputGivesEqualBytes(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a", "b"} {
		if _, err := demo(t, all(books())).Write(t.Context(), filepath.Join(dir, name), admitted); err != nil {
			t.Fatal(err)
		}
	}
	if a, b := read(t, dir, "a/SHA256SUMS"), read(t, dir, "b/SHA256SUMS"); a != b || strings.Count(a, "\n") < 20 {
		t.Errorf("the checksums differ:\n%s\n%s", a, b)
	}
}

// TestAnInterruptedExportLeavesNothing: at each subject, by an error, by the context, and when it is refused at the end.
func TestAnInterruptedExportLeavesNothing(t *testing.T) {
	broken := errors.New("the ledger is gone")
	failing := func(context.Context) iter.Seq2[*ecrf.StoredCasebook, error] {
		return func(yield func(*ecrf.StoredCasebook, error) bool) {
			_ = yield(books()[0], nil) && yield(nil, broken)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	interrupted := func(context.Context) iter.Seq2[*ecrf.StoredCasebook, error] {
		return func(yield func(*ecrf.StoredCasebook, error) bool) {
			if yield(books()[0], nil) {
				cancel()
				yield(books()[1], nil)
			}
		}
	}
	for name, c := range map[string]struct {
		ctx   context.Context
		books func(context.Context) iter.Seq2[*ecrf.StoredCasebook, error]
		admit func(*Written) error
		want  error
	}{
		"an error":    {t.Context(), failing, admitted, broken},
		"interrupted": {ctx, interrupted, admitted, context.Canceled},
		"refused":     {t.Context(), all(books()), func(*Written) error { return broken }, broken},
	} {
		dir := t.TempDir()
		if _, err := demo(t, c.books).Write(c.ctx, filepath.Join(dir, "package"), c.admit); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
		if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
			t.Errorf("%s: %v is left (%v)", name, left, err)
		}
	}
}

func TestWhatAKilledExportLeftIsReplacedAndAFullFolderIsNot(t *testing.T) {
	dir := t.TempDir()
	folder := filepath.Join(dir, "package")
	for _, name := range []string{".package.partial", ".package.partial.sealed"} {
		if err := os.MkdirAll(filepath.Join(dir, name, "x"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := demo(t, all(books())).Write(t.Context(), folder, admitted); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Errorf("%v is left (%v)", left, err)
	}
	before := read(t, folder, "SHA256SUMS")
	if _, err := demo(t, all(nil)).Write(t.Context(), folder, admitted); !errors.Is(err, ErrThere) || read(t, folder, "SHA256SUMS") != before {
		t.Errorf("a package was overwritten: %v", err)
	}
}

// plain is a cipher that changes nothing, so that the archive can be read.
type plain struct{ io.Writer }

func (plain) Close() error { return nil }

func TestASealedPackageIsOneArchiveOfAllFiles(t *testing.T) {
	dir := t.TempDir()
	p := demo(t, all(books()))
	p.Encrypt = func(to io.Writer) (io.WriteCloser, error) { return plain{to}, nil }
	w, err := p.Write(t.Context(), filepath.Join(dir, "sealed"), admitted)
	if err != nil {
		t.Fatal(err)
	}
	if names := []string{w.Files[0].Name, w.Files[1].Name}; len(w.Files) != 2 || !slices.Equal(names, []string{"README.txt", SealedFile}) {
		t.Errorf("%+v", w.Files)
	}
	open := filepath.Join(dir, "open")
	if _, err := demo(t, all(books())).Write(t.Context(), open, admitted); err != nil {
		t.Fatal(err)
	}
	in, n := tar.NewReader(bytes.NewReader([]byte(read(t, dir, "sealed/"+SealedFile)))), 0
	for {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(in)
		if err != nil || string(text) != read(t, open, h.Name) {
			t.Errorf("%s differs (%v)", h.Name, err)
		}
		n++
	}
	if n < 20 {
		t.Errorf("%d files in the archive", n)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 2 {
		t.Errorf("%v (%v)", entries, err)
	}
	p.Encrypt = func(io.Writer) (io.WriteCloser, error) { return nil, errors.New("no key") }
	if _, err := p.Write(t.Context(), filepath.Join(dir, "third"), admitted); err == nil {
		t.Error("a package that could not be encrypted was written")
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 2 {
		t.Errorf("%v (%v)", entries, err)
	}
}
