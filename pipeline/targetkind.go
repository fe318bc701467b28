package pipeline

import (
	"slices"
	"strings"

	"github.com/crflink/crflink/internal/yamldoc"
	"github.com/crflink/crflink/pseudonym"
)

// targetKind is a kind of target that a study file may name.
type targetKind struct {
	name    string
	place   string // the key that says where it delivers: a path, or the address of a database
	entered bool   // people enter data into the same forms
	files   bool   // what is delivered are files, which say the same when the same is delivered
	dated   bool   // and they say for which as-of
	options func(*loader, map[string]yamldoc.Value, *TargetSpec)
	keys    []string // that options reads
}

var targetKinds = []targetKind{
	{name: "csv", place: "folder", files: true},
	{name: "odm", place: "file", files: true, dated: true, keys: []string{"version", "type"}, options: (*loader).odm},
	{name: "libreclinica", place: "file", entered: true, keys: []string{"export", "freeze"}, options: (*loader).libreClinica},
	{name: "parquet", place: "folder", files: true},
	{name: "xlsx", place: "file", files: true},
	{name: "dataset-json", place: "folder", files: true, dated: true, keys: []string{"format"}, options: (*loader).datasetJSON},
	{name: "questionnaire", place: "folder", files: true, dated: true},
	{name: "sqlite", place: "file", files: true},
	{name: "postgres", place: "database", keys: []string{"schema", "password-env", "password-file", "ca"}, options: (*loader).postgres},
	{name: "redcap", place: "url", entered: true, keys: redcapKeys, options: (*loader).redcap},
}

// TargetKinds are the kinds of targets that a study file may name.
func TargetKinds() []string {
	var names []string
	for _, k := range targetKinds {
		names = append(names, k.name)
	}
	return names
}

// targetKeys are the keys that a target of any kind may have.
var targetKeys = []string{
	"name", "kind", "folder", "file", "version", "type", "database", "schema", "password-env", "password-file", "ca", "format", "export",
	"url", "auth", "project", "createRecords", "policy", "policies", "freeze", "names", "data-access-groups", "missing-codes", "form-status", "requests-per-minute",
}

// read takes over what a target says beside its name and kind, and reports keys that targets of its kind do not have.
func (k targetKind) read(l *loader, f map[string]yamldoc.Value, t *TargetSpec) {
	for _, key := range targetKeys[2:] {
		if v := f[key]; v.Exists() && k.name != "" && key != k.place && !slices.Contains(k.keys, key) {
			v.Errorf("its keys are "+strings.Join(append([]string{"name", "kind", k.place}, k.keys...), ", "), "a target of kind %s has no %s", k.name, key)
		}
	}
	if k.options != nil {
		k.options(l, f, t)
	}
}

// where is the place that a target delivers to.
func (k targetKind) where(l *loader, at string) string {
	if k.place == "database" || k.place == "url" {
		return at
	}
	return l.path(at)
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
