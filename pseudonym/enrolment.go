package pseudonym

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// ReadEnrolment reads an enrolment list: CSV with a header line that names the columns pid and number, and site where
// there are several. The separator is a comma or, where the header has one, a semicolon. All faults are reported
// together, by line, without a value.
func ReadEnrolment(r io.Reader) (ListedNumbers, error) {
	text, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("enrolment list: %w", err)
	}
	header, _, _ := strings.Cut(string(text), "\n")
	in := csv.NewReader(strings.NewReader(strings.TrimPrefix(string(text), "\ufeff")))
	in.TrimLeadingSpace = true
	if strings.Contains(header, ";") {
		in.Comma = ';'
	}
	rows, err := in.ReadAll()
	var fault *csv.ParseError
	if errors.As(err, &fault) {
		return nil, fmt.Errorf("enrolment list: line %d: %w", fault.Line, fault.Err)
	}
	if len(rows) == 0 {
		return nil, errors.New("enrolment list: empty; the first line names the columns: pid,number,site")
	}
	return enrolments(rows)
}

func enrolments(rows [][]string) (ListedNumbers, error) {
	column := func(name string) int {
		return slices.IndexFunc(rows[0], func(s string) bool { return strings.EqualFold(strings.TrimSpace(s), name) })
	}
	pid, number, site := column("pid"), column("number"), column("site")
	if pid < 0 || number < 0 {
		return nil, errors.New("enrolment list: line 1: the columns pid and number are required")
	}
	list, lines := ListedNumbers{}, map[string]int{}
	var faults []error
	for i, row := range rows[1:] {
		e := Enrolment{Number: strings.TrimSpace(row[number])}
		if site >= 0 {
			e.Site = strings.TrimSpace(row[site])
		}
		if err := list.add(strings.TrimSpace(row[pid]), e, lines, i+2); err != nil {
			faults = append(faults, fmt.Errorf("enrolment list: line %d: %w", i+2, err))
		}
	}
	if len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	return list, nil
}

func (l ListedNumbers) add(pid string, e Enrolment, lines map[string]int, line int) error {
	if pid == "" {
		return errors.New("no pid")
	}
	if err := checkNumber(e.Number); err != nil {
		return err
	}
	if other, taken := lines["number "+e.Number]; taken {
		return fmt.Errorf("the number of line %d again", other)
	}
	if other, taken := lines["pid "+pid]; taken {
		return fmt.Errorf("the pid of line %d again", other)
	}
	lines["number "+e.Number], lines["pid "+pid] = line, line
	l[pid] = e
	return nil
}
