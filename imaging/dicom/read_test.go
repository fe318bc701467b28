package dicom

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

func one(t *testing.T, text string) Dataset {
	t.Helper()
	all, err := ReadAll(strings.NewReader("["+text+"]"), Limits{})
	if err != nil || len(all) != 1 {
		t.Fatalf("%d datasets, %v", len(all), err)
	}
	return all[0]
}

func TestNumbersReadTheSameInBothEncodings(t *testing.T) {
	for _, text := range []string{`{"00101030":{"vr":"DS","Value":[70.5]}}`, `{"00101030":{"vr":"DS","Value":["70.5 "]}}`} {
		if n, ok := one(t, text).Number(0x00101030); !ok || n != 70.5 {
			t.Errorf("%s: %v %v", text, n, ok)
		}
	}
	d := one(t, `{"00280030":{"vr":"DS","Value":["4.07\\4.08"]},"00201206":{"vr":"IS","Value":["x"]},"00541001":{"vr":"CS"}}`)
	if n, ok := d.Numbers(0x00280030); !ok || len(n) != 2 || n[1] != 4.08 {
		t.Errorf("several numbers in one string: %v", n)
	}
	if _, ok := d.Number(SeriesInStudy); ok {
		t.Error("x is a number")
	}
	if _, ok := d.Numbers(0x00541001); ok || d.Text(0x00541001) != "" {
		t.Error("an attribute without value has one")
	}
}

func TestANumberKeepsItsWrittenForm(t *testing.T) {
	if got := one(t, `{"00281053":{"vr":"DS","Value":[1.50]}}`).Text(0x00281053); got != "1.50" {
		t.Errorf("written 1.50, read %s", got)
	}
	for _, text := range []string{"NaN", "Inf", "0x10", "1_0", "1e999", ""} {
		if _, ok := number(text); ok {
			t.Errorf("%q is a number", text)
		}
	}
}

func TestNamesHaveFormsOrAreText(t *testing.T) {
	d := one(t, `{"00100010":{"vr":"PN","Value":[{"Alphabetic":"Müster^A","Ideographic":"x"}]}}`)
	if e, _ := d.Get(PatientName); d.Text(PatientName) != "Müster^A" || e.Names()[0].Ideographic != "x" {
		t.Error("a name with forms is not read")
	}
	if d := one(t, `{"00100010":{"vr":"PN","Value":["Muster^B"]}}`); d.Text(PatientName) != "Muster^B" {
		t.Error("a name as text is not read")
	}
}

func TestSequencesHoldDatasets(t *testing.T) {
	d := one(t, `{"00540016":{"vr":"SQ","Value":[{"00181074":{"vr":"DS","Value":[250000000]},"00181078":{"vr":"DT","Value":["20240305092800.5+0100"]}}]}}`)
	item := d.Item(0x00540016)
	if n, ok := item.Number(0x00181074); !ok || n != 250000000 {
		t.Errorf("dose %v", n)
	}
	m, ok := item.Moment(0x00181078)
	if !ok || m.Day.String() != "2024-03-05" || m.Clock != 9*time.Hour+28*time.Minute+500*time.Millisecond || m.Offset != time.Hour {
		t.Errorf("moment %+v %v", m, ok)
	}
	if d.Item(0x00400275).Len() != 0 {
		t.Error("an absent sequence has an item")
	}
}

func TestAPrivateAttributeIsFoundByItsCreator(t *testing.T) {
	d := one(t, `{"70530010":{"vr":"LO","Value":["ANOTHER"]},"70530011":{"vr":"LO","Value":["Philips PET Private Group"]},
		"70531000":{"vr":"DS","Value":[9]},"70531100":{"vr":"UN","InlineBinary":"MC4wMDA1NTEg"}}`)
	e, ok := d.Private(0x7053, "Philips PET Private Group", 0x00)
	if n, number := e.Number(); !ok || !number || n != 0.000551 {
		t.Errorf("factor %v %v", n, ok)
	}
	if _, ok := d.Private(0x7053, "Philips PET Private Group", 0x09); ok {
		t.Error("an absent private attribute was found")
	}
}

func TestDaysAndTimesOfOldFilesAreRead(t *testing.T) {
	for text, want := range map[string]time.Duration{"09": 9 * time.Hour, "0928": 9*time.Hour + 28*time.Minute, "09:28:30": 9*time.Hour + 28*time.Minute + 30*time.Second,
		"235960": 24 * time.Hour, "000000.000001": time.Microsecond} {
		if got, ok := ParseClock(text); !ok || got != want {
			t.Errorf("%s: %v %v", text, got, ok)
		}
	}
	for _, text := range []string{"", "9", "2400", "0960", "092", "092830.1234567", "0928.5", "ab"} {
		if _, ok := ParseClock(text); ok {
			t.Errorf("%q is a time", text)
		}
	}
	if day, ok := ParseDay("2024.02.29"); !ok || day.String() != "2024-02-29" {
		t.Error("a day with dots is not read")
	}
	for _, text := range []string{"20230229", "2024-02-29", "202402", "20240305092800"} {
		if _, ok := ParseDay(text); ok {
			t.Errorf("%q is a day", text)
		}
	}
}

func TestWhatIsNotDICOMJSONIsRefusedWithoutRepeatingIt(t *testing.T) {
	for _, text := range []string{`{}`, `[1]`, `[{"PatientID":{"vr":"LO"}}]`, `[{"00100020":{"vr":"LO","Value":["Meier"]}`, `[{"00100020":{"vr":"LO","Value":[true]}}]`,
		`[{"00100020":{"vr":"LO"},"00100020":{"vr":"LO"}}]`, `[] []`, `<html>Meier`, `[{"00100020":"Meier"}]`, `[{"7FE00010":{"vr":"OW","InlineBinary":"*"}}]`} {
		_, err := ReadAll(strings.NewReader(text), Limits{})
		if !errors.Is(err, ErrSyntax) || strings.Contains(err.Error(), "Meier") {
			t.Errorf("%s: %v", text, err)
		}
	}
	if all, err := ReadAll(strings.NewReader(""), Limits{}); err != nil || len(all) != 0 {
		t.Errorf("an empty answer: %v", err)
	}
}

func TestLimitsHold(t *testing.T) {
	deep := strings.Repeat(`{"00081140":{"vr":"SQ","Value":[`, 20) + `{}` + strings.Repeat(`]}}`, 20)
	for text, limits := range map[string]Limits{
		`[{},{}]`: {Datasets: 1},
		`[{"00100020":{"vr":"LO"},"00100010":{"vr":"PN"}}]`: {Elements: 1},
		`[{"00080061":{"vr":"CS","Value":["PT","CT"]}}]`:    {Values: 1},
		"[" + deep + "]": {},
		`[{"00081140":{"vr":"SQ","Value":[{"00100020":{"vr":"LO"}},{"00100020":{"vr":"LO"}}]}}]`: {Elements: 2},
	} {
		if _, err := ReadAll(strings.NewReader(text), limits); !errors.Is(err, ErrLimit) {
			t.Errorf("%.60s: %v", text, err)
		}
	}
}

func TestADatasetPrintsNothingOfItsContent(t *testing.T) {
	d := one(t, `{"00100020":{"vr":"LO","Value":["Meier"]}}`)
	e, _ := d.Get(PatientID)
	text, err := json.Marshal(map[string]any{"d": d, "e": e})
	if err != nil {
		t.Fatal(err)
	}
	all := fmt.Sprintf("%v %+v %#v %s %x %q %v %#v %s", d, d, d, d, d, d, e, e, text)
	if strings.Contains(all, "Meier") || strings.Contains(all, "4d65696572") {
		t.Error("the content was printed")
	}
	if d.Only(StudyDate).Len() != 0 || d.Only(PatientID).Text(PatientID) != "Meier" {
		t.Error("Only keeps other attributes than those named")
	}
}

func FuzzRead(f *testing.F) {
	f.Add(`[{"00100010":{"vr":"PN","Value":[{"Alphabetic":"A"}]},"00540016":{"vr":"SQ","Value":[{}]}}]`)
	f.Fuzz(func(t *testing.T, text string) {
		all, err := ReadAll(strings.NewReader(text), Limits{})
		if err != nil && all != nil {
			t.Fatal("an error came with datasets")
		}
		for _, d := range all {
			for tag, e := range d.All() {
				_, _ = e.Numbers()
				if d.Text(tag) != e.Text() {
					t.Fatal("an attribute has two texts")
				}
			}
		}
	})
}
