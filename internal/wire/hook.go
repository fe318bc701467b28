package wire

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
)

// Hook posts JSON to one address, which may be a secret as a whole: neither errors nor logs show it. Code that holds a Hook
// can post nowhere else.
type Hook struct {
	reader *Reader
	target *url.URL
}

// NewHook prepares. Options.Base is not used. Nothing is sent.
func NewHook(o Options, address Secret) (*Hook, error) {
	target, err := url.Parse(address.Reveal())
	if err != nil || target.Host == "" || target.User != nil || target.Fragment != "" {
		return nil, errors.New("the address of a webhook must be an absolute URL without user and password")
	}
	o.Base = target.Scheme + "://" + target.Host
	reader, err := NewReader(o)
	if err != nil {
		return nil, err
	}
	return &Hook{reader, target}, nil
}

// Post sends a body once.
func (h *Hook) Post(ctx context.Context, body []byte) error {
	q := request{method: http.MethodPost, target: h.target, body: body, contentType: JSON, name: "webhook", accept: "*/*", once: true}
	return h.reader.repeat(ctx, q, func(a Answer) error { _, err := io.Copy(io.Discard, a.Body); return err })
}

// Close closes idle connections.
func (h *Hook) Close() { h.reader.Close() }
