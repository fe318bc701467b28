package redcap

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/crflink/crflink/ecrf"
)

// Target is an ecrf.Target that writes into a live project.
type Target struct {
	name    string
	options Options
	client  *client

	reading *sync.Mutex // of design
	design  *project    // as Entered knows it
}

var _ ecrf.Target = (*Target)(nil)

// New returns a target. Nothing is asked of the server yet.
func New(name string, o Options) (*Target, error) {
	if name == "" {
		return nil, errors.New("a REDCap target needs a name")
	}
	o.defaults()
	c, err := newClient(o.Wire, o.Token)
	if err != nil {
		return nil, fmt.Errorf("target %s: %w", name, err)
	}
	return &Target{name: name, options: o, client: c, reading: &sync.Mutex{}}, nil
}

// Name returns the configured name.
func (t *Target) Name() string { return t.name }

// Kind returns redcap.
func (t *Target) Kind() string { return "redcap" }

// Close lets the connections go.
func (t *Target) Close() error {
	t.client.close()
	return nil
}

// Deliver compares the project with the study, and writes each cell that the policies let it write, a batch of subjects after
// the other. What the ledger's record says of a cell, and what stands in the project just before, decide; what stands there just
// after is what the record is told. A project that does not fit is a DriftError, and nothing was written.
func (t *Target) Deliver(ctx context.Context, given ecrf.Delivery) (report ecrf.DeliveryReport, err error) {
	if given.Record == nil {
		return report, fmt.Errorf("target %s: a record of what was written is needed", t.name)
	}
	d := &delivery{Target: t, record: given.Record, asOf: given.AsOf, dry: given.DryRun, decided: given.Decided, report: &report, rows: t.options.BatchRows}
	if err := d.open(ctx, given.Dictionary); err != nil {
		return report, fmt.Errorf("target %s: %w", t.name, err)
	}
	for book, err := range given.Casebooks(ctx) {
		if err == nil {
			err = d.add(ctx, book)
		}
		if err != nil {
			return report, fmt.Errorf("target %s: %w", t.name, err)
		}
	}
	if err := d.flush(ctx); err != nil {
		return report, fmt.Errorf("target %s: %w", t.name, err)
	}
	d.conclude()
	return report, nil
}

// delivery is one delivery under way.
type delivery struct {
	*Target
	layout  *layout
	record  ecrf.DeliveryRecord
	asOf    time.Time
	dry     bool
	decided func(ecrf.Decision) // nil where nobody wants to know
	report  *ecrf.DeliveryReport
	rows    int // of an import; halved when the server does not cope

	batch    []*subject
	cells    int // of the batch
	blocked  map[string]int
	rejected map[string]int    // cells by item and cause
	clock    *time.Duration    // by which the server's own time is ahead of that of its answers; nil as long as nobody knows
	blind    bool              // the log does not show what we wrote
	statuses int               // of forms that were set
	unmarked map[instance]bool // forms whose status REDCap does not take
}

func (d *delivery) open(ctx context.Context, dictionary *ecrf.Dictionary) error {
	p, err := readProject(ctx, d.client)
	if err != nil {
		return err
	}
	d.blocked, d.rejected, d.unmarked = map[string]int{}, map[string]int{}, map[instance]bool{}
	d.layout, d.report.Notes, err = fit(p, dictionary, &d.options)
	return err
}

// add puts a subject into the batch, and works the batch off when it is full.
func (d *delivery) add(ctx context.Context, book *ecrf.StoredCasebook) error {
	last, err := d.record.LastWritten(ctx, book.Facts.Subject)
	if err != nil {
		return err
	}
	s := &subject{number: book.Facts.Subject, site: book.Facts.Site, last: last}
	for i := range book.Cells {
		if c := d.newCell(s, &book.Cells[i]); c != nil {
			s.cells = append(s.cells, c)
		}
	}
	d.batch, d.cells = append(d.batch, s), d.cells+len(s.cells)
	d.report.Cells += len(s.cells)
	if len(d.batch) >= d.options.BatchRows || d.cells >= d.options.BatchCells {
		return d.flush(ctx)
	}
	return nil
}

// maxUnknown is how often in a row the outcome of an import may stay unknown.
const maxUnknown = 4

// flush works the batch off: read, decide, write, and read again, until nothing is left to write.
func (d *delivery) flush(ctx context.Context) error {
	if len(d.batch) == 0 {
		return ctx.Err()
	}
	for unknown, first := 0, true; ; first = false {
		now, err := d.look(ctx)
		if err == nil && first {
			err = d.recall(ctx, now)
		}
		if err != nil {
			return err
		}
		writes := d.decideAll(now)
		if d.dry {
			d.rehearse(writes)
		}
		if len(writes) == 0 || d.dry {
			break
		}
		if err := d.intend(ctx, writes); err != nil {
			return err
		}
		known, err := d.write(ctx, writes)
		if err != nil {
			return err
		}
		if err := d.landed(ctx, writes); err != nil {
			return err
		}
		if err := d.races(ctx, now, writes); err != nil {
			return err
		}
		if unknown++; known {
			unknown = 0
		}
		if unknown == maxUnknown {
			return errors.New("the server does not tell whether it takes what is imported; what it took is known at the next run")
		}
	}
	err := d.settle(ctx)
	d.batch, d.cells = nil, 0
	return err
}

// rehearse counts what an import would do beside writing the cells.
func (d *delivery) rehearse(writes []*cell) {
	for _, s := range d.shipments(writes) {
		d.statuses += d.mark(&s)
	}
}

// look reads what the batch's records hold.
func (d *delivery) look(ctx context.Context) (*snapshot, error) {
	records, variables := d.wanted()
	return d.readParts(ctx, d.layout.project, records, variables)
}

// wanted names the records and variables of the batch.
func (d *delivery) wanted() (records, variables []string) {
	seen := map[string]bool{}
	want := func(name string) {
		if !seen[name] {
			seen[name] = true
			variables = append(variables, name)
		}
	}
	for _, s := range d.batch {
		records = append(records, s.number)
		for _, c := range s.cells {
			want(c.column.variable)
			want(statusOf(c.place.form))
		}
	}
	slices.Sort(variables)
	return records, variables
}

// decideAll decides about every cell of the batch and returns those that are to be written.
func (d *delivery) decideAll(now *snapshot) []*cell {
	var writes []*cell
	for _, s := range d.batch {
		d.admit(s, now)
		switch s.blocked {
		case "":
		case noRecord:
			s.onlyKnown()
		default:
			continue
		}
		s.allot(now)
		for _, c := range s.cells {
			if d.decide(c, now); d.writes(c) {
				writes = append(writes, c)
			}
		}
	}
	return writes
}

// Why nothing is written for a subject.
const (
	noRecord     = "have no record in the project, and createRecords is not set"
	noGroup      = "are of a site for which the study names no data access group"
	wrongGroup   = "have a record in another data access group than their site's"
	hiddenGroups = "could not be compared with their data access group, which the account may not see: take the account out of its group"
)

// admit says whether anything may be written for a subject.
func (d *delivery) admit(s *subject, now *snapshot) {
	group, there := now.records[s.number]
	s.blocked, s.there = "", there
	want, known := d.options.Groups[s.site]
	switch {
	case !there && !s.made && !d.options.CreateRecords:
		s.blocked = noRecord
	case len(d.options.Groups) > 0 && !known:
		s.blocked = noGroup
	case !there:
		s.made = true
	case known && !now.grouped:
		s.blocked = hiddenGroups
	case known && group != want && !s.made:
		s.blocked = wrongGroup
	}
}

// onlyKnown leaves of a subject whose record is not there what the ledger knows of it: a person who deleted the record cleared what
// we wrote.
func (s *subject) onlyKnown() {
	s.cells = slices.DeleteFunc(s.cells, func(c *cell) bool { return c.last.State == "" })
}

// settle tells the ledger what became of the batch, and counts it.
func (d *delivery) settle(ctx context.Context) error {
	var marks []ecrf.Delivered
	var doubts []ecrf.Doubt
	var subjects []string
	for _, s := range d.batch {
		if s.blocked != "" {
			d.blocked[s.blocked]++
		}
		if s.blocked != "" && s.blocked != noRecord {
			continue
		}
		subjects = append(subjects, s.number)
		for _, c := range s.cells {
			d.count(c)
			d.tell(c)
			now, ok := d.outcome(c)
			if ok && now != c.last {
				marks = append(marks, now)
			}
			if cause := d.doubts(c); cause != "" {
				doubts = append(doubts, ecrf.Doubt{Subject: s.number, CellKey: c.CellKey, Cause: cause, Stored: c.stored, Incoming: c.incoming})
			}
		}
	}
	if d.dry || len(subjects) == 0 {
		return nil
	}
	if len(marks) > 0 {
		if err := d.record.MarkWritten(ctx, marks); err != nil {
			return err
		}
	}
	_, err := d.record.Settle(ctx, subjects, doubts)
	return err
}

func (d *delivery) count(c *cell) {
	r := d.report
	if c.sent && c.stored == c.last.Sent || d.dry && d.writes(c) {
		r.Written++
	}
	switch cause := d.doubts(c); {
	case cause == ecrf.CauseLocked:
		r.Locked++
	case cause == ecrf.CauseRejected:
		r.Rejected++
		d.rejected[c.Form+"."+c.Item+": "+string(c.refused+c.misfit)]++
	case cause == ecrf.CauseConflict:
		r.Conflicts++
	case cause != "":
		r.Queries++
	case c.incoming != "" && c.stored == c.incoming && !c.sent:
		r.Unchanged++
	}
}

// conclude says what concerns the delivery as a whole.
func (d *delivery) conclude() {
	for _, why := range []string{noRecord, noGroup, wrongGroup, hiddenGroups} {
		if n := d.blocked[why]; n > 0 {
			d.report.Problems = append(d.report.Problems, fmt.Sprintf("%d subjects %s: nothing was written for them", n, why))
		}
	}
	for _, why := range slices.Sorted(maps.Keys(d.rejected)) {
		d.report.Notes = append(d.report.Notes, fmt.Sprintf("%d cells were rejected: %s", d.rejected[why], why))
	}
	d.tellStatuses()
	if d.blind {
		d.report.Notes = append(d.report.Notes, "the project's log does not show what was written: an edit between reading and writing cannot be told; give the account the right to see the log")
	}
}

// Check compares the project with the study's dictionary. A project that nothing can be written into safely is a DriftError.
func (t *Target) Check(ctx context.Context) (notes []string, err error) {
	p, err := readProject(ctx, t.client)
	if err != nil {
		return nil, wrapped(t.name, err)
	}
	_, notes, err = fit(p, t.options.Dictionary, &t.options)
	return notes, wrapped(t.name, err)
}
