package report

// Matrix counts cells by form and item while a run goes on. It is not safe for concurrent use: each worker has its own,
// and their Runs are merged.
type Matrix struct {
	forms []Form
	items map[cellKey]*Item
}

type cellKey struct{ form, item string }

// NewMatrix returns a matrix of the dictionary's forms and items with nothing counted.
func NewMatrix(dictionary []Form) *Matrix {
	m := &Matrix{forms: make([]Form, len(dictionary)), items: map[cellKey]*Item{}}
	for i, f := range dictionary {
		m.forms[i] = Form{Name: f.Name, Label: f.Label, Items: make([]Item, len(f.Items))}
		for j, item := range f.Items {
			m.forms[i].Items[j] = Item{Name: item.Name, Label: item.Label}
			m.items[cellKey{f.Name, item.Name}] = &m.forms[i].Items[j]
		}
	}
	return m
}

// Filled counts a cell that holds a value. It is false for an item that the dictionary does not have.
func (m *Matrix) Filled(form, item string) bool {
	i := m.items[cellKey{form, item}]
	if i != nil {
		i.Filled++
	}
	return i != nil
}

// Empty counts a cell without a value. It is false for an item that the dictionary does not have.
func (m *Matrix) Empty(form, item, reason string) bool {
	i := m.items[cellKey{form, item}]
	if i != nil {
		i.Empty.Add(reason, 1)
	}
	return i != nil
}

// Put sets the forms of a Run, and its numbers of filled and empty cells.
func (m *Matrix) Put(r *Run) {
	r.Forms, r.Cells.Filled, r.Cells.Empty = m.forms, 0, nil
	for _, f := range m.forms {
		filled, empty := f.totals()
		r.Cells.Filled += filled
		r.Cells.Empty.merge(empty)
	}
}
