package pseudonym

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/crflink/crflink/fhir"
)

func TestDICOMUIDsMeetTheAgreedVectors(t *testing.T) {
	k := newKeyer([]byte("testkey"))
	for original, want := range map[string]string{
		"1.2.826.0.1.3680043.8.498.9999.1000":       "2.25.268459334001436997550793962688823169016",
		"1.2.826.0.1.3680043.8.498.9999.1000.1":     "2.25.325231388455275589245646166797494497212",
		"1.2.826.0.1.3680043.8.498.9999.1000.2":     "2.25.173168194937683936223259171271050263320",
		"1.2.826.0.1.3680043.8.498.9999.1000.2\x00": "2.25.173168194937683936223259171271050263320",
		"1.2.826.0.1.3680043.8.498.9999.1000.2 ":    "2.25.173168194937683936223259171271050263320", //nolint:gocritic // padded with a space
	} {
		if got := string(k.appendUID(nil, original)); got != want {
			t.Errorf("%q: %s, want %s", original, got, want)
		}
	}
}

// TestKeyedValuesStayAsTheyWereIssued freezes each kind: a change of any of them would break every delivered study.
func TestKeyedValuesStayAsTheyWereIssued(t *testing.T) {
	k := newKeyer([]byte("testkey"))
	for name, got := range map[string]string{
		"hmac":       hex.EncodeToString(newKeyer([]byte("test")).digest("12345")), // the plain HMAC-SHA256 of RFC 2104
		"resource":   k.id(labelResource, "Patient", "p1"),
		"contained":  k.id(labelContained, "p1"),
		"identifier": k.id(labelIdentifier, "https://lab.example", "4711"),
		"accession":  string(appendAccession(nil, k, " 4711\x00")),
		"urn":        k.uuid(labelURN, "urn:uuid:53fefa32-fcbb-4ff8-8a92-55ee120877b7"),
		"days":       fmt.Sprint(k.days(30)),
	} {
		if want := issued[name]; got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}

func TestKindsOfKeyedValuesAreUnrelated(t *testing.T) {
	k := newKeyer([]byte("testkey"))
	values := map[string]bool{}
	for _, label := range []string{labelResource, labelContained, labelURN, labelIdentifier, labelSystem, labelAccession} {
		values[k.id(label, "x", "y")] = true
		values[k.id(label, "xy")] = true
	}
	if len(values) != 12 {
		t.Errorf("%d different values, want 12", len(values))
	}
}

func TestKeyedIDsAreFHIRIDsAndInjective(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		k := newKeyer(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "key"))
		a, b := rapid.String().Draw(t, "a"), rapid.String().Draw(t, "b")
		ida, idb := k.id(labelResource, "Patient", a), k.id(labelResource, "Patient", b)
		if !fhir.IsID(ida) || (a == b) != (ida == idb) {
			t.Fatalf("%q %q", ida, idb)
		}
		trim := func(s string) string { return strings.TrimRight(strings.TrimSpace(s), "\x00 ") }
		ua, ub := string(k.appendUID(nil, a)), string(k.appendUID(nil, b))
		if len(ua) > 44 || !strings.HasPrefix(ua, "2.25.") || ua[5] == '0' || (trim(a) == trim(b)) != (ua == ub) {
			t.Fatalf("%q %q", ua, ub)
		}
	})
}

func TestAShiftIsBoundedAndNeverZero(t *testing.T) {
	counts := map[int]int{}
	for i := range 20_000 {
		n := newKeyer(fmt.Appendf(nil, "key %d", i)).days(3)
		if n == 0 || n < -3 || n > 3 {
			t.Fatalf("shift of %d days", n)
		}
		counts[n]++
	}
	for n, count := range counts {
		if count < 3000 || count > 3700 {
			t.Errorf("shift %d occurs %d times of 20000", n, count)
		}
	}
}

func TestNoSecretIsPrinted(t *testing.T) {
	text := "a key of the test that is long enough"
	key, err := NewKey([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	s := testSubject()
	secretText := []byte(text)
	encoded, err := json.Marshal(map[string]any{"key": key, "subject": s, "identity": Identity{"sys", "4711-0815"}})
	if err != nil {
		t.Fatal(err)
	}
	out := string(encoded)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
		out += fmt.Sprintf(strings.Repeat(verb, 7), key, s.key, &key, s, struct{ S Subject }{s}, &Vault{lookup: lookup{boxed(secretText)}}, lookup{boxed(secretText)})
		out += fmt.Sprintf(verb, []any{Identity{"sys", "4711-0815"}})
	}
	for _, word := range []string{text, hex.EncodeToString([]byte(text)), "0123456789abcdef", hex.EncodeToString(s.key.open()), "48 49 50", fmt.Sprint(secretText[:4])[1:9], "4711-0815", hex.EncodeToString([]byte("4711-0815"))} {
		if strings.Contains(strings.ToLower(out), strings.ToLower(word)) {
			t.Errorf("%q was printed: %s", word, out)
		}
	}
}

func TestASubjectGivesImagingTheValuesOfTheRecord(t *testing.T) {
	from := record(t, somebody, `{"resourceType":"ImagingStudy","id":"i1","status":"available","subject":{"reference":"Patient/somebody"},
		"identifier":[{"system":"urn:dicom:uid","value":"urn:oid:1.2.3"},{"system":"urn:dicom:uid","value":"1.2.3"},{"type":{"coding":[{"code":"ACSN"}]},"system":"https://pacs.example","value":"A1 "}],
		"series":[{"uid":"1.2.3.4"}]}`)
	rec, _, err := testVeil(t, None).apply(from, false, testSubject(), nil)
	if err != nil {
		t.Fatal(err)
	}
	s := testSubject()
	study := rec.Find(fhir.Key{Type: "ImagingStudy", ID: s.ResourceID(fhir.Key{Type: "ImagingStudy", ID: "i1"})})
	if study == nil {
		t.Fatal("the study is not under its keyed id")
	}
	var got []string
	for id := range study.Get("identifier").Elements() {
		got = append(got, id.Get("value").Text())
	}
	got = append(got, study.Get("series").First().Get("uid").Text())
	want := []string{"urn:oid:" + s.UID("1.2.3"), s.UID("urn:oid:1.2.3"), s.Accession("A1"), s.UID("1.2.3.4")}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %v\nwant %v", got, want)
	}
}
