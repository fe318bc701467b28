package mapping

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/crflink/crflink/internal/yamldoc"
)

// RuleHashes returns the SHA-256 in hex of every item's rule, by form.item: of the rule as it is written, of the rules of the
// items that it is made of, of its form's own keys, and of everything that rules of all forms share, such as names, code maps
// with their files, events and visits. What only says who wrote the file, and comments, are no part of it.
func (m *Mapping) RuleHashes() map[string]string { return maps.Clone(m.ruleHashes) }

// beside are the parts of a mapping file that no rule can see.
var beside = []string{"study", "version", "author", "forms"}

// hashRules hashes the rules of a compiled mapping; rest are the contents of the files that it names.
func hashRules(root yamldoc.Value, m *Mapping, rest []byte) map[string]string {
	var shared strings.Builder
	own := map[string]string{} // by form.item
	for _, part := range root.Entries() {
		if !slices.Contains(beside, part.Key()) {
			write(&shared, part)
		}
		if part.Key() != "forms" {
			continue
		}
		for _, form := range part.Entries() {
			ownTexts(form, own)
		}
	}
	common := shared.String() + string(rest)
	h := &ruleHasher{common: common, own: own, rules: map[string]*rule{}, done: map[string]string{}}
	for i := range m.forms {
		for _, r := range m.forms[i].rules {
			h.rules[r.id] = r
		}
	}
	for id := range h.rules {
		h.of(id)
	}
	return h.done
}

// ownTexts adds what is written of each item of a form, with the form's own keys.
func ownTexts(form yamldoc.Value, own map[string]string) {
	var keys strings.Builder
	for _, e := range form.Entries() {
		if slices.Contains(formParts, e.Key()) {
			write(&keys, e)
		}
	}
	for _, e := range form.Entries() {
		var b strings.Builder
		write(&b, e)
		own[form.Key()+"."+e.Key()] = keys.String() + b.String()
	}
}

// ruleHasher hashes rules once each.
type ruleHasher struct {
	common string
	own    map[string]string
	rules  map[string]*rule
	done   map[string]string
}

func (h *ruleHasher) of(id string) string {
	if sum, ok := h.done[id]; ok {
		return sum
	}
	h.done[id] = "" // the compiler refuses circles
	text := h.common + "\x00" + h.own[id]
	form, _, _ := strings.Cut(id, ".")
	if r := h.rules[id]; r != nil {
		for _, name := range r.uses() {
			if !strings.Contains(name, ".") {
				name = form + "." + name
			}
			text += "\x00" + name + h.of(name)
		}
	}
	sum := sha256.Sum256([]byte(text))
	h.done[id] = hex.EncodeToString(sum[:])
	return h.done[id]
}

// write writes a value with its key, whatever its spacing and comments.
func write(b *strings.Builder, v yamldoc.Value) {
	b.WriteString(strconv.Quote(v.Key()) + ":")
	switch {
	case v.IsMapping():
		b.WriteByte('{')
		for _, e := range v.Entries() {
			write(b, e)
		}
		b.WriteByte('}')
	case v.IsList():
		b.WriteByte('[')
		for _, e := range v.Items() {
			write(b, e)
		}
		b.WriteByte(']')
	default:
		b.WriteString(strconv.Quote(v.Text()) + ",")
	}
}
