package fhirpath

import "github.com/crflink/crflink/fhir/model"

// The clock, which is the as-of of the evaluation (FHIRPath N1, 5.9).
var momentFunctions = map[string]function{
	"now":       {0, 0, func(_ *compiler, f *call) code { return clockCode(f, DateTime) }},
	"today":     {0, 0, func(_ *compiler, f *call) code { return clockCode(f, Date) }},
	"timeOfDay": {0, 0, func(_ *compiler, f *call) code { return clockCode(f, Time) }},
}

func clockCode(f *call, kind Kind) code {
	return code{static: ofKind(kind), run: func(c *ctx, _, out []Value) []Value {
		if c.AsOf.IsZero() {
			c.fail(f.pos, f.name+"() needs an as-of, and none is given")
			return out
		}
		t := c.AsOf
		if c.Zone != nil {
			t = t.In(c.Zone)
		}
		m := momentOf(t)
		switch kind {
		case Date:
			m = m.cut(toDay)
		case Time:
			m.sec -= floorDiv(m.sec, secondsPerDay) * secondsPerDay
			m.zoned, m.utc, m.offset = false, false, 0
		}
		m.kind = kind
		return append(out, momentValue(m))
	}}
}

// Functions of types (FHIRPath N1, 6.3 and 10).
var typeFunctions = map[string]function{
	"is": {1, 1, func(k *compiler, f *call) code {
		return k.ifType(f, func(t *model.Type) code { return k.isCode(f.left, t, f.pos) })
	}},
	"as": {1, 1, func(k *compiler, f *call) code {
		return k.ifType(f, func(t *model.Type) code { return k.asCode(f.left, t, f.pos, true) })
	}},
	"ofType": {1, 1, func(k *compiler, f *call) code {
		return k.ifType(f, func(t *model.Type) code { return k.asCode(f.left, t, f.pos, false) })
	}},
	"type": {0, 0, compileType},
}

func (k *compiler) ifType(f *call, compile func(*model.Type) code) code {
	if t := k.typeSpecifier(f.args[0]); t != nil {
		return compile(t)
	}
	return nothing()
}

func compileType(_ *compiler, f *call) code {
	left := f.left
	s := typed(typeOfType)
	s.many = left.many
	return code{static: s, run: func(c *ctx, this, out []Value) []Value {
		buf := left.get(c, this)
		for i := range buf {
			v := Value{kind: typeInfo}
			if t := buf[i].modelType(); t != nil {
				v.typ = t.ID
			}
			out = append(out, v)
		}
		left.put(c, buf)
		return out
	}}
}
