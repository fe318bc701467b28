package crash_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/crflink/crflink/internal/crash"
)

func caught(do func()) (err error) {
	defer func() { crash.Caught(recover(), &err) }()
	do()
	return nil
}

func TestAPanicTellsWhereAndNotWhat(t *testing.T) {
	patient := []string{"Meier, Erika"}
	for name, do := range map[string]func(){
		"a text":      func() { panic(patient[0]) },
		"an error":    func() { panic(errors.New(patient[0])) },
		"the runtime": func() { var none []string; _ = none[len(patient)] },
		"a library":   func() { _ = strings.Repeat(patient[0], -len(patient)) },
	} {
		err := caught(do)
		var at *crash.Error
		if !errors.As(err, &at) || at.File != "crash_test.go" || at.Line == 0 || !strings.Contains(at.Function, "TestAPanicTellsWhereAndNotWhat") {
			t.Errorf("%s: %v", name, err)
		}
		if strings.Contains(err.Error(), "Meier") {
			t.Errorf("%s tells the value: %v", name, err)
		}
	}
	if err := caught(func() {}); err != nil {
		t.Errorf("without a panic: %v", err)
	}
}
