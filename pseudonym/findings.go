package pseudonym

import "github.com/crflink/crflink/internal/finding"

// findings makes one error of all faults.
func findings(file string, problems []problem) error {
	var l finding.List
	for _, p := range problems {
		l.Add(file, p.line, p.col, p.hint, "%s", p.text)
	}
	l.Sort()
	return l.Err()
}
