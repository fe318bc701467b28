package main

import (
	"strings"
	"testing"

	"github.com/crflink/crflink/pipeline"
)

func TestOnlyOneRunHasAStudysState(t *testing.T) {
	study := &pipeline.Study{ID: "one", State: t.TempDir()}
	first, second := &opened{Parts: pipeline.Parts{Study: study}}, &opened{Parts: pipeline.Parts{Study: study}}
	if err := first.lock(t.Context()); err != nil {
		t.Fatal(err)
	}
	err := second.lock(t.Context())
	if code := conclude(&strings.Builder{}, err); code != exitServer || !strings.Contains(err.Error(), "another run") {
		t.Errorf("the second run: %v, exit %d", err, code)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if err := second.Close(); err != nil {
		t.Fatal(err)
	}
	if err := first.lock(t.Context()); err != nil {
		t.Errorf("after the first run: %v", err)
	}
}

func TestAStateFolderKeepsItsStudy(t *testing.T) {
	folder := t.TempDir()
	one := &opened{Parts: pipeline.Parts{Study: &pipeline.Study{ID: "one", State: folder}}}
	if err := one.lock(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := one.Close(); err != nil {
		t.Fatal(err)
	}
	other := &opened{Parts: pipeline.Parts{Study: &pipeline.Study{ID: "two", State: folder}}}
	defer other.Close()
	if err := other.lock(t.Context()); err == nil || !strings.Contains(err.Error(), `belongs to study "one"`) {
		t.Errorf("another study: %v", err)
	}
}
