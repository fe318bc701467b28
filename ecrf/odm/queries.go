package odm

import (
	"cmp"
	"context"
	"io"
	"iter"
	"slices"
	"strconv"
	"time"

	"github.com/crflink/crflink/ecrf"
)

// queryStates are ODM's words for the states of a query.
var queryStates = map[ecrf.QueryState]string{
	ecrf.QueryOpen: "Open", ecrf.QueryAnswered: "Answered", ecrf.QueryResolved: "Resolved", ecrf.QueryClosed: "Closed",
}

// causeTexts say what a query asks.
var causeTexts = map[ecrf.Cause]string{
	ecrf.CauseConflict:  "A person's entry differs from the value of the source",
	ecrf.CauseCleared:   "A person cleared the value that was transferred",
	ecrf.CauseVanished:  "The source no longer has the value that was transferred",
	ecrf.CauseChanged:   "The source changed the value that was transferred",
	ecrf.CauseSuggested: "The source has a value that a person has to accept",
	ecrf.CauseRace:      "The cell was edited while it was written",
	ecrf.CauseRejected:  "The system does not take the value",
	ecrf.CauseUncovered: "The consent no longer covers the value that was transferred",
	ecrf.CauseFrozen:    "The source has another value, and the form is frozen",
	ecrf.CauseLocked:    "The source has another value, and the form or the record is locked",
}

// WriteQueries writes an ODM 2.0 snapshot of the cells that queries are about, each with what the target holds and its queries.
// Queries of items that the dictionary no longer has are left out.
func WriteQueries(ctx context.Context, w io.Writer, d *ecrf.Dictionary, queries []ecrf.DataQuery) error {
	books := queriedBooks(d, queries)
	delivery := ecrf.Delivery{Dictionary: d, AsOf: newest(queries), Casebooks: func(context.Context) iter.Seq2[*ecrf.StoredCasebook, error] {
		return func(yield func(*ecrf.StoredCasebook, error) bool) {
			for _, b := range books {
				if !yield(b, nil) {
					return
				}
			}
		}
	}}
	_, err := Write(ctx, w, delivery, Options{Version: V2, queries: queries})
	return err
}

// newest is the moment of the last change, so that equal queries give equal bytes.
func newest(queries []ecrf.DataQuery) time.Time {
	at := time.Unix(0, 0).UTC()
	for i := range queries {
		if n := len(queries[i].History); n > 0 && queries[i].History[n-1].At.After(at) {
			at = queries[i].History[n-1].At
		}
	}
	return at
}

// queriedBooks makes casebooks of the queried cells, in the order of an export: subjects, then cells as in the dictionary.
func queriedBooks(d *ecrf.Dictionary, queries []ecrf.DataQuery) []*ecrf.StoredCasebook {
	books := map[string]*ecrf.StoredCasebook{}
	seen := map[string]bool{}
	for i := range queries {
		q := &queries[i]
		b := books[q.Subject]
		if b == nil {
			b = &ecrf.StoredCasebook{Facts: ecrf.Facts{Subject: q.Subject, Site: q.Site}}
			books[q.Subject] = b
		}
		if key := q.Subject + " " + queryCell(q.CellKey); !seen[key] {
			seen[key] = true
			cell := ecrf.StoredCell{CellKey: q.CellKey, State: ecrf.New}
			if d.Item(q.Item) != nil && d.Check(q.Item, q.Stored) == nil { // a person may have entered what is no value of the item
				cell.Value = q.Stored
			}
			b.Cells = append(b.Cells, cell)
		}
	}
	var all []*ecrf.StoredCasebook
	for _, b := range books {
		slices.SortFunc(b.Cells, func(x, y ecrf.StoredCell) int { return d.Compare(x.CellKey, y.CellKey) })
		all = append(all, b)
	}
	slices.SortFunc(all, func(a, b *ecrf.StoredCasebook) int { return cmp.Compare(a.Facts.Subject, b.Facts.Subject) })
	return all
}

func queryCell(k ecrf.CellKey) string {
	return k.Event + " " + k.Form + " " + strconv.Itoa(k.Repeat) + " " + k.Item
}

// queriesOf writes the queries about a cell.
func (s *document) queriesOf(subject string, key ecrf.CellKey) {
	for i := range s.o.queries {
		q := &s.o.queries[i]
		if q.Subject != subject || q.CellKey != key {
			continue
		}
		changed := s.asOf
		if n := len(q.History); n > 0 {
			changed = q.History[n-1].At.Format(time.RFC3339)
		}
		s.x.open("Query", "OID", "Q."+strconv.FormatInt(q.ID, 10), "Source", "System", "Type", "System", "State", queryStates[q.State], "LastUpdateDatetime", changed)
		s.x.text("Value", causeTexts[q.Cause]+" (target "+q.Target+"): it holds "+strconv.Quote(q.Stored)+", the source "+strconv.Quote(q.Incoming))
		s.x.close("Query")
	}
}
