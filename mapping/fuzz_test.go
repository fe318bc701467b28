package mapping_test

import (
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"

	"github.com/crflink/crflink/mapping"
)

// FuzzLoad: whatever a mapping file holds, it is compiled or it has findings, each at a line of the file.
func FuzzLoad(f *testing.F) {
	names, err := filepath.Glob("testdata/*/mapping.yaml")
	if err != nil {
		f.Fatal(err)
	}
	bad, err := filepath.Glob("testdata/bad-*.yaml")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range append(names, bad...) {
		text, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	d := dictionary(f, "testdata/dictionary.yaml")
	f.Fuzz(func(t *testing.T, text []byte) {
		m, findings := mapping.Load(fstest.MapFS{"m.yaml": {Data: text}}, "m.yaml", d)
		if (m == nil) != findings.HasErrors() {
			t.Errorf("mapping %v with findings %v", m != nil, findings)
		}
		for _, x := range findings {
			if x.Line < 1 || x.Col < 1 {
				t.Errorf("no place: %v", x)
			}
		}
	})
}
