package mapping

import (
	"bytes"
	"cmp"
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
	name       string
	exact      map[string]string   // whatever the code's system is
	systems    map[coding]string   // of one system
	bare       map[string]string   // codes of systems by their code alone; "" where systems disagree
	prefixes   []prefix            // longest first
	unlisted   map[string]unlisted // of a ConceptMap, by source system: what becomes of codes that have no row; "" is every system
	targetless map[coding]bool     // codes that a ConceptMap lists without a target
	fallback   string              // value of every other code; "" is none
	copies     bool                // an unknown code is the value itself
	strict     bool                // an unknown code is a problem of the run
}

type prefix struct{ code, value string }

// unlisted is what a ConceptMap says about the codes of a system that it does not list.
type unlisted struct {
	value  string // "" where it copies
	copies bool
}

// of returns what becomes of the code.
func (u unlisted) of(code string) (string, bool) {
	if u.copies {
		return code, code != ""
	}
	return u.value, true
}

// coding is a code with its system; "" is any system, or one that is not known.
type coding struct{ system, code string }

// MapRow names a row of a code map.
type MapRow struct {
	Map, Code string
	System    string // "" for a row that holds for codes of every system
	Prefix    bool   // the row holds for all codes that begin so
}

// lookup returns the value of a code. A row for codes of every system goes before one of the code's system, that before
// a prefix, and a longer prefix before a shorter one. reached, which may be nil, is told the row.
func (m *codeMap) lookup(system, code string, reached func(MapRow)) (value string, ok bool) {
	if v, ok := m.exact[code]; ok {
		m.tell(reached, MapRow{Code: code})
		return v, true
	}
	if v, ok := m.ofSystem(system, code, reached); ok {
		return v, true
	}
	for _, p := range m.prefixes {
		if strings.HasPrefix(code, p.code) {
			m.tell(reached, MapRow{Code: p.code, Prefix: true})
			return p.value, true
		}
	}
	if v, ok := m.unlistedOf(system, code); ok {
		return v, true
	}
	if m.fallback != "" {
		return m.fallback, true
	}
	return code, m.copies && code != ""
}

// unlistedOf returns what a ConceptMap makes of a code that has no row: of its system, or of every system. A code that
// comes without system is known where all systems of the map agree about it.
func (m *codeMap) unlistedOf(system, code string) (value string, ok bool) {
	if every, said := m.unlisted[""]; said && !m.targetless[coding{"", code}] {
		return every.of(code)
	}
	if system != "" {
		rule, said := m.unlisted[system]
		if !said || m.targetless[coding{system, code}] {
			return "", false
		}
		return rule.of(code)
	}
	for k := range m.systems {
		if _, said := m.unlisted[k.system]; !said {
			return "", false
		}
	}
	for of, rule := range m.unlisted {
		v, said := rule.of(code)
		if _, row := m.systems[coding{of, code}]; row || !said || m.targetless[coding{of, code}] || ok && v != value {
			return "", false
		}
		value, ok = v, true
	}
	return value, ok
}

// ofSystem looks the code up among those of its system, or of all systems when it comes without one.
func (m *codeMap) ofSystem(system, code string, reached func(MapRow)) (string, bool) {
	if system != "" {
		v, ok := m.systems[coding{system, code}]
		if ok {
			m.tell(reached, MapRow{Code: code, System: system})
		}
		return v, ok
	}
	v := m.bare[code]
	if v == "" || !m.agreed(code, v) {
		return "", false
	}
	for k := range m.systems {
		if reached != nil && k.code == code {
			m.tell(reached, MapRow{Code: code, System: k.system})
		}
	}
	return v, true
}

// agreed reports whether no system without a row for the code gives it another value.
func (m *codeMap) agreed(code, value string) bool {
	for system, rule := range m.unlisted {
		if _, row := m.systems[coding{system, code}]; row || system == "" {
			continue
		}
		if v, ok := rule.of(code); m.targetless[coding{system, code}] || !ok || v != value {
			return false
		}
	}
	return true
}

func (m *codeMap) tell(reached func(MapRow), row MapRow) {
	if reached != nil {
		row.Map = m.name
		reached(row)
	}
}

// add puts a row of a system, or of every system, into the map; false when the code has another value already.
func (m *codeMap) add(k coding, value string) bool {
	if k.system == "" {
		if old, ok := m.exact[k.code]; ok && old != value {
			return false
		}
		m.exact[k.code] = value
		return true
	}
	if old, ok := m.systems[k]; ok && old != value {
		return false
	}
	m.systems[k] = value
	if old, ok := m.bare[k.code]; ok && old != value {
		value = ""
	}
	m.bare[k.code] = value
	return true
}

// rows returns the map's rows, sorted by code.
func (m *codeMap) rows() []MapRow {
	var all []MapRow
	for _, code := range slices.Sorted(maps.Keys(m.exact)) {
		all = append(all, MapRow{Map: m.name, Code: code})
	}
	for _, k := range slices.SortedFunc(maps.Keys(m.systems), func(a, b coding) int {
		return cmp.Or(strings.Compare(a.code, b.code), strings.Compare(a.system, b.system))
	}) {
		all = append(all, MapRow{Map: m.name, Code: k.code, System: k.system})
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
	for _, v := range m.systems {
		seen[v] = true
	}
	for _, p := range m.prefixes {
		seen[p.value] = true
	}
	for _, u := range m.unlisted {
		if !u.copies {
			seen[u.value] = true
		}
	}
	if m.fallback != "" {
		seen[m.fallback] = true
	}
	return slices.Sorted(maps.Keys(seen))
}

// mapParts are the keys of the long form of a code map. A map that has none of them is the short form: code: value.
var mapParts = []string{"codes", "prefixes", "file", "conceptmap", "default", "unmapped"}

func (c *compiler) codeMapOf(v yamldoc.Value) *codeMap {
	m := &codeMap{
		name: v.Key(), exact: map[string]string{}, systems: map[coding]string{}, bare: map[string]string{},
		unlisted: map[string]unlisted{}, targetless: map[coding]bool{},
	}
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
	m.others(parts["default"], parts["unmapped"])
	if f := parts["file"]; f.Exists() {
		c.readCSV(m, f)
	}
	if f := parts["conceptmap"]; f.Exists() {
		c.readConceptMap(m, f)
		m.othersTwice(f, parts["default"], parts["unmapped"])
	}
	return m
}

// others reads what becomes of codes that have no row.
func (m *codeMap) others(fallback, unmapped yamldoc.Value) {
	m.fallback = fallback.Text()
	switch unmapped.OneOf("missing", "copy", "error") {
	case "copy":
		m.copies = true
	case "error":
		m.strict = true
	}
	if fallback.Exists() && unmapped.Exists() {
		unmapped.Errorf("leave one of the two out", "unmapped has no effect: default gives every other code a value")
	}
}

// othersTwice reports default and unmapped beside a ConceptMap that says of all codes what becomes of them.
func (m *codeMap) othersTwice(at, fallback, unmapped yamldoc.Value) {
	if _, all := m.unlisted[""]; !all {
		return
	}
	for _, other := range []yamldoc.Value{fallback, unmapped} {
		if other.Exists() {
			other.Errorf("leave it out", "%s has no effect: the ConceptMap %s says itself what becomes of every other code", other.Key(), at.Text())
		}
	}
}

// copiesAny reports whether the map may give a code of the source as it is.
func (m *codeMap) copiesAny() bool {
	for _, u := range m.unlisted {
		if u.copies {
			return true
		}
	}
	return m.copies
}

// readCSV adds the rows of a CSV file whose header names the columns code and value, and perhaps system.
func (c *compiler) readCSV(m *codeMap, at yamldoc.Value) {
	rows, err := c.codeRows(at.Text(), "code", "value")
	if err != nil {
		at.Errorf("the file is a CSV with the columns code and value, beside the mapping file", "the code map file cannot be read: %v", err)
		return
	}
	for i, row := range rows {
		if !m.add(row.coding, row.value) {
			at.Errorf("remove one of the two", "code %q stands twice in the file, again in row %d", row.code, i+2)
		}
	}
}

// codeRow is a row of a file of codes.
type codeRow struct {
	coding
	value string
}

// codeRows reads a CSV file of codes. Its header must have the columns named; system is optional. The text counts into
// the mapping's hash.
func (c *compiler) codeRows(name string, columns ...string) ([]codeRow, error) {
	text, err := fs.ReadFile(c.files, name)
	if err != nil {
		return nil, err
	}
	c.sum.Write(text)
	c.named = append(c.named, text...)
	table, err := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(text, []byte("\xef\xbb\xbf")))).ReadAll()
	if err != nil {
		return nil, err
	}
	if len(table) == 0 {
		return nil, fmt.Errorf("it is empty")
	}
	for _, column := range columns {
		if !slices.Contains(table[0], column) {
			return nil, fmt.Errorf("its header lacks %s", strings.Join(columns, " or "))
		}
	}
	cell := func(row []string, column string) string {
		if i := slices.Index(table[0], column); i >= 0 {
			return row[i]
		}
		return ""
	}
	rows := make([]codeRow, 0, len(table)-1)
	for _, r := range table[1:] {
		rows = append(rows, codeRow{coding{cell(r, "system"), cell(r, "code")}, cell(r, "value")})
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
	if m.copiesAny() {
		return
	}
	for _, v := range list {
		if !slices.Contains(given, v) {
			warn(at, fmt.Sprintf("no code of the map %s gives %q of the item's code list", name, v))
		}
	}
}
