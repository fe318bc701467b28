package casetest

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/mapping"
	"github.com/crflink/crflink/pseudonym"
)

// Result sums a run up.
type Result struct {
	Passed, Failed int              // cases
	Expectations   int              // that were checked
	Untested       []string         // form.item that a rule fills and no case expects
	Unreached      []mapping.MapRow // rows of code maps that no case reaches
	// Unheld are, by source, the items with rules of its own that no case expects of it.
	Unheld map[string][]string
}

// Run runs the cases and writes a line for each, the differences of those that fail, what is not covered, and a
// summary. The error says that a case could not be run at all.
func Run(ctx context.Context, w io.Writer, study Study, files []File) (Result, error) {
	r := &runner{study: study, reached: map[mapping.MapRow]bool{}, expected: map[string]bool{}, held: map[string]map[string]bool{}}
	for _, f := range files {
		r.printf("%s\n", f.Name)
		for i := range f.Cases {
			if err := ctx.Err(); err != nil {
				return r.result, err
			}
			if err := r.oneCase(ctx, f.Name, &f.Cases[i]); err != nil {
				return r.result, fmt.Errorf("%s:%d: %w", f.Name, f.Cases[i].Line, err)
			}
		}
	}
	r.coverage()
	r.printf("%d passed, %d failed, %d expectations\n", r.result.Passed, r.result.Failed, r.result.Expectations)
	_, err := io.WriteString(w, r.out.String())
	return r.result, err
}

type runner struct {
	study    Study
	out      strings.Builder
	result   Result
	reached  map[mapping.MapRow]bool
	expected map[string]bool // form.item
	// held says by source with rules of its own which form.item a test expects of it: one that names it, or one that names none and
	// holds.
	held map[string]map[string]bool
}

func (r *runner) printf(format string, args ...any) { fmt.Fprintf(&r.out, format, args...) }

func (r *runner) oneCase(ctx context.Context, file string, c *Case) error {
	from := fhir.NewRecord(c.subject)
	for _, res := range c.given {
		res.Origin.Alias = c.source // what the cases of a file share is given to one after the other
		from.Add(res)
	}
	record, err := r.study.Admit(ctx, c.asOf, from)
	if err != nil {
		return fmt.Errorf("test %q: %w", c.Name, err)
	}
	book, err := r.study.Mapping.Fill(mapping.Input{
		Record: record, AsOf: c.asOf, Zone: r.study.Zone, Source: "given", StudyUID: studyUIDs(record, c.given), Entered: c.entered,
		Reached: func(row mapping.MapRow) { r.reached[row] = true },
	})
	if err != nil {
		r.result.Failed++
		r.printf("  FAIL  %s\n        %s:%d: %v\n", c.title(), file, c.Line, err)
		return nil
	}
	passed := r.judge(file, c, filled{instances: book.Instances(), originals: originals(record.Subject(), c.given)})
	if gone := unseen(record, c.given); len(gone) > 0 && !passed {
		r.printf("        no rule saw %s: without a full date, or not in the de-identification profile\n", strings.Join(gone, ", "))
	}
	return nil
}

// judge compares a casebook with a case's expectations and reports whether all hold.
func (r *runner) judge(file string, c *Case, f filled) bool {
	var differences strings.Builder
	for _, e := range c.expect {
		r.result.Expectations++
		if e.item != nil && !c.again {
			r.expected[e.name()] = true
		}
		want, got, same := f.compare(e)
		if c.again && !same && r.ownOf(c.source, e) {
			r.result.Expectations-- // it is about another rule
			continue
		}
		r.hold(c.source, e)
		if !same {
			line, col := e.at.KeyPos()
			fmt.Fprintf(&differences, "        %s:%d:%d: %s\n            expected  %s\n            got       %s\n", file, line, col, e.path, want, got)
		}
	}
	if differences.Len() == 0 {
		if !c.again {
			r.result.Passed++
			r.printf("  ok    %s\n", c.title())
		}
		return true
	}
	r.result.Failed++
	r.printf("  FAIL  %s\n%s", c.title(), differences.String())
	return false
}

// title is the case's name, with its source where that matters.
func (c *Case) title() string {
	if c.source == "" {
		return c.Name
	}
	return c.Name + " (source " + c.source + ")"
}

// name is form.item.
func (e expectation) name() string { return e.form.Name + "." + e.item.Name }

// ownOf reports whether a source has a rule of its own for what is expected; of a number of instances, any in the form.
func (r *runner) ownOf(source string, e expectation) bool {
	if e.item != nil {
		return r.study.Mapping.OwnRule(source, e.name())
	}
	return slices.ContainsFunc(r.study.Mapping.Items(), func(id string) bool {
		return strings.HasPrefix(id, e.form.Name+".") && r.study.Mapping.OwnRule(source, id)
	})
}

func (r *runner) hold(source string, e expectation) {
	if source == "" || e.item == nil {
		return
	}
	if r.held[source] == nil {
		r.held[source] = map[string]bool{}
	}
	r.held[source][e.name()] = true
}

// originals maps the keyed references of a record back to those that the case gives.
func originals(s pseudonym.Subject, given []*fhir.Resource) map[string]string {
	names := map[string]string{}
	for _, res := range given {
		names[res.Type+"/"+s.ResourceID(res.Key())] = res.Type + "/" + res.ID
	}
	return names
}

// unseen lists the given resources that did not reach the mapping.
func unseen(record *pseudonym.Record, given []*fhir.Resource) []string {
	var gone []string
	for _, res := range given {
		if res.ID != "" && record.Find(fhir.Key{Type: res.Type, ID: record.Subject().ResourceID(res.Key())}) == nil {
			gone = append(gone, res.Type+"/"+res.ID)
		}
	}
	return gone
}
