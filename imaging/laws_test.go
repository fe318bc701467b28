package imaging

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/crflink/crflink/consent"
	"github.com/crflink/crflink/pseudonym"
)

// Per subject the pseudonyms are injective, and neither the order of the resources nor a second run changes anything.
func TestDistinctStudiesHaveDistinctPseudonymsInAnyOrder(t *testing.T) {
	subject := subjectOf(t, "S-1")
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(1, 12).Draw(rt, "resources")
		var texts []string
		uids := map[string]bool{}
		for i := range n {
			uid := fmt.Sprintf("1.2.276.0.%d.%d", rapid.IntRange(0, 3).Draw(rt, "root"), rapid.IntRange(0, 3).Draw(rt, "study"))
			uids[uid] = true
			system := rapid.SampledFrom([]string{"urn:dicom:uid", "urn:ietf:rfc:3986"}).Draw(rt, "system")
			texts = append(texts, imaging(fmt.Sprintf("i%d", i), identifier(system, "urn:oid:"+uid)))
		}
		all := resources(t, texts...)
		one := must(locate(all, subject, &Rules{}, shiftBy(3, "")))
		slices.Reverse(all)
		other := must(locate(all, subject, &Rules{}, shiftBy(3, "")))
		if diff := cmp.Diff(one.Links, other.Links); diff != "" {
			rt.Fatalf("the order of the resources matters:\n%s", diff)
		}
		seen := map[string]bool{}
		for i, l := range one.Links {
			seen[l.StudyUID] = true
			if l.Session != i+1 {
				rt.Fatalf("session %d stands at %d", l.Session, i+1)
			}
			if _, ok := ParseUID(l.StudyUID); !ok {
				rt.Fatalf("a pseudonym is no UID")
			}
		}
		if len(seen) != len(uids) || len(one.Links) != len(uids) {
			rt.Fatalf("%d studies have %d links with %d pseudonyms", len(uids), len(one.Links), len(seen))
		}
	})
}

func must(f Found, err error) Found {
	if err != nil {
		panic(err)
	}
	return f
}

func TestTwoSubjectsNeverShareAPseudonym(t *testing.T) {
	all := resources(t, imaging("i1", both(uidA, "A100")))
	a := must(locate(all, subjectOf(t, "S-1"), &Rules{}, shiftBy(0, "")))
	b := must(locate(all, subjectOf(t, "S-2"), &Rules{}, shiftBy(0, "")))
	if a.Links[0].StudyUID == b.Links[0].StudyUID || a.Links[0].Accession == b.Links[0].Accession {
		t.Error("two subjects have the same pseudonym for one original")
	}
}

// Originals of every kind that Locate reads; none may be found in anything that it gives out but WriteRestricted.
func TestNoOriginalIsInAnyOutput(t *testing.T) {
	var canaries []string
	token := func(s string) string { canaries = append(canaries, s); return s }
	uid, series := token("1.2.840.99.777001"), token("1.2.840.99.777002")
	bad, number, placer := token("1.2.0777003.4"), token("ACC-CANARY-4"), token("ACC-CANARY-5")
	code, id := token("CANARY MODALITY"), token("canary-resource-6")
	all := resources(t,
		imaging(id, both(uid, number)+`,@series@:[{@uid@:@`+series+`@,@modality@:{@code@:@`+code+`@}}]`),
		imaging(id+"b", identifier("urn:dicom:uid", bad)),
		imaging(id+"c", accessionOf(placer)+`,@description@:@`+token("canary description")+`@`))
	found := run(t, all, Rules{})
	if len(found.Links) != 2 || len(found.Unlinked) != 1 {
		t.Fatalf("want 2 links and 1 for review, got %+v", found)
	}
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		fmt.Fprintf(&out, verb+"\n", found.Restricted)
		fmt.Fprintf(&out, verb+"\n", &found.Restricted[0])
		fmt.Fprintf(&out, verb+"\n", found)
	}
	encoded, err := json.Marshal(found)
	if err != nil {
		t.Fatal(err)
	}
	out.Write(encoded)
	if err := WriteSessions(&out, &out, only(found)); err != nil {
		t.Fatal(err)
	}
	_, err = ReadReview("review.csv", strings.NewReader("subject,resource,study_uid,decision\n"+number+","+uid+","+series+","+placer+"\n"))
	if err == nil {
		t.Fatal("a review full of mistakes was taken")
	}
	known := list(t, "study_uid,accession,series_uid\n"+uid+","+number+","+series+"\n")
	fmt.Fprintf(&out, "%v %+v %#v %v %+v %#v", err, known, known, known.studies, known.studies, Inquiry{&inquiry{patients: []string{id}}})
	if encoded, err = json.Marshal(known.studies); err != nil {
		t.Fatal(err)
	}
	out.Write(encoded)
	for _, c := range canaries {
		for _, form := range []string{c, base64.StdEncoding.EncodeToString([]byte(c)), fmt.Sprintf("%x", c)} {
			if strings.Contains(out.String(), form) {
				t.Errorf("the output holds %q", c)
			}
		}
	}
}

func TestRelativeDatesShowOnlyTheDistance(t *testing.T) {
	dates := shiftBy(-7, "2023-02-08")
	dates.Mode = pseudonym.Relative
	found := must(locate(resources(t, imaging("i1", both(uidA, "A100"))), subjectOf(t, "S-1"), &Rules{}, dates))
	if l := found.Links[0]; l.Date != "" || !l.HasDays || l.Days != 2 {
		t.Errorf("want 2 days and no date, got %q, %v, %d", l.Date, l.HasDays, l.Days)
	}
}

func TestWithoutAVeilNoDateIsWritten(t *testing.T) {
	for name, dates := range map[string]Dates{"zero": {}, "no move": {Mode: pseudonym.None, Zone: berlin}} {
		found := must(locate(resources(t, imaging("i1", both(uidA, "A100"))), subjectOf(t, "S-1"), &Rules{}, dates))
		if l := found.Links[0]; l.Date != "" || l.HasDays {
			t.Errorf("%s: a date was written", name)
		}
	}
}

func TestNoSubjectAndNothingPermittedAreRefused(t *testing.T) {
	if _, err := locate(record{}, pseudonym.Subject{}, &Rules{}, Dates{}); err == nil {
		t.Error("the zero Subject was taken")
	}
	if _, err := Locate(consent.Permitted{}, subjectOf(t, "S-1"), &Rules{}, Dates{}); err == nil {
		t.Error("a Permitted that holds nothing was taken")
	}
}

func FuzzParseUIDAcceptsOnlyWhatDICOMAllows(f *testing.F) {
	for _, s := range []string{uidA, "urn:oid:1.2", "1.02", "1..2", ".", "1.2.", "1", "", "1.2\x00", strings.Repeat("1.", 40)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		uid, ok := ParseUID(s)
		if !ok {
			return
		}
		if len(uid) > 64 || strings.Trim(uid, "0123456789.") != "" || strings.Contains("."+uid+".", "..") || !strings.Contains(s, uid) {
			t.Errorf("%q gave %q", s, uid)
		}
		if again, ok := ParseUID(uid); !ok || again != uid {
			t.Errorf("%q is not stable", uid)
		}
	})
}
