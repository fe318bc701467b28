package consent

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/internal/finding"
	"github.com/crflink/crflink/internal/yamldoc"
)

// policyKeys are the keys of a policy file.
var policyKeys = []string{
	"kind", "name", "gate", "window", "furtherGates", "retrospective", "resourceCodes", "timeZone", "encounterShift",
	"openEndedPermit", "package", "afterWithdrawal", "unreadLinks", "recognise", "siteCodes", "dates", "study", "approval", "codes",
	"withdrawal",
}

// keysOfKind lists the keys that mean nothing for other kinds.
var keysOfKind = map[Kind][]string{
	BroadConsent: {"gate", "window", "furtherGates", "retrospective", "resourceCodes", "encounterShift", "openEndedPermit", "package",
		"afterWithdrawal", "unreadLinks", "recognise", "siteCodes"},
	StudyConsent: {"gate", "window", "furtherGates", "retrospective", "resourceCodes", "encounterShift", "openEndedPermit", "package",
		"afterWithdrawal", "unreadLinks", "recognise", "siteCodes", "study", "codes"},
	Statutory: {"approval"},
	NoPolicy:  {},
}

// policyReader turns a YAML document into settings.
type policyReader struct {
	set      settings
	read     func(name string) ([]byte, error)
	approved bool // there is an approval, right or wrong
}

// parseSettings reads a policy file over the defaults of its kind.
func parseSettings(file string, text []byte, read func(string) ([]byte, error)) (settings, finding.List) {
	doc := yamldoc.Parse(file, text)
	r := policyReader{read: read}
	root := doc.Root()
	fields := root.Fields(policyKeys...)
	kind := fields["kind"]
	if !kind.Exists() {
		if len(doc.Findings) > 0 {
			return r.set, doc.Findings
		}
		root.Errorf("add kind: broad-consent, study-consent, statutory or none", "the policy does not say its kind")
		return r.set, doc.Findings
	}
	r.set = defaults(Kind(kind.OneOf(string(BroadConsent), string(StudyConsent), string(Statutory), string(NoPolicy))), file)
	if name := fields["name"]; name.Exists() {
		r.set.Name = name.Text()
	}
	for _, key := range policyKeys {
		if v, ok := fields[key]; ok && r.belongs(key, v) {
			r.field(key, v)
		}
	}
	r.complete(root)
	return r.set, doc.Findings
}

// defaults returns the settings that a file of the kind starts from: those of the built-in policy, as far as they
// concern the kind.
func defaults(kind Kind, file string) settings {
	s := settings{Kind: kind, Name: string(kind), TimeZone: "Europe/Berlin", OpenEndedPermit: RejectOpenEnded,
		Package: SamePatient, AfterWithdrawal: Forget, UnreadLinks: HoldUnreadLinks, Approval: approval{Data: always}}
	if file == BuiltInName {
		return s
	}
	base, _ := parseSettings(BuiltInName, builtIn, nil)
	switch kind {
	case BroadConsent:
		base.Name = string(kind)
		return base
	case StudyConsent:
		s.Study.Statuses = []string{"on-study", "on-study-intervention", "on-study-observation", "follow-up", "off-study"}
	}
	s.Dates = base.Dates
	return s
}

// belongs reports whether the key means something for the policy's kind; if not, that is a finding.
func (r *policyReader) belongs(key string, v yamldoc.Value) bool {
	if slices.Contains([]string{"kind", "name", "timeZone", "dates", "withdrawal"}, key) || slices.Contains(keysOfKind[r.set.Kind], key) {
		return true
	}
	v.Errorf("remove it, or choose another kind", "%s means nothing in a policy of kind %s", key, r.set.Kind)
	return false
}

func (r *policyReader) field(key string, v yamldoc.Value) {
	s := &r.set
	switch key {
	case "gate":
		s.Gate = r.codes(v)
	case "furtherGates":
		s.Gate = append(s.Gate, r.codes(v)...)
	case "window":
		s.Window = r.codes(v)
	case "codes":
		s.WholeForm = v.OneOf("listed", "none") == "none"
	case "retrospective":
		r.retrospective(v)
	case "resourceCodes":
		r.resourceCodes(v)
	case "timeZone":
		r.timeZone(v)
	case "encounterShift":
		s.EncounterShift = v.Bool()
	case "openEndedPermit":
		s.OpenEndedPermit = v.OneOf(RejectOpenEnded, CodeSystemPeriods)
	case "package":
		s.Package = v.OneOf(SamePatient, SameResource)
	case "afterWithdrawal":
		s.AfterWithdrawal = v.OneOf(Forget, Revive)
	case "unreadLinks":
		s.UnreadLinks = v.OneOf(HoldUnreadLinks, IgnoreUnreadLinks)
	case "recognise":
		r.recognise(v)
	case "siteCodes":
		r.siteCodes(v)
	case "dates":
		r.dates(v)
	case "study":
		r.study(v)
	case "approval":
		r.approval(v)
	case "withdrawal":
		r.withdrawal(v)
	}
}

// codes reads a list of policy codes: a number of the MII code system, an OID, or system|code.
func (r *policyReader) codes(v yamldoc.Value) []Code {
	var codes []Code
	for _, item := range v.Items() {
		if c, ok := r.code(item); ok {
			codes = append(codes, c)
		}
	}
	return codes
}

func (r *policyReader) code(v yamldoc.Value) (Code, bool) {
	text := v.Text()
	if system, code, ok := strings.Cut(text, "|"); ok && system != "" && code != "" {
		return Code{system, code}, true
	}
	c := Code{SystemMII, text}
	if n, err := strconv.Atoi(text); err == nil {
		c = MII(n)
	}
	n := c.number()
	if n < 1 || n > 124 {
		v.Errorf("write system|code, an OID below "+prefixPolicy+", or its number", "%q is not a policy code", text)
		return Code{}, false
	}
	if _, module := modules[n]; module {
		v.Errorf("name the codes in it", "%d is a module of the MII code system; provisions permit its codes one by one", n)
		return Code{}, false
	}
	return c, true
}

func (r *policyReader) retrospective(v yamldoc.Value) {
	f := v.Fields("codes", "lookBack")
	if c, ok := f["codes"]; ok {
		r.set.Retrospective = r.codes(c)
	}
	if d, ok := f["lookBack"]; ok {
		r.set.LookBack = day(d)
	}
}

func day(v yamldoc.Value) fhir.Day {
	d, err := fhir.ParseDay(v.Text())
	if err != nil {
		v.Errorf("write YYYY-MM-DD", "%q is not a date", v.Text())
	}
	return d
}

func (r *policyReader) resourceCodes(v yamldoc.Value) {
	r.set.Types = map[string]typeRule{}
	for _, e := range v.Entries() {
		f := e.Fields("gate", "window")
		r.set.Types[e.Key()] = typeRule{Gate: r.codes(f["gate"]), Window: r.codes(f["window"])}
		if !isType(e.Key()) {
			e.Errorf("write a FHIR resource type, such as Specimen", "%q is not a resource type", e.Key())
		}
	}
}

// isType reports whether the text is written like a FHIR resource type.
func isType(name string) bool {
	_, ok := fhir.ParseReference(name + "/x").Key()
	return ok && !strings.Contains(name, "/")
}

func (r *policyReader) timeZone(v yamldoc.Value) {
	r.set.TimeZone = v.Text()
	if _, err := time.LoadLocation(r.set.TimeZone); err != nil || r.set.TimeZone == "" || r.set.TimeZone == "Local" {
		v.Errorf("write a name such as Europe/Berlin", "time zone %q is not known", r.set.TimeZone)
	}
}

func (r *policyReader) recognise(v yamldoc.Value) {
	f := v.Fields("profiles", "categories", "policyUris", "miiDocuments", "signedPolicies", "withdrawalUris")
	rec := &r.set.Recognise
	if p, ok := f["profiles"]; ok {
		rec.Profiles = p.Texts()
	}
	if p, ok := f["policyUris"]; ok {
		rec.PolicyURIs = p.Texts()
	}
	if p, ok := f["withdrawalUris"]; ok {
		rec.WithdrawalURIs = p.Texts()
	}
	if p, ok := f["miiDocuments"]; ok {
		rec.MIIDocuments = p.Bool()
	}
	if p, ok := f["signedPolicies"]; ok {
		rec.SignedPolicies = p.Bool()
	}
	if p, ok := f["categories"]; ok {
		rec.Categories = nil
		for _, item := range p.Items() {
			system, code, ok := strings.Cut(item.Text(), "|")
			if !ok || system == "" || code == "" {
				item.Errorf("write system|code", "%q is not a category", item.Text())
			}
			rec.Categories = append(rec.Categories, Code{system, code})
		}
	}
}

func (r *policyReader) siteCodes(v yamldoc.Value) {
	r.set.SiteCodes = nil
	for _, item := range v.Items() {
		f := item.Fields("system", "codes")
		system := f["system"].Text()
		if system == "" || system == SystemMII {
			item.Errorf("name the local code system's URL", "site codes need a system of their own")
		}
		for _, e := range f["codes"].Entries() {
			if c, ok := r.code(e); ok {
				r.set.SiteCodes = append(r.set.SiteCodes, siteCode{Code{system, e.Key()}, c})
			}
		}
	}
}

func (r *policyReader) study(v yamldoc.Value) {
	f := v.Fields("reference", "statuses")
	r.set.Study.Reference = f["reference"].Text()
	if key, ok := fhir.ParseReference(r.set.Study.Reference).Key(); !ok || key.Type != "ResearchStudy" {
		v.Errorf("write ResearchStudy/ID", "the study is not a reference to a ResearchStudy")
	}
	if s, ok := f["statuses"]; ok {
		r.set.Study.Statuses = s.Texts()
	}
}

// complete checks what only the whole can show.
func (r *policyReader) complete(root yamldoc.Value) {
	s := &r.set
	asks := s.Kind == BroadConsent || s.Kind == StudyConsent
	if s.WholeForm {
		if len(s.Gate)+len(s.Window)+len(s.Retrospective)+len(s.Types) > 0 {
			root.Errorf("remove codes: none, or the codes", "codes: none says that the form as a whole permits, but codes are listed")
		}
		s.Gate, s.Window = []Code{wholeForm}, []Code{wholeForm}
	}
	if asks && len(s.Gate) == 0 {
		root.Errorf("add gate: [8], or codes: none in a study-consent", "no code is named that must be permitted on the day of use")
	}
	if asks && len(s.Window) == 0 {
		root.Errorf("add window: [6], or codes: none in a study-consent", "no code is named whose days are the window")
	}
	rec := s.Recognise
	if asks && len(rec.Profiles)+len(rec.Categories)+len(rec.PolicyURIs) == 0 && !rec.MIIDocuments && !rec.SignedPolicies && s.Study.Reference == "" {
		root.Errorf("add recognise: with policyUris, or study: with a ResearchStudy", "the policy does not say which Consents are its own")
	}
	if s.Kind == Statutory && !r.approved {
		root.Errorf("add approval: with number and validUntil", "a statutory policy needs its approval")
	}
}

// wholeForm is the code that stands for a form without codes: its root provision permits or denies everything.
var wholeForm = Code{System: "form", Code: "as a whole"}
