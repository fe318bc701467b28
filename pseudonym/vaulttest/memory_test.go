package vaulttest

import (
	"testing"

	"github.com/crflink/crflink/pseudonym"
)

func TestTheStoreInMemoryPassesTheExam(t *testing.T) {
	Run(t, func(*testing.T) pseudonym.VaultStore { return NewMemory() })
}
