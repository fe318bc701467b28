package wire

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
)

// Operator calls named operations of one server (FHIR R4, Operations). It is a type of its own, so that code that holds a
// Reader cannot post anything but searches, and code that holds an Operator can call nothing but what its maker listed.
// It may be used from several goroutines.
type Operator struct {
	reader     *Reader
	operations []string
}

var operationName = regexp.MustCompile(`^\$[a-zA-Z][a-zA-Z-]*$`)

// NewOperator prepares an operator for the listed operations, each with its dollar sign. Calls that fail in passing are
// repeated as a Reader's requests are, so an operation whose repetition changes anything must not be listed. Nothing is
// sent.
func NewOperator(o Options, operations ...string) (*Operator, error) {
	for _, name := range operations {
		if !operationName.MatchString(name) {
			return nil, fmt.Errorf("%q is not the name of an operation", name)
		}
	}
	if len(operations) == 0 {
		return nil, errors.New("an operator needs the names of the operations that it may call")
	}
	reader, err := NewReader(o)
	if err != nil {
		return nil, err
	}
	return &Operator{reader: reader, operations: slices.Clone(operations)}, nil
}

// Post calls base/operation with a body of FHIR JSON and gives the answer to use, as Reader.Get does.
func (o *Operator) Post(ctx context.Context, operation string, query url.Values, body []byte, use func(Answer) error) error {
	if body == nil {
		body = []byte{}
	}
	return o.call(ctx, request{method: http.MethodPost, body: body, contentType: fhirType}, operation, query, use)
}

// Get calls base/operation by GET with its parameters in the query, as old services demand.
func (o *Operator) Get(ctx context.Context, operation string, query url.Values, use func(Answer) error) error {
	return o.call(ctx, request{method: http.MethodGet}, operation, query, use)
}

func (o *Operator) call(ctx context.Context, q request, operation string, query url.Values, use func(Answer) error) error {
	if !slices.Contains(o.operations, operation) {
		return fmt.Errorf("the operation %q is not among those that may be called", operation)
	}
	q.target = o.reader.base.JoinPath(operation) // #nosec G125 -- one of the operations that were named at construction
	q.target.RawQuery = query.Encode()
	return o.reader.repeat(ctx, q, use)
}

// Close closes idle connections.
func (o *Operator) Close() { o.reader.Close() }

// issueCode is what a code of the value set issue-type looks like; other text may be anything.
var issueCode = regexp.MustCompile(`^[a-z]+(-[a-z]+){0,3}$`)

// maxIssues bounds the codes that an error repeats.
const maxIssues = 5

// issueCodes reads OperationOutcome.issue.code of an answer; none when it is something else.
func issueCodes(text []byte) []string {
	var outcome struct {
		ResourceType string `json:"resourceType"`
		Issue        []struct {
			Code string `json:"code"`
		} `json:"issue"`
	}
	if json.Unmarshal(text, &outcome) != nil || outcome.ResourceType != "OperationOutcome" {
		return nil
	}
	var codes []string
	for _, issue := range outcome.Issue {
		code := issue.Code
		if len(code) > 40 || !issueCode.MatchString(code) {
			code = "unreadable"
		}
		if !slices.Contains(codes, code) && len(codes) < maxIssues {
			codes = append(codes, code)
		}
	}
	return codes
}
