package pipeline

import (
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/internal/yamldoc"
	"github.com/crflink/crflink/mapping"
)

// SourceSpec names a source: files or a FHIR server.
type SourceSpec struct {
	Name    string // its alias, where the study has several
	Files   []string
	URL     string
	Auth    AuthSpec
	Limits  LimitSpec
	Plain   bool   // of several: its ids stay as they are
	Overlay string // the mapping file of its own rules; "" has none

	Export *ExportSpec // when the server is read by $export; nil when it is searched
}

// LimitSpec says how much is asked of a server. What is 0 is as usual.
type LimitSpec struct {
	Page   int           // resources in an answer
	AtOnce int           // requests under way
	Every  time.Duration // least time between two requests
	Post   bool          // searches are sent as POST _search
}

// Several reports whether the study has more than one source.
func (s *Study) Several() bool { return len(s.Sources) > 1 }

// inSource reports whether an id says of which of several sources it is, or may be one of the source whose ids stay as they are.
func (s *Study) inSource(id string) bool {
	return slices.ContainsFunc(s.Sources, func(source SourceSpec) bool { return source.Plain || strings.HasPrefix(id, source.Name+".") })
}

// places are what ids of a study with several sources depend on.
func (s *Study) places() (all []string) {
	for _, source := range s.Sources {
		name := source.Name
		if source.Plain {
			name += " plain"
		}
		all = append(all, name)
	}
	return all
}

// sourceKeys are the keys of a source.
var sourceKeys = []string{"name", "files", "fhir", "auth", "limits", "export", "mapping", "ids"}

func (l *loader) sources(v yamldoc.Value) {
	items := v.Items()
	seen, plain := map[string]bool{}, false
	for _, item := range items {
		f := item.Fields(sourceKeys...)
		s := l.source(item, f)
		if len(items) > 1 {
			if seen[s.Name] {
				f["name"].Errorf("", "there are two sources named %q", s.Name)
			} else if s.Name != "" && !fhir.IsAlias(s.Name) {
				f["name"].Errorf("small letters, digits and -, 20 at most", "%q cannot name a source among several: it stands in ids", s.Name)
			}
			if s.Plain && plain {
				f["ids"].Errorf("leave it out of all but one source", "the ids of one source only can stay as they are")
			}
			plain = plain || s.Plain
		} else if s.Plain {
			f["ids"].Errorf("leave it out", "the ids of a study's only source stay as they are")
		} else if s.Overlay != "" {
			f["mapping"].Errorf("write it into the study's mapping", "a study's only source has no rules of its own")
		}
		seen[s.Name] = true
		l.study.Sources = append(l.study.Sources, s)
	}
	if len(items) == 0 {
		l.doc.Root().Errorf("sources: [{name: hospital, fhir: URL}]", "the study has no source")
	}
}

func (l *loader) source(item yamldoc.Value, f map[string]yamldoc.Value) SourceSpec {
	s := SourceSpec{Name: l.required(item, f, "name"), URL: f["fhir"].Text(), Overlay: l.path(f["mapping"].Text())}
	for _, p := range f["files"].Texts() {
		s.Files = append(s.Files, l.path(p))
	}
	if (s.URL == "") == (len(s.Files) == 0) {
		item.Errorf("files: PATH or fhir: URL", "a source has either files or the base URL of a FHIR server")
	}
	s.Auth = l.auth(f["auth"], f["fhir"])
	s.Export = l.export(f["export"], s.URL)
	s.Limits = l.limits(f["limits"], s.URL)
	if ids := f["ids"]; ids.Exists() {
		s.Plain = ids.OneOf("aliased", "unchanged") == "unchanged"
	}
	return s
}

func (l *loader) limits(v yamldoc.Value, url string) (s LimitSpec) {
	if !v.Exists() {
		return s
	}
	if url == "" {
		v.Errorf("leave it out", "limits are of a FHIR server")
	}
	f := v.Fields("page", "at-once", "every", "post")
	s = LimitSpec{Page: f["page"].Int(), AtOnce: f["at-once"].Int(), Post: f["post"].Bool()}
	for _, name := range []string{"page", "at-once"} {
		if n := f[name]; n.Exists() && n.Int() < 1 {
			n.Errorf("a whole number from 1 on", "%s is less than 1", name)
		}
	}
	if every := f["every"]; every.Exists() {
		d, err := time.ParseDuration(every.Text())
		if err != nil || d < 0 {
			every.Errorf("for example 100ms", "not a duration")
		}
		s.Every = d
	}
	return s
}

// overlays are the files with rules of single sources, which lie beside the mapping or below.
func (l *loader) overlays(dir string) (options []mapping.Option) {
	for _, s := range l.study.Sources {
		if s.Overlay == "" {
			continue
		}
		name, err := filepath.Rel(dir, s.Overlay)
		if err != nil || !filepath.IsLocal(name) {
			l.doc.Root().Errorf("", "the mapping file of source %s has to lie beside the study's mapping, or below", s.Name)
			continue
		}
		options = append(options, mapping.LaidOver(s.Name, filepath.ToSlash(name)))
	}
	return options
}
