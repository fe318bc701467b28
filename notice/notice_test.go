package notice_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/crflink/crflink/notice"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var well = notice.Numbers{Found: 100, Permitted: 80, Held: 3, Delivered: 70, Filled: 1000}

func with(change func(*notice.Numbers)) notice.Numbers {
	n := well
	change(&n)
	return n
}

func TestPeopleAreToldWhatARunFoundLessOf(t *testing.T) {
	for name, c := range map[string]struct {
		now, before notice.Numbers
		kinds       string
	}{
		"nothing changed":          {well, well, ""},
		"the first run":            {with(func(n *notice.Numbers) { n.Held = 0 }), notice.Nothing, ""},
		"the first delivers none":  {with(func(n *notice.Numbers) { n.Delivered, n.Held = 0, 0 }), notice.Nothing, "run-empty"},
		"empty":                    {with(func(n *notice.Numbers) { n.Delivered = 0 }), well, "run-empty"},
		"empty again":              {with(func(n *notice.Numbers) { n.Delivered = 0 }), with(func(n *notice.Numbers) { n.Delivered = 0 }), ""},
		"29 percent fewer cells":   {with(func(n *notice.Numbers) { n.Filled = 710 }), well, ""},
		"30 percent fewer cells":   {with(func(n *notice.Numbers) { n.Filled = 700 }), well, "coverage-drop"},
		"more cells":               {with(func(n *notice.Numbers) { n.Filled = 7000 }), well, ""},
		"half of the consents":     {with(func(n *notice.Numbers) { n.Permitted = 40 }), well, "consent-drop"},
		"of few, one less":         {with(func(n *notice.Numbers) { n.Permitted = 4 }), with(func(n *notice.Numbers) { n.Permitted = 6 }), ""},
		"hidden numbers":           {with(func(n *notice.Numbers) { n.Permitted, n.Filled, n.Delivered = -5, -5, -5 }), well, ""},
		"more are held":            {with(func(n *notice.Numbers) { n.Held = 4 }), well, "patients-held"},
		"fewer are held":           {with(func(n *notice.Numbers) { n.Held = 2 }), well, ""},
		"a withdrawal":             {with(func(n *notice.Numbers) { n.Withdrawals = 1 }), well, "withdrawals-open"},
		"it is still there":        {with(func(n *notice.Numbers) { n.Withdrawals = 1 }), with(func(n *notice.Numbers) { n.Withdrawals = 1 }), ""},
		"overdue, every night":     {with(func(n *notice.Numbers) { n.Overdue = 1 }), with(func(n *notice.Numbers) { n.Overdue = 1 }), "tasks-overdue"},
		"everything at once, told": {notice.Numbers{Found: 9, Held: 9, Overdue: 1, Withdrawals: 1}, well, "run-empty consent-drop patients-held withdrawals-open tasks-overdue"},
	} {
		var kinds []string
		for _, n := range notice.Judge("s", c.now, c.before, 30, time.Unix(0, 0)) {
			kinds = append(kinds, string(n.Kind))
			if n.Study != "s" || !strings.HasPrefix(n.Title, "s: ") || n.Text == "" {
				t.Errorf("%s: %+v", name, n)
			}
		}
		if got := strings.Join(kinds, " "); got != c.kinds {
			t.Errorf("%s: %q, want %q", name, got, c.kinds)
		}
	}
}

// way fails a number of times.
type way struct {
	fails int
	at    []time.Duration
	begun time.Time
}

func (*way) Name() string { return "way" }

func (w *way) Send(context.Context, notice.Notice) error {
	w.at = append(w.at, time.Since(w.begun))
	if w.fails--; w.fails >= 0 {
		return errors.New("down")
	}
	return nil
}

func TestAWayThatIsDownIsTriedAgainAndKeepsNoOtherWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		down, up, dead := &way{fails: 2, begun: time.Now()}, &way{begun: time.Now()}, &way{fails: 99, begun: time.Now()}
		d := notice.Open(slog.New(slog.NewTextHandler(&log, nil)), down, up, dead)
		d.Tell(notice.Notice{Study: "s", Kind: notice.Late})
		<-time.After(3 * time.Hour)
		d.Close()
		if fmt.Sprint(down.at) != "[0s 10s 1m10s]" || fmt.Sprint(up.at) != "[0s]" || len(dead.at) != 5 {
			t.Errorf("%v %v %v", down.at, up.at, dead.at)
		}
		if strings.Count(log.String(), "given up") != 1 || strings.Count(log.String(), "was sent") != 2 {
			t.Error(log.String())
		}
	})
}

func TestWhatWaitsIsSentOnceMoreAtTheEndAndNobodyWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &way{fails: 99, begun: time.Now()}
		d := notice.Open(slog.New(slog.DiscardHandler), w)
		for range 300 { // more than can wait
			d.Tell(notice.Notice{})
		}
		d.Close()
		if n := len(w.at); n < 200 || n > 300 || w.at[n-1] != 0 {
			t.Errorf("%d attempts, the last after %v", n, w.at[n-1])
		}
	})
	new(notice.Desk).Tell(notice.Notice{})
	new(notice.Desk).Close()
}
