package rest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/crflink/crflink/internal/checkup"
	"github.com/crflink/crflink/internal/wire"
)

// Examination says what of a server is looked at.
type Examination struct {
	Types      []string // that a study reads
	Identifier string   // system by which the study knows patients; "" is Patient.id
}

// nobody is the id of a patient whom no server has.
const nobody = "crflink-nobody-0"

// sampled is how many Patients a page of the sample has.
const sampled = 20

// Examine finds out whether a server can do what a study needs. Of patients it reads a page of Patients and one of them
// again, nothing clinical; of everything else it asks for counts. What it reads is not repeated in the remarks.
func Examine(ctx context.Context, o Options, e Examination, r *checkup.Report) error {
	s, err := New(o)
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }()
	x := &examiner{source: s, Examination: e, Report: r}
	if !x.capability(ctx) {
		return ctx.Err()
	}
	for _, typ := range e.Types {
		x.typ(ctx, typ)
	}
	x.lastUpdated(ctx)
	x.sample(ctx)
	return ctx.Err()
}

type examiner struct {
	Examination
	*checkup.Report
	source *Source
	can    *capability
	totals map[string]int
}

// capability asks what the server says of itself, and reports whether going on makes sense.
func (x *examiner) capability(ctx context.Context) bool {
	x.totals = map[string]int{}
	var said struct {
		ResourceType string `json:"resourceType"`
		FHIRVersion  string `json:"fhirVersion"`
		Software     struct{ Name, Version string }
	}
	err := x.get(ctx, x.source.wire.Base().JoinPath("metadata"), &said)
	var status *wire.StatusError
	switch {
	case err != nil && !errors.As(err, &status):
		x.Bad("capabilities", err, "ask in a browser for the base URL with /metadata behind it")
		return false
	case err != nil && status.Status == http.StatusUnauthorized:
		x.Bad("capabilities", err, "")
		return false
	case err != nil:
		x.Add("capabilities", checkup.Doubtful, err.Error(), "what the server can do is tried out")
		x.can = &capability{}
		return true
	case said.ResourceType != "CapabilityStatement":
		x.Add("capabilities", checkup.Bad, "the answer is no CapabilityStatement", "check the base URL: a login page or a proxy may have answered")
		return false
	case !strings.HasPrefix(said.FHIRVersion, "4.0") && said.FHIRVersion != "":
		x.Add("version", checkup.Bad, "FHIR "+plain(said.FHIRVersion), "crflink reads FHIR R4 (4.0)")
	default:
		x.Good("version", strings.TrimSpace(fmt.Sprintf("FHIR %s, %s %s", plain(said.FHIRVersion), plain(said.Software.Name), plain(said.Software.Version))))
	}
	x.can, err = x.source.capability(ctx)
	if err != nil {
		x.Bad("capabilities", err, "")
	}
	return err == nil
}

// plain shortens what a server calls itself, and lets only ordinary characters through.
func plain(text string) string {
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return -1
		}
		return r
	}, text)
	return text[:min(len(text), 60)]
}

// typ counts a type, and tries whether its search by patient is heeded.
func (x *examiner) typ(ctx context.Context, typ string) {
	if !x.can.has(typ) {
		x.Add(typ, checkup.Doubtful, "the server does not list this type", "items that need it stay empty")
	}
	total, err := x.count(ctx, typ, "")
	var status *wire.StatusError
	switch {
	case errors.As(err, &status) && (status.Status == http.StatusForbidden || status.Status == http.StatusUnauthorized):
		x.Add(typ, checkup.Bad, err.Error(), "let the account read and search "+typ)
		return
	case errors.As(err, &status) && !x.can.has(typ):
		return
	case err != nil:
		x.Bad(typ, err, "")
		return
	}
	x.totals[typ] = total
	if total == 0 {
		v, hint := checkup.Doubtful, "nobody would be delivered"
		if typ != "Patient" && typ != "Consent" {
			v, hint = checkup.Good, ""
		}
		x.Add(typ, v, "none", hint)
		return
	}
	x.byPatient(ctx, typ, total)
}

// byPatient asks for the resources of a patient whom the server does not have: a server that finds any does not heed whose
// they are.
func (x *examiner) byPatient(ctx context.Context, typ string, total int) {
	said := strconv.Itoa(total)
	name, typed := x.can.parameter(typ)
	if typ == "Patient" || name == "" { // as Medication, which is found by who refers to it
		x.Good(typ, said)
		return
	}
	value := nobody
	if typed {
		value = "Patient/" + nobody
	}
	found, err := x.count(ctx, typ, name+"="+url.QueryEscape(value))
	switch {
	case err != nil && unknownPatient(err), err == nil && found == 0:
		x.Good(typ, said)
	case err != nil:
		x.Add(typ, checkup.Bad, said+", but searched by "+name+": "+err.Error(), "the server has to offer the search parameter "+name)
	default:
		x.Add(typ, checkup.Bad, said+", and the search parameter "+name+" is not heeded", "the server has to offer the search parameter "+name)
	}
}

// unknownPatient reports whether a server refuses to search for a patient whom it does not have, as some do.
func unknownPatient(err error) bool {
	var status *wire.StatusError
	return errors.As(err, &status) && (status.Status == http.StatusNotFound || slices.Contains(status.Issues, "not-found"))
}

// lastUpdated looks for resources of a far future: a server that finds any does not heed the parameter.
func (x *examiner) lastUpdated(ctx context.Context) {
	const hint = "nothing to do: each run reads all, and recognises what has not changed by its content"
	if x.totals["Patient"] == 0 {
		return
	}
	found, err := x.count(ctx, "Patient", "_lastUpdated=gt2999-01-01")
	switch {
	case err != nil:
		x.Add("_lastUpdated", checkup.Good, "refused", hint)
	case found > 0:
		x.Add("_lastUpdated", checkup.Good, "not heeded", hint)
	default:
		x.Good("_lastUpdated", "heeded")
	}
}

// examinedPage is what is looked at of a page.
type examinedPage struct {
	Total *int                             `json:"total"`
	Link  []struct{ Relation, URL string } `json:"link"`
	Entry []struct {
		Resource examinedPatient `json:"resource"`
	} `json:"entry"`
}

type examinedPatient struct {
	ResourceType string `json:"resourceType"`
	ID           string `json:"id"`
	Meta         struct {
		LastUpdated string `json:"lastUpdated"`
	} `json:"meta"`
	Identifier []struct{ System, Value string } `json:"identifier"`
}

// sample reads a page of Patients, and one of them again.
func (x *examiner) sample(ctx context.Context) {
	if x.totals["Patient"] == 0 {
		return
	}
	target := x.source.wire.Base().JoinPath("Patient")
	target.RawQuery = "_count=" + strconv.Itoa(sampled)
	var page examinedPage
	if err := x.get(ctx, target, &page); err != nil {
		x.Bad("sample", err, "")
		return
	}
	known, stamped, patients := 0, 0, 0
	var first string
	for _, entry := range page.Entry {
		p := entry.Resource
		if p.ResourceType != "Patient" || p.ID == "" {
			continue
		}
		patients++
		first = p.ID
		if p.Meta.LastUpdated != "" {
			stamped++
		}
		if x.Identifier == "" || slices.ContainsFunc(p.Identifier, func(i struct{ System, Value string }) bool { return i.System == x.Identifier && i.Value != "" }) {
			known++
		}
	}
	x.told(patients, known, stamped)
	x.nextLink(page)
	if first != "" {
		x.again(ctx, first)
	}
}

func (x *examiner) told(patients, known, stamped int) {
	switch {
	case patients == 0:
		x.Add("sample", checkup.Bad, "a page of Patients holds none", "the server counts Patients that it does not show: check the account's rights")
		return
	case known == 0:
		x.Add("identifier", checkup.Bad, fmt.Sprintf("none of %d Patients has one of the study's system", patients), "check subject: identifier: in the study file")
	case known < patients:
		x.Add("identifier", checkup.Doubtful, fmt.Sprintf("%d of %d Patients have one of the study's system", known, patients), "the others cannot be identified, and are listed as failed")
	default:
		x.Good("identifier", fmt.Sprintf("all of %d Patients have one of the study's system", patients))
	}
	if stamped < patients {
		x.Add("meta.lastUpdated", checkup.Doubtful, fmt.Sprintf("%d of %d Patients have none", patients-stamped, patients), "the provenance of cells will lack it")
	}
}

// nextLink looks where the server's next page is.
func (x *examiner) nextLink(page examinedPage) {
	base := x.source.wire.Base()
	for _, l := range page.Link {
		if l.Relation != "next" {
			continue
		}
		u, err := base.Parse(l.URL)
		switch {
		case err != nil:
			x.Add("paging", checkup.Bad, "the link to the next page is no URL", "")
		case u.Host != base.Host:
			x.Add("paging", checkup.Doubtful, "links to next pages name another host than the base", "crflink asks its configured base for them; better let the server's own base be set right")
		default:
			x.Good("paging", "next pages are on the same host")
		}
		return
	}
	if x.totals["Patient"] > len(page.Entry) {
		x.Add("paging", checkup.Bad, fmt.Sprintf("a page of %d of %d Patients has no link to the next one", len(page.Entry), x.totals["Patient"]), "the server cuts long results off: raise its limit")
	}
}

// again reads one Patient by its id.
func (x *examiner) again(ctx context.Context, id string) {
	var p examinedPatient
	err := x.get(ctx, x.source.wire.Base().JoinPath("Patient", id), &p)
	switch {
	case err != nil:
		x.Bad("round trip", err, "let the account read single resources, too")
	case p.ResourceType != "Patient" || p.ID != id:
		x.Add("round trip", checkup.Bad, "another resource than the one that was asked for", "a proxy or cache mixes answers up")
	default:
		x.Good("round trip", "a Patient was found by search and read by id")
	}
}

// count asks how many resources a search finds.
func (x *examiner) count(ctx context.Context, typ, query string) (int, error) {
	target := x.source.wire.Base().JoinPath(typ)
	target.RawQuery = strings.Trim(query+"&_summary=count", "&")
	var page examinedPage
	if err := x.get(ctx, target, &page); err != nil {
		return 0, err
	}
	if page.Total == nil {
		return 0, fmt.Errorf("the answer to a count of %s has no total", typ)
	}
	return *page.Total, nil
}

var errNoJSON = errors.New("the answer is no FHIR JSON: a login page or a proxy may have answered")

func (x *examiner) get(ctx context.Context, target *url.URL, into any) error {
	return x.source.wire.Get(ctx, target, func(a wire.Answer) error {
		text, err := io.ReadAll(io.LimitReader(a.Body, 32<<20))
		if err != nil {
			return err
		}
		if json.Unmarshal(text, into) != nil {
			return errNoJSON
		}
		return nil
	})
}
