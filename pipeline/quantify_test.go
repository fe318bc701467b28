package pipeline_test

import (
	"encoding/csv"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/imaging/dicomweb/fakepacs"
	"github.com/crflink/crflink/pipeline"
	"github.com/crflink/crflink/synth"
)

// attribute is one of DICOM JSON.
func attribute(vr string, values ...any) map[string]any {
	return map[string]any{"vr": vr, "Value": values}
}

// withHeaders gives the PET series of a study the headers of an FDG scan on its day, 60 minutes after the injection.
func withHeaders(k *fakepacs.Study) {
	code := func(value string) map[string]any {
		return attribute("SQ", map[string]any{"00080100": attribute("SH", value), "00080102": attribute("SH", "SCT")})
	}
	for i := range k.Series {
		if k.Series[i].Modality != "PT" {
			continue
		}
		k.Series[i].Instances = 3
		k.Series[i].Attributes = map[string]any{
			"00080021": attribute("DA", k.Date), "00080031": attribute("TM", "110000"), "00080022": attribute("DA", k.Date), "00080032": attribute("TM", "110000"),
			"00080070": attribute("LO", "SIEMENS"), "00081090": attribute("LO", "Biograph 128"), "00101030": attribute("DS", 80), "00280051": attribute("CS", "ATTN", "DECY"),
			"00281052": attribute("DS", 0), "00281053": attribute("DS", "0.5"), "00541001": attribute("CS", "BQML"), "00541102": attribute("CS", "START"),
			"00540016": attribute("SQ", map[string]any{
				"00181074": attribute("DS", 250e6), "00181075": attribute("DS", 6586.2), "00181078": attribute("DT", k.Date+"100000"),
				"00540300": code("77004003"), "00540304": code("35321007"),
			}),
		}
	}
}

// exportOf writes a package of the last run, and returns the rows of one of its tables.
func exportOf(t *testing.T, parts pipeline.Parts, table string) []map[string]string {
	t.Helper()
	folder := filepath.Join(t.TempDir(), "package")
	if _, err := pipeline.Export(t.Context(), parts, pipeline.ExportOptions{AsOf: asOfTruth(parts.Study.Zone).Add(time.Hour), Folder: folder, Program: "test"}); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(filepath.Join(folder, table))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var rows []map[string]string
	for _, line := range lines[1:] {
		row := map[string]string{}
		for i, cell := range line {
			row[lines[0][i]] = cell
		}
		rows = append(rows, row)
	}
	return rows
}

// TestAPackageSaysWhichSeriesOfThePACSCanBeQuantified: with the headers of a PACS every PET has a factor, and its weight is
// compared with that of the clinical record.
func TestAPackageSaysWhichSeriesOfThePACSCanBeQuantified(t *testing.T) {
	config := synth.Config{Seed: 3, Patients: 60}
	s := newSite(t, config.Seed, config.Patients)
	server, url := pacsOf(t, config, withHeaders)
	parts := openParts(t, exampleStudy(t), s.folder)
	withPACS(t, &parts, url)
	mustRun(t, parts)
	factors, weighed, images := 0, 0, map[string]int{}
	rows := exportOf(t, parts, "suv.csv")
	for _, row := range rows {
		images[row["images"]]++
		if row["images"] == "0" {
			continue
		}
		if row["factor_median"] != "" {
			factors++
		}
		if row["weight_days"] != "" {
			weighed++
		}
		if row["tracer"] != "F-18-FDG" || row["radionuclide"] != "F-18" || row["uptake_min"] != "60" || row["accreditation"] != "EARL2" {
			t.Errorf("%v", row)
		}
		if strings.Contains(row["reasons"], "metadata-missing") {
			t.Error("headers that were read are missing")
		}
	}
	if factors < 40 || factors != images["3"] || weighed < 5 {
		t.Errorf("%d of %d series have a factor, %d a weight of the record; images %v", factors, len(rows), weighed, images)
	}
	t.Logf("%d of %d series have a factor, %d a weight of the record; images %v", factors, len(rows), weighed, images)
	for _, row := range exportOf(t, parts, "series.csv") {
		if row["modality"] == "PT" && row["series_uid"] == "" && row["instances"] == "3" {
			t.Error("a series that the PACS named has no UID")
		}
	}
	if len(server.Calls()) == 0 {
		t.Error("the PACS was not asked")
	}
}

// TestAnExportAsksAgainAndKeepsToTheAuthorisation: nothing leaves without a recipient, behind another run's files, or for
// subjects whose consent is not the one by which they were computed.
func TestAnExportAsksAgainAndKeepsToTheAuthorisation(t *testing.T) {
	s := newSite(t, 3, 30)
	parts := openParts(t, exampleStudy(t), s.folder)
	options := pipeline.ExportOptions{AsOf: asOfTruth(parts.Study.Zone), Folder: filepath.Join(t.TempDir(), "package")}
	if _, err := pipeline.Export(t.Context(), parts, options); err == nil {
		t.Error("something was exported before a run")
	}
	mustRun(t, parts)
	whole, err := pipeline.Export(t.Context(), parts, options)
	if err != nil || whole.Subjects < 10 {
		t.Fatal(err)
	}
	recipients, err := parts.Ledger.Recipients(t.Context())
	if err != nil || !strings.Contains(strings.Join(names(recipients), " "), "Image analysis group") {
		t.Errorf("the recipients are %v (%v)", names(recipients), err)
	}
	options.Folder = filepath.Join(t.TempDir(), "later")
	options.AsOf = options.AsOf.AddDate(40, 0, 0)
	parts.Study.Authorisation.ValidUntil, parts.Study.Authorisation.EraseBy = 1<<20, 1<<20
	later, err := pipeline.Export(t.Context(), parts, options)
	if err != nil || later.Subjects != 0 || later.NoLonger+later.ChangedSince != whole.Subjects {
		t.Errorf("in 40 years %+v (%v)", later, err)
	}
	parts.Study.Authorisation = nil
	if _, err := pipeline.Export(t.Context(), parts, options); err == nil {
		t.Error("something was exported without an authorisation")
	}
}

func names(all []ecrf.Recipient) (out []string) {
	for _, r := range all {
		out = append(out, r.Name)
	}
	return out
}
