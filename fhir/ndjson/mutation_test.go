package ndjson_test

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/fhir/ndjson"
	"github.com/crflink/crflink/internal/shared"
)

// hostile texts replace strings: formulas of spreadsheets, markup, SQL, control characters, long runs.
var hostile = []string{
	`=cmd|' /C calc'!A0`, `@SUM(1+1)`, `<!DOCTYPE x [<!ENTITY y SYSTEM \"file:///etc/passwd\">]>`, `'); DROP TABLE cell;--`,
	`\u0000`, `\ud800`, "\xff\xfe", `\u202e`, "\x01", strings.Repeat("A", 100_000), `..\/..\/etc`, `${x}`, `%s%n`,
}

// values replace values by others of a wrong type or size.
var values = []string{
	`null`, `true`, `[]`, `{}`, `""`, `-0`, `1e999999999`, `123456789012345678901234567890.12345678901234567890`, `[[[[[[[[]]]]]]]]`, `NaN`, `01`,
	strings.Repeat(`[`, 5000), strings.Repeat(`{"a":`, 200) + `1` + strings.Repeat(`}`, 200), `{"reference":"Patient/x"}`,
}

// mutate damages a resource's text in one of several ways. The result is one line that is not empty.
func mutate(r *rand.Rand, text string) string {
	b := []byte(text)
	at := r.IntN(len(b))
	switch r.IntN(6) {
	case 0: // bit flips
		for range 1 + r.IntN(4) {
			b[r.IntN(len(b))] ^= 1 << r.IntN(8)
		}
	case 1: // truncation
		b = b[:max(at, 1)]
	case 2: // another value
		b = replaceValue(b, at, values[r.IntN(len(values))])
	case 3: // hostile string
		b = replaceString(b, at, hostile[r.IntN(len(hostile))])
	case 4: // a piece twice
		end := min(at+r.IntN(200), len(b))
		b = append(b[:end:end], b[at:]...)
	case 5: // a piece left out
		b = append(b[:at:at], b[min(at+r.IntN(50), len(b)-1):]...)
	}
	b = bytes.ReplaceAll(b, []byte("\n"), []byte(" "))
	if len(bytes.TrimSpace(b)) == 0 {
		return "x"
	}
	return string(b)
}

// replaceValue replaces what follows the next colon, up to the next comma.
func replaceValue(b []byte, at int, value string) []byte {
	colon := bytes.IndexByte(b[at:], ':')
	if colon < 0 {
		return b
	}
	from := at + colon + 1
	comma := bytes.IndexByte(b[from:], ',')
	if comma < 0 {
		return b
	}
	return append(append(b[:from:from], value...), b[from+comma:]...)
}

// replaceString replaces what stands between the next two quotes.
func replaceString(b []byte, at int, value string) []byte {
	open := bytes.IndexByte(b[at:], '"')
	if open < 0 {
		return b
	}
	from := at + open + 1
	end := bytes.IndexByte(b[from:], '"')
	if end < 0 {
		return b
	}
	return append(append(b[:from:from], value...), b[from+end:]...)
}

// originals returns real resources, one line each.
func originals(t *testing.T) []string {
	t.Helper()
	var all []string
	for _, dir := range []string{"mii-kds-testdata/resources", "mii-bildgebung-examples"} {
		paths, err := filepath.Glob(filepath.Join(shared.Dir(t, "data", dir), "*.json"))
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range paths {
			if text, err := os.ReadFile(p); err == nil && !strings.HasPrefix(filepath.Base(p), "Bundle") {
				all = append(all, strings.ReplaceAll(string(text), "\n", " "))
			}
		}
	}
	for i, l := range slim(t) {
		if i%50 == 0 {
			all = append(all, l)
		}
	}
	return all
}

func TestTenThousandDamagedResourcesAreAllAccountedFor(t *testing.T) {
	const total = 10_000
	r := rand.New(rand.NewPCG(1, 2)) // #nosec G404 -- a fixed seed
	from := originals(t)
	var text strings.Builder
	for range total {
		text.WriteString(mutate(r, from[r.IntN(len(from))]) + "\n")
	}
	path := filepath.Join(folder(t, map[string]string{"damaged.ndjson": text.String()}), "damaged.ndjson")
	accepted, rejected := 0, 0
	err := ndjson.Each(t.Context(), []string{path}, ndjson.Options{},
		func(res *fhir.Resource) error {
			accepted++
			walk(res.Node)
			return nil
		},
		func(j fhir.Rejected) {
			rejected++
			if j.Reason == "" || j.Origin.Source == "" {
				t.Errorf("rejected without origin or reason: %v", j)
			}
		})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d accepted, %d rejected", accepted, rejected)
	if accepted+rejected != total || accepted == 0 || rejected < total/4 {
		t.Errorf("%d accepted and %d rejected, want %d together", accepted, rejected, total)
	}
	got, again := records(t, ndjson.Options{}, path)
	n := 0
	for _, list := range got {
		n += len(list)
	}
	if n == 0 || len(again) < rejected {
		t.Errorf("the source has %d resources and rejected %d, Each rejected %d", n, len(again), rejected)
	}
}

// walk touches every node as a consumer would.
func walk(n fhir.Node) int {
	size := len(n.Text()) + len(n.Key()) + len(n.Extensions().Text())
	for c := range n.Children() {
		size += walk(c)
	}
	return size
}
