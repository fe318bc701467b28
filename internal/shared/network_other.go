//go:build !linux

package shared

import (
	"os/exec"
	"testing"
)

// Network is not to be had on this system.
type Network struct{}

// Host is none.
type Host struct{ Hub string }

// NewNetwork makes none.
func NewNetwork(*testing.T) *Network { return nil }

// Host makes none.
func (*Network) Host(*testing.T) *Host { return nil }

// Forward does nothing.
func (*Network) Forward(*testing.T, string) int { return 0 }

// Cut does nothing.
func (*Host) Cut(*testing.T, bool) {}

// Start starts a program.
func (*Host) Start(c *exec.Cmd) error { return c.Start() }
