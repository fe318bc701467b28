// Package drafttest holds what the tests of all readers of forms share.
package drafttest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/crflink/crflink/ecrf"
)

// Written is the dictionary file and the report of a draft; the file is read back.
func Written(t *testing.T, draft *ecrf.Draft) string {
	t.Helper()
	d, comments, report, err := draft.Dictionary("some-study")
	if err != nil {
		return fmt.Sprintf("%v\n", err)
	}
	var b strings.Builder
	if err := ecrf.WriteDictionary(&b, d, comments); err != nil {
		t.Fatal(err)
	}
	if _, _, err := ecrf.ParseDictionary("dictionary.yaml", []byte(b.String())); err != nil {
		t.Fatalf("%v\n%s", err, b.String())
	}
	b.WriteString("---\n")
	if err := report.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}
