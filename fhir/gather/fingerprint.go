package gather

import (
	"encoding/hex"
	"slices"
	"strconv"

	"github.com/cespare/xxhash/v2"
)

// sumOf is a sum of a resource as it was read. No person's deed is behind a collision: a sum of 64 bits tells a changed resource
// from the one before as good as surely, and it is made at the speed of memory.
func sumOf(text, fullURL string, isSubsetted bool) uint64 {
	var d xxhash.Digest
	d.Reset()
	_, _ = d.WriteString(text)
	_, _ = d.WriteString("\n" + fullURL + "\n" + strconv.FormatBool(isSubsetted))
	return d.Sum64()
}

// Fingerprint returns what changes when anything is another that Record reads of the patient's resources of the wanted types, or any
// resource of these types that belongs to nobody.
func (c *Catalog) Fingerprint(p Patient, want func(typ string) bool) string {
	if c.archive != nil {
		return c.archive.fingerprint(p, want)
	}
	return c.index.fingerprint(p, want)
}

func (a *archive) fingerprint(p Patient, want func(typ string) bool) string {
	items := a.items(p, want, nil)
	sums := make([]uint64, len(items), len(items)+len(a.sums))
	for i := range items {
		sums[i] = items[i].sum
	}
	return fingerprint(sums, a.sums, a.types, want)
}

func (x *Index) fingerprint(p Patient, want func(typ string) bool) string {
	x.common.Do(x.sumShared)
	sums := make([]uint64, 0, int(p.last-p.first)+len(x.sharedSums))
	for _, i := range x.grouped[p.first:p.last] {
		if e := x.entries.at(i); want(x.types[e.typ]) {
			sums = append(sums, e.sum)
		}
	}
	return fingerprint(sums, x.sharedSums, x.types, want)
}

// fingerprint makes one text of the sums of a patient's resources and of those that belong to nobody.
func fingerprint(own, common []uint64, types []string, want func(typ string) bool) string {
	slices.Sort(own)
	for typ, sum := range common {
		if want(types[typ]) {
			own = append(own, sum)
		}
	}
	text := make([]byte, 0, 512)
	for _, sum := range own {
		text = append(strconv.AppendUint(text, sum, 16), ' ')
	}
	var d xxhash.Digest
	d.Reset()
	_, _ = d.Write(text)
	other := xxhash.NewWithSeed(uint64(len(own)))
	_, _ = other.Write(text)
	return hex.EncodeToString(other.Sum(d.Sum(nil)))
}

// sumShared adds up, by type, what belongs to nobody.
func (x *Index) sumShared() {
	x.sharedSums = make([]uint64, len(x.types))
	for _, e := range x.entries.all() {
		if e.flags&shared != 0 && e.flags&deleted == 0 {
			x.sharedSums[e.typ] += e.sum
		}
	}
}
