package questionnaire

import (
	"encoding/json"
	"strings"
)

// resource is what is read of a Questionnaire (FHIR R4, Questionnaire).
type resource struct {
	ResourceType string     `json:"resourceType"`
	ID           string     `json:"id"`
	Name         string     `json:"name"`
	Title        string     `json:"title"`
	Version      string     `json:"version"`
	Contained    []valueSet `json:"contained"`
	Item         []item     `json:"item"`
}

type item struct {
	LinkID         string            `json:"linkId"`
	Prefix         string            `json:"prefix"`
	Text           string            `json:"text"`
	Type           string            `json:"type"`
	Required       bool              `json:"required"`
	Repeats        bool              `json:"repeats"`
	ReadOnly       bool              `json:"readOnly"`
	MaxLength      int               `json:"maxLength"`
	AnswerValueSet string            `json:"answerValueSet"`
	AnswerOption   []option          `json:"answerOption"`
	EnableWhen     []json.RawMessage `json:"enableWhen"`
	Initial        []json.RawMessage `json:"initial"`
	Extension      []extension       `json:"extension"`
	Item           []item            `json:"item"`
}

type option struct {
	ValueCoding    *coding     `json:"valueCoding"`
	ValueString    string      `json:"valueString"`
	ValueInteger   json.Number `json:"valueInteger"`
	ValueDate      string      `json:"valueDate"`
	ValueTime      string      `json:"valueTime"`
	ValueReference *struct {
		Reference string `json:"reference"`
	} `json:"valueReference"`
}

type coding struct {
	System  string `json:"system"`
	Code    string `json:"code"`
	Display string `json:"display"`
}

type extension struct {
	URL           string      `json:"url"`
	ValueInteger  json.Number `json:"valueInteger"`
	ValueDecimal  json.Number `json:"valueDecimal"`
	ValueDate     string      `json:"valueDate"`
	ValueDateTime string      `json:"valueDateTime"`
	ValueBoolean  bool        `json:"valueBoolean"`
	ValueCoding   *coding     `json:"valueCoding"`
}

// value is the extension's number or date.
func (e extension) value() string {
	for _, v := range []string{e.ValueInteger.String(), e.ValueDecimal.String(), e.ValueDate, e.ValueDateTime} {
		if v != "" {
			return v
		}
	}
	return ""
}

// valueSet is a contained ValueSet, or another contained resource, which is ignored.
type valueSet struct {
	ResourceType string `json:"resourceType"`
	ID           string `json:"id"`
	URL          string `json:"url"`
	Compose      struct {
		Include []struct {
			System  string            `json:"system"`
			Concept []coding          `json:"concept"`
			Filter  []json.RawMessage `json:"filter"`
		} `json:"include"`
		Exclude []json.RawMessage `json:"exclude"`
	} `json:"compose"`
	Expansion struct {
		Contains []contains `json:"contains"`
	} `json:"expansion"`
}

type contains struct {
	Code     string     `json:"code"`
	Display  string     `json:"display"`
	Abstract bool       `json:"abstract"`
	Contains []contains `json:"contains"`
}

// codes lists the codes of the set; ok is false when they cannot be known without a terminology server.
func (v *valueSet) codes() (list []coding, ok bool) {
	if len(v.Expansion.Contains) > 0 {
		return expanded(v.Expansion.Contains), true
	}
	if len(v.Compose.Exclude) > 0 {
		return nil, false
	}
	for _, include := range v.Compose.Include {
		if len(include.Concept) == 0 {
			return nil, false
		}
		list = append(list, include.Concept...)
	}
	return list, len(list) > 0
}

func expanded(all []contains) []coding {
	var list []coding
	for _, c := range all {
		if !c.Abstract && c.Code != "" {
			list = append(list, coding{Code: c.Code, Display: c.Display})
		}
		list = append(list, expanded(c.Contains)...)
	}
	return list
}

// extensionNamed returns the item's extension whose URL ends so.
func (i *item) extensionNamed(name string) (extension, bool) {
	for _, e := range i.Extension {
		if e.URL == name || strings.HasSuffix(e.URL, "/"+name) {
			return e, true
		}
	}
	return extension{}, false
}
