package pseudonym

import (
	"context"
	"encoding/hex"
)

// Who gave a number, as the vault keeps it.
const (
	originGiven  = "given"
	originIssued = "issued"
)

// Issued returns the subject that has a number, and whether crflink issued the number itself; else enrolment gave it, and the
// one who enrolled knows who the subject is. ErrNotEnrolled when nobody has the number.
func (v *Vault) Issued(ctx context.Context, number string) (s Subject, issued bool, err error) {
	row, err := v.rowOf(ctx, number)
	if err != nil {
		return Subject{}, false, err
	}
	origin, err := v.seal.open(place{"subject", "origin", hex.EncodeToString(row.ID)}, row.Origin)
	if err != nil {
		return Subject{}, false, err
	}
	s, err = v.open(row)
	return s, string(origin) == originIssued, err
}
