package pipeline

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/crflink/crflink/authorisation"
	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/ecrf/disclosure"
	"github.com/crflink/crflink/internal/atomicfile"
)

// left is what an output was left with: what a run says of it when it need not be made again.
type left struct {
	Made       string              `json:"made"` // digest of all that it was made from
	Report     ecrf.DeliveryReport `json:"report"`
	Disclosure *disclosure.Report  `json:"disclosure,omitempty"`
	Matrix     map[string]*Fill    `json:"matrix,omitempty"` // by form.item
	Shares     map[string]int64    `json:"shares,omitempty"` // as the ledger keeps them of a run
}

// Names of what the ledger keeps of outputs; those of targets stand behind the first.
const (
	targetOutput       = "target "
	imagingOutput      = "imaging"
	completenessOutput = "completeness"
)

// made is a digest of all that an output is made from: what the ledger holds, who is permitted, the study's files and the program;
// form is what else it depends on. "" where that cannot be told.
func (r *runner) made(ctx context.Context, name, form string) (string, error) {
	if r.DryRun || r.Study.Policy.Combined() { // then it depends on each patient's decisions, too
		return "", nil
	}
	version, err := r.Ledger.Version(ctx)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%q", []string{version, name, form, r.ground()}))
	return hex.EncodeToString(sum[:]), nil
}

// ground is a digest of what all outputs of the run are made from beside the ledger: who is permitted, the study's files and the
// program. It is made once, for the first output: then nobody's standing changes any more.
func (r *runner) ground() string {
	if r.groundSum != "" {
		return r.groundSum
	}
	h := sha256.New()
	_, _ = fmt.Fprintf(h, "%q\n", []string{r.Program, r.Study.ID})
	for _, input := range slices.Sorted(maps.Keys(r.inputs)) {
		_, _ = fmt.Fprintf(h, "%s %s\n", input, r.inputs[input])
	}
	_, _ = fmt.Fprintf(h, "%q\n", r.notices())
	for _, subject := range slices.Sorted(maps.Keys(r.known)) {
		if r.known[subject].outcome == outcomePermitted {
			_, _ = fmt.Fprintf(h, "%q\n", subject)
		}
	}
	r.groundSum = hex.EncodeToString(h.Sum(nil))
	return r.groundSum
}

// madeFor is made of what a target is given; "" for a target that has to be looked at in every run, because it is no file.
func (r *runner) madeFor(ctx context.Context, t ecrf.Target) (string, error) {
	kind := kindOf(t.Kind())
	i := slices.IndexFunc(r.Study.Targets, func(s TargetSpec) bool { return s.Name == t.Name() && s.Kind == t.Kind() })
	if i < 0 || !kind.files {
		return "", nil
	}
	spec := &r.Study.Targets[i]
	form := fmt.Sprintf("%+v", *spec) // of files it holds no pointer
	if kind.dated {
		form += " " + r.AsOf.In(r.Study.Zone).Format(time.RFC3339)
	}
	if s := r.Study.Disclosure; s != nil && slices.Contains(s.Targets, t.Name()) {
		rules, err := json.Marshal(s.Rules)
		if err != nil {
			return "", err
		}
		form += " " + string(rules)
	}
	return r.made(ctx, targetOutput+t.Name(), form+r.recipientsOf(t.Name()))
}

// madeSessions is made of the imaging sessions.
func (r *runner) madeSessions(ctx context.Context, folder string) (string, error) {
	return r.made(ctx, imagingOutput, fmt.Sprintf("%q", folder)+r.recipientsOf(authorisation.ImagingOutput))
}

func (r *runner) recipientsOf(output string) string {
	return fmt.Sprintf(" %s %q", r.Study.Policy.Handling(output), fmt.Sprint(r.Study.Authorisation.RecipientsOf(output)))
}

// leftAsIs returns what an output was left with, when it is made from the same and its files are still as they were left; else nil.
func (r *runner) leftAsIs(ctx context.Context, name, made string) (*left, error) {
	if made == "" || r.Full {
		return nil, nil
	}
	text, err := r.Ledger.Left(ctx, name)
	if err != nil || text == "" {
		return nil, err
	}
	var before left
	if json.Unmarshal([]byte(text), &before) != nil || before.Made != made {
		return nil, nil
	}
	for _, f := range before.Report.Files {
		if !atomicfile.Stands(f.Path, f.SHA256, f.Size) {
			return nil, nil
		}
	}
	return &before, nil
}

// leave remembers what an output is left with. Nothing is kept of one that did not take everything.
func (r *runner) leave(ctx context.Context, name string, l left) error {
	d := &l.Report
	if l.Made == "" || d.Conflicts+d.Queries+d.Rejected+d.Locked > 0 {
		return nil
	}
	d.Written, d.Unchanged = 0, len(d.Files)
	d.Files = slices.Clone(d.Files)
	for i := range d.Files {
		d.Files[i].Changed = false
	}
	text, err := json.Marshal(l)
	if err != nil {
		return err
	}
	before, err := r.Ledger.Left(ctx, name)
	if err != nil || before == string(text) {
		return err
	}
	return r.Ledger.Leave(ctx, name, string(text))
}

// untouched counts a target as it was left.
func (r *runner) untouched(t ecrf.Target, before *left) {
	r.out.Tally.Deliveries = append(r.out.Tally.Deliveries, Delivered{Target: t.Name(), Kind: t.Kind(), Report: before.Report, Disclosure: before.Disclosure})
	r.account.untouched = append(r.account.untouched, t.Name())
}

// completeness is the matrix of what is delivered: as a target's walk counted it, as it was left, or from a walk of its own.
func (r *runner) completeness(ctx context.Context) error {
	made, err := r.made(ctx, completenessOutput, "")
	if err != nil {
		return err
	}
	if r.matrix == nil {
		before, err := r.leftAsIs(ctx, completenessOutput, made)
		if err != nil {
			return err
		}
		if before != nil {
			r.matrix, r.shares = matrixOf(before.Matrix), Shares(before.Shares)
			return nil
		}
		for _, err := range r.delivered(ctx, "") {
			if err != nil {
				return err
			}
		}
	}
	return r.leave(ctx, completenessOutput, left{Made: made, Matrix: r.matrix.byName(), Shares: counted(r.shares)})
}

func (m Matrix) byName() map[string]*Fill {
	all := make(map[string]*Fill, len(m))
	for slot, f := range m {
		all[slot.Form+"."+slot.Item] = f
	}
	return all
}

func matrixOf(all map[string]*Fill) Matrix {
	m := make(Matrix, len(all))
	for name, f := range all {
		form, item, _ := strings.Cut(name, ".")
		m[Slot{form, item}] = f
	}
	return m
}
