package pipeline

import (
	"github.com/crflink/crflink/internal/yamldoc"
	"github.com/crflink/crflink/pseudonym"
)

// targetKind is a kind of target that a study file may name.
type targetKind struct {
	name    string
	place   string // the key that says where it delivers
	entered bool   // people enter data into the same forms
}

var targetKinds = []targetKind{{name: "csv", place: "folder"}, {name: "odm", place: "file"}}

// TargetKinds are the kinds of targets that a study file may name.
func TargetKinds() []string {
	var names []string
	for _, k := range targetKinds {
		names = append(names, k.name)
	}
	return names
}

func kindOf(name string) targetKind {
	for _, k := range targetKinds {
		if k.name == name {
			return k
		}
	}
	return targetKind{}
}

// checkDates reports moved days in a target where people enter true ones: within one form two calendars would stand side by
// side, and a true day beside a moved one tells by how much.
func (k targetKind) checkDates(at yamldoc.Value, mode pseudonym.DateMode) {
	if k.entered && mode != pseudonym.None {
		at.Errorf("use dates: none for a target where people enter dates", "the study moves every subject's days, but people enter true dates into a target of kind %s", k.name)
	}
}
