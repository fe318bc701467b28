package research

import (
	"cmp"
	"fmt"
	"strings"
)

// entity is a node of an RO-Crate's graph.
type entity map[string]any

func id(of string) entity { return entity{"@id": of} }

// crateContext is RO-Crate's, and what it does not have: the digest, by the name that Workflow Run RO-Crate gave it.
var crateContext = []any{"https://w3id.org/ro/crate/1.1/context", map[string]string{"sha256": "https://w3id.org/ro/terms/workflow-run#sha256"}}

// crateOf describes the folder as an RO-Crate 1.1 (w3id.org/ro/crate/1.1).
func crateOf(p *Package, files []File) ([]byte, error) {
	var parts []entity
	graph := []entity{
		{"@id": "ro-crate-metadata.json", "@type": "CreativeWork", "conformsTo": id("https://w3id.org/ro/crate/1.1"), "about": id("./")},
		nil,
		{"@id": "#terms", "@type": "CreativeWork", "name": "Terms of use", "description": p.terms()},
		{"@id": "#crflink", "@type": "SoftwareApplication", "name": "crflink", "version": p.Program},
		{
			"@id": "#run", "@type": "CreateAction", "name": fmt.Sprintf("run %d of crflink", p.Run), "endTime": p.AsOf,
			"instrument": id("#crflink"), "result": id("./"), "description": "The mapping with the SHA-256 " + p.Inputs["mapping"] + " was applied to the hospital's FHIR data.",
		},
	}
	for _, f := range files {
		parts = append(parts, id(f.Name))
		graph = append(graph, entity{
			"@id": f.Name, "@type": "File", "name": f.Title, "encodingFormat": f.Format, "contentSize": fmt.Sprint(f.Size), "sha256": f.SHA256,
		})
	}
	day, _, _ := strings.Cut(p.AsOf, "T")
	graph[1] = entity{
		"@id": "./", "@type": "Dataset", "name": p.Study.title(), "identifier": p.Study.ID, "version": p.Study.Version, "datePublished": day, "license": id("#terms"),
		"description": "Linked imaging studies and clinical forms of a study's subjects, pseudonymised. Start with README.md.", "hasPart": parts, "mentions": id("#run"),
	}
	if by := p.Study.Provider; by.Name != "" {
		graph[1]["author"], graph[1]["publisher"] = id(by.crateID()), id(by.crateID())
		graph = append(graph, by.entity())
	}
	return indented(entity{"@context": crateContext, "@graph": graph})
}

func (p Provider) crateID() string { return cmp.Or(p.URL, "#provider") }

func (p Provider) entity() entity {
	e := entity{"@id": p.crateID(), "@type": "Organization", "name": p.Name}
	if p.URL != "" {
		e["url"] = p.URL
	}
	if p.Contact != "" {
		e["description"] = "Questions: " + p.Contact
	}
	return e
}

// terms are under which conditions the package may be used.
func (p *Package) terms() string {
	if len(p.Approvals) == 0 {
		return "No licence. Use is governed by the agreement under which the package was handed over."
	}
	return "No licence. Use is governed by the agreement under which the package was handed over, within the approvals " + strings.Join(p.Approvals, ", ") + "."
}
