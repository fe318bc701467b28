package wire

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/lestrrat-go/jwx/v3/jwt"
)

// Contact is what a server shows to whoever knocks.
type Contact struct {
	Status      int
	Clock       time.Time // of its answer; zero when it tells none
	Certificate time.Time // until when its certificates are good, the first that ends; zero without TLS
}

// Knock sends one GET to the base, without credentials. Any answer will do, also a refusal.
func Knock(ctx context.Context, o Options) (Contact, error) {
	o.Auth = Auth{}
	r, err := NewReader(o)
	if err != nil {
		return Contact{}, err
	}
	defer r.Close()
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	response, err := r.send(ctx, request{method: http.MethodGet, target: r.base}, "")
	if err != nil {
		return Contact{}, &sendError{"", err}
	}
	raw := response.RawResponse
	defer func() { _ = raw.Body.Close() }()
	c := Contact{Status: raw.StatusCode, Certificate: ends(raw.TLS)}
	c.Clock, _ = http.ParseTime(raw.Header.Get("Date")) // zero for a server that tells none
	return c, nil
}

func ends(state *tls.ConnectionState) (first time.Time) {
	if state == nil {
		return first
	}
	for _, c := range state.PeerCertificates {
		if first.IsZero() || c.NotAfter.Before(first) {
			first = c.NotAfter
		}
	}
	return first
}

// TryToken asks for a token where one is needed; asked says whether it is.
func TryToken(ctx context.Context, o Options) (asked bool, err error) {
	if o.Auth.OAuth == nil {
		return false, nil
	}
	r, err := NewReader(o)
	if err != nil {
		return true, err
	}
	defer r.Close()
	_, err = r.who.header(ctx)
	return true, err
}

// Expiry is when something of ours that a server wants is over.
type Expiry struct {
	What string // client certificate, bearer token, authority's certificate
	At   time.Time
}

// Expiries returns when client certificate, authority and bearer token are over, as far as they tell.
func (o Options) Expiries() (all []Expiry, err error) {
	for what, file := range map[string]string{"client certificate": o.TLS.Certificate, "authority's certificate": o.TLS.CA} {
		if file == "" {
			continue
		}
		at, readErr := certificateEnds(file)
		if err = errors.Join(err, readErr); readErr == nil {
			all = append(all, Expiry{what, at})
		}
	}
	if text := o.Auth.Bearer.Reveal(); strings.Count(text, ".") == 2 {
		if token, parseErr := jwt.ParseInsecure([]byte(text)); parseErr == nil {
			if at, ok := token.Expiration(); ok {
				all = append(all, Expiry{"bearer token", at})
			}
		}
	}
	return all, err
}

// certificateEnds returns when the first of a file's certificates ends.
func certificateEnds(file string) (first time.Time, err error) {
	text, err := os.ReadFile(file) // #nosec G304 -- configuration
	if err != nil {
		return first, err
	}
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if c, err := x509.ParseCertificate(block.Bytes); err == nil && (first.IsZero() || c.NotAfter.Before(first)) {
			first = c.NotAfter
		}
	}
	if first.IsZero() {
		return first, fmt.Errorf("no PEM certificate in %s", file)
	}
	return first, nil
}

// Trust returns a hint for a certificate that is not accepted, "" for other errors.
func Trust(err error) string {
	var unknown x509.UnknownAuthorityError
	var host x509.HostnameError
	var invalid x509.CertificateInvalidError
	switch {
	case errors.As(err, &unknown):
		return "name the certificate of your own authority: auth: {ca: FILE}"
	case errors.As(err, &host):
		return "use the name that the server's certificate is for"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "the server's certificate is over: its operators have to renew it"
	}
	return ""
}
