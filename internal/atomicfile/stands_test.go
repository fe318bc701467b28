package atomicfile_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/crflink/crflink/internal/atomicfile"
)

func TestAFileStandsAsLongAsItIsAsItWasLeft(t *testing.T) {
	for name, c := range map[string]struct {
		do     func(path string) error
		stands bool
	}{
		"untouched":    {func(string) error { return nil }, true},
		"another byte": {func(path string) error { return os.WriteFile(path, []byte("b"), 0o600) }, false},
		"a byte more":  {func(path string) error { return os.WriteFile(path, []byte("aa"), 0o600) }, false},
		"gone":         {os.Remove, false},
		"a folder":     {func(path string) error { return errors.Join(os.Remove(path), os.Mkdir(path, 0o700)) }, false},
		"a link":       {func(path string) error { return errors.Join(os.Rename(path, path+"2"), os.Symlink(path+"2", path)) }, false},
		"half a new one": {func(path string) error {
			return os.WriteFile(filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".partial"), nil, 0o600)
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "f")
			content, err := atomicfile.Replace(path, func(w io.Writer) error {
				_, err := w.Write([]byte("a"))
				return err
			})
			if err := errors.Join(err, c.do(path)); err != nil {
				t.Fatal(err)
			}
			if atomicfile.Stands(path, content.SHA256, content.Size) != c.stands {
				t.Errorf("it stands: %t", !c.stands)
			}
		})
	}
}
