package main

import (
	"encoding/json"
	"fmt"
	"os"
)

// definition is what the generator reads of a StructureDefinition.
type definition struct {
	ResourceType   string `json:"resourceType"`
	Name           string `json:"name"`
	Kind           string `json:"kind"`
	Derivation     string `json:"derivation"`
	Abstract       bool   `json:"abstract"`
	BaseDefinition string `json:"baseDefinition"`
	Snapshot       struct {
		Element []element `json:"element"`
	} `json:"snapshot"`
}

type element struct {
	Path string `json:"path"`
	Max  string `json:"max"`
	Base struct {
		Path string `json:"path"`
	} `json:"base"`
	ContentReference string    `json:"contentReference"`
	Type             []typeRef `json:"type"`
}

type typeRef struct {
	Code          string   `json:"code"`
	TargetProfile []string `json:"targetProfile"`
	Extension     []struct {
		URL      string `json:"url"`
		ValueURL string `json:"valueUrl"`
	} `json:"extension"`
}

// readDefinitions returns the base definitions of a bundle; profiles (constraints) and logical models are left out.
func readDefinitions(path string) ([]definition, error) {
	text, err := os.ReadFile(path) // #nosec G304 -- the folder that the caller named
	if err != nil {
		return nil, err
	}
	var bundle struct {
		Entry []struct {
			Resource json.RawMessage `json:"resource"`
		} `json:"entry"`
	}
	if err := json.Unmarshal(text, &bundle); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	var all []definition
	for _, e := range bundle.Entry {
		var head struct {
			ResourceType string `json:"resourceType"`
		}
		if err := json.Unmarshal(e.Resource, &head); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		if head.ResourceType != "StructureDefinition" {
			continue
		}
		var d definition
		if err := json.Unmarshal(e.Resource, &d); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		if d.Derivation != "constraint" && d.Kind != "logical" {
			all = append(all, d)
		}
	}
	return all, nil
}
