package bundle

import (
	"bytes"
	"regexp"

	"github.com/crflink/crflink/fhir"
)

// takeWhole hands out the object from start to here, unless its line goes on: then the object may be only the sound part of
// a damaged one.
func (r *Reader) takeWhole(start int64) *broken {
	w := &r.w
	end := w.at()
	for {
		for w.pos < w.end && (w.buf[w.pos] == ' ' || w.buf[w.pos] == '\t' || w.buf[w.pos] == '\r') {
			w.pos++
		}
		if w.pos < w.end || !w.fill() {
			break
		}
	}
	if w.pos < w.end && w.buf[w.pos] != '\n' {
		return &broken{w.at(), "text after the end of the resource"}
	}
	if !w.over {
		w.seek(end)
		if line, _, more := bytes.Cut(w.slice(start, end), []byte("\n")); more && string(bytes.TrimSpace(line)) != "{" {
			return r.takeLines(start, end)
		}
	}
	r.take(&Entry{}, start)
	return nil
}

// takeLines hands out an object over several lines whose first line holds more than its brace. If it is no resource, its
// first line may have been cut off, and have swallowed sound ones.
func (r *Reader) takeLines(start, end int64) *broken {
	text := string(r.w.slice(start, end))
	if err := r.fresh().ReadWithin(text, r.origin(start), r.Limits); err != nil {
		return &broken{start, reason(err)}
	}
	r.take(&Entry{}, start)
	return nil
}

// recover goes to the line behind the one that begins at start, or ends the reading where lines mean nothing.
func (r *Reader) recover(start int64) bool {
	if r.w.failure() != nil {
		return false
	}
	switch {
	case start >= r.w.base:
		r.w.seek(start)
		if line, ok := r.w.line(quickLine); ok && string(bytes.TrimSpace(line)) == "{" {
			return r.afterBrace()
		}
	case r.w.lines:
		return r.giveUp("the rest of the input was not read")
	}
	return r.nextLine()
}

// afterBrace goes on behind a line that is a single brace if another object begins behind it, as in NDJSON. Behind the first
// line of a pretty-printed object nothing can be told apart.
func (r *Reader) afterBrace() bool {
	if !r.nextLine() {
		return false
	}
	if c, ok := r.w.space(); ok && c != '{' {
		return r.giveUp("")
	}
	return true
}

// giveUp ends the reading before the end of the stream.
func (r *Reader) giveUp(reason string) bool {
	if reason != "" {
		r.reject(r.w.at(), "", reason)
	}
	r.summary.Broken = true
	return false
}

// nextLine moves behind the next line break.
func (r *Reader) nextLine() bool {
	w := &r.w
	r.astray, w.bol = true, true
	for {
		if i := bytes.IndexByte(w.buf[w.pos:w.end], '\n'); i >= 0 {
			w.pos += i + 1
			return true
		}
		w.pos = w.end
		if !w.fill() {
			r.summary.Broken = true
			return false
		}
	}
}

// rejectText rejects a text that cannot be read, with what it seems to be.
func (r *Reader) rejectText(offset int64, text []byte, reason string) {
	r.summary.Rejected++
	typ, patient := guess(text)
	r.Rejected(fhir.Rejected{Origin: r.origin(offset), Type: typ, Reason: reason, Patient: patient})
}

// lineOf returns what is in memory of the line that begins at start; nothing for a negative start.
func (r *Reader) lineOf(start int64) []byte {
	if start < r.w.base {
		return nil
	}
	line, _, _ := bytes.Cut(r.w.buf[start-r.w.base:r.w.end], []byte("\n"))
	return line
}

var (
	typePattern    = regexp.MustCompile(`"resourceType"\s*:\s*"([A-Z][A-Za-z]{1,63})"`)
	ownPattern     = regexp.MustCompile(`"id"\s*:\s*"([A-Za-z0-9.-]{1,64})"`)
	patientPattern = regexp.MustCompile(`"reference"\s*:\s*"(?:[^"\\]*/)?Patient/([A-Za-z0-9.-]{1,64})["/]`)
)

// guess says what a text that cannot be read seems to be, and whose: a broken Consent may be a withdrawal.
func guess(text []byte) (typ string, patient fhir.Key) {
	if m := typePattern.FindSubmatch(text); m != nil {
		typ = string(m[1])
	}
	if m := ownPattern.FindSubmatch(text); m != nil && typ == "Patient" {
		return typ, fhir.Key{Type: "Patient", ID: string(m[1])}
	}
	if m := patientPattern.FindSubmatch(text); m != nil {
		patient = fhir.Key{Type: "Patient", ID: string(m[1])}
	}
	return typ, patient
}
