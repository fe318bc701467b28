package research

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// crateTerms are the terms of RO-Crate 1.1's context (w3id.org/ro/crate/1.1/context) that a package uses. A key that stands neither here nor in the
// document's own context has no meaning (RO-Crate 1.1, "RO-Crate JSON-LD Context"), and validators refuse it.
var crateTerms = strings.Fields("@id @type about author conformsTo contentSize datePublished description encodingFormat endTime hasPart identifier instrument license mentions name publisher result url version")

func TestACrateUsesDefinedTermsAndDescribesEveryFile(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "package")
	p := demo(t, all(books()))
	p.Study.Provider = Provider{Name: "A hospital", Contact: "dic@example.org", URL: "https://ror.org/000000000"}
	if _, err := p.Write(t.Context(), folder, admitted); err != nil {
		t.Fatal(err)
	}
	var crate struct {
		Context [2]json.RawMessage `json:"@context"`
		Graph   []map[string]any   `json:"@graph"`
	}
	var own map[string]string
	if err := json.Unmarshal([]byte(read(t, folder, "ro-crate-metadata.json")), &crate); err != nil || json.Unmarshal(crate.Context[1], &own) != nil {
		t.Fatal(err)
	}
	described := map[string]bool{}
	for _, e := range crate.Graph {
		described[fmt.Sprint(e["@id"])] = true
	}
	for _, e := range crate.Graph {
		for key, value := range e {
			if own[key] == "" && !slices.Contains(crateTerms, key) {
				t.Errorf("%s of %s is no term of the context", key, e["@id"])
			}
			for _, to := range references(value) {
				if !described[to] && !strings.HasPrefix(to, "https://w3id.org/ro/crate/") {
					t.Errorf("%s of %s is %s, which the crate does not describe", key, e["@id"], to)
				}
			}
		}
	}
	root := crate.Graph[1]
	if by := references(root["publisher"]); !slices.Equal(by, []string{"https://ror.org/000000000"}) {
		t.Errorf("published by %v", by)
	}
	parts := references(root["hasPart"])
	err := fs.WalkDir(os.DirFS(folder), ".", func(name string, d fs.DirEntry, err error) error {
		// The checksums are of the crate too.
		if err == nil && !d.IsDir() && name != "ro-crate-metadata.json" && name != "SHA256SUMS" && !slices.Contains(parts, name) {
			t.Errorf("%s is no part of the crate", name)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// references are the ids that a value refers to.
func references(value any) (ids []string) {
	switch v := value.(type) {
	case map[string]any:
		if to, ok := v["@id"].(string); ok {
			ids = append(ids, to)
		}
	case []any:
		for _, x := range v {
			ids = append(ids, references(x)...)
		}
	}
	return ids
}

func TestAPackageSaysWhoHandsItOut(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "package")
	p := demo(t, all(books()))
	p.Study.Provider = Provider{Name: "A hospital", Contact: "dic@example.org"}
	if _, err := p.Write(t.Context(), folder, admitted); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"README.md":              "Handed out by A hospital, dic@example.org.",
		"datapackage.json":       `"role": "publisher"`,
		"provenance.json":        `"contact": "dic@example.org"`,
		"ro-crate-metadata.json": `"@type": "Organization"`,
	} {
		if text := read(t, folder, name); !strings.Contains(text, want) {
			t.Errorf("%s does not hold %s", name, want)
		}
	}
}
