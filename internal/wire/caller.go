package wire

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// Endpoint is one thing that a service offers. A {} in its path stands for an argument: logs and errors show the path as
// it is written here, because an argument may be a secret.
type Endpoint struct {
	Method string
	Path   string // below the base, such as /sessions/{}/tokens
	Accept string // media type of the answer; "" is JSON
	// Once says that a call is never repeated, because its repetition would change something or be refused.
	Once bool
}

// Caller calls endpoints of one service that does not speak FHIR. Code that holds a Caller can call nothing but what its
// maker listed. It may be used from several goroutines.
type Caller struct {
	reader    *Reader
	endpoints []Endpoint
}

// Content types of what a Caller posts.
const (
	JSON = "application/json"
	Form = formType
)

// NewCaller prepares a caller for the listed endpoints. Nothing is sent.
func NewCaller(o Options, endpoints ...Endpoint) (*Caller, error) {
	for _, e := range endpoints {
		if !slices.Contains([]string{http.MethodGet, http.MethodPost, http.MethodDelete}, e.Method) || !strings.HasPrefix(e.Path, "/") {
			return nil, fmt.Errorf("%s %q is no endpoint", e.Method, e.Path)
		}
	}
	if len(endpoints) == 0 {
		return nil, errors.New("a caller needs the endpoints that it may call")
	}
	reader, err := NewReader(o)
	if err != nil {
		return nil, err
	}
	return &Caller{reader: reader, endpoints: slices.Clone(endpoints)}, nil
}

// Call is what is sent to an endpoint.
type Call struct {
	Arguments []string // for the {} of its path
	Query     url.Values
	RawQuery  string // instead of Query: already encoded, for servers that do not decode all that url.Values encodes
	Body      []byte // of a POST
	Type      string // content type of the body
	// Take are further statuses whose answers are given to use, where a service tells in the body what it refused.
	Take []int
}

// Do calls an endpoint and gives the answer to use, as Reader.Get does.
func (c *Caller) Do(ctx context.Context, e Endpoint, call Call, use func(Answer) error) error {
	if !slices.Contains(c.endpoints, e) {
		return fmt.Errorf("the endpoint %q is not among those that may be called", e.Path)
	}
	target, err := c.target(e, call)
	if err != nil {
		return err
	}
	q := request{method: e.Method, target: target, name: strings.TrimPrefix(e.Path, "/"), accept: cmp.Or(e.Accept, JSON), once: e.Once, take: call.Take}
	if e.Method == http.MethodPost {
		q.body, q.contentType = call.Body, call.Type
		if q.body == nil {
			q.body = []byte{}
		}
	}
	return c.reader.repeat(ctx, q, use)
}

func (c *Caller) target(e Endpoint, call Call) (*url.URL, error) {
	parts := strings.Split(e.Path, "{}")
	if len(parts) != len(call.Arguments)+1 {
		return nil, fmt.Errorf("the endpoint %q takes %d arguments", e.Path, len(parts)-1)
	}
	path := parts[0]
	for i, argument := range call.Arguments {
		if argument == "" || argument == "." || argument == ".." {
			return nil, fmt.Errorf("an argument of the endpoint %q is not usable", e.Path)
		}
		path += url.PathEscape(argument) + parts[i+1]
	}
	target := c.reader.base.JoinPath(path) // #nosec G125 -- one of the endpoints that were named at construction, its arguments escaped
	target.RawQuery = cmp.Or(call.RawQuery, call.Query.Encode())
	return target, nil
}

// Close closes idle connections.
func (c *Caller) Close() { c.reader.Close() }
