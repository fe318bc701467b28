package synth

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/crflink/crflink/internal/shared"
)

// studiesOf are what the PACS has of some patients.
func studiesOf(t *testing.T, config Config) (all []PACSStudy) {
	t.Helper()
	if err := eachStudy(t.Context(), config, func(s *PACSStudy) error { all = append(all, *s); return nil }); err != nil {
		t.Fatal(err)
	}
	return all
}

func TestEveryKindOfPETIsDrawnAndCleanOnesAreGood(t *testing.T) {
	count := func(m Messiness) map[string]int {
		kinds := map[string]int{}
		for _, s := range studiesOf(t, Config{Seed: 2, Patients: 250, Messiness: m}) {
			for _, one := range s.Series {
				if one.Modality == "PT" {
					kinds[one.Truth.Kind]++
				}
			}
		}
		return kinds
	}
	usual := count(Usual)
	for _, kind := range PETKinds {
		if usual[kind] == 0 {
			t.Errorf("no series is %s: %v", kind, usual)
		}
	}
	if clean := count(Clean); len(clean) != 1 || clean["good"] < 300 {
		t.Errorf("clean ones: %v", clean)
	}
}

// DCMTK reads from every file what the fake PACS says of the instance.
func TestAFileSaysWhatTheFakePACSSays(t *testing.T) {
	if _, err := exec.LookPath("dcm2json"); err != nil {
		shared.Absent(t, "dcm2json of DCMTK is not on the PATH; make setup installs it")
	}
	kinds := map[string]bool{}
	for _, s := range studiesOf(t, Config{Seed: 2, Patients: 60}) {
		kept := s.Kept()
		for i, one := range s.Series {
			if kinds[one.Modality+one.Truth.Kind] {
				continue
			}
			kinds[one.Modality+one.Truth.Kind] = true
			alone := s
			alone.Series = s.Series[i : i+1]
			var files [][]byte
			if err := alone.Files(func(file []byte) error { files = append(files, file); return nil }); err != nil || len(files) != kept.Series[i].Instances {
				t.Fatalf("%d files, %v", len(files), err)
			}
			said := readFile(t, files[0])
			want, err := json.Marshal(kept.Series[i].Attributes)
			if err != nil {
				t.Fatal(err)
			}
			var attributes map[string]any
			if err := json.Unmarshal(want, &attributes); err != nil {
				t.Fatal(err)
			}
			for tag, v := range attributes {
				if !reflect.DeepEqual(said[tag], v) {
					t.Errorf("%s %s, %s: the file has %v, the PACS %v", one.Modality, one.Truth.Kind, tag, said[tag], v)
				}
			}
		}
	}
	if len(kinds) < len(PETKinds)+4 {
		t.Errorf("only %v", kinds)
	}
}

// readFile reads a DICOM file with dcm2json.
func readFile(t *testing.T, file []byte) (said map[string]any) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "x.dcm")
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), "dcm2json", "-q", path).Output()
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(out, &said); err != nil {
		t.Fatal(err)
	}
	return said
}

func TestImagesAreWrittenAndServedBesideThePatients(t *testing.T) {
	config := Config{Seed: 11, Patients: 6}
	folder := filepath.Join(t.TempDir(), "out")
	var told strings.Builder
	if err := Run(t.Context(), Options{Config: config, Out: folder, PACS: true}, &told); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(folder, "pacs", "*.dcm"))
	if err != nil || len(files) < 20 || !strings.Contains(told.String(), fmt.Sprintf("%8d DICOM files", len(files))) {
		t.Errorf("%d files, %v; told %s", len(files), err, told.String())
	}
	truth, err := os.ReadFile(filepath.Join(folder, "pacs", TruthFile))
	if err != nil || strings.Count(string(truth), "\n") != len(studiesOf(t, config)) || !json.Valid([]byte(strings.SplitN(string(truth), "\n", 2)[0])) {
		t.Errorf("the truth has %d lines, %v", strings.Count(string(truth), "\n"), err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	r, w := io.Pipe()
	done := make(chan error, 1)
	go func() { done <- Run(ctx, Options{Config: config, Serve: "127.0.0.1:0", PACS: true}, w) }()
	lines := bufio.NewReader(r)
	_, err = lines.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	line, err := lines.ReadString('\n')
	base, ok := strings.CutPrefix(strings.TrimSpace(line), "PACS at ")
	if err != nil || !ok {
		t.Fatalf("told %q, %v", line, err)
	}
	q, err := http.NewRequestWithContext(t.Context(), http.MethodGet, base+"/studies?PatientID="+studiesOf(t, config)[0].Patient, nil)
	if err != nil {
		t.Fatal(err)
	}
	q.Header.Set("Accept", "application/dicom+json")
	answer, err := http.DefaultClient.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	var rows []map[string]any
	if err := json.NewDecoder(answer.Body).Decode(&rows); err != nil || len(rows) == 0 {
		t.Errorf("%d studies, %v", len(rows), err)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
