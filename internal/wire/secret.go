package wire

import (
	"fmt"
	"io"
	"log/slog"
)

// Secret is a password or token. Only Reveal shows it: printing, logging and encoding show dots.
type Secret struct{ value string }

const dots = "••••••"

// NewSecret hides the value.
func NewSecret(value string) Secret { return Secret{value} }

// Reveal returns the value.
func (s Secret) Reveal() string { return s.value }

// IsZero reports whether there is no secret.
func (s Secret) IsZero() bool { return s.value == "" }

// String, GoString, Format, LogValue and MarshalText show dots.
func (s Secret) String() string { return dots }

// GoString shows dots.
func (s Secret) GoString() string { return dots }

// Format shows dots for every verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, dots) }

// LogValue shows dots.
func (s Secret) LogValue() slog.Value { return slog.StringValue(dots) }

// MarshalText shows dots in JSON, YAML and XML.
func (s Secret) MarshalText() ([]byte, error) { return []byte(dots), nil }

// UnmarshalText hides a configured value.
func (s *Secret) UnmarshalText(text []byte) error {
	s.value = string(text)
	return nil
}
