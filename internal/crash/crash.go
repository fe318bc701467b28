// Package crash turns a panic into an error that tells where it happened and not what the value was: that may be a patient's.
//
//   - An Error is such a panic. It names function, file and line of the program.
package crash

import (
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
)

// Error is a mistake of the program's own.
type Error struct {
	Function, File string
	Line           int
}

func (e *Error) Error() string {
	return fmt.Sprintf("an error of crflink's own in %s (%s:%d); please report this line", e.Function, e.File, e.Line)
}

const (
	module   = "github.com/crflink/crflink/"
	deepest  = 64
	panicked = "runtime.gopanic"
)

// Caught is for a deferred function: given what recover returned it sets err, when there was a panic. The value is dropped.
func Caught(value any, err *error) {
	if value != nil {
		*err = where()
	}
}

// where finds the innermost function of the program that panicked, below the deferred functions that were called for it.
func where() *Error {
	pcs := make([]uintptr, deepest)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(1, pcs)])
	found, behind := &Error{Function: "an unknown place"}, false
	for {
		f, more := frames.Next()
		switch {
		case f.Function == panicked:
			behind = true
		case behind && strings.HasPrefix(f.Function, module):
			return &Error{strings.TrimPrefix(f.Function, module), filepath.Base(f.File), f.Line}
		}
		if !more {
			return found
		}
	}
}
