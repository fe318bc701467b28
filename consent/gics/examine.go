package gics

import (
	"context"
	"strconv"

	"github.com/crflink/crflink/internal/checkup"
)

// nobody is a person identifier that no gICS has.
const nobody = "crflink-nobody-0"

// Examine finds out whether gICS answers as the study asks it: with a page of one document of the domain, or about a person
// whom it does not have. What it reads is not repeated in the remarks.
func Examine(ctx context.Context, o Options, r *checkup.Report) {
	s, err := prepare(o)
	if err != nil {
		r.Bad("settings", err, "")
		return
	}
	defer s.wire.Close()
	const hint = "check the base URL (it ends in /ttp-fhir/fhir/gics), the domain's name and the account's rights"
	if s.options.Ask != Domain {
		if _, err := s.askPerson(ctx, nobody); err != nil {
			r.Bad("domain", err, hint)
			return
		}
		r.Good("domain", "answers about single persons")
		return
	}
	p, err := s.page(ctx, 0, 1)
	switch {
	case err != nil:
		r.Bad("domain", err, hint)
	case p.total == 0:
		r.Add("domain", checkup.Doubtful, "no document", "nobody has consented there: is it the right domain?")
	default:
		r.Good("domain", strconv.Itoa(p.total)+" documents")
	}
}
