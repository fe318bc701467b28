package vfps

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"github.com/crflink/crflink/internal/wire"
	"github.com/crflink/crflink/pseudonym"
	"github.com/crflink/crflink/pseudonym/service"
)

// Operations of vfps. Creating is idempotent: an original that has a pseudonym gets it again.
const (
	opResolve = "$resolve-pseudonym"
	opCreate  = "$create-pseudonym"
)

// Options describe a vfps.
type Options struct {
	Wire      wire.Options // the base ends in /v1/fhir; time-outs default to 1 minute
	Namespace string
	Create    bool   // let vfps create pseudonyms; else only such count that enrolment created
	Site      string // the site of all numbers
	Parallel  int    // calls at the same time; 8 when 0. A call is about one original
}

// Numbers asks vfps for subject numbers. What it has learnt is not asked for again: it is for one run. It may be used from
// several goroutines.
type Numbers struct {
	*service.Numbers
	options Options
	wire    *wire.Operator
}

var _ pseudonym.Prefetcher = (*Numbers)(nil)

// New prepares. Nothing is sent before the first Prefetch.
func New(o Options) (*Numbers, error) {
	if o.Namespace == "" {
		return nil, errors.New("vfps: no namespace is configured")
	}
	if o.Parallel <= 0 {
		o.Parallel = 8
	}
	if o.Wire.Timeout <= 0 {
		o.Wire.Timeout = time.Minute
	}
	if o.Wire.MaxBody <= 0 {
		o.Wire.MaxBody = 1 << 20
	}
	operator, err := wire.NewOperator(o.Wire, opResolve, opCreate)
	if err != nil {
		return nil, fmt.Errorf("vfps: %w", err)
	}
	return &Numbers{Numbers: service.NewNumbers("vfps", o.Site), options: o, wire: operator}, nil
}

// Prefetch asks for patients that were not asked for yet. The first call goes alone: where it is refused, no further
// original is sent.
func (n *Numbers) Prefetch(ctx context.Context, ids []pseudonym.Identity) error {
	return n.Fetch(ctx, ids, service.How{Batch: 1, Parallel: n.options.Parallel, Lead: true}, n.ask)
}

// Close closes connections.
func (n *Numbers) Close() error {
	n.wire.Close()
	return nil
}

// Errors of single patients. They name nobody.
var (
	errRejected = errors.New("vfps rejects the patient's identifier: it does not meet the rule of the namespace")
	errOther    = errors.New("vfps answered for another patient or namespace")
	errNoneMade = errors.New("vfps gave no pseudonym")
)

// parameters is a Parameters resource (FHIR R4) of string values.
type parameters struct {
	ResourceType string      `json:"resourceType"`
	Parameter    []parameter `json:"parameter"`
}

type parameter struct {
	Name  string `json:"name"`
	Value string `json:"valueString"`
}

func (p parameters) text(name string) string {
	i := slices.IndexFunc(p.Parameter, func(q parameter) bool { return q.Name == name })
	if i < 0 {
		return ""
	}
	return p.Parameter[i].Value
}

// ask asks about one original.
func (n *Numbers) ask(ctx context.Context, originals []string) (map[string]service.Answer, error) {
	original, operation := originals[0], opResolve
	if n.options.Create {
		operation = opCreate
	}
	body, err := json.Marshal(parameters{"Parameters", []parameter{{"namespace", n.options.Namespace}, {"originalValue", original}}})
	if err != nil {
		return nil, errors.New("the request cannot be written")
	}
	var out parameters
	err = n.wire.Post(ctx, operation, nil, body, func(a wire.Answer) error { return decode(a, &out) })
	if a, ok := n.told(err); ok {
		return map[string]service.Answer{original: a}, nil
	}
	if err != nil {
		return nil, err
	}
	return map[string]service.Answer{original: n.judge(out, original)}, nil
}

// told reads a refusal that is about the original alone. A namespace that is unknown is reported as 404, too, but with
// another code; a vfps that knows no $resolve-pseudonym answers 404 without an OperationOutcome. Both end the run.
func (n *Numbers) told(err error) (service.Answer, bool) {
	var status *wire.StatusError
	switch {
	case !errors.As(err, &status):
		return service.Answer{}, false
	case status.Status == http.StatusUnprocessableEntity:
		return service.Answer{Err: errRejected}, true
	case status.Status == http.StatusNotFound && slices.Equal(status.Issues, []string{"not-found"}) && !n.options.Create:
		return service.Answer{}, true // not enrolled yet
	}
	return service.Answer{}, false
}

func (n *Numbers) judge(out parameters, original string) service.Answer {
	pseudonym := out.text("pseudonymValue")
	switch {
	case out.text("originalValue") != original || out.text("namespace") != n.options.Namespace:
		return service.Answer{Err: errOther}
	case pseudonym == "":
		return service.Answer{Err: errNoneMade}
	}
	return service.Answer{Pseudonym: pseudonym}
}

// decode reads a Parameters resource. What cannot be read is not repeated in the error: it may name patients.
func decode(a wire.Answer, into *parameters) error {
	text, err := io.ReadAll(a.Body)
	if err != nil {
		return err
	}
	*into = parameters{}
	switch {
	case json.Unmarshal(text, into) != nil:
		return fmt.Errorf("%w: it is not a Parameters resource; a login page or a proxy may have answered", wire.ErrBroken)
	case into.ResourceType != "Parameters":
		return errors.New("the answer is not a Parameters resource; check the base URL")
	}
	return nil
}
