package ucum

import (
	"encoding/xml"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/cockroachdb/apd/v3"

	"github.com/crflink/crflink/internal/shared"
)

// The functional tests of UCUM: 529 validations, 9 display names, 30
// conversions, 2 multiplications and 3 divisions.
type functionalTests struct {
	Validation []struct {
		ID    string `xml:"id,attr"`
		Unit  string `xml:"unit,attr"`
		Valid bool   `xml:"valid,attr"`
	} `xml:"validation>case"`
	Display []struct {
		ID      string `xml:"id,attr"`
		Unit    string `xml:"unit,attr"`
		Display string `xml:"display,attr"`
	} `xml:"displayNameGeneration>case"`
	Conversion []struct {
		ID      string `xml:"id,attr"`
		Value   string `xml:"value,attr"`
		From    string `xml:"srcUnit,attr"`
		To      string `xml:"dstUnit,attr"`
		Outcome string `xml:"outcome,attr"`
	} `xml:"conversion>case"`
	Multiplication []arithmeticCase `xml:"multiplication>case"`
	Division       []arithmeticCase `xml:"division>case"`
}

type arithmeticCase struct {
	ID    string `xml:"id,attr"`
	V1    string `xml:"v1,attr"`
	U1    string `xml:"u1,attr"`
	V2    string `xml:"v2,attr"`
	U2    string `xml:"u2,attr"`
	Value string `xml:"vRes,attr"`
	Unit  string `xml:"uRes,attr"`
}

func readFunctionalTests(t *testing.T) functionalTests {
	t.Helper()
	var suite functionalTests
	readXML(t, &suite, "UcumFunctionalTests.xml")
	return suite
}

func readXML(t *testing.T, into any, name string) {
	t.Helper()
	file, err := os.Open(filepath.Join(shared.Dir(t, "data", "ucum"), name))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	decoder := xml.NewDecoder(file)
	decoder.CharsetReader = func(charset string, r io.Reader) (io.Reader, error) {
		if charset != "ascii" {
			return nil, fmt.Errorf("encoding %q is unknown", charset)
		}
		return r, nil // a subset of UTF-8
	}
	if err := decoder.Decode(into); err != nil {
		t.Fatal(err)
	}
}

func TestTheFunctionalTestsAreAllThere(t *testing.T) {
	s := readFunctionalTests(t)
	got := [5]int{len(s.Validation), len(s.Display), len(s.Conversion), len(s.Multiplication), len(s.Division)}
	if want := [5]int{529, 9, 30, 2, 3}; got != want {
		t.Fatalf("cases %v, want %v", got, want)
	}
}

func TestFunctionalValidation(t *testing.T) {
	for _, c := range readFunctionalTests(t).Validation {
		if err := Validate(c.Unit); (err == nil) != c.Valid {
			t.Errorf("%s %q: error %v, want valid %v", c.ID, c.Unit, err, c.Valid)
		}
	}
}

func TestFunctionalDisplayNames(t *testing.T) {
	for _, c := range readFunctionalTests(t).Display {
		if got, err := DisplayName(c.Unit); err != nil || got != c.Display {
			t.Errorf("%s %q: %q, %v, want %q", c.ID, c.Unit, got, err, c.Display)
		}
	}
}

func TestFunctionalConversions(t *testing.T) {
	for _, c := range readFunctionalTests(t).Conversion {
		got, err := Convert(dec(t, c.Value), c.From, c.To)
		if err != nil {
			t.Errorf("%s: %v", c.ID, err)
			continue
		}
		sameToItsDigits(t, c.ID, got, c.Outcome)
	}
}

func TestFunctionalMultiplications(t *testing.T) {
	for _, c := range readFunctionalTests(t).Multiplication {
		c.check(t, Multiply)
	}
}

func TestFunctionalDivisions(t *testing.T) {
	for _, c := range readFunctionalTests(t).Division {
		c.check(t, Divide)
	}
}

func (c arithmeticCase) check(t *testing.T, operation func(a, b Quantity) (Quantity, error)) {
	t.Helper()
	got, err := operation(Quantity{dec(t, c.V1), c.U1}, Quantity{dec(t, c.V2), c.U2})
	if err != nil {
		t.Errorf("%s: %v", c.ID, err)
		return
	}
	want := c.Unit
	if want == "" { // the tests' spelling of the unity
		want = "1"
	}
	value, err := Convert(got.Value, got.Unit, want)
	if err != nil {
		t.Errorf("%s: %v", c.ID, err)
		return
	}
	sameToItsDigits(t, c.ID, value, c.Value)
}

// sameToItsDigits compares after rounding to the significant digits of the
// outcome, because some outcomes are stated rounded (25 for 25.2).
func sameToItsDigits(t *testing.T, id string, got *apd.Decimal, outcome string) {
	t.Helper()
	want := dec(t, outcome)
	context := apd.BaseContext.WithPrecision(uint32(want.NumDigits()))
	context.Rounding = apd.RoundHalfUp
	var roundedValue apd.Decimal
	if _, err := context.Round(&roundedValue, got); err != nil {
		t.Fatal(err)
	}
	if roundedValue.Cmp(want) != 0 {
		t.Errorf("%s: %s, rounded %s, want %s", id, got, &roundedValue, want)
	}
}

func dec(t testing.TB, s string) *apd.Decimal {
	t.Helper()
	d, _, err := apd.NewFromString(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}
