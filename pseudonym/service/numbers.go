package service

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"

	"github.com/crflink/crflink/internal/wire"
	"github.com/crflink/crflink/pseudonym"
)

// Answer is what a service told about an original: a pseudonym, or a failure, or neither when it has none.
type Answer struct {
	Pseudonym string
	Err       error
}

// Ask asks a service about originals. An error concerns all of them; an original that the answers lack is told to be so.
type Ask func(ctx context.Context, originals []string) (map[string]Answer, error)

// How says how originals are asked for.
type How struct {
	Batch    int  // originals in a call
	Parallel int  // calls at the same time
	Lead     bool // the first call goes alone, because it finds out how the others are made
}

// Numbers knows what a service answered. It may be used from several goroutines.
type Numbers struct {
	name, site string

	mu     sync.Mutex
	known  map[string]Answer
	owners map[string]string // pseudonym -> original
}

// NewNumbers returns Numbers that know nothing. name is what errors call the service; site is the site of all numbers.
func NewNumbers(name, site string) *Numbers {
	return &Numbers{name: name, site: site, known: map[string]Answer{}, owners: map[string]string{}}
}

// Number returns what the service answered. ok is false where it has no pseudonym.
func (n *Numbers) Number(id pseudonym.Identity, _ pseudonym.Resources) (pseudonym.Enrolment, bool, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	a, ok := n.known[id.Value]
	switch {
	case !ok:
		return pseudonym.Enrolment{}, false, fmt.Errorf("%s was not asked for the patient's number", n.name)
	case a.Err != nil || a.Pseudonym == "":
		return pseudonym.Enrolment{}, false, a.Err
	}
	return pseudonym.Enrolment{Number: a.Pseudonym, Site: n.site}, true, nil
}

// Fetch asks for patients that were not asked for yet. A call that is refused is an error, and so is a service of which no
// call at all got a usable answer. Where only some calls failed, their patients wait.
func (n *Numbers) Fetch(ctx context.Context, ids []pseudonym.Identity, how How, ask Ask) error {
	batches := n.batches(ids, max(1, how.Batch))
	if len(batches) == 0 {
		return nil
	}
	errs := make([]error, len(batches))
	first, refused := 0, false
	if how.Lead {
		errs[0] = n.settle(ctx, batches[0], ask)
		first, refused = 1, IsRefusal(errs[0])
	}
	slots := make(chan struct{}, max(1, how.Parallel))
	var calls sync.WaitGroup
	for i := first; i < len(batches) && !refused; i++ {
		slots <- struct{}{}
		calls.Go(func() {
			defer func() { <-slots }()
			errs[i] = n.settle(ctx, batches[i], ask)
		})
	}
	calls.Wait()
	if err := ctx.Err(); err != nil {
		return err
	}
	return n.verdict(errs)
}

// verdict is an error when a call was refused or none succeeded.
func (n *Numbers) verdict(errs []error) error {
	failed := 0
	for _, err := range errs {
		if IsRefusal(err) {
			return fmt.Errorf("%s: %w", n.name, err)
		}
		if err != nil {
			failed++
		}
	}
	if failed == len(errs) {
		return fmt.Errorf("%s: %w", n.name, errs[0])
	}
	return nil
}

// IsRefusal reports whether a service understood and declined, which another call would not change.
func IsRefusal(err error) bool {
	var status *wire.StatusError
	return errors.As(err, &status) && status.Status < http.StatusInternalServerError &&
		status.Status != http.StatusTooManyRequests && status.Status != http.StatusRequestTimeout && status.Status != http.StatusTooEarly
}

// batches parts the originals that are not known yet.
func (n *Numbers) batches(ids []pseudonym.Identity, size int) [][]string {
	n.mu.Lock()
	defer n.mu.Unlock()
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

// settle asks for a batch and keeps what came of it.
func (n *Numbers) settle(ctx context.Context, originals []string, ask Ask) error {
	answers, err := ask(ctx, originals)
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, o := range originals {
		if err != nil {
			n.known[o] = Answer{Err: fmt.Errorf("%s could not be asked: %w", n.name, err)}
			continue
		}
		n.known[o] = n.checked(o, answers)
	}
	return err
}

// checked refuses what cannot be an original's pseudonym. One that several originals were given goes to none of them.
func (n *Numbers) checked(original string, answers map[string]Answer) Answer {
	a, ok := answers[original]
	switch {
	case !ok:
		return Answer{Err: fmt.Errorf("%s's answer leaves the patient out", n.name)}
	case a.Err != nil || a.Pseudonym == "":
		return Answer{Err: a.Err}
	case a.Pseudonym == original:
		return Answer{Err: fmt.Errorf("%s returned the original as its own pseudonym", n.name)}
	}
	owner, taken := n.owners[a.Pseudonym]
	if taken && owner != original {
		shared := Answer{Err: fmt.Errorf("%s gave two patients the same pseudonym", n.name)}
		n.known[owner] = shared
		return shared
	}
	n.owners[a.Pseudonym] = original
	return a
}
