package fhirpath

import (
	"regexp"
	"strings"
	"unicode/utf8"
)

// Functions of texts (FHIRPath N1, 5.6). Positions count characters.
var stringFunctions = map[string]function{
	"indexOf": compileScalar(textToInteger(func(s, t string) int {
		return characters(s, strings.Index(s, t))
	}), 1),
	"lastIndexOf": compileScalar(textToInteger(func(s, t string) int {
		return characters(s, strings.LastIndex(s, t))
	}), 1),
	"substring":  compileScalar(scalar{kindsText, []kinds{kindSet(Integer), kindSet(Integer)}, resulting(String), substring}, 1),
	"startsWith": compileText(strings.HasPrefix),
	"endsWith":   compileText(strings.HasSuffix),
	"contains":   compileText(strings.Contains),
	"upper":      compileScalar(textToText(strings.ToUpper), 0),
	"lower":      compileScalar(textToText(strings.ToLower), 0),
	"trim":       compileScalar(textToText(strings.TrimSpace), 0),
	"length": compileScalar(scalar{kindsText, nil, resulting(Integer), func(_ *ctx, in *Value, _ []Value) (Value, bool) {
		return integerValue(int64(utf8.RuneCountInString(in.text))), true
	}}, 0),
	"replace": compileScalar(scalar{kindsText, []kinds{kindsText, kindsText}, resulting(String),
		replaceText}, 2),
	"toChars":        {0, 0, compileToChars},
	"split":          {1, 1, compileSplit},
	"join":           {0, 1, compileJoin},
	"matches":        {1, 2, func(k *compiler, f *call) code { return k.matches(f, "(?s)", "") }},
	"matchesFull":    {1, 2, func(k *compiler, f *call) code { return k.matches(f, "(?s)^(?:", ")$") }},
	"replaceMatches": {2, 3, compileReplaceMatches},
}

func textToText(apply func(string) string) scalar {
	return scalar{kindsText, nil, resulting(String), func(_ *ctx, in *Value, _ []Value) (Value, bool) {
		return stringValue(apply(in.text)), true
	}}
}

func textToInteger(apply func(s, t string) int) scalar {
	return scalar{kindsText, []kinds{kindsText}, resulting(Integer), func(_ *ctx, in *Value, a []Value) (Value, bool) {
		return integerValue(int64(apply(in.text, a[0].text))), true
	}}
}

// compileText compiles a test of a text against another.
func compileText(holds func(s, t string) bool) function {
	return function{1, 1, func(k *compiler, f *call) code {
		left, arg := f.left, k.arg(f, 0)
		k.needKind(f.pos, left.static, kindsText, f.name+"()")
		k.needKind(f.args[0].pos, arg.static, kindsText, f.name+"()")
		return booleanCode(func(c *ctx, this []Value) tri {
			s, ok := c.item(&left, this, kindsText, f, f.pos)
			if !ok {
				return none
			}
			t, ok := c.item(&arg, this, kindsText, f, f.args[0].pos)
			if !ok {
				return none
			}
			return triOf(holds(s.text, t.text))
		})
	}}
}

// characters converts a byte offset to a number of characters.
func characters(s string, offset int) int {
	if offset < 0 {
		return -1
	}
	return utf8.RuneCountInString(s[:offset])
}

func replaceText(c *ctx, in *Value, a []Value) (Value, bool) {
	if !c.bounded(len(in.text)+strings.Count(in.text, a[0].text)*len(a[1].text), 0) {
		return Value{}, false
	}
	return stringValue(strings.ReplaceAll(in.text, a[0].text, a[1].text)), true
}

// substring is empty where the start lies outside of the text.
func substring(_ *ctx, in *Value, args []Value) (Value, bool) {
	start, length := args[0].num, int64(len(in.text))
	if len(args) == 2 {
		length = args[1].num
	}
	from, ok := byteOffset(in.text, start)
	if !ok || from == len(in.text) {
		return Value{}, false
	}
	rest := in.text[from:]
	if length <= 0 {
		return stringValue(""), true
	}
	if to, ok := byteOffset(rest, length); ok {
		rest = rest[:to]
	}
	return stringValue(rest), true
}

func byteOffset(s string, n int64) (int, bool) {
	if n < 0 || n > int64(len(s)) {
		return 0, false
	}
	for i := range s {
		if n == 0 {
			return i, true
		}
		n--
	}
	return len(s), n == 0
}

func compileToChars(k *compiler, f *call) code {
	k.needKind(f.pos, f.left.static, kindsText, "toChars()")
	left := f.left
	return code{static: ofKind(String).all(), run: func(c *ctx, this, out []Value) []Value {
		v, ok := c.item(&left, this, kindsText, f, f.pos)
		if !ok {
			return out
		}
		for i, r := range v.text {
			out = append(out, stringValue(v.text[i:i+utf8.RuneLen(r)]))
		}
		return out
	}}
}

func compileSplit(k *compiler, f *call) code {
	left, sep := f.left, k.arg(f, 0)
	k.needKind(f.pos, left.static, kindsText, "split()")
	k.needKind(f.args[0].pos, sep.static, kindsText, "split()")
	return code{static: ofKind(String).all(), run: func(c *ctx, this, out []Value) []Value {
		v, ok := c.item(&left, this, kindsText, f, f.pos)
		if !ok {
			return out
		}
		s, ok := c.item(&sep, this, kindsText, f, f.args[0].pos)
		if !ok {
			return out
		}
		for part := range strings.SplitSeq(v.text, s.text) {
			out = append(out, stringValue(part))
		}
		return out
	}}
}

func compileJoin(k *compiler, f *call) code {
	k.ordered(f.pos, f.left.static, "join()")
	k.needKind(f.pos, f.left.static, kindsText, "join()")
	left, sep := f.left, constant(stringValue(""))
	if len(f.args) == 1 {
		sep = k.arg(f, 0)
		k.needKind(f.args[0].pos, sep.static, kindsText, "join()")
	}
	return code{static: ofKind(String), run: func(c *ctx, this, out []Value) []Value {
		s, ok := c.item(&sep, this, kindsText, f, f.pos)
		if !ok {
			return out
		}
		buf := left.get(c, this)
		defer left.put(c, buf)
		text, ok := c.joined(buf, s.text, f)
		if !ok {
			return out
		}
		return append(out, stringValue(text))
	}}
}

// joined joins texts; items without a value are left out. Nothing joined is nothing.
func (c *ctx) joined(items []Value, sep string, f *call) (string, bool) {
	var b strings.Builder
	n, first := 0, ""
	for i := range items {
		v, ok := c.accept(&items[i], kindsText, f, f.pos)
		if !ok {
			continue
		}
		switch n++; n {
		case 1:
			first = v.text
			continue
		case 2:
			b.WriteString(first)
		}
		if !c.bounded(b.Len()+len(sep)+len(v.text), f.pos) {
			return "", false
		}
		b.WriteString(sep)
		b.WriteString(v.text)
	}
	if n == 1 {
		return first, true
	}
	return b.String(), n > 0
}

// pattern is a regular expression known when compiling, or one to compile at each use.
type pattern struct {
	before, after string
	known         *regexp.Regexp
	code          code
	f             *call
}

func (k *compiler) pattern(f *call, before, after string) pattern {
	p := pattern{before: before, after: after, code: k.arg(f, 0), f: f}
	k.needKind(f.args[0].pos, p.code.static, kindsText, f.name+"()")
	if len(f.args) > f.argsWithoutFlags() {
		p.before = k.flags(f) + before
	}
	if v := p.code.value; v != nil && v.kind == String {
		re, err := regexp.Compile(p.before + v.text + after)
		if err != nil {
			k.report(f.args[0].pos, "RE2 knows neither look-around nor back-references", "not a regular expression that RE2 can run")
		}
		p.known = re
	}
	return p
}

func (f *call) argsWithoutFlags() int {
	if f.name == "replaceMatches" {
		return 2
	}
	return 1
}

// flags reads the last argument: i ignores case, m lets ^ and $ match at line ends.
func (k *compiler) flags(f *call) string {
	text, ok := k.literalText(f, len(f.args)-1, "flags")
	if ok && strings.Trim(text, "im") != "" {
		k.report(f.args[len(f.args)-1].pos, "known are i and m", "unknown flag of a regular expression")
		return ""
	}
	if text == "" {
		return ""
	}
	return "(?" + text + ")"
}

func (p *pattern) get(c *ctx, this []Value) *regexp.Regexp {
	if p.known != nil {
		return p.known
	}
	v, ok := c.item(&p.code, this, kindsText, p.f, p.f.args[0].pos)
	if !ok {
		return nil
	}
	re, err := regexp.Compile(p.before + v.text + p.after)
	if err != nil {
		c.fail(p.f.args[0].pos, "not a regular expression that RE2 can run")
	}
	return re
}

func (k *compiler) matches(f *call, before, after string) code {
	left, p := f.left, k.pattern(f, before, after)
	k.needKind(f.pos, left.static, kindsText, f.name+"()")
	return booleanCode(func(c *ctx, this []Value) tri {
		s, ok := c.item(&left, this, kindsText, f, f.pos)
		re := p.get(c, this)
		if !ok || re == nil {
			return none
		}
		return triOf(re.MatchString(s.text))
	})
}

// groupReference is $1 in a replacement, which Go writes as ${1}.
var groupReference = regexp.MustCompile(`\$(\d+)`)

// replacedGroups counts the groups that a replacement inserts.
func replacedGroups(s string) int { return strings.Count(s, "$") }

func compileReplaceMatches(k *compiler, f *call) code {
	left, p, with := f.left, k.pattern(f, "(?s)", ""), k.arg(f, 1)
	k.needKind(f.pos, left.static, kindsText, f.name+"()")
	k.needKind(f.args[1].pos, with.static, kindsText, f.name+"()")
	return code{static: ofKind(String), run: func(c *ctx, this, out []Value) []Value {
		s, ok := c.item(&left, this, kindsText, f, f.pos)
		if !ok {
			return out
		}
		w, ok := c.item(&with, this, kindsText, f, f.args[1].pos)
		re := p.get(c, this)
		switch {
		case !ok || re == nil:
			return out
		case re.String() == "(?s)":
			return append(out, s)
		}
		replacement := w.text
		if strings.Contains(replacement, "$") {
			replacement = groupReference.ReplaceAllString(replacement, "$${$1}")
		}
		if !c.bounded(len(s.text)+len(re.FindAllStringIndex(s.text, -1))*(len(replacement)+replacedGroups(replacement)*len(s.text)), f.pos) {
			return out
		}
		return append(out, stringValue(re.ReplaceAllString(s.text, replacement)))
	}}
}
