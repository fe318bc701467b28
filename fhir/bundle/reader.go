package bundle

import (
	"bytes"
	"io"
	"strings"
	"unsafe"

	"github.com/crflink/crflink/fhir"
)

// Entry is one resource of a stream, or an entry of a Bundle that has none.
type Entry struct {
	Resource     *fhir.Resource // nil for an entry without a resource
	Offset       int64          // bytes before the resource's text, or before the entry
	Text         string         // the resource's text
	FullURL      string         // entry.fullUrl
	Method, URL  string         // entry.request
	LastModified string         // entry.response.lastModified
	Mode         string         // entry.search.mode: match, include, outcome
	InBundle     bool
	BundleType   string // Bundle.type, when it was written before the entries
	Subsetted    bool   // the resource or, before its entries, the Bundle says that elements were left out
	Keep         bool   // set by Reader.Entry: with Reuse, the resource is the caller's from then on
}

// Member is a member of a Bundle that is no entry: type, total, link, meta, as written.
type Member struct {
	Depth int // 0 for the outermost Bundle
	Name  string
	JSON  string
}

// Summary counts what a stream held.
type Summary struct {
	Resources int // resources that were handed out
	Empty     int // entries of Bundles without a resource
	Rejected  int
	Bundles   int
	Broken    bool // the stream could not be read to its end
}

// Reader splits streams. It is reusable, for one stream at a time.
type Reader struct {
	Source   string              // name of the origins
	Limits   fhir.Limits         // of one resource; the zero value is fhir.DefaultLimits
	Reuse    bool                // hand out the same Entry and Resource again and again: they are valid until Entry returns, the Resource longer if the entry is kept
	Borrow   bool                // with Reuse: also strings of the entry and its resource are valid until Entry returns only; whoever keeps one clones it
	Entry    func(*Entry) error  // called for every entry; an error ends the reading
	Rejected func(fhir.Rejected) // called for everything that cannot be used
	Member   func(Member)        // may be nil

	w        window
	nest     nesting
	resource *fhir.Resource
	handed   Entry
	fields   fhir.Table
	summary  Summary
	bundle   envelope
	failed   error
	garbage  int
	slow     int64 // up to here no line is one resource
	astray   bool  // after damage: what does not begin at the beginning of a line may be a part of something else
}

// envelope is what a Bundle says about all its entries.
type envelope struct {
	depth     int
	typ       string
	subsetted bool
}

const (
	maxNesting  = 512      // of brackets, Bundles around included
	maxBundles  = 16       // of Bundles inside Bundles
	quickLine   = 1 << 20  // longer lines are searched for a Bundle before they are kept
	maxEnvelope = 64 << 10 // of a member of a Bundle that is no entry
	maxGarbage  = 100      // lines in a row that are no JSON objects
)

// Read reads the stream to its end. Its error is that of the stream or of Entry; what is wrong with the content is
// given to Rejected.
func (r *Reader) Read(in io.Reader) (Summary, error) {
	if r.Limits == (fhir.Limits{}) {
		r.Limits = fhir.DefaultLimits
	}
	r.w.reset(in, r.Limits.Bytes)
	r.summary, r.bundle, r.failed, r.garbage, r.slow, r.astray = Summary{}, envelope{}, nil, 0, 0, false
	r.byteOrderMark()
	for r.value() && r.failed == nil {
	}
	if r.failed == nil {
		r.failed = r.w.failure()
	}
	r.w.close()
	return r.summary, r.failed
}

func (r *Reader) byteOrderMark() {
	for r.w.end < 3 && r.w.fill() {
	}
	if bytes.HasPrefix(r.w.buf[:r.w.end], []byte("\xef\xbb\xbf")) {
		r.w.pos = 3
	}
}

// value reads the value at the top of the stream that begins next. It returns false at the end.
func (r *Reader) value() bool {
	c, ok := r.w.space()
	if !ok {
		return false
	}
	if c == '[' {
		return r.array()
	}
	bol := r.w.bol
	r.w.bol = false
	if c != '{' || r.astray && !bol {
		return r.noObject()
	}
	r.garbage = 0
	if r.quick() {
		return true
	}
	return r.object()
}

// array passes over a JSON array as a whole: its elements were not written as resources of their own.
func (r *Reader) array() bool {
	start := r.w.at()
	r.w.lines = false
	r.reject(start, "", "a JSON array is no resource: write its elements as NDJSON or into a Bundle")
	if b := r.skip(); b != nil {
		return r.recover(-1)
	}
	return true
}

func (r *Reader) noObject() bool {
	r.reject(r.w.at(), "", "a resource is a JSON object and begins with {")
	if r.garbage++; r.garbage >= maxGarbage {
		return r.giveUp("too many lines that are no resource: the rest of the input was not read")
	}
	return r.nextLine()
}

// quick reads a line that is one resource, which is nearly every line of NDJSON.
func (r *Reader) quick() bool {
	if r.w.at() < r.slow {
		return false
	}
	if string(r.sniff()) == "Bundle" { // which may be a page of a server, all on one line
		return false
	}
	line, ok := r.w.line(min(quickLine, r.Limits.Bytes))
	if !ok {
		return false
	}
	e := r.freshEntry()
	*e = Entry{Offset: r.w.at(), Text: r.textOf(line)}
	res := r.fresh()
	if res.ReadWithin(e.Text, r.origin(e.Offset), r.Limits) != nil || res.Type == "Bundle" {
		r.slow = e.Offset + int64(len(line))
		return false
	}
	r.w.pos += len(line)
	r.astray = false
	e.Resource = res
	r.deliver(e)
	return true
}

// textOf makes a line a string. A borrowed one is the memory of the window, which nothing writes to before Entry has returned:
// an index of ten million resources would copy each of them for nothing.
func (r *Reader) textOf(line []byte) string {
	if r.Borrow && r.Reuse && len(line) > 0 {
		return unsafe.String(&line[0], len(line)) // #nosec G103 -- the window moves on when Entry has returned, and the string ends there
	}
	return string(line)
}

// object reads a resource over several lines, a Bundle, or what is neither.
func (r *Reader) object() bool {
	start := r.w.at()
	r.w.lines = false
	r.w.hold(start)
	isBundle, b := r.capture()
	switch {
	case isBundle:
		r.w.release()
		b = r.readBundle()
		start = -1
	case b == nil:
		b = r.takeWhole(start)
		r.w.release()
	default:
		r.w.release()
	}
	if b == nil || r.failed != nil {
		return true
	}
	at := b.at
	if start >= r.w.base {
		at = start // the resource, not the place behind it where the damage shows
	}
	r.rejectText(at, r.lineOf(start), b.reason)
	return r.recover(start)
}

// capture moves behind the object that begins here, unless it is a Bundle: then it moves nowhere.
func (r *Reader) capture() (isBundle bool, b *broken) {
	w := &r.w
	typ := string(r.sniff())
	if typ == "" {
		start := w.at()
		typ, b = r.searchType()
		if w.over {
			return false, b
		}
		w.seek(start)
	}
	if typ == "Bundle" {
		return true, nil
	}
	return false, r.skip()
}

// searchType looks for the resourceType of an object that does not begin with it. When the object becomes longer than
// the window may keep, it moves behind it.
func (r *Reader) searchType() (typ string, b *broken) {
	found := &broken{}
	b = r.members(func(name string) *broken {
		c := r.w.buf[r.w.pos]
		switch {
		case name == "resourceType" && c == '"':
			var b *broken
			if typ, b = r.text(); b != nil || r.w.over {
				return b
			}
			return found
		case name == "entry" && c == '[' && r.bundleEntry():
			typ = "Bundle"
			return found
		}
		return r.skip()
	})
	return typ, b
}

// bundleEntry reports whether the array here begins with an entry of a Bundle (List.entry is the only other one of
// that name), and comes back.
func (r *Reader) bundleEntry() bool {
	w := &r.w
	start := w.at()
	w.hold(start)
	defer w.release()
	w.pos++
	is := false
	if c, ok := w.space(); ok && c == '{' {
		w.pos++
		name, b := r.name()
		switch name {
		case "fullUrl", "link", "request", "resource", "response", "search":
			is = b == nil
		}
	}
	if w.over {
		return false
	}
	w.seek(start)
	return is
}

// take hands out the text from start to here as the entry's resource.
func (r *Reader) take(e *Entry, start int64) {
	end := r.w.at()
	if r.w.over || end-start > int64(r.Limits.Bytes) {
		r.reject(start, "", "longer than the limit of a resource")
		return
	}
	text := string(r.w.slice(start, end))
	e.Offset, e.Text = start, text
	res := r.fresh()
	if err := res.ReadWithin(text, r.origin(start), r.Limits); err != nil {
		r.rejectText(start, []byte(text), reason(err))
		return
	}
	e.Resource = res
	r.deliver(e)
}

// deliver completes an entry and hands it out.
func (r *Reader) deliver(e *Entry) {
	if e.Resource != nil {
		r.summary.Resources++
		if id, ok := strings.CutPrefix(e.FullURL, "urn:uuid:"); ok && e.Resource.ID == "" && fhir.IsID(id) {
			e.Resource.ID = id
		}
		e.Subsetted = r.bundle.subsetted || fhir.IsSubsetted(e.Resource.Get("meta"))
	} else {
		r.summary.Empty++
	}
	if r.failed == nil {
		r.failed = r.Entry(e)
	}
	if e.Keep {
		r.resource = nil
	}
}

func (r *Reader) fresh() *fhir.Resource {
	if r.resource == nil || !r.Reuse {
		r.resource = fhir.NewResource()
	}
	return r.resource
}

func (r *Reader) freshEntry() *Entry {
	if !r.Reuse {
		return new(Entry)
	}
	return &r.handed
}

func (r *Reader) origin(offset int64) fhir.Origin {
	return fhir.Origin{Source: r.Source, Position: offset}
}

func (r *Reader) reject(offset int64, typ, reason string) {
	r.summary.Rejected++
	r.Rejected(fhir.Rejected{Origin: r.origin(offset), Type: typ, Reason: reason})
}

func reason(err error) string {
	if i := strings.Index(err.Error(), ": "); i >= 0 {
		return err.Error()[i+2:]
	}
	return err.Error()
}

const sniffLength = 128

// sniff is sniffType of what comes next.
func (r *Reader) sniff() []byte {
	w := &r.w
	for w.end-w.pos < sniffLength && w.fill() {
	}
	return sniffType(w.buf[w.pos:w.end])
}

// sniffType returns the resourceType of a text that begins with it, as nearly all do, or nothing.
func sniffType(text []byte) []byte {
	rest := text
	for _, want := range []string{"{", `"resourceType"`, ":", `"`} {
		rest = bytes.TrimLeft(rest, " \t\r\n")
		if !bytes.HasPrefix(rest, []byte(want)) {
			return nil
		}
		rest = rest[len(want):]
	}
	end := bytes.IndexByte(rest, '"')
	if end < 0 || end > 64 || bytes.ContainsFunc(rest[:end], func(c rune) bool { return c|0x20 < 'a' || c|0x20 > 'z' }) {
		return nil
	}
	return rest[:end]
}
