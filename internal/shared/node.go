package shared

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// EnvEngines names the folder in which the packages of build/npm/package.json are installed; make setup prepares it.
const EnvEngines = "CRFLINK_FHIRPATH_JS"

// Node runs a script with node and returns what it printed. The script's first argument is the folder in whose node_modules
// the named package of npm lies; args follow.
func Node(t testing.TB, pack, script string, args ...string) []byte {
	t.Helper()
	folder := os.Getenv(EnvEngines)
	if _, err := os.Stat(filepath.Join(folder, "node_modules", pack)); folder == "" || err != nil { // #nosec G703 -- tests only: the folder is named by whoever runs them
		Absent(t, EnvEngines+" names no folder with npm's "+pack+"; make setup installs it")
	}
	out, err := exec.CommandContext(t.Context(), "node", append([]string{script, folder}, args...)...).Output() // #nosec G204 G702 -- a script of the test
	var failed *exec.ExitError
	if errors.As(err, &failed) {
		t.Fatalf("%s: %s", script, failed.Stderr)
	}
	if err != nil {
		Absent(t, "node cannot be started: "+err.Error())
	}
	return out
}
