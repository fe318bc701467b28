package fhirpath

import (
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
	left, sep, nothingIsText := f.left, constant(stringValue("")), k.opts.JoinNothing
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
		if !ok && !(nothingIsText && c.err == nil) {
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
