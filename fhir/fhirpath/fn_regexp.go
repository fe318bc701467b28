package fhirpath

import (
	"regexp"
	"strings"
)

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
