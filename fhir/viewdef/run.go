package viewdef

import (
	"errors"
	"fmt"
	"maps"

	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/fhir/fhirpath"
)

// Limits of what one resource may cause, so that no view takes all time or memory.
const (
	maxRows  = 1 << 20
	maxSteps = 1 << 23 // groups entered
	maxDepth = 200     // of a repeat
)

// Runner makes the rows of a view, one resource after the other.
type Runner struct {
	view  *View
	env   fhirpath.Env
	index []fhirpath.Value // %rowIndex
	arena []fhirpath.Value // foci and cells of the row under way
	row   Row
	rest  []rest
	use   func(*Row) error
	rows  int
	steps int
}

// rest is what remains to be done with a group after one of its parts.
type rest struct {
	group *group
	part  int
	focus fhirpath.Value
	index int
	next  int // what remains after that, -1 for a row
}

// Runner returns a runner. env is what the expressions may know; its variables are replaced by the view's constants.
func (v *View) Runner(env fhirpath.Env) *Runner {
	r := &Runner{view: v, env: env, index: []fhirpath.Value{fhirpath.NewInteger(0)}}
	r.env.Vars = maps.Clone(v.vars)
	r.env.Vars[rowIndex] = r.index
	r.row = Row{columns: v.columns, cells: make([]span, len(v.columns))}
	return r
}

// Each calls use with each row of a resource; one of another type than the view's has none. The row is valid until use
// returns. When Each fails, what use was given must be dropped. The error names the column, and no value.
func (r *Runner) Each(res *fhir.Resource, use func(*Row) error) error {
	if res.Type != r.view.resource {
		return nil
	}
	root, err := fhirpath.NewElement(res.Node, "")
	if err != nil {
		return err
	}
	r.use, r.rows, r.steps = use, 0, 0
	r.arena, r.rest = r.arena[:0], r.rest[:0]
	r.env.Resource = res.Node
	wanted, err := r.wanted(root)
	if err != nil || !wanted {
		return err
	}
	return r.enter(r.view.plan, root, 0, -1)
}

// wanted evaluates the conditions.
func (r *Runner) wanted(root fhirpath.Value) (bool, error) {
	r.index[0] = fhirpath.NewInteger(0)
	for i, x := range r.view.where {
		items, err := x.EvalItem(&r.env, root, r.arena[:0])
		if err != nil {
			return false, fmt.Errorf("where %d: %w", i+1, err)
		}
		r.arena = items
		switch {
		case len(items) == 0:
			return false, nil
		case len(items) > 1:
			return false, fmt.Errorf("where %d gives several items where one Boolean is needed", i+1)
		}
		yes, ok := items[0].Bool()
		if !ok {
			return false, fmt.Errorf("where %d gives something else than a Boolean", i+1)
		}
		if !yes {
			return false, nil
		}
	}
	return true, nil
}

// enter fills the cells of a group for a focus and goes on with its parts.
func (r *Runner) enter(g *group, focus fhirpath.Value, index, next int) error {
	if r.steps++; r.steps > maxSteps {
		return errors.New("the view takes too many steps for this resource")
	}
	mark := len(r.arena)
	r.index[0] = fhirpath.NewInteger(int64(index))
	for i := range g.cells {
		if err := r.fill(&g.cells[i], focus); err != nil {
			return err
		}
	}
	err := r.parts(g, 0, focus, index, next)
	r.arena = r.arena[:mark]
	return err
}

// fill evaluates a cell.
func (r *Runner) fill(c *cell, focus fhirpath.Value) (err error) {
	lo := len(r.arena)
	if r.arena, err = c.expr.EvalItem(&r.env, focus, r.arena); err != nil {
		return fmt.Errorf("column %s: %w", r.view.columns[c.slot].Name, err)
	}
	r.row.cells[c.slot] = span{lo, len(r.arena)}
	if err := r.view.columns[c.slot].check(r.arena[lo:]); err != nil {
		return fmt.Errorf("column %s: %w", r.view.columns[c.slot].Name, err)
	}
	return nil
}

// parts combines the rows of the group's parts from one on; behind the last one it does what remains outside.
func (r *Runner) parts(g *group, from int, focus fhirpath.Value, index, next int) error {
	if from == len(g.parts) {
		return r.proceed(next)
	}
	at := len(r.rest)
	r.rest = append(r.rest, rest{g, from + 1, focus, index, next})
	var err error
	for _, b := range g.parts[from].branches {
		if err = r.walk(b, focus, index, at); err != nil {
			break
		}
	}
	r.rest = r.rest[:at]
	return err
}

// proceed does what remains, or has a row.
func (r *Runner) proceed(next int) error {
	if next >= 0 {
		f := r.rest[next]
		return r.parts(f.group, f.part, f.focus, f.index, f.next)
	}
	if r.rows++; r.rows > maxRows {
		return fmt.Errorf("the resource has more than %d rows", maxRows)
	}
	r.row.values = r.arena
	return r.use(&r.row)
}

// walk makes the rows of a branch.
func (r *Runner) walk(b *branch, focus fhirpath.Value, index, next int) error {
	switch b.walk {
	case stay:
		return r.enter(&b.group, focus, index, next)
	case descend:
		_, err := r.descend(b, focus, index, 0, next, 0)
		return err
	}
	mark := len(r.arena)
	if err := r.items(b.paths[0], focus, index); err != nil {
		return err
	}
	end := len(r.arena)
	for i := mark; i < end; i++ {
		if err := r.enter(&b.group, r.arena[i], i-mark, next); err != nil {
			return err
		}
	}
	var err error
	if b.walk == eachOrNull && end == mark {
		err = r.nothing(b, next)
	}
	r.arena = r.arena[:mark]
	return err
}

// items evaluates a path that leads to foci.
func (r *Runner) items(x *fhirpath.Expr, focus fhirpath.Value, index int) (err error) {
	r.index[0] = fhirpath.NewInteger(int64(index))
	if r.arena, err = x.EvalItem(&r.env, focus, r.arena); err != nil {
		return fmt.Errorf("forEach or repeat: %w", err)
	}
	return nil
}

// descend makes the rows of a repeat: of each item that a path leads to, and then of what the paths lead to from there.
// index is what %rowIndex is in the paths, count the number of items so far.
func (r *Runner) descend(b *branch, focus fhirpath.Value, index, count, next, depth int) (int, error) {
	if depth > maxDepth {
		return count, errors.New("repeat: the items are nested too deeply")
	}
	for _, x := range b.paths {
		mark := len(r.arena)
		if err := r.items(x, focus, index); err != nil {
			return count, err
		}
		end := len(r.arena)
		for i := mark; i < end; i++ {
			err := r.enter(&b.group, r.arena[i], count, next)
			if err == nil {
				count, err = r.descend(b, r.arena[i], count, count+1, next, depth+1)
			}
			if err != nil {
				return count, err
			}
		}
		r.arena = r.arena[:mark]
	}
	return count, nil
}

// nothing makes the row that forEachOrNull has for no item.
func (r *Runner) nothing(b *branch, next int) error {
	mark := len(r.arena)
	for slot := b.lo; slot < b.hi; slot++ {
		r.row.cells[slot] = span{-1, -1}
	}
	r.index[0] = fhirpath.NewInteger(0)
	for _, c := range b.zero {
		if err := r.fill(&c, fhirpath.Value{}); err != nil {
			return err
		}
	}
	err := r.proceed(next)
	r.arena = r.arena[:mark]
	return err
}
