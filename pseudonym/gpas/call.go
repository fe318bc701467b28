package gpas

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/crflink/crflink/internal/wire"
	"github.com/crflink/crflink/pseudonym/service"
)

// ask asks in the configured way, or finds the way out.
func (n *Numbers) ask(ctx context.Context, originals []string) (map[string]service.Answer, error) {
	if !n.options.Create {
		return n.post(ctx, opRead, originals)
	}
	switch n.naming() {
	case Since1103:
		return n.post(ctx, opCreate, originals)
	case Only1102:
		return n.post(ctx, opCreateOld, originals)
	case Before1102:
		return n.get(ctx, originals[0])
	}
	return n.probe(ctx, originals)
}

// probe tries the two namings by POST. Where the service refuses both, the refusal of the newer one tells more.
func (n *Numbers) probe(ctx context.Context, originals []string) (map[string]service.Answer, error) {
	answers, err := n.post(ctx, opCreate, originals)
	if isUnknown(err) {
		older, olderErr := n.post(ctx, opCreateOld, originals)
		if olderErr != nil {
			return nil, fmt.Errorf("%w; check the base URL and whether the domain exists; a gPAS before 1.10.2 needs its api configured", err)
		}
		n.found(Only1102)
		return older, nil
	}
	if err == nil {
		n.found(Since1103)
	}
	return answers, err
}

func (n *Numbers) found(api API) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.api = api
}

// isUnknown reports whether the service may not know the operation.
func isUnknown(err error) bool {
	var status *wire.StatusError
	if !errors.As(err, &status) {
		return false
	}
	switch status.Status {
	case http.StatusBadRequest, http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusNotImplemented:
		return true
	}
	return false
}

// parameter is a parameter of a Parameters resource (FHIR R4) as gPAS writes them.
type parameter struct {
	Name            string      `json:"name"`
	ValueString     string      `json:"valueString,omitempty"`
	ValueIdentifier identifier  `json:"valueIdentifier,omitzero"`
	ValueCoding     coding      `json:"valueCoding,omitzero"`
	Part            []parameter `json:"part,omitempty"`
}

type identifier struct {
	Value string `json:"value"`
}

type coding struct {
	Code string `json:"code"`
}

type parameters struct {
	ResourceType string      `json:"resourceType"`
	Parameter    []parameter `json:"parameter"`
}

func (n *Numbers) post(ctx context.Context, operation string, originals []string) (map[string]service.Answer, error) {
	in := parameters{"Parameters", []parameter{{Name: "target", ValueString: n.options.Domain}}}
	for _, o := range originals {
		in.Parameter = append(in.Parameter, parameter{Name: "original", ValueString: o})
	}
	body, err := json.Marshal(in)
	if err != nil {
		return nil, errors.New("the request cannot be written")
	}
	var answers map[string]service.Answer
	err = n.wire.Post(ctx, operation, nil, body, func(a wire.Answer) error {
		out, err := read(a)
		if err != nil {
			return err
		}
		answers = n.match(out, originals)
		return nil
	})
	return answers, err
}

// get asks for one original as gPAS before 1.10.2 wants it: the answer's parameter is named by the original.
func (n *Numbers) get(ctx context.Context, original string) (map[string]service.Answer, error) {
	m := matcher{domain: n.options.Domain, create: true, answers: map[string]service.Answer{}, asked: map[string]bool{original: true}}
	query := url.Values{"domain": {n.options.Domain}, "original": {original}}
	err := n.wire.Get(ctx, opCreateOld, query, func(a wire.Answer) error {
		out, err := read(a)
		if err != nil {
			return err
		}
		clear(m.answers)
		for _, p := range out.Parameter {
			m.take(p.Name, "", p.ValueString, "")
		}
		return nil
	})
	var status *wire.StatusError
	if errors.As(err, &status) && status.Status == http.StatusUnprocessableEntity { // the refusal of this original
		return map[string]service.Answer{original: {Err: err}}, nil
	}
	return m.answers, err
}

// read reads a Parameters resource. What cannot be read is not repeated in the error: it may name patients.
func read(a wire.Answer) (out parameters, err error) {
	text, err := io.ReadAll(a.Body)
	switch {
	case err != nil:
		return out, err
	case json.Unmarshal(text, &out) != nil:
		return out, fmt.Errorf("%w: it is not a Parameters resource; a login page or a proxy may have answered", wire.ErrBroken)
	case out.ResourceType != "Parameters":
		return out, errors.New("the answer is not a Parameters resource; check the base URL")
	}
	return out, nil
}
