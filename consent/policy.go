package consent

import (
	"crypto/sha256"
	_ "embed" // the built-in policy
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/internal/finding"
)

//go:embed mii-broad-consent.yaml
var builtIn []byte

// BuiltInName is the name of the built-in policy, which can be given wherever a policy file can.
const BuiltInName = "mii-broad-consent"

// Policy is a legal basis, checked and ready to decide by. It is immutable and safe for concurrent use.
type Policy struct {
	set      settings
	hash     string
	zone     *time.Location
	codes    []Code            // each code that matters; its index is its bit
	permits  map[Code]uint64   // what a coding permits
	denies   map[Code]uint64   // what a coding denies: the same and modules
	byOID    map[string]uint64 // what an MII OID denies, whatever its system
	all      uint64            // every code
	gate     uint64
	retro    uint64
	collect  uint64 // data collection, whose template period is five years
	types    map[string]typeBits
	dates    map[string][]element
	category map[Code]bool
	uris     map[string]bool
	withdraw map[string]bool
	profiles map[string]bool
	objected map[string]bool

	parts  []*Policy      // of a combination; the default is the first
	partOf map[string]int // by form, of those that are named
}

type typeBits struct{ gate, window uint64 }

// BuiltIn returns the built-in policy mii-broad-consent.
func BuiltIn() *Policy {
	p, err := Parse(BuiltInName, builtIn, nil)
	if err != nil {
		panic("the built-in policy is part of the program and has a test: " + err.Error())
	}
	return p
}

// Load reads a policy file, or returns the built-in policy when path is its name. All mistakes come at once, as a
// finding.List. An objection list is read from the file's own folder.
func Load(path string) (*Policy, error) {
	if path == BuiltInName {
		return BuiltIn(), nil
	}
	text, err := os.ReadFile(path) // #nosec G304 -- the path is given by the operator
	if err != nil {
		return nil, fmt.Errorf("read the consent policy: %w", err)
	}
	return Parse(path, text, func(name string) ([]byte, error) {
		if !filepath.IsAbs(name) {
			name = filepath.Join(filepath.Dir(path), name)
		}
		return os.ReadFile(name) // #nosec G304 G703 -- named by the policy file, which the operator wrote
	})
}

// Parse reads a policy from YAML text. file is its name in findings; read returns the content of a file that the
// policy names (an objection list), and may be nil where there is none to read. The error is a finding.List.
func Parse(file string, text []byte, read func(name string) ([]byte, error)) (*Policy, error) {
	set, findings := parseSettings(file, text, read)
	findings.Sort()
	if err := findings.Err(); err != nil {
		return nil, err
	}
	p, err := compile(set)
	if err != nil {
		return nil, finding.List{{File: file, Line: 1, Col: 1, Message: err.Error()}}
	}
	return p, nil
}

// Kind returns the legal basis.
func (p *Policy) Kind() Kind { return p.set.Kind }

// Name returns the policy's name, of a combination those of all with a plus between them.
func (p *Policy) Name() string {
	if p.parts == nil {
		return p.set.Name
	}
	names := make([]string, len(p.parts))
	for i, part := range p.parts {
		names[i] = part.set.Name
	}
	return strings.Join(names, " + ")
}

// Unprotected reports whether the policy, or one of a combination, is none: such a policy must be reported in every output, and a target that
// holds a running study's data must refuse it.
func (p *Policy) Unprotected() bool {
	return p.set.Kind == NoPolicy || slices.ContainsFunc(p.parts, func(part *Policy) bool { return part.set.Kind == NoPolicy })
}

// Hash returns the SHA-256 of the policy's canonical form in hexadecimal: it changes with every
// rule, and not with the spelling of the file.
func (p *Policy) Hash() string { return p.hash }

// Zone returns the time zone whose calendar days count.
func (p *Policy) Zone() *time.Location { return p.zone }

// Approval returns the number under which a statutory policy was approved, "" for other kinds.
func (p *Policy) Approval() string { return p.set.Approval.Number }

// WithPackage returns the policy with another package check: SamePatient or SameResource.
func (p *Policy) WithPackage(check string) (*Policy, error) {
	if check != SamePatient && check != SameResource {
		return nil, fmt.Errorf("package check %q is not known; use %s or %s", check, SamePatient, SameResource)
	}
	set := p.set
	set.Package = check
	return compile(set)
}

// Dates returns, in order, the resource types of the date-element map and what it says of each: the elements, or
// undated, referenced, withheld.
func (p *Policy) Dates() (types []string, rule func(typ string) string) {
	return slices.Sorted(maps.Keys(p.set.Dates)), func(typ string) string {
		r := p.set.Dates[typ]
		return r.Word + strings.Join(r.Elements, ", ")
	}
}

func compile(set settings) (*Policy, error) {
	canonical, err := json.Marshal(set)
	if err != nil {
		return nil, fmt.Errorf("write the policy's canonical form: %w", err)
	}
	zone, err := time.LoadLocation(set.TimeZone)
	if err != nil {
		return nil, fmt.Errorf("time zone: %w", err)
	}
	sum := sha256.Sum256(canonical)
	p := &Policy{set: set, hash: hex.EncodeToString(sum[:]), zone: zone}
	if err := p.compileCodes(); err != nil {
		return nil, err
	}
	p.dates = make(map[string][]element, len(set.Dates))
	for typ, rule := range set.Dates {
		p.dates[typ] = parseElements(rule.Elements)
	}
	p.category = map[Code]bool{}
	for _, c := range set.Recognise.Categories {
		p.category[c] = true
	}
	p.uris, p.withdraw = setOf(set.Recognise.PolicyURIs), setOf(set.Recognise.WithdrawalURIs)
	p.profiles, p.objected = setOf(set.Recognise.Profiles), setOf(set.Approval.Objections)
	return p, nil
}

func setOf(names []string) map[string]bool {
	m := make(map[string]bool, len(names))
	for _, n := range names {
		m[n] = true
	}
	return m
}

// compileCodes gives each code a bit and lists what codings permit and deny.
func (p *Policy) compileCodes() error {
	s := &p.set
	p.gate, p.retro = p.bits(s.Gate), p.bits(s.Retrospective)
	p.bits(s.Window)
	p.types = make(map[string]typeBits, len(s.Types))
	for _, typ := range slices.Sorted(maps.Keys(s.Types)) {
		p.types[typ] = typeBits{p.bits(s.Types[typ].Gate), p.bits(s.Types[typ].Window)}
	}
	if len(p.codes) > 64 {
		return fmt.Errorf("the policy uses %d codes; at most 64 are possible", len(p.codes))
	}
	p.all = ^uint64(0) >> (64 - max(1, len(p.codes)))
	p.permits, p.denies, p.byOID = map[Code]uint64{}, map[Code]uint64{}, map[string]uint64{}
	for i, c := range p.codes {
		p.permits[c] |= 1 << i
		p.denies[c] |= 1 << i
		p.denyMII(c, 1<<i)
		if c.number() == 6 {
			p.collect |= 1 << i
		}
	}
	for _, site := range s.SiteCodes {
		p.permits[site.Local] |= p.permits[site.Means]
		p.denies[site.Local] |= p.denies[site.Means] | p.byOID[site.Means.Code]
	}
	return nil
}

func (p *Policy) bits(codes []Code) uint64 {
	var mask uint64
	for _, c := range codes {
		i := slices.Index(p.codes, c)
		if i < 0 {
			i = len(p.codes)
			p.codes = append(p.codes, c)
		}
		mask |= 1 << min(i, 64)
	}
	return mask
}

// denyMII records that denying the code, or a module that contains it, denies the bit.
func (p *Policy) denyMII(c Code, bit uint64) {
	n := c.number()
	if n == 0 {
		return
	}
	p.byOID[c.Code] |= bit
	for module, runs := range modules {
		for _, run := range runs {
			if run[0] <= n && n <= run[1] {
				p.byOID[MII(module).Code] |= bit
			}
		}
	}
}

// gateDay returns the calendar day of as-of in the policy's zone.
func (p *Policy) gateDay(asOf time.Time) fhir.Day { return fhir.DayOf(asOf.In(p.zone)) }
