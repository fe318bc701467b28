package redcap_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/ecrf/redcap"
	"github.com/crflink/crflink/ecrf/redcap/fakeredcap"
	"github.com/crflink/crflink/ecrf/targettest"
	"github.com/crflink/crflink/internal/fake"
	"github.com/crflink/crflink/internal/wire"
)

var (
	sequences = flag.Int("model.sequences", 2000, "how many sequences the model is tried with")
	oneSeed   = flag.Uint64("model.seed", 0, "try this sequence only, and tell its steps")
)

const modelToken = "0123456789ABCDEF0123456789ABCDEF"

// TestNoPersonIsEverOverwritten tries random sequences of deliveries and of what people, servers and networks do meanwhile, and
// holds after each step:
//
//   - what a person had entered, or cleared, when the target was last read is as the person left it, but for items whose policy is
//     always;
//   - who is overtaken by an import between its reading and its writing gets a query about a race;
//   - nothing is written behind a freeze, against an item's policy, into another group's record, or by a rule that nobody approved;
//   - when nothing changes, nothing is imported; a step that is undone is not done twice;
//   - when all is quiet, what the ledger believes to have written is what the server holds, and what differs from the source has
//     a query.
func TestNoPersonIsEverOverwritten(t *testing.T) {
	if *oneSeed != 0 {
		newModel(t, *oneSeed).run(true)
		return
	}
	const groups = 8
	tried := *sequences
	if testing.Short() { // with the race detector
		tried /= 20
	}
	for g := range groups {
		t.Run(fmt.Sprintf("sequences %d of %d", g+1, groups), func(t *testing.T) {
			t.Parallel()
			for seed := g + 1; seed <= tried && !t.Failed(); seed += groups {
				newModel(t, uint64(seed)).run(false)
			}
		})
	}
}

// TestNoPersonIsOverwrittenWithALedgerOnDisk tries some of the sequences with the ledger that crflink has.
func TestNoPersonIsOverwrittenWithALedgerOnDisk(t *testing.T) {
	for seed := uint64(1); seed <= 20 && !t.Failed(); seed++ {
		m := newModel(t, seed)
		m.record = newOnDisk(t, m.book, m.now)
		m.run(false)
	}
}

// model is one sequence: a server, what a source would deliver, and what was seen of both.
type model struct {
	*testing.T
	*world
	*rand.Rand
	seed    uint64
	server  *fakeredcap.Server
	project *fakeredcap.Project
	http    *httptest.Server
	target  *redcap.Target
	book    *ecrf.Dictionary
	record  belief
	now     time.Time
	steps   []string

	source     map[string]map[ecrf.CellKey]ecrf.StoredCell
	unapproved map[string]bool // items with another rule

	mu      sync.Mutex
	fault   fake.Fault // of the next import
	gap     func()     // between reading and the next import
	imports int        // that reached the server
	seen    map[fakeredcap.Cell]string
	groups  map[string]string          // of the records when they were read
	before  map[fakeredcap.Cell]string // of the import under way
	after   bool                       // an import is under way
	data    map[fakeredcap.Cell]string // that it sends
	author  map[fakeredcap.Cell]string // "person", "crflink"
	wrote   map[fakeredcap.Cell]string // by crflink, last
	cleared map[fakeredcap.Cell]bool   // by a person, of what crflink wrote
	races   map[fakeredcap.Cell]bool
}

func newModel(t *testing.T, seed uint64) *model {
	m := &model{
		T: t, seed: seed, Rand: rand.New(rand.NewPCG(seed, 7)), now: time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC), record: inMemory{&targettest.Record{}},
		source: map[string]map[ecrf.CellKey]ecrf.StoredCell{}, unapproved: map[string]bool{}, author: map[fakeredcap.Cell]string{},
		wrote: map[fakeredcap.Cell]string{}, cleared: map[fakeredcap.Cell]bool{}, races: map[fakeredcap.Cell]bool{},
	}
	m.world = newWorld(seed, m.now)
	m.server = fakeredcap.New(func() time.Time { return m.now })
	m.server.Limit = -1
	m.project = m.server.Add(m.design, fakeredcap.Service("etl", modelToken))
	m.server.Choose = m.watch
	m.http = httptest.NewServer(m.server)
	o := m.options
	o.Wire = wire.Options{Base: m.http.URL + "/api/", Every: time.Nanosecond, Pause: time.Nanosecond, MaxPause: time.Nanosecond, Retries: 2}
	o.Token = wire.NewSecret(modelToken)
	var err error
	if m.target, err = redcap.New("edc", o); err != nil {
		t.Fatal(err)
	}
	m.book = m.dictionary(t)
	m.say("events %d, groups %d, policy %q %v, freezes %v, missing codes %v, makes records %v, clears %v, status %q", len(m.design.Events), len(m.design.Groups),
		o.Policy, o.Policies, o.Freezes, o.MissingCodes, o.CreateRecords, o.ClearUncovered, o.Status)
	return m
}

func (m *model) say(format string, args ...any) {
	m.steps = append(m.steps, fmt.Sprintf(format, args...))
}

func (m *model) wrong(format string, args ...any) {
	m.Helper()
	if m.Failed() && *oneSeed == 0 {
		return // one sequence is enough
	}
	m.Errorf("sequence %d: %s\nits steps:\n  %s", m.seed, fmt.Sprintf(format, args...), strings.Join(m.steps, "\n  "))
}

// run does the steps and checks the end.
func (m *model) run(tell bool) {
	defer m.http.Close()
	defer m.target.Close()
	subjects := []string{"S1", "S2"}[:1+m.IntN(2)]
	for _, s := range subjects {
		m.source[s] = map[ecrf.CellKey]ecrf.StoredCell{}
		for range 4 {
			m.sourceChanges(s)
		}
	}
	m.delivers()
	for range 4 + m.IntN(8) {
		if m.Failed() {
			return
		}
		m.now = m.now.Add(time.Duration(m.IntN(90)) * time.Second)
		m.step(subjects[m.IntN(len(subjects))])
	}
	m.quiet()
	if tell {
		m.Log(strings.Join(m.steps, "\n"))
	}
}

func (m *model) step(s string) {
	switch k := m.IntN(26); {
	case k < 5:
		m.sourceChanges(s)
		m.delivers()
	case k < 8:
		m.personEnters(s)
	case k < 10:
		m.personClears(s)
	case k == 10:
		m.lock(s)
	case k == 11:
		m.deletes(s)
	case k < 14:
		m.mappingChanges()
		m.delivers()
	case k == 14:
		m.approves()
		m.delivers()
	case k == 15:
		m.drifts()
	case k < 19:
		m.sourceChanges(s)
		m.faulty(s)
	case k == 19:
		m.sourceChanges(s)
		m.crashes()
	case k < 22:
		m.gapped(s)
	case k == 22:
		m.moves(s, []string{"", "group_a", "group_b"}[m.IntN(3)])
	case k < 25:
		m.daysPass()
	default:
		m.delivers()
	}
}

// sync delivers. It returns how many imports reached the server but for those that met locks: only they tell of locks.
func (m *model) sync() (imports int, err error) {
	m.mu.Lock()
	m.imports = 0
	m.mu.Unlock()
	report, err := m.target.Deliver(context.Background(), ecrf.Delivery{Dictionary: m.book, AsOf: m.now, Casebooks: m.casebooks, Record: m.record})
	m.mu.Lock()
	defer m.mu.Unlock()
	m.imported()
	m.fault, m.gap = fake.None, nil
	m.say("sync: %d imports, %d written, %d conflicts, %d queries, %d locked, %v", m.imports, report.Written, report.Conflicts, report.Queries, report.Locked, err)
	m.raced(err)
	m.forgotten(err)
	if report.Locked > 0 && report.Written == 0 {
		return 0, err
	}
	return m.imports, err
}

// drifts takes a field out of the project, delivers, and puts it back.
func (m *model) drifts() {
	m.project.Redesign("owner", func(d *fakeredcap.Design) { d.Fields = slices.Delete(d.Fields, 1, 2) })
	imports, err := m.sync()
	var drift *redcap.DriftError
	if !errors.As(err, &drift) || imports > 0 {
		m.wrong("a field is gone, and the delivery said %v after %d imports", err, imports)
	}
	m.project.Redesign("owner", func(d *fakeredcap.Design) { *d = m.design })
}

// delivers is a delivery that nothing stands in the way of.
func (m *model) delivers() {
	if _, err := m.sync(); err != nil {
		m.wrong("a delivery failed: %v", err)
	}
}

func (m *model) faulty(s string) {
	faults := []fake.Fault{fake.Lost, fake.CutLate, fake.Garbled, fake.Truncated, fake.Failed, fake.HTML, fake.Cut, fake.Unavailable}
	m.fault = faults[m.IntN(len(faults))]
	m.say("the next import meets fault %d", m.fault)
	if m.IntN(3) == 0 {
		m.gap = func() { m.personEnters(s) }
	}
	_, _ = m.sync()
}

// gapped lets a person edit between reading and writing, most often just the cell that is written, while the same item is written in
// other events and instances as well.
func (m *model) gapped(s string) {
	target := m.anyKey()
	for _, k := range m.keys[target.Form] {
		if k.Item == target.Item && (k == target || m.IntN(2) == 0) {
			m.sourceGives(s, k)
		}
	}
	m.gap = func() {
		switch m.IntN(6) {
		case 1:
			c := m.serverCell(s, target)
			c.Field = target.Form + "_complete"
			m.enter(c, "2")
		case 0:
			m.personClears(s)
		case 2:
			m.personEnters(s)
		default:
			m.enter(m.serverCell(s, target), values[target.Item][m.IntN(3)][1])
		}
	}
	_, _ = m.sync()
}

var errDied = errors.New("the program died")

// crashes ends the delivery at one of its writings into the ledger.
func (m *model) crashes() {
	left := m.IntN(4)
	m.record.fails(func() error {
		if left--; left < 0 {
			return errDied
		}
		return nil
	})
	m.say("the program dies at writing %d into the ledger", left+1)
	_, _ = m.sync()
	m.record.fails(nil)
}
