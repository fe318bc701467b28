package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/crflink/crflink/consent"
	"github.com/crflink/crflink/imaging"
	"github.com/crflink/crflink/internal/finding"
	"github.com/crflink/crflink/internal/yamldoc"
)

// PACSSpec names a PACS and says how it names patients.
type PACSSpec struct {
	URL     string // base of DICOMweb
	Auth    AuthSpec
	Systems []string // of Patient.identifier, whose value is the PatientID
	Prefix  string   // written before it
	Digits  int      // to which it is filled up with zeros
	Issuer  string   // (0010,0021)
	Hashes  []string // systems of which the ids of ImagingStudies may be hashes
	Rate    int      // requests in a second; 0 is 10
	Refresh int      // days after which it is asked again about a subject of whom nothing else has changed; 0 is in every run
}

// pacs reads imaging.pacs.
func (l *loader) pacs(v yamldoc.Value) *PACSSpec {
	if !v.Exists() {
		return nil
	}
	f := v.Fields("dicomweb", "auth", "patient", "hashes", "rate", "refresh")
	p := f["patient"].Fields("systems", "prefix", "digits", "issuer")
	s := &PACSSpec{
		URL: l.required(v, f, "dicomweb"), Auth: l.auth(f["auth"], f["dicomweb"]),
		Systems: p["systems"].Texts(), Prefix: p["prefix"].Text(), Digits: p["digits"].Int(), Issuer: p["issuer"].Text(), Hashes: f["hashes"].Texts(), Rate: f["rate"].Int(), Refresh: usualRefresh,
	}
	if f["refresh"].Exists() {
		s.Refresh = f["refresh"].Int()
	}
	if s.Refresh < 0 || s.Refresh > 366 {
		f["refresh"].Errorf("days, such as 7; 0 asks in every run", "the PACS is asked again after 0 to 366 days")
	}
	if len(s.Systems) == 0 {
		v.Errorf("patient: {systems: [SYSTEM]}, the systems of Patient.identifier whose value the PACS has as PatientID", "a PACS is asked by PatientID, and none is configured")
	}
	if s.Digits < 0 || s.Digits > 64 {
		p["digits"].Errorf("the length of a PatientID, such as 10", "a PatientID has at most 64 characters")
	}
	if s.Rate < 0 {
		f["rate"].Errorf("requests in a second, such as 10", "the rate is not a number of requests")
	}
	if l.study.beyond("ImagingStudy") {
		v.Errorf("add the module bildgebung to authorisation, or take pacs out", "the study is not authorised to use imaging")
	}
	return s
}

// linkage reads how studies are linked at this site.
func (l *loader) linkage(f map[string]yamldoc.Value) {
	s := &l.study.Imaging
	s.AccessionSystems = f["accession-systems"].Texts()
	for _, item := range f["without"].Items() {
		m := imaging.Method(item.Text())
		if !slices.Contains(imaging.Methods(), m) || m == imaging.ByReview {
			item.Errorf(finding.DidYouMean(item.Text(), methodNames()), "unknown method %q", item.Text())
		}
		s.Without = append(s.Without, m)
	}
	if w := f["window"]; w.Exists() {
		days := w.Fields("before", "after")
		s.Window = imaging.Window{Before: days["before"].Int(), After: days["after"].Int(), Set: true}
		if s.Window.Before < 0 || s.Window.After < 0 {
			w.Errorf("days, both counted from 0", "a window has a negative number of days")
		}
		if s.Event == "" {
			w.Errorf("event: an event of the mapping file", "a window needs the event around which it lies")
		}
	}
	s.PACS = l.pacs(f["pacs"])
	l.decisions(f["review"])
}

func methodNames() (names []string) {
	for _, m := range imaging.Methods() {
		names = append(names, string(m))
	}
	return names
}

// decisions reads what people decided. A file that is not there yet has no decision.
func (l *loader) decisions(v yamldoc.Value) {
	s := &l.study.Imaging
	if s.Review = l.path(v.Text()); s.Review == "" {
		return
	}
	rows, err := ReadReview(s.Review)
	l.blame(v, err)
	s.Decisions = imaging.NewDecisions(rows)
}

// ReadReview reads the list of cases, none while there is no file.
func ReadReview(path string) ([]imaging.ReviewRow, error) {
	f, err := os.Open(path) // #nosec G304 -- a file that the study names
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("the list of cases: %w", err)
	}
	defer f.Close()
	return imaging.ReadReview(filepath.Clean(path), f)
}

// rules are those of a site.
func (s *ImagingSpec) rules() imaging.Rules {
	r := imaging.Rules{
		Systems: s.Systems, AccessionSystems: s.AccessionSystems, Modalities: s.Modalities, Without: s.Without, Window: s.Window, Decisions: s.Decisions, Quantification: s.Quantification,
	}
	if p := s.PACS; p != nil {
		r.PatientSystems, r.PatientPrefix, r.PatientDigits, r.Issuer, r.HashSystems = p.Systems, p.Prefix, p.Digits, p.Issuer, p.Hashes
	}
	return r
}

// setup is what of the linkage determines casebooks, beside modalities, event and systems; "" for a study that says nothing
// of it, whose digests stay as they were before there was any.
func (s *ImagingSpec) setup() string {
	if s.PACS == nil && len(s.Without) == 0 && !s.Window.Set && len(s.AccessionSystems) == 0 && s.Decisions.Hash() == "" {
		return ""
	}
	text := fmt.Sprintf(" imaging %q %q %+v %s", s.AccessionSystems, s.Without, s.Window, s.Decisions.Hash())
	if p := s.PACS; p != nil {
		text += fmt.Sprintf(" pacs %q %q %d %q %q", p.Systems, p.Prefix, p.Digits, p.Issuer, p.Hashes)
	}
	return text
}

// examinations asks the PACS what it has of a permitted patient; nil where the study has none. Linkage is under the default
// policy: a patient whom only another one permits is not asked for.
func (r *runner) examinations(ctx context.Context, p consent.Permitted) (*imaging.Candidates, error) {
	if r.Study.Imaging.PACS == nil || !p.Parts()[0].Granted() {
		return nil, nil
	}
	if r.PACS == nil {
		return nil, errors.New("the study's PACS was not opened")
	}
	rules := r.Study.Imaging.rules()
	return imaging.Survey(ctx, r.PACS, p, &rules, imaging.Dates{Zone: r.Study.Zone})
}
