package gather

import "testing"

func TestPlacesAreFoundBeforeAndAfterFreezing(t *testing.T) {
	var p places
	names := make([]name, 1000)
	for i := range names {
		names[i] = nameOf("key", string(rune('a'+i%26)), string(rune(0x100+i)))
		p.put(names[i], uint32(i)) // #nosec G115 -- 1000
		if i == 500 {
			p.freeze() // and go on filling
		}
	}
	for range 2 {
		for i, n := range names {
			if at, ok := p.get(n); !ok || int(at) != i {
				t.Fatalf("entry %d: %d, %v", i, at, ok)
			}
		}
		if _, ok := p.get(nameOf("nobody")); ok {
			t.Fatal("a name that nobody put was found")
		}
		p.freeze()
	}
}
