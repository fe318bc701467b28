package fhirpath

import (
	"encoding/base64"
	"encoding/hex"
	"html"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/crflink/crflink/fhir"
)

// Encodings and escapes of texts (FHIRPath 3.0 ballot, "Additional String Functions").
var textFunctions = map[string]function{
	"encode": compileCodec(map[string]func(string) (string, bool){
		"base64":    func(s string) (string, bool) { return base64.StdEncoding.EncodeToString([]byte(s)), true },
		"urlbase64": func(s string) (string, bool) { return base64.URLEncoding.EncodeToString([]byte(s)), true },
		"hex":       func(s string) (string, bool) { return hex.EncodeToString([]byte(s)), true },
	}),
	"decode": compileCodec(map[string]func(string) (string, bool){
		"base64":    func(s string) (string, bool) { return decoded(base64.StdEncoding.DecodeString(s)) },
		"urlbase64": func(s string) (string, bool) { return decoded(base64.URLEncoding.DecodeString(s)) },
		"hex":       func(s string) (string, bool) { return decoded(hex.DecodeString(s)) },
	}),
	"escape": compileCodec(map[string]func(string) (string, bool){
		"html": func(s string) (string, bool) { return htmlEscaper.Replace(s), true },
		"json": escapeJSON,
	}),
	"unescape": compileCodec(map[string]func(string) (string, bool){
		"html": func(s string) (string, bool) { return html.UnescapeString(s), true },
		"json": unescapeJSON,
	}),
}

var htmlEscaper = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "'", "&#39;")

// decoded refuses what is no text.
func decoded(b []byte, err error) (string, bool) { return string(b), err == nil && utf8.Valid(b) }

func escapeJSON(s string) (string, bool) {
	quoted := fhir.AppendQuoted(nil, s)
	return string(quoted[1 : len(quoted)-1]), true
}

func unescapeJSON(s string) (string, bool) {
	t, err := strconv.Unquote(`"` + strings.ReplaceAll(strings.ReplaceAll(s, `\"`, `"`), `"`, `\"`) + `"`)
	return t, err == nil
}

// compileCodec compiles a function whose argument names one of several codecs. What cannot be decoded is empty.
func compileCodec(codecs map[string]func(string) (string, bool)) function {
	return function{1, 1, func(k *compiler, f *call) code {
		k.needKind(f.pos, f.left.static, kindsText, f.name+"()")
		name, ok := k.literalText(f, 0, "a format")
		codec := codecs[name]
		if ok && codec == nil {
			var names []string
			for n := range codecs {
				names = append(names, n)
			}
			k.report(f.args[0].pos, didYouMean(name, names), "%s() does not know the format %q", f.name, name)
		}
		left := f.left
		return code{static: ofKind(String), run: func(c *ctx, this, out []Value) []Value {
			v, ok := c.item(&left, this, kindsText, f, f.pos)
			if !ok {
				return out
			}
			if s, ok := codec(v.text); ok {
				out = append(out, stringValue(s))
			}
			return out
		}}
	}}
}
