package gpas

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/crflink/crflink/internal/wire"
	"github.com/crflink/crflink/pseudonym"
	"github.com/crflink/crflink/pseudonym/service"
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
	*service.Numbers
	options Options
	wire    *wire.Operator

	mu  sync.Mutex
	api API
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
	return &Numbers{Numbers: service.NewNumbers("gPAS", o.Site), options: o, wire: operator, api: o.API}, nil
}

// Close closes connections.
func (n *Numbers) Close() error {
	n.wire.Close()
	return nil
}

// Errors of single patients. They name nobody.
var (
	errUnclear  = errors.New("gPAS gave the patient two answers")
	errTarget   = errors.New("gPAS answered for another domain")
	errNoneMade = errors.New("gPAS created no pseudonym")
)

// Prefetch asks for patients that were not asked for yet.
func (n *Numbers) Prefetch(ctx context.Context, ids []pseudonym.Identity) error {
	api := n.naming()
	how := service.How{Batch: n.options.Batch, Parallel: n.options.Parallel, Lead: api == Probe}
	if api == Before1102 {
		how.Batch = 1
	}
	return n.Fetch(ctx, ids, how, n.ask)
}

func (n *Numbers) naming() API {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.api
}
