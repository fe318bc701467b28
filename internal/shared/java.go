package shared

import (
	"errors"
	"os/exec"
	"testing"
)

// Java runs a program of one source file with the JDK and returns what it printed.
func Java(t testing.TB, source string, args ...string) []byte {
	t.Helper()
	for _, program := range []string{"java", "javac"} { // a runtime without the compiler runs no source
		if _, err := exec.LookPath(program); err != nil {
			Absent(t, "no JDK is on the PATH; make setup installs it")
		}
	}
	out, err := exec.CommandContext(t.Context(), "java", append([]string{source}, args...)...).Output() // #nosec G204 -- a program of the test
	var failed *exec.ExitError
	if errors.As(err, &failed) {
		t.Fatalf("%s: %s", source, failed.Stderr)
	}
	if err != nil {
		t.Fatal(err)
	}
	return out
}
