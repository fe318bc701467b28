package ecrf

import "slices"

// After returns what the ledger will hold of a subject when the change is stored; stored is what it holds now, nil for nothing.
// It changes neither.
func (s *SubjectChange) After(stored *StoredCasebook, d *Dictionary) *StoredCasebook {
	book := &StoredCasebook{Facts: s.Facts}
	if stored != nil {
		book.Instances, book.Cells = slices.Clone(stored.Instances), slices.Clone(stored.Cells)
	}
	book.Instances = append(book.Instances, s.Instances...)
	at := make(map[CellKey]int, len(book.Cells))
	for i := range book.Cells {
		at[book.Cells[i].CellKey] = i
	}
	for i := range s.Cells {
		if j, known := at[s.Cells[i].Cell.CellKey]; known {
			book.Cells[j] = s.Cells[i].Cell
		} else {
			book.Cells = append(book.Cells, s.Cells[i].Cell)
		}
	}
	slices.SortStableFunc(book.Cells, func(a, b StoredCell) int { return d.Compare(a.CellKey, b.CellKey) })
	return book
}
