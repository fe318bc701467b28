package ledgertest

import (
	"maps"
	"testing"
)

func watermark(t *testing.T, b *bench) {
	for n := 1; n <= 3; n++ {
		b.put(t, n, Book{})
	}
	if text, err := b.l.Watermark(t.Context()); text != "" || err != nil {
		t.Errorf("a new ledger has the watermark %q, %v", text, err)
	}
	check := func(mark string, want map[string]string) {
		t.Helper()
		text, err := b.l.Watermark(t.Context())
		must(t, err)
		got, err := b.l.Seen(t.Context())
		if must(t, err); text != mark || !maps.Equal(got, want) {
			t.Errorf("at %q, seen %v; want %q, %v", text, got, mark, want)
		}
	}
	must(t, b.l.Advance(t.Context(), "monday", map[string]string{Number(1): "a", Number(2): "b", "nobody": "x"}))
	b.reopen(t)
	check("monday", map[string]string{Number(1): "a", Number(2): "b"})
	must(t, b.l.Advance(t.Context(), "tuesday", map[string]string{Number(2): "c", Number(3): "d"}))
	check("tuesday", map[string]string{Number(2): "c", Number(3): "d"})
	_, err := b.l.Forget(t.Context(), Number(2))
	must(t, err)
	_, err = b.l.Anonymise(t.Context(), Number(3), "other")
	must(t, err)
	check("tuesday", map[string]string{})
}
