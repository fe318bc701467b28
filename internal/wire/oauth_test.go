package wire_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/crflink/crflink/internal/fake"
	"github.com/crflink/crflink/internal/wire"
)

const (
	client = "canary-client"
	secret = "hunter2-canary +/&" // #nosec G101 -- a password of a fake server
)

// guarded is a server whose Patients are behind an authority.
type guarded struct {
	*fake.Authority
	server *httptest.Server
}

func guard(t *testing.T, a *fake.Authority) *guarded {
	t.Helper()
	g := &guarded{Authority: a}
	a.Now = time.Now
	mux := http.NewServeMux()
	mux.Handle("/token", a)
	mux.Handle("/fhir/", a.Guard(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("whole")) })))
	g.server = httptest.NewServer(mux)
	t.Cleanup(g.server.Close)
	a.URL = g.server.URL + "/token"
	return g
}

func (g *guarded) reader(t *testing.T, spec wire.OAuth) *wire.Reader {
	t.Helper()
	if spec.TokenURL == "" {
		spec.TokenURL = g.URL
	}
	return reader(t, wire.Options{Base: g.server.URL + "/fhir", Auth: wire.Auth{OAuth: &spec}})
}

func bySecret() wire.OAuth {
	return wire.OAuth{Client: client, Secret: wire.NewSecret(secret), Scopes: []string{"system/*.rs"}}
}

func authority() *fake.Authority {
	return &fake.Authority{Secrets: map[string]string{client: secret}, Scopes: []string{"system/*.rs"}, Lifetime: 5 * time.Minute}
}

func TestATokenIsGotOnceAndUsedByAll(t *testing.T) {
	g := guard(t, authority())
	r := g.reader(t, bySecret())
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if got, err := get(r, "/Patient"); err != nil || got != "whole" {
				t.Errorf("%q, %v", got, err)
			}
		})
	}
	all.Wait()
	if g.Asked() != 1 {
		t.Errorf("%d tokens were asked for", g.Asked())
	}
}

func TestAClientSignsWhoItIs(t *testing.T) {
	for name, make := range map[string]func(testing.TB) any{"RS384": rsaKey, "ES384": curveKey(elliptic.P384())} {
		t.Run(name, func(t *testing.T) {
			path := keyFile(t, make(t), 0o600)
			set, err := wire.PublicKeys("", path)
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(string(set), `"d"`) || !strings.Contains(string(set), name) {
				t.Errorf("the public keys are %s", set)
			}
			g := guard(t, &fake.Authority{Keys: map[string][]byte{client: set}, Scopes: []string{"system/*.rs"}, Lifetime: time.Minute})
			r := g.reader(t, wire.OAuth{Client: client, Key: path, Scopes: []string{"system/*.rs"}})
			for range 2 { // two assertions: an id is accepted once
				if got, err := get(r, "/Patient"); err != nil || got != "whole" {
					t.Errorf("%q, %v", got, err)
				}
				g.Revoke()
			}
			jwks := filepath.Join(t.TempDir(), "key.jwk")
			if _, err := wire.PublicKeys("", jwks); err == nil {
				t.Error("a missing file gave keys")
			}
		})
	}
}

func TestAKeyThatIsNoneIsRefused(t *testing.T) {
	small, err := rsa.GenerateKey(rand.Reader, 1024) //nolint:gosec // a key that is refused
	if err != nil {
		t.Fatal(err)
	}
	for name, path := range map[string]string{
		"small":   keyFile(t, small, 0o600),
		"P-256":   keyFile(t, curveKey(elliptic.P256())(t), 0o600),
		"open":    keyFile(t, rsaKey(t), 0o644),
		"no key":  textFile(t, "canary"),
		"a JWK":   textFile(t, `{"kty":"oct","k":"Y2FuYXJ5"}`),
		"nowhere": "/nowhere",
	} {
		_, err := wire.PublicKeys("", path)
		if err == nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestARefusedTokenIsReplacedOnce(t *testing.T) {
	g := guard(t, authority())
	r := g.reader(t, bySecret())
	if _, err := get(r, "/Patient"); err != nil {
		t.Fatal(err)
	}
	g.Revoke()
	if got, err := get(r, "/Patient"); err != nil || got != "whole" || g.Asked() != 2 {
		t.Errorf("%q, %v after %d tokens", got, err, g.Asked())
	}
}

func TestAServerThatAcceptsNoTokenIsAskedTwice(t *testing.T) {
	g := guard(t, authority())
	var n atomic.Int32
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { n.Add(1); w.WriteHeader(http.StatusUnauthorized) }))
	defer other.Close()
	spec := bySecret()
	spec.TokenURL = g.URL
	_, err := get(reader(t, wire.Options{Base: other.URL, Auth: wire.Auth{OAuth: &spec}}), "/Patient")
	if err == nil || n.Load() != 2 || g.Asked() != 2 {
		t.Errorf("%v after %d requests with %d tokens", err, n.Load(), g.Asked())
	}
}

// A token is replaced before it is over: by a minute, and one of a short life by a fifth of it.
func TestATokenIsReplacedEarly(t *testing.T) {
	for _, c := range []struct {
		life, used, over time.Duration
	}{{5 * time.Minute, 3*time.Minute + 59*time.Second, 4*time.Minute + time.Second}, {time.Minute, 47 * time.Second, 49 * time.Second}} {
		synctest.Test(t, func(t *testing.T) {
			a := authority()
			a.Lifetime, a.Now, a.URL = c.life, time.Now, "http://auth.example/token"
			i, err := wire.Identify(bySecret(), a)
			if err != nil {
				t.Fatal(err)
			}
			ask := func(want int) {
				if _, err := i(t.Context()); err != nil || a.Asked() != want {
					t.Errorf("%v: %v after %d tokens, want %d", c.life, err, a.Asked(), want)
				}
			}
			ask(1)
			<-time.After(c.used)
			ask(1)
			<-time.After(c.over - c.used)
			ask(2)
		})
	}
}

func TestRefusalsOfTheAuthoritySayWhatToDoAndNothingElse(t *testing.T) {
	key := keyFile(t, curveKey(elliptic.P384())(t), 0o600)
	spec := func(change func(*wire.OAuth)) wire.OAuth { s := bySecret(); change(&s); return s }
	for name, c := range map[string]struct {
		spec  wire.OAuth
		tells string
	}{
		"wrong secret": {spec(func(s *wire.OAuth) { s.Secret = wire.NewSecret("canary-other") }), "invalid_client"},
		"unknown":      {spec(func(s *wire.OAuth) { s.Client = "canary-nobody" }), "invalid_client"},
		"scope":        {spec(func(s *wire.OAuth) { s.Scopes = []string{"system/*.cruds"} }), "check the scopes"},
		"key unknown":  {spec(func(s *wire.OAuth) { s.Secret, s.Key = wire.Secret{}, key }), "registered"},
		"elsewhere":    {spec(func(s *wire.OAuth) { s.TokenURL = "http://127.0.0.1:1/canary" }), "gave no token"},
	} {
		g := guard(t, authority())
		_, err := get(g.reader(t, c.spec), "/Patient")
		if err == nil || !strings.Contains(err.Error(), c.tells) || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAnAuthorityThatIsOutOfOrderIsAskedAgain(t *testing.T) {
	g := guard(t, authority())
	g.Break(503, 500)
	if got, err := get(g.reader(t, bySecret()), "/Patient"); err != nil || got != "whole" || g.Asked() != 3 {
		t.Errorf("%q, %v after %d", got, err, g.Asked())
	}
	g.Break(404)
	if _, err := get(g.reader(t, bySecret()), "/Patient"); err == nil || g.Asked() != 4 {
		t.Errorf("%v after %d", err, g.Asked())
	}
}

func TestAnAuthoritysOddAnswersGiveNoToken(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{
		"a page":   func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>canary</html>")) },
		"no token": func(w http.ResponseWriter, _ *http.Request) { answerJSON(w, map[string]any{"x": "canary"}) },
		"another kind": func(w http.ResponseWriter, _ *http.Request) {
			answerJSON(w, map[string]any{"access_token": "canary", "token_type": "mac"})
		},
		"a redirect": func(w http.ResponseWriter, q *http.Request) {
			http.Redirect(w, q, "/canary", http.StatusTemporaryRedirect)
		},
		"a code of no kind": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(400)
			_, _ = w.Write([]byte(`{"error":"canary: patient 7"}`))
		},
	} {
		var n atomic.Int32
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) { n.Add(1); answer(w, q) }))
		spec := bySecret()
		spec.TokenURL = server.URL
		_, err := get(reader(t, wire.Options{Base: "http://127.0.0.1:1", Auth: wire.Auth{OAuth: &spec}}), "/Patient")
		if err == nil || strings.Contains(err.Error(), "canary") || n.Load() != 1 {
			t.Errorf("%s: %v after %d requests", name, err, n.Load())
		}
		server.Close()
	}
}

func answerJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}

func TestBadClientsAreRefused(t *testing.T) {
	for name, change := range map[string]func(*wire.OAuth){
		"no client":    func(s *wire.OAuth) { s.Client = "" },
		"no proof":     func(s *wire.OAuth) { s.Secret = wire.Secret{} },
		"two proofs":   func(s *wire.OAuth) { s.Key = "k" },
		"no address":   func(s *wire.OAuth) { s.TokenURL = "" },
		"user in it":   func(s *wire.OAuth) { s.TokenURL = "https://u:p@x/token" },
		"other scheme": func(s *wire.OAuth) { s.TokenURL = "ftp://x/token" },
	} {
		spec := bySecret()
		spec.TokenURL = "https://auth.example/token"
		change(&spec)
		if _, err := wire.NewReader(wire.Options{Base: "https://x", Auth: wire.Auth{OAuth: &spec}}); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
	spec := bySecret()
	spec.TokenURL = "https://auth.example/token"
	if _, err := wire.NewReader(wire.Options{Base: "https://x", Auth: wire.Auth{OAuth: &spec, User: "u"}}); err == nil {
		t.Error("two identities were accepted")
	}
}

func TestACancelledRequestForATokenEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, q *http.Request) { _ = q.ParseForm(); cancel(); <-q.Context().Done() }))
	defer server.Close()
	spec := bySecret()
	spec.TokenURL = server.URL
	r := reader(t, wire.Options{Base: "http://127.0.0.1:1", Auth: wire.Auth{OAuth: &spec}})
	if err := r.Get(ctx, r.Base(), func(wire.Answer) error { return nil }); err == nil {
		t.Error("no error")
	}
}

func TestRequestsGoThroughTheProxy(t *testing.T) {
	var asked []string
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		asked = append(asked, q.Method+" "+q.URL.String())
		_, _ = w.Write([]byte("whole"))
	}))
	defer proxy.Close()
	r := reader(t, wire.Options{Base: "http://fhir.hospital.example/fhir", Proxy: proxy.URL})
	if got, err := get(r, "/Patient"); err != nil || got != "whole" || fmt.Sprint(asked) != "[GET http://fhir.hospital.example/fhir/Patient]" {
		t.Errorf("%q, %v, asked %v", got, err, asked)
	}
	if _, err := wire.NewReader(wire.Options{Base: "http://x", Proxy: "http://u:p@proxy:3128"}); err == nil {
		t.Error("a proxy's password in its address was accepted")
	}
}

func rsaKey(t testing.TB) any {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func curveKey(c elliptic.Curve) func(testing.TB) any {
	return func(t testing.TB) any {
		t.Helper()
		key, err := ecdsa.GenerateKey(c, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return key
	}
}

func keyFile(t testing.TB, key any, mode os.FileMode) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	path := textFile(t, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})))
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	return path
}

func textFile(t testing.TB, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
