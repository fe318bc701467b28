package fhirpath

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/crflink/crflink/fhir"
)

var seeds = []string{
	"name.where(use = 'official').given.first()", "1 + 2 * 3 - -4", "(1 | 2).count()", "a.b[0].c is Patient and `div`.`x y`",
	"4 days + 5 'mg'", "@2020-01-01T10:00:00.123+02:00", "@T10:30", "%`ext-x` & %a", "'\\u00e4\\'\\\\\\n'", "{} implies true",
	"$this.select($index).aggregate($total + $this, 0)", "5L", "-(1).abs()", "-1.abs()", "(a as B).c", "a is B.C", "1 'a' 'b'",
	"(2.5).power(1000000)", "10.power(400)", "0.exp()", "1000.exp()", "(-1).ln()", "1e5", "@2024.highBoundary(8)", "'a'.replace('', 'bb')",
	"descendants().repeat(children()).count()", "birthDate.extension.value", "(1|2|3).sort(-$this)", "true xor {} or false",
	"@2020-02-29 + 99999999999 years", "1 'kg' * 2 'Cel'", "'x'.matches('(')", "name.given.toChars().isDistinct()", "a contains b in c",
}

// moreSeeds are the expressions that are held against npm's fhirpath.
func moreSeeds(t testing.TB) (all []string) {
	text, err := os.ReadFile("testdata/crosscheck/expressions.json")
	if err != nil {
		t.Fatal(err)
	}
	var byType map[string][]string
	if err := json.Unmarshal(text, &byType); err != nil {
		t.Fatal(err)
	}
	for _, expressions := range byType {
		all = append(all, expressions...)
	}
	return append(all, seeds...)
}

// sameTree compares trees without positions.
func sameTree(a, b *expr) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.form == b.form && a.name == b.name && a.lit == b.lit && a.unit == b.unit && a.word == b.word &&
		sameTree(a.left, b.left) && sameTree(a.right, b.right) && slices.EqualFunc(a.args, b.args, sameTree)
}

// FuzzPrintedExpressionsReadTheSame states parse(print(e)) = e, and that printing is stable.
func FuzzPrintedExpressionsReadTheSame(f *testing.F) {
	for _, s := range moreSeeds(f) {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, src string) {
		e, bad := parse(src)
		if bad != nil {
			return
		}
		text := printed(e)
		again, bad := parse(text)
		if bad != nil {
			t.Fatalf("%q prints as %q, which is refused: %s", src, text, bad.problem)
		}
		if !sameTree(e, again) {
			t.Fatalf("%q prints as %q, which is another expression", src, text)
		}
		if s := printed(again); s != text {
			t.Fatalf("%q prints as %q, then as %q", src, text, s)
		}
	})
}

const fuzzResource = `{"resourceType":"Patient","id":"p","active":true,"birthDate":"1974-12-25","_birthDate":{"id":"b"},"gender":"male",
"name":[{"use":"official","family":"Ö","given":["A",null],"_given":[null,{"extension":[{"url":"u","valueString":"x"}]}]},{"family":"B"}],
"deceasedDateTime":"2024-02-30T99:00:00","contained":[{"resourceType":"Observation","status":"final","code":{"text":"c"},"valueQuantity":{"value":1e5,"code":"mg"}}],
"extension":[{"url":"q","valueQuantity":{"value":-0.50,"system":"http://unitsofmeasure.org","code":"mg"}},{"url":"d","valueDecimal":123456789012345678901234567890.5}]}`

func fuzzEval(x *Expr, focus fhir.Node) (string, error) {
	values, err := x.Eval(&Env{AsOf: time.Unix(1.7e9, 0)}, focus, nil)
	var b bytes.Buffer
	for _, v := range values {
		_ = v.Text()
		b.Write(append(v.AppendJSON(nil), ' '))
		if !json.Valid(v.AppendJSON(nil)) {
			return "", &EvalError{Problem: "the result is no JSON: " + b.String()}
		}
	}
	return b.String(), err
}

// FuzzEvaluationNeverPanics states that whatever compiles can be evaluated, with a result or an error, that the result
// is JSON, and that the same evaluation run concurrently gives the same.
func FuzzEvaluationNeverPanics(f *testing.F) {
	for _, s := range moreSeeds(f) {
		f.Add(s, true)
		f.Add(s, false)
	}
	var table fhir.Table
	if err := table.Parse(fuzzResource); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, src string, typed bool) {
		opts := Options{}
		if typed {
			opts.Type = "Patient"
		}
		x, err := Compile(src, opts)
		if err != nil {
			return
		}
		want, wantErr := fuzzEval(x, table.Root())
		var wait sync.WaitGroup
		for range 2 {
			wait.Go(func() {
				if got, err := fuzzEval(x, table.Root()); got != want || (err == nil) != (wantErr == nil) {
					t.Errorf("%q gave %q, then %q", src, want, got)
				}
			})
		}
		wait.Wait()
		if e := (*EvalError)(nil); errors.As(wantErr, &e) && e.Line == 0 {
			t.Fatalf("%q: %v", src, e)
		}
		if again, err := Compile(x.String(), opts); err != nil {
			t.Fatalf("%q prints as %q, which does not compile: %v", src, x, err)
		} else if got, err := fuzzEval(again, table.Root()); got != want || (err == nil) != (wantErr == nil) {
			t.Fatalf("%q gave %q, as printed %q gave %q", src, want, x, got)
		}
	})
}

// TestConcurrentEvaluationsAgree runs each seed on many goroutines at once.
func TestConcurrentEvaluationsAgree(t *testing.T) {
	var table fhir.Table
	if err := table.Parse(fuzzResource); err != nil {
		t.Fatal(err)
	}
	for _, src := range moreSeeds(t) {
		x, err := Compile(src, Options{})
		if err != nil {
			continue
		}
		want, _ := fuzzEval(x, table.Root())
		var wait sync.WaitGroup
		for range 4 {
			wait.Go(func() {
				if got, _ := fuzzEval(x, table.Root()); got != want {
					t.Errorf("%s gave %q, then %q", src, want, got)
				}
			})
		}
		wait.Wait()
	}
}
