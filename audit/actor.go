package audit

import (
	"errors"
	"fmt"
	"regexp"
)

// ErrNoActor is returned for an event that nobody did.
var ErrNoActor = errors.New("audit: no actor: what nobody does is not recorded, and what is not recorded is not done")

// Actor is who does something: the account that the program runs under, and the person or job that it says it acts for.
type Actor struct {
	Account string // of the operating system
	For     string // such as a person's name or nightly; as told, "" when nothing was
}

var actorPattern = regexp.MustCompile(`^[\p{L}\p{N}][\p{L}\p{N} ._@:/\\+-]{0,79}$`)

func (a Actor) check() error {
	if a.Account == "" {
		return ErrNoActor
	}
	for _, part := range []string{a.Account, a.For} {
		if part != "" && !actorPattern.MatchString(part) {
			return fmt.Errorf("audit: an actor's name has 1 to 80 letters, digits, spaces and . _ @ : / \\ + -, and begins with a letter or digit: %w", ErrNoActor)
		}
	}
	return nil
}

// String returns the account, or "WHO as ACCOUNT".
func (a Actor) String() string {
	if a.For == "" {
		return a.Account
	}
	return a.For + " as " + a.Account
}
