package synth

import "math/bits"

// rng is SplitMix64: small, fast, and the same on every machine and with every version of Go.
type rng struct{ state uint64 }

func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// newRNG returns the stream of one patient.
func newRNG(seed, index uint64) rng {
	return rng{mix(seed*0x9e3779b97f4a7c15+0x632be59bd9b4e019) ^ mix(index+0x9e3779b97f4a7c15)}
}

func (r *rng) next() uint64 {
	r.state += 0x9e3779b97f4a7c15
	return mix(r.state)
}

// n returns a number from 0 to k-1.
func (r *rng) n(k int) int {
	if k <= 1 {
		return 0
	}
	hi, _ := bits.Mul64(r.next(), uint64(k))
	return int(hi) // #nosec G115 -- below k
}

// between returns a number from low to high, both possible.
func (r *rng) between(low, high int) int { return low + r.n(high-low+1) }

// chance is true in permille of 1000 cases.
func (r *rng) chance(permille int) bool { return r.n(1000) < permille }

func pick[T any](r *rng, list []T) T { return list[r.n(len(list))] }

// weighted returns an index of weights, each as likely as its weight says.
func (r *rng) weighted(weights []int) int {
	sum := 0
	for _, w := range weights {
		sum += w
	}
	at := r.n(sum)
	for i, w := range weights {
		if at -= w; at < 0 {
			return i
		}
	}
	return len(weights) - 1
}
