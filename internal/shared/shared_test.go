package shared

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// recorder stands in for a test and notes how Dir ended it. Dir ends a test
// through runtime.Goexit, so each call runs on a goroutine of its own.
type recorder struct {
	testing.TB
	skipped, failed bool
}

func (r *recorder) Helper()               {}
func (r *recorder) Skipf(string, ...any)  { r.skipped = true; runtime.Goexit() }
func (r *recorder) Fatalf(string, ...any) { r.failed = true; runtime.Goexit() }

func run(t *testing.T, elem ...string) (path string, r *recorder) {
	r = &recorder{TB: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		path = Dir(r, elem...)
	}()
	<-done
	return path, r
}

func TestDataThatIsThereIsFound(t *testing.T) {
	base := t.TempDir()
	if err := os.MkdirAll(filepath.Join(base, "data", "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv(EnvRoot, base)
	path, r := run(t, "data", "x")
	if r.skipped || r.failed || path != filepath.Join(base, "data", "x") {
		t.Fatalf("path %q, skipped %v, failed %v", path, r.skipped, r.failed)
	}
}

func TestAbsentDataSkips(t *testing.T) {
	t.Setenv(EnvRoot, t.TempDir())
	t.Setenv(EnvRequire, "")
	if _, r := run(t, "nothing"); !r.skipped || r.failed {
		t.Fatalf("skipped %v, failed %v", r.skipped, r.failed)
	}
}

func TestAbsentDataFailsWhereAllIsRequired(t *testing.T) {
	t.Setenv(EnvRoot, t.TempDir())
	t.Setenv(EnvRequire, "all")
	if _, r := run(t, "nothing"); r.skipped || !r.failed {
		t.Fatalf("skipped %v, failed %v", r.skipped, r.failed)
	}
}

func TestARelativeFolderIsTakenFromTheModuleRoot(t *testing.T) {
	t.Setenv(EnvRoot, "internal")
	path, r := run(t, "shared", "shared.go")
	if r.skipped || r.failed || !strings.HasSuffix(path, filepath.Join("internal", "shared", "shared.go")) {
		t.Fatalf("path %q, skipped %v, failed %v", path, r.skipped, r.failed)
	}
}
