package wire

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"

	"golang.org/x/oauth2"
)

// identity says to a server who asks: always in the same words, or by a token that is got anew before it expires. It may
// be used from several goroutines.
type identity struct {
	fixed string // value of Authorization; "" is nobody
	from  *tokenClient
	now   func() time.Time

	mu    sync.Mutex
	token *oauth2.Token
	fresh time.Time // until when the token is used
}

// Auth says who asks: nobody, or by exactly one of Basic, Bearer and OAuth.
type Auth struct {
	User     string // Basic
	Password Secret // Basic
	Bearer   Secret
	OAuth    *OAuth
}

func (a Auth) identity(transport http.RoundTripper) (*identity, error) {
	fixed, err := a.header()
	switch {
	case err != nil:
		return nil, err
	case a.OAuth == nil:
		return &identity{fixed: fixed}, nil
	case fixed != "":
		return nil, errors.New("configure either a user and password, a bearer token, or a client that gets tokens")
	}
	from, err := newTokenClient(*a.OAuth, transport)
	if err != nil {
		return nil, err
	}
	return &identity{from: from, now: time.Now}, nil
}

func (a Auth) header() (string, error) {
	switch {
	case !a.Bearer.IsZero() && a.User != "":
		return "", errors.New("configure either a user and password or a bearer token, not both")
	case !a.Bearer.IsZero():
		if strings.ContainsAny(a.Bearer.Reveal(), "\r\n ") {
			return "", errors.New("the bearer token holds a space or line break")
		}
		return "Bearer " + a.Bearer.Reveal(), nil
	case a.User != "":
		r := http.Request{Header: http.Header{}}
		r.SetBasicAuth(a.User, a.Password.Reveal())
		return r.Header.Get("Authorization"), nil
	}
	return "", nil
}

// header returns the value of Authorization. While one goroutine gets a token the others wait for it.
func (i *identity) header(ctx context.Context) (string, error) {
	if i.from == nil {
		return i.fixed, nil
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	now := i.now()
	if i.token == nil || !i.fresh.IsZero() && !now.Before(i.fresh) {
		token, err := i.from.fetch(ctx, now)
		if err != nil {
			return "", err
		}
		i.token, i.fresh = token, freshUntil(token, now)
	}
	return "Bearer " + i.token.AccessToken, nil
}

// early is how long before its end a token is replaced at most; of a short life it is a fifth.
const early = time.Minute

// freshUntil is zero for a token that does not say how long it lives: it is used until it is refused.
func freshUntil(t *oauth2.Token, now time.Time) time.Time {
	if t.Expiry.IsZero() {
		return time.Time{}
	}
	return t.Expiry.Add(-min(early, t.Expiry.Sub(now)/5))
}

// refused drops a token that a server did not accept, and reports whether another one may do. A token that is already
// another one stays.
func (i *identity) refused(header string) bool {
	if i.from == nil {
		return false
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.token != nil && "Bearer "+i.token.AccessToken == header {
		i.token = nil
	}
	return true
}
