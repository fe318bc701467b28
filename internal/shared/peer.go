package shared

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// EnvPeer names the folder in which the independent FHIR server is installed; make setup prepares it.
const EnvPeer = "CRFLINK_FHIR_PEER"

// Peer starts the independent FHIR server on a free port of this machine with the data of a folder, and returns its base
// URL. It ends with the test.
func Peer(t *testing.T, data string, flags ...string) string {
	t.Helper()
	dir := os.Getenv(EnvPeer)
	if _, err := os.Stat(filepath.Join(dir, "node_modules")); dir == "" || err != nil { // #nosec G703 -- tests only: the folder is named by whoever runs them
		Absent(t, EnvPeer+" names no folder with the FHIR test server; make setup installs it")
	}
	port := freePort(t)
	args := append([]string{"--max-old-space-size=3000", "server.mjs", "--port", fmt.Sprint(port), "--load", data}, flags...)
	cmd := exec.CommandContext(t.Context(), "node", args...) // #nosec G204 -- a test server, started by a test
	cmd.Dir = dir
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		Absent(t, fmt.Sprintf("node cannot be started: %v", err))
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

func freePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // a test
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
