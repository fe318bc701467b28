package mapping

import (
	"github.com/crflink/crflink/fhir/model"
)

func isResourceType(name string) bool {
	t := model.Lookup(name)
	return t != nil && t.Kind == model.Resource && !t.Abstract
}

func resourceTypes() []string {
	var names []string
	for _, t := range model.All() {
		if t.Kind == model.Resource && !t.Abstract {
			names = append(names, t.Name)
		}
	}
	return names
}
