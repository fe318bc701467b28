package mainzelliste

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/crflink/crflink/internal/wire"
	"github.com/crflink/crflink/pseudonym"
	"github.com/crflink/crflink/pseudonym/service"
)

// Options describe a Mainzelliste.
type Options struct {
	Wire           wire.Options // time-outs default to 1 minute
	Key            wire.Secret  // API key; its server needs createSession, createToken, tt_readPatients and, to create, tt_addPatient
	IdentifierType string       // ID type with the value of the site's identifier; to create, it must be an external one
	NumberType     string       // ID type of the study
	Create         bool         // let the Mainzelliste create patients, else only enrolment does
	Site           string       // the site of all numbers
	Batch          int          // patients in a token; 50 when 0
	Parallel       int          // calls at the same time; 4 when 0
}

// Numbers asks a Mainzelliste for subject numbers. What it has learnt is not asked for again: it is for one run. It may be
// used from several goroutines.
type Numbers struct {
	*service.Numbers
	options Options
	wire    *wire.Caller

	mu      sync.Mutex
	session string // "" before the first call
}

var _ pseudonym.Prefetcher = (*Numbers)(nil)

// Endpoints of a Mainzelliste. Reading and creating use a token up, so that their repetition would be refused.
var (
	newSession = wire.Endpoint{Method: http.MethodPost, Path: "/sessions"}
	aSession   = wire.Endpoint{Method: http.MethodGet, Path: "/sessions/{}"}
	endSession = wire.Endpoint{Method: http.MethodDelete, Path: "/sessions/{}"}
	newToken   = wire.Endpoint{Method: http.MethodPost, Path: "/sessions/{}/tokens"}
	read       = wire.Endpoint{Method: http.MethodGet, Path: "/patients/tokenId/{}", Once: true}
	create     = wire.Endpoint{Method: http.MethodPost, Path: "/patients", Once: true}
)

// New prepares. Nothing is sent before the first Prefetch.
func New(o Options) (*Numbers, error) {
	switch {
	case o.IdentifierType == "" || o.NumberType == "":
		return nil, errors.New("the Mainzelliste: the ID types of the site's identifier and of the study's number must be configured")
	case o.IdentifierType == o.NumberType:
		return nil, errors.New("the Mainzelliste: the study's number needs an ID type of its own, not that of the site's identifier")
	case o.Key.IsZero() && o.Wire.Auth.Bearer.IsZero():
		return nil, errors.New("the Mainzelliste: neither an API key nor a bearer token is configured")
	}
	if o.Batch <= 0 {
		o.Batch = 50
	}
	if o.Parallel <= 0 {
		o.Parallel = 4
	}
	if o.Wire.Timeout <= 0 {
		o.Wire.Timeout = time.Minute
	}
	if o.Wire.MaxBody <= 0 {
		o.Wire.MaxBody = 16 << 20
	}
	o.Wire.Header = map[string]string{"mainzellisteApiVersion": "3.2"}
	if !o.Key.IsZero() {
		o.Wire.Header["mainzellisteApiKey"] = o.Key.Reveal()
	}
	caller, err := wire.NewCaller(o.Wire, newSession, aSession, endSession, newToken, read, create)
	if err != nil {
		return nil, fmt.Errorf("the Mainzelliste: %w", err)
	}
	return &Numbers{Numbers: service.NewNumbers("the Mainzelliste", o.Site), options: o, wire: caller}, nil
}

// Prefetch asks for patients that were not asked for yet. The first time it makes sure that both ID types are known: a
// Mainzelliste refuses an unknown type as it refuses an unknown patient.
func (n *Numbers) Prefetch(ctx context.Context, ids []pseudonym.Identity) error {
	if len(ids) == 0 {
		return nil
	}
	if err := n.begin(ctx); err != nil {
		return fmt.Errorf("the Mainzelliste: %w", err)
	}
	return n.Fetch(ctx, ids, service.How{Batch: n.options.Batch, Parallel: n.options.Parallel}, n.ask)
}

// Close ends the session and closes connections.
func (n *Numbers) Close() error {
	defer n.wire.Close()
	n.mu.Lock()
	session := n.session
	n.mu.Unlock()
	if session == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	// A session that is not ended ends by itself; nothing that was read depends on it.
	_ = n.wire.Do(ctx, endSession, wire.Call{Arguments: []string{session}}, func(wire.Answer) error { return nil })
	return nil
}

// attempts are how often reading or creating is begun anew, with another token.
const attempts = 3

// again repeats a call whose token may have been used up by an attempt of which no answer came.
func again(ctx context.Context, call func() error) error {
	for i := 1; ; i++ {
		err := call()
		if err == nil || i == attempts || ctx.Err() != nil || !wire.Passing(err) {
			return err
		}
	}
}

// ask reads a batch. A token that names an unknown patient is refused as a whole: the batch is halved until the unknown
// ones are alone.
func (n *Numbers) ask(ctx context.Context, originals []string) (map[string]service.Answer, error) {
	answers, err := n.read(ctx, originals)
	switch {
	case err == nil:
		return answers, nil
	case !isUnknown(err):
		return nil, err
	case len(originals) == 1:
		a, err := n.unknown(ctx, originals[0])
		return map[string]service.Answer{originals[0]: a}, err
	}
	half := len(originals) / 2
	answers, err = n.ask(ctx, originals[:half])
	if err != nil {
		return nil, err
	}
	further, err := n.ask(ctx, originals[half:])
	if err != nil {
		return nil, err
	}
	for o, a := range further {
		answers[o] = a
	}
	return answers, nil
}

// unknown answers for a patient whom the Mainzelliste does not know.
func (n *Numbers) unknown(ctx context.Context, original string) (service.Answer, error) {
	if !n.options.Create {
		return service.Answer{}, nil
	}
	return n.create(ctx, original)
}

// isUnknown reports whether a token was refused for what it names. The ID types are known to be right.
func isUnknown(err error) bool {
	var status *wire.StatusError
	return errors.As(err, &status) && (status.Status == http.StatusBadRequest || status.Status == http.StatusNotFound)
}
