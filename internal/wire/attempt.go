package wire

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-resty/resty/v2"
)

// ErrBroken marks an answer that broke off or is not what was asked for, in passing: another attempt may do.
var ErrBroken = errors.New("the answer is broken")

// ErrTooLarge is returned for an answer beyond Options.MaxBody.
var ErrTooLarge = errors.New("the answer is longer than the limit")

// StatusError is an answer that is not 2xx.
type StatusError struct {
	Status     int
	Type       string // resource type or operation of the request
	RetryAfter time.Duration
	Issues     []string // issue codes, where the answer is an OperationOutcome; its texts are left out, they may name patients
}

func (e *StatusError) Error() string {
	hint, issues := "", ""
	switch {
	case e.Status == http.StatusUnauthorized:
		hint = ": check the credentials"
	case e.Status == http.StatusForbidden:
		hint = ": the account may not read this"
	case e.Status == http.StatusNotFound && len(e.Issues) == 0:
		hint = ": check the base URL"
	}
	if len(e.Issues) > 0 {
		issues = " (" + strings.Join(e.Issues, ", ") + ")"
	}
	return fmt.Sprintf("the server answered %d %s%s to a request for %q%s", e.Status, http.StatusText(e.Status), issues, e.Type, hint)
}

// passing reports whether another attempt may succeed.
func (e *StatusError) passing() bool {
	switch e.Status {
	case http.StatusTooManyRequests, http.StatusRequestTimeout, http.StatusTooEarly, http.StatusInternalServerError,
		http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// repeat makes attempts until one succeeds, fails for good, or there were enough.
func (r *Reader) repeat(ctx context.Context, q request, use func(Answer) error) error {
	if err := r.check(q); err != nil {
		return err
	}
	anew := true // a token that is refused is replaced once
	for n := 1; ; n++ {
		header, err := r.credentials(ctx, q)
		if err == nil {
			err = r.guarded(ctx, func() error { return r.attempt(ctx, q, header, n, use) })
		}
		if unauthorised(err) && anew && !q.bare && r.who.refused(header) {
			anew = false
			n--
			continue
		}
		if err == nil || ctx.Err() != nil || !Passing(err) || q.once {
			return err
		}
		if n > r.options.Retries {
			return fmt.Errorf("given up after %d attempts: %w", n, err)
		}
		if err := Sleep(ctx, r.pause(n, err)); err != nil {
			return err
		}
	}
}

func (r *Reader) credentials(ctx context.Context, q request) (string, error) {
	if q.bare {
		return "", nil
	}
	return r.who.header(ctx)
}

func unauthorised(err error) bool {
	var status *StatusError
	return errors.As(err, &status) && status.Status == http.StatusUnauthorized
}

// Passing reports whether a request failed in a way that another attempt may overcome.
func Passing(err error) bool {
	var status *StatusError
	var failed *sendError
	var token *TokenError
	switch {
	case errors.As(err, &token):
		return token.passing()
	case errors.As(err, &status):
		return status.passing()
	case errors.As(err, &failed):
		return !errors.Is(err, errRedirect)
	}
	return errors.Is(err, ErrBroken) || errors.Is(err, errLeftAlone)
}

// sendError is a request that got no answer. Its text leaves out the URL, which names patients.
type sendError struct {
	typ string
	err error
}

func (e *sendError) Error() string {
	if errors.Is(e.err, context.DeadlineExceeded) || errors.Is(e.err, errIdle) {
		return fmt.Sprintf("no answer in time to a request for %q", e.typ)
	}
	if errors.Is(e.err, errRedirect) {
		return errRedirect.Error()
	}
	return fmt.Sprintf("no answer to a request for %q: %v", e.typ, withoutURL(e.err))
}

func (e *sendError) Unwrap() error { return e.err }

// pause doubles from attempt to attempt, with half of it left to chance, so that clients do not return in step.
func (r *Reader) pause(n int, err error) time.Duration {
	var status *StatusError
	if errors.As(err, &status) && status.RetryAfter > 0 {
		return min(status.RetryAfter, r.options.MaxPause)
	}
	d := min(r.options.Pause<<min(n-1, 20), r.options.MaxPause)
	return d/2 + rand.N(d/2+1) // #nosec G404 -- chance here protects nothing
}

// Sleep waits, and ends early with the context's error.
func Sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

func (r *Reader) attempt(ctx context.Context, q request, header string, n int, use func(Answer) error) (err error) {
	typ, path := r.typeOf(q.target.Path), q.target.Path
	if q.name != "" {
		typ, path = q.name, r.base.JoinPath(q.name).Path // #nosec G125 -- the name of an endpoint, not a path that is asked for
	}
	if err := r.pace.Wait(ctx); err != nil {
		return err
	}
	over := r.observe(ctx, q, typ, n)
	var state *tls.ConnectionState
	defer func() { over(state, err) }()
	r.options.Log(Attempt{Method: q.method, Path: path, Type: typ, Number: n})
	ctx, cancel := context.WithTimeout(ctx, r.options.Timeout)
	defer cancel()
	ctx, idle := withIdle(ctx, r.options.Idle)
	defer idle.stop()
	response, err := r.send(ctx, q, header)
	if err != nil {
		return &sendError{typ, idle.cause(ctx, err)}
	}
	raw := response.RawResponse
	body := raw.Body
	state = raw.TLS
	defer func() { _ = body.Close() }()
	if (raw.StatusCode < 200 || raw.StatusCode > 299) && !slices.Contains(q.take, raw.StatusCode) {
		text, _ := io.ReadAll(io.LimitReader(body, 64<<10)) // to its end, so that the connection can be used again
		return &StatusError{Status: raw.StatusCode, Type: typ, RetryAfter: retryAfter(raw.Header), Issues: issueCodes(text)}
	}
	b := &watchedBody{in: body, idle: idle, left: r.options.MaxBody}
	err = use(Answer{Status: raw.StatusCode, Header: raw.Header, URL: raw.Request.URL, Body: b})
	switch {
	case errors.Is(b.err, ErrTooLarge):
		return ErrTooLarge
	case b.err != nil && err != nil:
		return &sendError{typ, idle.cause(ctx, b.err)}
	}
	return err
}

func (r *Reader) send(ctx context.Context, q request, header string) (*resty.Response, error) {
	request := r.client.R().SetContext(ctx).SetDoNotParseResponse(true).SetHeader("Accept", cmp.Or(q.accept, fhirType))
	if header != "" {
		request.SetHeader("Authorization", header)
	}
	request.SetHeaders(q.header)
	if q.changing != nil {
		request.SetHeaders(q.changing())
	}
	if q.method == http.MethodPost {
		request.SetHeader("Content-Type", q.contentType).SetBody(q.body)
	}
	return request.Execute(q.method, q.target.String())
}

// retryAfter reads Retry-After (RFC 9110 10.2.3): seconds, or a date, which is compared with the server's own.
func retryAfter(h http.Header) time.Duration {
	text := h.Get("Retry-After")
	if n, err := strconv.Atoi(text); err == nil && n >= 0 && n < 1<<20 {
		return time.Duration(n) * time.Second
	}
	at, err := http.ParseTime(text)
	if err != nil {
		return 0
	}
	now, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		return 0
	}
	return max(at.Sub(now), 0)
}
