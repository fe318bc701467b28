package mapping

import (
	"regexp"
	"strings"

	"github.com/crflink/crflink/fhir/ucum"
)

// numeral is a FHIRPath number; a quoted text behind it is the unit of a Quantity.
var numeral = regexp.MustCompile(`^\d+$`)

// knownUnits reports quantities with a unit that is not UCUM, such as 5 'mgg/dL': nothing compares with them.
func (c *compiler) knownUnits(expanded string, origins []origin) {
	all := words(expanded)
	for i := 1; i < len(all); i++ {
		unit := all[i].text
		if !strings.HasPrefix(unit, "'") || !numeral.MatchString(all[i-1].text) || strings.Contains(unit, `\`) {
			continue
		}
		if err := ucum.Validate(strings.Trim(unit, "'")); err != nil {
			c.at(origins[all[i].at], "the unit of a quantity is a UCUM code, such as 5 'mg/dL'", "%v", err)
		}
	}
}
