package table_test

import (
	"bytes"
	"encoding/csv"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/ecrf/ledgertest"
	"github.com/crflink/crflink/ecrf/table"
	"github.com/crflink/crflink/ecrf/targettest"
	"github.com/crflink/crflink/internal/golden"
)

var tables = []string{"base.csv", "cells.csv", "codelists.csv", "dictionary.csv", "lab.csv", "missing/base.csv", "missing/lab.csv", "missing/note.csv", "note.csv"}

func deliver(t *testing.T, dir string, d ecrf.Delivery) (ecrf.DeliveryReport, error) {
	t.Helper()
	target, err := table.New("tables", dir)
	if err != nil {
		t.Fatal(err)
	}
	return target.Deliver(t.Context(), d)
}

func TestTheTablesAreAsTheGoldenOnes(t *testing.T) {
	dir := t.TempDir()
	report, err := deliver(t, dir, targettest.Delivery(ledgertest.Dictionary(t), ledgertest.Stored()))
	if err != nil || report.Cells != 10 || report.Written != len(tables) {
		t.Fatalf("%+v, %v", report, err)
	}
	for _, name := range tables {
		got, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		golden.Equal(t, filepath.Join("testdata", name), got)
	}
}

func TestTablesPassTheTargetExam(t *testing.T) {
	open := func(t testing.TB, dir string) ecrf.Target {
		target, err := table.New("tables", dir)
		if err != nil {
			t.Fatal(err)
		}
		return target
	}
	targettest.Run(t, targettest.Candidate{Kind: "csv", Open: open, Dictionary: ledgertest.Dictionary(t), Books: ledgertest.Stored()})
}

func TestNoticesStandBesideTheTables(t *testing.T) {
	dir := t.TempDir()
	delivery := targettest.Delivery(ledgertest.Dictionary(t), nil)
	delivery.Notices = []string{"No consent was checked."}
	if _, err := deliver(t, dir, delivery); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "NOTICE.txt"))
	if err != nil || string(text) != "No consent was checked.\n" {
		t.Errorf("%q, %v", text, err)
	}
}

func TestEscapeMakesFormulasHarmlessAndNumbersStay(t *testing.T) {
	for in, want := range map[string]string{
		"=1+1": "'=1+1", "+49 30": "'+49 30", "-5": "-5", "-5.25e-3": "-5.25e-3", "+5": "+5", "-5+cmd|' /C calc'!A0": "'-5+cmd|' /C calc'!A0",
		"@SUM(A1)": "'@SUM(A1)", "\t=1": "'\t=1", "\r=1": "'\r=1", "  =1": "'  =1", "＝1": "'＝1", "'x": "''x", "": "", "plain": "plain", "a=b": "a=b", "1-2": "1-2",
	} {
		if got := table.Escape(in); got != want {
			t.Errorf("Escape(%q) = %q, want %q", in, got, want)
		}
	}
}

func FuzzEscapeIsReversibleAndHarmless(f *testing.F) {
	for _, s := range []string{"", "=1+1", "'", "''", "-5", "-", "a\nb", " =x", "\u00a0@"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		escaped := table.Escape(s)
		if back := table.Unescape(escaped); back != s {
			t.Errorf("%q comes back as %q", s, back)
		}
		if table.Unescape(s) != s && !strings.HasPrefix(s, "'") {
			t.Errorf("%q is changed by Unescape", s)
		}
		if escaped == s && s != "" && strings.ContainsRune("=@\t\r\n", rune(s[0])) {
			t.Errorf("%q stays a formula", s)
		}
		var out bytes.Buffer
		w := csv.NewWriter(&out)
		if err := w.Write([]string{"x", escaped}); err != nil {
			t.Fatal(err)
		}
		w.Flush()
		if strings.Contains(s, "\r\n") {
			return // the standard reader joins them; a canonical text has no carriage return
		}
		row, err := csv.NewReader(&out).Read()
		if err != nil || len(row) != 2 || table.Unescape(row[1]) != s {
			t.Errorf("%q is read back as %q, %v", s, row, err)
		}
	})
}

// TestErasingReachesTablesOfFormsThatAreGoneAndWhatKilledDeliveriesLeft looks at files that no delivery writes any more.
func TestErasingReachesTablesOfFormsThatAreGoneAndWhatKilledDeliveriesLeft(t *testing.T) {
	dir := t.TempDir()
	target, err := table.New("tables", dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := target.Deliver(t.Context(), targettest.Delivery(ledgertest.Dictionary(t), ledgertest.Stored())); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"old_form.csv": "subject,site,event,repeat,x\nS-1,a,e,,1\nS-2,a,e,,2\n", ".cells.csv.partial": "S-1", "missing/.old_form.csv.partial": "S-1",
		"ours.csv": "patient,note\nS-1,of somebody else\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := target.Erase(t.Context(), ecrf.Erasure{Subjects: []string{"S-1"}}); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"old_form.csv": "subject,site,event,repeat,x\nS-2,a,e,,2\n", "ours.csv": "patient,note\nS-1,of somebody else\n", ".cells.csv.partial": "", "missing/.old_form.csv.partial": "",
	} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if string(text) != want || (want == "") != errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s holds %q, %v", name, text, err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "old_form.csv"), []byte("subject,x\nS-1,\"1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := target.Erase(t.Context(), ecrf.Erasure{Subjects: []string{"S-1"}}); err == nil {
		t.Error("a table that cannot be read counts as erased")
	}
}
