package mapping

import (
	"regexp"
	"strings"
)

// dayInText is a day of the calendar that is written as a text: '2024-01-01'.toDate(), or compared with a date's text.
var dayInText = regexp.MustCompile(`^'[12]\d{3}-[01]\d-[0-3]\d(T[^']*)?'$`)

// calendarDay reports days of the calendar in what is more than a condition, where the subjects' days are moved: what is
// computed from a known day tells how far they were moved.
func (c *compiler) calendarDay(expanded string, origins []origin) {
	if !c.shifted {
		return
	}
	for _, w := range words(expanded) {
		name, ok := w.variable()
		if p := c.file.parameters[name]; ok && p != nil && p.calendar() {
			c.at(origins[w.at], "compare with it in where only",
				"the study moves every subject's days, and a value that is made of the known day %%%s would tell by how much", name)
		}
	}
}

// movedDays reports what means a true day in an expression that sees moved ones.
func (c *compiler) movedDays(expanded string, origins []origin) {
	if !c.shifted {
		return
	}
	for _, w := range words(expanded) {
		if strings.HasPrefix(w.text, "@") && len(w.text) > 1 && !strings.HasPrefix(w.text, "@T") || dayInText.MatchString(w.text) {
			c.at(origins[w.at], "declare it under parameters with type: date: it is moved with the subject's days",
				"the study moves every subject's days, but not %s", w.text)
		}
	}
	for _, w := range callsOfNow(expanded) {
		c.at(origins[w.at], "count from an event of the mapping instead", "the study moves every subject's days, but not %s()", w.text)
	}
}
