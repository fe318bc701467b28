package pipeline

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/crflink/crflink/consent"
	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/mapping"
	"github.com/crflink/crflink/pseudonym"
)

// explain takes the subject the whole way again, as a run does, and listens to the mapping.
func (x *explainer) explain(ctx context.Context) error {
	claims, err := x.find(ctx)
	if err != nil {
		return err
	}
	c, ok := x.settleClaims(claims)
	if !ok {
		return nil
	}
	wanted := x.wantedOf(c.patient).Widened()
	if err := admit(ctx, x.Source, []fhir.Key{c.patient}, wanted, x.facts.Reject); err != nil {
		return err
	}
	record, err := x.Source.Fetch(ctx, c.patient, wanted, x.facts.Reject)
	if err != nil {
		return err
	}
	d, err := x.judge(ctx, record)
	if err != nil {
		return err
	}
	x.out.Consent = x.consentStep(d.For(x.asked.Form))
	permitted, drops := consent.Admit(record, d, x.Study.Policy)
	if !permitted.For(x.asked.Form).Granted() {
		x.out.conclude(StatusNotPermitted, "Consent does not permit it any more (%s): %s.", x.out.Consent.Reason, x.out.Consent.Means)
		return nil
	}
	result := &subjectResult{}
	w, err := x.withEntries(ctx, work{patient: c.patient, subject: c.subject})
	if err != nil {
		return err
	}
	if w.studies, err = x.examinations(ctx, permitted); err != nil {
		return err
	}
	v, err := x.veilSubject(ctx, permitted, w, result)
	if err != nil {
		x.out.conclude(StatusFailed, "De-identification failed: %v.", err)
		return nil
	}
	if err := x.fill(v); err != nil {
		x.out.conclude(StatusFailed, "The mapping failed: %v.", err)
		return nil
	}
	x.dropped(record, permitted, drops, c.subject)
	x.veiled(result.veil)
	return nil
}

// fill computes the casebook with the trace and takes the asked cell's steps out of it.
func (x *explainer) fill(v *veiled) error {
	x.trace.Rule, x.trace.Event = x.out.Item.Name, x.out.Item.Event
	in := x.mappingInput(v)
	in.Trace = &x.trace
	if _, err := x.Study.Mapping.Fill(in); err != nil {
		return err
	}
	x.out.Events, x.out.Form = x.trace.Events, x.trace.Form
	if !x.Study.Dictionary.Form(x.asked.Form).Repeating {
		x.explained(&x.trace.Cells[0])
		return nil
	}
	x.repeats()
	return nil
}

func (x *explainer) explained(steps *mapping.Steps) {
	x.out.Rule = steps
	if steps.Missing != "" {
		x.out.conclude(StatusExplained, "%s", steps.Because)
		return
	}
	item := x.Study.Dictionary.Item(x.asked.Item)
	if list := x.Study.Dictionary.CodeList(item.CodeList); list != nil {
		x.out.ValueLabel, _ = list.Label(steps.Value)
	}
	x.out.conclude(StatusExplained, "The cell has a value.")
}

// repeats numbers the instances as the ledger does and finds the asked one.
func (x *explainer) repeats() {
	var stored []ecrf.Numbered
	if x.stored != nil {
		stored = x.stored.Instances
	}
	key := func(s *mapping.Steps) ecrf.InstanceKey {
		return ecrf.InstanceKey{Event: x.out.Item.Event, Form: x.asked.Form, Key: s.Key}
	}
	var incoming []ecrf.Instance
	for i := range x.trace.Cells {
		k := key(&x.trace.Cells[i])
		incoming = append(incoming, ecrf.Instance{Event: k.Event, Form: k.Form, Key: k.Key, Order: x.trace.Cells[i].Order})
	}
	numbers, added := ecrf.Number(stored, incoming)
	for i := range x.trace.Cells {
		s := &x.trace.Cells[i]
		n := numbers[key(s)]
		isNew := slices.ContainsFunc(added, func(a ecrf.Numbered) bool { return a.Repeat == n && a.InstanceKey == key(s) })
		x.out.Repeats = append(x.out.Repeats, RepeatStep{n, s.Key, s.Instance, s.Date, s.Value, s.Missing, isNew})
		if n == x.asked.Repeat || x.asked.Repeat == 0 && len(x.trace.Cells) == 1 {
			x.out.Item.Repeat = n
			x.explained(s)
		}
	}
	slices.SortFunc(x.out.Repeats, func(a, b RepeatStep) int { return a.Repeat - b.Repeat })
	switch {
	case x.out.Rule != nil:
	case len(x.out.Repeats) == 0:
		x.out.conclude(StatusNoInstance, "The form has no instance: no resource counts for it.")
	case x.asked.Repeat == 0:
		x.out.conclude(StatusWhichRepeat, "The form has %d instances: say which with --repeat.", len(x.out.Repeats))
	default:
		x.out.conclude(StatusNoInstance, "The source has no instance of this repeat number.")
	}
}

// ruleTypes are the resource types that the asked cell's rule reads.
func (x *explainer) ruleTypes() []string {
	var types []string
	for i := range x.trace.Cells {
		types = append(types, x.trace.Cells[i].Says.Resource...)
	}
	if x.trace.Form != nil {
		types = append(types, x.trace.Form.Says.Resource...)
	}
	for i := range x.trace.Events {
		types = append(types, x.trace.Events[i].Says.Resource...)
	}
	slices.Sort(types)
	return slices.Compact(types)
}

// dropped tells what consent kept from the rule.
func (x *explainer) dropped(record *fhir.Record, p consent.Permitted, drops consent.Drops, s pseudonym.Subject) {
	step, types := x.out.Consent, x.ruleTypes()
	for _, d := range drops.List() {
		if !slices.Contains(types, d.Type) {
			step.Others += d.Count
			continue
		}
		drop := Drop{Type: d.Type, Reason: string(d.Reason), Count: d.Count}
		for _, doc := range consent.DropReasons() {
			if doc.Reason == d.Reason {
				drop.Means = doc.Text
			}
		}
		step.Dropped = append(step.Dropped, drop)
	}
	for res := range record.Resources() {
		if !slices.Contains(types, res.Type) {
			continue
		}
		step.Read++
		if res.ID != "" && p.Find(res.Key()) == nil {
			step.Withheld = append(step.Withheld, res.Type+"/"+s.ResourceID(res.Key()))
		}
	}
	slices.Sort(step.Withheld)
}

// veiled tells what de-identification dropped on the paths that the rule reads.
func (x *explainer) veiled(report pseudonym.Report) {
	reads := x.Study.Mapping.Reads(x.out.Item.Name)
	for _, d := range report.Dropped {
		if slices.ContainsFunc(reads, func(path string) bool { return reaches(d.Path, path) }) {
			x.out.Veil = append(x.out.Veil, VeilStep{d.Path, d.Reason.String(), d.Count})
		}
	}
}

// reaches reports whether an element that was dropped is the one at the path that a rule reads, or lies above it.
// A path writes a choice as value[x], a profile also as valueString.
func reaches(dropped, read string) bool {
	above, below := strings.Split(dropped, "."), strings.Split(read, ".")
	if len(above) > len(below) || len(above) < 2 {
		return false
	}
	for i, name := range above {
		stem, choice := strings.CutSuffix(below[i], "[x]")
		if name != below[i] && (!choice || !strings.HasPrefix(name, stem)) {
			return false
		}
	}
	return true
}

// compare tells what the ledger holds of the cell.
func (x *explainer) compare(ctx context.Context) error {
	if x.stored == nil || x.out.Status == StatusWhichRepeat {
		if x.out.Rule != nil {
			x.out.Ledger = &LedgerStep{Says: "The ledger does not know the subject: no run has computed it."}
		}
		return nil
	}
	runs, err := x.Ledger.Runs(ctx)
	if err != nil {
		return err
	}
	step := &LedgerStep{}
	x.out.Ledger = step
	if len(runs) > 0 {
		step.Run, step.RunAsOf = int64(runs[0].ID), runs[0].Run.AsOf.In(x.Study.Zone).Format(time.RFC3339)
	}
	key := ecrf.CellKey{Event: x.out.Item.Event, Form: x.asked.Form, Repeat: x.out.Item.Repeat, Item: x.asked.Item}
	for i := range x.stored.Cells {
		if c := &x.stored.Cells[i]; c.CellKey == key {
			step.Known, step.Value, step.Missing, step.State = true, c.Value, c.Missing, c.State
		}
	}
	step.judge(x.out.Rule)
	return nil
}

// judge compares the stored cell with what was computed now; nil when nothing was.
func (s *LedgerStep) judge(now *mapping.Steps) {
	s.Equal = s.Known && now != nil && s.Value == now.Value && s.Missing == now.Missing
	switch {
	case !s.Known:
		s.Says = "The ledger has no such cell."
	case now == nil:
		s.Says = "The ledger keeps what an earlier run computed."
	case s.Equal:
		s.Says = "The ledger holds the same."
	case s.State == ecrf.Query && s.Missing == now.Missing:
		s.Says = "The ledger keeps the last value, because the source no longer supports it: a person must look."
	default:
		s.Says = "The ledger differs: data, files of the study or the as-of have changed since the last run. The next crflink sync brings it up to date."
	}
}
