package mapping

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"slices"

	"github.com/crflink/crflink/internal/yamldoc"
)

// conceptMap is what a FHIR ConceptMap (R4; relationship and noMap also of R5) says about codes.
type conceptMap struct {
	ResourceType string `json:"resourceType"`
	Group        []struct {
		Source  string `json:"source"`
		Element []struct {
			Code   string          `json:"code"`
			NoMap  bool            `json:"noMap"`
			Target []conceptTarget `json:"target"`
		} `json:"element"`
		Unmapped *struct {
			Mode string `json:"mode"`
		} `json:"unmapped"`
	} `json:"group"`
}

type conceptTarget struct {
	Code         string            `json:"code"`
	Equivalence  string            `json:"equivalence"`
	Relationship string            `json:"relationship"`
	DependsOn    []json.RawMessage `json:"dependsOn"`
}

// unrelated are the equivalences that say that the target is not what the source means.
var unrelated = []string{"unmatched", "disjoint"}

// readConceptMap adds the rows of a FHIR ConceptMap in JSON: a code of a group's source system gives the target code.
func (c *compiler) readConceptMap(m *codeMap, at yamldoc.Value) {
	const hint = "a FHIR ConceptMap in JSON, beside the mapping file"
	text, err := fs.ReadFile(c.files, at.Text())
	if err != nil {
		at.Errorf(hint, "the ConceptMap cannot be read: %v", err)
		return
	}
	c.sum.Write(text)
	var file conceptMap
	if err := json.Unmarshal(text, &file); err != nil || file.ResourceType != "ConceptMap" {
		at.Errorf(hint, "the file is no ConceptMap")
		return
	}
	if err := m.addConcepts(&file); err != nil {
		at.Errorf("give each source code one target, and say what becomes of other codes with default or unmapped", "the ConceptMap cannot be used: %v", err)
	}
}

func (m *codeMap) addConcepts(file *conceptMap) error {
	rows := 0
	for i, g := range file.Group {
		if g.Unmapped != nil {
			return fmt.Errorf("group %d says itself what becomes of unmapped codes", i+1)
		}
		for _, e := range g.Element {
			if e.Code == "" || e.NoMap {
				continue
			}
			for _, t := range e.Target {
				if slices.Contains(unrelated, t.Equivalence) || t.Relationship == "not-related-to" || t.Code == "" {
					continue
				}
				if len(t.DependsOn) > 0 {
					return fmt.Errorf("a target of code %q depends on other elements", e.Code)
				}
				if !m.add(coding{g.Source, e.Code}, t.Code) {
					return fmt.Errorf("code %q has two targets", e.Code)
				}
				rows++
			}
		}
	}
	if rows == 0 {
		return fmt.Errorf("it maps no code")
	}
	return nil
}
