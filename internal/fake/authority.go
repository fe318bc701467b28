package fake

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/lestrrat-go/jwx/v3/jwk"
	"github.com/lestrrat-go/jwx/v3/jwt"
)

// Authority is an authorisation server that gives tokens to clients by client_credentials (RFC 6749 4.4) and by signed
// assertions (RFC 7523, SMART Backend Services), and lets only requests with its tokens through to others. It refuses as
// real ones do. Its exported members are set before the first request.
type Authority struct {
	URL      string            // where it can be reached: the audience that assertions must name
	Secrets  map[string]string // by client
	Keys     map[string][]byte // JWK Sets by client
	Scopes   []string          // that may be asked for
	Lifetime time.Duration     // of a token; 0 says nothing of it
	Now      func() time.Time

	mu     sync.Mutex
	seen   map[string]bool      // ids of assertions
	tokens map[string]time.Time // until when each is good
	faults []int
	asked  int
}

// Asked returns how many requests for a token there were.
func (a *Authority) Asked() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.asked
}

// Break answers the next requests for a token with these statuses; 0 is a request that goes well.
func (a *Authority) Break(statuses ...int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.faults = append(a.faults, statuses...)
}

// Revoke makes all tokens that were given invalid.
func (a *Authority) Revoke() {
	a.mu.Lock()
	defer a.mu.Unlock()
	clear(a.tokens)
}

// ServeHTTP is the token endpoint.
func (a *Authority) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.asked++
	if len(a.faults) > 0 {
		status := a.faults[0]
		a.faults = a.faults[1:]
		if status != 0 {
			http.Error(w, "out of order", status)
			return
		}
	}
	if q.Method != http.MethodPost || q.ParseForm() != nil || q.PostForm.Get("grant_type") != "client_credentials" {
		refuseToken(w, http.StatusBadRequest, "unsupported_grant_type")
		return
	}
	if problem := a.authenticate(q); problem != "" {
		refuseToken(w, http.StatusUnauthorized, problem)
		return
	}
	for scope := range strings.FieldsSeq(q.PostForm.Get("scope")) {
		if !slices.Contains(a.Scopes, scope) {
			refuseToken(w, http.StatusBadRequest, "invalid_scope")
			return
		}
	}
	a.grant(w)
}

func (a *Authority) grant(w http.ResponseWriter) {
	token := fmt.Sprintf("token-canary-%d", a.asked)
	answer := map[string]any{"access_token": token, "token_type": "Bearer"}
	until := a.Now().Add(24 * time.Hour)
	if a.Lifetime > 0 {
		answer["expires_in"] = int(a.Lifetime / time.Second)
		until = a.Now().Add(a.Lifetime)
	}
	if a.tokens == nil {
		a.tokens = map[string]time.Time{}
	}
	a.tokens[token] = until
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(answer)
}

// authenticate returns why a client is not who it says.
func (a *Authority) authenticate(q *http.Request) string {
	if user, password, ok := q.BasicAuth(); ok {
		user, _ = url.QueryUnescape(user)
		password, _ = url.QueryUnescape(password)
		if known, there := a.Secrets[user]; !there || known != password {
			return "invalid_client"
		}
		return ""
	}
	if q.PostForm.Get("client_assertion_type") != "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" {
		return "invalid_client"
	}
	return a.assertion(q.PostForm.Get("client_assertion"))
}

func (a *Authority) assertion(text string) string {
	unproved, err := jwt.ParseInsecure([]byte(text))
	if err != nil {
		return "invalid_client"
	}
	client, _ := unproved.Issuer()
	keys, err := jwk.Parse(a.Keys[client])
	if err != nil {
		return "invalid_client"
	}
	token, err := jwt.Parse([]byte(text), jwt.WithKeySet(keys), jwt.WithValidate(true), jwt.WithClock(jwt.ClockFunc(a.Now)),
		jwt.WithAudience(a.URL), jwt.WithSubject(client))
	if err != nil {
		return "invalid_client"
	}
	id, _ := token.JwtID()
	ends, _ := token.Expiration()
	if id == "" || a.seen[id] || ends.After(a.Now().Add(5*time.Minute)) {
		return "invalid_grant"
	}
	if a.seen == nil {
		a.seen = map[string]bool{}
	}
	a.seen[id] = true
	return ""
}

func refuseToken(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"error": code, "error_description": "the request of canary-client was refused"})
}

// Guard lets requests with a good token through to a handler.
func (a *Authority) Guard(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		a.mu.Lock()
		until, ok := a.tokens[strings.TrimPrefix(q.Header.Get("Authorization"), "Bearer ")]
		ok = ok && a.Now().Before(until)
		a.mu.Unlock()
		if !ok {
			w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
			Refuse(w, http.StatusUnauthorized, "login", "")
			return
		}
		h.ServeHTTP(w, q)
	})
}
