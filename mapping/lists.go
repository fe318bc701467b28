package mapping

import (
	"slices"
	"strings"

	"github.com/crflink/crflink/internal/yamldoc"
)

// codeSet is a code list of the study that memberOf() asks: lists: NAME.
type codeSet struct {
	at       yamldoc.Value
	codes    map[coding]bool
	bare     map[string]bool // those codes without their systems
	anywhere map[string]bool // codes whatever their system is
	prefixes []coding        // "" is any system
}

// contains answers memberOf: a code without system is asked for its code alone.
func (s *codeSet) contains(system, code string) bool {
	if s.anywhere[code] || s.codes[coding{system, code}] {
		return true
	}
	if system == "" && s.bare[code] {
		return true
	}
	return slices.ContainsFunc(s.prefixes, func(p coding) bool {
		return (p.system == "" || system == "" || p.system == system) && strings.HasPrefix(code, p.code)
	})
}

// listParts are the keys of the long form of a code list.
var listParts = []string{"system", "codes", "prefixes", "file"}

// readLists reads the study's code lists: a list of codes, or {system, codes, prefixes, file}.
func (c *compiler) readLists() {
	c.lists = map[string]*codeSet{}
	for _, v := range c.file.lists {
		s := &codeSet{at: v, codes: map[coding]bool{}, bare: map[string]bool{}, anywhere: map[string]bool{}}
		c.lists[v.Key()] = s
		if !v.IsMapping() {
			for _, code := range v.Texts() {
				s.anywhere[code] = true
			}
		} else {
			c.readList(s, v)
		}
		if len(s.codes)+len(s.anywhere)+len(s.prefixes) == 0 {
			v.Errorf("NAME: [CODE, CODE], or {system, codes, prefixes, file}", "the code list %s has no codes", v.Key())
		}
	}
}

func (c *compiler) readList(s *codeSet, v yamldoc.Value) {
	parts := v.Fields(listParts...)
	system := parts["system"].Text()
	for _, code := range parts["codes"].Texts() {
		s.add(coding{system, code})
	}
	for _, p := range parts["prefixes"].Texts() {
		s.prefixes = append(s.prefixes, coding{system, p})
	}
	f := parts["file"]
	if !f.Exists() {
		return
	}
	rows, err := c.codeRows(f.Text(), "code")
	if err != nil {
		f.Errorf("the file is a CSV with the column code, and perhaps system, beside the mapping file", "the code list file cannot be read: %v", err)
		return
	}
	for _, row := range rows {
		if row.system == "" {
			row.system = system
		}
		s.add(row.coding)
	}
}

func (s *codeSet) add(k coding) {
	if k.system == "" {
		s.anywhere[k.code] = true
		return
	}
	s.codes[k], s.bare[k.code] = true, true
}

// codeList finds a list for memberOf().
func (c *compiler) codeList(name string) (contains func(system, code string) bool, ok bool) {
	s, ok := c.lists[name]
	if !ok {
		return nil, false
	}
	c.used["list "+name] = true
	return s.contains, true
}
