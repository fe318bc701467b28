package wire

import (
	"encoding/json"
	"testing"

	"github.com/Shopify/toxiproxy/v2/toxics"
)

// attributes writes a toxic as toxiproxy reads it.
func attributes(t *testing.T, x toxics.Toxic) string {
	t.Helper()
	text, err := json.Marshal(x)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
