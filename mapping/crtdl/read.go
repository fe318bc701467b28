package crtdl

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/crflink/crflink/fhir/model"
)

// Request is the data extraction of a CRTDL.
type Request struct {
	Groups []Group
}

// Group asks for the resources of one profile.
type Group struct {
	Name          string      `json:"name"`
	ID            string      `json:"id"`
	Profile       string      `json:"groupReference"`
	ReferenceOnly bool        `json:"includeReferenceOnly"` // only resources to which others refer
	Attributes    []Attribute `json:"attributes"`
	Filters       []Filter    `json:"filter"`

	Type string `json:"-"` // of resource, that of the attributes
}

// Attribute asks for an element, named as in a profile: Observation.value[x]:valueQuantity.
type Attribute struct {
	Ref      string `json:"attributeRef"`
	MustHave bool   `json:"mustHave"`
}

// Filter restricts a group by a FHIR search parameter, to codes or to a span of days.
type Filter struct {
	Type  string `json:"type"` // token or date
	Name  string `json:"name"` // of the search parameter
	Codes []Code `json:"codes"`
	Start string `json:"start"`
	End   string `json:"end"`
}

// Code is a code that a filter lets through.
type Code struct {
	System  string `json:"system"`
	Code    string `json:"code"`
	Display string `json:"display"`
}

// extraction is where the groups stand. Documents exist in which it lies within the definition of the cohort.
type extraction struct {
	Groups []Group `json:"attributeGroups"`
}

// Read reads a CRTDL.
func Read(r io.Reader) (*Request, error) {
	var doc struct {
		Extraction *extraction `json:"dataExtraction"`
		Cohort     struct {
			Extraction *extraction `json:"dataExtraction"`
		} `json:"cohortDefinition"`
	}
	if err := json.NewDecoder(r).Decode(&doc); err != nil {
		return nil, fmt.Errorf("read the CRTDL: %w", err)
	}
	found := doc.Extraction
	if found == nil {
		found = doc.Cohort.Extraction
	}
	if found == nil || len(found.Groups) == 0 {
		return nil, errors.New("read the CRTDL: it has no dataExtraction with attributeGroups")
	}
	request := &Request{Groups: found.Groups}
	for i := range request.Groups {
		g := &request.Groups[i]
		typ, err := g.resourceType()
		if err != nil {
			return nil, fmt.Errorf("read the CRTDL: attribute group %d: %w", i+1, err)
		}
		g.Type = typ
	}
	return request, nil
}

// resourceType is the type that the attributes name. The profile's URL does not have to tell it.
func (g *Group) resourceType() (string, error) {
	typ := ""
	for _, a := range g.Attributes {
		name, _, path := strings.Cut(a.Ref, ".")
		t := model.Lookup(name)
		switch {
		case !path || t == nil || t.Kind != model.Resource:
			continue // what the attribute is, the seed says
		case typ == "":
			typ = name
		case typ != name:
			return "", fmt.Errorf("its attributes are of %s and of %s", typ, name)
		}
	}
	if typ == "" {
		return "", errors.New("no attribute names an element of a FHIR resource")
	}
	return typ, nil
}
