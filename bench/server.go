package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/fhir/rest"
	"github.com/crflink/crflink/internal/wire"
	"github.com/crflink/crflink/pipeline"
	"github.com/crflink/crflink/synth"
)

// hospital is a FHIR server that lets every request wait.
type hospital struct {
	*httptest.Server
	data *synth.Server
	wait atomic.Int64 // nanoseconds
	now  atomic.Int64 // of the server, in milliseconds since 1970
}

func newHospital(patients int) (*hospital, error) {
	h := &hospital{}
	h.now.Store(time.Date(2026, 9, 20, 2, 0, 0, 0, time.UTC).UnixMilli())
	var err error
	if h.data, err = synth.NewServer(synth.ServerConfig{Now: func() time.Time { return time.UnixMilli(h.now.Load()) }}); err != nil {
		return nil, err
	}
	if err := h.data.Generate(context.Background(), synth.Config{Seed: seed, Patients: patients}); err != nil {
		return nil, err
	}
	h.Server = httptest.NewServer(http.HandlerFunc(h.serve))
	return h, nil
}

func (h *hospital) serve(w http.ResponseWriter, q *http.Request) {
	if wait := time.Duration(h.wait.Load()); wait > 0 {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-q.Context().Done():
			return
		}
	}
	h.data.ServeHTTP(w, q)
}

func (h *hospital) base() string { return h.URL + "/fhir" }

// servers measures what is read of FHIR servers.
func servers(p place, c corpus, s scale) ([]Figure, error) {
	streams, err := streamsOf(s.streams)
	if err != nil {
		return nil, err
	}
	again, err := onlyChanges(p, s.nightly)
	if err != nil {
		return nil, err
	}
	pulled, err := pulls(p, c, s.rounds)
	return append(append(streams, again...), pulled...), err
}

// streamsOf compares fetching patients one after the other with eight at a time, from a server that takes 100 ms for each page.
func streamsOf(patients int) ([]Figure, error) {
	const side = 8
	h, err := newHospital(patients)
	if err != nil {
		return nil, err
	}
	defer h.Close()
	study, _, err := pipeline.LoadStudy(example + "/study.yaml")
	if err != nil {
		return nil, err
	}
	took := map[int]float64{}
	for _, n := range []int{1, side} {
		h.wait.Store(0)
		source, err := rest.New(rest.Options{Wire: wire.Options{Base: h.base()}})
		if err != nil {
			return nil, err
		}
		keys, err := keysOf(source)
		if err == nil {
			h.wait.Store(int64(100 * time.Millisecond))
			begin := time.Now()
			err = fetchAll(source, keys, study.Wanted(), n)
			took[n] = time.Since(begin).Seconds()
		}
		if err := errors.Join(err, source.Close()); err != nil {
			return nil, err
		}
	}
	return []Figure{Figure{Name: "eight patients at a time / eight times one", Value: took[1] / took[side] / side, Unit: "x",
		Against: fmt.Sprintf("%d patients, 100 ms a page, one at a time %.1f s", patients, took[1]), Better: higher}.within(0.85, 0.95)}, nil
}

func keysOf(source fhir.Source) (keys []fhir.Key, err error) {
	for facts, err := range source.Subjects(context.Background(), func(fhir.Rejected) {}) {
		if err != nil {
			return nil, err
		}
		keys = append(keys, facts.Key())
	}
	return keys, nil
}

// fetchAll fetches patients, some at a time.
func fetchAll(source fhir.Source, keys []fhir.Key, wanted fhir.Wanted, atOnce int) error {
	todo := make(chan fhir.Key, len(keys))
	for _, k := range keys {
		todo <- k
	}
	close(todo)
	errs := make([]error, atOnce)
	var workers sync.WaitGroup
	for i := range atOnce {
		workers.Go(func() {
			for k := range todo {
				record, err := source.Fetch(context.Background(), k, wanted, func(fhir.Rejected) {})
				if err != nil {
					errs[i] = err
					return
				}
				record.Release()
			}
		})
	}
	workers.Wait()
	return errors.Join(errs...)
}

// serverStudy is place.study for a server.
func (p place) serverStudy(state, base string) (string, error) {
	file, err := p.study(corpus{folder: base}, state)
	if err != nil {
		return "", err
	}
	text, err := os.ReadFile(file) // #nosec G304 -- just written
	if err != nil {
		return "", err
	}
	edited := strings.Replace(string(text), fmt.Sprintf("files: %q", base), fmt.Sprintf("fhir: %q", base), 1)
	if edited == string(text) {
		return "", errors.New("the study has no source to replace: bring bench/server.go up to date")
	}
	return file, os.WriteFile(file, []byte(edited), 0o600) // #nosec G703 -- a file in bench's own folder
}

// onlyChanges compares the first night with one before which the data of one patient in a hundred changed, from a server that takes
// 20 ms for each page.
func onlyChanges(p place, patients int) ([]Figure, error) {
	h, err := newHospital(patients)
	if err != nil {
		return nil, err
	}
	defer h.Close()
	h.wait.Store(int64(20 * time.Millisecond))
	file, err := p.serverStudy("nightly", h.base())
	if err != nil {
		return nil, err
	}
	first, err := p.sync(file)
	if err != nil {
		return nil, err
	}
	h.now.Add(time.Hour.Milliseconds())
	for i := range max(1, patients/100) {
		text := fmt.Sprintf(`{"resourceType":"Observation","id":"new-%d","status":"final","subject":{"reference":"Patient/%s"},"effectiveDateTime":"2024-05-01",`+
			`"code":{"coding":[{"system":"http://loinc.org","code":"2857-1"}]},"valueQuantity":{"value":1.5,"unit":"ng/mL","system":"http://unitsofmeasure.org","code":"ng/mL"}}`, i, h.patient(i*100))
		if err := h.data.Put([]byte(text)); err != nil {
			return nil, err
		}
	}
	h.now.Add(time.Hour.Milliseconds())
	h.data.ForgetRequests()
	second, err := p.sync(file)
	if err != nil {
		return nil, err
	}
	return []Figure{Figure{Name: "a night after changes of 1 % / the first", Value: 100 * second.took.Seconds() / first.took.Seconds(), Unit: "%",
		Against: fmt.Sprintf("%d patients, 20 ms a page, first night %.1f s", patients, first.took.Seconds()), Better: lower}.within(10, 5)}, nil
}

// patient returns the id of the nth Patient that came.
func (h *hospital) patient(n int) string {
	ids := h.data.IDs("Patient")
	return ids[n%len(ids)]
}

// pulls compares a dry run from a server with one from files, and measures its memory for small and large pages.
func pulls(p place, c corpus, rounds int) ([]Figure, error) {
	data, err := synth.NewServer(synth.ServerConfig{PageSize: 500, MaxPage: 1_000_000})
	if err != nil {
		return nil, err
	}
	if err := data.Load(c.folder); err != nil {
		return nil, err
	}
	var size atomic.Int64 // of a page, whatever the client asks for
	size.Store(500)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		q.URL.RawQuery = strings.Replace(q.URL.RawQuery, "_count=500", fmt.Sprintf("_count=%d", size.Load()), 1)
		data.ServeHTTP(w, q)
	}))
	defer server.Close()
	files, err := p.study(c, "files")
	if err != nil {
		return nil, err
	}
	pulled, err := p.serverStudy("server", server.URL+"/fhir")
	if err != nil {
		return nil, err
	}
	dry := func(file string) side {
		return func() (time.Duration, error) {
			cmd := p.syncCommand(file)
			cmd.Args = append(cmd.Args, "--dry-run")
			u, err := run(cmd, 5)
			return u.cpu, err
		}
	}
	t, err := medians(rounds, dry(files), dry(pulled))
	if err != nil {
		return nil, err
	}
	figures := []Figure{Figure{Name: "read and mapped from a server / from files", Value: t[0] / t[1], Unit: "x",
		Against: fmt.Sprintf("files %.2f CPU-s, server %.2f CPU-s", t[0], t[1]), Better: higher}.within(0.55, 0.8)}
	for _, entries := range []int64{20, 1_000_000} {
		size.Store(entries)
		peak, err := p.peak(pulled)
		if err != nil {
			return nil, err
		}
		figures = append(figures, Figure{Name: fmt.Sprintf("peak memory, pages of %d", entries), Value: peak, Unit: "MiB", Against: fmt.Sprintf("%.0f MB of input", float64(c.bytes)/1e6), Better: lower}.within(128, 96))
	}
	return figures, nil
}
