package ecrf

import (
	"crypto/sha256"
	"encoding/hex"
	"html"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// namer gives names that a dictionary may have, each once. The same wishes in the same order give the same names.
type namer struct {
	noun     string // begins names that would begin with a digit, and ends those that are reserved
	reserved func(string) bool
	taken    map[string]bool
	next     map[string]int
}

func newNamer(noun string, reserved func(string) bool) *namer {
	return &namer{noun: noun, reserved: reserved, taken: map[string]bool{}, next: map[string]int{}}
}

func reservedForm(name string) bool { return slices.Contains(reservedForms, name) }

func reservedItem(name string) bool {
	return slices.Contains(reservedNames, name) || strings.HasSuffix(name, "_complete")
}

func nothingReserved(string) bool { return false }

// name gives a name like wish. When that is taken, the owner's name goes before it, and then a number behind it.
func (n *namer) name(wish, owner string) string {
	wish, owner = clip(wish, maxLabel), clip(owner, maxLabel)
	base := n.valid(wish)
	if n.taken[base] && owner != "" {
		base = n.valid(owner + "_" + wish)
	}
	name := base
	for n.taken[name] {
		n.next[base] = max(n.next[base], 1) + 1
		name = shorten(base, maxName-8) + "_" + strconv.Itoa(n.next[base])
	}
	n.taken[name] = true
	return name
}

// valid spells a wish with the characters that a name may have.
func (n *namer) valid(wish string) string {
	s := slug(wish)
	switch {
	case s == "":
		s = n.noun
	case s[0] >= '0' && s[0] <= '9':
		s = n.noun + "_" + s
	}
	if n.reserved(s) {
		s += "_" + n.noun
	}
	return shorten(s, maxName)
}

// shorten cuts a name that is too long and marks it with a hash of the whole, so that long names stay different.
func shorten(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	sum := sha256.Sum256([]byte(s))
	const mark = 8
	return strings.TrimRight(s[:limit-mark-1], "_") + "_" + hex.EncodeToString(sum[:mark/2])
}

var transliteration = strings.NewReplacer(
	"ä", "ae", "ö", "oe", "ü", "ue", "ß", "ss", "æ", "ae", "ø", "o", "å", "a", "à", "a", "á", "a", "â", "a", "ã", "a", "ç", "c",
	"è", "e", "é", "e", "ê", "e", "ë", "e", "ì", "i", "í", "i", "î", "i", "ï", "i", "ñ", "n", "ò", "o", "ó", "o", "ô", "o", "õ", "o",
	"ù", "u", "ú", "u", "û", "u", "ý", "y", "µ", "u", "μ", "u",
)

// slug spells a text with a-z, 0-9 and single underscores between them.
func slug(s string) string {
	var b strings.Builder
	gap := false
	for _, r := range transliteration.Replace(strings.ToLower(s)) {
		if (r < 'a' || r > 'z') && (r < '0' || r > '9') {
			gap = true
			continue
		}
		if gap && b.Len() > 0 {
			b.WriteByte('_')
		}
		gap = false
		b.WriteRune(r)
	}
	return b.String()
}

// StudyName makes the name of a study from what people call it.
func StudyName(title string) string {
	s := strings.ReplaceAll(slug(title), "_", "-")
	switch {
	case s == "":
		return "study"
	case s[0] >= '0' && s[0] <= '9':
		s = "study-" + s
	}
	if len(s) > maxName {
		s = strings.TrimRight(s[:maxName], "-")
	}
	return s
}

// IsStudyName reports whether a dictionary may name its study so.
func IsStudyName(s string) bool { return studyPattern.MatchString(s) }

var markup = regexp.MustCompile(`</?[A-Za-z][^<>]*>|<!--.*?-->`)

// maxLabel is the greatest number of bytes of a text of the source that is looked at: one long text that many parts share
// must not fill the memory.
const maxLabel = 4000

// clip cuts a text after at most n bytes.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + "…"
}

// plainText turns what a source shows on the screen into one line of text: markup, control characters and repeated
// spaces go. It reports whether there was markup.
func plainText(s string) (text string, hadMarkup bool) {
	s = strings.ToValidUTF8(clip(s, maxLabel), "\uFFFD")
	if hadMarkup = markup.MatchString(s); hadMarkup {
		s = html.UnescapeString(markup.ReplaceAllString(s, " "))
	}
	s = strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return ' '
		}
		if forbidden(r) || r == '\uFEFF' {
			return -1
		}
		return r
	}, s)
	return strings.Join(strings.Fields(s), " "), hadMarkup
}
