package main

import (
	"encoding/csv"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/crflink/crflink/internal/fake"
	"github.com/crflink/crflink/pseudonym/mainzelliste/fakemainzelliste"
	"github.com/crflink/crflink/pseudonym/vfps/fakevfps"
	"github.com/crflink/crflink/synth"
)

// numberer is a service with the patients that enrolment has told it of.
type numberer struct {
	fake.Front
	enrol func(pid, number string)
	study func(base string) string // what the study file says about it, behind "from: "
	env   []string
	calls *regexp.Regexp // those that it may get of a study that creates no numbers
}

func numberers() map[string]*numberer {
	mzl := fakemainzelliste.New("the-api-key", []string{"pid"}, []string{"psma"})
	v := fakevfps.New()
	v.Token = "the-token"
	v.AddNamespace("psma", "V-", "")
	return map[string]*numberer{
		"mainzelliste": {fake.Front{Handler: mzl}, func(pid, number string) { mzl.Insert(map[string]string{"pid": pid, "psma": number}) },
			func(base string) string {
				return "mainzelliste\n    url: " + base + "/mainzelliste\n    identifier-type: pid\n    number-type: psma\n    key-env: NUMBER_SECRET"
			}, []string{"NUMBER_SECRET=the-api-key"}, regexp.MustCompile(`^(POST /mainzelliste/sessions/?|POST /mainzelliste/sessions/[^/]+/tokens/?|GET /mainzelliste/patients/tokenId/[^/]+|DELETE /mainzelliste/sessions/[^/]+/?)$`)},
		"vfps": {fake.Front{Handler: v}, func(pid, number string) { v.Insert("psma", pid, number) },
			func(base string) string {
				return "vfps\n    url: " + base + "/v1/fhir\n    namespace: psma\n    auth: {token-env: NUMBER_SECRET}"
			}, []string{"NUMBER_SECRET=the-token"}, regexp.MustCompile(`^POST /v1/fhir/\$resolve-pseudonym$`)},
	}
}

// TestAServiceNumbersTheSubjectsAndItsFailureCostsNobodyAnIdentity: who has a number is delivered under it, who has none
// waits, and without the service nothing is delivered at all.
func TestAServiceNumbersTheSubjectsAndItsFailureCostsNobodyAnIdentity(t *testing.T) {
	t.Parallel()
	folder, truth := filepath.Join(t.TempDir(), "hospital"), []synth.Truth(nil)
	config := synth.Config{Seed: 5, Patients: 24}
	_, err := synth.Write(t.Context(), config, folder)
	must(t, err)
	must(t, os.Remove(filepath.Join(folder, synth.TruthFile)))
	g, err := synth.New(config)
	must(t, err)
	must(t, g.Each(func(string, []byte) error { return nil }, func(one *synth.Truth) error {
		truth = append(truth, synth.Truth{PID: one.PID})
		return nil
	}))
	for name, s := range numberers() {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(&s.Front)
			t.Cleanup(server.Close)
			j := newJob(t, "files: ["+folder+"]", "research-subject\n    system: https://psma-registry.example/fhir/sid/subject", s.study(server.URL))
			j.env = append(j.env, s.env...)
			for i, one := range truth {
				if i%3 > 0 {
					s.enrol(one.PID, fmt.Sprintf("NR-%03d", i))
				}
			}
			first := j.sync(t)
			numbers := subjectsIn(t, j)
			if len(numbers) < 5 || !strings.Contains(first.out, "not enrolled ") || slices.ContainsFunc(numbers, func(n string) bool { return !strings.HasPrefix(n, "NR-") }) {
				t.Fatalf("%v\n%s", numbers, first.out)
			}
			onlyCalls(t, s.calls, s.Calls())
			before := j.delivered(t)
			s.Break(slices.Repeat([]fake.Fault{fake.Forbidden}, 30)...)
			down := j.run(t, j.syncArgs("--full")...)
			if down.code != exitServer || !strings.Contains(down.err, "403") {
				t.Errorf("exit code %d: %s", down.code, down.err)
			}
			same(t, before, j.delivered(t))
			for file, text := range j.delivered(t) {
				for _, one := range truth {
					if strings.Contains(text, one.PID) {
						t.Errorf("%s holds a patient's identifier", file)
					}
				}
			}
		})
	}
}

// onlyCalls fails for a call of a trust centre's service that is none of its operations that crflink uses.
func onlyCalls(t *testing.T, may *regexp.Regexp, calls []string) {
	t.Helper()
	if len(calls) == 0 {
		t.Error("the service was not called")
	}
	for _, c := range calls {
		if !may.MatchString(c) {
			t.Errorf("the service was sent %s", c)
		}
	}
}

func same(t *testing.T, want, got map[string]string) {
	t.Helper()
	if len(want) != len(got) {
		t.Errorf("%d files, want %d", len(got), len(want))
	}
	for name, text := range want {
		if got[name] != text {
			t.Errorf("%s has changed", name)
		}
	}
}

// subjectsIn returns the subject numbers in the long table.
func subjectsIn(t *testing.T, j *job) []string {
	t.Helper()
	rows, err := csv.NewReader(strings.NewReader(j.read(t, "out/tables/cells.csv"))).ReadAll()
	must(t, err)
	column := slices.Index(rows[0], "subject")
	if column < 0 {
		t.Fatalf("no column subject: %v", rows[0])
	}
	var numbers []string
	for _, row := range rows[1:] {
		numbers = append(numbers, row[column])
	}
	slices.Sort(numbers)
	return slices.Compact(numbers)
}

func TestAServiceWithoutItsSecretIsNotAsked(t *testing.T) {
	t.Parallel()
	for name, s := range numberers() {
		server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Errorf("%s was asked", name) }))
		j := newJob(t, "files: ["+hospital(t, 1, 2)+"]", "research-subject\n    system: https://psma-registry.example/fhir/sid/subject", s.study(server.URL))
		if said := j.run(t, j.syncArgs()...); said.code != exitUsage || !strings.Contains(said.err, "NUMBER_SECRET is not set") {
			t.Errorf("%s: %d %s", name, said.code, said.err)
		}
		plan := j.run(t, "plan", "study.yaml")
		if !strings.Contains(plan.out, "psma, creating them: false") {
			t.Errorf("%s: %s", name, plan.out)
		}
		server.Close()
	}
}
