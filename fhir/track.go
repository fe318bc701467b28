package fhir

import (
	"context"
	"errors"
	"maps"
	"time"
)

// Tracker is a Source that can tell which patients' resources have changed since an earlier reading, without reading them.
//
// Times are those of the source: nobody else's clock is asked.
type Tracker interface {
	Source

	// Moment returns the moment of each server behind the source, by its name. It is asked before anything else is read: what
	// changes afterwards changes since then.
	Moment(ctx context.Context) (map[string]Moment, error)

	// Touched returns those of the patients of whom a wanted resource, facts aside, was created, changed, deleted or given to
	// somebody else since the time of its server.
	Touched(ctx context.Context, patients []Footprint, wanted Wanted, since map[string]time.Time) (map[Key]bool, error)

	// Common returns the resources of a shared type that are there now, and which of them changed since.
	Common(ctx context.Context, typ string, since map[string]time.Time) (there map[string]bool, changed map[string]bool, err error)
}

// Moment is what tells a server apart from every other one, and its time now.
type Moment struct {
	Identity string
	At       time.Time
}

// Fingerprinter is a Source that has seen every resource before it yields the first patient, such as one of files.
type Fingerprinter interface {
	Source

	// Fingerprint returns what changes when anything of what Fetch returns is another. It is the same in every process, and says
	// nothing about the resources to who does not have them. "" where it cannot be told.
	Fingerprint(ctx context.Context, patient Key, wanted Wanted) (string, error)
}

// Footprint is what a source found when it fetched a patient: Record.Found then.
type Footprint struct {
	Patient Key
	Found   map[string]int
}

// ErrUntracked is what a Tracker answers, wrapped, where it cannot tell: everything has to be read.
var ErrUntracked = errors.New("the source cannot tell what has changed")

// SetFound notes how many resources each of a source's searches found. The names of searches are the source's own.
func (r *Record) SetFound(found map[string]int) { r.found = found }

// Found returns what SetFound noted.
func (r *Record) Found() map[string]int { return maps.Clone(r.found) }

// TrackerOf returns the tracker that a source is, or that stands behind it.
func TrackerOf(s Source) (Tracker, bool) { return Behind[Tracker](s) }

// FingerprinterOf returns the fingerprinter that a source is, or that stands behind it.
func FingerprinterOf(s Source) (Fingerprinter, bool) { return Behind[Fingerprinter](s) }

// Behind returns the first of a row of sources that is a T: a source that puts something before another one, such as consents, has
// a method Behind.
func Behind[T any](s Source) (found T, ok bool) {
	for s != nil {
		if found, ok = s.(T); ok {
			return found, true
		}
		front, is := s.(interface{ Behind() Source })
		if !is {
			break
		}
		s = front.Behind()
	}
	return found, false
}
