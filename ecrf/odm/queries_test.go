package odm_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/ecrf/odm"
)

func TestQueriesStandBesideTheirCells(t *testing.T) {
	d, _, err := ecrf.ParseDictionary("d.yaml", []byte("study: s\nversion: \"1\"\nevents: [{name: e, forms: [a, b]}]\nforms:\n"+
		"  - {name: a, items: [{name: k, type: decimal, decimals: 1}, {name: n, type: text}]}\n  - {name: b, repeating: true, items: [{name: day, type: date}]}\n"))
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 1, 15, 2, 0, 0, 0, time.UTC)
	query := func(id int64, subject string, key ecrf.CellKey, cause ecrf.Cause, state ecrf.QueryState, stored string) ecrf.DataQuery {
		return ecrf.DataQuery{
			ID: id, Target: "edc", Site: "site-a", State: state, History: []ecrf.QueryStep{{At: at, Did: ecrf.Opened}},
			Doubt: ecrf.Doubt{Subject: subject, CellKey: key, Cause: cause, Stored: stored, Incoming: "4.3"},
		}
	}
	k, day := ecrf.CellKey{Event: "e", Form: "a", Item: "k"}, ecrf.CellKey{Event: "e", Form: "b", Repeat: 2, Item: "day"}
	var out bytes.Buffer
	err = odm.WriteQueries(t.Context(), &out, d, []ecrf.DataQuery{
		query(3, "S2", k, ecrf.CauseConflict, ecrf.QueryOpen, "4.1"), query(1, "S1", day, ecrf.CauseCleared, ecrf.QueryAnswered, ""),
		query(2, "S1", k, ecrf.CauseConflict, ecrf.QueryClosed, "<unknown>"), query(4, "S1", k, ecrf.CauseRace, ecrf.QueryResolved, "4.1"),
		query(5, "S1", ecrf.CellKey{Event: "e", Form: "gone", Item: "gone"}, ecrf.CauseRace, ecrf.QueryOpen, ""),
	})
	if err != nil {
		t.Fatal(err)
	}
	text := out.String()
	lint(t, text, odm.Options{Version: odm.V2})
	if got := strings.Count(text, "<Query "); got != 4 {
		t.Errorf("%d queries", got)
	}
	for _, want := range []string{`OID="Q.1"`, `State="Answered"`, `State="Closed"`, `State="Resolved"`, `State="Open"`, "&lt;unknown&gt;", `ItemGroupRepeatKey="2"`} {
		if !strings.Contains(text, want) {
			t.Errorf("%s is not there:\n%s", want, text)
		}
	}
	if strings.Contains(text, "<Value>&lt;unknown") {
		t.Error("what is no value of the item is one of the document")
	}
}
