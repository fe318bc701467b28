package rest

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"

	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/internal/wire"
)

// capability is what a server says that it can do (FHIR R4, CapabilityStatement). A server that does not say is taken
// to know every type and its usual parameters.
type capability struct {
	known bool
	types map[string][]string // search parameters by type
}

func (c *capability) has(typ string) bool {
	_, ok := c.types[typ]
	return ok || !c.known
}

// parameter returns the search parameter that finds resources of the type by patient, "" when there is none, and whether
// its values name the type of what is referred to.
func (c *capability) parameter(typ string) (name string, typed bool) {
	usual := fhir.SubjectParameter(typ)
	offered := c.types[typ]
	if len(offered) == 0 || slices.Contains(offered, usual) {
		return usual, usual != "patient"
	}
	if slices.Contains(offered, "subject") {
		return "subject", true
	}
	return usual, usual != "patient" // some servers list only what they add
}

// capability asks once.
func (s *Source) capability(ctx context.Context) (*capability, error) {
	c := &capability{}
	target := s.wire.Base().JoinPath("metadata")
	err := s.wire.Get(ctx, target, func(a wire.Answer) error {
		text, err := io.ReadAll(a.Body)
		if err != nil {
			return err
		}
		r, err := fhir.ReadResource(string(text), fhir.Origin{Source: s.Name() + " metadata"})
		if err != nil || r.Type != "CapabilityStatement" {
			return errors.Join(wire.ErrBroken, err)
		}
		c = capabilityOf(r)
		return nil
	})
	var status *wire.StatusError
	if errors.As(err, &status) && (status.Status == http.StatusNotFound || status.Status == http.StatusForbidden || status.Status == http.StatusNotImplemented) {
		return &capability{}, nil
	}
	return c, err
}

func capabilityOf(r *fhir.Resource) *capability {
	c := &capability{types: map[string][]string{}}
	for rest := range r.Get("rest").Elements() {
		for res := range rest.Get("resource").Elements() {
			c.known = true
			names := []string{}
			for p := range res.Get("searchParam").Elements() {
				names = append(names, p.Get("name").Text())
			}
			c.types[res.Get("type").Text()] = names
		}
	}
	return c
}
