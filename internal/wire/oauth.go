package wire

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

// OAuth says how a token is got from an authorisation server by the client's own authority (RFC 6749 4.4). The client
// proves who it is by Secret, or by signing with Key (RFC 7523; SMART App Launch 2.2, Backend Services).
type OAuth struct {
	TokenURL string
	Client   string
	Secret   Secret
	Key      string   // file of the private key: PEM or JWK, RSA for RS384 or P-384 for ES384
	KeyID    string   // "" is the key's own id, else its thumbprint (RFC 7638)
	Audience string   // of the signed assertion; "" is TokenURL
	Scopes   []string // such as system/*.rs
}

// TokenError is a token that was not given. What the server wrote beside its code is left out.
type TokenError struct {
	Status int    // 0 for a server that gave no answer
	Code   string // of RFC 6749 5.2; "" when the answer had none
	err    error
}

func (e *TokenError) Error() string {
	switch {
	case errors.Is(e.err, context.DeadlineExceeded):
		return "the authorisation server gave no answer in time"
	case e.Status == 0:
		return fmt.Sprintf("the authorisation server gave no token: %v", withoutURL(e.err))
	case e.Code != "":
		return fmt.Sprintf("the authorisation server answered %d (%s) to the request for a token%s", e.Status, e.Code, tokenHints[e.Code])
	}
	return fmt.Sprintf("the authorisation server answered %d to the request for a token: check token-url", e.Status)
}

func (e *TokenError) Unwrap() error { return e.err }

var tokenHints = map[string]string{
	"invalid_client":      ": check the client's id, and that its secret or public key is registered there",
	"invalid_grant":       ": check the client's id, its key, and this machine's clock",
	"unauthorized_client": ": the client may not use client_credentials",
	"invalid_scope":       ": check the scopes",
}

// passing reports whether another attempt may succeed.
func (e *TokenError) passing() bool {
	if e.Status == 0 {
		return !errors.Is(e.err, errTokenRedirect) && !errors.Is(e.err, errNoToken) && !errors.Is(e.err, errNoBearer)
	}
	return (&StatusError{Status: e.Status}).passing()
}

var (
	errTokenRedirect = errors.New("the authorisation server redirects, which is refused: configure the address that it redirects to")
	errNoToken       = errors.New("its answer holds no access_token")
	errNoBearer      = errors.New("its token is no bearer token")
)

// tokenTimeout bounds one request for a token.
const tokenTimeout = time.Minute

// client asks one authorisation server for tokens.
type tokenClient struct {
	spec   OAuth
	key    *signingKey // nil: the client has a secret
	client *http.Client
}

func newTokenClient(spec OAuth, transport http.RoundTripper) (*tokenClient, error) {
	u, err := url.Parse(spec.TokenURL)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		return nil, errors.New("the token URL of the authorisation server must be an absolute http or https URL")
	case u.User != nil || u.Fragment != "":
		return nil, errors.New("the token URL must not hold a user, password or fragment")
	case spec.Client == "":
		return nil, errors.New("a client that gets tokens needs its id")
	case spec.Secret.IsZero() == (spec.Key == ""):
		return nil, errors.New("a client that gets tokens has either a secret or a private key")
	}
	c := &tokenClient{spec: spec, client: &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return errTokenRedirect }}}
	if spec.Key != "" {
		c.key, err = readSigningKey(spec.Key, spec.KeyID)
	}
	return c, err
}

// fetch asks for a token.
func (c *tokenClient) fetch(ctx context.Context, now time.Time) (*oauth2.Token, error) {
	config := clientcredentials.Config{TokenURL: c.spec.TokenURL, Scopes: c.spec.Scopes}
	if c.key == nil {
		config.ClientID, config.ClientSecret, config.AuthStyle = c.spec.Client, c.spec.Secret.Reveal(), oauth2.AuthStyleInHeader
	} else {
		assertion, err := c.assertion(now)
		if err != nil {
			return nil, err
		}
		config.AuthStyle = oauth2.AuthStyleInParams
		config.EndpointParams = url.Values{
			"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}, "client_assertion": {assertion},
		}
	}
	ctx, cancel := context.WithTimeout(context.WithValue(ctx, oauth2.HTTPClient, c.client), tokenTimeout)
	defer cancel()
	token, err := config.Token(ctx)
	switch {
	case err != nil:
		return nil, tokenError(err)
	case !strings.EqualFold(token.Type(), "Bearer"):
		return nil, &TokenError{err: errNoBearer}
	}
	return token, nil
}

func (c *tokenClient) assertion(now time.Time) (string, error) {
	audience := c.spec.Audience
	if audience == "" {
		audience = c.spec.TokenURL
	}
	return c.key.assert(c.spec.Client, audience, rand.Text(), now)
}

func tokenError(err error) error {
	var answer *oauth2.RetrieveError
	var unanswered *url.Error
	switch {
	case errors.As(err, &unanswered):
		return &TokenError{err: err}
	case !errors.As(err, &answer): // the answer could not be read, or lacks the token
		return &TokenError{err: errNoToken}
	}
	code := answer.ErrorCode
	if len(code) > 40 || strings.Trim(code, "abcdefghijklmnopqrstuvwxyz_") != "" {
		code = ""
	}
	return &TokenError{Status: answer.Response.StatusCode, Code: code, err: errors.New("no token")}
}
