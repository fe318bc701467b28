package synth

import (
	"fmt"
	"time"

	"github.com/crflink/crflink/fhir"
)

// Messiness says how much of what real servers do wrong is in the data.
type Messiness uint8

// Usual is what hospital data look like. Clean has no traps (but every pattern of consent). Harsh has three times the traps of Usual.
const (
	Usual Messiness = iota
	Clean
	Harsh
)

// ParseMessiness reads clean, usual or harsh; the empty text is usual.
func ParseMessiness(s string) (Messiness, error) {
	switch s {
	case "", "usual":
		return Usual, nil
	case "clean":
		return Clean, nil
	case "harsh":
		return Harsh, nil
	}
	return 0, fmt.Errorf("unknown messiness %q; it is clean, usual or harsh", s)
}

// DefaultAsOf is the day on which the generated patients are looked at.
var DefaultAsOf = fhir.NewDay(2026, 9, 1)

// Config says what to generate.
type Config struct {
	Seed      uint64
	Patients  int
	First     int      // index of the first patient; 0 is the first of the seed
	AsOf      fhir.Day // the day of the run that the truth is about; 0 is DefaultAsOf
	Messiness Messiness
}

// Generator yields patients one after the other. It holds one patient at a time and is not for concurrent use.
type Generator struct {
	config Config
	p      patient
	w      writer
}

// New returns a generator.
func New(config Config) (*Generator, error) {
	if config.Patients < 0 || config.First < 0 || config.First+config.Patients > maxPatients {
		return nil, fmt.Errorf("the number of patients lies between 0 and %d", maxPatients)
	}
	if config.AsOf == 0 {
		config.AsOf = DefaultAsOf
	}
	if earliest := fhir.NewDay(2015, 1, 1); config.AsOf < earliest || config.AsOf > fhir.NewDay(2100, 1, 1) {
		return nil, fmt.Errorf("as-of must lie between 2015 and 2100")
	}
	return &Generator{config: config}, nil
}

// maxPatients is bounded by the digits of the invented patient numbers.
const maxPatients = 100_000_000

// Sink takes one resource: its type and its JSON text, which is valid until the call returns.
type Sink func(typ string, json []byte) error

// Shared yields the resources that belong to no patient: Medication, Organization, ResearchStudy.
func (g *Generator) Shared(sink Sink) error { return g.renderShared(sink) }

// Patient generates the patient of an index (from 0), yields its resources and returns its truth.
func (g *Generator) Patient(index int, sink Sink) (*Truth, error) {
	g.p.draw(g.config, uint64(g.config.First)+uint64(index)) // #nosec G115 -- not negative
	if err := g.render(sink); err != nil {
		return nil, err
	}
	return g.p.tell(), nil
}

// Each yields the shared resources and every patient of the configuration.
func (g *Generator) Each(sink Sink, tell func(*Truth) error) error {
	if err := g.Shared(sink); err != nil {
		return err
	}
	for i := range g.config.Patients {
		t, err := g.Patient(i, sink)
		if err == nil {
			err = tell(t)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// epoch is a day as Unix seconds.
func epoch(d fhir.Day) int64 { return int64(d) * int64(24*time.Hour/time.Second) }
