package main

import (
	"fmt"

	"github.com/crflink/crflink/synth"
)

// generate measures the generator of synthetic patients.
func generate(patients, rounds int) ([]Figure, error) {
	var size int64
	t, err := medians(rounds, inProcess(func() error {
		g, err := synth.New(synth.Config{Seed: seed, Patients: patients})
		if err != nil {
			return err
		}
		size = 0
		return g.Each(func(_ string, json []byte) error {
			size += int64(len(json)) + 1
			return nil
		}, func(*synth.Truth) error { return nil })
	}))
	if err != nil {
		return nil, err
	}
	mb := float64(size) / 1e6 / t[0]
	return []Figure{{Name: "synthetic patients", Value: float64(patients) / t[0], Unit: "patients/CPU-s", Against: fmt.Sprintf("itself, %.0f MB/CPU-s", mb), Better: higher}}, nil
}

func rate(name string, mb float64) string { return fmt.Sprintf("%s %.0f MB/CPU-s", name, mb) }
