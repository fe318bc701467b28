// Package shared finds the reference data that tests read but the project does
// not contain: conformance suites, published tables, large samples.
//
// The data lies in a folder beside the module. CRFLINK_SHARED names another
// place. Where it is absent a test is skipped, unless CRFLINK_REQUIRE is "all":
// then its absence fails the test, so that a build that must prove conformance
// cannot pass by having looked at nothing.
package shared

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// Environment variables that Dir reads.
const (
	EnvRoot    = "CRFLINK_SHARED"  // folder of the shared data; default ../shared from the module root
	EnvRequire = "CRFLINK_REQUIRE" // "all": absent data fails the test instead of skipping it
)

// Dir returns the path of the shared file or folder named by elem, for example
// Dir(t, "data", "ucum"). It skips the test when that path does not exist, and
// fails it when CRFLINK_REQUIRE=all. A relative CRFLINK_SHARED is taken from
// the module root.
func Dir(t testing.TB, elem ...string) string {
	t.Helper()
	path, err := locate(elem)
	if err == nil {
		return path
	}
	Absent(t, fmt.Sprintf("shared data is absent: %v; set %s to the folder that holds it", err, EnvRoot))
	return ""
}

// Absent skips a test for want of something, and fails it when CRFLINK_REQUIRE=all.
func Absent(t testing.TB, what string) {
	t.Helper()
	if os.Getenv(EnvRequire) == "all" {
		t.Fatalf("required, because %s is all: %s", EnvRequire, what)
	}
	t.Skipf("%s", what)
}

func locate(elem []string) (string, error) {
	root, err := moduleRoot()
	if err != nil {
		return "", err
	}
	base := os.Getenv(EnvRoot)
	switch {
	case base == "":
		base = filepath.Join(root, "..", "shared")
	case !filepath.IsAbs(base):
		base = filepath.Join(root, base)
	}
	path := filepath.Join(append([]string{base}, elem...)...)
	if _, err := os.Stat(path); err != nil { // #nosec G703 -- tests only: the folder is named by whoever runs them
		return "", err
	}
	return path, nil
}

// moduleRoot walks up from the working folder, which for a test is the folder
// of its package, to the folder that holds go.mod.
func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find the module root: %w", err)
	}
	for {
		_, err := os.Stat(filepath.Join(dir, "go.mod"))
		if err == nil {
			return dir, nil
		}
		if !errors.Is(err, os.ErrNotExist) {
			return "", fmt.Errorf("find the module root: %w", err)
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("find the module root: no go.mod in this folder or above it")
		}
		dir = parent
	}
}
