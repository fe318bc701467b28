package consent

import (
	"testing"
)

// withdrawnStatus is a fully withdrawn patient as consent-status: every code denied, status active.
func withdrawnStatus() obj {
	var denies []obj
	for n := 2; n <= 28; n++ {
		denies = append(denies, deny("2022-01-31T23:00:00+01:00", "3000-01-01", n))
	}
	c := consent("C1", "2022-01-31T23:00:00+01:00", denies...)
	c["category"] = append(c["category"].([]any), category(systemResult, "consent-status"))
	return c
}

// signedPolicy is one policy as gICS writes it: type and code on the root, no document named.
func signedPolicy(id, typ, start, end string, number int) obj {
	p := provision(typ, start, end, number)
	p["code"] = []any{concept(Code{"https://ths-greifswald.de/fhir/CodeSystem/gics/Policy", "local"}), concept(MII(number))}
	return obj{"resourceType": "Consent", "id": id, "status": "active", "dateTime": start,
		"meta":     obj{"profile": []any{"https://ths-greifswald.de/fhir/StructureDefinition/gics/SignedPolicy"}},
		"category": []any{category(systemLOINC, "57016-8"), category(systemResult, "policy")},
		"patient":  obj{"reference": "Patient/P1"}, "policy": []any{obj{"uri": "urn:uuid:5213d78f-0000-4000-8000-000000000000"}},
		"provision": p}
}

func localCodes(id string) obj {
	const gics = "https://ths-greifswald.de/fhir/CodeSystem/gics/Policy"
	six, eight := permit("2020-09-01", "2025-08-31"), permit("2020-09-01", "2050-08-31")
	six["code"] = []any{concept(Code{gics, "MDAT_erheben"})}
	eight["code"] = []any{concept(Code{gics, "MDAT_wissenschaftlich_nutzen_EU_DSGVO_NIVEAU"})}
	return consent(id, "2020-09-01", six, eight)
}

const siteCodes = broad + `
siteCodes:
  - system: https://ths-greifswald.de/fhir/CodeSystem/gics/Policy
    codes:
      MDAT_erheben: 6
      MDAT_wissenschaftlich_nutzen_EU_DSGVO_NIVEAU: 8
`

func partialDeny() obj {
	return consent("C2", "2023-01-01", deny("2023-01-01", "3000-01-01", 6))
}

func fullDeny() obj {
	return consent("C2", "2023-01-01", deny("2023-01-01", "3000-01-01", 6), deny("2023-01-01", "3000-01-01", 8))
}

func again(more ...obj) obj {
	return consent("C3", "2024-06-01", append([]obj{
		permit("2024-06-01", "2029-05-31", 6), permit("2024-06-01", "2054-05-31", 8)}, more...)...)
}

type vector struct {
	name   string
	policy string
	facts  []obj
	want   string
}

func use(more ...obj) []obj { return append([]obj{permit("2020-09-01", "2050-08-31", 8)}, more...) }

// vectors are the agreed cases of consent evaluation at 2026-09-01.
var vectors = []vector{
	{"C01 official example", broad, []obj{official()}, "permitted granted 2020-09-01..2025-08-31"},
	{"C02 permit and deny in one resource", broad,
		[]obj{consent("C1", "2024-01-01", use(permit("2024-01-01", "2024-01-31", 6), deny("2024-01-10", "2024-01-20", 6))...)},
		"permitted granted 2024-01-01..2024-01-09 2024-01-21..2024-01-31"},
	{"C03 later deny of collection", broad, []obj{official(), partialDeny()}, "permitted granted 2020-09-01..2022-12-31"},
	{"C04 later deny of collection and use", broad, []obj{official(), fullDeny()}, "excluded withdrawn"},
	{"C05 re-consent, forget", broad, []obj{official(), fullDeny(), again()}, "permitted granted 2024-06-01..2029-05-31"},
	{"C05 re-consent, revive", broad + "afterWithdrawal: revive\n", []obj{official(), fullDeny(), again()},
		"permitted granted 2020-09-01..2022-12-31 2024-06-01..2029-05-31"},
	{"C05 re-consent with a retrospective code re-opens the past", broad,
		[]obj{official(), fullDeny(), again(permit("2024-06-01", "2054-05-31", 45))}, "permitted granted 1900-01-01..2029-05-31"},
	{"C06 collection without use", broad, []obj{consent("C1", "2020-09-01", permit("2020-09-01", "2025-08-31", 6))}, "held incomplete-codes"},
	{"C08 entered-in-error", broad, []obj{with(official(), "status", "entered-in-error")}, "held no-consent"},
	{"C08 inactive", broad, []obj{with(official(), "status", "inactive")}, "held not-active"},
	{"C08 draft", broad, []obj{with(official(), "status", "draft")}, "held not-active"},
	{"C08 rejected", broad, []obj{with(official(), "status", "rejected")}, "held not-active"},
	{"C08 proposed", broad, []obj{with(official(), "status", "proposed")}, "held not-active"},
	{"C09 consent-status of 27 denies", broad, []obj{withdrawnStatus()}, "excluded denied"},
	{"C09 beside the document that it withdrew", broad, []obj{withdrawnStatus(), with(official(), "id", "C0")}, "excluded withdrawn"},
	{"C10 two signed policies", broad,
		[]obj{signedPolicy("C1", "permit", "2020-09-01", "2025-08-31", 6), signedPolicy("C2", "permit", "2020-09-01", "2050-08-31", 8)},
		"permitted granted 2020-09-01..2025-08-31"},
	{"C10 two signed policies, sameResource", broad + "package: sameResource\n",
		[]obj{signedPolicy("C1", "permit", "2020-09-01", "2025-08-31", 6), signedPolicy("C2", "permit", "2020-09-01", "2050-08-31", 8)},
		"held incomplete-codes"},
	{"C11 retrospective code", broad, []obj{official(permit("2020-09-01", "2050-08-31", 45))}, "permitted granted 1900-01-01..2025-08-31"},
	{"C11 old retrospective code", broad, []obj{official(permit("2020-09-01", "2050-08-31", 46))}, "permitted granted 1900-01-01..2025-08-31"},
	{"C12 later deny also cuts the past", broad, []obj{official(permit("2020-09-01", "2050-08-31", 45)), partialDeny()},
		"permitted granted 1900-01-01..2022-12-31"},
	{"C13 later retrospective deny closes the past", broad,
		[]obj{official(permit("2020-09-01", "2050-08-31", 45)), consent("C2", "2023-01-01", deny("2023-01-01", "3000-01-01", 45))},
		"permitted granted 2020-09-01..2025-08-31"},
	{"C14 retrospective permit and deny", broad, []obj{consent("C1", "2023-01-01", use(permit("2023-01-01", "2025-12-31", 6),
		permit("2020-01-01", "2025-12-31", 45), deny("1900-01-01", "2019-12-31", 45))...)}, "permitted granted 2020-01-01..2025-12-31"},
	{"C15 retrospective without overlap", broad, []obj{consent("C1", "2020-01-01", use(permit("2020-01-01", "2024-12-31", 6),
		permit("2025-01-01", "2030-12-31", 45))...)}, "permitted granted 2020-01-01..2024-12-31"},
	{"C16 only a retrospective deny", broad, []obj{official(deny("1900-01-01", "3000-01-01", 45))}, "permitted granted 2020-09-01..2025-08-31"},
	{"C18 encounter moves the begin", broad, []obj{shifting(permit("2025-09-10", "2030-09-09", 6)), encounter("E1", "2025-09-05", "2025-09-15")},
		"permitted granted 2025-09-05..2030-09-09"},
	{"C18 switched off", broad + "encounterShift: false\n",
		[]obj{shifting(permit("2025-09-10", "2030-09-09", 6)), encounter("E1", "2025-09-05", "2025-09-15")}, "permitted granted 2025-09-10..2030-09-09"},
	{"C20 encounter ends on the day of consent", broad,
		[]obj{shifting(permit("2025-09-10", "2030-09-09", 6)), encounter("E1", "2025-09-05", "2025-09-10")}, "permitted granted 2025-09-05..2030-09-09"},
	{"C22 a deny does not move", broad, []obj{shifting(permit("2025-01-01", "2030-09-09", 6), deny("2025-09-10", "3000-01-01", 6)),
		encounter("E1", "2025-09-05", "2025-09-15")}, "permitted granted 2025-01-01..2025-09-09"},
	{"C23 touching permits are one interval", broad, []obj{consent("C1", "2020-09-01", use(permit("2020-09-01", "2022-12-31", 6),
		permit("2023-01-01", "2025-08-31", 6))...)}, "permitted granted 2020-09-01..2025-08-31"},
	{"C29 deny without end", broad, []obj{official(), consent("C2", "2023-01-01", deny("2023-01-01", "", 6))},
		"permitted granted 2020-09-01..2022-12-31"},
	{"C30 permit without end, reject", broad, []obj{consent("C1", "2020-09-01", use(permit("2020-09-01", "", 6))...)}, "held unreadable"},
	{"C30 permit without end, codesystem", broad + "openEndedPermit: codesystem\n",
		[]obj{consent("C1", "2020-09-01", use(permit("2020-09-01", "", 6))...)}, "permitted granted 2020-09-01..2025-08-31"},
	{"C31 use ends today", broad, []obj{gate("2020-09-01", today)}, "permitted granted 2020-09-01..2025-08-31"},
	{"C31 use ended yesterday", broad, []obj{gate("2020-09-01", "2026-08-31")}, "held expired"},
	{"C31 use begins tomorrow", broad, []obj{gate("2026-09-02", "2050-08-31")}, "held not-yet-valid"},
	{"C32 several codes in one provision", broad,
		[]obj{consent("C1", "2020-09-01", use(permit("2020-09-01", "2025-08-31", 6, 7, 19))...)}, "permitted granted 2020-09-01..2025-08-31"},
	{"C33 local codes only", broad, []obj{localCodes("C1")}, "held incomplete-codes"},
	{"C33 local codes, mapped", siteCodes, []obj{localCodes("C1")}, "permitted granted 2020-09-01..2025-08-31"},
}

func shifting(p ...obj) obj {
	return consent("C1", "2025-09-10", append([]obj{permit("2025-09-10", "2055-09-09", 8)}, p...)...)
}

func gate(start, end string) obj {
	return consent("C1", "2020-09-01", permit("2020-09-01", "2025-08-31", 6), permit(start, end, 8))
}

func TestVectorsOfConsentEvaluation(t *testing.T) {
	for _, v := range vectors {
		t.Run(v.name, func(t *testing.T) {
			d := Evaluate(FactsOf(record(t, v.facts...)), policyOf(t, v.policy), asOf(t, today))
			if got := say(d); got != v.want {
				t.Errorf("got %s, want %s (warnings %v)", got, v.want, d.Warnings().Codes())
			}
		})
	}
}

// TestVectorsOfResources are C23 and C25 to C27 and C37: which resources pass the window 2020-09-01..2025-08-31.
func TestVectorsOfResources(t *testing.T) {
	for _, c := range []struct {
		name string
		res  obj
		want DropReason
	}{
		{"C23 encounter across the seam of two permits", with(encounter("X", "2022-12-20", "2023-01-10"), "status", "finished"), InWindow},
		{"C25 first day", observation("X", "2020-09-01"), InWindow},
		{"C25 last day", observation("X", "2025-08-31T23:59:59+02:00"), InWindow},
		{"C25 day after", observation("X", "2025-09-01T00:00:00+02:00"), OutsideWindow},
		{"C26 a year", observation("X", "2021"), DateUnreadable},
		{"C26 a month", observation("X", "2021-03"), DateUnreadable},
		{"C26 open period", observation("X", period("2021-03-01", "")), DateUnreadable},
		{"C26 no date", observation("X", nil), NoDate},
		{"C27 begins a day early", observation("X", period("2020-08-31", "2020-09-02")), OutsideWindow},
		{"C37 imaging study", obj{"resourceType": "ImagingStudy", "id": "X", "status": "available",
			"subject": obj{"reference": "Patient/P1"}, "started": "2021-03-04T10:00:00+01:00"}, InWindow},
	} {
		t.Run(c.name, func(t *testing.T) {
			rec := record(t, c.res, consent("C1", "2020-09-01", use(permit("2020-09-01", "2022-12-31", 6), permit("2023-01-01", "2025-08-31", 6))...))
			if got := verdictOn(t, rec, BuiltIn(), c.res); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}
