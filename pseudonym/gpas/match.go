package gpas

import (
	"fmt"
	"slices"

	"github.com/crflink/crflink/pseudonym/service"
)

// matcher collects answers by original.
type matcher struct {
	domain  string
	create  bool
	answers map[string]service.Answer
	asked   map[string]bool
}

// match reads the results of a call: one parameter per original, either pseudonym or error, in any order, with their
// parts in any order. An original of which nothing is said lacks an answer; what nobody asked for is passed over.
func (n *Numbers) match(out parameters, originals []string) map[string]service.Answer {
	m := matcher{domain: n.options.Domain, create: n.options.Create, answers: map[string]service.Answer{}, asked: map[string]bool{}}
	for _, o := range originals {
		m.asked[o] = true
	}
	for _, p := range out.Parameter {
		var original, target, pseudonym, code string
		for _, part := range p.Part {
			switch part.Name {
			case "original":
				original = part.text()
			case "target":
				target = part.text()
			case "pseudonym":
				pseudonym = part.text()
			case "error-code":
				code = part.ValueCoding.Code
			}
		}
		switch p.Name {
		case "pseudonym":
			m.take(original, target, pseudonym, "")
		case "error":
			if code == "" {
				code = "unknown"
			}
			m.take(original, target, "", code)
		}
	}
	return m.answers
}

func (p *parameter) text() string {
	if p.ValueIdentifier.Value != "" {
		return p.ValueIdentifier.Value
	}
	return p.ValueString
}

// take notes one result. A second one about the same original must say the same.
func (m *matcher) take(original, target, pseudonym, code string) {
	if !m.asked[original] || original == "" {
		return
	}
	now := m.judge(target, pseudonym, code)
	if before, seen := m.answers[original]; seen && (now.Err != nil || now != before) {
		now = service.Answer{Err: errUnclear}
	}
	m.answers[original] = now
}

func (m *matcher) judge(target, pseudonym, code string) service.Answer {
	switch {
	case code == "not-found" && !m.create:
		return service.Answer{} // not enrolled yet
	case code != "":
		return service.Answer{Err: fmt.Errorf("gPAS reports %s for the patient", known(code))}
	case target != "" && target != m.domain:
		return service.Answer{Err: errTarget}
	case pseudonym == "":
		return service.Answer{Err: errNoneMade}
	}
	return service.Answer{Pseudonym: pseudonym}
}

// issueTypes are the codes of the value set issue-type (FHIR R4) that may be repeated in an error; others may be anything.
var issueTypes = []string{
	"invalid", "structure", "required", "value", "invariant", "security", "login", "unknown", "expired", "forbidden", "suppressed",
	"processing", "not-supported", "duplicate", "multiple-matches", "not-found", "deleted", "too-long", "code-invalid", "extension",
	"too-costly", "business-rule", "conflict", "transient", "lock-error", "no-store", "exception", "timeout", "incomplete", "throttled",
	"informational",
}

func known(code string) string {
	if slices.Contains(issueTypes, code) {
		return code
	}
	return "an error"
}
