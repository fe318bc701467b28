package audittest

import (
	"testing"

	"github.com/crflink/crflink/audit"
)

func TestTheLogInMemoryPassesTheExam(t *testing.T) {
	Run(t, func(*testing.T, string) audit.Log { return &Memory{} })
}
