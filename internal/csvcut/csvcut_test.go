package csvcut_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/crflink/crflink/internal/csvcut"
)

func TestLinesGoAndAllOtherBytesStay(t *testing.T) {
	long := strings.Repeat("x", 9000)
	for name, c := range map[string]struct {
		text, want string
		lines      int
	}{
		"some":                {"site,subject,v\na,S1,1\na,S2,2\nb,S1,3\n", "site,subject,v\na,S2,2\n", 2},
		"all":                 {"subject\nS1\n", "subject\n", 1},
		"none":                {"subject,v\nS2,1\n", "subject,v\nS2,1\n", 0},
		"quoted as it was":    {"subject,v\nS2,\"a \"\"b\"\"\r\nc\"\n\"S1\",\"\n\nS1\"\nS3,plain\n", "subject,v\nS2,\"a \"\"b\"\"\r\nc\"\nS3,plain\n", 1},
		"in another column":   {"v,subject\nS1,S2\n", "v,subject\nS1,S2\n", 0},
		"no such column":      {"a,b\nS1,S1\n", "a,b\nS1,S1\n", 0},
		"part of a number":    {"subject\nS11\nS\n", "subject\nS11\nS\n", 0},
		"no end of line":      {"subject\nS2\nS1", "subject\nS2\n", 1},
		"lines that are long": {"subject,v\nS1," + long + "\nS2," + long + "\nS1," + long + "\n", "subject,v\nS2," + long + "\n", 2},
		"empty":               {"", "", 0},
	} {
		path := filepath.Join(t.TempDir(), "t.csv")
		for file, text := range map[string]string{path: c.text, filepath.Join(filepath.Dir(path), ".t.csv.partial"): "subject\nS1 left by a killed process\n"} {
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		lines, err := csvcut.Lines(path, "subject", map[string]bool{"S1": true})
		if err != nil || lines != c.lines {
			t.Errorf("%s: %d lines, %v", name, lines, err)
		}
		if text, err := os.ReadFile(path); err != nil || string(text) != c.want {
			t.Errorf("%s: %q, want %q, %v", name, text, c.want, err)
		}
		if left, err := filepath.Glob(filepath.Join(filepath.Dir(path), ".*")); err != nil || len(left) > 0 {
			t.Errorf("%s: left %v, %v", name, left, err)
		}
	}
}

func TestAFileThatIsNoTableIsLeftAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "t.csv")
	if lines, err := csvcut.Lines(path, "subject", nil); lines != 0 || err != nil {
		t.Errorf("a file that is not there: %d, %v", lines, err)
	}
	const broken = "subject,v\nS1,1\nS2,\"2\n"
	if err := os.WriteFile(path, []byte(broken), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := csvcut.Lines(path, "subject", map[string]bool{"S1": true}); err == nil {
		t.Error("a broken table was rewritten")
	}
	if text, err := os.ReadFile(path); err != nil || string(text) != broken {
		t.Errorf("it is %q now, %v", text, err)
	}
}
