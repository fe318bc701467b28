package redcap_test

import (
	"context"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/ecrf/targettest"
	"github.com/crflink/crflink/store"
)

// belief is a target's memory that can be looked into, and that fails on demand.
type belief interface {
	ecrf.DeliveryRecord
	Cell(subject string, key ecrf.CellKey) ecrf.Delivered
	Pending(subject string, key ecrf.CellKey) []ecrf.Cause
	All() []ecrf.Delivered
	fails(when func() error)
}

type inMemory struct{ *targettest.Record }

func (m inMemory) fails(when func() error) { m.Fail = when }

// onDisk is the memory in a real ledger.
type onDisk struct {
	ecrf.DeliveryRecord
	t      *testing.T
	ledger *store.Ledger
	when   func() error
}

var modelSubjects = []string{"S1", "S2"}

func newOnDisk(t *testing.T, d *ecrf.Dictionary, asOf time.Time) *onDisk {
	l, err := store.OpenLedger(t.Context(), filepath.Join(t.TempDir(), "ledger.db"), d)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	run, err := l.Begin(t.Context(), ecrf.Run{AsOf: asOf, Inputs: map[string]string{}})
	if err != nil {
		t.Fatal(err)
	}
	var changes []*ecrf.SubjectChange
	for _, s := range modelSubjects {
		changes = append(changes, &ecrf.SubjectChange{Facts: ecrf.Facts{Subject: s, Site: modelSites[s], Outcome: "permitted"}})
	}
	if err := l.Apply(t.Context(), run, ecrf.Batch{Subjects: changes}); err != nil {
		t.Fatal(err)
	}
	return &onDisk{DeliveryRecord: ecrf.Bind(l, run, "edc"), t: t, ledger: l}
}

func (o *onDisk) fails(when func() error) { o.when = when }

func (o *onDisk) MarkWritten(ctx context.Context, cells []ecrf.Delivered) error {
	if o.when != nil {
		if err := o.when(); err != nil {
			return err
		}
	}
	return o.DeliveryRecord.MarkWritten(ctx, cells)
}

func (o *onDisk) of(subject string) map[ecrf.CellKey]ecrf.Delivered {
	o.t.Helper()
	cells, err := o.LastWritten(context.Background(), subject)
	if err != nil {
		o.t.Error(err)
	}
	return cells
}

func (o *onDisk) Cell(subject string, key ecrf.CellKey) ecrf.Delivered { return o.of(subject)[key] }

func (o *onDisk) All() (all []ecrf.Delivered) {
	for _, s := range modelSubjects {
		for _, d := range o.of(s) {
			all = append(all, d)
		}
	}
	return all
}

func (o *onDisk) Pending(subject string, key ecrf.CellKey) (causes []ecrf.Cause) {
	queries, err := o.ledger.Queries(context.Background())
	if err != nil {
		o.t.Error(err)
	}
	for _, q := range queries {
		if q.Subject == subject && q.CellKey == key && q.State.Pending() {
			causes = append(causes, q.Cause)
		}
	}
	slices.Sort(causes)
	return causes
}
