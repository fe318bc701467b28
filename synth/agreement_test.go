package synth_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/crflink/crflink/consent"
	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/mapping"
	"github.com/crflink/crflink/pseudonym"
	"github.com/crflink/crflink/pseudonym/vaulttest"
	"github.com/crflink/crflink/synth"
)

const exampleStudy = "../configs/psma-registry"

// chain is gate, veil and mapping of the example study, without sources and delivery.
type chain struct {
	*testing.T
	asOf    time.Time
	zone    *time.Location
	veil    *pseudonym.Veil
	vault   *pseudonym.Vault
	mapping *mapping.Mapping
	shared  []*fhir.Resource
	own     map[string][]*fhir.Resource // of the patient being read, by patient id
	cells   int
	wrong   map[string]int // by what differs
	example map[string]string
}

func newChain(t *testing.T, mode pseudonym.DateMode) *chain {
	t.Helper()
	c := &chain{T: t, wrong: map[string]int{}, example: map[string]string{}, own: map[string][]*fhir.Resource{}}
	var err error
	if c.zone, err = time.LoadLocation("Europe/Berlin"); err != nil {
		t.Fatal(err)
	}
	c.asOf = time.Date(2026, 9, 1, 10, 0, 0, 0, c.zone)
	profile, err := pseudonym.BuiltIn(pseudonym.DefaultProfile)
	if err != nil {
		t.Fatal(err)
	}
	if c.veil, err = pseudonym.NewVeil(profile, pseudonym.Dates{Mode: mode, Zone: c.zone}); err != nil {
		t.Fatal(err)
	}
	key, err := pseudonym.NewKey([]byte("0123456789abcdefghijklmnopqrstuv"))
	if err != nil {
		t.Fatal(err)
	}
	if c.vault, err = pseudonym.CreateVault(t.Context(), vaulttest.NewMemory(), key, "agreement"); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(exampleStudy + "/dictionary.yaml")
	if err != nil {
		t.Fatal(err)
	}
	dictionary, _, err := ecrf.ParseDictionary("dictionary.yaml", text)
	if err != nil {
		t.Fatal(err)
	}
	c.mapping, _ = mapping.Load(os.DirFS(exampleStudy), "mapping.yaml", dictionary)
	return c
}

// read sorts a resource to its patient.
func (c *chain) read(typ string, json []byte) error {
	r, err := fhir.ReadResource(string(json), fhir.Origin{})
	if err != nil {
		return err
	}
	id := ""
	for _, name := range []string{"subject", "patient", "individual"} {
		id += strings.TrimPrefix(r.Path(name, "reference").Text(), "Patient/")
	}
	switch {
	case typ == "Patient":
		c.own[r.ID] = append(c.own[r.ID], r)
	case id != "":
		c.own[id] = append(c.own[id], r)
	default:
		c.shared = append(c.shared, r)
	}
	return nil
}

func (c *chain) record(id string) *fhir.Record {
	rec := fhir.NewRecord(fhir.Key{Type: "Patient", ID: id})
	for _, r := range c.own[id] {
		rec.Add(r)
	}
	for _, r := range c.shared {
		if r.Type == "Medication" {
			rec.Add(r)
		}
	}
	return rec
}

func (c *chain) differs(what, example string) {
	c.wrong[what]++
	c.example[what] = example
}

// compare decides and fills, and compares with the truth.
func (c *chain) compare(truth *synth.Truth) error {
	defer clear(c.own)
	rec := c.record(truth.Patients[0])
	var linked []*fhir.Record
	for _, id := range truth.Patients[1:] {
		linked = append(linked, c.record(id))
	}
	decision := consent.Evaluate(consent.FactsOf(rec, linked...), consent.BuiltIn(), c.asOf)
	c.compareDecision(truth, decision)
	if truth.Decision.Outcome != "permitted" || len(linked) > 0 { // records of merged patients are joined by the pipeline
		return nil
	}
	permitted, _ := consent.Admit(rec, decision, consent.BuiltIn())
	subject, err := c.vault.Enrol(c.Context(), pseudonym.Identity{System: "pid", Value: truth.PID}, truth.Subject, "")
	if err != nil {
		return err
	}
	veiled, _, err := c.veil.Apply(permitted, subject)
	if err != nil {
		return err
	}
	book, err := c.mapping.Fill(mapping.Input{Record: veiled, AsOf: c.asOf, Zone: c.zone})
	if err != nil {
		return err
	}
	shift := veiled.Day(0)
	c.compareCells(truth, cellsOf(book), int(shift))
	return nil
}

func (c *chain) compareDecision(truth *synth.Truth, d consent.Decision) {
	want := truth.Decision.Outcome + " " + truth.Decision.Reason
	if truth.Decision.Outcome == "not-enrolled" { // the gate does not ask for numbers
		want = "permitted granted"
	}
	if got := d.Outcome().String() + " " + string(d.Reason()); got != want {
		c.differs("decision", fmt.Sprintf("%s: %s instead of %s", truth.PID, got, want))
	}
	var got, expected []string
	for _, w := range d.Windows() {
		got = append(got, w.Start.String()+"/"+w.End.String())
	}
	for _, w := range truth.Decision.Window {
		expected = append(expected, w.Start()+"/"+w.End())
	}
	if !slices.Equal(got, expected) {
		c.differs("window", fmt.Sprintf("%s: %v instead of %v", truth.PID, got, expected))
	}
}

// cellsOf are the cells of a casebook by form, repeat and item. Repeating instances are numbered by their order.
func cellsOf(book *ecrf.Casebook) map[string]string {
	instances := book.Instances()
	slices.SortStableFunc(instances, func(a, b ecrf.Instance) int { return strings.Compare(a.Order, b.Order) })
	number, cells := map[string]int{}, map[string]string{}
	for _, in := range instances {
		number[in.Form]++
		for _, cell := range in.Cells {
			cells[fmt.Sprintf("%s %d %s", in.Form, number[in.Form], cell.Item)] = cell.Value + "!" + string(cell.Missing)
		}
	}
	return cells
}

func (c *chain) compareCells(truth *synth.Truth, got map[string]string, shift int) {
	for _, cell := range truth.Cells {
		key := fmt.Sprintf("%s %d %s", cell.Form, cell.Repeat, cell.Item)
		value := got[key]
		delete(got, key)
		if cell.Item == "study_uid" { // comes from imaging linkage
			continue
		}
		c.cells++
		if want := shifted(cell.Value, shift) + "!" + cell.Missing; value != want {
			c.differs(cell.Form+"."+cell.Item, fmt.Sprintf("%s: %s is %s instead of %s", truth.PID, key, value, want))
		}
	}
	for key := range got {
		c.differs("more than the truth", truth.PID+": "+key)
	}
}

// shifted moves a full date by days and leaves every other value alone.
func shifted(value string, days int) string {
	if d, err := fhir.ParseDay(value); err == nil {
		return (d + fhir.Day(days)).String()
	}
	return value
}

func TestGateVeilAndMappingAgreeWithTheTruth(t *testing.T) {
	for name, mode := range map[string]pseudonym.DateMode{"dates as they are": pseudonym.None, "days shifted": pseudonym.Shift} {
		t.Run(name, func(t *testing.T) {
			for seed := uint64(1); seed <= 2; seed++ {
				c := newChain(t, mode)
				g, err := synth.New(synth.Config{Seed: seed, Patients: 200})
				if err != nil {
					t.Fatal(err)
				}
				if err := g.Each(c.read, c.compare); err != nil {
					t.Fatal(err)
				}
				for what, n := range c.wrong {
					t.Errorf("seed %d: %s differs %d times: %s", seed, what, n, c.example[what])
				}
				if c.cells < 5000 {
					t.Errorf("only %d cells were compared", c.cells)
				}
			}
		})
	}
}
