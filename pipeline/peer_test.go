package pipeline_test

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/crflink/crflink/internal/shared"
)

// peer starts the independent FHIR server with the data and returns its base.
func peer(t *testing.T, data string, flags ...string) string {
	t.Helper()
	dir := os.Getenv("CRFLINK_FHIR_PEER")
	if _, err := os.Stat(filepath.Join(dir, "node_modules")); dir == "" || err != nil {
		if os.Getenv(shared.EnvRequire) == "all" {
			t.Fatal("the FHIR test server is required: run make setup and set CRFLINK_FHIR_PEER")
		}
		t.Skip("no FHIR test server: CRFLINK_FHIR_PEER names none (make test prepares it)")
	}
	port := freePort(t)
	args := append([]string{"--max-old-space-size=3000", "server.mjs", "--port", fmt.Sprint(port), "--load", data}, flags...)
	cmd := exec.CommandContext(t.Context(), "node", args...)
	cmd.Dir = dir
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Skipf("node cannot be started: %v", err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if strings.HasPrefix(lines.Text(), "FHIR R4 peer on ") {
			return fmt.Sprintf("http://127.0.0.1:%d/fhir", port)
		}
	}
	t.Fatal("the FHIR test server ended before it served")
	return ""
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	address, ok := l.Addr().(*net.TCPAddr)
	if !ok {
		t.Fatalf("no TCP address: %v", l.Addr())
	}
	return address.Port
}

// copyVault copies a vault's files into the state folder of another study that has not begun.
func copyVault(t *testing.T, from, to string) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(from, "vault.db*"))
	if err != nil || len(names) == 0 {
		t.Fatal("there is no vault to copy", err)
	}
	for _, name := range names {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(to, filepath.Base(name)), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
