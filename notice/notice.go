package notice

import (
	"fmt"
	"time"
)

// Kind says what a notice is about.
type Kind string

// The kinds.
const (
	Failed      Kind = "run-failed"
	Limit       Kind = "safety-limit" // a run was stopped before it would have lost patients
	Late        Kind = "run-late"
	Empty       Kind = "run-empty"
	Coverage    Kind = "coverage-drop"
	Consents    Kind = "consent-drop"
	Expiring    Kind = "expiring"
	Withdrawals Kind = "withdrawals-open"
	Overdue     Kind = "tasks-overdue"
	Held        Kind = "patients-held"
)

// Notice is one message.
type Notice struct {
	Study  string    `json:"study"`
	Kind   Kind      `json:"kind"`
	Urgent bool      `json:"urgent"`
	Title  string    `json:"title"`
	Text   string    `json:"text"`
	At     time.Time `json:"at"`
}

// Numbers are what a run came to. A number below 0 is not known, as one that the report hides.
type Numbers struct {
	Found, Permitted, Held, Delivered, Filled int
	Overdue, Withdrawals                      int // what waits for persons
}

// Nothing is known of a run that was not there.
var Nothing = Numbers{-1, -1, -1, -1, -1, -1, -1}

// fewest is from which number on a drop is told: of few, one more or less is no sign.
const fewest = 10

// Judge compares a run with the one before. drop is the loss in percent from which people are told.
func Judge(study string, now, before Numbers, drop int, at time.Time) (all []Notice) {
	add := func(kind Kind, urgent bool, title, text string) {
		all = append(all, Notice{study, kind, urgent, study + ": " + title, text, at})
	}
	switch {
	case now.Delivered == 0 && before.Delivered != 0:
		add(Empty, true, "the run delivered nobody", fmt.Sprintf("It found %s patients. Look at the reasons in its report: crflink runs CONFIG.yaml", number(now.Found)))
	case dropped(now.Filled, before.Filled, drop):
		add(Coverage, true, fmt.Sprintf("%d percent fewer cells are filled than in the run before", percent(now.Filled, before.Filled)),
			"Codes, units or profiles at the hospital may have changed. The report tells which items are empty, and why.")
	}
	if dropped(now.Permitted, before.Permitted, drop) {
		add(Consents, true, fmt.Sprintf("%d percent fewer patients are permitted than in the run before", percent(now.Permitted, before.Permitted)),
			"Consents at the source may be incomplete. The report tells the reasons of the others.")
	}
	if now.Held > 0 && now.Held > before.Held {
		add(Held, false, fmt.Sprintf("%d patients are held", now.Held), "Their consents or numbers need a person. The report tells the reasons.")
	}
	if now.Withdrawals > 0 && now.Withdrawals > before.Withdrawals {
		add(Withdrawals, true, fmt.Sprintf("%d withdrawals are not carried out", now.Withdrawals), "crflink withdraw list STUDY.yaml tells what is to be done.")
	}
	if now.Overdue > 0 {
		add(Overdue, true, fmt.Sprintf("%d tasks are behind their deadline", now.Overdue), "crflink tasks list STUDY.yaml tells which.")
	}
	return all
}

func number(n int) string {
	if n < 0 {
		return "a hidden number of"
	}
	return fmt.Sprint(n)
}

func dropped(now, before, drop int) bool {
	return drop > 0 && now >= 0 && before >= fewest && percent(now, before) >= drop
}

func percent(now, before int) int { return (before - now) * 100 / before }
