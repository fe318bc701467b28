package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/crflink/crflink/internal/finding"
)

// The exit codes; they are a contract with those who call crflink from scripts.
const (
	exitDone       = 0
	exitUsage      = 1 // usage or configuration
	exitInvalid    = 2 // invalid mapping or expression, failed lint or test
	exitNothing    = 3 // nothing could be evaluated
	exitServer     = 4 // a server could not be used, or a safety limit stopped the run
	exitIncomplete = 5 // done, but some resources or cells were rejected and are listed
)

// exitHelp is the list of exit codes as every command's help shows it.
const exitHelp = `
Exit codes: 0 done; 1 usage or configuration; 2 invalid mapping or expression, failed lint or test; 3 nothing could be
evaluated; 4 a server could not be used, or a safety limit stopped the run; 5 done, but some resources or cells were
rejected and are listed.`

// coded is an error that ends the program with a code. An err of nil ends it silently: what there is to say was said.
type coded struct {
	code int
	err  error
}

func (c coded) Error() string {
	if c.err == nil {
		return fmt.Sprintf("exit code %d", c.code)
	}
	return c.err.Error()
}

func (c coded) Unwrap() error { return c.err }

func withCode(code int, err error) error {
	if err == nil {
		return nil
	}
	return coded{code, err}
}

// silently ends the program with a code after everything was said.
func silently(code int) error {
	if code == exitDone {
		return nil
	}
	return coded{code: code}
}

// conclude writes the error for a person and returns the exit code.
func conclude(w io.Writer, err error) int {
	if err == nil {
		return exitDone
	}
	code := exitUsage
	var c coded
	if errors.As(err, &c) {
		code, err = c.code, c.err
	}
	var findings finding.List
	switch {
	case err == nil:
	case errors.As(err, &findings):
		_ = findings.Render(w, sourceText)
	default:
		_, _ = fmt.Fprintf(w, "crflink: %v\n", err)
	}
	return code
}

// sourceText returns the text of a configuration file, for the lines that findings quote.
func sourceText(name string) string {
	text, err := os.ReadFile(name) // #nosec G304 -- a file that the user named, read to quote it to the user
	if err != nil {
		return ""
	}
	return string(text)
}
