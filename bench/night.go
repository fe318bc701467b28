package main

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
)

// nights measures the first night of a hospital with so many patients, and of ones with a tenth and a hundredth of them: what a
// patient costs, and how that grows. Each is run once: the largest takes longer than the machine's moods.
func nights(p place, patients int) ([]Figure, error) {
	var sizes, seconds []float64
	var told []string
	var last usage
	for _, n := range []int{patients / 100, patients / 10, patients} {
		u, err := night(p, max(1, n))
		if err != nil {
			return nil, err
		}
		sizes, seconds = append(sizes, float64(max(1, n))), append(seconds, u.cpu.Seconds())
		told = append(told, fmt.Sprintf("%d patients %.2f CPU-s", max(1, n), u.cpu.Seconds()))
		last = u
	}
	all := float64(patients)
	name := "a night of many patients"
	return []Figure{
		{Name: name, Value: all / last.took.Seconds(), Unit: "patients/s", Against: fmt.Sprintf("%d patients in %.0f s", patients, last.took.Seconds()), Better: higher},
		{Name: name + ", CPU time of one", Value: 1e6 * last.cpu.Seconds() / all, Unit: "us", Against: told[len(told)-1], Better: lower},
		{Name: name + ", peak memory", Value: last.mib(), Unit: "MiB", Against: fmt.Sprintf("%d patients", patients), Better: lower},
		Figure{Name: name + ", growth of CPU time", Value: slope(sizes, seconds), Unit: "exponent", Against: strings.Join(told, ", "), Better: lower}.within(1.10, 1.05),
	}, nil
}

// night is a first sync of so many patients from files.
func night(p place, patients int) (usage, error) {
	c, err := newCorpus(filepath.Join(p.folder, "night"), patients)
	if err != nil {
		return usage{}, err
	}
	file, err := p.study(c, "night")
	if err != nil {
		return usage{}, err
	}
	u, err := p.alone(file)
	if err != nil {
		return usage{}, err
	}
	return u, os.RemoveAll(c.folder)
}

// slope is the exponent of the power law that fits best: that of the line through the logarithms by least squares.
func slope(x, y []float64) float64 {
	var mx, my float64
	for i := range x {
		mx += math.Log(x[i]) / float64(len(x))
		my += math.Log(y[i]) / float64(len(x))
	}
	var above, below float64
	for i := range x {
		dx := math.Log(x[i]) - mx
		above += dx * (math.Log(y[i]) - my)
		below += dx * dx
	}
	return above / below
}
