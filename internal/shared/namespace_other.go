//go:build !linux

package shared

import "testing"

// namespace is not to be had on this system.
type namespace struct{}

func newNamespace(*testing.T) *namespace { return nil }

func (*namespace) do(f func() error) error { return f() }

func (*namespace) forward(_ *testing.T, port int) int { return port }
