package questionnaire

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/ecrf/tabular"
	"github.com/crflink/crflink/internal/atomicfile"
)

// Erase writes each file that has responses of the subjects anew without these lines, those of forms that the dictionary no
// longer has too, and removes what an interrupted delivery left. All other bytes stay as they are.
func (t *Target) Erase(ctx context.Context, e ecrf.Erasure) (cells int, err error) {
	paths, err := tabular.Left(t.folder, responsesFile)
	for _, path := range paths {
		var gone int
		if err == nil {
			err = ctx.Err()
		}
		if err == nil {
			gone, err = without(path, e.Subjects)
			cells += gone
		}
		if err != nil {
			return cells, fmt.Errorf("target %s: %s: %w", t.name, filepath.Base(path), err)
		}
	}
	if err != nil {
		return 0, fmt.Errorf("target %s: %w", t.name, err)
	}
	return cells, nil
}

// response is what is read of one of ours.
type response struct {
	ResourceType string
	Subject      struct{ Identifier struct{ Value string } }
	Item         []struct{ Item []struct{ LinkID string } }
}

// without takes the responses of subjects out of a file, and returns how many cells they had.
func without(path string, subjects []string) (cells int, err error) {
	in, err := os.Open(path) // #nosec G304 -- a file of the delivery
	if err != nil {
		return 0, err
	}
	defer func() { _ = in.Close() }() // read only
	out, err := atomicfile.Create(path, 0o600)
	if err != nil {
		return 0, err
	}
	defer out.Abort()
	removed := 0
	for lines := bufio.NewReader(in); ; {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) && len(line) == 0 {
			break
		}
		var r response
		if err != nil || json.Unmarshal(line, &r) != nil || r.ResourceType != "QuestionnaireResponse" {
			return 0, errors.New("a line is no response of ours any more; somebody changed the file")
		}
		if slices.Contains(subjects, r.Subject.Identifier.Value) {
			removed++
			for _, group := range r.Item {
				cells += len(group.Item)
			}
			continue
		}
		if _, err := out.Write(line); err != nil {
			return 0, err
		}
	}
	if removed == 0 {
		return 0, nil
	}
	_, err = out.Commit()
	return cells, err
}
