package pet

import (
	"crypto/sha256"
	_ "embed" // the table that comes with the program
	"encoding/hex"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/internal/finding"
	"github.com/crflink/crflink/internal/yamldoc"
)

//go:embed default.yaml
var defaultText []byte

// DefaultFile is the name of the table that comes with the program, in findings.
const DefaultFile = "default.yaml"

// Default returns the table that comes with the program. It panics when that is broken, which a test excludes.
func Default() *Table { return defaultTable() }

var defaultTable = sync.OnceValue(func() *Table {
	t, err := read(DefaultFile, defaultText, nil)
	if err != nil {
		panic(err)
	}
	return t
})

// Parse reads a site's table. Tracers and radionuclides of the default table that it does not name stay; those of the same
// name are replaced. The error is a finding.List.
func Parse(file string, text []byte) (*Table, error) { return read(file, text, Default()) }

func read(file string, text []byte, under *Table) (*Table, error) {
	r := &tableReader{doc: yamldoc.Parse(file, text), table: &Table{severities: map[Reason]Severity{}}}
	if under != nil {
		r.table.tracers, r.table.nuclides = slices.Clone(under.tracers), slices.Clone(under.nuclides)
	}
	r.read()
	if err := r.doc.Findings.Err(); err != nil {
		return nil, err
	}
	t := r.table
	sum := sha256.Sum256([]byte(fmt.Sprintf("%+v", []any{deref(t.tracers), t.nuclides, t.scanners, t.severities})))
	t.hash = hex.EncodeToString(sum[:])
	return t, nil
}

// deref spells tracers and their spans out, where %v would print addresses.
func deref(tracers []Tracer) []string {
	var all []string
	for _, t := range tracers {
		all = append(all, fmt.Sprintf("%q %q %q %q %q %v %v %v %v", t.Name, t.Ligand, t.Nuclide, t.Codes, t.Texts, t.Uptake.String(), t.Longest, t.Dose.String(), t.Glucose))
	}
	return all
}

// String writes a span; none is empty.
func (s *Span) String() string {
	if s == nil {
		return ""
	}
	return fmt.Sprintf("%g-%g", s.From, s.To)
}

type tableReader struct {
	doc   *yamldoc.Doc
	table *Table
}

func (r *tableReader) read() {
	f := r.doc.Root().Fields("quantification", "confirmed-by", "tracers", "nuclides", "scanners", "severities")
	if v := f["quantification"]; v.Text() != "1" {
		r.doc.Root().Errorf("begin the file with quantification: 1", "the table's format is not 1")
	}
	r.confirmed(f["confirmed-by"])
	seen := map[string]bool{}
	for _, v := range f["nuclides"].Items() {
		n := r.nuclide(v)
		r.once(v, seen, "nuclide "+n.Name)
		r.table.nuclides = put(r.table.nuclides, n, func(o Nuclide) bool { return o.Name == n.Name })
	}
	for _, v := range f["tracers"].Items() {
		t := r.tracer(v)
		r.once(v, seen, "tracer "+t.Name)
		r.table.tracers = put(r.table.tracers, t, func(o Tracer) bool { return o.Name == t.Name })
	}
	for _, v := range f["scanners"].Items() {
		r.table.scanners = append(r.table.scanners, r.scanner(v))
	}
	for _, v := range f["severities"].Entries() {
		r.severity(v)
	}
	r.ambiguous(f["tracers"])
}

// confirmed reads who checked the table.
func (r *tableReader) confirmed(v yamldoc.Value) {
	if !v.Exists() {
		return
	}
	f := v.Fields("name", "date")
	r.table.confirmed.By = r.text(v, f, "name")
	day, err := fhir.ParseDay(f["date"].Text())
	if err != nil {
		v.Errorf("confirmed-by: {name: NAME, date: YYYY-MM-DD}", "it does not say on which day the table was confirmed")
	}
	r.table.confirmed.On = day
}

func (r *tableReader) once(v yamldoc.Value, seen map[string]bool, what string) {
	if seen[what] {
		v.Errorf("", "the %s is there twice", what)
	}
	seen[what] = true
}

func put[T any](all []T, one T, same func(T) bool) []T {
	if i := slices.IndexFunc(all, same); i >= 0 {
		all[i] = one
		return all
	}
	return append(all, one)
}

func (r *tableReader) text(at yamldoc.Value, f map[string]yamldoc.Value, name string) string {
	if !f[name].Exists() || f[name].Text() == "" {
		at.Errorf("", "%s is missing", name)
		return ""
	}
	return f[name].Text()
}

func (r *tableReader) nuclide(v yamldoc.Value) Nuclide {
	f := v.Fields("name", "half-life", "codes", "dose", "source")
	n := Nuclide{Name: r.text(v, f, "name"), Codes: r.codes(f["codes"]), Dose: r.span(f["dose"])}
	n.HalfLife = r.number(f["half-life"])
	if n.HalfLife <= 0 {
		v.Errorf("half-life: 6586.2", "the half-life in seconds is missing or not positive")
	}
	return n
}

func (r *tableReader) tracer(v yamldoc.Value) Tracer {
	f := v.Fields("name", "ligand", "nuclide", "codes", "texts", "uptake", "longest", "dose", "glucose", "source")
	t := Tracer{
		Name: r.text(v, f, "name"), Ligand: r.text(v, f, "ligand"), Nuclide: r.text(v, f, "nuclide"), Codes: r.codes(f["codes"]), Texts: f["texts"].Texts(),
		Uptake: r.span(f["uptake"]), Longest: r.number(f["longest"]), Dose: r.span(f["dose"]), Glucose: f["glucose"].Bool(),
	}
	if t.Nuclide != "" && r.table.nuclideNamed(t.Nuclide) == nil {
		var names []string
		for _, n := range r.table.nuclides {
			names = append(names, n.Name)
		}
		f["nuclide"].Errorf(finding.DidYouMean(t.Nuclide, names), "no radionuclide is named %q", t.Nuclide)
	}
	if len(t.Codes) == 0 && len(t.Texts) == 0 {
		v.Errorf("codes: [SCT 35321007], texts: [FDG]", "nothing says by which codes or texts the tracer is known")
	}
	return t
}

// ambiguous finds codes that mean two tracers with one radionuclide: no header could tell them apart.
func (r *tableReader) ambiguous(at yamldoc.Value) {
	tracers := r.table.tracers
	for i := range tracers {
		for j := range i {
			if tracers[i].Nuclide == tracers[j].Nuclide && intersects(tracers[i].Codes, tracers[j].Codes) {
				at.Errorf("", "%s and %s have the same radionuclide and a code in common", tracers[j].Name, tracers[i].Name)
			}
		}
	}
}

// codes reads "SYSTEM CODE" texts.
func (r *tableReader) codes(v yamldoc.Value) (codes []Code) {
	for _, item := range v.Items() {
		system, value, ok := strings.Cut(item.Text(), " ")
		if !ok || !slices.Contains(Systems(), system) || value == "" {
			item.Errorf("write the system and the code, such as SCT 35321007; systems are "+strings.Join(Systems(), ", "), "%q is no code", item.Text())
			continue
		}
		codes = append(codes, Code{system, value})
	}
	return codes
}

// span reads [from, to].
func (r *tableReader) span(v yamldoc.Value) *Span {
	if !v.Exists() {
		return nil
	}
	items := v.Items()
	if len(items) != 2 {
		v.Errorf("[55, 75]", "a range has two numbers")
		return nil
	}
	s := &Span{r.number(items[0]), r.number(items[1])}
	if s.From > s.To || s.From < 0 {
		v.Errorf("the lesser number first", "the range is empty or negative")
	}
	return s
}

func (r *tableReader) number(v yamldoc.Value) float64 {
	if !v.Exists() {
		return 0
	}
	n, err := strconv.ParseFloat(v.Text(), 64)
	if err != nil || math.IsNaN(n) || math.IsInf(n, 0) {
		v.Errorf("", "%q is no number", v.Text())
	}
	return n
}

func (r *tableReader) scanner(v yamldoc.Value) Scanner {
	f := v.Fields("centre", "manufacturer", "model", "accreditation", "from", "to")
	s := Scanner{
		Centre: f["centre"].Text(), Manufacturer: f["manufacturer"].Text(), Model: f["model"].Text(),
		Accreditation: r.text(v, f, "accreditation"), From: fhir.FirstDay, To: fhir.LastDay,
	}
	for name, to := range map[string]*fhir.Day{"from": &s.From, "to": &s.To} {
		if !f[name].Exists() {
			continue
		}
		day, err := fhir.ParseDay(f[name].Text())
		if err != nil {
			f[name].Errorf("write YYYY-MM-DD", "%q is no date", f[name].Text())
			continue
		}
		*to = day
	}
	if s.From > s.To {
		v.Errorf("", "the accreditation ends before it begins")
	}
	return s
}

// severity reads what a site makes of a reason. A factor that is missing stays missing, whatever the severity.
func (r *tableReader) severity(v yamldoc.Value) {
	reason := Reason(v.Key())
	if _, ok := severityOf(reason); !ok {
		var names []string
		for _, d := range reasons {
			names = append(names, string(d.Reason))
		}
		v.Errorf(finding.DidYouMean(v.Key(), names), "there is no reason %q", v.Key())
		return
	}
	var names []string
	for _, s := range Severities() {
		names = append(names, string(s))
	}
	r.table.severities[reason] = Severity(v.OneOf(names...))
}

// Systems are the systems of codes in a table, as DICOM designates them.
func Systems() []string { return []string{"SCT", "SRT", "DCM", "NCIt", "UMLS"} }
