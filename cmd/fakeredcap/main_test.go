package main

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/crflink/crflink/internal/shared"
)

// ask starts the program and asks it once.
func ask(t *testing.T, call url.Values, arguments ...string) string {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	base, out := io.Pipe()
	cmd := command()
	cmd.SetArgs(arguments)
	cmd.SetOut(out)
	done := make(chan error, 1)
	go func() { done <- cmd.ExecuteContext(ctx); _ = out.Close() }()
	line := make([]byte, 200)
	n, err := base.Read(line)
	if err != nil {
		t.Fatalf("%v: %v", err, <-done)
	}
	response, err := http.PostForm(strings.TrimSpace(string(line[:n])), call)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
	return string(body)
}

func TestAProjectIsServedFromItsFiles(t *testing.T) {
	folder := filepath.Join(shared.Dir(t, "data", "redcap", "projects"), "redcapr-longitudinal")
	call := url.Values{"token": {"AA"}, "format": {"csv"}, "content": {"record"}, "fields": {"study_id"}}
	text := ask(t, call, "--token", "AA", "--dictionary", filepath.Join(folder, "dictionary.csv"), "--events", filepath.Join(folder, "event.csv"), "--data", filepath.Join(folder, "data.csv"))
	if strings.Count(text, "\n") != 19 || !strings.HasPrefix(text, "study_id,redcap_event_name\n100,enrollment_arm_1\n") {
		t.Errorf("it answers\n%s", text)
	}
}

func TestWithoutFilesAProjectIsMadeUp(t *testing.T) {
	text := ask(t, url.Values{"token": {"AA"}, "format": {"csv"}, "content": {"instrument"}}, "--token", "AA")
	if strings.Count(text, "\n") != 16 {
		t.Errorf("it answers\n%s", text)
	}
}

func TestAFileThatIsNoDictionaryIsRefused(t *testing.T) {
	name := filepath.Join(t.TempDir(), "d.csv")
	if err := os.WriteFile(name, []byte("a,b\n1,2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := command()
	cmd.SetArgs([]string{"--dictionary", name})
	if err := cmd.Execute(); err == nil || !strings.Contains(err.Error(), "18 columns") {
		t.Errorf("the error is %v", err)
	}
}
