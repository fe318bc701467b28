package imaging

import (
	"bytes"
	"encoding/hex"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"unicode/utf16"

	"pgregory.net/rapid"

	"github.com/crflink/crflink/internal/shared"
)

// properties reads a Java properties file as its class java.util.Properties documents it: ISO 8859-1, escapes, comments, and
// a key that ends at the first separator without a backslash.
func properties(text string) map[string]string {
	all := map[string]string{}
	for line := range strings.SplitSeq(text, "\n") {
		line = strings.TrimLeft(line, " \t\f")
		if line == "" || line[0] == '#' || line[0] == '!' {
			continue
		}
		end := len(line)
		for i := 0; i < len(line); i++ {
			if line[i] == '\\' {
				i++
			} else if strings.IndexByte("=: \t\f", line[i]) >= 0 {
				end = i
				break
			}
		}
		value := strings.TrimLeft(line[end:], " \t\f")
		if value != "" && (value[0] == '=' || value[0] == ':') {
			value = strings.TrimLeft(value[1:], " \t\f")
		}
		all[unescaped(line[:end])] = unescaped(value)
	}
	return all
}

func unescaped(s string) string {
	var units []uint16
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			units = append(units, uint16(s[i])) // ISO 8859-1
			continue
		}
		if i++; s[i] != 'u' {
			units = append(units, uint16(s[i]))
			continue
		}
		n, err := strconv.ParseUint(s[i+1:i+5], 16, 16)
		if err != nil {
			panic(err)
		}
		units = append(units, uint16(n))
		i += 4
	}
	return string(utf16.Decode(units))
}

func TestWhatCTPReadsIsWhatWasWritten(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		id := rapid.OneOf(rapid.StringMatching(`[ :=#!\\A-Za-z0-9@/üß\x{1F600}.-]{1,20}`), rapid.StringMatching(`[0-9]{4,10}`))
		r := Restricted{subject: "S-1", shift: rapid.IntRange(-30, 30).Draw(rt, "shift")}
		want := map[string]string{}
		for range rapid.IntRange(1, 8).Draw(rt, "patients") {
			original := id.Draw(rt, "patient")
			r.add(LevelPatient, original, "S-1")
			want["ptid/"+original], want["dateinc/"+original] = "S-1", strconv.Itoa(r.shift)
		}
		r.add(LevelSeries, uidA, "2.25.7")
		want["uid/"+uidA] = "2.25.7"
		entries, _ := lookup([]Restricted{r})
		var out bytes.Buffer
		if err := writeProperties(&out, entries); err != nil {
			rt.Fatal(err)
		}
		got := properties(out.String())
		if len(got) != len(want) {
			rt.Fatalf("%d keys, want %d:\n%s", len(got), len(want), out.String())
		}
		for k, v := range want {
			if got[k] != v {
				rt.Fatalf("%q is read as %q, want %q", k, got[k], v)
			}
		}
	})
}

// hostile are patient numbers that a careless writer of properties would break, each in its own way.
var hostile = []string{
	"P:1", "P=1", "P 1", " P1", "P1 ", "#P1", "!P1", `P\1`, `\`, `\\`, `P1\`, `P\u0041`, `P\n1`, "P\t1", "a=b:c d#e!f", "=", ":", "==", "Müller^Jürgen", "Ω", "\U0001f600", "P\u00a01", "@P1", "@ptid/P1", "uid/1.2.3", "%50", "${user.home}",
	"P'1", `P"1`, "<P1>", "P1,P2", "P;1", strings.Repeat("9", 64), "é\u0301",
}

// TestJavaReadsTheLookupTableAsItWasWritten: CTP loads its tables by java.util.Properties, from a stream.
func TestJavaReadsTheLookupTableAsItWasWritten(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "restricted")
	want := map[string]string{}
	var all []Restricted
	for i, id := range hostile {
		r := Restricted{subject: " S " + id, shift: i - 10} // a subject's number may be anything, too
		r.add(LevelPatient, id, r.subject)
		r.add(LevelAccession, id, "acc"+strconv.Itoa(i))
		want["ptid/"+id], want["dateinc/"+id], want["acc/"+id] = r.subject, strconv.Itoa(r.shift), "acc"+strconv.Itoa(i)
		all = append(all, r)
	}
	all[0].add(LevelSeries, uidA, "2.25.7")
	want["uid/"+uidA] = "2.25.7"
	if n, err := WriteRecipes(dir, all); err != nil || n != 0 {
		t.Fatalf("%d left out, %v", n, err)
	}
	got := map[string]string{}
	for line := range strings.Lines(string(shared.Java(t, filepath.Join("testdata", "Lookup.java"), filepath.Join(dir, CTPTable)))) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		got[unhex(t, key)] = unhex(t, value)
	}
	if len(got) != len(want) {
		t.Errorf("Java reads %d keys of %d", len(got), len(want))
	}
	for k, v := range want {
		if got[k] != v {
			t.Errorf("Java reads %q as %q, want %q", k, got[k], v)
		}
	}
}

func unhex(t *testing.T, s string) string {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestAValueThatCTPWouldLookUpAgainIsLeftToQuarantine: CTP takes a value @KIND/KEY for the name of another entry.
func TestAValueThatCTPWouldLookUpAgainIsLeftToQuarantine(t *testing.T) {
	var out bytes.Buffer
	if err := writeProperties(&out, []entry{{kindPatient, "P1", "@uid/1.2"}, {kindPatient, "P2", "@S"}, {kindPatient, "P3", "S/3"}}); err != nil {
		t.Fatal(err)
	}
	if got := properties(out.String()); len(got) != 2 || got["ptid/P2"] != "@S" || got["ptid/P3"] != "S/3" {
		t.Errorf("%v", got)
	}
}

func TestAnOriginalOfTwoSubjectsIsInNoLookupTable(t *testing.T) {
	a, b := Restricted{subject: "S-1"}, Restricted{subject: "S-2"}
	a.add(LevelAccession, "DUP1", "a1")
	b.add(LevelAccession, "DUP1", "b1")
	a.add(LevelAccession, "ONE", "a2")
	dir := filepath.Join(t.TempDir(), "restricted")
	n, err := WriteRecipes(dir, []Restricted{a, b})
	if err != nil || n != 1 {
		t.Fatalf("%d left out, %v", n, err)
	}
	for _, name := range []string{CTPTable, lookupFile} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || strings.Contains(string(text), "DUP1") || !strings.Contains(string(text), "ONE") {
			t.Errorf("%s: %q, %v", name, text, err)
		}
	}
	all, err := os.ReadDir(dir)
	if err != nil || len(all) != 6 {
		t.Fatalf("%d files, %v", len(all), err)
	}
	for _, f := range all {
		if info, err := f.Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", f.Name(), info.Mode())
		}
	}
}
