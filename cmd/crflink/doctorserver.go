package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/crflink/crflink/consent/gics"
	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/fhir/ndjson"
	"github.com/crflink/crflink/fhir/rest"
	"github.com/crflink/crflink/internal/checkup"
	"github.com/crflink/crflink/internal/wire"
	"github.com/crflink/crflink/pipeline"
	"github.com/crflink/crflink/pseudonym"
)

// doctorRetries keeps an examination from waiting as long as a run would.
const doctorRetries = 1

func (e *examination) sources(ctx context.Context) {
	for _, s := range e.study.Sources {
		r := e.about("source " + s.Name)
		if s.URL == "" {
			e.files(r, s)
			continue
		}
		options, ok := e.server(ctx, r, s.URL, s.Auth)
		if !ok {
			continue
		}
		seen := map[string]bool{}
		var types []string
		for _, typ := range append(fhir.FactTypes(), e.study.Mapping.Types()...) {
			if !seen[typ] {
				seen[typ] = true
				types = append(types, typ)
			}
		}
		err := rest.Examine(ctx, rest.Options{Name: s.Name, Wire: options}, rest.Examination{Types: types, Identifier: e.study.Identity.System}, r)
		if err != nil {
			r.Bad("examination", err, "")
		}
	}
}

func (e *examination) files(r *checkup.Report, s pipeline.SourceSpec) {
	source, err := ndjson.Open(s.Files, ndjson.Options{Name: s.Name})
	if err != nil {
		r.Bad("files", err, "")
		return
	}
	if err := source.Close(); err != nil {
		r.Bad("files", err, "")
		return
	}
	for _, name := range s.Files {
		if _, err := os.ReadDir(name); err != nil {
			if f, err := os.Open(name); err != nil { // #nosec G304 -- a file that the study names
				r.Bad("files", err, "let the account read it")
				return
			} else if err := f.Close(); err != nil {
				r.Bad("files", err, "")
				return
			}
		}
	}
	r.Good("files", "can be read")
}

// server examines what all servers have in common, and reports whether going on makes sense.
func (e *examination) server(ctx context.Context, r *checkup.Report, url string, auth pipeline.AuthSpec) (wire.Options, bool) {
	options, err := server(url, auth)
	if err != nil {
		r.Bad("credentials", err, "")
		return options, false
	}
	options.Retries = doctorRetries
	e.expiries(r, options)
	contact, err := wire.Knock(ctx, options)
	if err != nil {
		r.Bad("reached", err, advice(err))
		return options, false
	}
	r.Good("reached", url)
	if !contact.Certificate.IsZero() {
		r.Expiry("certificate", contact.Certificate, e.now(), "the server's operators have to renew it")
	}
	if !contact.Clock.IsZero() {
		r.Clock(contact.Clock, e.now())
	}
	return options, e.token(ctx, r, options)
}

// advice is what a person can look at when a server was not reached.
func advice(err error) string {
	if trust := wire.Trust(err); trust != "" {
		return trust
	}
	return strings.Trim(hint(err), " ()")
}

func (e *examination) token(ctx context.Context, r *checkup.Report, options wire.Options) bool {
	asked, err := wire.TryToken(ctx, options)
	if err != nil {
		r.Bad("token", err, advice(err))
		return false
	}
	if asked {
		r.Good("token", "the authorisation server gives one")
	}
	return true
}

// expiries tells when what crflink shows to the server is over.
func (e *examination) expiries(r *checkup.Report, options wire.Options) {
	all, err := options.Expiries()
	if err != nil {
		r.Bad("credentials", err, "")
	}
	for _, x := range all {
		r.Expiry(x.What, x.At, e.now(), "get a new one in time")
	}
}

func (e *examination) consents(ctx context.Context) {
	spec := e.study.Consents
	if spec == nil {
		return
	}
	r := e.about("consents gICS")
	if options, ok := e.server(ctx, r, spec.URL, spec.Auth); ok {
		gics.Examine(ctx, gicsOptions(options, spec), r)
	}
}

// numbers asks the service that numbers subjects for one whom it cannot know, and creates nothing.
func (e *examination) numbers(ctx context.Context) {
	if e.study.Numbers == nil {
		return
	}
	spec := *e.study.Numbers
	r := e.about("numbers " + spec.From)
	if _, ok := e.server(ctx, r, spec.URL, spec.Auth); !ok {
		return
	}
	if spec.API == "1.10.1" {
		r.Add("domain", checkup.Doubtful, "not asked: this gPAS cannot be asked without creating a number", "")
		return
	}
	spec.Create = false
	service, err := openNumbers(&spec)
	if err != nil {
		r.Bad("domain", err, "")
		return
	}
	defer func() { _ = service.Close() }()
	if err := service.Prefetch(ctx, []pseudonym.Identity{{System: e.study.Identity.System, Value: "crflink-nobody-0"}}); err != nil {
		r.Bad("domain", err, "check the base URL, the domain's name and the account's rights")
		return
	}
	r.Good("domain", fmt.Sprintf("answers; the study lets it create numbers: %t", e.study.Numbers.Create))
}
