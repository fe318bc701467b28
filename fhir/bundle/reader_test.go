package bundle_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/fhir/bundle"
)

// read returns what the text holds: ids of resources, "-METHOD" for entries without one, "!reason" for what is rejected.
func read(t *testing.T, in io.Reader, limits fhir.Limits) ([]string, bundle.Summary) {
	t.Helper()
	var got []string
	r := bundle.Reader{Source: "x", Limits: limits, Reuse: true,
		Entry: func(e *bundle.Entry) error {
			if e.Resource == nil {
				got = append(got, "-"+e.Method)
				return nil
			}
			got = append(got, e.Resource.ID)
			return nil
		},
		Rejected: func(j fhir.Rejected) { got = append(got, "!"+j.Reason) },
	}
	s, err := r.Read(in)
	if err != nil {
		t.Fatal(err)
	}
	return got, s
}

const (
	one = `{"resourceType":"Basic","id":"1"}`
	two = `{"id":"2","resourceType":"Basic","x":{"y":["}{","\"",{}]}}`
)

func TestStreamsAreSplit(t *testing.T) {
	const cut = "!the text ends inside a resource: the input was cut off"
	for text, want := range map[string]string{
		"":                                     "",
		"\r\n":                                 "",
		one:                                    "1",
		one + "\n" + two + "\n":                "1 2",
		one + two:                              "!text after the end of the resource",
		"[" + one + "]\n" + two:                "!a JSON array is no resource: write its elements as NDJSON or into a Bundle 2",
		one + "}\n" + two:                      "!text after the end of the resource 2",
		one[:20] + "\n" + two:                  "!a line ends inside a string 2",
		`{"a":[` + "\n" + two:                  cut + " 2",
		`{"a":{"b":1}` + "\n" + two:            "!brackets do not match 2",
		"{\n" + two:                            cut + " 2",
		"{\n" + one[1:20]:                      cut,
		`{"resourceType":"Bundle"}`:            "",
		`{"resourceType":"Bundle","entry":[]}`: "",
		`{"entry":[{"resource":` + one + `}],"resourceType":"Bundle"}`:                                                                           "1",
		`{"type":"x","entry":[{"search":{},"resource":` + two + `}],"resourceType":"Bundle"}`:                                                    "2",
		`{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"Bundle","entry":[{"resource":` + one + `}]}},{"resource":` + two + `}]}`: "1 2",
		`{"resourceType":"List","id":"3","entry":[{"item":{}}]}`:                                                                                 "3",
		`{"entry":[{"item":{}}],"resourceType":"List","id":"3"}`:                                                                                 "3",
		`{"resourceType":"Bundle","entry":[{"request":{"method":"DELETE","url":"Basic/1"}},{"fullUrl":"urn:uuid:9"}]}`:                           "-DELETE -",
		`{"resourceType":"Bundle","entry":[{"fullUrl":"urn:uuid:9","resource":{"resourceType":"Basic"}}]}`:                                       "9",
		`{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"Basic"},"fullUrl":"urn:uuid:9"}]}`:                                       "9",
		`{"resourceType":"Bundle","\u0065ntry":[{"resource":` + one + `}]}`:                                                                      "1",
		`{"resourceType":"Bundle","entry":[{"resource":{"id":01}},{"resource":` + one + `},null]}`:                                               "!byte 6: not a JSON value 1 !an entry of a Bundle is not an object",
		`{"resourceType":"Bundle","entry":[{"resource":` + one + `},{"resource":` + two[:30]:                                                     "1 " + cut,
		`{"resourceType":"Bundle","entry":[{"resource":` + one + `}]` + "\n" + two:                                                               "1 !a comma or closing bracket is missing !the rest of the input was not read",
		`{"resourceType":"Bundle","entry":[],"entry":[{"resource":` + one + `}]}`:                                                                "!a member name occurs twice, or there are too many, in a Bundle",
	} {
		for name, in := range map[string]io.Reader{"whole": strings.NewReader(text), "byte by byte": iotest.OneByteReader(strings.NewReader(text))} {
			got, _ := read(t, in, fhir.Limits{})
			if s := strings.Join(got, " "); s != want {
				t.Errorf("%s %q:\n got %s\nwant %s", name, text, s, want)
			}
		}
	}
}

// endless yields a Bundle of n entries without ever having it in memory.
func endless(n int, entry func(int) string) io.Reader {
	i := -1
	var rest []byte
	return readerFunc(func(p []byte) (int, error) {
		if len(rest) == 0 {
			switch {
			case i == -1:
				rest = []byte(`{"resourceType":"Bundle","entry":[{"fullUrl":"x"}`)
			case i < n:
				rest = []byte("," + entry(i))
			case i == n:
				rest = []byte("]}")
			default:
				return 0, io.EOF
			}
			i++
		}
		k := copy(p, rest)
		rest = rest[k:]
		return k, nil
	})
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func TestABundleMayBeAnyLengthButAnEntryMayNot(t *testing.T) {
	long := strings.Repeat("x", 300_000)
	in := endless(300, func(i int) string {
		if i%100 == 7 {
			return `{"resource":{"resourceType":"Basic","id":"long","text":"` + long + `"},"fullUrl":"http://x/Basic/long"}`
		}
		return fmt.Sprintf(`{"resource":{"resourceType":"Basic","id":"%d"}}`, i)
	})
	got, s := read(t, in, fhir.Limits{Bytes: 100_000, Depth: 100})
	if s.Resources != 297 || s.Rejected != 3 || s.Broken {
		t.Errorf("%+v, want 297 resources and 3 rejected; %v", s, got[:20])
	}
}

func TestTheReadersErrorEndsTheReading(t *testing.T) {
	failure := errors.New("disk")
	r := bundle.Reader{Entry: func(*bundle.Entry) error { return nil }, Rejected: func(fhir.Rejected) {}}
	_, err := r.Read(io.MultiReader(strings.NewReader(one+"\n"), iotest.ErrReader(failure)))
	if !errors.Is(err, failure) {
		t.Errorf("got %v", err)
	}
	n := 0
	r.Entry = func(*bundle.Entry) error { n++; return failure }
	if _, err := r.Read(strings.NewReader(one + "\n" + two)); !errors.Is(err, failure) || n != 1 {
		t.Errorf("got %v after %d resources, want the error of the first", err, n)
	}
}

// FuzzReader: whatever the input, reading ends, the same entries come out however the input is cut into reads, and each
// one's text is found in the input at its offset.
func FuzzReader(f *testing.F) {
	for _, s := range []string{one + "\n" + two, `{"resourceType":"Bundle","type":"x","entry":[{"fullUrl":"urn:uuid:1","resource":` + one + `,"request":{"method":"PUT"}}]}`,
		`{"entry":[{"resource":{"resourceType":"Bundle","entry":[{}]}}]}`, "{\n\"a\"", "[[[{", "\xef\xbb\xbf{}"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		run := func(in io.Reader) []string {
			var got []string
			r := bundle.Reader{Limits: fhir.Limits{Bytes: 4096, Depth: 20},
				Entry: func(e *bundle.Entry) error {
					if e.Resource != nil && !bytes.HasPrefix(text[e.Offset:], []byte(e.Text)) {
						t.Fatalf("the text of %q is not at %d", e.Text, e.Offset)
					}
					got = append(got, fmt.Sprint(e.Offset, e.Text, e.FullURL, e.Method))
					return nil
				},
				Rejected: func(j fhir.Rejected) { got = append(got, j.Origin.String()+j.Reason) }}
			if _, err := r.Read(in); err != nil {
				t.Fatal(err)
			}
			return got
		}
		if a, b := run(bytes.NewReader(text)), run(iotest.OneByteReader(bytes.NewReader(text))); fmt.Sprint(a) != fmt.Sprint(b) {
			t.Fatalf("whole: %q\nbyte by byte: %q", a, b)
		}
	})
}

func TestABorrowedEntryIsWhatAnOwnedOneIsUntilEntryReturns(t *testing.T) {
	var in strings.Builder
	for i := range 4000 { // several windows
		fmt.Fprintf(&in, `{"resourceType":"Observation","id":"o%d","note":[{"text":"%s"}]}`+"\n", i, strings.Repeat("x", i%200))
	}
	read := func(borrow bool) (seen []string) {
		r := &bundle.Reader{Reuse: true, Borrow: borrow, Rejected: func(r fhir.Rejected) { t.Error(r) }}
		r.Entry = func(e *bundle.Entry) error {
			seen = append(seen, strings.Clone(e.Resource.ID)+" "+strings.Clone(e.Text))
			return nil
		}
		if _, err := r.Read(iotest.HalfReader(strings.NewReader(in.String()))); err != nil {
			t.Fatal(err)
		}
		return seen
	}
	owned, borrowed := read(false), read(true)
	if len(owned) != 4000 || !slices.Equal(owned, borrowed) {
		t.Errorf("%d entries, %d borrowed", len(owned), len(borrowed))
	}
}

func TestAKeptResourceIsTheCallersOwn(t *testing.T) {
	var kept []*fhir.Resource
	r := bundle.Reader{Reuse: true, Rejected: func(j fhir.Rejected) { t.Error(j) }, Entry: func(e *bundle.Entry) error {
		if e.Keep = e.Resource.Type == "Patient"; e.Keep {
			kept = append(kept, e.Resource)
		}
		return nil
	}}
	const text = `{"resourceType":"Bundle","type":"searchset","entry":[{"resource":{"resourceType":"Patient","id":"a"}},
		{"resource":{"resourceType":"Basic","id":"x"}},{"resource":{"resourceType":"Patient","id":"b"}},{"resource":{"resourceType":"Basic","id":"y"}}]}`
	for range 2 { // the second stream has the window of the first
		if _, err := r.Read(strings.NewReader(text)); err != nil {
			t.Fatal(err)
		}
	}
	var ids []string
	for _, k := range kept {
		ids = append(ids, k.Get("id").Text())
	}
	if got := strings.Join(ids, " "); got != "a b a b" {
		t.Errorf("kept %s", got)
	}
}
