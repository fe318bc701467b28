package dicomweb

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/crflink/crflink/imaging"
	"github.com/crflink/crflink/imaging/dicom"
	"github.com/crflink/crflink/internal/wire"
)

// search is one question for studies or series.
type search struct {
	at        wire.Endpoint
	arguments []string
	keys      []key
	study     string // that every row is of, when the path names it
	days      string // range of StudyDate; "" is any
	fields    []dicom.Tag
}

// key is an attribute with the value that it must have.
type key struct {
	tag   dicom.Tag
	value string
}

// What is asked for beside what PS3.18 10.6.3.3 returns anyway. No description, no name: they are not needed.
var (
	studyFields  = []dicom.Tag{dicom.IssuerOfPatientID, dicom.ModalitiesInStudy, dicom.SeriesInStudy}
	seriesFields = []dicom.Tag{dicom.Modality, dicom.InstancesInSeries}
)

// search asks for page after page.
func (c *Client) search(ctx context.Context, s search) ([]dicom.Dataset, error) {
	for _, k := range s.keys {
		if !exact(k) {
			return nil, errRefused
		}
	}
	if s.study != "" && !exact(key{dicom.StudyInstanceUID, s.study}) {
		return nil, errRefused
	}
	var all []dicom.Dataset
	seen := map[string]bool{}
	for offset := 0; ; {
		p, err := c.page(ctx, s, offset)
		if err != nil {
			return nil, err
		}
		isNew := 0
		for _, row := range p.datasets {
			if id := s.identify(row); !seen[id] {
				seen[id] = true
				isNew++
				if ok, err := s.answers(row); err != nil {
					return nil, err
				} else if ok {
					all = append(all, row)
				}
			}
		}
		n := len(p.datasets)
		switch offset += n; {
		case len(seen) > c.options.Rows:
			return nil, fmt.Errorf("%w: %d", ErrTooMany, c.options.Rows)
		case n > c.options.Page, !p.more(c.options.Page):
			return all, nil
		case isNew == 0:
			return nil, ErrPages
		}
	}
}

// more reports whether a further page may have rows: after a full page, where the server says so (PS3.18, 10.6.3.2), and
// after one of a round number of rows, because servers cut pages to less than they are asked for without saying so.
func (r *result) more(page int) bool {
	n := len(r.datasets)
	return n > 0 && (n == page || r.warned || n%10 == 0)
}

// exact refuses what a server may take for more than itself, or for a list.
func exact(k key) bool {
	if k.tag == dicom.PatientID {
		return k.value != "" && k.value == strings.TrimSpace(k.value) && !strings.ContainsAny(k.value, "*?\\,") && strings.IndexFunc(k.value, func(c rune) bool { return c < ' ' || c == 0x7f }) < 0
	}
	uid, ok := imaging.ParseUID(k.value)
	return ok && uid == k.value
}

// identify tells rows apart. A study that is kept under two patients has two rows.
func (s search) identify(row dicom.Dataset) string {
	return row.Text(dicom.StudyInstanceUID) + " " + row.Text(dicom.SeriesInstanceUID) + " " + row.Text(dicom.PatientID)
}

// page asks for one page.
func (c *Client) page(ctx context.Context, s search, offset int) (*result, error) {
	q := []string{"limit=" + strconv.Itoa(c.options.Page)}
	for _, k := range s.keys {
		q = append(q, k.tag.String()+"="+escape(k.value))
	}
	if s.days != "" {
		q = append(q, dicom.StudyDate.String()+"="+s.days)
	}
	if offset > 0 {
		q = append(q, "offset="+strconv.Itoa(offset))
	}
	for _, t := range s.fields {
		q = append(q, "includefield="+t.String())
	}
	return c.fetch(ctx, s.at, wire.Call{Arguments: s.arguments, RawQuery: strings.Join(q, "&")})
}

// escape encodes what must not stand in a query as it is (RFC 3986, 3.4), and nothing else: there are servers that compare
// values without decoding them. A plus sign would be read as a space.
func escape(value string) string {
	var b strings.Builder
	for _, c := range []byte(value) {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-._~/:@!$'();", c) >= 0 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// answers compares a row with what was asked. A value that differs in case only is another patient's, which the server was
// right to give: it matches without case. Anything else says that the server did not heed the key.
func (s search) answers(row dicom.Dataset) (bool, error) {
	if s.study != "" {
		if told := row.Text(dicom.StudyInstanceUID); told != "" && told != s.study {
			return false, fmt.Errorf("%w (%s)", ErrIgnored, dicom.StudyInstanceUID)
		}
	}
	for _, k := range s.keys {
		values := row.Texts(k.tag)
		switch {
		case len(values) == 0 || values[0] == "":
			return false, nil // it cannot be told
		case slices.Contains(values, k.value):
		case slices.ContainsFunc(values, func(v string) bool { return strings.EqualFold(v, k.value) }):
			return false, nil
		default:
			return false, fmt.Errorf("%w (%s)", ErrIgnored, k.tag)
		}
	}
	return true, nil
}

// result is an answer as it came.
type result struct {
	datasets []dicom.Dataset
	warned   bool // the server says that there is more
	size     int  // bytes
}

// fetch gets an answer, from memory where it was given before.
func (c *Client) fetch(ctx context.Context, at wire.Endpoint, call wire.Call) (*result, error) {
	id := at.Path + "\x00" + strings.Join(call.Arguments, "\x00") + "\x00" + call.RawQuery
	if r := c.cache.get(id); r != nil {
		return r, nil
	}
	var r *result
	err := c.caller.Do(ctx, at, call, func(a wire.Answer) error {
		r = &result{warned: strings.HasPrefix(a.Header.Get("Warning"), "299")}
		if a.Status == http.StatusNoContent {
			return nil
		}
		body := &counted{in: a.Body}
		var err error
		r.datasets, err = dicom.ReadAll(body, c.options.Limits)
		r.size = body.n
		if errors.Is(err, dicom.ErrSyntax) {
			return fmt.Errorf("%w: %w", wire.ErrBroken, err)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("the PACS: %w", err)
	}
	c.cache.put(id, r)
	return r, nil
}
