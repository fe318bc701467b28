package imaging

import (
	"bufio"
	"cmp"
	_ "embed"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf16"
)

// Names of what WriteRecipes writes beside the table.
const (
	CTPTable     = "ctp-lookup.properties"
	CTPScript    = "ctp-anonymizer.script"
	OrthancFile  = "orthanc-anonymize.sh"
	DcmodifyFile = "dcmodify-anonymize.sh"
	PydicomFile  = "pydicom_anonymize.py"
	lookupFile   = "lookup.tsv"
)

var (
	//go:embed recipes/ctp-anonymizer.script
	ctpScript string
	//go:embed recipes/orthanc-anonymize.sh
	orthancScript string
	//go:embed recipes/dcmodify-anonymize.sh
	dcmodifyScript string
	//go:embed recipes/pydicom_anonymize.py
	pydicomScript string
)

// WriteRecipes writes, beside the table of WriteRestricted, what anonymisers at the PACS work with: the lookup table of CTP
// with a script for it, and programs for Orthanc, dcmodify and pydicom, which read lookup.tsv. All of it is of mode 0600 in
// a folder of its own. An original that two subjects have is left out of the lookup tables: the images that have it cannot
// be told apart, and every one of these programs stops at an original that it does not know. It returns how many those are.
func WriteRecipes(dir string, all []Restricted) (leftOut int, err error) {
	if err := ownFolder(dir); err != nil {
		return 0, err
	}
	entries, leftOut := lookup(all)
	files := []struct {
		name string
		fill func(io.Writer) error
	}{
		{CTPTable, func(w io.Writer) error { return writeProperties(w, entries) }},
		{lookupFile, func(w io.Writer) error { return writeLookup(w, entries, all) }},
		{CTPScript, text(ctpScript)}, {OrthancFile, text(orthancScript)}, {DcmodifyFile, text(dcmodifyScript)}, {PydicomFile, text(pydicomScript)},
	}
	for _, f := range files {
		if err := replaceFile(filepath.Join(dir, f.name), f.fill); err != nil {
			return leftOut, fmt.Errorf("write the recipes: %w", err)
		}
	}
	return leftOut, nil
}

func text(s string) func(io.Writer) error {
	return func(w io.Writer) error { _, err := io.WriteString(w, s); return err }
}

// entry is a line of a lookup table: a kind, an original and what stands for it.
type entry struct{ kind, original, pseudonym string }

// Kinds of entries, as CTP's scripts name them.
const (
	kindUID     = "uid"
	kindPatient = "ptid"
	kindNumber  = "acc"
	kindShift   = "dateinc"
)

// lookup collects the entries, without those of which there are two.
func lookup(all []Restricted) (entries []entry, leftOut int) {
	of := map[[2]string]string{}
	twice := map[[2]string]bool{}
	take := func(kind, original, pseudonym string) {
		k := [2]string{kind, original}
		if other, ok := of[k]; ok && other != pseudonym {
			twice[k] = true
		}
		of[k] = pseudonym
	}
	for _, r := range all {
		for _, p := range r.pairs {
			switch p.level {
			case LevelPatient:
				take(kindPatient, p.original, p.pseudonym)
				take(kindShift, p.original, fmt.Sprint(r.shift))
			case LevelAccession:
				take(kindNumber, p.original, p.pseudonym)
			default:
				take(kindUID, p.original, p.pseudonym)
			}
		}
	}
	for k, pseudonym := range of {
		if !twice[k] {
			entries = append(entries, entry{k[0], k[1], pseudonym})
		}
	}
	slices.SortFunc(entries, func(a, b entry) int { return cmp.Or(cmp.Compare(a.kind, b.kind), cmp.Compare(a.original, b.original)) })
	return entries, len(twice)
}

// writeProperties writes a Java properties file (ISO 8859-1 with escapes), which CTP reads as a lookup table. A value that CTP
// would take for the name of another entry cannot be written: it is left out, and CTP quarantines what it is asked for.
func writeProperties(w io.Writer, entries []entry) error {
	out := bufio.NewWriter(w)
	for _, e := range entries {
		if strings.HasPrefix(e.pseudonym, "@") && strings.Contains(e.pseudonym, "/") {
			continue
		}
		_, _ = fmt.Fprintf(out, "%s=%s\n", escapeProperty(e.kind+"/"+e.original, true), escapeProperty(e.pseudonym, false)) // Flush returns the first failure
	}
	return out.Flush()
}

// escapeProperty escapes what separates or ends a key, what begins a comment, and what is not ASCII. Spaces within a value
// stay, one at its beginning would be lost.
func escapeProperty(s string, key bool) string {
	var b strings.Builder
	for i, c := range s {
		switch {
		case c == '\\' || (c == '=' || c == ':') && key || (c == '#' || c == '!') && (key || i == 0) || c == ' ' && (key || i == 0):
			b.WriteByte('\\')
			b.WriteRune(c)
		case c < ' ' || c > '~':
			for _, unit := range utf16.Encode([]rune{c}) {
				_, _ = fmt.Fprintf(&b, `\u%04x`, unit)
			}
		default:
			b.WriteRune(c)
		}
	}
	return b.String()
}

// writeLookup writes the entries and the instances for the programs: kind, original and pseudonym, separated by tabs.
func writeLookup(w io.Writer, entries []entry, all []Restricted) error {
	out := bufio.NewWriter(w)
	for _, e := range entries {
		if strings.ContainsAny(e.original+e.pseudonym, "\t\r\n") {
			continue // no attribute that these stand for may hold them
		}
		_, _ = fmt.Fprintf(out, "%s\t%s\t%s\n", e.kind, e.original, e.pseudonym)
	}
	var lines []string
	for _, r := range all {
		for _, i := range r.instances {
			lines = append(lines, fmt.Sprintf("instance\t%s\t%s\t%s\n", i.sop, i.series, i.study))
		}
	}
	slices.Sort(lines)
	for _, line := range slices.Compact(lines) {
		_, _ = out.WriteString(line)
	}
	return out.Flush()
}
