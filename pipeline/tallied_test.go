package pipeline

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/crflink/crflink/imaging"
)

func TestCountsAreReadWithoutWhatFollowsThem(t *testing.T) {
	want := sessions{tallied: tallied{imaging.Counts{Resources: 3, Linked: 2, Links: map[imaging.Method]int{imaging.ByDICOMUID: 2}}, 40, 30}, Index: "2024-01-01"}
	text, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(text), `"links"`)
	if !ok || !strings.HasPrefix(before, `{"counts"`) {
		t.Fatalf("the counts do not stand first: %s", text)
	}
	earlier := `{"links"` + strings.TrimSuffix(rest, "}") + "," + strings.TrimSuffix(strings.TrimPrefix(before, "{"), ",") + "}"
	for name, text := range map[string]string{"as it is written": string(text), "as it was written": earlier, "cut behind them": before + `"links":[`} {
		if got, err := readTallied(text); err != nil || !reflect.DeepEqual(got, want.tallied) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	if all, err := readSessions(earlier); err != nil || !reflect.DeepEqual(all.tallied, want.tallied) || all.Index != want.Index {
		t.Errorf("%+v, %v", all, err)
	}
	if got, err := readTallied(""); err != nil || !reflect.DeepEqual(got, tallied{}) {
		t.Errorf("of nothing: %+v, %v", got, err)
	}
	for _, broken := range []string{"{", `{"counts":`, `{"counts":{}`, "[]", `{"counts":[],"resources":1,"kept":1}`} {
		if _, err := readTallied(broken); err == nil {
			t.Errorf("%s was read", broken)
		}
	}
}
