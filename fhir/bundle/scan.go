package bundle

import (
	"bytes"
	"encoding/json"
	"slices"
)

// broken says why a stream cannot be split any further.
type broken struct {
	at     int64
	reason string
}

func (b *broken) Error() string { return b.reason }

const (
	endsInside   = "the text ends inside a resource: the input was cut off"
	endsInString = "a line ends inside a string"
	noMatch      = "brackets do not match"
	tooDeep      = "nested deeper than the limit"
)

// nesting remembers the open brackets of one value.
type nesting struct {
	open  []byte
	depth int
	max   int
}

func (n *nesting) push(c byte) bool {
	n.depth++
	n.open = append(n.open[:n.depth-1], c)
	return n.depth <= n.max
}

func (n *nesting) pop(c byte) bool {
	if n.depth == 0 || n.open[n.depth-1] != c-2 {
		return false
	}
	n.depth--
	return true
}

// structural marks the bytes that matter outside of strings.
var structural = [256]bool{'"': true, '{': true, '}': true, '[': true, ']': true, '\n': true, ',': true, ':': true}

// skip moves behind the value that begins here. Brackets are matched and strings are followed; the grammar in between is
// left to the parser.
func (r *Reader) skip() *broken {
	w := &r.w
	r.nest.depth, r.nest.max = 0, maxNesting
	start := w.at()
	var last byte
	for {
		c, ok := r.significant()
		if !ok {
			return &broken{w.at(), endsInside}
		}
		at := w.at()
		switch c {
		case '"':
			if b := r.skipString(); b != nil {
				return b
			}
		case '{', '[':
			if last == '}' || last == ']' || last == '"' { // a line that was cut off, and the next one
				return &broken{at, noMatch}
			}
			w.pos++
			if !r.nest.push(c) {
				return &broken{at, tooDeep}
			}
		case '}', ']':
			if r.nest.depth == 0 {
				return r.bare(start)
			}
			w.pos++
			if !r.nest.pop(c) {
				return &broken{at, noMatch}
			}
		case '\n':
			w.lines = true
			w.pos++
			continue
		default: // , and :
			if r.nest.depth == 0 {
				return r.bare(start)
			}
			w.pos++
		}
		if r.nest.depth == 0 {
			return nil
		}
		last = c
	}
}

// bare ends a literal or number at the byte that follows it.
func (r *Reader) bare(start int64) *broken {
	if r.w.at() == start {
		return &broken{start, "a value is missing"}
	}
	return nil
}

// significant moves to the next structural byte.
func (r *Reader) significant() (byte, bool) {
	w := &r.w
	for {
		b := w.buf[w.pos:w.end]
		for i, c := range b {
			if structural[c] {
				w.pos += i
				return c, true
			}
		}
		w.pos = w.end
		if !w.fill() {
			return 0, false
		}
	}
}

// skipString moves behind the string whose opening quote is here.
func (r *Reader) skipString() *broken {
	w := &r.w
	w.pos++
	for {
		b := w.buf[w.pos:w.end]
		quote := bytes.IndexByte(b, '"')
		run := b
		if quote >= 0 {
			run = b[:quote]
		}
		if escape := bytes.IndexByte(run, '\\'); escape >= 0 {
			run = run[:escape]
			quote = -1
		}
		if line := bytes.IndexByte(run, '\n'); line >= 0 {
			w.pos += line
			return &broken{w.at(), endsInString}
		}
		w.pos += len(run)
		if quote >= 0 {
			w.pos++
			return nil
		}
		need := 1
		if w.pos < w.end {
			need = 2 // an escape takes the byte behind it, whatever it is
		}
		for w.end-w.pos < need {
			if !w.fill() {
				return &broken{w.at(), endsInside}
			}
		}
		if need == 2 {
			w.pos += 2
		}
	}
}

// name reads a member name of an envelope and the colon behind it. The name is "" when the window let it go.
func (r *Reader) name() (string, *broken) {
	w := &r.w
	if c, ok := w.space(); !ok || c != '"' {
		return "", r.unexpected(ok, "a member name is missing")
	}
	start := w.at()
	w.hold(start)
	defer w.release()
	if b := r.skipString(); b != nil {
		return "", b
	}
	name := ""
	if !w.over {
		var ok bool
		if name, ok = unquote(w.slice(start, w.at())); !ok {
			return "", &broken{start, "a member name has an unknown escape sequence"}
		}
	}
	if c, ok := w.space(); !ok || c != ':' {
		return "", r.unexpected(ok, "a colon is missing behind a member name")
	}
	w.pos++
	return name, nil
}

// unquote decodes a JSON string. The common names cost no allocation.
func unquote(quoted []byte) (string, bool) {
	inner := quoted[1 : len(quoted)-1]
	switch string(inner) {
	case "resource":
		return "resource", true
	case "fullUrl":
		return "fullUrl", true
	case "search":
		return "search", true
	case "request":
		return "request", true
	case "response":
		return "response", true
	}
	if bytes.IndexByte(inner, '\\') < 0 {
		return string(inner), true
	}
	var s string
	err := json.Unmarshal(quoted, &s)
	return s, err == nil
}

func (r *Reader) unexpected(more bool, reason string) *broken {
	if !more {
		reason = endsInside
	}
	return &broken{r.w.at(), reason}
}

// members reads the object that begins here and calls value at the beginning of each member's value, which must move
// behind it.
func (r *Reader) members(value func(name string) *broken) *broken {
	w := &r.w
	w.pos++
	if c, ok := w.space(); ok && c == '}' {
		w.pos++
		return nil
	}
	for names := make([]string, 0, 8); ; {
		name, b := r.name()
		if b != nil {
			return b
		}
		if name != "" && slices.Contains(names, name) || len(names) > maxMembers {
			return &broken{w.at(), "a member name occurs twice, or there are too many, in a Bundle"}
		}
		names = append(names, name)
		if _, ok := w.space(); !ok {
			return &broken{w.at(), endsInside}
		}
		if b := value(name); b != nil {
			return b
		}
		if done, b := r.separator('}'); done || b != nil {
			return b
		}
	}
}

// maxMembers bounds the members of an envelope. The widest resource type of R4 has fewer than 80, with `_x` members.
const maxMembers = 256

// separator takes a comma, or the closing bracket and reports done.
func (r *Reader) separator(closing byte) (done bool, b *broken) {
	c, ok := r.w.space()
	if !ok || c != ',' && c != closing {
		return false, r.unexpected(ok, "a comma or closing bracket is missing")
	}
	r.w.pos++
	return c == closing, nil
}
