//go:build !linux

package shared

import (
	"os/exec"
	"testing"
)

// Network is not to be had on this system.
type Network struct{}

// Host is none.
type Host struct{}

// NewNetwork makes none.
func NewNetwork(*testing.T) *Network { return nil }

// Host makes none.
func (*Network) Host(*testing.T) *Host { return nil }

// Reach does nothing.
func (*Host) Reach(_ *testing.T, address string) string { return address }

// Cut does nothing.
func (*Host) Cut(*testing.T, bool) {}

// Start starts a program.
func (*Host) Start(c *exec.Cmd) error { return c.Start() }
