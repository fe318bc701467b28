package mapping

import (
	"fmt"
	"iter"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/fhir/fhirpath"
	"github.com/crflink/crflink/pseudonym"
)

// Input is what a casebook is computed from.
type Input struct {
	Record *pseudonym.Record
	AsOf   time.Time
	Zone   *time.Location
	Source string // alias of the source, for provenance
	// StudyUID returns the pseudonymous Study Instance UID that imaging linkage found for an ImagingStudy of the record;
	// nil knows of none.
	StudyUID func(fhir.Key) (uid string, ok bool)
	// Entered is what people entered in the cells that Mapping.Entered names.
	Entered ecrf.Entries
	Reached func(MapRow) // is told each row of a code map that gives a value; may be nil
	// Of returns what is permitted for all of the forms: for one that is filled, and for items of others that it uses. No
	// record: consent does not cover it. A nil Of fills all forms from Record.
	Of    func(forms ...string) *pseudonym.Record
	Trace *Trace // is told how the cells of one item came about; may be nil
}

// Fill computes the subject's casebook. It is a pure function of the mapping and its input. The error names the rule
// whose evaluation failed, and nothing of the patient.
func (m *Mapping) Fill(in Input) (*ecrf.Casebook, error) {
	e := m.Evaluate(in)
	defer e.End()
	return e.Casebook()
}

// Evaluation is the mapping applied to one subject.
type Evaluation struct {
	run   *run
	found bool // the events
}

// Evaluate prepares the evaluation of a subject, for those who need the days of events before the casebook.
func (m *Mapping) Evaluate(in Input) *Evaluation { return &Evaluation{run: newRun(m, in)} }

// End gives the memory of the evaluation to later ones.
func (e *Evaluation) End() { e.run.end() }

// Events returns the days of the events that happened to the subject.
func (e *Evaluation) Events() (map[string]fhir.Day, error) {
	if !e.found {
		if err := e.run.findEvents(); err != nil {
			return nil, err
		}
		e.found = true
	}
	return e.run.days, nil
}

// Casebook computes what Fill returns.
func (e *Evaluation) Casebook() (*ecrf.Casebook, error) {
	r := e.run
	r.in.Trace.follows(r.mapping)
	if _, err := e.Events(); err != nil {
		return nil, err
	}
	book, err := ecrf.NewCasebook(r.in.Record.Subject(), r.mapping.dictionary)
	if err != nil {
		return nil, err
	}
	for i := range r.mapping.forms {
		f := &r.mapping.forms[i]
		of, err := r.of(f)
		if err != nil {
			return nil, err
		}
		instances, err := of.fillForm(f)
		if err != nil {
			return nil, err
		}
		for _, instance := range instances {
			if err := book.Add(instance); err != nil {
				return nil, err
			}
		}
	}
	return book, nil
}

// run is the state of one evaluation.
type run struct {
	mapping *Mapping
	forms   []string // for which the record is permitted, where forms have records of their own
	in      Input
	env     *fhirpath.Env
	byType  map[string][]*fhir.Resource
	index   map[indexKey]indexed // of conditions
	days    map[string]fhir.Day  // events that happened
	scratch []fhirpath.Value
	event   string // of the form that is filled
	at      *Steps // of the rule that is traced; nil costs nothing

	sub         map[string]*run    // over the resources of sources with rules of their own, by alias
	across      map[string]outcome // by form.item: items of single forms that other forms use
	filledItems doneItems          // of the instance under way, where a rule of its form looks back
	answers     [][]candidate      // of the conditions, by the number of the expression
	answered    []bool
}

// environments are those of evaluations that are over, for their memory.
var environments = sync.Pool{New: func() any { return new(fhirpath.Env) }}

func (r *run) end() {
	for _, part := range r.sub {
		part.end()
	}
	r.env.Reset()
	environments.Put(r.env)
	r.env = nil
}

func newRun(m *Mapping, in Input) *run {
	env, _ := environments.Get().(*fhirpath.Env)
	env.AsOf, env.Zone, env.Resolver = in.AsOf, in.Zone, resolver{in.Record}
	r := &run{
		mapping: m, in: in, byType: map[string][]*fhir.Resource{}, days: map[string]fhir.Day{}, env: env,
		answers: make([][]candidate, m.distinct), answered: make([]bool, m.distinct),
	}
	for res := range in.Record.Resources() {
		if res.Type != "Patient" { // of merged patients only the surviving one counts
			r.byType[res.Type] = append(r.byType[res.Type], res)
		}
	}
	if p := in.Record.Patient(); p != nil {
		r.byType["Patient"] = []*fhir.Resource{p}
	}
	r.split(m, in)
	for _, p := range m.calendar {
		if r.env.Vars == nil {
			r.env.Vars = make(map[string][]fhirpath.Value, len(m.calendar))
		}
		if v, ok := fhirpath.Of(fhirpath.Date, in.Record.Day(p.day).String()); ok {
			r.env.Vars[p.name] = []fhirpath.Value{v}
		}
	}
	return r
}

func (r *run) findEvents() error {
	for i := range r.mapping.events {
		e := &r.mapping.events[i]
		day, happened, err := r.dayOf(e)
		if err != nil {
			return fmt.Errorf("event %s: %w", e.name, err)
		}
		if happened {
			r.days[e.name] = day
		}
	}
	return nil
}

// dayOf returns the day of an event: of several rules the earliest, or that of the first rule that gives one.
func (r *run) dayOf(e *event) (day fhir.Day, happened bool, err error) {
	for _, rule := range e.rules {
		outer := r.traceEvent(e, rule)
		o, err := r.eventDay(rule)
		if err != nil {
			return 0, false, err
		}
		r.traced(rule, o, outer)
		d, err := fhir.ParseDay(o.value)
		if err != nil {
			continue
		}
		if !happened || d < day {
			day, happened = d, true
		}
		if !e.earliest {
			break
		}
	}
	r.tracedEvent(e, day)
	return day, happened, nil
}

func (r *run) eventDay(rule *rule) (outcome, error) {
	if rule.entered != nil {
		return r.entered(rule), nil
	}
	return r.direct(rule)
}

// fillForm returns the form's instances: one of a single form, one for each key of a repeating form.
func (r *run) fillForm(f *form) ([]ecrf.Instance, error) {
	if r == nil {
		return f.uncovered(), nil
	}
	r.event = f.event
	if f.repeat == nil {
		instance := ecrf.Instance{Event: f.event, Form: f.name}
		cells, err := r.cells(f, nil)
		instance.Cells = cells
		return []ecrf.Instance{instance}, err
	}
	r.traceForm(f)
	all, reason, err := r.candidates(&f.repeat.selector)
	if err == nil && len(r.sub) > 0 {
		all, _, err = r.elsewhere(slices.Clone(all), reason, func(alias string) *selector { return &f.repeat.forSource(alias).selector })
	}
	r.at = nil
	if err != nil {
		return nil, fmt.Errorf("rule %s: %w", f.repeat.id, err)
	}
	return r.repeats(f, all)
}

// cells fills a form's items. The candidate is that of a repeating form's instance.
func (r *run) cells(f *form, c *keyed) ([]ecrf.Cell, error) {
	var done *doneItems
	if f.looksBack {
		done = &r.filledItems
		done.reset()
	}
	cells := make([]ecrf.Cell, 0, len(f.rules))
	for _, rule := range f.rules {
		o, err := r.filled(rule, c, done)
		if err != nil {
			return nil, err
		}
		o.from.Rule = rule.id
		cells = append(cells, ecrf.Cell{Item: rule.item.Name, Value: o.value, Missing: o.missing, Provenance: o.from})
	}
	return cells, nil
}

// filled fills an item once: an item that another form asked for is there already.
func (r *run) filled(rule *rule, c *keyed, done *doneItems) (outcome, error) {
	if o, ok := r.across[rule.id]; ok && c == nil {
		done.put(rule, o)
		return o, nil
	}
	outer := r.traceRule(rule, c)
	o, err := r.fillItem(rule, c, done)
	if err != nil {
		return o, fmt.Errorf("rule %s: %w", rule.id, err)
	}
	r.traced(rule, o, outer)
	done.put(rule, o)
	return o, nil
}

// doneItems is what items of an instance have got, for later items of it; nil where none looks back.
type doneItems struct {
	at       map[string]int // by the item's name
	outcomes []outcome
}

func (d *doneItems) reset() {
	clear(d.at)
	d.outcomes = d.outcomes[:0]
}

func (d *doneItems) put(rule *rule, o outcome) {
	if d == nil {
		return
	}
	if d.at == nil {
		d.at = map[string]int{}
	}
	d.at[rule.item.Name] = len(d.outcomes)
	d.outcomes = append(d.outcomes, o)
}

func (d *doneItems) get(name string) (o outcome, ok bool) {
	if d == nil {
		return outcome{}, false
	}
	i, ok := d.at[name]
	if ok {
		o = d.outcomes[i]
	}
	return o, ok
}

func (r *run) fillItem(rule *rule, c *keyed, done *doneItems) (outcome, error) {
	switch {
	case rule.of != "":
		of, _ := done.get(rule.of)
		r.traceQualifier(rule, of)
		return qualifier(rule, of, r.in.Reached), nil
	case rule.derive.exists():
		if err := r.traceDerived(rule, done); err != nil {
			return outcome{}, err
		}
		return r.derived(rule, done)
	case c != nil:
		return r.ofInstance(rule, c.take(rule))
	}
	return r.direct(rule)
}

// ofInstance fills an item of a repeating form's instance from what its rule takes of the instance's resource.
func (r *run) ofInstance(rule *rule, t taken) (outcome, error) {
	if rule.choose.event != "" || rule.days != nil {
		if o, ok := r.needsEvents(rule); !ok {
			return o, nil
		}
	}
	if r.at != nil {
		r.offer([]taken{t})
		r.traceChoice(rule, t, false)
	}
	return r.result(rule, t)
}

// direct fills an item by its own selection.
func (r *run) direct(rule *rule) (outcome, error) {
	if o, ok := r.needsEvents(rule); !ok {
		return o, nil
	}
	all, reason, err := r.everywhere(rule)
	switch {
	case err != nil:
		return outcome{}, err
	case reason == ecrf.NoEvent:
		return missing(reason), nil
	case rule.choose.kind == chooseExists:
		return outcome{value: truth(rule.item, len(all) > 0)}, nil
	case rule.choose.kind == chooseCount:
		return r.computed(rule, strconv.Itoa(len(all))), nil
	case reason != "":
		return missing(reason), nil
	}
	values := make([]taken, 0, len(all))
	for _, c := range all {
		t, err := r.take(rule, c)
		if err != nil {
			return outcome{}, err
		}
		values = append(values, t)
	}
	r.offer(values)
	return r.choose(rule, rule.valued(values))
}

// choose makes the cell's content of the candidates.
func (r *run) choose(rule *rule, values []taken) (outcome, error) {
	switch rule.choose.kind {
	case chooseMean:
		r.traceCombined(rule)
		return r.mean(rule, values), nil
	case chooseList:
		r.traceCombined(rule)
		return r.list(rule, values), nil
	}
	t, ambiguous := r.chosen(rule, values)
	r.traceChoice(rule, t, ambiguous)
	switch {
	case ambiguous:
		return missing(ecrf.Ambiguous), nil
	case rule.choose.ties == tiesAmbiguous:
		return r.untied(rule, t, values)
	}
	return r.result(rule, t)
}

// needsEvents reports no-event for a rule that counts from an event that did not happen.
func (r *run) needsEvents(rule *rule) (outcome, bool) {
	for name := range rule.eachEvent() {
		if _, ok := r.days[name]; !ok {
			return missing(ecrf.NoEvent), false
		}
	}
	return outcome{}, true
}

func (rule *rule) eventNames() []string { return slices.Collect(rule.eachEvent()) }

// eachEvent yields the events that the rule counts from.
func (rule *rule) eachEvent() iter.Seq[string] {
	return func(yield func(string) bool) { rule.yieldEvents(yield) } // small enough to be inlined: a loop over it allocates nothing
}

func (rule *rule) yieldEvents(yield func(string) bool) {
	if rule.choose.event != "" && !yield(rule.choose.event) {
		return
	}
	if rule.window != nil && !yield(rule.window.event) {
		return
	}
	if rule.days != nil {
		yield(rule.days.from)
	}
}
