package pipeline

import (
	"context"

	"github.com/crflink/crflink/imaging"
)

// Linkage is what the ledger holds of imaging, over all permitted subjects.
type Linkage struct {
	Report *imaging.Report
	Pairs  []imaging.Pair      // what a sample is drawn from
	Cases  []imaging.ReviewRow // what a person may decide
}

// ReadLinkage reads it. The ledger holds nothing but pseudonyms, and nothing else is read.
func ReadLinkage(ctx context.Context, parts Parts) (*Linkage, error) {
	l := &Linkage{Report: imaging.NewReport()}
	for facts, err := range parts.Ledger.AllFacts(ctx) {
		if err != nil {
			return nil, err
		}
		if facts.Outcome != outcomePermitted {
			continue
		}
		s, err := readSessions(facts.Links)
		if err != nil {
			return nil, err
		}
		l.Report.Add(s.Links, s.Unlinked, s.Counts)
		l.Pairs = append(l.Pairs, imaging.Pairs(s.Links, s.Unlinked)...)
		l.Cases = append(l.Cases, imaging.Cases(s.Unlinked, s.Unclaimed)...)
	}
	return l, nil
}
