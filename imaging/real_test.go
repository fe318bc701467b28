package imaging

import (
	"bufio"
	"compress/gzip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/internal/shared"
)

// The examples of the MII module name no study at all: they must go to review, none may be lost or guessed.
func TestTheExamplesOfTheMIIModuleGoToReview(t *testing.T) {
	dir := shared.Dir(t, "data", "mii-bildgebung-examples")
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no examples: %v", err)
	}
	var all record
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		res, err := fhir.ReadResource(string(text), fhir.Origin{Source: filepath.Base(f)})
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, res)
	}
	c := run(t, all, Rules{}).Counts
	if c.Resources < 6 || c.Linked != 0 || c.Unlinked[SeriesOnly]+c.Unlinked[NoKey] != c.Resources {
		t.Errorf("got %+v", c)
	}
}

// Synthea writes system urn:ietf:rfc:3986 with urn:oid:, one study per resource.
func TestEveryStudyOfSyntheaIsLinked(t *testing.T) {
	f, err := os.Open(shared.Dir(t, "data", "synthea", "slim.ndjson.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	unpacked, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var all record
	lines := bufio.NewScanner(unpacked)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		if !strings.Contains(lines.Text(), `"ImagingStudy"`) {
			continue
		}
		res, err := fhir.ReadResource(strings.Clone(lines.Text()), fhir.Origin{Source: "synthea"})
		if err != nil {
			t.Fatal(err)
		}
		if res.Type == "ImagingStudy" {
			all = append(all, res)
		}
	}
	if lines.Err() != nil || len(all) == 0 {
		t.Fatalf("%d ImagingStudies were read, %v", len(all), lines.Err())
	}
	c := run(t, all, Rules{}).Counts
	if c.Linked != c.Resources || c.Links[ByURI] != c.Resources || c.Refused != (Refused{}) {
		t.Errorf("got %+v", c)
	}
}
