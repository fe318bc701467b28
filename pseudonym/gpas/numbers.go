package gpas

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/crflink/crflink/internal/wire"
	"github.com/crflink/crflink/pseudonym"
)

// API says how operations are named. The versions are those of gPAS.
type API string

// The namings. Probe tries the two of POST, the newer one first; it never tries the one by GET, which writes originals
// into the URL and with it into the logs of proxies: that must be configured.
const (
	Probe      API = ""
	Since1103  API = "1.10.3" // POST $pseudonymizeAllowCreate, from 1.10.3 on
	Only1102   API = "1.10.2" // POST $pseudonymize-allow-create
	Before1102 API = "1.10.1" // GET $pseudonymize-allow-create, one original in a call; up to 1.10.1
)

// Operations of gPAS.
const (
	opRead      = "$pseudonymize"
	opCreate    = "$pseudonymizeAllowCreate"
	opCreateOld = "$pseudonymize-allow-create"
)

// Options describe a gPAS.
type Options struct {
	Wire     wire.Options // the base ends in /ttp-fhir/fhir/gpas; time-outs default to 1 minute
	Domain   string       // the target domain
	Create   bool         // let gPAS create pseudonyms; else only such count that enrolment created
	Site     string       // the site of all numbers
	API      API
	Batch    int // originals in a call; 100 when 0
	Parallel int // calls at the same time; 4 when 0
}

// Numbers asks gPAS for subject numbers. What it has learnt is not asked for again: it is for one run. It may be used
// from several goroutines.
type Numbers struct {
	options Options
	wire    *wire.Operator

	mu    sync.Mutex
	api   API
	known map[string]answer
}

// answer is what is known about an original: a pseudonym, or a failure, or neither when gPAS has none.
type answer struct {
	pseudonym string
	err       error
}

var _ pseudonym.Prefetcher = (*Numbers)(nil)

// New prepares. Nothing is sent before the first Prefetch.
func New(o Options) (*Numbers, error) {
	switch {
	case o.Domain == "":
		return nil, errors.New("gPAS: no domain is configured")
	case o.API != Probe && o.API != Since1103 && o.API != Only1102 && o.API != Before1102:
		return nil, fmt.Errorf("gPAS: the API must be %s, %s or %s, or left out to be found out", Since1103, Only1102, Before1102)
	case o.API == Before1102 && !o.Create:
		return nil, errors.New("gPAS before 1.10.2 offers no way to read without creating: configure create, or a newer gPAS")
	}
	if o.Batch <= 0 {
		o.Batch = 100
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
	operator, err := wire.NewOperator(o.Wire, opRead, opCreate, opCreateOld)
	if err != nil {
		return nil, fmt.Errorf("gPAS: %w", err)
	}
	return &Numbers{options: o, wire: operator, api: o.API, known: map[string]answer{}}, nil
}

// Close closes connections.
func (n *Numbers) Close() error {
	n.wire.Close()
	return nil
}

// Errors of single patients. They name nobody.
var (
	errUnasked  = errors.New("gPAS was not asked for the patient's number")
	errLacking  = errors.New("gPAS's answer leaves the patient out")
	errUnclear  = errors.New("gPAS gave the patient two answers")
	errShared   = errors.New("gPAS gave two patients the same pseudonym")
	errEcho     = errors.New("gPAS returned the original as its own pseudonym")
	errTarget   = errors.New("gPAS answered for another domain")
	errNoneMade = errors.New("gPAS created no pseudonym")
)

// Number returns what gPAS answered. ok is false where gPAS has no pseudonym and may not create one.
func (n *Numbers) Number(id pseudonym.Identity, _ pseudonym.Resources) (pseudonym.Enrolment, bool, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	a, ok := n.known[id.Value]
	switch {
	case !ok:
		return pseudonym.Enrolment{}, false, errUnasked
	case a.err != nil || a.pseudonym == "":
		return pseudonym.Enrolment{}, false, a.err
	}
	return pseudonym.Enrolment{Number: a.pseudonym, Site: n.options.Site}, true, nil
}

// Prefetch asks for patients that were not asked for yet. A call that is refused is an error, and so is a service of
// which no call at all got a usable answer. Where only some calls failed, their patients wait.
func (n *Numbers) Prefetch(ctx context.Context, ids []pseudonym.Identity) error {
	batches := n.batches(ids)
	if len(batches) == 0 {
		return nil
	}
	errs := make([]error, len(batches))
	first, refused := 0, false
	if n.naming() == Probe { // one call finds out how the others are made
		errs[0] = n.settle(ctx, batches[0])
		first, refused = 1, isRefusal(errs[0])
	}
	slots := make(chan struct{}, n.options.Parallel)
	var calls sync.WaitGroup
	for i := first; i < len(batches) && !refused; i++ {
		slots <- struct{}{}
		calls.Go(func() {
			defer func() { <-slots }()
			errs[i] = n.settle(ctx, batches[i])
		})
	}
	calls.Wait()
	if err := ctx.Err(); err != nil {
		return err
	}
	return verdict(errs)
}

// verdict is an error when a call was refused or none succeeded.
func verdict(errs []error) error {
	failed := 0
	for _, err := range errs {
		if isRefusal(err) {
			return fmt.Errorf("gPAS: %w", err)
		}
		if err != nil {
			failed++
		}
	}
	if failed == len(errs) {
		return fmt.Errorf("gPAS: %w", errs[0])
	}
	return nil
}

// isRefusal reports whether the service understood and declined, which another call would not change.
func isRefusal(err error) bool {
	var status *wire.StatusError
	return errors.As(err, &status) && status.Status < http.StatusInternalServerError &&
		status.Status != http.StatusTooManyRequests && status.Status != http.StatusRequestTimeout && status.Status != http.StatusTooEarly
}

// batches parts the originals that are not known yet.
func (n *Numbers) batches(ids []pseudonym.Identity) [][]string {
	n.mu.Lock()
	defer n.mu.Unlock()
	size := n.options.Batch
	if n.api == Before1102 {
		size = 1
	}
	var all [][]string
	seen := map[string]bool{"": true}
	for _, id := range ids {
		if _, known := n.known[id.Value]; known || seen[id.Value] {
			continue
		}
		seen[id.Value] = true
		if last := len(all) - 1; last < 0 || len(all[last]) == size {
			all = append(all, nil)
		}
		all[len(all)-1] = append(all[len(all)-1], strings.Clone(id.Value)) // not the whole Patient
	}
	return all
}

func (n *Numbers) naming() API {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.api
}

// settle asks for a batch and keeps what came of it.
func (n *Numbers) settle(ctx context.Context, originals []string) error {
	answers, err := n.ask(ctx, originals)
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, o := range originals {
		if err != nil {
			n.known[o] = answer{err: fmt.Errorf("gPAS could not be asked: %w", err)}
			continue
		}
		n.known[o] = answers[o]
	}
	n.partShared(answers)
	return err
}

// partShared takes from patients a pseudonym that several were given.
func (n *Numbers) partShared(fresh map[string]answer) {
	given := map[string]int{}
	for _, a := range fresh {
		if a.pseudonym != "" {
			given[a.pseudonym]++
		}
	}
	for o, a := range fresh {
		if given[a.pseudonym] > 1 {
			n.known[o] = answer{err: errShared}
		}
	}
}
