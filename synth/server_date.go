package synth

import (
	"fmt"
	"strings"
	"time"
)

// dateTest reads a date with a prefix; without one the resource's date must lie within it.
func dateTest(value string) (func(first, last int64) bool, error) {
	prefix, text := "eq", value
	if len(value) > 2 && value[0] >= 'a' && value[0] <= 'z' {
		prefix, text = value[:2], value[2:]
	}
	low, high := instants(text)
	if low == 0 && high == 0 {
		return nil, fmt.Errorf("a date parameter is no date")
	}
	switch prefix {
	case "eq":
		return func(f, l int64) bool { return f >= low && l <= high }, nil
	case "ne":
		return func(f, l int64) bool { return f < low || l > high }, nil
	case "ge":
		return func(_, l int64) bool { return l >= low }, nil
	case "gt", "sa":
		return func(f, l int64) bool { return prefix == "gt" && l > high || f > high }, nil
	case "le":
		return func(f, _ int64) bool { return f <= high }, nil
	case "lt", "eb":
		return func(f, l int64) bool { return prefix == "lt" && f < low || l < low }, nil
	}
	return nil, fmt.Errorf("the prefix of a date parameter is not known")
}

// filterUpdated compares meta.lastUpdated to the millisecond.
func (q *search) filterUpdated(value string) error {
	prefix, text := "eq", value
	if len(value) > 2 && value[0] >= 'a' && value[0] <= 'z' {
		prefix, text = value[:2], value[2:]
	}
	low, high, err := milliseconds(text)
	if err != nil {
		return err
	}
	tests := map[string]func(int64) bool{
		"eq": func(t int64) bool { return t >= low && t <= high }, "ne": func(t int64) bool { return t < low || t > high },
		"ge": func(t int64) bool { return t >= low }, "gt": func(t int64) bool { return t > high }, "sa": func(t int64) bool { return t > high },
		"le": func(t int64) bool { return t <= high }, "lt": func(t int64) bool { return t < low }, "eb": func(t int64) bool { return t < low },
	}
	test := tests[prefix]
	if test == nil {
		return fmt.Errorf("the prefix of _lastUpdated is not known")
	}
	q.filters = append(q.filters, func(e *entry) bool { return test(e.updated) })
	return nil
}

func milliseconds(text string) (low, high int64, err error) {
	if t, err := time.Parse(time.RFC3339Nano, text); err == nil {
		if strings.Contains(text, ".") {
			return t.UnixMilli(), t.UnixMilli(), nil
		}
		return t.UnixMilli(), t.UnixMilli() + 999, nil
	}
	first, last := instants(text)
	if first == 0 && last == 0 {
		return 0, 0, fmt.Errorf("_lastUpdated is no date")
	}
	return first * 1000, last*1000 + 999, nil
}
