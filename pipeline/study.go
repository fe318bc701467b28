package pipeline

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/crflink/crflink/authorisation"
	"github.com/crflink/crflink/consent"
	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/imaging"
	"github.com/crflink/crflink/imaging/pet"
	"github.com/crflink/crflink/imaging/research"
	"github.com/crflink/crflink/internal/finding"
	"github.com/crflink/crflink/internal/yamldoc"
	"github.com/crflink/crflink/mapping"
	"github.com/crflink/crflink/pseudonym"
)

// Study is a study file with everything that it names, checked and compiled. It is not changed afterwards.
type Study struct {
	File, ID, Title, Version string
	Provider                 research.Provider // who hands the data out; zero where the study does not say

	Authorisation *authorisation.Authorisation // nil when the study names none
	Cohort        *Cohort                      // whom of the permitted patients the study asks for; nil is everybody

	Zone       *time.Location
	Policy     *consent.Policy
	Identity   pseudonym.IdentityRule
	Numbering  pseudonym.Numbering
	Dates      pseudonym.Dates
	IndexEvent string // the event from which dates in mode relative are counted
	Profile    *pseudonym.Profile
	Dictionary *ecrf.Dictionary
	Mapping    *mapping.Mapping
	Entered    *EnteredSpec  // where is read what people entered; nil when the study names nothing
	Check      *SubjectCheck // of subjects against what people entered; nil when there is none
	Imaging    ImagingSpec
	Sources    []SourceSpec
	// WhileSilent says who is held while one of several sources does not answer.
	WhileSilent WhileSilent
	Numbers     *NumberSpec  // the service that numbers subjects; then Numbering is nil
	Consents    *ConsentSpec // the service that keeps the consents; nil when the source has them
	Targets     []TargetSpec
	Disclosure  *DisclosureSpec // how deliveries are kept from singling anybody out; nil when they are not
	State       string          // folder of ledger and vault
	Vault       *VaultSpec      // where the vault is; nil when it is in the state folder
	Ledger      *LedgerSpec     // where the ledger is; nil when it is in the state folder
	Key         *KeySpec        // where the vault's key comes from; nil when the study file does not say
	Tests       []string        // test files of the mapping, as globs beside the study file
	MaxLost     *int            // how many delivered patients one run may lose; nil is the usual limit
	Schedule    string          // cron specification of the nightly run, in Zone; "" when there is none
}

// ImagingSpec says which imaging studies the linkage reports.
type ImagingSpec struct {
	Modalities []string // DICOM modalities, any of which a study must have; none is every study
	Event      string   // the event from which sessions count their days
	Systems    []string // further identifier systems of study UIDs
	Folder     string   // where sessions.csv goes; "" writes none

	AccessionSystems []string           // identifier systems of accession numbers without the type ACSN
	Without          []imaging.Method   // methods that are not used at this site
	Window           imaging.Window     // around the event
	PACS             *PACSSpec          // nil where none is asked
	Review           string             // the list of cases that people decide; "" is none
	Decisions        *imaging.Decisions // those of them that are decided

	Quantification *pet.Table // by which PET and SPECT series are examined
}

// TargetSpec names a target.
type TargetSpec struct {
	Name, Kind, Path string
	ODM              ODMSpec      // of kind odm
	Postgres         PostgresSpec // of kind postgres
	Freezes          ecrf.Freezes // of kinds into which people enter data
	Export           string       // of kind libreclinica: the file that says under which OIDs it takes data
	Lines            bool         // of kind dataset-json: NDJSON
	REDCap           *REDCapSpec  // of kind redcap
}

// LoadStudy reads a study file and what it names. The error is a finding.List with everything that is wrong; warnings
// come beside a study that can be used.
func LoadStudy(file string) (*Study, finding.List, error) {
	text, err := os.ReadFile(file) // #nosec G304 -- the study file that the user named
	if err != nil {
		return nil, nil, fmt.Errorf("read the study file: %w", err)
	}
	l := &loader{doc: yamldoc.Parse(file, text), dir: filepath.Dir(file), study: &Study{File: file}}
	l.read()
	findings := slices.Concat(l.doc.Findings, l.further)
	findings.Sort()
	if err := findings.Err(); err != nil {
		return nil, findings, err
	}
	return l.study, findings, nil
}

// loader reads one study file.
type loader struct {
	doc     *yamldoc.Doc
	dir     string
	study   *Study
	further finding.List    // about the files that the study names
	outputs []yamldoc.Value // that recipients receive
	formsAt []yamldoc.Value // that have a policy of their own
	checkAt yamldoc.Value   // of subjects against what people entered
}

func (l *loader) read() {
	f := l.doc.Root().Fields("crflink", "study", "consent", "consent-source", "subject", "dates", "shift-limit", "index-event", "timezone", "deidentification", "dictionary",
		"authorisation", "cohort",
		"mapping", "entered", "sources", "imaging", "targets", "disclosure", "state", "vault", "ledger", "key", "tests", "schedule", "maxLost", "while-silent")
	if v := f["crflink"]; v.Text() != "1" {
		v.Errorf("begin the file with crflink: 1", "the study file's format is not 1")
	}
	s := l.study
	about := f["study"].Fields("id", "title", "version", "provider")
	s.ID, s.Title, s.Version = l.required(f["study"], about, "id"), about["title"].Text(), l.required(f["study"], about, "version")
	l.provider(about["provider"])
	l.zone(f["timezone"])
	l.authorisation(f["authorisation"])
	l.consent(f["consent"])
	l.subject(f["subject"])
	l.dates(f["dates"], f["shift-limit"])
	l.profile(f["deidentification"])
	l.entered(f["entered"])
	l.sources(f["sources"])
	l.whileSilent(f["while-silent"])
	l.forms(f["dictionary"], f["mapping"])
	l.formsWithPolicy()
	l.subjectCheck()
	l.unentered(f["entered"])
	l.consentSource(f["consent-source"])
	l.cohort(f["cohort"])
	l.imaging(f["imaging"])
	l.indexEvent(f["index-event"])
	l.targets(f["targets"])
	l.enteredTarget(f["entered"])
	l.disclosure(f["disclosure"])
	l.authorised(f["authorisation"], f["targets"])
	s.State = l.path(l.required(l.doc.Root(), f, "state"))
	s.Tests = f["tests"].Texts()
	s.Schedule = f["schedule"].Text()
	l.withdrawals(f["consent"], f["maxLost"])
	s.Vault, s.Ledger, s.Key = l.vault(f["vault"]), l.ledger(f["ledger"]), l.key(f["key"])
}

func (l *loader) required(at yamldoc.Value, fields map[string]yamldoc.Value, name string) string {
	v, ok := fields[name]
	if !ok || !v.Exists() {
		at.Errorf("", "%s is missing", name)
		return ""
	}
	return v.Text()
}

// path resolves a path relative to the study file.
func (l *loader) path(p string) string {
	if p == "" || filepath.IsAbs(p) {
		return p
	}
	return filepath.Join(l.dir, p)
}

func (l *loader) zone(v yamldoc.Value) {
	if !v.Exists() {
		l.doc.Root().Errorf("for example timezone: Europe/Berlin", "timezone is missing")
		l.study.Zone = time.UTC
		return
	}
	zone, err := time.LoadLocation(v.Text())
	if err != nil {
		v.Errorf("a name of the IANA time zone database, for example Europe/Berlin", "unknown time zone %q", v.Text())
		zone = time.UTC
	}
	l.study.Zone = zone
}

func (l *loader) consent(v yamldoc.Value) {
	if !v.Exists() {
		l.doc.Root().Errorf("name a policy file; a study without consent says so in a file of kind none", "consent is missing")
		return
	}
	if v.IsMapping() {
		l.combine(v)
		return
	}
	l.study.Policy = l.policy(v)
}

// blame adds the findings of a file that the study names, or one finding at the place that names it.
func (l *loader) blame(v yamldoc.Value, err error) {
	var list finding.List
	switch {
	case err == nil:
	case errors.As(err, &list):
		l.further = append(l.further, list...)
	default:
		v.Errorf("", "%v", err)
	}
}

func (l *loader) subject(v yamldoc.Value) {
	if !v.Exists() {
		l.doc.Root().Errorf("say which identifier names a patient and where the study number comes from", "subject is missing")
		return
	}
	f := v.Fields("identifier", "patient-id", "number", "check")
	l.checkAt = f["check"]
	l.study.Identity = pseudonym.IdentityRule{System: f["identifier"].Text(), PatientID: f["patient-id"].Bool()}
	if (l.study.Identity.System == "") == !l.study.Identity.PatientID {
		v.Errorf("identifier: SYSTEM, or patient-id: true where the server's ids never change", "exactly one of identifier and patient-id names a patient")
	}
	n := f["number"]
	if !n.Exists() {
		v.Errorf("number: {from: research-subject, system: SYSTEM}", "number is missing")
		return
	}
	l.numbering(n)
}

// NumberSources are where a subject's number may come from.
func NumberSources() []string {
	return []string{"research-subject", "list", "issued", "gpas", "mainzelliste", "vfps"}
}

func (l *loader) numbering(v yamldoc.Value) {
	f := v.Fields("from", "system", "site", "file", "prefix", "digits", "url", "domain", "create", "api", "auth", "identifier-type", "number-type", "key-env", "namespace")
	switch from := f["from"].OneOf(NumberSources()...); from {
	case "gpas", "mainzelliste", "vfps":
		l.numberService(from, v, f)
	case "research-subject":
		l.study.Numbering = pseudonym.ResearchSubjects{System: l.required(v, f, "system"), Site: f["site"].Text()}
	case "list":
		l.study.Numbering = l.enrolmentList(f["file"], l.required(v, f, "file"))
	case "issued":
		l.study.Numbering = pseudonym.Issued{Format: pseudonym.NumberFormat{Prefix: f["prefix"].Text(), Digits: f["digits"].Int()}, Site: f["site"].Text()}
	}
}

func (l *loader) enrolmentList(v yamldoc.Value, name string) pseudonym.Numbering {
	file, err := os.Open(l.path(name)) // #nosec G304 -- a file that the study names
	if err != nil {
		v.Errorf("", "the enrolment list cannot be opened: %v", err)
		return nil
	}
	defer file.Close()
	list, err := pseudonym.ReadEnrolment(file)
	l.blame(v, err)
	return list
}

func (l *loader) dates(v, limit yamldoc.Value) {
	if !v.Exists() {
		l.doc.Root().Errorf("none where people enter dates into the same forms, shift where they do not", "dates is missing: none, shift or relative")
		return
	}
	mode, err := pseudonym.ParseDateMode(v.Text())
	if err != nil {
		v.Errorf("none, shift or relative", "%v", err)
	}
	l.study.Dates = pseudonym.Dates{Mode: mode, Zone: l.study.Zone, Limit: limit.Int()}
}

func (l *loader) profile(v yamldoc.Value) {
	name := "mii-default"
	if v.Exists() {
		name = v.Text()
	}
	var profile *pseudonym.Profile
	var err error
	if strings.HasSuffix(name, ".yaml") {
		var text []byte
		if text, err = os.ReadFile(l.path(name)); err == nil { // #nosec G304 -- a file that the study names
			profile, err = pseudonym.ParseProfile(l.path(name), text)
		}
	} else {
		profile, err = pseudonym.BuiltIn(name)
	}
	if scope := l.study.scope(); scope != nil && profile != nil {
		profile = profile.Within(scope)
	}
	l.study.Profile = profile
	l.blame(v, err)
}

func (l *loader) forms(dictionary, mappingFile yamldoc.Value) {
	root := l.doc.Root()
	if !dictionary.Exists() || !mappingFile.Exists() {
		root.Errorf("", "dictionary and mapping name the study's two further files")
		return
	}
	path := l.path(dictionary.Text())
	text, err := os.ReadFile(path) // #nosec G304 -- a file that the study names
	if err != nil {
		l.blame(dictionary, err)
		return
	}
	d, warnings, err := ecrf.ParseDictionary(path, text)
	l.further = append(l.further, warnings...)
	if err != nil {
		if !warnings.HasErrors() {
			l.blame(dictionary, err)
		}
		return
	}
	l.study.Dictionary = d
	l.compile(l.path(mappingFile.Text()), d)
}

func (l *loader) compile(path string, d *ecrf.Dictionary) {
	dir := filepath.Dir(path)
	m, findings := mapping.Load(os.DirFS(dir), filepath.Base(path), d, slices.Concat(l.behind(), l.within(), l.overlays(dir))...)
	l.further = append(l.further, findings.In(dir)...)
	l.study.Mapping = m
}

// behind is what the mapping is checked against besides the dictionary: what de-identification leaves, and whether a target
// can be read.
func (l *loader) behind() []mapping.Option {
	options := []mapping.Option{mapping.EnteredIn(l.study.Entered != nil)}
	if l.study.Profile != nil {
		options = append(options, mapping.Behind(l.study.Profile, l.study.Dates.Mode))
	}
	return options
}

func (l *loader) imaging(v yamldoc.Value) {
	f := v.Fields("modalities", "event", "systems", "folder", "accession-systems", "without", "window", "pacs", "review", "quantification")
	l.study.Imaging = ImagingSpec{Modalities: f["modalities"].Texts(), Event: f["event"].Text(), Systems: f["systems"].Texts(), Folder: l.path(f["folder"].Text()), Quantification: l.quantification(f["quantification"])}
	if e := f["event"]; e.Exists() && l.study.Mapping != nil && !l.study.Mapping.HasEvent(e.Text()) {
		e.Errorf("an event of the mapping file", "unknown event %q", e.Text())
	}
	l.linkage(f)
	l.unconfirmed(v, f["quantification"])
}

func (l *loader) targets(v yamldoc.Value) {
	names := map[string]bool{}
	for _, item := range v.Items() {
		f := item.Fields(targetKeys...)
		t := TargetSpec{Name: l.required(item, f, "name"), Kind: f["kind"].OneOf(TargetKinds()...)}
		kind := kindOf(t.Kind)
		kind.checkDates(f["kind"], l.study.Dates.Mode)
		t.Path = kind.where(l, l.required(item, f, kind.place))
		kind.read(l, f, &t)
		if names[t.Name] {
			item.Errorf("", "there are two targets named %q", t.Name)
		}
		names[t.Name] = true
		l.study.Targets = append(l.study.Targets, t)
	}
}

// Veil returns what de-identifies the study's resources: its profile, and of what that keeps the elements that the mapping
// reads.
func (s *Study) Veil(d pseudonym.Dates) (*pseudonym.Veil, error) {
	veil, err := pseudonym.NewVeil(s.Profile, d)
	if err != nil {
		return nil, err
	}
	return veil.Only(s.Mapping.Elements()), nil
}

// Inputs returns the hashes of everything that a casebook is computed from besides resources and vault.
func (s *Study) Inputs() map[string]string {
	var numbering any = s.Numbering
	if s.Numbers != nil {
		numbering = s.Numbers.setup()
	}
	setup := fmt.Sprintf("%+v %+v %s %d %s %+v", s.Identity, numbering, s.Dates.Mode, s.Dates.Limit, s.Zone, []any{s.Imaging.Modalities, s.Imaging.Event, s.Imaging.Systems})
	setup += s.Imaging.setup() + " quantification " + s.Imaging.Quantification.Hash()
	if s.Cohort != nil {
		setup += " cohort " + s.Cohort.String()
	}
	if s.Several() {
		setup += fmt.Sprintf(" sources %+v", s.places())
	}
	if s.IndexEvent != "" {
		setup += " " + s.IndexEvent
	}
	sum := sha256.Sum256([]byte(setup))
	return map[string]string{
		"study": hex.EncodeToString(sum[:]), "dictionary": s.Dictionary.Hash(), "mapping": s.Mapping.Hash(), "policy": s.Policy.Hash(), "profile": s.Profile.Hash(),
	}
}
