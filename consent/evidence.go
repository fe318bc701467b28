package consent

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"sync"

	"github.com/crflink/crflink/fhir"
)

// Append appends the whole decision as text, for a keyed digest: two decisions of one day with the same text are the same. The
// text holds ids of the source and dates.
func (d Decision) Append(b []byte) []byte {
	b = append(b, d.policy...)
	b = append(append(b, '\n'), d.outcome.String()...)
	b = append(append(b, '\n'), d.Reason()...)
	b = append(append(b, '\n'), d.withdrawal.String()...)
	b = strconv.AppendInt(append(b, ' '), d.refused, 10)
	b = appendDays(append(b, '\n'), d.windows)
	if len(d.types) > 0 {
		for _, typ := range slices.Sorted(maps.Keys(d.types)) {
			b = appendDays(append(append(b, '\n'), typ...), d.types[typ])
		}
	}
	for _, id := range d.consents {
		b = strconv.AppendQuote(append(b, '\n'), id)
	}
	for i := range d.parts {
		b = d.parts[i].Append(append(b, "\npart "...))
	}
	for _, form := range slices.Sorted(maps.Keys(d.partOf)) {
		b = strconv.AppendInt(append(append(append(b, '\n'), form...), ' '), int64(d.partOf[form]), 10)
	}
	return b
}

func appendDays(b []byte, all days) []byte {
	for _, i := range all {
		b = strconv.AppendInt(append(b, ' '), int64(i.Start), 10)
		b = strconv.AppendInt(append(b, '-'), int64(i.End), 10)
	}
	return b
}

// Write writes all that Evaluate looks at, for a keyed digest: the resources as they were read, in an order that does not
// depend on the source's.
func (f Facts) Write(w io.Writer) error {
	out, ok := buffers.Get().(*bufio.Writer)
	if !ok {
		out = bufio.NewWriterSize(nil, bufferSize)
	}
	defer buffers.Put(out)
	out.Reset(w)
	b := strconv.AppendQuote(out.AvailableBuffer(), f.Patient.String())
	b = strconv.AppendInt(append(b, ' '), int64(f.Unread), 10)
	_, _ = out.Write(append(b, '\n')) // the error is Flush's
	for i, keys := range [][]fhir.Key{f.Looked, f.LinkedFrom, f.Same} {
		for _, key := range slices.SortedFunc(slices.Values(keys), compareKeys) {
			_, _ = fmt.Fprintf(out, "%d %q\n", i, key.String())
		}
	}
	all := slices.Concat(f.Patients, f.Consents, f.Encounters, f.Subjects)
	slices.SortStableFunc(all, func(a, b *fhir.Resource) int {
		if c := compareKeys(a.Key(), b.Key()); c != 0 {
			return c
		}
		return cmp.Compare(a.Raw(), b.Raw())
	})
	for _, res := range all {
		_, _ = out.Write(append(strconv.AppendInt(out.AvailableBuffer(), int64(len(res.Raw())), 10), ':'))
		_, _ = out.WriteString(res.Raw())
	}
	return out.Flush()
}

// buffers gather small writes: a keyed hash takes many bytes at once faster.
var buffers sync.Pool

const bufferSize = 8 << 10

func compareKeys(a, b fhir.Key) int {
	return cmp.Or(cmp.Compare(a.Type, b.Type), cmp.Compare(a.ID, b.ID))
}
