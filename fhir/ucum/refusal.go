package ucum

import "fmt"

// refusal tells why two valid units do not convert, and what would help.
func refusal(from, to Unit) error {
	text := fmt.Errorf("ucum: %s to %s: %w: %s", quote(from.String()), quote(to.String()), ErrNotConvertible, difference(from, to))
	if hint := refusalHint(from, to); hint != "" {
		return fmt.Errorf("%w; %s", text, hint)
	}
	return text
}

func difference(from, to Unit) string {
	return fmt.Sprintf("the dimensions %q and %q differ", from.Dimension(), to.Dimension())
}

func refusalHint(from, to Unit) string {
	if from.Arbitrary() || to.Arbitrary() {
		return "an arbitrary unit is defined by its assay and equals no other; state a factor for this substance in the mapping"
	}
	for _, u := range []Unit{from, to} {
		if hint := mistaken[u.String()]; hint != "" {
			return hint
		}
	}
	if from.scale.dimension.lacksMolarMass(to.scale.dimension) {
		return "mass and amount of substance are related by the molar mass; state a factor for this substance in the mapping"
	}
	return ""
}

// mistaken explains codes that are valid and often meant otherwise.
var mistaken = map[string]string{
	"G/L": `"G" is the gauss; giga per litre is "10*9/L"`,
	"G/l": `"G" is the gauss; giga per litre is "10*9/L"`,
	"T/L": `"T" is the tesla; tera per litre is "10*12/L"`,
	"T/l": `"T" is the tesla; tera per litre is "10*12/L"`,
	"pH":  `"pH" is the picohenry; acidity is "[pH]"`,
	"C":   `"C" is the coulomb; degree Celsius is "Cel"`,
	"F":   `"F" is the farad; degree Fahrenheit is "[degF]"`,
	"G":   `"G" is the gauss; the gram is "g"`,
	"ft":  `"ft" is the femtotonne; the foot is "[ft_i]"`,
	"pt":  `"pt" is the picotonne; the pint is "[pt_us]" or "[pt_br]"`,
	"cd":  `"cd" is the candela; the day is "d"`,
}
