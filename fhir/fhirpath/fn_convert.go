package fhirpath

import "strings"

// Conversions (FHIRPath N1, 5.5): toX() is empty and convertsToX() false where a value cannot be converted.
var conversionFunctions = conversions(map[Kind]func(*Value) (Value, bool){
	Boolean: toBoolean, Integer: toInteger, Long: toLong, Decimal: toDecimal, String: toText,
	Date: toDate, DateTime: toDateTime, Time: toTime, Quantity: toQuantity,
})

func conversions(all map[Kind]func(*Value) (Value, bool)) map[string]function {
	fs := map[string]function{}
	for kind, convert := range all {
		fs["to"+kind.String()] = compileTo(kind, convert)
		fs["convertsTo"+kind.String()] = compileConvertsTo(convert)
	}
	fs["toQuantity"] = function{0, 1, compileToQuantity}
	return fs
}

// converted applies a conversion to the only item of a collection.
func (c *ctx) converted(items []Value, f *call, convert func(*Value) (Value, bool)) (v Value, ok bool) {
	if len(items) > 1 {
		c.fail(f.pos, f.name+"() is given several items where one is needed")
		return v, false
	}
	s, ok := items[0].system()
	if !ok {
		return v, false
	}
	return convert(&s)
}

func compileTo(kind Kind, convert func(*Value) (Value, bool)) function {
	return function{0, 0, func(_ *compiler, f *call) code {
		left := f.left
		return code{static: ofKind(kind), run: func(c *ctx, this, out []Value) []Value {
			buf := left.get(c, this)
			if len(buf) > 0 {
				if v, ok := c.converted(buf, f, convert); ok {
					out = append(out, v)
				}
			}
			left.put(c, buf)
			return out
		}}
	}}
}

func compileConvertsTo(convert func(*Value) (Value, bool)) function {
	return function{0, 0, func(_ *compiler, f *call) code {
		left := f.left
		return booleanCode(func(c *ctx, this []Value) tri {
			buf := left.get(c, this)
			defer left.put(c, buf)
			if len(buf) == 0 {
				return none
			}
			_, ok := c.converted(buf, f, convert)
			return triOf(ok)
		})
	}}
}

// compileToQuantity also converts to a unit, when one is given.
func compileToQuantity(k *compiler, f *call) code {
	if len(f.args) == 0 {
		return compileTo(Quantity, toQuantity).compile(k, f)
	}
	left, unit := f.left, k.arg(f, 0)
	k.needKind(f.args[0].pos, unit.static, kindSet(String), "toQuantity()")
	return code{static: ofKind(Quantity), run: func(c *ctx, this, out []Value) []Value {
		buf := left.get(c, this)
		defer left.put(c, buf)
		u, ok := c.item(&unit, this, kindsText, f, f.args[0].pos)
		if !ok || len(buf) == 0 {
			return out
		}
		v, ok := c.converted(buf, f, toQuantity)
		if !ok {
			return out
		}
		if from, ok := v.code(); ok {
			if d, ok := convertUnit(v.dec(), from, u.text); ok {
				out = append(out, quantityValue(d, u.text, false))
			}
		}
		return out
	}}
}

func toBoolean(v *Value) (Value, bool) {
	switch {
	case v.kind == Boolean:
		return *v, true
	case v.isNumber():
		one, zero := v.dec().compare(decOf(1)) == 0, v.dec().sign() == 0
		return booleanValue(one), one || zero
	case v.kind == String:
		switch strings.ToLower(v.text) {
		case "true", "t", "yes", "y", "1", "1.0":
			return booleanValue(true), true
		case "false", "f", "no", "n", "0", "0.0":
			return booleanValue(false), true
		}
	}
	return Value{}, false
}

func toInteger(v *Value) (Value, bool) { return toWhole(v, Integer) }
func toLong(v *Value) (Value, bool)    { return toWhole(v, Long) }

func toWhole(v *Value, kind Kind) (Value, bool) {
	switch v.kind {
	case Boolean, Integer, Long:
		return wholeValue(decOf(v.num), kind)
	case String:
		if d, ok := parseDec(v.text); ok && strings.Trim(v.text, "+-0123456789") == "" {
			return wholeValue(d, kind)
		}
	}
	return Value{}, false
}

func toDecimal(v *Value) (Value, bool) {
	switch {
	case v.kind == Decimal:
		return *v, true
	case v.kind == Boolean:
		return decimalValue(dec{coef: v.num * 10, exp: -1}), true
	case v.isNumber():
		return decimalValue(v.dec()), true
	case v.kind == String:
		if d, ok := parseDec(v.text); ok && !strings.ContainsAny(v.text, "eE") {
			return decimalValue(d), true
		}
	}
	return Value{}, false
}

func toText(v *Value) (Value, bool) {
	if v.kind == typeInfo {
		return Value{}, false
	}
	return stringValue(v.Text()), true
}

func toDate(v *Value) (Value, bool) {
	switch v.kind {
	case Date:
		return *v, true
	case DateTime:
		m := v.moment().cut(toDay)
		m.kind = Date
		return momentValue(m), true
	case String:
		if m, ok := parseMoment(v.text, Date); ok {
			return momentValue(m), true
		}
		if m, ok := parseMoment(v.text, DateTime); ok {
			w := momentValue(m)
			return toDate(&w)
		}
	}
	return Value{}, false
}

func toDateTime(v *Value) (Value, bool) {
	switch v.kind {
	case Date:
		w := *v
		w.kind = DateTime
		return w, true
	case DateTime:
		return *v, true
	case String:
		m, ok := parseMoment(v.text, DateTime)
		return momentValue(m), ok
	}
	return Value{}, false
}

func toTime(v *Value) (Value, bool) {
	switch v.kind {
	case Time:
		return *v, true
	case String:
		m, ok := parseMoment(strings.TrimPrefix(v.text, "T"), Time)
		return momentValue(m), ok
	}
	return Value{}, false
}

func toQuantity(v *Value) (Value, bool) {
	switch v.kind {
	case Boolean:
		return quantityValue(dec{coef: v.num * 10, exp: -1}, "1", false), true
	case String:
		return parseQuantity(v.text)
	}
	return v.asQuantity()
}

// cut drops what is more precise than a resolution.
func (m moment) cut(res resolution) moment {
	if m.res <= res {
		return m
	}
	y, mo, d := m.date()
	switch res {
	case toYear:
		m.sec = days(y, 1, 1) * secondsPerDay
	case toMonth:
		m.sec = days(y, mo, 1) * secondsPerDay
	case toDay:
		m.sec = days(y, mo, d) * secondsPerDay
	case toHour:
		m.sec = floorDiv(m.sec, 3600) * 3600
	case toMinute:
		m.sec = floorDiv(m.sec, 60) * 60
	}
	m.res, m.nano, m.digits = res, 0, 0
	if res <= toDay {
		m.zoned, m.utc, m.offset = false, false, 0
	}
	return m
}
