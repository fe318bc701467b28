package pipeline

import (
	"bytes"
	"context"
	"encoding/gob"
	"errors"
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/crflink/crflink/audit"
	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/internal/crash"
)

// shard is a part of the permitted subjects.
type shard struct {
	name       string
	checkpoint string // that is written with it; "" for none
	work       []work
}

// subjectsPerShard keeps what a crash costs, and what waits in memory to be stored, small.
const subjectsPerShard = 50

// Shards that other processes compute are smaller: there are many for each process, however many take part, and a server that needs a
// second for a subject has one done in less than half a minute.
const (
	sharedShards = 256
	leastShared  = 2 // subjects
	mostShared   = 25
)

// shardCount is how many shards so many subjects make. It knows nothing of who takes part, so that whoever goes on with a run parts it
// alike.
func (r *runner) shardCount(subjects int) int {
	if r.isShared() {
		return max(1, ceil(subjects, min(mostShared, max(leastShared, ceil(subjects, sharedShards)))))
	}
	few := min(r.Workers, ceil(subjects, 5)) // so that all workers of a small study have something to do
	return max(1, few, ceil(subjects, subjectsPerShard))
}

func ceil(a, b int) int { return (a + b - 1) / b }

// shards parts the work by a hash of the subject number, so that a subject's shard does not depend on who else is
// there. The number of shards is part of their names: a checkpoint of another partition means nothing. The largest come first: the
// last ones, for which all wait, are small.
func (r *runner) shards() []shard {
	n := uint32(r.shardCount(len(r.work))) // #nosec G115 -- far below 2^32
	all := make([]shard, n)
	for i := range all {
		all[i].name = fmt.Sprintf("%d/%d", i+1, n)
		all[i].checkpoint = all[i].name
	}
	sizes, of := make([]int, n), make([]uint32, len(r.work))
	for i := range r.work {
		h := fnv.New32a()
		_, _ = h.Write([]byte(r.work[i].subject.Number()))
		of[i] = h.Sum32() % n
		sizes[of[i]]++
	}
	for i := range all {
		all[i].work = make([]work, 0, sizes[i]) // what is left over when lists grow would be kept for the whole run
	}
	for i, w := range r.work {
		s := &all[of[i]]
		s.work = append(s.work, w)
	}
	slices.SortStableFunc(all, func(a, b shard) int { return len(b.work) - len(a.work) })
	return all
}

// rest is what a process has left of the shard, under a name of its own. Its checkpoint is that of the whole, unless somebody is
// missed in what was done.
func (s *shard) rest(h *harvest) shard {
	base, nth, _ := strings.Cut(s.name, "+")
	n, _ := strconv.Atoi(nth) // of a whole shard it is 0
	r := shard{name: fmt.Sprintf("%s+%d", base, n+1), checkpoint: s.checkpoint}
	if len(h.Missed) > 0 {
		r.checkpoint = ""
	}
	for _, w := range s.work {
		if slices.Contains(h.Left, w.subject.Number()) {
			r.work = append(r.work, w)
		}
	}
	return r
}

// anyParted reports whether the shard has a subject whose changes are listed for a person before they are stored.
func (r *runner) anyParted(s *shard) bool {
	return slices.ContainsFunc(s.work, func(w work) bool { return r.parted(w.subject.Number()) })
}

// harvest is what the run takes note of about a finished shard, beside what is stored of it. It is plain data: it may come from
// another process, as bytes.
type harvest struct {
	Shard string
	Worked
	Recalled []recalled
	Missed   []missed              // whose source stopped answering
	Emptied  []*ecrf.SubjectChange // that wait until it is known whether the run may go on
	Seen     map[string]note       // by subject, for the next run
	Marks    []audit.Standing      // of decisions that came out otherwise when the subject's data had been read
	Left     []string              // subjects that were not begun, because the shard took too long
}

// bytes writes a harvest.
func (h *harvest) bytes() ([]byte, error) {
	var text bytes.Buffer
	if err := gob.NewEncoder(&text).Encode(h); err != nil {
		return nil, fmt.Errorf("write what shard %s came to: %w", h.Shard, err)
	}
	return text.Bytes(), nil
}

func readHarvest(text []byte) (*harvest, error) {
	h := &harvest{}
	if err := gob.NewDecoder(bytes.NewReader(text)).Decode(h); err != nil {
		return nil, errors.New("what a shard came to cannot be read: another version of the program wrote it")
	}
	return h, nil
}

// merge takes up what a shard came to.
func (r *runner) merge(h *harvest) {
	r.out.Tally.merge(&h.Worked)
	for _, x := range h.Recalled {
		r.recall(x)
	}
	for _, x := range h.Missed {
		r.missed(x)
	}
	for _, change := range h.Emptied {
		r.withhold(change)
	}
	for subject, n := range h.Seen {
		r.tracking.seen[subject] = n
	}
	for _, m := range h.Marks {
		r.account.standing.Set(m.Subject, m.Mark)
	}
}

// ShardResult is a finished shard: what is stored of it, with what the audit says, and what the run takes note of.
type ShardResult struct {
	batch   ecrf.Batch
	drafts  []audit.Draft
	harvest harvest
}

// Subjects returns how many subjects' casebooks are stored with the shard.
func (s *ShardResult) Subjects() int { return len(s.batch.Subjects) }

// add adds what another worker came to with subjects of the same shard.
func (s *ShardResult) add(o *ShardResult) {
	s.batch.Subjects, s.drafts = append(s.batch.Subjects, o.batch.Subjects...), append(s.drafts, o.drafts...)
	if o.batch.Checkpoint == "" {
		s.batch.Checkpoint = ""
	}
	h, with := &s.harvest, &o.harvest
	h.Worked.merge(&with.Worked)
	h.Recalled, h.Missed = append(h.Recalled, with.Recalled...), append(h.Missed, with.Missed...)
	h.Emptied, h.Marks = append(h.Emptied, with.Emptied...), append(h.Marks, with.Marks...)
	maps.Copy(h.Seen, with.Seen)
}

// shift is what one worker computes of a shard. It changes nothing of the run: shards are computed side by side, and in other processes.
type shift struct {
	*runner
	found *Facts // what the source rejects is the shard's
	done  *ShardResult
}

func (r *runner) shift(s shard) *shift {
	done := &ShardResult{batch: ecrf.Batch{Checkpoint: s.checkpoint}, harvest: harvest{Shard: s.name, Worked: newWorked(), Seen: map[string]note{}}}
	reject := func(x fhir.Rejected) { done.harvest.Rejected = append(done.harvest.Rejected, x) }
	return &shift{r, r.facts.telling(reject), done}
}

// computeShard computes a shard until it is late: the rest of its subjects is left to another. At least one is computed. Workers who have
// no shard any more help, where there are such.
func (r *runner) computeShard(ctx context.Context, s shard, helpers *helpers, late func() bool) (*ShardResult, error) {
	t := &openShard{run: r, shard: s, late: late}
	if err := t.read(ctx); err != nil {
		return nil, err
	}
	var err error
	if t.entries, err = r.entries(ctx, s.work); err != nil {
		return nil, err
	}
	helpers.begin(t)
	defer helpers.end(t)
	now := r.shift(s)
	err = t.compute(ctx, now)
	t.close()
	for _, other := range t.others {
		now.done.add(other.done)
	}
	if t.left > 0 {
		for _, w := range s.work[len(s.work)-t.left:] {
			now.done.harvest.Left = append(now.done.harvest.Left, w.subject.Number())
		}
		now.done.batch.Checkpoint = ""
	}
	return now.done, errors.Join(err, t.failed)
}

// take adds what a subject came to.
func (s *shift) take(w work, result *subjectResult) error {
	marks := audit.Marks{}
	for _, d := range result.drafts {
		marks.Take(d)
	}
	for subject, mark := range marks {
		s.done.harvest.Marks = append(s.done.harvest.Marks, audit.Standing{Subject: subject, Mark: mark})
	}
	s.done.drafts = append(s.done.drafts, result.drafts...)
	if result.failed {
		return nil
	}
	s.done.harvest.add(result)
	s.Preview.take(result.change, result.held)
	if result.seen != nil {
		if err := result.remember(); err != nil {
			return err
		}
		s.done.harvest.Seen[w.subject.Number()] = *result.seen
	}
	return s.place(w, result)
}

// computeSafely computes a subject. A mistake of the program's own that its data bring about costs no other.
func (s *shift) computeSafely(ctx context.Context, w work, last ecrf.Facts) (result *subjectResult, err error) {
	defer func() {
		var own error
		if crash.Caught(recover(), &own); own != nil {
			s.done.harvest.fail(Failure{Subject: w.subject.Number(), Stage: "crflink", Reason: own.Error()})
			result, err = (&subjectResult{}).fail(), nil
		}
	}()
	result, err = s.computeSubject(ctx, w, last)
	if isUnreached(err) {
		s.done.batch.Checkpoint = "" // it is computed when it can be read again
		s.done.harvest.Missed = append(s.done.harvest.Missed, missing(w, err))
		return (&subjectResult{}).fail(), nil
	}
	return result, err
}
