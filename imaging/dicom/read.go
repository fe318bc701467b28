package dicom

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
)

// Limits bound what one answer may hold. Zero members get the values named behind them.
type Limits struct {
	Datasets int // 100,000
	Elements int // of one dataset, the items of its sequences included; 20,000
	Values   int // of one attribute; 100,000
	Depth    int // of sequences within sequences; 16
}

func (l *Limits) defaults() {
	set := func(n *int, value int) {
		if *n <= 0 {
			*n = value
		}
	}
	set(&l.Datasets, 100_000)
	set(&l.Elements, 20_000)
	set(&l.Values, 100_000)
	set(&l.Depth, 16)
}

// ErrLimit is returned for an answer that holds more than the limits allow.
var ErrLimit = errors.New("the answer holds more than the limits allow")

// ErrSyntax marks what is not DICOM JSON. Its text names places, never values.
var ErrSyntax = errors.New("not DICOM JSON")

// Read reads an array of datasets one after the other. After an error nothing follows. An empty text holds no dataset.
func Read(r io.Reader, limits Limits) iter.Seq2[Dataset, error] {
	limits.defaults()
	return func(yield func(Dataset, error) bool) {
		if err := read(json.NewDecoder(r), limits, func(d Dataset) bool { return yield(d, nil) }); err != nil {
			yield(Dataset{}, err)
		}
	}
}

// ReadAll reads all datasets of an array.
func ReadAll(r io.Reader, limits Limits) ([]Dataset, error) {
	var all []Dataset
	for d, err := range Read(r, limits) {
		if err != nil {
			return nil, err
		}
		all = append(all, d)
	}
	return all, nil
}

func read(in *json.Decoder, limits Limits, take func(Dataset) bool) error {
	open, err := in.Token()
	if errors.Is(err, io.EOF) {
		return nil
	}
	if err != nil {
		return broken(err, "the answer")
	}
	if open != json.Delim('[') {
		return fmt.Errorf("%w: the answer is not an array of datasets", ErrSyntax)
	}
	for n := 1; in.More(); n++ {
		if n > limits.Datasets {
			return fmt.Errorf("%w: more than %d datasets", ErrLimit, limits.Datasets)
		}
		var text json.RawMessage
		if err := in.Decode(&text); err != nil {
			return broken(err, fmt.Sprintf("dataset %d", n))
		}
		p := parser{limits: limits, left: limits.Elements}
		d, err := p.dataset(text, 1)
		if err != nil {
			return fmt.Errorf("dataset %d: %w", n, err)
		}
		if !take(d) {
			return nil
		}
	}
	if _, err := in.Token(); err != nil {
		return broken(err, "the answer")
	}
	if _, err := in.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: text follows the array", ErrSyntax)
	}
	return nil
}

// broken leaves the text of a syntax error out, which repeats a character, and keeps what reading failed with.
func broken(err error, where string) error {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		return fmt.Errorf("%w: %s cannot be read at byte %d", ErrSyntax, where, syntax.Offset)
	case errors.As(err, &kind):
		return fmt.Errorf("%w: %s has an unexpected type of JSON", ErrSyntax, where)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("%w: %s ends early", ErrSyntax, where)
	}
	return err
}

// parser reads one dataset; left counts down the attributes that it may still have.
type parser struct {
	limits Limits
	left   int
}

type rawElement struct {
	VR           string            `json:"vr"`
	Value        []json.RawMessage `json:"Value"`
	InlineBinary *string           `json:"InlineBinary"`
	BulkDataURI  *string           `json:"BulkDataURI"`
}

// dataset reads the members of an object one by one: a map would hide that a tag is there twice.
func (p *parser) dataset(text json.RawMessage, depth int) (Dataset, error) {
	if depth > p.limits.Depth {
		return Dataset{}, fmt.Errorf("%w: sequences are nested deeper than %d", ErrLimit, p.limits.Depth)
	}
	in := json.NewDecoder(bytes.NewReader(text))
	if open, err := in.Token(); err != nil || open != json.Delim('{') {
		return Dataset{}, fmt.Errorf("%w: a dataset is not an object", ErrSyntax)
	}
	d := Dataset{elements: map[Tag]Element{}}
	for in.More() {
		if p.left--; p.left < 0 {
			return Dataset{}, fmt.Errorf("%w: a dataset has more than %d attributes", ErrLimit, p.limits.Elements)
		}
		if err := p.member(in, d.elements, depth); err != nil {
			return Dataset{}, err
		}
	}
	return d, nil
}

func (p *parser) member(in *json.Decoder, into map[Tag]Element, depth int) error {
	name, err := in.Token()
	if err != nil {
		return broken(err, "a dataset")
	}
	text, _ := name.(string)
	t, ok := ParseTag(text)
	if !ok {
		return fmt.Errorf("%w: the name of an attribute is not a tag", ErrSyntax)
	}
	if _, twice := into[t]; twice {
		return fmt.Errorf("%w: attribute %s is there twice", ErrSyntax, t)
	}
	var raw rawElement
	if err := in.Decode(&raw); err != nil {
		return broken(err, "attribute "+t.String())
	}
	into[t], err = p.element(t, raw, depth)
	return err
}

func (p *parser) element(t Tag, raw rawElement, depth int) (Element, error) {
	e := Element{VR: vr(raw.VR), bulk: raw.BulkDataURI != nil}
	if len(raw.Value) > p.limits.Values {
		return e, fmt.Errorf("%w: attribute %s has more than %d values", ErrLimit, t, p.limits.Values)
	}
	if raw.InlineBinary != nil {
		b, err := base64.StdEncoding.DecodeString(*raw.InlineBinary)
		if err != nil {
			return e, fmt.Errorf("%w: the bytes of attribute %s are not base64", ErrSyntax, t)
		}
		e.binary = b
	}
	for _, text := range raw.Value {
		if err := p.value(&e, text, depth); err != nil {
			return e, fmt.Errorf("attribute %s: %w", t, err)
		}
	}
	return e, nil
}

// vr keeps what looks like a VR; anything else could be any text.
func vr(s string) string {
	if len(s) == 2 && strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == "" {
		return s
	}
	return ""
}

func (p *parser) value(e *Element, text json.RawMessage, depth int) error {
	switch {
	case bytes.Equal(text, []byte("null")):
		e.values = append(e.values, value{})
	case text[0] == '"':
		var s string
		if err := json.Unmarshal(text, &s); err != nil {
			return broken(err, "a value")
		}
		e.values = append(e.values, written(e.VR, s)...)
	case text[0] == '{' && e.VR == "PN":
		var n Name
		if err := json.Unmarshal(text, &n); err != nil {
			return broken(err, "a name")
		}
		e.values = append(e.values, value{name: &n})
	case text[0] == '{':
		d, err := p.dataset(text, depth+1)
		if err != nil {
			return err
		}
		e.values = append(e.values, value{items: &d})
	case text[0] == '-' || text[0] >= '0' && text[0] <= '9':
		e.values = append(e.values, value{text: string(text)})
	default:
		return fmt.Errorf("%w: a value is neither text, number, name nor dataset", ErrSyntax)
	}
	return nil
}

// written makes values of a string. Some servers write several values as one string with backslashes, as DICOM files do,
// and a name without its forms.
func written(vr, s string) []value {
	switch vr {
	case "PN":
		return []value{{name: &Name{Alphabetic: s}}}
	case "ST", "LT", "UT", "UR":
		return []value{{text: s}} // a backslash is part of the text
	}
	var values []value
	for part := range strings.SplitSeq(s, `\`) {
		values = append(values, value{text: part})
	}
	return values
}
