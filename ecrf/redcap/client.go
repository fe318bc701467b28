package redcap

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/crflink/crflink/internal/wire"
)

// usualPause is the least time between two requests: at most 120 a minute, where REDCap's usual limiter bans an address for
// good at 600, and counts the people behind the same address.
const usualPause = 500 * time.Millisecond

// Every request is a POST to the one address; what reads may be repeated, what imports may not.
var (
	reads   = wire.Endpoint{Method: http.MethodPost, Path: "/"}
	imports = wire.Endpoint{Method: http.MethodPost, Path: "/", Once: true}
)

// client speaks with one project's API, one request at a time.
type client struct {
	caller *wire.Caller
	token  wire.Secret
	mu     sync.Mutex
	asked  string // the Date of the last answer
}

func newClient(o wire.Options, token wire.Secret) (*client, error) {
	if !strings.HasSuffix(strings.TrimRight(o.Base, "/"), "/api") {
		return nil, errors.New("the url of a REDCap ends in /api/")
	}
	if token.IsZero() {
		return nil, errors.New("a REDCap needs the token of its service account")
	}
	if o.Every == 0 {
		o.Every = usualPause
	}
	caller, err := wire.NewCaller(o, reads, imports)
	if err != nil {
		return nil, err
	}
	return &client{caller: caller, token: token}, nil
}

func (c *client) close() { c.caller.Close() }

// parameters of a request, without the token.
type parameters map[string]string

// list adds a parameter of several values, which REDCap wants numbered.
func (p parameters) list(name string, values []string) parameters {
	for i, v := range values {
		p[name+"["+strconv.Itoa(i)+"]"] = v
	}
	return p
}

// export asks for something. Answers that are not what was asked for are broken, and asked for again.
func (c *client) export(ctx context.Context, content, format string, p parameters, use func(text []byte) error) error {
	return c.do(ctx, reads, content, format, p, use)
}

func (c *client) do(ctx context.Context, e wire.Endpoint, content, format string, p parameters, use func(text []byte) error) error {
	form := url.Values{"token": {c.token.Reveal()}, "content": {content}, "format": {format}, "returnFormat": {"json"}}
	for name, value := range p {
		form.Set(name, value)
	}
	call := wire.Call{Body: []byte(form.Encode()), Type: wire.Form, Take: []int{http.StatusBadRequest, http.StatusForbidden, http.StatusUnauthorized}}
	c.mu.Lock()
	defer c.mu.Unlock()
	err := c.caller.Do(ctx, e, call, func(a wire.Answer) error {
		text, err := io.ReadAll(a.Body)
		if err != nil {
			return err
		}
		c.asked = a.Header.Get("Date")
		if a.Status != http.StatusOK {
			return refused(a.Status, text)
		}
		if isPage(text) {
			return fmt.Errorf("%w: a page for people came instead of data; a login or the server's own error may stand before the API", wire.ErrBroken)
		}
		return use(text)
	})
	return said(content, err)
}

// said names what was asked for; the texts of wire's errors hold no address and no value.
func said(content string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("REDCap %s: %w", content, err)
}

// isPage reports an HTML page, or PHP's own error before the data.
func isPage(text []byte) bool {
	return strings.HasPrefix(strings.TrimSpace(string(text[:min(len(text), 64)])), "<")
}

// decode reads JSON. A half of it is a broken answer, and so is an error that comes with status 200.
func decode(text []byte, into any) error {
	var failed struct {
		Error string `json:"error"`
	}
	if len(text) > 0 && strings.HasPrefix(strings.TrimSpace(string(text[:min(len(text), 64)])), "{") && json.Unmarshal(text, &failed) == nil && failed.Error != "" {
		return fmt.Errorf("%w: an error came with status 200", wire.ErrBroken)
	}
	if json.Unmarshal(text, into) != nil {
		return fmt.Errorf("%w: it is not the JSON that was asked for", wire.ErrBroken)
	}
	return nil
}
