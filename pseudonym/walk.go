package pseudonym

import (
	"strings"

	"github.com/crflink/crflink/fhir"
)

// walker walks one patient's resources beside the profile's tries and writes what stays. Names and URLs are written
// from the profile, values through the actions: nothing else reaches the output.
type walker struct {
	profile *Profile
	dates   Dates
	tally   tally
	read    map[string][]string // elements that somebody reads, by resource type; nil is all
	unread  []bool              // rules of elements that nobody reads, by index; nil when all are read
	builder *fhir.Builder
	buf     []byte
	order   order
	recent  []remembered   // by the index of a rule
	touched []int          // what is set in recent
	opened  map[*rule]bool // resource types that were met
	newest  *rule          // of a resource type

	trace func(path, what string) // nil unless somebody looks at the differences

	// of one patient
	from       permitted
	hidesDeath bool
	keyer      *keyer
	shift      int
	mover      mover
	systems    map[string]string   // of identifiers
	references map[string]string   // literal ones
	byID       map[string]fhir.Key // for urn:uuid references; nil until one occurs

	// of one resource
	contained map[string]bool // ids of the contained resources that stay
	inside    bool            // within a contained resource
	modifiers bool            // there may be a modifierExtension
}

func newWalker(p *Profile, d Dates, read map[string][]string) *walker {
	return &walker{
		profile: p, dates: d, read: read, builder: fhir.NewBuilder(&p.written),
		tally: tally{unknown: map[unknown]int{}}, mover: mover{zone: d.Zone},
		opened:  map[*rule]bool{},
		systems: map[string]string{}, references: map[string]string{}, contained: map[string]bool{},
	}
}

// open returns the rule of a resource type, ready to be walked along; nil for a type that the profile does not list.
func (w *walker) open(typ string) *rule {
	if w.newest != nil && w.newest.path == typ { // records have their resources by type
		return w.newest
	}
	r := w.profile.resources[typ]
	if r == nil {
		return nil
	}
	w.newest = r
	if w.opened[r] {
		return r
	}
	r.open()
	w.opened[r] = true
	if rules := r.opening.rules; rules > len(w.recent) {
		w.order.first, w.order.next = grown(w.order.first, rules), grown(w.order.next, rules)
		w.recent, w.tally.known = grown(w.recent, rules), grown(w.tally.known, rules*int(reasons))
		if w.read != nil {
			w.unread = grown(w.unread, rules)
		}
	}
	if w.read != nil {
		for name, member := range r.members {
			w.unread[member.index] = name != "id" && !named(w.read[typ], name)
		}
	}
	return r
}

// grown returns the list with room for n.
func grown[T any](list []T, n int) []T { return append(list, make([]T, n-len(list))...) }

func (w *walker) begin(from permitted, s Subject, hidesDeath bool, size int) {
	w.builder.Fresh(size)
	w.from, w.hidesDeath, w.keyer, w.shift = from, hidesDeath, newKeyer(s.key.open()), 0
	if w.dates.moves() {
		w.shift = w.keyer.days(w.dates.Limit)
	}
	w.mover.days = w.shift
}

// end forgets the patient.
func (w *walker) end() {
	w.from, w.keyer, w.shift, w.mover.days, w.byID, w.trace = nil, nil, 0, 0, nil, nil
	clear(w.systems)
	clear(w.references)
	clear(w.contained)
	for _, i := range w.touched {
		w.recent[i] = remembered{}
	}
	w.touched = w.touched[:0]
}

func (w *walker) typeName(typ string) string {
	if w.profile.resources[typ] != nil {
		return typ
	}
	if name, ok := w.profile.names[typ]; ok {
		return name
	}
	return other
}

// modifiersKnown reports whether the profile lists every modifier extension of an object.
func (w *walker) modifiersKnown(r *rule, n fhir.Node) bool {
	if !w.modifiers {
		return true
	}
	list := n.Get("modifierExtension")
	if list.Exists() && list.Kind() != fhir.Array {
		return false
	}
	for e := list.First(); e.Exists(); e = e.Next() {
		if w.extensionRule(r, e) == nil {
			return false
		}
	}
	return true
}

func (w *walker) extensionRule(r *rule, e fhir.Node) *rule {
	url := e.Get("url").Text()
	if x := r.allowed.find(url); x != nil {
		return x
	}
	return w.profile.table.find(url)
}

func (w *walker) drop(r *rule, reason Reason) {
	w.tally.add(r, reason)
	if w.trace != nil {
		w.trace(r.path, reason.String())
	}
}

// unknown counts what has no rule. The name that a report may print is not always the one that the resource has.
func (w *walker) unknown(on *rule, name, actual string, reason Reason) {
	w.tally.addUnknown(on, name, reason)
	if w.trace == nil {
		return
	}
	if on != nil {
		actual = on.path + "." + actual
	}
	w.trace(actual, reason.String())
}

func (w *walker) unknownExtension(on *rule, name string, e fhir.Node) {
	actual := name
	if w.trace != nil {
		actual += "(" + e.Get("url").Text() + ")"
	}
	w.unknown(on, name, actual, NotListed)
}

func (w *walker) members(r *rule, n fhir.Node) {
	guess := w.order.begin(r)
	for m := n.First(); m.Exists(); m = m.Next() {
		name := m.Key()
		child := w.order.find(r, guess, name)
		if child != nil {
			guess = w.order.after(child)
		}
		switch {
		case child != nil && w.unread != nil && !w.inside && w.unread[child.index]:
			if child.act.verb == drop {
				w.drop(child, ByProfile)
			}
		case child != nil:
			if w.hidesDeath && r.path == "Patient" && strings.HasPrefix(name, "deceased") {
				w.drop(child, ByProfile)
				continue
			}
			w.member(child, n, m)
		case name == "extension" || name == "modifierExtension":
			w.extensions(r, name, m)
		case name == "resourceType" || name == "contained" || name == "url" && r.url != "":
		default:
			w.unlisted(r, name)
		}
	}
}

func (w *walker) unlisted(r *rule, name string) {
	known, ok := w.profile.names[name]
	if !ok {
		known = other
	}
	w.unknown(r, known, name, NotListed)
}

// member writes an element that the profile lists: an object, a primitive, or an array of either.
func (w *walker) member(r *rule, parent, n fhir.Node) {
	switch {
	case n.Kind() != fhir.Array && r.isObject():
		w.object(r, r.as, n)
	case n.Kind() != fhir.Array:
		w.primitive(r, parent, n)
	case r.isObject():
		w.builder.Array(r.as)
		for e := n.First(); e.Exists(); e = e.Next() {
			w.object(r, fhir.Name{}, e)
		}
		w.builder.EndIfAny()
	default:
		w.primitives(r, parent, n)
	}
}

func (w *walker) object(r *rule, as fhir.Name, n fhir.Node) {
	switch {
	case n.Kind() != fhir.Object:
		w.drop(r, Unfit)
		return
	case !w.modifiersKnown(r, n):
		w.drop(r, Modifier)
		return
	}
	w.builder.Object(as)
	w.members(r, n)
	w.builder.EndIfAny()
}

// extensions writes the listed extensions of an element.
func (w *walker) extensions(r *rule, name string, list fhir.Node) {
	as := w.profile.as.extension
	if name != "extension" {
		as = w.profile.as.modifierExtension
	}
	w.builder.Array(as)
	for e := list.First(); e.Exists(); e = e.Next() {
		x := w.extensionRule(r, e)
		switch {
		case x == nil || e.Kind() != fhir.Object:
			w.unknownExtension(r, name, e)
			continue
		case name == "extension" && !w.modifiersKnown(x, e):
			w.drop(x, Modifier)
			continue
		}
		w.builder.Extension(w.profile.as.url, x.url)
		w.members(x, e)
		w.builder.EndIfAny()
	}
	w.builder.EndIfAny()
}
