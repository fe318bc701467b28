package report

import (
	"fmt"
	"strings"
)

// String tells a disclosure control in a line.
func (d *Disclosure) String() string {
	if d.Withheld != 0 {
		return fmt.Sprintf("disclosure: nobody is delivered, because the %s subjects who would be suppressed are fewer than k = %s", d.Withheld, d.K)
	}
	text := fmt.Sprintf("disclosure: k = %s; %s subjects were in smaller classes; delivered %s classes, the smallest of %s; suppressed %s", d.K, d.AtRisk, d.Classes, d.Smallest, d.Suppressed)
	if len(d.Steps) > 0 {
		text += "; generalised " + strings.Join(d.Steps, ", ")
	}
	return text
}
