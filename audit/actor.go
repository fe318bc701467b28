package audit

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// ErrNoActor is returned for an event that nobody did.
var ErrNoActor = errors.New("audit: no actor: what nobody does is not recorded, and what is not recorded is not done")

// Actor is who does something: the account that the program runs under, and the person or job that it says it acts for.
type Actor struct {
	Account string // of the operating system
	For     string // such as a person's name or nightly; as told, "" when nothing was
}

// longestActor is the most characters that a name has.
const longestActor = 80

// isName reports whether a text can be a person's, a job's or an account's name: no control character, nothing that a report
// would take for its own.
func isName(text string) bool {
	if utf8.RuneCountInString(text) > longestActor {
		return false
	}
	for i, c := range text {
		if !unicode.IsLetter(c) && !unicode.IsDigit(c) && (i == 0 || !strings.ContainsRune(" ._@:/\\+-", c)) {
			return false
		}
	}
	return text != ""
}

func (a Actor) check() error {
	if a.Account == "" {
		return ErrNoActor
	}
	for _, part := range []string{a.Account, a.For} {
		if part != "" && !isName(part) {
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
