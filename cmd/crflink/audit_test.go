package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestTheAuditsDocumentTellsEveryKindOfEntry looks through the program for kinds.
func TestTheAuditsDocumentTellsEveryKindOfEntry(t *testing.T) {
	text, err := os.ReadFile("../../docs/audit.md")
	must(t, err)
	kind := regexp.MustCompile(`\bKind\s+=\s+"([a-z-]+)"|audit\.Event\{Kind:\s*"([a-z-]+)"`)
	found := 0
	for _, folder := range []string{"../../audit", "../../pipeline", "../../cmd/crflink"} {
		must(t, filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			code, err := os.ReadFile(path)
			if err != nil || !strings.Contains(string(code), "audit") {
				return err
			}
			for _, m := range kind.FindAllStringSubmatch(string(code), -1) {
				if found++; !strings.Contains(string(text), "`"+m[1]+m[2]+"`") {
					t.Errorf("%s writes entries of the kind %s, and docs/audit.md does not tell it", filepath.Base(path), m[1]+m[2])
				}
			}
			return nil
		}))
	}
	if found < 15 {
		t.Errorf("only %d kinds were found", found)
	}
}
