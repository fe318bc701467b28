package ndjson_test

import (
	"bufio"
	"compress/gzip"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/fhir/ndjson"
	"github.com/crflink/crflink/internal/shared"
)

// envReadAll names the file that the test binary reads as a child process, whose memory is then measured.
const envReadAll = "CRFLINK_TEST_READ_ALL"

func TestMain(m *testing.M) {
	if path := os.Getenv(envReadAll); path != "" {
		os.Exit(readAll(path))
	}
	os.Exit(m.Run())
}

// readAll fetches every patient's record and prints the number of resources.
func readAll(path string) int {
	s, err := ndjson.Open([]string{path}, ndjson.Options{})
	if err != nil {
		return 1
	}
	ctx, n := context.Background(), 0
	for facts, err := range s.Subjects(ctx, func(fhir.Rejected) {}) {
		if err != nil {
			return 1
		}
		record, err := s.Fetch(ctx, facts.Key(), fhir.Everything(), func(fhir.Rejected) {})
		if err != nil {
			return 1
		}
		n += record.Len()
	}
	_, _ = fmt.Println(n, peakMemory())
	if s.Close() != nil {
		return 1
	}
	return 0
}

// peakMemory returns the highest resident memory of this process in MiB. (What wait reports for a child includes its
// parent at the time of the fork.)
func peakMemory() int {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return -1
	}
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	number, _, _ := strings.Cut(rest, "kB")
	kib, err := strconv.Atoi(strings.TrimSpace(number))
	if err != nil {
		return -1
	}
	return kib >> 10
}

// slim returns the lines of the Synthea sample.
func slim(t testing.TB) []string {
	t.Helper()
	file, err := os.Open(shared.Dir(t, "data", "synthea", "slim.ndjson.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	z, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	s := bufio.NewScanner(z)
	s.Buffer(nil, 16<<20)
	for s.Scan() {
		lines = append(lines, s.Text())
	}
	if s.Err() != nil {
		t.Fatal(s.Err())
	}
	return lines
}

// grow writes copies of the lines, each with ids of its own, until the file has the size.
func grow(t *testing.T, lines []string, size int, form string) (path string, resources int) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "grown.json")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	w := bufio.NewWriterSize(file, 1<<20)
	begin, between, end := "", "\n", ""
	if form == "Bundle" {
		begin, between, end = `{"resourceType":"Bundle","type":"collection","entry":[{"resource":`, `},{"resource":`, `}]}`
	}
	_, _ = w.WriteString(begin)
	for written := 0; written < size; {
		copyNo := strconv.Itoa(resources / len(lines))
		line := lines[resources%len(lines)]
		line = strings.Replace(line, `"id":"`, `"id":"`+copyNo+"-", 1)
		line = strings.ReplaceAll(line, `"Patient/`, `"Patient/`+copyNo+"-")
		if resources++; resources > 1 {
			_, _ = w.WriteString(between)
		}
		n, _ := w.WriteString(line)
		written += n
	}
	_, _ = w.WriteString(end)
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	return path, resources
}

func TestMemoryStaysBoundedWhateverTheInput(t *testing.T) {
	var lines []string
	for _, l := range slim(t) {
		// Shared resources (a hospital) would be loaded again for every patient and are no part of the question.
		if strings.Contains(l, `"Patient/`) || strings.Contains(l[:40], `"Patient"`) {
			lines = append(lines, l)
		}
	}
	for _, c := range []struct {
		form  string
		size  int
		limit int // MiB
	}{{"NDJSON", 200 << 20, 100}, {"Bundle", 60 << 20, 60}} {
		t.Run(c.form, func(t *testing.T) {
			path, resources := grow(t, lines, c.size, c.form)
			cmd := exec.Command(os.Args[0]) // #nosec G204 -- this very test binary
			cmd.Env = append(os.Environ(), envReadAll+"="+path)
			out, err := cmd.Output()
			if err != nil {
				t.Fatal(err)
			}
			var got, rss int
			if _, err := fmt.Sscan(string(out), &got, &rss); err != nil {
				t.Fatal(err)
			}
			if got != resources {
				t.Errorf("%d resources in records, want %d", got, resources)
			}
			if rss < 0 {
				t.Skip("this system does not tell the peak memory")
			}
			t.Logf("%d resources, %d MiB of input, peak RSS %d MiB, %v CPU", resources, c.size>>20, rss, cmd.ProcessState.UserTime()+cmd.ProcessState.SystemTime())
			if rss > c.limit {
				t.Errorf("peak RSS %d MiB, limit %d MiB", rss, c.limit)
			}
		})
	}
}
