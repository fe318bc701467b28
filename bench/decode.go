package main

import (
	"errors"
	"fmt"

	"github.com/valyala/fastjson"

	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/fhir/fhirpath"
)

// paths are the 12 that are extracted from every resource.
var paths = [][]string{
	{"resourceType"}, {"id"}, {"status"}, {"meta", "lastUpdated"}, {"subject", "reference"}, {"effectiveDateTime"}, {"code", "coding", "0", "system"},
	{"code", "coding", "0", "code"}, {"valueQuantity", "value"}, {"valueQuantity", "code"}, {"recordedDate"}, {"period", "start"},
}

var expressions = []string{
	"id", "meta.lastUpdated", "meta.profile.first()", "meta.security.code", "language", "implicitRules", "text.status", "contained.exists()",
	"meta.versionId", "meta.security.exists(code = 'HTEST')", "meta.lastUpdated.exists()", "id.length() > 3",
}

// decode compares reading with that of others.
func decode(lines []string, size int64, rounds int) ([]Figure, error) {
	ours, theirs := &tableReader{}, &fastReader{}
	expr, err := newExpressionReader()
	if err != nil {
		return nil, err
	}
	each := func(read func(string) error) side {
		return inProcess(func() error {
			for _, line := range lines {
				if err := read(line); err != nil {
					return err
				}
			}
			return nil
		})
	}
	t, err := medians(rounds, each(ours.read), each(theirs.read), each(theirs.parse), each(decodeSamply), each(expr.read))
	if err != nil {
		return nil, err
	}
	if ours.found != theirs.found || ours.found == 0 {
		return nil, fmt.Errorf("the readers disagree: %d values and %d", ours.found, theirs.found)
	}
	rate := func(seconds float64) float64 { return float64(size) / 1e6 / seconds }
	against := func(name string, seconds float64) string { return fmt.Sprintf("%s %.0f MB/CPU-s", name, rate(seconds)) }
	list := []Figure{
		{Name: "decode and 12 paths", Value: rate(t[0]), Unit: "MB/CPU-s", Against: against("fastjson and 12 paths", t[1]), Better: higher},
		Figure{Name: "decode and 12 paths / fastjson Parse", Value: t[2] / t[0], Unit: "x", Against: against("fastjson Parse", t[2]), Better: higher}.within(0.3, 0.5),
		Figure{Name: "decode and 12 paths / samply structs", Value: t[3] / t[0], Unit: "x", Against: against("encoding/json", t[3]), Better: higher}.within(4, 6),
		{Name: "decode and 12 FHIRPath expressions", Value: rate(t[4]), Unit: "MB/CPU-s", Against: against("encoding/json alone", t[3]), Better: higher},
	}
	return list, nil
}

// tableReader is our side.
type tableReader struct {
	table fhir.Table
	found int
}

func (r *tableReader) read(line string) error {
	if err := r.table.Parse(line); err != nil {
		return err
	}
	for _, path := range paths {
		n := r.table.Root()
		for _, name := range path {
			if name == "0" {
				n = n.First()
			} else {
				n = n.Get(name)
			}
		}
		if n.Text() != "" {
			r.found++
		}
	}
	return nil
}

// fastReader is fastjson's.
type fastReader struct {
	parser fastjson.Parser
	found  int
}

func (r *fastReader) parse(line string) error {
	_, err := r.parser.Parse(line)
	return err
}

func (r *fastReader) read(line string) error {
	v, err := r.parser.Parse(line)
	if err != nil {
		return err
	}
	for _, path := range paths {
		if v.Get(path...) != nil {
			r.found++
		}
	}
	return nil
}

// expressionReader evaluates FHIRPath that is valid for every type.
type expressionReader struct {
	resource fhir.Resource
	compiled []*fhirpath.Expr
	env      fhirpath.Env
	values   []fhirpath.Value
}

func newExpressionReader() (*expressionReader, error) {
	r := &expressionReader{}
	for _, text := range expressions {
		e, err := fhirpath.Compile(text, fhirpath.Options{})
		if err != nil {
			return nil, errors.Join(errors.New("bench's expression "+text), err)
		}
		r.compiled = append(r.compiled, e)
	}
	return r, nil
}

func (r *expressionReader) read(line string) error {
	if err := r.resource.Read(line, fhir.Origin{}); err != nil {
		return err
	}
	for _, e := range r.compiled {
		values, err := e.Eval(&r.env, r.resource.Node, r.values[:0])
		if err != nil {
			return err
		}
		r.values = values
	}
	return nil
}
