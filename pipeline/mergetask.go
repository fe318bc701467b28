package pipeline

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/internal/atomicfile"
	"github.com/crflink/crflink/internal/csvcut"
	"github.com/crflink/crflink/withdrawal"
)

// OpenSubjectTask opens a task about subjects, by study number, unless one of the kind is open about the same ones.
func OpenSubjectTask(p *Parts, what withdrawal.JobKind, at time.Time, subjects ...string) error {
	traces := p.traces(subjects)
	if p.Journal.Register().OpenAbout(what, traces) != nil {
		return nil
	}
	return p.Journal.Append(withdrawal.Entry{Kind: withdrawal.Opened, At: at, Task: &withdrawal.Job{
		What: what, Subjects: traces, Deadline: at.AddDate(0, 0, p.Study.Policy.Deadline()).UTC()}})
}

// AnswerSubjectTask closes the open task of the kind about the same subjects, if there is one: what it asks for was done.
func AnswerSubjectTask(p *Parts, what withdrawal.JobKind, at time.Time, subjects ...string) error {
	task := p.Journal.Register().OpenAbout(what, p.traces(subjects))
	if task == nil {
		return nil
	}
	return p.Journal.Append(withdrawal.Entry{Kind: withdrawal.Closed, At: at, Of: task.N})
}

// traces returns the traces of numbers, sorted.
func (p *Parts) traces(subjects []string) []string {
	var all []string
	for _, s := range subjects {
		all = append(all, p.Vault.NumberTrace(s))
	}
	slices.Sort(all)
	return all
}

// task opens a task of a run that stores.
func (r *runner) task(what withdrawal.JobKind, subjects ...string) error {
	if r.DryRun {
		return nil
	}
	return OpenSubjectTask(&r.Parts, what, r.AsOf, subjects...)
}

// WrongCell is a cell that was delivered with data of another patient, and has another value now, or none.
type WrongCell struct {
	Task    string // T and the entry of the journal
	Subject string
	ecrf.CellKey
	Target string
	Change ecrf.ChangeKind
}

// String names the cell for the report.
func (c WrongCell) String() string {
	return fmt.Sprintf("%s: target %s has data of another patient: subject %s, event %s, form %s, repeat %d, item %s (%s)",
		c.Task, c.Target, c.Subject, c.Event, c.Form, c.Repeat, c.Item, c.Change)
}

func (c WrongCell) row() []string {
	return []string{c.Subject, c.Event, c.Form, strconv.Itoa(c.Repeat), c.Item, c.Target, string(c.Change)}
}

// wrongHeader are the columns of a task's list.
var wrongHeader = []string{"subject", "event", "form", "repeat", "item", "target", "change"}

// listed is in the column change of the row that says that a subject was compared.
const listed = "compared"

// WrongFile is the list of a parted task's cells, in the study's state folder.
func WrongFile(study *Study, task int) string {
	return filepath.Join(study.State, fmt.Sprintf("parted-T%d.csv", task))
}

// parting is what is still to be compared of the open tasks about patients who were parted.
type parting struct {
	tasks map[string]*withdrawal.Task // by study number
	rows  map[int][][]string          // of the lists, by task
}

// findParted looks which subjects of the run have yet to be computed anew because of such a task.
func (r *runner) findParted() error {
	r.parting = parting{map[string]*withdrawal.Task{}, map[int][][]string{}}
	byTrace := map[string]string{}
	for _, t := range r.Journal.Register().Tasks(0) {
		if t.What != withdrawal.Parted || t.Closed {
			continue
		}
		if len(byTrace) == 0 {
			for _, w := range r.work {
				byTrace[r.Vault.NumberTrace(w.subject.Number())] = w.subject.Number()
			}
		}
		rows, err := readWrong(WrongFile(r.Study, t.N))
		if err != nil {
			return err
		}
		r.parting.rows[t.N] = rows
		for _, trace := range t.Subjects {
			number := byTrace[trace]
			done := slices.ContainsFunc(rows, func(row []string) bool { return row[0] == number && row[len(row)-1] == listed })
			if number != "" && !done {
				r.parting.tasks[number] = t
			}
		}
	}
	return nil
}

// parted reports whether the subject has to be computed whatever is stored, and compared.
func (r *runner) parted(number string) bool { return r.parting.tasks[number] != nil }

func readWrong(path string) ([][]string, error) {
	text, err := os.ReadFile(path) // #nosec G304 -- a file of the study's state folder
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err == nil {
		var rows [][]string
		if rows, err = csv.NewReader(bytes.NewReader(text)).ReadAll(); err == nil && len(rows) > 0 && slices.Equal(rows[0], wrongHeader) {
			return rows[1:], nil
		}
	}
	return nil, fmt.Errorf("the list of cells %s cannot be read; restore it, or remove it and close its task", path)
}

// listWrong lists the delivered cells of parted subjects that change, durably before the change itself is stored.
func (r *runner) listWrong(changes []*ecrf.SubjectChange) error {
	touched := map[int]bool{}
	for _, change := range changes {
		number := change.Facts.Subject
		task := r.parting.tasks[number]
		if task == nil {
			continue
		}
		touched[task.N] = true
		for _, c := range r.wrong(task, change) {
			r.out.Tally.Wrong = append(r.out.Tally.Wrong, c)
			r.parting.rows[task.N] = append(r.parting.rows[task.N], c.row())
		}
		r.parting.rows[task.N] = append(r.parting.rows[task.N], []string{number, "", "", "", "", "", listed})
	}
	for n := range touched {
		if err := writeWrong(WrongFile(r.Study, n), r.parting.rows[n]); err != nil {
			return fmt.Errorf("list what was delivered of another patient: %w", err)
		}
	}
	return nil
}

// wrong returns the cells that had a value and have not the same any more, once for each target.
func (r *runner) wrong(task *withdrawal.Task, change *ecrf.SubjectChange) (all []WrongCell) {
	for i := range change.Cells {
		c := &change.Cells[i]
		if c.Before == nil || c.Before.Value == "" || c.Kind != ecrf.Vanished && c.Kind != ecrf.Revoked && c.Before.Value == c.Cell.Value {
			continue
		}
		for _, t := range r.Targets {
			all = append(all, WrongCell{fmt.Sprintf("T%d", task.N), change.Facts.Subject, c.Cell.CellKey, t.Name(), c.Kind})
		}
	}
	return all
}

func writeWrong(path string, rows [][]string) error {
	_, err := atomicfile.Replace(path, func(w io.Writer) error {
		return csv.NewWriter(w).WriteAll(append([][]string{wrongHeader}, rows...))
	})
	return err
}

// forgetWrong removes the list of a task that is closed: it names subjects.
func forgetWrong(study *Study, task int) error {
	if err := os.Remove(WrongFile(study, task)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove the list of a closed task: %w", err)
	}
	return nil
}

// eraseWrong takes subjects who withdrew out of the lists of cells.
func (w *withdrawer) eraseWrong(_ context.Context, all []*leaving) error {
	gone := map[string]bool{}
	for _, l := range all {
		if l.number != "" {
			gone[l.number] = true
		}
	}
	for _, t := range w.Journal.Register().Tasks(0) {
		if t.What != withdrawal.Parted || t.Closed || len(gone) == 0 {
			continue
		}
		if _, err := csvcut.Lines(WrongFile(w.Study, t.N), "subject", gone); err != nil {
			return fmt.Errorf("take subjects out of the list of cells of T%d: %w", t.N, err)
		}
	}
	return nil
}
