package fhirpath

// form is the syntactic form of an expression.
type form uint8

const (
	formEmpty     form = iota // {}
	formLiteral               // 1, 'a', @2020, 4 'mg', true
	formName                  // an element or a type: name
	formCall                  // name(args)
	formThis                  // $this
	formIndex                 // $index
	formTotal                 // $total
	formEnv                   // %name
	formDot                   // left.right
	formSubscript             // left[right]
	formUnary                 // +right, -right
	formBinary                // left op right
	formType                  // left is name, left as name
)

// literal says which literal a formLiteral is.
type literal uint8

const (
	litBoolean literal = iota + 1
	litString
	litInteger
	litLong
	litDecimal
	litTemporal // date, dateTime or time, with its @
	litQuantity // text is the number, unit the unit
)

// expr is a node of the syntax tree.
type expr struct {
	form  form
	pos   int    // byte offset in the source
	name  string // names, operators, decoded text of a literal
	lit   literal
	unit  string // of a quantity
	word  bool   // the unit is a calendar word, not a quoted code
	left  *expr
	right *expr
	args  []*expr
}

// Binding strengths of the operators, weakest first (FHIRPath N1, Appendix A and 6.8).
const (
	bindImplies = iota + 1
	bindOr
	bindAnd
	bindMember
	bindEqual
	bindOrder
	bindUnion
	bindType
	bindAdd
	bindMultiply
	bindUnary
	bindPostfix
)

var binding = map[string]int{
	"implies": bindImplies, "or": bindOr, "xor": bindOr, "and": bindAnd, "in": bindMember, "contains": bindMember,
	"=": bindEqual, "~": bindEqual, "!=": bindEqual, "!~": bindEqual,
	"<": bindOrder, ">": bindOrder, "<=": bindOrder, ">=": bindOrder, "|": bindUnion, "is": bindType, "as": bindType,
	"+": bindAdd, "-": bindAdd, "&": bindAdd, "*": bindMultiply, "/": bindMultiply, "div": bindMultiply, "mod": bindMultiply,
}

// calendarWords are the durations that may follow a number without quotes, and their singular.
var calendarWords = map[string]string{
	"year": "year", "years": "year", "month": "month", "months": "month", "week": "week", "weeks": "week",
	"day": "day", "days": "day", "hour": "hour", "hours": "hour", "minute": "minute", "minutes": "minute",
	"second": "second", "seconds": "second", "millisecond": "millisecond", "milliseconds": "millisecond",
}
