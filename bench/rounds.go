package main

import (
	"errors"
	"fmt"
	"os/exec"
	"runtime"
	"slices"
	"syscall"
	"time"
)

// cpu returns the CPU time that the process has used so far.
func cpu() (time.Duration, error) {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0, fmt.Errorf("read the CPU time: %w", err)
	}
	return spent(&u), nil
}

func spent(u *syscall.Rusage) time.Duration {
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// side is one side of a comparison; it does the same work every time and returns what it cost.
type side func() (time.Duration, error)

// inProcess measures work done in this process, the collection of its own garbage included.
func inProcess(work func() error) side {
	return func() (time.Duration, error) {
		runtime.GC()
		before, err := cpu()
		if err != nil {
			return 0, err
		}
		if err := work(); err != nil {
			return 0, err
		}
		after, err := cpu()
		return after - before, err
	}
}

// medians runs the sides one after the other, round by round, and returns the median cost in seconds of each.
func medians(rounds int, sides ...side) ([]float64, error) {
	costs := make([][]float64, len(sides))
	for range rounds {
		for i, s := range sides {
			d, err := s()
			if err != nil {
				return nil, err
			}
			costs[i] = append(costs[i], d.Seconds())
		}
	}
	middle := make([]float64, len(sides))
	for i := range costs {
		middle[i] = median(costs[i])
	}
	return middle, nil
}

func median(values []float64) float64 {
	slices.Sort(values)
	n := len(values)
	if n%2 == 1 {
		return values[n/2]
	}
	return (values[n/2-1] + values[n/2]) / 2
}

// usage is what a finished child process used.
type usage struct {
	cpu  time.Duration
	took time.Duration // on the clock
	peak int64         // resident bytes at its peak, at least those of the parent when it started the child (ru_maxrss)
}

// mib is the peak in MiB.
func (u usage) mib() float64 { return float64(u.peak) / (1 << 20) }

// run runs a command to its end. Exit codes in allowed are not failures.
func run(cmd *exec.Cmd, allowed ...int) (usage, error) {
	begin := time.Now()
	out, err := cmd.CombinedOutput()
	took := time.Since(begin)
	var exit *exec.ExitError
	if errors.As(err, &exit) && slices.Contains(allowed, exit.ExitCode()) {
		err = nil
	}
	if err != nil {
		return usage{}, fmt.Errorf("%s: %w\n%s", cmd.Args[0], err, out)
	}
	u, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok {
		return usage{}, errors.New("this system does not tell what a process used")
	}
	return usage{spent(u), took, u.Maxrss << 10}, nil
}
