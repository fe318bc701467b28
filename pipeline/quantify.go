package pipeline

import (
	"os"

	"github.com/crflink/crflink/imaging/pet"
	"github.com/crflink/crflink/internal/yamldoc"
)

// quantification reads the site's table of tracers, radionuclides and scanners; without one the table of the program counts.
func (l *loader) quantification(v yamldoc.Value) *pet.Table {
	if !v.Exists() {
		return pet.Default()
	}
	path := l.path(v.Text())
	text, err := os.ReadFile(path) // #nosec G304 -- a file that the study names
	if err != nil {
		l.blame(v, err)
		return pet.Default()
	}
	table, err := pet.Parse(path, text)
	l.blame(v, err)
	if table == nil {
		return pet.Default()
	}
	return table
}
