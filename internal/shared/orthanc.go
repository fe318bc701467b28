package shared

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Orthanc is a PACS of its own for one test: on a free port of this machine, with DICOMweb.
type Orthanc struct {
	URL            string // of Orthanc's own interface
	DICOMweb       string
	User, Password string // "" when nobody is asked
	Apart          bool   // it runs in a network namespace of its own

	process int
}

const orthancPlugin = "/usr/share/orthanc/plugins/libOrthancDicomWeb.so"

// NewOrthanc starts Orthanc, with or without credentials. It ends with the test. Orthanc listens on all addresses whatever it is
// told: it gets a network of its own, and is reached through a forwarder at 127.0.0.1. Where this user may not make a network,
// it answers this machine only. DICOM itself is off.
func NewOrthanc(t *testing.T, withAuth bool) *Orthanc {
	t.Helper()
	if _, err := exec.LookPath("Orthanc"); err != nil {
		Absent(t, "Orthanc is not on the PATH; make setup installs it")
	}
	if _, err := os.Stat(orthancPlugin); err != nil {
		Absent(t, "the DICOMweb plugin of Orthanc is not installed; make setup installs it")
	}
	dir, port, apart := t.TempDir(), freePort(t), newNamespace(t)
	here := port
	if apart != nil {
		here = apart.forward(t, port)
	}
	o := &Orthanc{URL: fmt.Sprintf("http://127.0.0.1:%d", here), DICOMweb: fmt.Sprintf("http://127.0.0.1:%d/dicom-web", here), Apart: apart != nil}
	config := map[string]any{
		"Name": "TEST", "StorageDirectory": dir, "IndexDirectory": dir, "Plugins": []string{orthancPlugin}, "HttpPort": port,
		"RemoteAccessAllowed": false, "AuthenticationEnabled": withAuth, "SslEnabled": false, "DicomServerEnabled": false, "WebDavEnabled": false,
		"LimitFindResults": 0, "OverwriteInstances": true,
		"DicomWeb": map[string]any{"Enable": true, "Root": "/dicom-web/", "EnableWado": false, "StudiesMetadata": "Full", "SeriesMetadata": "Full"},
	}
	if withAuth {
		o.User, o.Password = "etl", "a password for tests"
		config["RegisteredUsers"] = map[string]string{o.User: o.Password}
	}
	text, err := json.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "orthanc.json")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	o.serve(t, file, apart)
	return o
}

// serve starts it and waits until it answers.
func (o *Orthanc) serve(t *testing.T, file string, in *namespace) {
	t.Helper()
	var log bytes.Buffer
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), "Orthanc", file) // #nosec G204 -- a test server, started by a test
	cmd.Stderr = &log
	if err := in.do(cmd.Start); err != nil {
		t.Fatal(err)
	}
	o.process = cmd.Process.Pid
	ended := make(chan struct{})
	go func() { defer close(ended); _ = cmd.Wait() }()
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // what it holds goes with the folder
		<-ended
	})
	every := time.NewTicker(20 * time.Millisecond)
	defer every.Stop()
	for range 1000 {
		select {
		case <-ended:
			t.Fatalf("Orthanc ended before it served:\n%s", log.String())
		case <-every.C:
		}
		if status, _ := o.Ask(t, http.MethodGet, "/system", nil, ""); status == http.StatusOK {
			return
		}
	}
	t.Fatal("Orthanc does not answer")
}

// Ask sends a request to Orthanc's own interface. The status is 0 when there is no answer.
func (o *Orthanc) Ask(t *testing.T, method, path string, body []byte, typ string) (status int, answer []byte) {
	t.Helper()
	q, err := http.NewRequestWithContext(t.Context(), method, o.URL+path, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if o.User != "" {
		q.SetBasicAuth(o.User, o.Password)
	}
	if typ != "" {
		q.Header.Set("Content-Type", typ)
		q.Header.Set("Accept", "application/dicom+json")
	}
	r, err := http.DefaultClient.Do(q)
	if err != nil {
		return 0, nil
	}
	defer r.Body.Close()
	answer, err = io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, answer
}

// Store sends DICOM files to Orthanc (STOW-RS).
func (o *Orthanc) Store(t *testing.T, files ...[]byte) {
	t.Helper()
	var body bytes.Buffer
	for _, text := range files {
		body.WriteString("--part\r\nContent-Type: application/dicom\r\n\r\n")
		body.Write(text)
		body.WriteString("\r\n")
	}
	body.WriteString("--part--\r\n")
	status, answer := o.Ask(t, http.MethodPost, "/dicom-web/studies", body.Bytes(), `multipart/related; type="application/dicom"; boundary=part`)
	if status != http.StatusOK {
		t.Fatalf("Orthanc did not take the files: %d %s", status, answer)
	}
}

// DICOMFile makes a DICOM file of attributes as dump2dcm of DCMTK reads them.
func DICOMFile(t *testing.T, path string, lines ...string) {
	t.Helper()
	if _, err := exec.LookPath("dump2dcm"); err != nil {
		Absent(t, "dump2dcm of DCMTK is not on the PATH; make setup installs it")
	}
	text := path + ".dump"
	if err := os.WriteFile(text, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "dump2dcm", "-q", "+te", text, path) // #nosec G204 -- a program of DCMTK, run by a test
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("dump2dcm: %v\n%s", err, out)
	}
}
