package synth

import "strconv"

func itoa(n int) string { return strconv.Itoa(n) }

// decimalItem is an item of type decimal: its decimals and its range, in units of the last decimal.
type decimalItem struct {
	item      string
	decimals  int
	low, high int64
	limit     bool // a value with a comparator counts by its limit
}

// Items of type decimal, with the ranges of the dictionary.
var (
	numCreatinine = decimalItem{"creatinine", 2, 10, 2500, false}
	numHb         = decimalItem{"haemoglobin", 1, 20, 250, false}
	numLeukocytes = decimalItem{"leukocytes", 1, 0, 5000, false}
	numPlatelets  = decimalItem{"platelets", 0, 0, 3000, false}
	numALP        = decimalItem{"alp", 0, 0, 10_000, false}
	numLDH        = decimalItem{"ldh", 0, 0, 20_000, false}
	numWeight     = decimalItem{"weight", 1, 200, 3500, false}
	numHeight     = decimalItem{"height", 0, 100, 230, false}
	numBMI        = decimalItem{"bmi", 1, 100, 900, false}
	numPSA        = decimalItem{"psa", 3, 0, 20_000_000, true}
	numNadir      = decimalItem{"psa_nadir", 3, 0, 20_000_000, true}
	numActivity   = decimalItem{"activity", 2, 0, 4000, false}
	numDose       = decimalItem{"dose", 1, 200, 10_000, false}
)

// quantity converts and puts a candidate's quantity. The result is the delivered number in units of the last decimal.
func (t *teller) quantity(n decimalItem, c *candidate) (delivered int64, ok bool) {
	switch q := c.quantity; {
	case !c.hasValue():
		t.miss(n.item, c.emptiness())
	case q == nil, q.den == 0, q.comparator != "" && !n.limit:
		t.miss(n.item, "unconvertible")
	default:
		return t.deliver(n, q.value.m*q.num*pow10(n.decimals), pow10(q.value.scale)*q.den)
	}
	return 0, false
}

// deliver rounds numerator/denominator and puts it when it is in range.
func (t *teller) deliver(n decimalItem, numerator, denominator int64) (delivered int64, ok bool) {
	v := divide(numerator, denominator)
	if v < n.low || v > n.high {
		t.miss(n.item, "out-of-range")
		return 0, false
	}
	t.put(n.item, string(appendDecimal(nil, decimal{v, n.decimals})))
	return v, true
}

// convertible reports whether the candidate has a number in the item's unit.
func (c *candidate) convertible() bool { return c.quantity != nil && c.quantity.den != 0 }

// less compares the converted values of two candidates.
func (c *candidate) less(o *candidate) bool {
	a, b := c.quantity, o.quantity
	return a.value.m*a.num*pow10(b.value.scale)*b.den < b.value.m*b.num*pow10(a.value.scale)*a.den
}
