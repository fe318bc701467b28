package crtdl

import (
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/internal/finding"
	"github.com/crflink/crflink/mapping"
	"github.com/crflink/crflink/pseudonym"
)

// trial is a mapping with every rule for an item of every type, a line each.
type trial struct {
	text       strings.Builder
	forms      strings.Builder
	line       int
	expression map[int]int // the seed by line
	rule       map[int]tried
}

// tried is a rule for an item of a type.
type tried struct {
	seed, rule int
	kind       ecrf.Type
}

func (t *trial) add(format string, args ...any) {
	fmt.Fprintf(&t.text, format+"\n", args...)
	t.line++
}

// check tries every rule as lint does in a study with the usual de-identification. Rules that fit no type are taken out,
// with what lint says of them.
func (b *builder) check() error {
	profile, err := pseudonym.BuiltIn(pseudonym.DefaultProfile)
	if err != nil {
		return err
	}
	t := b.trial()
	d, _, err := ecrf.ParseDictionary("dictionary.yaml", []byte(t.forms.String()))
	if err != nil {
		return fmt.Errorf("try the rules of the CRTDL: %w", err)
	}
	_, findings := mapping.Load(only(t.text.String()), "mapping.yaml", d, mapping.Behind(profile, pseudonym.None))
	wrong := map[tried]string{}
	for _, f := range findings {
		if f.Severity != finding.Error {
			continue
		}
		if tried, ok := t.rule[f.Line]; ok {
			wrong[tried] = f.Message
			continue
		}
		seed, ok := t.expression[f.Line]
		if !ok {
			return fmt.Errorf("try the rules of the CRTDL: %v", f)
		}
		b.discard(seed, f.Message)
	}
	for i := range b.out.Seeds {
		b.out.Seeds[i].settle(i, wrong)
	}
	return nil
}

// trial writes the mapping and its dictionary.
func (b *builder) trial() *trial {
	t := &trial{expression: map[int]int{}, rule: map[int]tried{}}
	t.forms.WriteString("study: trial\nversion: '1'\nevents: [{name: once, forms: [all]}]\ncodelists: {any: {a: a}}\nforms:\n  - name: all\n    items:\n      - {name: none, type: text}\n")
	t.add("study: trial\nversion: '1'\nmaps: {any: {a: a}}\nnames:")
	t.line += 3
	for _, name := range slices.Sorted(maps.Keys(b.names)) {
		t.add("  %s: %s", name, quoted(b.names[name]))
	}
	t.add("parameters:")
	for _, p := range b.out.Parameters {
		t.add("  %s", p)
	}
	t.add("lists:")
	for _, l := range b.out.Lists {
		t.add("  %s", l)
	}
	t.add("expressions:")
	for i, e := range b.out.Expressions {
		t.add("  %s", e)
		t.expression[t.line] = b.where[i]
	}
	t.add("forms:\n  all:")
	t.line++
	for i, s := range b.out.Seeds {
		for j, r := range s.Rules {
			for k, kind := range ecrf.Types() {
				t.item(tried{i, j, kind}, fmt.Sprintf("i%ds%dr%d", k, i, j), r)
			}
		}
	}
	return t
}

func (t *trial) item(of tried, name string, r Rule) {
	text, list := r.Text, ""
	if of.kind == ecrf.Choice {
		text, list = strings.TrimSuffix(text, "}")+", map: any}", ", codelist: any"
	}
	fmt.Fprintf(&t.forms, "      - {name: %s, type: %s%s}\n", name, of.kind, list)
	t.add("    %s: %s", name, text)
	t.rule[t.line] = of
}

// discard takes out the rules of a seed whose condition cannot be.
func (b *builder) discard(seed int, why string) {
	s := &b.out.Seeds[seed]
	if len(s.Rules) > 0 {
		s.Rules = nil
		s.remark("Not taken over: the condition of its filters: " + oneLine(why) + ".")
	}
	at := slices.Index(b.where, seed)
	if at >= 0 {
		b.where = slices.Delete(b.where, at, at+1)
		b.out.Expressions = slices.Delete(b.out.Expressions, at, at+1)
	}
}

// settle keeps the rules that fit an item of some type.
func (s *Seed) settle(seed int, wrong map[tried]string) {
	kept := s.Rules[:0]
	for j, r := range s.Rules {
		why := ""
		for _, kind := range ecrf.Types() {
			if message, bad := wrong[tried{seed, j, kind}]; bad {
				why = message
				continue
			}
			r.Fits = append(r.Fits, string(kind))
		}
		if len(r.Fits) == 0 {
			s.remark(fmt.Sprintf("Not taken over: %s: %s.", r.Attribute, oneLine(unnamed(why))))
			continue
		}
		kept = append(kept, r)
	}
	s.Rules = kept
}

// unnamed leaves the item of the trial out of a finding.
func unnamed(message string) string {
	if what, _, ok := strings.Cut(message, ", which item "); ok {
		return what + ", which no item can hold"
	}
	return message
}

// only is a file system of one file.
type only string

func (only) Open(name string) (fs.File, error) {
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
}

func (o only) ReadFile(string) ([]byte, error) { return []byte(o), nil }
