package wire_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/crflink/crflink/internal/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serve starts a server and a reader of it that waits for almost nothing.
func serve(t *testing.T, o wire.Options, handler http.HandlerFunc) *wire.Reader {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	o.Base = server.URL + "/fhir"
	return reader(t, o)
}

func reader(t *testing.T, o wire.Options) *wire.Reader {
	t.Helper()
	if o.Pause == 0 {
		o.Pause = time.Microsecond
	}
	if o.MaxPause == 0 {
		o.MaxPause = time.Millisecond
	}
	r, err := wire.NewReader(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

// get reads an answer whole.
func get(r *wire.Reader, path string) (string, error) {
	target, err := url.Parse(r.Base().String() + path)
	if err != nil {
		return "", err
	}
	return getURL(r, target)
}

func getURL(r *wire.Reader, target *url.URL) (text string, err error) {
	err = r.Get(context.Background(), target, func(a wire.Answer) error {
		b, err := io.ReadAll(a.Body)
		text = string(b)
		return err
	})
	return text, err
}

func TestPassingFailuresAreRepeated(t *testing.T) {
	for name, fail := range map[string]http.HandlerFunc{
		"429":       func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Retry-After", "1"); w.WriteHeader(429) },
		"500":       func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) },
		"503":       func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) },
		"no answer": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"broken answer": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			_, _ = w.Write([]byte("ab"))
		},
		"broken gzip": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write(gzipped("0123456789")[:12])
		},
	} {
		t.Run(name, func(t *testing.T) {
			var n atomic.Int32
			r := serve(t, wire.Options{}, func(w http.ResponseWriter, q *http.Request) {
				if n.Add(1) <= 3 {
					fail(w, q)
					return
				}
				_, _ = w.Write([]byte("whole"))
			})
			if got, err := get(r, "/Patient"); err != nil || got != "whole" || n.Load() != 4 {
				t.Errorf("got %q, %v after %d attempts", got, err, n.Load())
			}
		})
	}
}

func gzipped(s string) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write([]byte(s))
	_ = z.Close()
	return b.Bytes()
}

func TestRepetitionEnds(t *testing.T) {
	var n atomic.Int32
	r := serve(t, wire.Options{Retries: 2}, func(w http.ResponseWriter, _ *http.Request) { n.Add(1); w.WriteHeader(503) })
	_, err := get(r, "/Patient?_id=secret-patient")
	var status *wire.StatusError
	if !errors.As(err, &status) || status.Status != 503 || n.Load() != 3 {
		t.Errorf("%v after %d attempts, want 503 after 3", err, n.Load())
	}
	if strings.Contains(err.Error(), "secret-patient") {
		t.Errorf("the error names the patient: %v", err)
	}
}

func TestLastingFailuresAreNotRepeated(t *testing.T) {
	for _, code := range []int{400, 401, 403, 404, 410, 422} {
		var n atomic.Int32
		r := serve(t, wire.Options{}, func(w http.ResponseWriter, _ *http.Request) { n.Add(1); w.WriteHeader(code) })
		_, err := get(r, "/Patient")
		var status *wire.StatusError
		if !errors.As(err, &status) || status.Status != code || status.Type != "Patient" || n.Load() != 1 {
			t.Errorf("%d: %v after %d attempts", code, err, n.Load())
		}
	}
}

func TestAConsumerMayAskForAnotherAttempt(t *testing.T) {
	var n atomic.Int32
	r := serve(t, wire.Options{}, func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprint(w, n.Add(1)) })
	err := r.Get(t.Context(), r.Base(), func(a wire.Answer) error {
		if b, _ := io.ReadAll(a.Body); string(b) != "3" {
			return fmt.Errorf("%w: not yet", wire.ErrBroken)
		}
		return nil
	})
	if err != nil || n.Load() != 3 {
		t.Errorf("%v after %d attempts", err, n.Load())
	}
	own := errors.New("own")
	if err := r.Get(t.Context(), r.Base(), func(wire.Answer) error { return own }); !errors.Is(err, own) || n.Load() != 4 {
		t.Errorf("%v after %d attempts, want the consumer's own error at once", err, n.Load())
	}
}

func TestRetryAfterIsHeeded(t *testing.T) {
	const wait = 40 * time.Millisecond
	for name, header := range map[string]map[string]string{
		"seconds": {"Retry-After": "3600"},
		"date":    {"Retry-After": "Wed, 21 Oct 2015 07:28:40 GMT", "Date": "Wed, 21 Oct 2015 07:28:00 GMT"},
	} {
		var first, second time.Time
		r := serve(t, wire.Options{MaxPause: wait}, func(w http.ResponseWriter, _ *http.Request) {
			if first.IsZero() {
				first = time.Now()
				for k, v := range header {
					w.Header().Set(k, v)
				}
				w.WriteHeader(503)
				return
			}
			second = time.Now()
		})
		if _, err := get(r, ""); err != nil {
			t.Fatal(err)
		}
		if d := second.Sub(first); d < wait {
			t.Errorf("%s: repeated after %v, want the longest pause, %v", name, d, wait)
		}
	}
}

func TestOnlyTheConfiguredHostIsAsked(t *testing.T) {
	var foreign atomic.Int32
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { foreign.Add(1) }))
	defer other.Close()
	var home atomic.Int32
	r := serve(t, wire.Options{Auth: wire.Auth{User: "u", Password: wire.NewSecret("p")}}, func(w http.ResponseWriter, q *http.Request) {
		home.Add(1)
		switch q.URL.Path {
		case "/fhir/away":
			http.Redirect(w, q, other.URL+"/fhir/Patient", http.StatusFound)
		case "/fhir/near":
			http.Redirect(w, q, "/fhir/here", http.StatusFound)
		case "/fhir/loop":
			http.Redirect(w, q, "/fhir/loop", http.StatusFound)
		}
	})
	for _, path := range []string{"/away", "/loop"} {
		if _, err := get(r, path); err == nil {
			t.Errorf("%s was followed", path)
		}
	}
	if _, err := get(r, "/near"); err != nil {
		t.Error(err)
	}
	target, _ := url.Parse(other.URL + "/fhir/Patient")
	if _, err := getURL(r, target); err == nil {
		t.Error("a foreign URL was asked")
	}
	if foreign.Load() != 0 {
		t.Errorf("%d requests reached the foreign host", foreign.Load())
	}
}

func TestAnswersAreBounded(t *testing.T) {
	bomb := gzipped(strings.Repeat("x", 1<<20))
	r := serve(t, wire.Options{MaxBody: 1000}, func(w http.ResponseWriter, q *http.Request) {
		if q.URL.Path == "/fhir/bomb" {
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write(bomb)
			return
		}
		for range 100 {
			_, _ = w.Write(make([]byte, 100))
		}
	})
	for _, path := range []string{"/long", "/bomb"} {
		if _, err := get(r, path); !errors.Is(err, wire.ErrTooLarge) {
			t.Errorf("%s: %v, want ErrTooLarge", path, err)
		}
	}
}

func TestASilentServerIsLeft(t *testing.T) {
	release := make(chan struct{})
	r := serve(t, wire.Options{Idle: 20 * time.Millisecond, Retries: 1}, func(w http.ResponseWriter, q *http.Request) {
		if q.URL.Path == "/fhir/drip" {
			_, _ = w.Write([]byte("a"))
			_ = http.NewResponseController(w).Flush()
		}
		select {
		case <-release:
		case <-q.Context().Done():
		}
	})
	defer close(release)
	for _, path := range []string{"/mute", "/drip"} {
		if _, err := get(r, path); err == nil || !strings.Contains(err.Error(), "no answer in time") {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestACancelledRequestEndsAtOnce(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	r := serve(t, wire.Options{Pause: time.Hour, MaxPause: time.Hour}, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(503)
		cancel()
	})
	if err := r.Get(ctx, r.Base(), func(wire.Answer) error { return nil }); err == nil {
		t.Error("no error")
	}
}

func TestQueriesAreSentAsTheyAre(t *testing.T) {
	var got string
	r := serve(t, wire.Options{}, func(_ http.ResponseWriter, q *http.Request) { got = q.RequestURI })
	for _, query := range []string{"?a=b|c", "?a=b%7Cc&a=%2C,+%20", "?_page=%C3%A4%2f&x={y}&z", "?code=http://loinc.org|1,http%3A%2F%2Fx%7C2"} {
		if _, err := get(r, "/Patient"+query); err != nil {
			t.Fatal(err)
		}
		if want := "/fhir/Patient" + query; got != want {
			t.Errorf("sent %s, want %s", got, want)
		}
	}
}

func TestASearchIsPostedAsAForm(t *testing.T) {
	var got string
	var log []wire.Attempt
	var mu sync.Mutex
	o := wire.Options{Auth: wire.Auth{Bearer: wire.NewSecret("t")}, Log: func(a wire.Attempt) { mu.Lock(); log = append(log, a); mu.Unlock() }}
	r := serve(t, o, func(_ http.ResponseWriter, q *http.Request) {
		b, _ := io.ReadAll(q.Body)
		got = q.Method + " " + q.URL.Path + " " + q.Header.Get("Content-Type") + " " + q.Header.Get("Authorization") + " " + string(b)
	})
	if err := r.Search(t.Context(), "Observation", "patient=1,2", func(wire.Answer) error { return nil }); err != nil {
		t.Fatal(err)
	}
	if want := "POST /fhir/Observation/_search application/x-www-form-urlencoded Bearer t patient=1,2"; got != want {
		t.Errorf("sent %s\nwant %s", got, want)
	}
	if want := (wire.Attempt{Method: "POST", Path: "/fhir/Observation/_search", Type: "Observation", Number: 1}); len(log) != 1 || log[0] != want {
		t.Errorf("logged %v", log)
	}
	if err := r.Search(t.Context(), "../$import", "", func(wire.Answer) error { return nil }); err == nil {
		t.Error("something else than a search was posted")
	}
}

func TestASecretNeverShows(t *testing.T) {
	s := wire.NewSecret("hunter2")
	holder := struct {
		Token wire.Secret
		Ptr   *wire.Secret
	}{s, &s}
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "secret", s, "holder", holder)
	encoded, err := json.Marshal(holder)
	if err != nil {
		t.Fatal(err)
	}
	all := fmt.Sprintf("%v %+v %#v %s %q %x %d", holder, holder, holder, s, s, s, s) + fmt.Sprint(s, holder) + log.String() + string(encoded)
	if strings.Contains(all, "hunter2") || strings.Contains(all, fmt.Sprintf("%x", "hunter2")) {
		t.Errorf("the secret shows: %s", all)
	}
	if s.Reveal() != "hunter2" {
		t.Error("the secret is lost")
	}
}

func TestCertificatesAreVerified(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok")) }))
	defer server.Close()
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	if _, err := get(reader(t, wire.Options{Base: server.URL, Retries: -1}), ""); err == nil {
		t.Error("an unknown certificate was accepted")
	}
	ca := filepath.Join(t.TempDir(), "ca.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(ca, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := get(reader(t, wire.Options{Base: server.URL, TLS: wire.TLS{CA: ca}}), ""); err != nil || got != "ok" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestAClientCertificateIsShown(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		_, _ = fmt.Fprint(w, len(q.TLS.PeerCertificates))
	}))
	server.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert, MinVersion: tls.VersionTLS12}
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	server.StartTLS()
	defer server.Close()
	key, err := x509.MarshalPKCS8PrivateKey(server.TLS.Certificates[0].PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	write := func(name, kind string, der []byte) string {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	cert := write("cert.pem", "CERTIFICATE", server.Certificate().Raw)
	o := wire.Options{Base: server.URL, Retries: -1, TLS: wire.TLS{CA: cert}}
	if _, err := get(reader(t, o), ""); err == nil {
		t.Error("the server let a client without certificate in")
	}
	o.TLS.Certificate, o.TLS.Key = cert, write("key.pem", "PRIVATE KEY", key)
	if got, err := get(reader(t, o), ""); err != nil || got != "1" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestBadOptionsAreRefused(t *testing.T) {
	for name, o := range map[string]wire.Options{
		"no base":        {},
		"relative":       {Base: "/fhir"},
		"other scheme":   {Base: "ftp://x/fhir"},
		"user in URL":    {Base: "https://u:p@x/fhir"},
		"query":          {Base: "https://x/fhir?a=b"},
		"two identities": {Base: "https://x", Auth: wire.Auth{User: "u", Bearer: wire.NewSecret("t")}},
		"token on lines": {Base: "https://x", Auth: wire.Auth{Bearer: wire.NewSecret("t\n")}},
		"half a pair":    {Base: "https://x", TLS: wire.TLS{Key: "k"}},
		"no CA file":     {Base: "https://x", TLS: wire.TLS{CA: "/nowhere"}},
		"proxy":          {Base: "https://x", Proxy: "nowhere"},
	} {
		if _, err := wire.NewReader(o); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
}
