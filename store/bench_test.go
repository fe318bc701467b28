package store_test

import (
	"fmt"
	"testing"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/ecrf/ledgertest"
)

// changes are new subjects with 22 cells each: 2 in a single form, 10 instances of a repeating one.
func changes(b *testing.B, d *ecrf.Dictionary, first, n int) []*ecrf.SubjectChange {
	book := ledgertest.Book{Sex: "1", Weight: "80.0"}
	for i := range 10 {
		book.Labs = append(book.Labs, ledgertest.Lab{Key: fmt.Sprint("key-", i), Date: fmt.Sprintf("2024-01-%02d", i+1), PSA: "12.345"})
	}
	one := ecrf.Reconcile(nil, book.Casebook(b, d, newSubject(b, ledgertest.Number(0))), "permitted", "", "d")
	var all []*ecrf.SubjectChange
	for i := range n {
		next := *one
		next.Facts.Subject = ledgertest.Number(first + i)
		all = append(all, &next)
	}
	return all
}

func BenchmarkApplyNewSubjects(b *testing.B) {
	d := ledgertest.Dictionary(b)
	l := openLedger(b, b.TempDir(), d)
	defer func() { check(b, l.Close()) }()
	run, err := l.Begin(b.Context(), ecrf.Run{})
	check(b, err)
	const batch = 200
	cells, first := 0, 0
	for b.Loop() {
		b.StopTimer()
		subjects := changes(b, d, first, batch)
		first += batch
		b.StartTimer()
		check(b, l.Apply(b.Context(), run, ecrf.Batch{Subjects: subjects}))
		cells += batch * 22
	}
	b.ReportMetric(float64(cells)/b.Elapsed().Seconds(), "cells/s")
}

func BenchmarkReadCasebooks(b *testing.B) {
	d := ledgertest.Dictionary(b)
	l := openLedger(b, b.TempDir(), d)
	defer func() { check(b, l.Close()) }()
	run, err := l.Begin(b.Context(), ecrf.Run{})
	check(b, err)
	check(b, l.Apply(b.Context(), run, ecrf.Batch{Subjects: changes(b, d, 0, 500)}))
	cells := 0
	for b.Loop() {
		for book, err := range l.Casebooks(b.Context()) {
			check(b, err)
			cells += len(book.Cells)
		}
	}
	b.ReportMetric(float64(cells)/b.Elapsed().Seconds(), "cells/s")
}
