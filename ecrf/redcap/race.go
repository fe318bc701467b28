package redcap

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// entry is a line of a project's log.
type entry struct {
	Timestamp text `json:"timestamp"` // YYYY-MM-DD HH:MM, in the server's own time
	User      text `json:"username"`
	Action    text `json:"action"`
	Details   text `json:"details"`
	Record    text `json:"record"`

	changes  map[string]string // what its details say that columns were set to
	instance string            // of what repeats, "" where it names none
}

const logTime = "2006-01-02 15:04"

// overlap is by how much an interval of the log begins too early: it counts in minutes.
const overlap = 3 * time.Minute

// races looks in the log for edits between the last reading and the import: they were overwritten, and a person must know.
// REDCap has no way to write only what has not changed since.
func (d *delivery) races(ctx context.Context, read *snapshot, writes []*cell) error {
	took := slices.DeleteFunc(slices.Clone(writes), func(c *cell) bool { return !c.sent || !c.sure })
	if len(took) == 0 || d.blind {
		return nil
	}
	if d.clock == nil {
		if err := d.calibrate(ctx, read, took); err != nil || d.clock == nil {
			return err
		}
	}
	at, err := http.ParseTime(read.at)
	if err != nil {
		d.blind = true
		return nil
	}
	entries, err := d.log(ctx, parameters{"logtype": "record", "beginTime": at.Add(*d.clock - overlap).Format(logTime)})
	if err != nil {
		return err
	}
	byRecord := map[string][]entry{}
	for _, e := range entries {
		byRecord[string(e.Record)] = append(byRecord[string(e.Record)], e)
	}
	for _, c := range took {
		lines := byRecord[c.subject.number]
		c.raced = d.overtaken(c, lines) || c.marks != "" && d.savedMeanwhile(c, lines)
	}
	return nil
}

// calibrate finds how the server's own time differs from that of its answers: the log has just got a line about our import. Where
// none of the cells can have left one, the next batch tells. A log without any line of ours is one that we do not see.
func (d *delivery) calibrate(ctx context.Context, read *snapshot, took []*cell) error {
	first := slices.IndexFunc(took, func(c *cell) bool { return c.trace() != "" })
	if first < 0 {
		return nil
	}
	entries, err := d.log(ctx, parameters{"logtype": "record", "record": took[first].subject.number})
	if err != nil || d.blind {
		return err
	}
	d.blind = !slices.ContainsFunc(entries, func(e entry) bool { return e.ours() })
	for i := range entries {
		if e := &entries[i]; e.ours() && slices.ContainsFunc(took, func(c *cell) bool { return c.trace() != "" && e.touches(c, c.trace()) != nil }) {
			d.compare(string(e.Timestamp), read.at)
			break
		}
	}
	return nil
}

// trace is a column of which the log says that our import changed it, "" where the import may have changed nothing: a box that
// stays unchecked.
func (c *cell) trace() string {
	if c.column.spelling == checkbox && c.incoming == "false" && c.before != "true" {
		return c.marks
	}
	return c.column.name
}

// compare sets the clock by a line of the log and the time of an answer.
func (d *delivery) compare(logged, answered string) {
	local, errLogged := time.Parse(logTime, logged[:min(len(logged), len(logTime))])
	at, errAnswered := http.ParseTime(answered)
	if errLogged != nil || errAnswered != nil {
		d.blind = true // nobody can say which lines are of the time between reading and writing
		return
	}
	offset := local.Sub(at.Truncate(time.Minute))
	d.clock = &offset
}

// log exports lines of the log, the newest first. An account that may not see it is told about once.
func (d *delivery) log(ctx context.Context, p parameters) (entries []entry, err error) {
	err = d.client.export(ctx, "log", "json", p, func(answer []byte) error {
		entries = nil
		return decode(answer, &entries)
	})
	for i := range entries {
		entries[i].parse()
	}
	if asRefusal(err) != nil {
		d.blind = true
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look for edits at the same time: %w", err)
	}
	slices.SortStableFunc(entries, func(a, b entry) int { return strings.Compare(string(b.Timestamp), string(a.Timestamp)) })
	return entries, nil
}

func (e *entry) ours() bool { return strings.Contains(string(e.Action), "(API)") }

// change is a part of a line's details: field = 'value', or field(code) = checked.
var change = regexp.MustCompile(`([a-z][a-z0-9_]*)(?:\(([^)]*)\))? = (?:'([^']*)|(checked|unchecked))`)

var instanceOf = regexp.MustCompile(`\[instance = (\d+)\]`)

// parse reads the details once: a line may be about hundreds of cells.
func (e *entry) parse() {
	e.changes = map[string]string{}
	if m := instanceOf.FindStringSubmatch(string(e.Details)); m != nil {
		e.instance = m[1]
	}
	for _, m := range change.FindAllStringSubmatch(string(e.Details), -1) {
		column, value := m[1], m[3]
		if m[4] != "" {
			column, value = m[1]+"___"+columnCode(m[2]), map[string]string{"checked": "1", "unchecked": "0"}[m[4]]
		}
		if _, twice := e.changes[column]; !twice {
			e.changes[column] = value
		}
	}
}

// touches returns what the line says that a column was set to in the cell's row, nil when it says nothing of it.
func (e *entry) touches(c *cell, column string) *string {
	if e.instance != "" && c.place.repetition != once && e.instance != strconv.Itoa(c.instance) {
		return nil
	}
	if value, ok := e.changes[column]; ok {
		return &value
	}
	return nil
}

// elsewhere reports whether the line names another event than the cell's.
func (d *delivery) elsewhere(e *entry, c *cell) bool {
	action, own := string(e.Action), c.place.event
	if d.layout.labels[own] == "" || d.layout.isAbout(action, own) {
		return false
	}
	return slices.ContainsFunc(d.layout.events, func(other string) bool { return d.layout.isAbout(action, other) })
}

// isAbout reports whether the action of a line, "Update record 1 (Visit)" or "Update record 1 (Visit (Arm 2: Treatment))", names the
// event. Events of several arms may have one label, and one label may begin with another.
func (p *project) isAbout(action, event string) bool {
	label := p.labels[event]
	if label == "" {
		return false
	}
	for rest := action; ; {
		var ok bool
		if _, rest, ok = strings.Cut(rest, "("+label); !ok {
			return false
		}
		arm, inArm := strings.CutPrefix(rest, " (Arm "+p.arms[event])
		if strings.HasPrefix(rest, ")") || inArm && (p.arms[event] == "" || strings.HasPrefix(arm, ":") || strings.HasPrefix(arm, ")")) {
			return true
		}
	}
}

// overtaken reports whether somebody set the cell to something else than we had read, before our own line about it.
func (d *delivery) overtaken(c *cell, lines []entry) bool {
	set := d.setBefore(c, c.column.name, lines)
	if set == nil {
		return false
	}
	value := c.column.read(*set)
	return value != c.before && value != c.incoming && !(c.column.spelling == checkbox && *set == "0" && c.before == "")
}

// savedMeanwhile reports whether somebody gave the form a status before our own line about it.
func (d *delivery) savedMeanwhile(c *cell, lines []entry) bool {
	set := d.setBefore(c, c.marks, lines)
	return set != nil && *set != "" && *set != d.options.Status.code()
}

// setBefore returns to what somebody set the column right before our newest line about it, nil when nobody did.
func (d *delivery) setBefore(c *cell, column string, lines []entry) *string {
	seen := false
	for i := range lines {
		e := &lines[i]
		set := e.touches(c, column)
		switch {
		case set == nil || d.elsewhere(e, c):
		case !e.ours() && seen:
			return set
		case e.ours() && seen:
			return nil
		case e.ours():
			seen = true
		}
	}
	return nil
}

// landed looks which imports were taken of which the server did not say it.
func (d *delivery) landed(ctx context.Context, writes []*cell) error {
	unsure := slices.DeleteFunc(slices.Clone(writes), func(c *cell) bool { return !c.sent || c.sure })
	if len(unsure) == 0 {
		return nil
	}
	now, err := d.look(ctx)
	if err != nil {
		return err
	}
	for _, c := range unsure {
		c.sure = c.last.Sent != "" && c.last.Sent != c.before && c.readStored(now) == c.last.Sent
	}
	return nil
}

// recall asks the log about imports that an earlier delivery began and did not live to see the end of, where the cell does not
// hold their value: who took it away again has to be told from an import that never was. Without a log it never was.
func (d *delivery) recall(ctx context.Context, now *snapshot) error {
	for _, s := range d.batch {
		open := slices.DeleteFunc(slices.Clone(s.cells), func(c *cell) bool { return c.last.Sent == "" || c.readStored(now) == c.last.Sent })
		if len(open) == 0 || d.blind {
			continue
		}
		lines, err := d.log(ctx, parameters{"logtype": "record", "record": s.number})
		if err != nil {
			return err
		}
		for _, c := range open {
			c.taken = d.took(c, lines)
		}
	}
	return nil
}

// took reports whether the newest line of ours about a cell says that it was set to what was sent.
func (d *delivery) took(c *cell, lines []entry) bool {
	for i := range lines {
		e := &lines[i]
		if set := e.touches(c, c.column.name); set != nil && e.ours() && !d.elsewhere(e, c) {
			sent, _, _ := strings.Cut(c.last.Sent, "'") // where the log's own quotes end for us
			return c.column.read(*set) == c.last.Sent || c.column.spelling == plain && strings.TrimSpace(*set) == strings.TrimSpace(sent)
		}
	}
	return false
}
