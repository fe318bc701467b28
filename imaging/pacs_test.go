package imaging

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const petCode = "PT"

// at is an ImagingStudy without a number of its own, on a day.
func at(id, day, modality, members string) string {
	return strings.Replace(strings.Replace(imaging(id, members), "2023-02-10", day, 1), "@PT@", "@"+modality+"@", 1)
}

func known(t *testing.T, rows string) Rules {
	return Rules{PatientSystems: []string{pid}, Candidates: list(t, "study_uid,accession,patient,date,modality,series_uid\n"+rows)}
}

func TestPatientModalityAndDayNameTheOnlyStudyThatFits(t *testing.T) {
	for name, c := range map[string]struct {
		rows   string
		image  string
		linked string
		reason Reason
	}{
		"one":                            {uidA + ",,4711,20230210,PT CT,\n", at("i1", "2023-02-10", petCode, ""), uidA, ""},
		"across midnight":                {uidA + ",,4711,20230211,PT,\n", at("i1", "2023-02-10", petCode, ""), uidA, ""},
		"two of one day":                 {uidA + ",,4711,20230210,PT,\n" + uidB + ",,4711,20230211,PT,\n", at("i1", "2023-02-10", petCode, ""), "", SeveralCandidates},
		"another modality":               {uidA + ",,4711,20230210,MR,\n", at("i1", "2023-02-10", petCode, ""), "", NoKey},
		"another patient":                {uidA + ",,9999,20230210,PT,\n", at("i1", "2023-02-10", petCode, ""), "", NoKey},
		"another day":                    {uidA + ",,4711,20230213,PT,\n", at("i1", "2023-02-10", petCode, ""), "", NoKey},
		"a number that contradicts":      {uidA + ",B200,4711,20230210,PT,\n", at("i1", "2023-02-10", petCode, accessionOf("A100")), "", NoSuchStudy},
		"no number at the PACS":          {uidA + ",,4711,20230210,PT,\n", at("i1", "2023-02-10", petCode, accessionOf("A100")), uidA, ""},
		"series that contradict":         {uidA + ",,4711,20230210,PT," + serA + "\n", at("i1", "2023-02-10", petCode, `,@series@:[{@uid@:@`+serB+`@}]`), "", SeriesOnly},
		"neither modality nor day known": {uidA + ",,4711,20230210,,\n", at("i1", "2023-02-10", petCode, ""), "", NoKey},
	} {
		t.Run(name, func(t *testing.T) {
			found := run(t, resources(t, patient, c.image), known(t, c.rows))
			switch {
			case c.linked == "" && (len(found.Links) != 0 || len(found.Unlinked) != 1 || found.Unlinked[0].Reason != c.reason):
				t.Errorf("linked %+v, unlinked %+v", found.Links, found.Unlinked)
			case c.linked != "" && (len(found.Links) != 1 || found.Links[0].Method != ByDate || found.Links[0].Quality != Inferred):
				t.Errorf("linked %+v, unlinked %+v", found.Links, found.Unlinked)
			}
			rules := known(t, c.rows)
			rules.Without = []Method{ByDate}
			if found := run(t, resources(t, patient, c.image), rules); len(found.Links) != 0 {
				t.Error("a method that the site does not use linked a study")
			}
		})
	}
}

func TestAStudyStandsForOneResourceOnly(t *testing.T) {
	stated := at("i1", "2023-02-10", petCode, identifier("urn:dicom:uid", uidA))
	found := run(t, resources(t, patient, stated, at("i2", "2023-02-10", petCode, "")), known(t, uidA+",,4711,20230210,PT,\n"))
	if len(found.Links) != 1 || len(found.Links[0].Resources) != 1 || found.Counts.Unlinked[Taken] != 1 {
		t.Errorf("linked %+v, unlinked %+v", found.Links, found.Unlinked)
	}
	found = run(t, resources(t, patient, at("i2", "2023-02-10", petCode, ""), at("i3", "2023-02-10", petCode, "")), known(t, uidA+",,4711,20230210,PT,\n"))
	if len(found.Links) != 0 || found.Counts.Unlinked[Taken] != 2 {
		t.Errorf("linked %+v, unlinked %+v", found.Links, found.Unlinked)
	}
}

func TestOfSeveralStudiesWithANumberModalityAndDayTell(t *testing.T) {
	rows := uidA + ",A100,4711,20230210,PT,\n" + uidB + ",A100,4711,20230210,CT,\n" + uidB + ".9,A100,4711,20210210,CT,\n"
	found := run(t, resources(t, patient, at("i1", "2023-02-10", petCode, accessionOf("A100")), at("i2", "2023-02-10", "CT", accessionOf("A100"))), known(t, rows))
	if len(found.Links) != 2 || found.Links[0].Type != Part || found.Links[1].Type != Part || found.Links[0].StudyUID == found.Links[1].StudyUID {
		t.Errorf("want both halves of a split study, got %+v and %+v", found.Links, found.Unlinked)
	}
	if found.Counts.Unclaimed != 1 {
		t.Errorf("%d studies are unclaimed, want the earlier one", found.Counts.Unclaimed)
	}
}

func TestAStatedStudyThatThePACSLacksIsUnconfirmed(t *testing.T) {
	found := run(t, resources(t, patient, imaging("i1", identifier("urn:dicom:uid", uidA))), known(t, uidB+",,4711,20200101,PT,\n"))
	if len(found.Links) != 1 || found.Links[0].Quality != Unconfirmed || !found.Examinations[0].IsZero() {
		t.Errorf("got %+v", found.Links)
	}
}

func TestAnOrderWithoutAnImagingStudyLeadsToItsStudy(t *testing.T) {
	report := `{@resourceType@:@DiagnosticReport@,@id@:@d1@,@status@:@final@,@identifier@:[{` + acsn + `,@value@:@A200@}]}`
	rows := uidA + ",A100,4711,20230210,PT,\n" + uidB + ",A200,4711,20230310,PT,\n"
	found := run(t, resources(t, patient, order, report), known(t, rows))
	if len(found.Links) != 2 || found.Links[0].Method != ByAccession || found.Links[0].Date != "2023-02-03" || !slices.Equal(found.Links[0].Modality, []string{petCode}) {
		t.Errorf("got %+v and %+v", found.Links, found.Unlinked)
	}
	cancelled := strings.Replace(order, "completed", "revoked", 1)
	if found := run(t, resources(t, patient, cancelled), known(t, rows)); len(found.Links) != 0 || found.Counts.Unclaimed != 2 {
		t.Errorf("a cancelled order has a study: %+v", found.Links)
	}
	if found := run(t, resources(t, patient, order), known(t, uidB+",A200,4711,20230310,PT,\n")); len(found.Links) != 0 || found.Counts.Orders != 1 {
		t.Errorf("an order without a study is not counted: %+v", found.Counts)
	}
	based := imaging("i1", `,@basedOn@:[{@reference@:@ServiceRequest/sr1@}]`)
	if found := run(t, resources(t, patient, order, based), known(t, rows)); len(found.Links) != 1 || len(found.Links[0].Resources) != 1 || found.Counts.Resources != 1 {
		t.Errorf("an order with its ImagingStudy counts twice: %+v", found.Links)
	}
}

// decide writes rows as a person gets them, decides by f, and reads them back.
func decide(t *testing.T, found Found, f func(*ReviewRow)) *Decisions {
	t.Helper()
	rows := Cases(found.Unlinked, found.Unclaimed)
	for i := range rows {
		if f(&rows[i]); rows[i].Choice != Open {
			rows[i].By = "Dr. Weber"
		}
	}
	var out bytes.Buffer
	if err := WriteReview(&out, rows); err != nil {
		t.Fatal(err)
	}
	again, err := ReadReview("review.csv", bytes.NewReader(out.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	var second bytes.Buffer
	if err := WriteReview(&second, again); err != nil || second.String() != out.String() {
		t.Errorf("what is read back is written otherwise:\n%s\n%s", out.String(), second.String())
	}
	return NewDecisions(again)
}

func TestAPersonsDecisionsAreFollowed(t *testing.T) {
	subject := subjectOf(t, "S-1")
	rows := uidA + ",,4711,20230210,PT,\n" + uidB + ",,4711,20230210,PT,\n" + uidB + ".9,,4711,20210101,PT,\n"
	all := resources(t, patient, at("i1", "2023-02-10", petCode, ""))
	look := func(rules Rules) Found {
		t.Helper()
		return must(locate(all, subject, &rules, shiftBy(-7, "2023-02-08")))
	}
	before := look(known(t, rows))
	if len(before.Links) != 0 || len(before.Unlinked[0].Offers) != 2 || len(before.Unclaimed) != 1 {
		t.Fatalf("got %+v and %+v", before.Unlinked, before.Unclaimed)
	}
	rules := known(t, rows)
	rules.Decisions = decide(t, before, func(r *ReviewRow) {
		if r.StudyUID == subject.UID(uidB) || r.Resource == "" {
			r.Choice = Accept
		}
	})
	after := look(rules)
	if len(after.Links) != 2 || after.Links[0].Method != ByReview || after.Links[1].StudyUID != subject.UID(uidB) || after.Links[1].Quality != Decided || len(after.Unlinked) != 0 {
		t.Errorf("chosen: got %+v and %+v", after.Links, after.Unlinked)
	}
	rules.Decisions = decide(t, before, func(r *ReviewRow) {
		if r.StudyUID == subject.UID(uidB) {
			r.Choice = Reject
		}
	})
	if after := look(rules); len(after.Links) != 1 || after.Links[0].StudyUID != subject.UID(uidA) || after.Links[0].Method != ByDate {
		t.Errorf("one of two rejected: got %+v and %+v", after.Links, after.Unlinked)
	}
	both := known(t, rows)
	both.Decisions = decide(t, before, func(r *ReviewRow) { r.Choice = Accept })
	if after := look(both); len(after.Links) != 3 || after.Counts.Linked != 1 {
		t.Errorf("one resource for two studies: got %+v, %+v", after.Links, after.Counts)
	}
	gone := known(t, uidA+",,4711,20230210,PT,\n")
	gone.Decisions = both.Decisions
	if after := look(gone); len(after.Links) != 0 || after.Counts.Unlinked[StaleDecision] != 1 {
		t.Errorf("a study that is gone: got %+v and %+v", after.Links, after.Unlinked)
	}
	none := known(t, uidB+".9,,4711,20210101,PT,\n")
	none.Decisions = decide(t, look(none), func(r *ReviewRow) { r.Choice = Reject })
	if after := look(none); len(after.Links) != 0 || after.Counts.Unlinked[Refuted] != 1 || len(after.Unclaimed) != 0 {
		t.Errorf("nothing is the one: got %+v and %+v", after.Unlinked, after.Unclaimed)
	}
}

func TestDecidedRowsStayAndOpenOnesFollowTheRun(t *testing.T) {
	decided := ReviewRow{Subject: "S-1", Resource: "r1", StudyUID: "2.25.1", Choice: Accept, By: "a"}
	old, now := ReviewRow{Subject: "S-1", Resource: "r2"}, ReviewRow{Subject: "S-2", Resource: "r3", StudyUID: "2.25.3"}
	same := decided
	same.Choice, same.By = Open, ""
	got := Merge([]ReviewRow{decided, old}, []ReviewRow{same, now})
	if diff := cmp.Diff([]ReviewRow{decided, now}, got); diff != "" {
		t.Error(diff)
	}
	if c := Count(got); c != (ReviewCounts{Cases: 1, Open: 1, Decided: 1}) {
		t.Errorf("got %+v", c)
	}
	if NewDecisions(got).Hash() == NewDecisions([]ReviewRow{now}).Hash() || NewDecisions([]ReviewRow{now}).Hash() != "" {
		t.Error("the hash does not tell decisions")
	}
}

func TestTheNearestStudyOfAModalityIsTheIndexDays(t *testing.T) {
	rules := &Rules{Modalities: []string{petCode}, Window: Window{Before: 30, After: 90, Set: true}}
	for name, c := range map[string]struct {
		days []int
		want []Place
	}{
		"one":              {[]int{5}, []Place{Nearest}},
		"a prior":          {[]int{-200, 3}, []Place{Beyond, Nearest}},
		"a follow-up":      {[]int{-2, 40}, []Place{Nearest, Within}},
		"at the edges":     {[]int{-31, -30, 90, 91}, []Place{Beyond, Nearest, Within, Beyond}},
		"equally far":      {[]int{-4, 4, 9}, []Place{Tied, Tied, Within}},
		"the day itself":   {[]int{0, 0}, []Place{Tied, Tied}},
		"none near enough": {[]int{400}, []Place{Beyond}},
	} {
		var links []Link
		for _, d := range c.days {
			links = append(links, Link{Days: d, HasDays: true, Modality: []string{petCode}, Type: Whole})
		}
		settle(links, rules)
		for i, want := range c.want {
			if links[i].Place != want {
				t.Errorf("%s: the study at %d is %s, want %s", name, c.days[i], links[i].Place, want)
			}
		}
	}
	parts := []Link{{Days: 1, HasDays: true, Modality: []string{petCode}, Type: Part, Accession: "a"}, {Days: 1, HasDays: true, Modality: []string{petCode}, Type: Part, Accession: "a"}, {Modality: []string{petCode}}}
	settle(parts, rules)
	if parts[0].Place != Nearest || parts[1].Place != Nearest || parts[2].Place != "" {
		t.Errorf("parts of one examination: %+v", parts)
	}
}

func TestAnIntervalIsThatOfWilson(t *testing.T) {
	for _, c := range []struct {
		hits, of  int
		low, high float64
	}{{9, 10, 0.5958, 0.9821}, {0, 10, 0, 0.2775}, {10, 10, 0.7225, 1}, {81, 100, 0.7222, 0.8749}, {0, 0, 0, 1}} {
		r := NewRate(c.hits, c.of)
		if fmt.Sprintf("%.4f %.4f", r.Low, r.High) != fmt.Sprintf("%.4f %.4f", c.low, c.high) {
			t.Errorf("%d of %d: %.4f to %.4f", c.hits, c.of, r.Low, r.High)
		}
	}
}

func TestASampleIsBlindAndItsVerdictsTellPrecisionAndRecall(t *testing.T) {
	var links []Link
	for i := range 40 {
		links = append(links, Link{Subject: "S-1", Resources: []string{fmt.Sprintf("linked%02d", i)}, StudyUID: fmt.Sprintf("2.25.%d", i+1), Method: ByHash, Quality: Computed})
	}
	unlinked := []Unlinked{{Subject: "S-2", Resource: "open1", Reason: SeveralCandidates, Offers: []Offer{{StudyUID: "2.25.77", Score: 75}}}, {Subject: "S-2", Resource: "open2", Reason: NoKey},
		{Subject: "S-2", Resource: "void", Reason: NotDone}}
	pairs := Pairs(append(links, Link{Subject: "S-1", Resources: []string{"decided"}, StudyUID: "2.25.99", Method: ByReview}), unlinked)
	var sheet, again, other bytes.Buffer
	for w, seed := range map[*bytes.Buffer]uint64{&sheet: 1, &again: 1, &other: 2} {
		if err := WriteSample(w, pairs, 1000, seed); err != nil {
			t.Fatal(err)
		}
	}
	if sheet.String() != again.String() || sheet.String() == other.String() || strings.Count(sheet.String(), "\n") != 43 {
		t.Errorf("the sample is not drawn by its seed: %d lines", strings.Count(sheet.String(), "\n"))
	}
	for _, word := range []string{string(ByHash), string(Computed), string(SeveralCandidates), "75", "true"} {
		if strings.Contains(sheet.String(), word+",") {
			t.Errorf("the sample tells %s", word)
		}
	}
	text := strings.NewReplacer("open2,,,,,", "open2,,,,,missing", "linked07,2.25.8,,,,", "linked07,2.25.8,,,,different", "linked08,2.25.9,,,,", "linked08,2.25.9,,,,unclear").Replace(sheet.String())
	var judged []string
	for line := range strings.Lines(text) {
		if line = strings.TrimRight(line, "\n"); strings.HasSuffix(line, ",") {
			line += "same"
		}
		judged = append(judged, line)
	}
	read, err := ReadSample("sheet.csv", strings.NewReader(strings.Join(judged, "\n")))
	if err != nil {
		t.Fatal(err)
	}
	a := Agree(read, pairs)
	if a.Precision.Hits != 38 || a.Precision.Of != 39 || a.Recall.Hits != 38 || a.Recall.Of != 40 || a.Unclear != 1 || a.Gone != 0 {
		t.Errorf("got %+v", a)
	}
	if a := Agree(read, pairs[:10]); a.Gone == 0 {
		t.Error("pairs that are no more are not counted")
	}
	if _, err := ReadSample("sheet.csv", strings.NewReader(strings.Replace(strings.Join(judged, "\n"), "missing", "same", 1))); err == nil {
		t.Error("a row without a study is the same as it")
	}
}

func TestTheReportAddsUp(t *testing.T) {
	r := NewReport()
	found := run(t, resources(t, patient, at("i1", "2023-02-10", petCode, ""), at("i2", "2024-06-01", petCode, "")), known(t, uidA+",,4711,20230210,PT,\n"+uidB+",,4711,20210101,PT,\n"))
	r.Add(found.Links, found.Unlinked, found.Counts)
	r.Add(nil, nil, Counts{})
	n := 0
	for _, b := range r.Days {
		n += b.Count
	}
	if r.Subjects != 2 || r.WithStudy != 1 || r.Links != 1 || n != 1 || r.Unlinked[NoKey] != 1 || r.Unclaimed != 1 {
		t.Errorf("got %+v", r)
	}
	var out bytes.Buffer
	if _, err := r.WriteTo(&out); err != nil || !strings.Contains(out.String(), "patient-date 1") || !strings.Contains(out.String(), "+1 to +7: 1") {
		t.Errorf("%v\n%s", err, out.String())
	}
	if strings.Contains(out.String(), uidA) {
		t.Error("the report names a study")
	}
}
