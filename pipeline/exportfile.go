package pipeline

import (
	"net/url"
	"slices"
	"strings"

	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/fhir/model"
	"github.com/crflink/crflink/internal/yamldoc"
)

// ExportSpec says how a server is read by $export.
type ExportSpec struct {
	Level   string   // one of ExportLevels; "" is system
	Group   string   // id of the Group, of level group
	Hosts   []string // on which files may lie besides the server's
	Filters []string // _typeFilter
	Since   string   // _since
}

// ExportLevels are the levels of exports.
func ExportLevels() []string { return []string{"system", "patient", "group"} }

func (l *loader) export(v yamldoc.Value, base string) *ExportSpec {
	if !v.Exists() {
		return nil
	}
	f := v.Fields("level", "group", "hosts", "type-filter", "since")
	e := &ExportSpec{Level: f["level"].Text(), Group: strings.TrimPrefix(f["group"].Text(), "Group/"), Hosts: f["hosts"].Texts(), Filters: f["type-filter"].Texts(), Since: f["since"].Text()}
	switch {
	case base == "":
		v.Errorf("fhir: URL", "only a FHIR server can export")
	case e.Level != "" && !slices.Contains(ExportLevels(), e.Level):
		f["level"].Errorf(strings.Join(ExportLevels(), ", "), "unknown level %q", e.Level)
	case (e.Level == "group") != (e.Group != ""):
		v.Errorf("level: group with group: ID", "an export of a Group, and no other, names the Group")
	case e.Group != "" && !fhir.IsID(e.Group):
		f["group"].Errorf("the id of the Group on the server", "%q is no FHIR id", e.Group)
	}
	for _, h := range f["hosts"].Items() {
		if u, err := url.Parse("https://" + h.Text()); err != nil || u.Host != h.Text() || h.Text() == "" {
			h.Errorf("HOST or HOST:PORT, without https://", "%q is no host", h.Text())
		}
	}
	l.filters(f["type-filter"])
	if s := f["since"]; s.Exists() {
		if d, err := fhir.ParseDateTime(s.Text()); err != nil || !isInstant(d) {
			s.Errorf("such as 2020-01-01T00:00:00+01:00", "since is no instant with a time zone")
		}
	}
	return e
}

func isInstant(d fhir.DateTime) bool {
	_, ok := d.Instant()
	return ok
}

// filters checks that each filter is a search of a type that belongs to patients. One of facts would hide refusals.
func (l *loader) filters(v yamldoc.Value) {
	for _, item := range v.Items() {
		typ, query, ok := strings.Cut(item.Text(), "?")
		switch t := model.Lookup(typ); {
		case !ok || query == "" || t == nil || t.Kind != model.Resource:
			item.Errorf("TYPE?PARAMETER=VALUE, such as Observation?category=laboratory", "%q is no search of a resource type", item.Text())
		case fhir.IsFact(typ):
			item.Errorf("leave it out", "%s is read whole: a filter could hide a refusal", typ)
		}
	}
}
