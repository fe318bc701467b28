package pipeline

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/fhir"
)

// overlap is how far back a run asks behind the moment of the one before: what was written then may have become visible later, and
// the clocks of a server's machines differ.
const overlap = 10 * time.Minute

// wholeEvery is after how long everything is read again, whatever the source says has changed.
const wholeEvery = 7 * 24 * time.Hour

// tracking is what a run knows of what has changed since the run before. It has a source that can be asked, or one whose resources
// have fingerprints, or neither, where that cannot be known.
type tracking struct {
	source fhir.Tracker
	prints fhir.Fingerprinter
	now    map[string]fhir.Moment // of the servers behind the source, before anything was read
	last   watermark
	before map[string]note // by subject, of the run before
	seen   map[string]note // by subject, of this run
}

// watermark says up to when each server was read, by its name.
type watermark map[string]mark

// mark says up to when a server was read.
type mark struct {
	Source string    `json:"source"` // a digest
	At     time.Time `json:"at"`     // by the source's clock
	Whole  time.Time `json:"whole"`  // when everything was read last
}

// note is what was seen of a subject. It holds keyed digests and numbers.
type note struct {
	Key     string         `json:"key"`     // of all that a casebook is computed from, without what is below
	Entered string         `json:"entered"` // of what people entered
	Found   map[string]int `json:"found"`   // by the source's searches
	Common  []string       `json:"common,omitempty"`
	Missing []string       `json:"missing,omitempty"` // shared resources that were referred to and not there

	Imaging json.RawMessage `json:"imaging,omitempty"` // counts of its linkage; as text they need a fifth of the memory
}

// track asks the source for its time, before it is read.
func (r *runner) track(ctx context.Context) error {
	r.common = r.commonDigest()
	source, ok := fhir.TrackerOf(r.Source)
	prints, printed := fhir.FingerprinterOf(r.Source)
	switch {
	case !ok && !printed || r.DryRun:
		return nil
	case r.Study.Policy.Combined(): // what is asked for differs from patient to patient
		return nil
	case r.Study.Imaging.PACS != nil && r.Study.Imaging.PACS.Refresh == 0: // it is asked by what the resources say, and may have something new
		return nil
	}
	if printed {
		now := map[string]fhir.Moment{r.Source.Name(): {Identity: "fingerprints", At: r.AsOf}}
		r.tracking = tracking{prints: prints, now: now, seen: map[string]note{}}
		return r.tracking.recall(ctx, r.Ledger)
	}
	now, err := source.Moment(ctx)
	if errors.Is(err, fhir.ErrUntracked) {
		return nil
	}
	if err != nil {
		return err
	}
	r.tracking = tracking{source: source, now: now, seen: map[string]note{}}
	return r.tracking.recall(ctx, r.Ledger)
}

// recall reads what the run before left. What cannot be understood is as if it were not there.
func (t *tracking) recall(ctx context.Context, ledger ecrf.Ledger) error {
	text, err := ledger.Watermark(ctx)
	if err != nil || text == "" {
		return err
	}
	if json.Unmarshal([]byte(text), &t.last) != nil || !t.last.of(t.now) {
		t.last = nil
		return nil
	}
	texts, err := ledger.Seen(ctx)
	if err != nil {
		return err
	}
	t.before = make(map[string]note, len(texts))
	for subject, text := range texts {
		var n note
		if json.Unmarshal([]byte(text), &n) == nil {
			t.before[subject] = n
		}
	}
	return nil
}

// tracks reports whether it can be known what has changed.
func (t *tracking) tracks() bool { return t.source != nil || t.prints != nil }

// isWhole reports whether a run has to read everything: nothing is known, or it was long ago, or a server's clock went back.
func (t *tracking) isWhole() bool {
	if len(t.before) == 0 || t.prints != nil {
		return len(t.before) == 0
	}
	for name, now := range t.now {
		if last := t.last[name]; now.At.Before(last.At) || now.At.Sub(last.Whole) >= wholeEvery {
			return true
		}
	}
	return false
}

// of reports whether the marks are of the same servers. One that does not answer now may be the same.
func (w watermark) of(now map[string]fhir.Moment) bool {
	for name, m := range now {
		if w[name].Source != identityOf(name, m) {
			return false
		}
	}
	return true
}

// identityOf is what the ledger keeps of a server's identity.
func identityOf(name string, m fhir.Moment) string {
	sum := sha256.Sum256([]byte(name + "\n" + m.Identity))
	return hex.EncodeToString(sum[:])
}

// since is from when on changes count, by server.
func (w watermark) since() map[string]time.Time {
	times := make(map[string]time.Time, len(w))
	for name, m := range w {
		times[name] = m.At.Add(-overlap)
	}
	return times
}

// key is a digest of all that a permitted subject's casebook is computed from as far as it was read before the decision, keyed with
// the subject's secret. Facts of records that are linked only decide: the decision is part of it.
func (r *runner) key(ctx context.Context, c candidate, w work, v *verdict) (string, error) {
	if !r.tracking.tracks() {
		return "", nil
	}
	h := w.subject.Digest()
	if r.tracking.prints != nil {
		print, err := r.tracking.prints.Fingerprint(ctx, w.patient, r.plan())
		if print == "" || err != nil {
			return "", err
		}
		_, _ = fmt.Fprintf(h, "fingerprint %s\n", print)
	}
	_, _ = fmt.Fprintf(h, "%s%s\n%s\n", r.common, r.Program, v.text())
	for other := range slices.Values(c.record.LinkedFrom()) {
		_, _ = fmt.Fprintf(h, "linked from %q\n", other.String())
	}
	for reference, key := range c.record.Aliases() {
		_, _ = fmt.Fprintf(h, "%q %q\n", reference, key.String())
	}
	if r.tracking.prints != r.Source { // else the fingerprint has them, too
		for res := range c.record.Resources() {
			_, _ = fmt.Fprintf(h, "%s\n%s\n", res.ID, res.Raw())
		}
	}
	return hexadecimal(h), nil
}

// findStill asks the source of whom nothing has changed since the run before, and notes in their work what was seen then.
func (r *runner) findStill(ctx context.Context) error {
	t := &r.tracking
	switch {
	case !t.tracks() || r.Full || t.isWhole():
		return nil
	case t.prints != nil:
		for i := range r.work {
			w := &r.work[i]
			if n := t.before[w.subject.Number()]; w.key != "" && n.Key == w.key {
				w.still = &n
			}
		}
		return nil
	}
	r.Progress.Stage("changes", -1)
	since := t.last.since()
	there, changed, err := r.sharedThere(ctx, since)
	if errors.Is(err, fhir.ErrUntracked) {
		return nil
	}
	if err != nil {
		return err
	}
	var ask []fhir.Footprint
	asked := map[int]*note{}
	for i, w := range r.work {
		n, ok := t.before[w.subject.Number()]
		if !ok || n.Key != w.key || n.refersTo(there, changed) {
			continue
		}
		ask = append(ask, fhir.Footprint{Patient: w.patient, Found: n.Found})
		asked[i] = &n
	}
	touched, err := r.touched(ctx, ask, since)
	if errors.Is(err, fhir.ErrUntracked) {
		return nil
	}
	if err != nil {
		return err
	}
	for i, n := range asked {
		if w := &r.work[i]; !touched[w.patient] {
			w.still = n
		}
	}
	return nil
}

// patientsAtOnce is how many patients the source is asked about by one worker. It parts them into as few searches as it can.
const patientsAtOnce = 2000

// touched asks about the patients side by side.
func (r *runner) touched(ctx context.Context, ask []fhir.Footprint, since map[string]time.Time) (map[fhir.Key]bool, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	parts := make(chan []fhir.Footprint)
	all := map[fhir.Key]bool{}
	var mu sync.Mutex
	var workers sync.WaitGroup
	for range max(1, r.Workers) {
		workers.Go(func() {
			for part := range parts {
				touched, err := r.tracking.source.Touched(ctx, part, r.plan(), since)
				if err != nil {
					cancel(err)
					return
				}
				mu.Lock()
				maps.Copy(all, touched)
				mu.Unlock()
			}
		})
	}
	for part := range slices.Chunk(ask, patientsAtOnce) {
		select {
		case parts <- part:
		case <-ctx.Done():
		}
	}
	close(parts)
	workers.Wait()
	return all, context.Cause(ctx)
}

// sharedThere returns the shared resources of the wanted types under their keyed names: those that are there, and those that changed.
func (r *runner) sharedThere(ctx context.Context, since map[string]time.Time) (there, changed map[string]bool, err error) {
	there, changed = map[string]bool{}, map[string]bool{}
	for _, typ := range r.plan().Types() {
		if fhir.BelongsToPatients(typ) != fhir.Shared {
			continue
		}
		all, some, err := r.tracking.source.Common(ctx, typ, since)
		if err != nil {
			return nil, nil, err
		}
		for id := range all {
			there[r.sharedName(fhir.Key{Type: typ, ID: id})] = true
		}
		for id := range some {
			changed[r.sharedName(fhir.Key{Type: typ, ID: id})] = true
		}
	}
	return there, changed, nil
}

// sharedName is what the ledger calls a resource that belongs to nobody.
func (r *runner) sharedName(k fhir.Key) string {
	return hex.EncodeToString(r.Vault.Authenticate("shared resource", []byte(k.String()))[:12])
}

// refersTo reports whether a shared resource that was referred to has changed or gone, or one that was missing has come.
func (n *note) refersTo(there, changed map[string]bool) bool {
	return slices.ContainsFunc(n.Common, func(name string) bool { return changed[name] || !there[name] }) ||
		slices.ContainsFunc(n.Missing, func(name string) bool { return there[name] })
}

// isStill reports whether a subject's casebook is as the ledger has it.
func (r *runner) isStill(w work, last ecrf.Facts) bool {
	return w.still != nil && last.Digest != "" && last.Outcome == outcomePermitted && !r.parted(w.subject.Number()) && w.still.Entered == r.enteredDigest(w) && r.stillAtPACS(w.subject, last)
}

func (r *runner) enteredDigest(w work) string {
	if len(r.Study.Mapping.Entered()) == 0 {
		return ""
	}
	h := w.subject.Digest()
	for _, cell := range r.Study.Mapping.Entered() {
		_, _ = fmt.Fprintf(h, "entered %q %q\n", fmt.Sprint(cell), w.entered[cell])
	}
	return hexadecimal(h)
}

// saw takes up what was fetched of a subject, to be known by the next run; nil where something of it was rejected, so that the next
// run reads and says it again.
func (r *runner) saw(w work, record *fhir.Record) *note {
	switch {
	case w.key == "":
		return nil
	case r.tracking.prints != nil:
		return &note{Key: w.key, Entered: r.enteredDigest(w)}
	case record.Found() == nil:
		return nil
	}
	n := &note{Key: w.key, Entered: r.enteredDigest(w), Found: record.Found()}
	common, missing := map[string]bool{}, map[string]bool{}
	for res := range record.Resources() {
		for ref := range res.References() {
			k, ok := record.KeyOf(ref.Text())
			switch {
			case !ok || !r.plan().Has(k.Type):
			case fhir.BelongsToPatients(k.Type) == fhir.Possible:
				return nil // a device of nobody's cannot be told from one of somebody
			case fhir.BelongsToPatients(k.Type) != fhir.Shared:
			case record.Find(k) != nil:
				common[r.sharedName(k)] = true
			default:
				missing[r.sharedName(k)] = true
			}
		}
	}
	n.Common, n.Missing = slices.Sorted(maps.Keys(common)), slices.Sorted(maps.Keys(missing))
	return n
}

// moved is the watermark after the run. That of a server that stopped answering stays where it was.
func (t *tracking) moved(whole bool, silent []string) watermark {
	next := maps.Clone(t.last)
	if next == nil {
		next = watermark{}
	}
	for name, now := range t.now {
		if slices.Contains(silent, name) {
			continue
		}
		m := mark{Source: identityOf(name, now), At: now.At, Whole: next[name].Whole}
		if whole {
			m.Whole = now.At
		}
		next[name] = m
	}
	return next
}

// advance moves the watermark, when everything that this run read has been delivered. Who was not computed without a failure, or
// is not permitted any more, is read by the next run in any case.
func (r *runner) advance(ctx context.Context) error {
	t := &r.tracking
	if !t.tracks() {
		return nil
	}
	text, err := json.Marshal(t.moved(r.Full || t.isWhole(), r.silent()))
	if err != nil {
		return err
	}
	seen := make(map[string]string, len(t.seen))
	for subject, n := range t.seen {
		if r.known[subject].outcome != outcomePermitted {
			continue
		}
		line, err := json.Marshal(n)
		if err != nil {
			return err
		}
		seen[subject] = string(line)
	}
	return r.Ledger.Advance(ctx, string(text), seen)
}
