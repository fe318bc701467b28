package rest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/internal/wire"
)

// unable remembers what a server turned out not to know although it did not say so.
type unable struct {
	mu    sync.Mutex
	names map[string]bool // Type?parameter
}

func (u *unable) has(typ, name string) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.names[typ+"?"+name]
}

func (u *unable) note(typ, name string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.names == nil {
		u.names = map[string]bool{}
	}
	u.names[typ+"?"+name] = true
}

// searches reports whether the server can be asked for resources of the type by the parameter, as far as is known.
func (s *Source) searches(typ, name string) bool {
	offered := s.can.types[typ]
	return (len(offered) == 0 || slices.Contains(offered, name)) && !s.unable.has(typ, name)
}

// asked returns the searches that find what a narrowing admits: one for each of its criteria, and one without any where the
// server does not know the parameter of one of them.
func (s *Source) asked(typ string, n fhir.Narrowing) []fhir.Criterion {
	for _, c := range n.Any {
		if !s.searches(typ, c.Parameter) {
			return []fhir.Criterion{{}}
		}
	}
	if len(n.Any) == 0 {
		return []fhir.Criterion{{}}
	}
	return n.Any
}

// narrowed does a search of a type once for each criterion. A server that refuses or ignores a parameter is asked without
// it: what it sends too much is not used.
func (s *Source) narrowed(ctx context.Context, typ string, n fhir.Narrowing, do func(context.Context, fhir.Criterion) error) error {
	for _, c := range s.asked(typ, n) {
		err := do(ctx, c)
		if c.Parameter != "" && refused(err, c.Parameter) {
			s.unable.note(typ, c.Parameter)
			return s.narrowed(ctx, typ, n, do)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// refused reports whether a server says that it does not know the parameter, or that it does not like it.
func refused(err error, name string) bool {
	var status *wire.StatusError
	var ignored *ignoredError
	switch {
	case errors.As(err, &ignored):
		return ignored.name == name
	case errors.As(err, &status):
		return status.Status == http.StatusBadRequest || status.Status == http.StatusUnprocessableEntity || status.Status == http.StatusNotImplemented
	}
	return false
}

// ignoredError is a search whose self link shows that the server did not look at a parameter.
type ignoredError struct{ name string }

func (e *ignoredError) Error() string { return "the server ignored the search parameter " + e.name }

// piece is a part of a search for a type: all of it, or some codes of one criterion. Its name tells it from the others and depends on
// nothing but the search.
type piece struct {
	name, typ string
	codes     param // none where the name is empty
}

// pieces cuts the codes of a criterion into as many searches as it takes to keep each one short.
func (s *Source) pieces(typ string, c fhir.Criterion) []piece {
	if c.Parameter == "" {
		return []piece{{name: typ, typ: typ}}
	}
	values := make([]string, len(c.Codes))
	for i, code := range c.Codes {
		values[i] = tokenOf(code)
	}
	limit := maxQuery / 2
	if s.options.Post {
		limit = math.MaxInt32
	}
	var all []piece
	for i, part := range cut(values, len(values), limit, len(",")) {
		name := fmt.Sprintf("%s?%s/%d", typ, c.Parameter, i)
		all = append(all, piece{name, typ, param{c.Parameter, strings.Join(part, ",")}})
	}
	return all
}

// chunksBeside cuts a list of ids into pieces that are short enough beside the codes.
func (s *Source) chunksBeside(ids []string, p piece) [][]string {
	limit, beside := s.roomBeside(p)
	return cut(ids, s.options.Batch, limit, beside)
}

// roomBeside returns how many bytes of ids have room beside the codes, and how many stand beside each id.
func (s *Source) roomBeside(p piece) (limit, beside int) {
	limit, beside = maxQuery, len(",")
	if !s.options.Post {
		limit -= len(p.codes.value)
	}
	if _, typed := s.can.parameter(p.typ); typed {
		beside = len("Patient/,")
	}
	return limit, beside
}

func (p piece) query() query { return query{typ: p.typ}.with(p.codes) }

// byPatients is the search of a piece for the resources of patients.
func (s *Source) byPatients(p piece, ids []string) query {
	name, typed := s.can.parameter(p.typ)
	return byPatient(p.typ, name, typed, ids).with(p.codes)
}

// with adds a parameter that the server has to heed.
func (q query) with(p param) query {
	if p.name == "" {
		return q
	}
	q.params, q.check = append(slices.Clip(q.params), p), append(slices.Clip(q.check), p.name)
	return q
}

// tokenEscape writes the characters that mean something in a token (FHIR R4, Search: escaping).
var tokenEscape = strings.NewReplacer(`\`, `\\`, `,`, `\,`, `|`, `\|`, `$`, `\$`)

func tokenOf(c fhir.Coding) string {
	if c.System == "" {
		return tokenEscape.Replace(c.Code)
	}
	return tokenEscape.Replace(c.System) + "|" + tokenEscape.Replace(c.Code)
}

// cut cuts a list into pieces of at most size values and limit bytes; beside says how many bytes stand beside each value.
func cut(values []string, size, limit, beside int) [][]string {
	var all [][]string
	begin, length := 0, 0
	for i, v := range values {
		n := len(v) + beside
		if i > begin && (i-begin >= size || length+n > limit) {
			all = append(all, values[begin:i])
			begin, length = i, 0
		}
		length += n
	}
	if begin < len(values) {
		all = append(all, values[begin:])
	}
	return all
}
