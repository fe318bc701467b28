package wire

import (
	"context"
	"crypto/tls"
	"errors"
	"regexp"
	"time"
)

// Observed is an attempt that is over, as far as monitoring may know it: without path and query.
type Observed struct {
	Host, Method string
	Type         string // resource type, operation or endpoint; "other" for a path that tells none
	Number       int
	Status       int // 0: no whole answer
	Begun        time.Time
	Took         time.Duration // with reading the answer
	Certificate  time.Time     // until when the server's certificates are good; zero without TLS or answer
}

type observer struct{}

// WithObserver has every attempt of requests under the context told. tell may be called from several goroutines.
func WithObserver(ctx context.Context, tell func(Observed)) context.Context {
	return context.WithValue(ctx, observer{}, tell)
}

var plainType = regexp.MustCompile(`^\$?[A-Za-z-]{1,40}$`)

// observe returns what tells of an attempt when it is over.
func (r *Reader) observe(ctx context.Context, q request, typ string, n int) (over func(*tls.ConnectionState, error)) {
	tell, ok := ctx.Value(observer{}).(func(Observed))
	if !ok {
		return func(*tls.ConnectionState, error) {}
	}
	if q.name == "" && !plainType.MatchString(typ) { // a part of a path that a server made up
		typ = "other"
	}
	begun := time.Now()
	return func(state *tls.ConnectionState, err error) {
		o := Observed{Host: r.base.Host, Method: q.method, Type: typ, Number: n, Status: 200, Begun: begun, Took: time.Since(begun), Certificate: ends(state)}
		var status *StatusError
		switch {
		case errors.As(err, &status):
			o.Status = status.Status
		case err != nil:
			o.Status = 0
		}
		tell(o)
	}
}
