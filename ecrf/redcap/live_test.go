package redcap_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/ecrf/redcap"
	"github.com/crflink/crflink/ecrf/redcap/fakeredcap"
	"github.com/crflink/crflink/ecrf/targettest"
	"github.com/crflink/crflink/internal/fake"
	"github.com/crflink/crflink/internal/wire"
)

const token = "0123456789ABCDEF0123456789ABCDEF"

// trial is a longitudinal project: a form with fields of several kinds, and laboratory values that repeat.
func trial() fakeredcap.Design {
	in := func(form string, f fakeredcap.Field) fakeredcap.Field {
		f.Form, f.Label = form, f.Name
		return f
	}
	return fakeredcap.Design{
		Title: "Trial",
		Fields: []fakeredcap.Field{
			in("base", fakeredcap.Field{Name: "record_id", Type: "text"}),
			in("base", fakeredcap.Field{Name: "born", Type: "text", Validation: "date_dmy"}),
			in("base", fakeredcap.Field{Name: "temp", Type: "text", Validation: "number_1dp_comma_decimal", Annotation: "@FORCE-MINMAX", Min: "30,0", Max: "45,0"}),
			in("base", fakeredcap.Field{Name: "sex", Type: "radio", Choices: "1, male | 2, female"}),
			in("base", fakeredcap.Field{Name: "smoker", Type: "yesno"}),
			in("base", fakeredcap.Field{Name: "symptoms", Type: "checkbox", Choices: "1, fever | -4, none"}),
			in("base", fakeredcap.Field{Name: "seen", Type: "text", Validation: "datetime_dmy"}),
			in("base", fakeredcap.Field{Name: "remarks", Type: "notes"}),
			in("base", fakeredcap.Field{Name: "bmi", Type: "calc", Choices: "1+1"}),
			in("lab", fakeredcap.Field{Name: "taken", Type: "text", Validation: "datetime_seconds_ymd"}),
			in("lab", fakeredcap.Field{Name: "psa", Type: "text", Validation: "number_2dp"}),
		},
		Events: []fakeredcap.Event{
			{Name: "baseline_arm_1", Label: "Baseline", Arm: 1, ID: 1, Forms: []string{"base", "lab"}},
			{Name: "visit_arm_1", Label: "Visit", Arm: 1, ID: 2, Forms: []string{"lab"}},
		},
		Repeating:    []fakeredcap.Repeating{{Event: "baseline_arm_1", Form: "lab"}, {Event: "visit_arm_1", Form: "lab"}},
		Groups:       []fakeredcap.Group{{Name: "Site A", Unique: "site_a", ID: 1}, {Name: "Site B", Unique: "site_b", ID: 2}},
		MissingCodes: "NASK, Not asked | UNK, Unknown",
	}
}

const trialForms = `study: trial
version: "1"
events:
  - {name: baseline_arm_1, forms: [base, lab]}
  - {name: visit_arm_1, forms: [lab]}
codelists:
  sex: {"1": male, "2": female}
forms:
  - name: base
    items:
      - {name: born, type: date}
      - {name: temp, type: decimal, decimals: 1}
      - {name: sex, type: choice, codelist: sex}
      - {name: smoker, type: boolean}
      - {name: symptoms_1, type: boolean}
      - {name: symptoms_minus_4, type: boolean}
      - {name: seen, type: datetime}
      - {name: remarks, type: text}
  - name: lab
    repeating: true
    items:
      - {name: taken, type: datetime}
      - {name: psa, type: decimal, decimals: 2}
`

func dictionary(t testing.TB, text string) *ecrf.Dictionary {
	t.Helper()
	d, _, err := ecrf.ParseDictionary("dictionary.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// at names a cell of the trial.
func at(event, item string, repeat int) ecrf.CellKey {
	form := "base"
	if item == "taken" || item == "psa" {
		form = "lab"
	}
	return ecrf.CellKey{Event: event, Form: form, Repeat: repeat, Item: item}
}

const baseline, visit = "baseline_arm_1", "visit_arm_1"

// trialBook is a subject of the trial.
func trialBook(number, site string) *ecrf.StoredCasebook {
	b := &ecrf.StoredCasebook{Facts: ecrf.Facts{Subject: number, Site: site}}
	for _, c := range []struct {
		event, item string
		repeat      int
		value       string
	}{
		{baseline, "born", 0, "1958-04-30"}, {baseline, "temp", 0, "38.2"}, {baseline, "sex", 0, "2"}, {baseline, "smoker", 0, "true"},
		{baseline, "symptoms_1", 0, "true"}, {baseline, "symptoms_minus_4", 0, "false"}, {baseline, "seen", 0, "2026-01-14T08:30:00"},
		{baseline, "remarks", 0, "two\nlines, \"quoted\""}, {baseline, "taken", 1, "2026-01-14T08:30:15"}, {baseline, "psa", 1, "4.10"},
		{visit, "taken", 1, "2026-02-14T08:30:15"}, {visit, "psa", 1, "0.07"}, {visit, "taken", 2, "2026-02-15T08:30:15"}, {visit, "psa", 2, "12.00"},
	} {
		b.Cells = append(b.Cells, ecrf.StoredCell{CellKey: at(c.event, c.item, c.repeat), Value: c.value, State: ecrf.New})
	}
	return b
}

// site is a fake REDCap with one project.
type site struct {
	*fakeredcap.Server
	*fakeredcap.Project
	base    string
	options redcap.Options
	repeats bool                             // something in the project
	imports func(fakeredcap.Call) fake.Fault // is asked once, at the next import
	now     atomic.Int64                     // of the server, in seconds: each call takes ten
}

func newSite(t testing.TB, d fakeredcap.Design, options redcap.Options) *site {
	t.Helper()
	s := &site{options: options, repeats: len(d.Repeating) > 0}
	s.now.Store(time.Date(2026, 1, 15, 2, 0, 0, 0, time.UTC).Unix())
	s.Server = fakeredcap.New(func() time.Time { return time.Unix(s.now.Load(), 0).UTC() })
	s.Limit = -1
	s.Project = s.Server.Add(d, fakeredcap.Service("etl", token))
	s.Choose = s.choose
	h := httptest.NewServer(s.Server)
	t.Cleanup(h.Close)
	s.base = h.URL + "/redcap/api/"
	return s
}

func (s *site) choose(q *http.Request) fake.Fault {
	s.now.Add(10)
	call, err := fakeredcap.CallOf(q)
	if err != nil || !call.Import() || s.imports == nil {
		return fake.None
	}
	once := s.imports
	s.imports = nil
	return once(call)
}

func (s *site) Open(t testing.TB) ecrf.Target { return s.target(t) }

func (s *site) target(t testing.TB) *redcap.Target {
	t.Helper()
	o := s.options
	o.Wire = wire.Options{Base: s.base, Every: time.Nanosecond, Pause: time.Microsecond, MaxPause: time.Millisecond, Retries: 2}
	o.Token = wire.NewSecret(token)
	target, err := redcap.New("edc", o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = target.Close() })
	return target
}

// there names a cell of the project.
func there(subject string, key ecrf.CellKey) fakeredcap.Cell {
	column := map[string]string{"symptoms_1": "symptoms___1", "symptoms_minus_4": "symptoms____4"}[key.Item]
	if column == "" {
		column = key.Item
	}
	return fakeredcap.Cell{Record: subject, Event: key.Event, Instance: key.Repeat, Field: column}
}

// raw spells a canonical value as the project stores it.
func raw(key ecrf.CellKey, value string) string {
	switch key.Item {
	case "temp":
		return strings.Replace(value, ".", ",", 1)
	case "seen":
		return strings.TrimSuffix(strings.Replace(value, "T", " ", 1), ":00")
	case "taken":
		return strings.Replace(value, "T", " ", 1)
	case "smoker", "symptoms_1", "symptoms_minus_4":
		return map[string]string{"true": "1", "false": "0"}[value]
	}
	return value
}

func (s *site) Enter(t testing.TB, subject string, key ecrf.CellKey, value string) {
	t.Helper()
	if err := s.Project.Enter("anna", there(subject, key), raw(key, value)); err != nil {
		t.Fatal(err)
	}
}

func (s *site) Stored(t testing.TB, subject string, key ecrf.CellKey) string {
	t.Helper()
	stored := s.Content()[there(subject, key)]
	switch key.Item {
	case "temp":
		return strings.Replace(stored, ",", ".", 1)
	case "seen":
		if stored != "" {
			stored += ":00"
		}
		return strings.Replace(stored, " ", "T", 1)
	case "taken":
		return strings.Replace(stored, " ", "T", 1)
	case "smoker":
		return map[string]string{"1": "true", "0": "false"}[stored]
	case "symptoms_1", "symptoms_minus_4":
		return map[string]string{"": "false", "1": "true"}[stored]
	}
	return stored
}

func (s *site) Lock(t testing.TB, subject string, key ecrf.CellKey, locked bool) {
	t.Helper()
	change := s.Project.Lock
	if !locked {
		change = s.Unlock
	}
	if err := change("anna", there(subject, key)); err != nil {
		t.Fatal(err)
	}
}

// Writes counts the values that the log says were imported.
func (s *site) Writes() int {
	n := 0
	for _, e := range s.Log() {
		if e.User == "etl" && strings.Contains(e.Action, "(API)") {
			n += strings.Count(e.Details, " = ") - strings.Count(e.Details, "record_id = ")
		}
	}
	return n
}

func (s *site) NextImport(f targettest.Fault, before func()) {
	s.imports = func(fakeredcap.Call) fake.Fault {
		if before != nil {
			before()
		}
		return map[targettest.Fault]fake.Fault{targettest.NoFault: fake.None, targettest.LostAnswer: fake.Lost, targettest.NotDone: fake.Failed}[f]
	}
}

func TestAREDCapPassesTheExamOfLiveTargets(t *testing.T) {
	d := dictionary(t, trialForms)
	targettest.RunLive(t, targettest.Live{
		New: func(t testing.TB) targettest.System {
			return newSite(t, trial(), redcap.Options{Dictionary: d, CreateRecords: true})
		},
		Dictionary: d, Books: []*ecrf.StoredCasebook{trialBook("S1", ""), trialBook("S2", "")},
		Cell: at(baseline, "temp", 0), Values: [3]string{"36.6", "37.1", "40.0"}, Bad: "50.0",
	})
}

func TestAREDCapCanBeReadForWhatPeopleEntered(t *testing.T) {
	d := dictionary(t, trialForms)
	s := newSite(t, trial(), redcap.Options{Dictionary: d})
	entries := map[string]ecrf.Entries{
		"S1": {at(baseline, "born", 0): "1958-04-30", at(baseline, "temp", 0): "38.2", at(baseline, "smoker", 0): "false"},
		"S2": {at(baseline, "born", 0): "1961-01-02", at(baseline, "seen", 0): "2026-01-14T08:30:00", at(baseline, "symptoms_1", 0): "true"},
	}
	for subject, cells := range entries {
		for key, value := range cells {
			s.Enter(t, subject, key, value)
		}
	}
	targettest.Read(t, targettest.Readable{Open: func(t testing.TB) ecrf.Reader { return s.target(t) }, Entries: entries})
}
