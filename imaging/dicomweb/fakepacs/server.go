// Package fakepacs is a PACS with DICOMweb for tests: stateful, and with the habits of real ones.
//
//   - A Server answers searches (QIDO-RS) and requests for metadata (WADO-RS). It changes nothing and refuses everything but GET.
//   - A Study is one study, which may be kept under several patients: then a search gives a row for each.
//   - A Habit is what some PACS do and others do not.
//
// As the PACS that was observed does, it ignores keys that it does not know, takes an empty value for every value, matches
// the PatientID without case, by wildcards and by lists, and gives no total.
package fakepacs

import (
	"cmp"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/crflink/crflink/internal/fake"
)

// Study is a study of the PACS.
type Study struct {
	UID       string
	Patients  []string // PatientIDs
	Issuer    string
	Name      string
	Accession string // "" leaves the attribute out
	Date      string // YYYYMMDD; "" leaves the attribute out
	Time      string
	Series    []Series
}

// Series is a series of a study with a number of instances.
type Series struct {
	UID, Modality string
	Instances     int
	Attributes    map[string]any // further attributes of every instance, as DICOM JSON
}

// Habit is what some PACS do.
type Habit int

// The habits.
const (
	NumbersAsText  Habit = iota // IS and DS are JSON strings
	NoSeriesSearch              // questions for series need a study
	IgnoresOffset               // every page is the first
	CutsPages                   // no page has more than 10 rows, whatever was asked
	IgnoresKeys                 // every search gives everything
	IgnoresDates                // StudyDate does not count
	Repeats                     // every row comes twice, as for a patient who has other numbers, too
)

// Server is a PACS. Its exported members are set before the first request.
type Server struct {
	fake.Front
	Habits []Habit

	mu      sync.Mutex
	studies []Study
	queries []string
}

// New makes a PACS of studies.
func New(studies ...Study) *Server {
	s := &Server{studies: studies}
	s.Handler = http.HandlerFunc(s.answer)
	return s
}

// Start serves it on this machine. Its address is that of DICOMweb.
func (s *Server) Start() *httptest.Server {
	return httptest.NewServer(http.StripPrefix("/dicom-web", s))
}

// Add adds studies, or puts them in place of those with their UIDs.
func (s *Server) Add(studies ...Study) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, study := range studies {
		s.studies = slices.DeleteFunc(s.studies, func(o Study) bool { return o.UID == study.UID })
		s.studies = append(s.studies, study)
	}
}

// Queries returns the path and the decoded query of every request so far.
func (s *Server) Queries() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.queries)
}

func (s *Server) has(h Habit) bool { return slices.Contains(s.Habits, h) }

func (s *Server) answer(w http.ResponseWriter, q *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	text, _ := url.QueryUnescape(q.URL.RawQuery)
	s.queries = append(s.queries, q.URL.Path+"?"+text)
	part := strings.Split(strings.Trim(q.URL.Path, "/"), "/")
	switch {
	case q.Method != http.MethodGet:
		http.Error(w, "only GET", http.StatusMethodNotAllowed)
	case !strings.Contains(q.Header.Get("Accept"), "application/dicom+json"):
		http.Error(w, "not acceptable", http.StatusBadRequest)
	case len(part) == 1 && part[0] == "studies":
		s.search(w, q, s.studyRows(values(q)))
	case len(part) == 1 && part[0] == "series" && s.has(NoSeriesSearch):
		http.Error(w, "a study is needed", http.StatusBadRequest)
	case len(part) == 1 && part[0] == "series":
		s.search(w, q, s.seriesRows("", values(q)))
	case len(part) == 3 && part[0] == "studies" && part[2] == "series":
		s.search(w, q, s.seriesRows(part[1], values(q)))
	case len(part) == 5 && part[0] == "studies" && part[2] == "series" && part[4] == "metadata":
		s.metadata(w, part[1], part[3])
	default:
		http.NotFound(w, q)
	}
}

// values are the keys of a query. Of one that is repeated the last counts.
func values(q *http.Request) map[string]string {
	all := map[string]string{}
	for name, v := range q.URL.Query() {
		all[name] = v[len(v)-1]
	}
	return all
}

// search writes a page of rows.
func (s *Server) search(w http.ResponseWriter, q *http.Request, rows []map[string]any) {
	keys := values(q)
	offset, _ := strconv.Atoi(keys["offset"])
	limit, _ := strconv.Atoi(keys["limit"])
	if s.has(IgnoresOffset) {
		offset = 0
	}
	if s.has(CutsPages) {
		limit = min(limit, 10)
	}
	if s.has(Repeats) {
		rows = append(slices.Clone(rows), rows...)
	}
	rows = rows[min(offset, len(rows)):]
	if limit > 0 {
		rows = rows[:min(limit, len(rows))]
	}
	write(w, rows)
}

func write(w http.ResponseWriter, rows []map[string]any) {
	if rows == nil {
		rows = []map[string]any{}
	}
	text, err := json.Marshal(rows)
	if err != nil {
		http.Error(w, "the fake's answer cannot be written", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/dicom+json")
	_, _ = w.Write(text)
}

func (s *Server) studyRows(keys map[string]string) (rows []map[string]any) {
	a := s.asked(keys)
	for i := range s.studies {
		study := &s.studies[i]
		for _, patient := range study.Patients {
			if !a.matches(study, patient) {
				continue
			}
			row := s.common(study, patient)
			put(row, "00080061", "CS", study.modalities()...)
			s.number(row, "00201206", "IS", float64(len(study.Series)))
			rows = append(rows, row)
		}
	}
	return rows
}

func (s *Server) seriesRows(uid string, keys map[string]string) (rows []map[string]any) {
	for i := range s.studies {
		study := &s.studies[i]
		if uid != "" && study.UID != uid {
			continue
		}
		for _, patient := range study.Patients {
			for _, series := range study.Series {
				if want := cmp.Or(keys["SeriesInstanceUID"], keys["0020000E"]); want != "" && !s.has(IgnoresKeys) && want != series.UID {
					continue
				}
				row := map[string]any{}
				put(row, "0020000D", "UI", study.UID)
				put(row, "0020000E", "UI", series.UID)
				put(row, "00080060", "CS", series.Modality)
				put(row, "00100020", "LO", patient)
				s.number(row, "00201209", "IS", float64(series.Instances))
				rows = append(rows, row)
			}
		}
	}
	return rows
}

// metadata gives none of a study that is kept under two patients: its place in the hierarchy is not clear.
func (s *Server) metadata(w http.ResponseWriter, uid, seriesUID string) {
	for i := range s.studies {
		study := &s.studies[i]
		for _, series := range study.Series {
			if study.UID == uid && series.UID == seriesUID && len(study.Patients) == 1 {
				write(w, s.instances(study, &series))
				return
			}
		}
	}
	http.Error(w, "unknown", http.StatusNotFound)
}

func (s *Server) instances(study *Study, series *Series) (rows []map[string]any) {
	for n := range series.Instances {
		row := s.common(study, study.Patients[0])
		put(row, "00080018", "UI", series.UID+"."+strconv.Itoa(n+1))
		put(row, "00080060", "CS", series.Modality)
		put(row, "0020000E", "UI", series.UID)
		put(row, "00200052", "UI", study.UID+".99")
		for tag, attribute := range series.Attributes {
			row[tag] = attribute
		}
		rows = append(rows, row)
	}
	return rows
}

func (s *Server) common(study *Study, patient string) map[string]any {
	row := map[string]any{"00100010": map[string]any{"vr": "PN", "Value": []any{map[string]any{"Alphabetic": cmp.Or(study.Name, "Muster^Test")}}}}
	put(row, "00080005", "CS", "ISO_IR 100")                                    // which JSON never is
	put(row, "00081190", "UR", "http://127.0.0.1/dicom-web/studies/"+study.UID) // the port is lost behind a proxy
	put(row, "0020000D", "UI", study.UID)
	put(row, "00100020", "LO", patient)
	put(row, "00100021", "LO", study.Issuer)
	put(row, "00080050", "SH", study.Accession)
	put(row, "00080020", "DA", study.Date)
	put(row, "00080030", "TM", study.Time)
	return row
}

func (s *Study) modalities() (all []string) {
	for _, series := range s.Series {
		if !slices.Contains(all, series.Modality) {
			all = append(all, series.Modality)
		}
	}
	return all
}

// put leaves an attribute without a value out.
func put(row map[string]any, tag, vr string, texts ...string) {
	if len(texts) == 0 || texts[0] == "" {
		return
	}
	row[tag] = map[string]any{"vr": vr, "Value": texts}
}

func (s *Server) number(row map[string]any, tag, vr string, n float64) {
	var v any = n
	if s.has(NumbersAsText) {
		v = strconv.FormatFloat(n, 'f', -1, 64)
	}
	row[tag] = map[string]any{"vr": vr, "Value": []any{v}}
}
