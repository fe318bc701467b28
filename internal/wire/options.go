package wire

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"
)

// Options say how a server is reached. Zero members get the defaults named behind them.
type Options struct {
	Base string // absolute URL under which all requests go, for example https://fhir.example.org/fhir
	Auth Auth
	TLS  TLS
	// Proxy is the URL of an HTTP proxy; "" is a direct connection.
	Proxy string

	Timeout  time.Duration // of one attempt with its whole answer; 30 minutes
	Idle     time.Duration // longest silence of a server within an attempt; 2 minutes
	Retries  int           // attempts after the first; 5, and -1 is none
	Pause    time.Duration // before the first repetition, doubled for each further; 500 ms
	MaxPause time.Duration // longest pause, also where Retry-After asks for more; 2 minutes
	MaxBody  int64         // longest answer in bytes after decompression; 1 GiB
	MaxLink  int           // longest URL; 8192 bytes
	AtOnce   int           // most attempts under way, fewer while the server has too much to do; 16
	Every    time.Duration // least time between the beginnings of two attempts; 0 is none

	// Header is added to every request.
	Header map[string]string
	// Log is told of every attempt before it is sent. It may be called from several goroutines.
	Log func(Attempt)
}

// TLS names PEM files. The system's authorities are trusted unless CA is set.
type TLS struct {
	CA          string // certificates of the authorities to trust, instead of the system's
	Certificate string // of the client, with Key
	Key         string
}

// Attempt is what a request log may know: it has no query, because queries name patients.
type Attempt struct {
	Method string // GET or POST
	Path   string // path of the URL, without query
	Type   string // resource type, "" for metadata and pages whose path does not tell
	Number int    // 1 for the first attempt
}

func (o *Options) defaults() {
	set := func(d *time.Duration, value time.Duration) {
		if *d <= 0 {
			*d = value
		}
	}
	set(&o.Timeout, 30*time.Minute)
	set(&o.Idle, 2*time.Minute)
	set(&o.Pause, 500*time.Millisecond)
	set(&o.MaxPause, 2*time.Minute)
	switch {
	case o.Retries == 0:
		o.Retries = 5
	case o.Retries < 0:
		o.Retries = 0
	}
	if o.MaxBody <= 0 {
		o.MaxBody = 1 << 30
	}
	if o.AtOnce <= 0 {
		o.AtOnce = 16
	}
	if o.MaxLink <= 0 {
		o.MaxLink = 8192
	}
	if o.Log == nil {
		o.Log = func(Attempt) {}
	}
}

func (o *Options) base() (*url.URL, error) {
	u, err := url.Parse(strings.TrimRight(o.Base, "/"))
	switch {
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		return nil, errors.New("the base of a server must be an absolute http or https URL")
	case u.User != nil:
		return nil, errors.New("the base of a server must not hold a user or password: configure them as credentials")
	case u.RawQuery != "" || u.Fragment != "":
		return nil, errors.New("the base of a server must not have a query or fragment")
	}
	return u, nil
}

func (t TLS) config() (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if t.CA != "" {
		pem, err := os.ReadFile(t.CA)
		if err != nil {
			return nil, fmt.Errorf("read the certificates of the authorities: %w", err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("no PEM certificate in %s", t.CA)
		}
	}
	if (t.Certificate == "") != (t.Key == "") {
		return nil, errors.New("a client certificate needs both its certificate file and its key file")
	}
	if t.Certificate != "" {
		pair, err := tls.LoadX509KeyPair(t.Certificate, t.Key)
		if err != nil {
			return nil, fmt.Errorf("load the client certificate: %w", err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, nil
}
