package dicomweb

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/crflink/crflink/consent"
	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/imaging"
	"github.com/crflink/crflink/imaging/dicom"
	"github.com/crflink/crflink/internal/wire"
)

// Options say how a PACS is reached and read. Zero members get the values named behind them.
type Options struct {
	Wire   wire.Options // Every a tenth of a second, MaxBody 64 MiB
	Page   int          // rows that a page is asked for; 100
	Rows   int          // rows that one search may have; 5000
	Limits dicom.Limits // Elements 500,000: an image of many frames has some fifty for each
	Cache  int          // bytes of answers that are kept; 32 MiB, and -1 is none
}

// What a search may fail with besides the errors of package wire.
var (
	// ErrIgnored is an answer with rows that were not asked for.
	ErrIgnored = errors.New("the PACS did not heed what it was asked for, and its answer is not used: check that its DICOMweb service supports the key")
	// ErrPages is an answer whose pages cannot be told apart.
	ErrPages = errors.New("the PACS gives the same page again, so that its answer cannot be read to the end: check that its DICOMweb service supports limit and offset")
	// ErrTooMany is an answer with more rows than Options.Rows.
	ErrTooMany = errors.New("the PACS has more rows than one patient can have")
	errRefused = errors.New("a value that is empty, or could match more than itself, is not asked for")
	errInquiry = errors.New("nothing may be asked of a PACS without a permitted patient")
)

const dicomJSON = "application/dicom+json"

// The endpoints: all that a Client can send.
var (
	studies        = wire.Endpoint{Method: http.MethodGet, Path: "/studies", Accept: dicomJSON}
	allSeries      = wire.Endpoint{Method: http.MethodGet, Path: "/series", Accept: dicomJSON}
	seriesOfStudy  = wire.Endpoint{Method: http.MethodGet, Path: "/studies/{}/series", Accept: dicomJSON}
	seriesMetadata = wire.Endpoint{Method: http.MethodGet, Path: "/studies/{}/series/{}/metadata", Accept: dicomJSON}
)

// Client asks one PACS. It may be used from several goroutines.
type Client struct {
	options Options
	caller  *wire.Caller
	cache   *cache
}

var _ imaging.PACS = (*Client)(nil)

// New prepares a client. Nothing is sent.
func New(o Options) (*Client, error) {
	set := func(n *int, value int) {
		if *n == 0 {
			*n = value
		}
	}
	set(&o.Page, 100)
	set(&o.Rows, 5000)
	set(&o.Cache, 32<<20)
	set(&o.Limits.Elements, 500_000)
	if o.Wire.Every == 0 {
		o.Wire.Every = time.Second / 10
	}
	if o.Wire.MaxBody == 0 {
		o.Wire.MaxBody = 64 << 20
	}
	caller, err := wire.NewCaller(o.Wire, studies, allSeries, seriesOfStudy, seriesMetadata)
	if err != nil {
		return nil, fmt.Errorf("the PACS: %w", err)
	}
	return &Client{options: o, caller: caller, cache: newCache(o.Cache)}, nil
}

// Close closes idle connections and forgets all answers.
func (c *Client) Close() error {
	c.cache.clear()
	c.caller.Close()
	return nil
}

// Patient returns the studies with a PatientID, of the days of the inquiry.
func (c *Client) Patient(ctx context.Context, q imaging.Inquiry, patient string) (imaging.Answer, error) {
	if q.IsZero() || !slices.Contains(q.Patients(), patient) {
		return imaging.Answer{}, errInquiry
	}
	var rows []dicom.Dataset
	for _, window := range q.Windows() {
		s := search{at: studies, keys: []key{{dicom.PatientID, patient}}, days: dateRange(window), fields: studyFields}
		found, err := c.search(ctx, s)
		if err != nil {
			return imaging.Answer{}, err
		}
		rows = append(rows, found...)
	}
	return q.Answer(rows), nil
}

// Study returns the study with a UID, whatever patients it is kept under.
func (c *Client) Study(ctx context.Context, q imaging.Inquiry, uid string) (imaging.Answer, error) {
	if q.IsZero() {
		return imaging.Answer{}, errInquiry
	}
	rows, err := c.search(ctx, search{at: studies, keys: []key{{dicom.StudyInstanceUID, uid}}, fields: studyFields})
	if err != nil {
		return imaging.Answer{}, err
	}
	return q.Answer(rows), nil
}

// StudyOf returns the UIDs of the studies that have the series.
func (c *Client) StudyOf(ctx context.Context, q imaging.Inquiry, series string) ([]string, error) {
	if q.IsZero() {
		return nil, errInquiry
	}
	rows, err := c.search(ctx, search{at: allSeries, keys: []key{{dicom.SeriesInstanceUID, series}}, fields: []dicom.Tag{dicom.StudyInstanceUID}})
	if unsupported(err) {
		return nil, nil // a PACS that answers such questions within a study only, which were asked before
	}
	if err != nil {
		return nil, err
	}
	var uids []string
	for _, row := range rows {
		if uid, ok := imaging.ParseUID(row.Text(dicom.StudyInstanceUID)); ok && !slices.Contains(uids, uid) {
			uids = append(uids, uid)
		}
	}
	return uids, nil
}

// unsupported reports whether a PACS refused the kind of question, and not this one.
func unsupported(err error) bool {
	var status *wire.StatusError
	return errors.As(err, &status) && slices.Contains([]int{http.StatusBadRequest, http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusNotImplemented}, status.Status)
}

// Series returns the series of a study.
func (c *Client) Series(ctx context.Context, e imaging.Examination) ([]dicom.Dataset, error) {
	if e.IsZero() {
		return nil, errInquiry
	}
	return c.search(ctx, search{
		at: seriesOfStudy, arguments: []string{e.UID()}, study: e.UID(), fields: seriesFields,
	})
}

// Metadata returns the attributes of every instance of a series. A series that the PACS does not have has none; of one that is
// larger than the limits the error is dicom.ErrLimit.
func (c *Client) Metadata(ctx context.Context, e imaging.Examination, series string) ([]dicom.Dataset, error) {
	if e.IsZero() {
		return nil, errInquiry
	}
	if _, ok := imaging.ParseUID(series); !ok {
		return nil, errRefused
	}
	rows, err := c.fetch(ctx, seriesMetadata, wire.Call{Arguments: []string{e.UID(), series}})
	if err != nil {
		var status *wire.StatusError
		switch {
		case errors.As(err, &status) && status.Status == http.StatusNotFound:
			return nil, nil
		case errors.Is(err, wire.ErrTooLarge):
			return nil, fmt.Errorf("%w: %w", dicom.ErrLimit, err)
		}
		return nil, err
	}
	for _, row := range rows.datasets {
		patient, told := row.Get(dicom.PatientID)
		switch {
		case row.Text(dicom.StudyInstanceUID) != e.UID() || row.Text(dicom.SeriesInstanceUID) != series:
			return nil, fmt.Errorf("%w: metadata of a series", ErrIgnored)
		case told && patient.Len() > 0 && !slices.Contains(e.Patients(), patient.Text()):
			return nil, fmt.Errorf("%w: metadata of another patient", ErrIgnored)
		}
	}
	return rows.datasets, nil
}

// dateRange writes the days of a window as DICOM does; "" for a window without bounds.
func dateRange(w consent.Interval) string {
	from, to := "", ""
	if w.Start > fhir.FirstDay {
		from = date(w.Start)
	}
	if w.End < fhir.LastDay {
		to = date(w.End)
	}
	if from == "" && to == "" {
		return ""
	}
	return from + "-" + to
}

func date(d fhir.Day) string {
	y, m, day := d.Date()
	return fmt.Sprintf("%04d%02d%02d", y, m, day)
}
