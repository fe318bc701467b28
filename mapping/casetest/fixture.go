package casetest

import (
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"path"
	"strings"

	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/internal/yamldoc"
)

// given reads a list of resources; an element {fixture: FILE} stands for the resources of a file.
func (l *loader) given(v yamldoc.Value) []given {
	var all []given
	for _, item := range v.Items() {
		entries := item.Entries()
		if len(entries) == 1 && entries[0].Key() == "fixture" {
			all = append(all, l.fixtures(entries[0])...)
			continue
		}
		if res, ok := l.resource(item); ok {
			all = append(all, given{item, res})
		}
	}
	return all
}

// fixtures reads files of JSON or NDJSON: resources, or Bundles of them.
func (l *loader) fixtures(v yamldoc.Value) []given {
	var all []given
	for _, item := range v.Items() {
		name := item.Text()
		if !isFixtureText(name) {
			item.Errorf("a file ending in .json or .ndjson", "a fixture is JSON")
			continue
		}
		texts, err := readTexts(l.files, path.Join(l.dir, name))
		if err != nil {
			item.Errorf("the file is looked for beside the test file", "the fixture cannot be read: %v", err)
			continue
		}
		for i, text := range texts {
			res, err := fhir.ReadResource(text, fhir.Origin{Source: name, Position: int64(i)})
			if err != nil {
				item.Errorf("", "resource %d of the fixture: %v", i+1, err)
				continue
			}
			all = append(all, given{item, res})
		}
	}
	return all
}

// readTexts returns the texts of a file's resources, those within Bundles included.
func readTexts(files fs.FS, name string) ([]string, error) {
	f, err := files.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var all []string
	for in := json.NewDecoder(f); ; {
		var raw json.RawMessage
		if err := in.Decode(&raw); errors.Is(err, io.EOF) {
			return all, nil
		} else if err != nil {
			return nil, err
		}
		all = append(all, entries(raw)...)
	}
}

// entries returns the resources of a Bundle, or the text itself.
func entries(raw json.RawMessage) []string {
	var b struct {
		ResourceType string `json:"resourceType"`
		Entry        []struct {
			Resource json.RawMessage `json:"resource"`
		} `json:"entry"`
	}
	if err := json.Unmarshal(raw, &b); err != nil || b.ResourceType != "Bundle" {
		return []string{string(raw)}
	}
	var all []string
	for _, e := range b.Entry {
		if len(e.Resource) > 0 {
			all = append(all, strings.TrimSpace(string(e.Resource)))
		}
	}
	return all
}
