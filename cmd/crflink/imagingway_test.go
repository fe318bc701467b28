package main

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/crflink/crflink/imaging"
	"github.com/crflink/crflink/internal/shared"
	"github.com/crflink/crflink/synth"
)

// covered is a study of the truth about patients: what a permitted subject's rows may hold.
type covered struct {
	StudyUID   string
	Modalities []string
}

// permittedTruth is what of the truth about a patient the test reads.
type permittedTruth struct {
	PID, Subject string
	Decision     struct{ Outcome string }
	Imaging      []covered
}

// keptTruth is the truth about a study at the PACS.
type keptTruth struct {
	StudyUID, Patient, Date string
	Series                  []struct {
		SeriesUID, Modality, Kind string
		Factor                    *float64
		Tracer, Radionuclide      string
	}
}

// truthLines reads a file of truths.
func truthLines[T any](t *testing.T, file string) (all []T) {
	t.Helper()
	f, err := os.Open(filepath.Clean(file))
	must(t, err)
	defer func() { must(t, f.Close()) }()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var one T
		must(t, json.Unmarshal(lines.Bytes(), &one))
		all = append(all, one)
	}
	must(t, lines.Err())
	return all
}

// rows reads a CSV file, by the names of its columns.
func (j *job) rows(t *testing.T, name string) (all []map[string]string) {
	t.Helper()
	lines, err := csv.NewReader(strings.NewReader(j.read(t, name))).ReadAll()
	must(t, err)
	for _, line := range lines[1:] {
		row := map[string]string{}
		for i, cell := range line {
			row[lines[0][i]] = cell
		}
		all = append(all, row)
	}
	return all
}

// stored puts the DICOM files of a folder into an Orthanc.
func archived(t *testing.T, folder string) *shared.Orthanc {
	t.Helper()
	o := shared.NewOrthanc(t, true)
	var texts [][]byte
	for _, name := range files(t, folder) {
		if filepath.Ext(name) == ".dcm" {
			text, err := os.ReadFile(filepath.Join(folder, name))
			must(t, err)
			texts = append(texts, text)
		}
	}
	o.Store(t, texts...)
	return o
}

// TestTheWholeWayOfImaging goes it as a user does: patients and images from crflink synth --pacs, the images in a real Orthanc with
// credentials; crflink sync links and quantifies, crflink export packages, crflink imaging uid-map gives the originals to hold
// the truth against. What the consent does not cover is at the PACS and nowhere else.
func TestTheWholeWayOfImaging(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), "hospital")
	made := (&job{dir: t.TempDir(), env: os.Environ()}).run(t, "synth", "--patients", "60", "--seed", "21", "--out", folder, "--pacs")
	if made.code != exitDone {
		t.Fatal(made.err)
	}
	o := archived(t, filepath.Join(folder, "pacs"))
	for _, dates := range []string{"none", "shift", "relative"} {
		t.Run("dates "+dates, func(t *testing.T) { goTheWay(t, folder, o, dates) })
	}
}

func goTheWay(t *testing.T, folder string, o *shared.Orthanc, dates string) {
	t.Helper()
	section := "imaging:\n  window: {before: 30, after: 90}\n  review: match_review.csv\n  pacs:\n    dicomweb: " + o.DICOMweb + "\n    auth: {user: " + o.User + ", password-env: PACS_PASSWORD}\n" +
		"    rate: 1000\n    patient: {systems: [\"" + pidSystem + "\"]}\n    hashes: [\"" + synth.HashSystem + "\"]"
	j := newJob(t, "files: ["+folder+"]", "imaging:", section, "dates: none", map[string]string{"relative": "index-event: index\n"}[dates]+"dates: "+dates)
	j.env = append(j.env, "PACS_PASSWORD="+o.Password)
	j.sync(t)
	tables := validate(t, j.packaged(t, "out/package"))
	if s := j.run(t, "imaging", "uid-map", "study.yaml", "--as-of", asOf, "--out", "restricted", "--by", "Dr. Weber", "--reason", "images for the core laboratory"); s.code != exitDone && s.code != exitIncomplete {
		t.Fatal(s.err)
	}
	w := &way{job: j, original: map[string]string{}, permitted: map[string]string{}, right: map[string]string{}}
	for _, row := range j.rows(t, "restricted/"+imaging.MapFile) {
		w.original[row["pseudonym"]] = row["original"]
	}
	kept := truthLines[keptTruth](t, filepath.Join(folder, "pacs", synth.TruthFile))
	w.sessions(t, truthLines[permittedTruth](t, filepath.Join(folder, synth.TruthFile)), tables)
	w.values(t, tables, kept)
	w.days(t, tables, kept, dates)
	w.beyond(t, kept)
}

// days makes sure that images move by as many days as the rows did: what CTP and the other programs are told for the patient.
// Where rows count days from the index event, images move by a number that no row tells.
func (w *way) days(t *testing.T, tables map[string][]map[string]string, kept []keptTruth, dates string) {
	t.Helper()
	told := map[string]string{} // days by PatientID
	for line := range strings.Lines(w.read(t, "restricted/lookup.tsv")) {
		if part := strings.Split(strings.TrimSpace(line), "\t"); part[0] == "dateinc" {
			told[part[1]] = part[2]
		}
	}
	of := map[string]keptTruth{}
	for _, k := range kept {
		of[k.StudyUID] = k
	}
	shifts := map[string]bool{}
	index := map[string]time.Time{}
	for _, row := range tables["sessions"] {
		study := of[w.original[row["study_uid"]]]
		if dates == "relative" {
			w.counted(t, row, study, index)
			shifts[told[study.Patient]] = true
			continue
		}
		at, err1 := time.Parse(time.DateOnly, row["date"])
		from, err2 := time.Parse(time.DateOnly, study.Date)
		if err1 != nil || err2 != nil {
			t.Fatal(err1, err2)
		}
		days := strconv.Itoa(int(at.Sub(from).Hours() / 24))
		if told[study.Patient] != days {
			t.Errorf("a row of %s moved by %s days, its images are to move by %s", row["subject"], days, told[study.Patient])
		}
		shifts[days] = true
	}
	if (dates != "none") != (len(shifts) > 5) {
		t.Errorf("rows moved by %d different numbers of days", len(shifts))
	}
}

// counted makes sure that a row without a date has its distance from the subject's index day, the same day for all of them.
func (w *way) counted(t *testing.T, row map[string]string, study keptTruth, index map[string]time.Time) {
	t.Helper()
	days, err1 := strconv.Atoi(row["days_from_index"])
	on, err2 := time.Parse(time.DateOnly, study.Date)
	if err1 != nil || err2 != nil || row["date"] != "" {
		t.Fatalf("%v %v: date %q", err1, err2, row["date"])
	}
	day := on.AddDate(0, 0, -days)
	if known, ok := index[row["subject"]]; ok && !known.Equal(day) {
		t.Errorf("sessions of %s count from different days", row["subject"])
	}
	index[row["subject"]] = day
}

// way is what the whole way came to.
type way struct {
	*job
	original  map[string]string // by pseudonym
	permitted map[string]string // subject by PatientID
	right     map[string]string // subject by the original UID of a study that may be known
}

// sessions holds the linked studies against the truth: all that the consent covers, and no other.
func (w *way) sessions(t *testing.T, patients []permittedTruth, tables map[string][]map[string]string) {
	t.Helper()
	wanted := map[string]bool{}
	for _, p := range patients {
		if p.Decision.Outcome != "permitted" || p.Subject == "" {
			continue
		}
		w.permitted[p.PID] = p.Subject
		for _, s := range p.Imaging {
			w.right[s.StudyUID] = p.Subject
			wanted[s.StudyUID] = slices.Contains(s.Modalities, "PT")
		}
	}
	linked := 0
	for _, row := range tables["sessions"] {
		uid := w.original[row["study_uid"]]
		if w.right[uid] == "" || w.right[uid] != row["subject"] || !wanted[uid] && row["type"] != "part" {
			t.Errorf("a row of %s is for a study that is not the subject's, not covered or not asked for: %v", row["subject"], row)
		}
		if wanted[uid] {
			linked++
		}
		wanted[uid] = false
	}
	left := 0
	for _, still := range wanted {
		if still {
			left++
		}
	}
	if open := len(w.rows(t, "out/imaging/sessions_unlinked.csv")); linked < 80 || left > open {
		t.Errorf("%d studies are linked, %d are not, and %d are for a person to see", linked, left, open)
	}
	t.Logf("%d studies linked, %d not", linked, left)
}

// values holds factors, tracers and defects against the truth of the PACS.
func (w *way) values(t *testing.T, tables map[string][]map[string]string, kept []keptTruth) {
	t.Helper()
	kinds := map[string]int{}
	rows := map[string]map[string]string{}
	for _, row := range tables["suv"] {
		series := w.original[seriesUID(tables, row)]
		if series == "" {
			t.Errorf("a row of suv.csv is for a series that the table of originals does not have: %v", row)
		}
		rows[series] = row
	}
	for _, study := range kept {
		for _, s := range study.Series {
			row := rows[s.SeriesUID]
			if row == nil {
				continue
			}
			kinds[s.Kind]++
			factor, err := strconv.ParseFloat(row["factor_median"], 64)
			if (s.Factor == nil) != (err != nil) || s.Factor != nil && math.Abs(factor / *s.Factor - 1) > 1e-9 {
				t.Errorf("%s: the factor is %q, in truth %v; %s", s.Kind, row["factor_median"], s.Factor, row["reasons"])
			}
			if row["tracer"] != s.Tracer || row["radionuclide"] != s.Radionuclide || s.Factor == nil && row["status"] != "not_ready" {
				t.Errorf("%s: %s with %s, %s", s.Kind, row["tracer"], row["radionuclide"], row["status"])
			}
		}
	}
	if len(kinds) < 8 || kinds["enhanced"] == 0 || kinds["no-weight"] == 0 || len(rows) < 80 {
		t.Errorf("of %d series %v were seen", len(rows), kinds)
	}
	t.Logf("%d series: %v", len(rows), kinds)
}

// seriesUID finds the pseudonymous UID of a series, which suv.csv names by its session.
func seriesUID(tables map[string][]map[string]string, row map[string]string) string {
	for _, s := range tables["series"] {
		if s["subject"] == row["subject"] && s["session"] == row["session"] && s["series"] == row["series"] {
			return s["series_uid"]
		}
	}
	return ""
}

// beyond makes sure that what the consent does not cover is at the PACS, and in nothing that crflink wrote.
func (w *way) beyond(t *testing.T, kept []keptTruth) {
	t.Helper()
	outside, others := 0, 0
	given := map[string]bool{}
	for _, original := range w.original {
		given[original] = true
	}
	for _, study := range kept {
		if w.right[study.StudyUID] != "" {
			continue
		}
		if w.permitted[study.Patient] != "" {
			outside++
		} else {
			others++
		}
		if given[study.StudyUID] || len(study.Series) > 0 && given[study.Series[0].SeriesUID] {
			t.Errorf("a study that may not be known is in the table of originals")
		}
	}
	if outside < 10 || others < 10 {
		t.Errorf("only %d studies of permitted patients and %d of others may not be known", outside, others)
	}
	t.Logf("%d studies of permitted patients are outside the consent, %d are of others", outside, others)
	uids := strings.Fields(w.read(t, "out/package/series_uids.txt"))
	for _, uid := range uids {
		if w.original[uid] == "" {
			t.Error("series_uids.txt has a series that is not linked")
		}
	}
	if len(uids) < 100 {
		t.Errorf("series_uids.txt has %d lines", len(uids))
	}
	for name, text := range w.delivered(t) {
		if strings.Contains(text, "1.2.826.0.1.3680043.8.498.9999.") {
			t.Errorf("%s names an original", name)
		}
	}
}
