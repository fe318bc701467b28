package mapping

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/crflink/crflink/internal/yamldoc"
)

// conceptMap is what a FHIR ConceptMap (R4; relationship and noMap also of R5) says about codes.
type conceptMap struct {
	ResourceType string `json:"resourceType"`
	Group        []struct {
		Source   string           `json:"source"`
		Element  []conceptElement `json:"element"`
		Unmapped *conceptUnmapped `json:"unmapped"`
	} `json:"group"`
}

type conceptElement struct {
	Code   string          `json:"code"`
	NoMap  bool            `json:"noMap"`
	Target []conceptTarget `json:"target"`
}

type conceptTarget struct {
	Code         string            `json:"code"`
	Equivalence  string            `json:"equivalence"`
	Relationship string            `json:"relationship"`
	DependsOn    []json.RawMessage `json:"dependsOn"`
}

// conceptUnmapped is what a group says about codes of its source system that it does not list.
type conceptUnmapped struct {
	Mode string `json:"mode"`
	Code string `json:"code"`
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
	c.named = append(c.named, text...)
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
	before := len(m.exact) + len(m.systems)
	for i, g := range file.Group {
		for _, e := range g.Element {
			if err := m.addConcept(g.Source, &e); err != nil {
				return err
			}
		}
		if g.Unmapped != nil {
			if err := m.addUnmapped(g.Source, *g.Unmapped); err != nil {
				return fmt.Errorf("group %d: %w", i+1, err)
			}
		}
	}
	if len(m.exact)+len(m.systems) == before && len(m.unlisted) == 0 {
		return errors.New("it maps no code")
	}
	return nil
}

// addConcept adds a code of a group. One that is listed without a target has none, whatever the group says about codes
// that it does not list (R4, ConceptMap.group.unmapped).
func (m *codeMap) addConcept(system string, e *conceptElement) error {
	if e.Code == "" {
		return nil
	}
	mapped := false
	for _, t := range e.Target {
		if e.NoMap || slices.Contains(unrelated, t.Equivalence) || t.Relationship == "not-related-to" || t.Code == "" {
			continue
		}
		if len(t.DependsOn) > 0 {
			return fmt.Errorf("a target of code %q depends on other elements", e.Code)
		}
		if !m.add(coding{system, e.Code}, t.Code) {
			return fmt.Errorf("code %q has two targets", e.Code)
		}
		mapped = true
	}
	if !mapped {
		m.targetless[coding{system, e.Code}] = true
	}
	return nil
}

// addUnmapped adds what a group says about codes that it does not list. R5 calls provided use-source-code.
func (m *codeMap) addUnmapped(system string, u conceptUnmapped) error {
	var rule unlisted
	switch u.Mode {
	case "provided", "use-source-code":
		rule.copies = true
	case "fixed":
		if rule.value = u.Code; u.Code == "" {
			return errors.New("unmapped is fixed and names no code")
		}
	case "other-map":
		return errors.New("unmapped sends codes to another ConceptMap (other-map), which is not followed")
	default:
		return fmt.Errorf("unmapped has the mode %q", u.Mode)
	}
	if old, ok := m.unlisted[system]; ok && old != rule {
		return fmt.Errorf("another group of the system %q says otherwise what becomes of unmapped codes", system)
	}
	m.unlisted[system] = rule
	return nil
}
