package mapping

import (
	"encoding/csv"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"github.com/crflink/crflink/internal/finding"
	"github.com/crflink/crflink/internal/yamldoc"
)

// codeMap turns a code of the source into a value of the study.
type codeMap struct {
	name     string
	exact    map[string]string
	prefixes []prefix // longest first
	fallback string   // value of every other code; "" is none
	copies   bool     // an unknown code is the value itself
}

type prefix struct{ code, value string }

// MapRow names a row of a code map.
type MapRow struct {
	Map, Code string
	Prefix    bool // the row holds for all codes that begin so
}

// lookup returns the value of a code. An exact entry goes before a prefix, a longer prefix before a shorter one. reached,
// which may be nil, is told the row.
func (m *codeMap) lookup(code string, reached func(MapRow)) (value string, ok bool) {
	if v, ok := m.exact[code]; ok {
		m.tell(reached, code, false)
		return v, true
	}
	for _, p := range m.prefixes {
		if strings.HasPrefix(code, p.code) {
			m.tell(reached, p.code, true)
			return p.value, true
		}
	}
	if m.fallback != "" {
		return m.fallback, true
	}
	return code, m.copies && code != ""
}

func (m *codeMap) tell(reached func(MapRow), code string, prefix bool) {
	if reached != nil {
		reached(MapRow{Map: m.name, Code: code, Prefix: prefix})
	}
}

// rows returns the map's rows, sorted by code.
func (m *codeMap) rows() []MapRow {
	var all []MapRow
	for _, code := range slices.Sorted(maps.Keys(m.exact)) {
		all = append(all, MapRow{Map: m.name, Code: code})
	}
	from := len(all)
	for _, p := range m.prefixes {
		all = append(all, MapRow{Map: m.name, Code: p.code, Prefix: true})
	}
	slices.SortFunc(all[from:], func(a, b MapRow) int { return strings.Compare(a.Code, b.Code) })
	return all
}

// values returns every value that the map can give, sorted.
func (m *codeMap) values() []string {
	seen := map[string]bool{}
	for _, v := range m.exact {
		seen[v] = true
	}
	for _, p := range m.prefixes {
		seen[p.value] = true
	}
	if m.fallback != "" {
		seen[m.fallback] = true
	}
	return slices.Sorted(maps.Keys(seen))
}

// mapParts are the keys of the long form of a code map. A map that has none of them is the short form: code: value.
var mapParts = []string{"codes", "prefixes", "file", "default", "unmapped"}

func readCodeMap(v yamldoc.Value, files fs.FS) *codeMap {
	m := &codeMap{name: v.Key(), exact: map[string]string{}}
	entries := v.Entries()
	if !slices.ContainsFunc(entries, func(e yamldoc.Value) bool { return slices.Contains(mapParts, e.Key()) }) {
		for _, e := range entries {
			m.exact[e.Key()] = e.Text()
		}
		return m
	}
	parts := v.Fields(mapParts...)
	maps.Copy(m.exact, texts(parts["codes"]))
	for code, value := range texts(parts["prefixes"]) {
		m.prefixes = append(m.prefixes, prefix{code, value})
	}
	slices.SortFunc(m.prefixes, func(a, b prefix) int {
		if d := len(b.code) - len(a.code); d != 0 {
			return d
		}
		return strings.Compare(a.code, b.code)
	})
	m.fallback = parts["default"].Text()
	m.copies = parts["unmapped"].OneOf("missing", "copy") == "copy"
	if f := parts["file"]; f.Exists() {
		m.readCSV(f, files)
	}
	return m
}

// readCSV adds the rows of a CSV file whose header names the columns code and value.
func (m *codeMap) readCSV(at yamldoc.Value, files fs.FS) {
	rows, err := codeRows(files, at.Text())
	if err != nil {
		at.Errorf("the file is a CSV with the columns code and value, beside the mapping file", "the code map file cannot be read: %v", err)
		return
	}
	for i, row := range rows {
		if old, ok := m.exact[row.code]; ok && old != row.value {
			at.Errorf("remove one of the two", "code %q stands twice in the file, again in row %d", row.code, i+2)
		}
		m.exact[row.code] = row.value
	}
}

func codeRows(files fs.FS, name string) ([]prefix, error) {
	f, err := files.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	table, err := csv.NewReader(f).ReadAll()
	if err != nil {
		return nil, err
	}
	if len(table) == 0 {
		return nil, fmt.Errorf("it is empty")
	}
	code, value := slices.Index(table[0], "code"), slices.Index(table[0], "value")
	if code < 0 || value < 0 {
		return nil, fmt.Errorf("its header lacks code or value")
	}
	rows := make([]prefix, 0, len(table)-1)
	for _, r := range table[1:] {
		rows = append(rows, prefix{r[code], r[value]})
	}
	return rows, nil
}

// checkAgainst reports values that are not in the code list, and code list values that no code gives.
func (m *codeMap) checkAgainst(at yamldoc.Value, name string, list []string, warn func(yamldoc.Value, string)) {
	given := m.values()
	for _, v := range given {
		if !slices.Contains(list, v) {
			at.Errorf(finding.DidYouMean(v, list), "the code map %s gives %q, which is not in the item's code list", name, v)
		}
	}
	if m.copies {
		return
	}
	for _, v := range list {
		if !slices.Contains(given, v) {
			warn(at, fmt.Sprintf("no code of the map %s gives %q of the item's code list", name, v))
		}
	}
}
