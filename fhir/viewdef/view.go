package viewdef

import (
	"github.com/crflink/crflink/fhir/fhirpath"
	"github.com/crflink/crflink/internal/finding"
)

// View is a compiled ViewDefinition. It never changes and may be run concurrently, by a Runner for each goroutine.
type View struct {
	name     string
	resource string
	columns  []Column
	where    []*fhirpath.Expr
	plan     *group
	vars     map[string][]fhirpath.Value
	warnings finding.List
}

// Name returns the view's name, "" when it has none.
func (v *View) Name() string { return v.name }

// Resource returns the type of the resources that the view is about.
func (v *View) Resource() string { return v.resource }

// Warnings returns what is odd about the definition, and no error.
func (v *View) Warnings() finding.List { return v.warnings }

// Columns returns the columns in the order in which rows have them. They must not be changed.
func (v *View) Columns() []Column { return v.columns }

// group is what is made of one focus: cells, and parts whose rows are combined each with each.
type group struct {
	cells []cell
	parts []part
}

// cell is an expression that fills a column.
type cell struct {
	slot  int
	expr  *fhirpath.Expr
	index bool // it reads %rowIndex
}

// part is a select that has rows of its own: one branch, or the branches of a unionAll one after the other.
type part struct{ branches []*branch }

// branch walks from a focus to others, and makes rows of each.
type branch struct {
	walk   walk
	paths  []*fhirpath.Expr // one for forEach, any number for repeat
	lo, hi int              // the columns that it fills
	zero   []cell           // for forEachOrNull: the cells that read %rowIndex
	group
}

// walk is how a select iterates.
type walk uint8

const (
	stay       walk = iota // the focus stays the same
	each                   // forEach
	eachOrNull             // forEachOrNull
	descend                // repeat
)

// indexed returns the cells below the branch that read %rowIndex.
func (b *branch) indexed() (cells []cell) {
	for _, c := range b.cells {
		if c.index {
			cells = append(cells, c)
		}
	}
	for _, p := range b.parts {
		cells = append(cells, p.branches[0].indexed()...)
	}
	return cells
}
