package bundle

import "github.com/crflink/crflink/fhir"

// readBundle reads the Bundle that begins here.
func (r *Reader) readBundle() *broken {
	outer := r.bundle
	if r.bundle.depth >= maxBundles {
		return &broken{r.w.at(), "too many Bundles inside each other"}
	}
	r.summary.Bundles++
	start, typ := r.w.at(), ""
	r.bundle = envelope{depth: outer.depth + 1, subsetted: outer.subsetted}
	b := r.members(func(name string) *broken {
		c := r.w.buf[r.w.pos]
		switch {
		case name == "entry" && c == '[':
			return r.entries()
		case name == "resourceType" && c == '"':
			var b *broken
			typ, b = r.text()
			return b
		default:
			return r.member(name)
		}
	})
	r.bundle = outer
	if b == nil && typ != "Bundle" {
		return &broken{start, "an object with entries is not a Bundle"}
	}
	return b
}

// member keeps a small member of the Bundle and passes over a large one.
func (r *Reader) member(name string) *broken {
	start := r.w.at()
	r.w.hold(start)
	defer r.w.release()
	if b := r.skip(); b != nil {
		return b
	}
	if r.w.over || r.w.at()-start > maxEnvelope {
		return nil
	}
	text := string(r.w.slice(start, r.w.at()))
	switch name {
	case "type":
		r.bundle.typ = r.field(text, "").Text()
	case "meta":
		r.bundle.subsetted = r.bundle.subsetted || fhir.IsSubsetted(r.field(text, ""))
	}
	if r.Member != nil {
		r.Member(Member{Depth: r.bundle.depth - 1, Name: name, JSON: text})
	}
	return nil
}

// field parses the text of a member and returns the member of that name in it, or itself for "". What cannot be parsed
// is Missing.
func (r *Reader) field(text, name string) fhir.Node {
	if r.fields.Parse(`{"v":`+text+`}`) != nil {
		return fhir.Node{}
	}
	n := r.fields.Root().Get("v")
	if name != "" {
		n = n.Get(name)
	}
	return n
}

func (r *Reader) entries() *broken {
	r.w.pos++
	if c, ok := r.w.space(); ok && c == ']' {
		r.w.pos++
		return nil
	}
	for {
		c, ok := r.w.space()
		switch {
		case !ok:
			return &broken{r.w.at(), endsInside}
		case c == '{':
			if b := r.entry(); b != nil {
				return b
			}
		default:
			r.reject(r.w.at(), "", "an entry of a Bundle is not an object")
			if b := r.skip(); b != nil {
				return b
			}
		}
		if r.failed != nil {
			return &broken{r.w.at(), "stopped"}
		}
		if done, b := r.separator(']'); done || b != nil {
			return b
		}
	}
}

// pending is an entry while its members are read.
type pending struct {
	Entry
	from, to int64  // the resource's text; 0, 0 without one
	streamed bool   // the resource was a Bundle, whose entries are out already
	problem  string // why the entry is rejected
}

func (r *Reader) entry() *broken {
	start := r.w.at()
	p := pending{Entry: Entry{InBundle: true, BundleType: r.bundle.typ, Offset: start}}
	r.w.hold(start)
	b := r.members(func(name string) *broken { return r.entryMember(&p, name) })
	switch {
	case b != nil || p.streamed:
	case p.problem != "":
		r.reject(start, "", p.problem)
	case r.w.over:
		r.reject(start, "", "longer than the limit of a resource")
	case p.to == 0:
		r.deliver(&p.Entry)
	default:
		r.takeSpan(&p)
	}
	r.w.release()
	return b
}

func (r *Reader) takeSpan(p *pending) {
	behind := r.w.at()
	r.w.seek(p.to)
	r.take(&p.Entry, p.from)
	r.w.seek(behind)
}

func (r *Reader) entryMember(p *pending, name string) *broken {
	c := r.w.buf[r.w.pos]
	switch name {
	case "resource":
		return r.entryResource(p, c)
	case "fullUrl":
		if c == '"' {
			var b *broken
			p.FullURL, b = r.text()
			return b
		}
		p.problem = "fullUrl of an entry is not a string"
	case "request", "response", "search":
		return r.entryObject(p, name)
	}
	return r.skip()
}

func (r *Reader) entryResource(p *pending, c byte) *broken {
	if c != '{' {
		p.problem = "the resource of an entry is not an object"
		return r.skip()
	}
	from := r.w.at()
	isBundle, b := r.capture()
	if !isBundle {
		p.from, p.to = from, r.w.at()
		return b
	}
	holds := r.w.holds
	r.w.holds, r.w.keep = 0, -1
	p.streamed = true
	b = r.readBundle()
	r.w.holds, r.w.keep, r.w.over = holds, r.w.at(), false
	return b
}

func (r *Reader) entryObject(p *pending, name string) *broken {
	start := r.w.at()
	if b := r.skip(); b != nil || r.w.over || p.streamed {
		return b
	}
	text := string(r.w.slice(start, r.w.at()))
	switch name {
	case "request":
		p.Method = r.field(text, "method").Text()
		p.URL = r.field(text, "url").Text()
	case "response":
		p.LastModified = r.field(text, "lastModified").Text()
	case "search":
		p.Mode = r.field(text, "mode").Text()
	}
	return nil
}

// text reads the string that begins here; "" when the window let it go.
func (r *Reader) text() (string, *broken) {
	start := r.w.at()
	r.w.hold(start)
	defer r.w.release()
	if b := r.skipString(); b != nil {
		return "", b
	}
	if r.w.over {
		return "", nil
	}
	s, ok := unquote(r.w.slice(start, r.w.at()))
	if !ok {
		return "", &broken{start, "a string has an unknown escape sequence"}
	}
	return s, nil
}
