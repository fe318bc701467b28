package gather

import (
	"iter"

	"github.com/crflink/crflink/fhir"
)

// DefaultBudget is how much memory an index may need before a catalog moves it to disk: about 400,000 resources. What a
// collector keeps besides makes it two to three times that.
const DefaultBudget = 48 << 20

// Catalog is an index of any number of resources. Up to its budget it is in memory; what is beyond that is on disk, in
// encrypted temporary files without a name. What it answers is the same.
//
// Add and Delete are called first, from one goroutine; after Resolve the catalog is read-only and may be used by several.
type Catalog struct {
	index   *Index   // what is in memory
	archive *archive // what is on disk, nil while all is in memory
	folder  string
	budget  int64
}

// NewCatalog returns an empty catalog. Temporary files are made in the folder, "" is the system's; a budget of 0 is
// DefaultBudget.
func NewCatalog(inputName func(uint32) string, folder string, budget int64) *Catalog {
	if budget <= 0 {
		budget = DefaultBudget
	}
	return &Catalog{index: NewIndex(inputName), folder: folder, budget: budget}
}

// Add registers a resource that can be read again at its place, as Index.Add does.
func (c *Catalog) Add(r *fhir.Resource, fullURL string, isSubsetted bool, at Place) (reason string, err error) {
	reason = c.index.Add(r, fullURL, isSubsetted, at)
	return reason, c.keepBudget()
}

// Delete registers the deletion of a resource, as Index.Delete does.
func (c *Catalog) Delete(k fhir.Key, at string) error {
	c.index.Delete(k, at)
	return c.keepBudget()
}

func (c *Catalog) keepBudget() error {
	if c.index.weight < c.budget {
		return nil
	}
	return c.moveOut()
}

// moveOut moves the index to disk and begins another one.
func (c *Catalog) moveOut() error {
	full := c.index
	if c.archive == nil {
		c.archive = newArchive(c.folder, full.Name)
	}
	if err := c.archive.take(full); err != nil {
		return err
	}
	c.index = NewIndex(full.Name)
	c.index.types, c.index.typeNo = full.types, full.typeNo // numbers of types mean the same everywhere
	return nil
}

// Resolve finds the patient of every entry and merges linked patients. What cannot be resolved goes to rej.
func (c *Catalog) Resolve(rej func(fhir.Rejected)) error {
	if c.archive == nil {
		c.index.Resolve(rej)
		return nil
	}
	if err := c.moveOut(); err != nil {
		return err
	}
	c.index = nil
	return c.archive.resolve(rej)
}

// OnDisk reports whether the budget did not suffice.
func (c *Catalog) OnDisk() bool { return c.archive != nil }

// Counts returns what became of resources that are no patient's.
func (c *Catalog) Counts() Counts {
	if c.archive != nil {
		return c.archive.counts
	}
	return c.index.Counts
}

// Len returns the number of resources that can be handed out.
func (c *Catalog) Len() int {
	if c.archive != nil {
		return c.archive.length
	}
	return c.index.Len()
}

// Patients yields all patients in ascending order of their ids.
func (c *Catalog) Patients() iter.Seq2[Patient, error] {
	if c.archive != nil {
		return c.archive.Patients()
	}
	return func(yield func(Patient, error) bool) {
		for _, p := range c.index.Patients() {
			if !yield(p, nil) {
				return
			}
		}
	}
}

// Find returns the patient of an id; ok is false for an unknown or replaced one.
func (c *Catalog) Find(id string) (p Patient, ok bool, err error) {
	if c.archive != nil {
		return c.archive.Find(id)
	}
	p, ok = c.index.Find(id)
	return p, ok, nil
}

// Record reads the patient's resources of the wanted types and the shared resources of these types that they lead to.
func (c *Catalog) Record(p Patient, want func(typ string) bool, read Reader) (*fhir.Record, error) {
	if c.archive != nil {
		return recordOf(c.archive, p, want, texts{c.archive, read}.load)
	}
	return c.index.Record(p, want, read)
}

// Close removes what is on disk.
func (c *Catalog) Close() error {
	if c.archive == nil {
		return nil
	}
	return c.archive.close()
}
