package questionnaire

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/ecrf/tabular"
)

// Target is an ecrf.Target that writes, for each form, a Questionnaire and its QuestionnaireResponses into a folder.
type Target struct{ name, folder string }

var _ ecrf.Eraser = (*Target)(nil)

// New returns a target. The folder is made with mode 0700 when it is delivered to and not there.
func New(name, folder string) (*Target, error) {
	if name == "" || folder == "" {
		return nil, errors.New("a questionnaire target needs a name and a folder")
	}
	return &Target{name, folder}, nil
}

// Name returns the configured name.
func (t *Target) Name() string { return t.name }

// Kind returns questionnaire.
func (t *Target) Kind() string { return "questionnaire" }

// Endings of the files of a form.
const (
	formFile      = ".questionnaire.json"
	responsesFile = ".responses.ndjson"
)

// Deliver writes all files anew, each replaced as a whole; a file whose bytes are the same is left alone. It holds one
// subject in memory.
func (t *Target) Deliver(ctx context.Context, d ecrf.Delivery) (ecrf.DeliveryReport, error) {
	return tabular.Deliver(t.name, t.folder, func(f *tabular.Folder) (cells int, problems []string, err error) {
		s := &set{folder: f, files: map[string]*bufio.Writer{}}
		s.of = responses{dictionary: d.Dictionary, authored: d.AsOf.Format(time.RFC3339), zone: d.AsOf.Location(), large: map[string]int{}}
		if cells, err = s.write(ctx, d); err == nil {
			problems = s.of.problems()
		}
		return cells, problems, err
	})
}

// set is the files of one delivery.
type set struct {
	folder *tabular.Folder
	files  map[string]*bufio.Writer // of responses, by form
	of     responses
}

func (s *set) write(ctx context.Context, d ecrf.Delivery) (cells int, err error) {
	if err := s.folder.Notice(d.Notices); err != nil {
		return 0, err
	}
	for i := range d.Dictionary.Forms {
		if err := s.form(&d.Dictionary.Forms[i]); err != nil {
			return 0, err
		}
	}
	if cells, err = tabular.Each(ctx, d, s.book); err != nil {
		return cells, err
	}
	for _, f := range s.files {
		if err := f.Flush(); err != nil {
			return cells, err
		}
	}
	return cells, nil
}

func (s *set) form(f *ecrf.Form) error {
	out, err := s.folder.Create(f.Name + formFile)
	if err != nil {
		return err
	}
	e := json.NewEncoder(out)
	e.SetIndent("", " ")
	if err := e.Encode(questionnaireOf(s.of.dictionary, f)); err != nil {
		return err
	}
	lines, err := s.folder.Create(f.Name + responsesFile)
	if err != nil {
		return err
	}
	s.files[f.Name] = bufio.NewWriterSize(lines, 1<<15)
	return nil
}

// book writes the form instances of a subject. A form or item that the dictionary no longer has is left out.
func (s *set) book(book *ecrf.StoredCasebook) error {
	for cells := book.Cells; len(cells) > 0; {
		n := 1
		for n < len(cells) && cells[n].Event == cells[0].Event && cells[n].Form == cells[0].Form && cells[n].Repeat == cells[0].Repeat {
			n++
		}
		if out := s.files[cells[0].Form]; out != nil && s.of.dictionary.Has(cells[0].Event, cells[0].Form) {
			if err := json.NewEncoder(out).Encode(s.of.of(&book.Facts, cells[:n])); err != nil {
				return err
			}
		}
		cells = cells[n:]
	}
	return nil
}
