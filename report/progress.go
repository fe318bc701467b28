package report

// Progress is told how far a run is. Its methods may be called from several goroutines. Names of stages are words for
// people; nothing that is passed names a patient.
type Progress interface {
	// Stage begins a stage of total steps, 0 when that is not known, and ends the one before.
	Stage(name string, total int)
	// Add tells that n more steps of the stage are done.
	Add(n int)
}

// Silent is a Progress that nobody watches.
type Silent struct{}

// Stage does nothing.
func (Silent) Stage(string, int) {}

// Add does nothing.
func (Silent) Add(int) {}
