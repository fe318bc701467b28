package ucum

import "strings"

// lookalikes names the code for notations that are common in laboratories and
// too far from the code for a search by spelling.
var lookalikes = map[string]string{
	"IU": "[IU]", "iu": "[IU]", "mIU": "m[IU]", "uIU": "u[IU]", "kIU": "k[IU]",
	"mmHg": "mm[Hg]", "cmH": "cm[H2O]", "mcg": "ug", "mcL": "uL", "mcl": "uL",
	"cc": "mL", "hr": "h", "hrs": "h", "sec": "s", "yr": "a", "year": "a", "years": "a",
	"month": "mo", "months": "mo", "week": "wk", "weeks": "wk", "day": "d", "days": "d",
	"hour": "h", "hours": "h", "minute": "min", "minutes": "min", "mins": "min",
	"degC": "Cel", "degF": "[degF]", "lb": "[lb_av]", "lbs": "[lb_av]",
	"oz": "[oz_av]", "in": "[in_i]", "inch": "[in_i]", "bpm": "/min",
	"percent": "%", "ratio": "1", "gm": "g", "gr": "[gr]", "M": "mol/L",
	"mM": "mmol/L", "uM": "umol/L", "nM": "nmol/L", "pM": "pmol/L", "mEq": "meq", "Eq": "eq",
	"mOsm": "mosm", "Osm": "osm", "drop": "[drp]", "HPF": "[HPF]", "LPF": "[LPF]", "CFU": "[CFU]",
	"Units": "U", "units": "U", "unit": "U",
	// German laboratories
	"val": "eq", "mval": "meq", "IE": "[IU]", "mIE": "m[IU]", "kIE": "k[IU]", "I": "[IU]",
	"E": "U", "mE": "mU", "kE": "kU", "Mio": "10*6", "Mrd": "10*9", "Tsd": "10*3",
}

// characterHint tells how a character outside of ASCII is written in UCUM.
func characterHint(r rune) string {
	switch r {
	case 'µ', 'μ':
		return `write "u" for micro`
	case '°':
		return `write "Cel", "[degF]" or "deg"`
	case '²', '³':
		return `write the exponent as a digit, as in "m2"`
	case '·', '×', '•':
		return `write "." to multiply`
	case 'Ω':
		return `write "Ohm"`
	case '‰':
		return `write "[ppth]"`
	case ' ':
		return "remove the space"
	}
	return "a unit uses the printable characters of ASCII only"
}

// suggest names the known code that is nearest to an unknown symbol.
func (t *table) suggest(symbol string) string {
	if code, ok := lookalikes[symbol]; ok {
		return didYouMean(code)
	}
	if t.atoms["["+symbol+"]"] != nil {
		return didYouMean("[" + symbol + "]")
	}
	n := nearest{symbol: symbol, cost: editCost}
	if len(symbol) > 1 { // of a single letter only the case may be wrong
		n.cost += editCost * max(1, min(len(symbol)/3, 3))
	}
	for _, a := range t.order {
		n.offer(a.code)
	}
	for i := range prefixes {
		p := prefixes[i].code
		if len(symbol) <= len(p) || !strings.EqualFold(symbol[:len(p)], p) {
			continue
		}
		for _, a := range t.order {
			if a.metric {
				n.offer(p + a.code)
			}
		}
	}
	if n.code == "" {
		return "no known unit is spelled like it; free text belongs into an annotation such as {count}"
	}
	return didYouMean(n.code)
}

func didYouMean(code string) string { return `did you mean "` + code + `"?` }

// nearest keeps the cheapest spelling correction seen so far.
type nearest struct {
	symbol string
	code   string
	cost   int // a correction must cost less
}

// editCost is the cost of a changed character; a wrong case costs 1.
const editCost = 8

func (n *nearest) offer(code string) {
	if difference := len(code) - len(n.symbol); max(difference, -difference)*editCost >= n.cost {
		return
	}
	if cost := spellingCost(n.symbol, code); cost < n.cost {
		n.code, n.cost = code, cost
	}
}

// spellingCost weighs the insertions, deletions, substitutions and swaps of
// neighbours that turn a into b.
func spellingCost(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j * editCost
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i * editCost
		for j := 1; j <= len(b); j++ {
			row[j] = min(last[j-1]+substitution(a[i-1], b[j-1]), last[j]+editCost, row[j-1]+editCost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+editCost)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}

func substitution(a, b byte) int {
	switch {
	case a == b:
		return 0
	case lower(a) == lower(b):
		return 1
	}
	return editCost
}

func lower(b byte) byte {
	if 'A' <= b && b <= 'Z' {
		return b + 'a' - 'A'
	}
	return b
}
