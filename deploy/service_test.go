package deploy_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/crflink/crflink/internal/shared"
)

func text(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// installed returns the unit with a program that is on this machine in crflink's place.
func installed(t *testing.T) string {
	t.Helper()
	unit := filepath.Join(t.TempDir(), "crflink.service")
	program := strings.ReplaceAll(text(t, "crflink.service"), "/usr/local/bin/crflink", "/bin/true")
	if err := os.WriteFile(unit, []byte(program), 0o600); err != nil {
		t.Fatal(err)
	}
	return unit
}

func analyze(t *testing.T, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		shared.Absent(t, "systemd-analyze (Debian: systemd)")
	}
	out, err := exec.CommandContext(t.Context(), "systemd-analyze", args...).CombinedOutput()
	if err != nil {
		t.Fatalf("systemd-analyze %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

func TestTheUnitIsAsSystemdWantsIt(t *testing.T) {
	if found := analyze(t, "verify", "--man=no", installed(t)); found != "" {
		t.Error(found)
	}
}

// TestTheUnitIsConfined holds the unit to the part of systemd's scale that it calls OK; 10 is without any confinement.
func TestTheUnitIsConfined(t *testing.T) {
	found := regexp.MustCompile(`Overall exposure level for crflink.service: ([0-9.]+)`).
		FindStringSubmatch(analyze(t, "security", "--offline=true", "--no-pager", installed(t)))
	if len(found) != 2 {
		t.Fatal("systemd-analyze tells no exposure level")
	}
	if level, err := strconv.ParseFloat(found[1], 64); err != nil || level > 2 {
		t.Errorf("exposure level %s, want 2 at most", found[1])
	}
}

func TestAllWaysStartTheSameCommand(t *testing.T) {
	for name, want := range map[string]string{
		"crflink.service":        "ExecStart=/usr/local/bin/crflink serve /etc/crflink/serve.yaml",
		"crflink-worker.service": "ExecStart=/usr/local/bin/crflink worker /etc/crflink/serve.yaml",
		"Containerfile":          `CMD ["serve", "/etc/crflink/serve.yaml"]`,
	} {
		if !strings.Contains(text(t, name), want) {
			t.Errorf("%s does not say %s", name, want)
		}
	}
}
