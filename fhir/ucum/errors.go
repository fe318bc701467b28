package ucum

import (
	"errors"
	"fmt"
)

// ErrNotConvertible is wrapped by every refusal to convert between two valid
// units.
var ErrNotConvertible = errors.New("not convertible")

// ErrInvalidUnit is wrapped by every refusal of a code.
var ErrInvalidUnit = errors.New("invalid unit")

// ErrValue is wrapped when a value cannot be converted although its unit can:
// it is no finite number, beyond the supported range, or outside of the domain
// of a special unit, as is the logarithm of a negative number.
var ErrValue = errors.New("value cannot be converted")

// SyntaxError says where and why a code is not a unit. It wraps
// ErrInvalidUnit.
type SyntaxError struct {
	Code    string // as given
	Offset  int    // in bytes, from 0
	Problem string
	Hint    string // how to mend it; may be empty
}

func (e *SyntaxError) Error() string {
	text := fmt.Sprintf("ucum: %v %s: character %d: %s", ErrInvalidUnit, quote(e.Code), e.Offset+1, e.Problem)
	if e.Hint != "" {
		text += " (" + e.Hint + ")"
	}
	return text
}

// Unwrap returns ErrInvalidUnit.
func (e *SyntaxError) Unwrap() error { return ErrInvalidUnit }

// quote shortens a code, so that free text that stands in place of a unit does
// not spread into logs.
func quote(code string) string {
	const most = 64
	if len(code) <= most {
		return fmt.Sprintf("%q", code)
	}
	return fmt.Sprintf("%q…", code[:most])
}
