package odm

import (
	"encoding/base64"
	"encoding/hex"
	"regexp"
	"strings"
	"time"
)

const zone = `(Z|[+-]\d{2}:\d{2})?`

var (
	integerForm   = regexp.MustCompile(`^[+-]?\d+$`)
	floatForm     = regexp.MustCompile(`^[+-]?(\d+(\.\d*)?|\.\d+)$`)
	doubleForm    = regexp.MustCompile(`^(([+-]?\d+(\.\d+)?([DdEe][+-]\d+)?)|(-?INF)|(NaN))$`)
	dateForm      = regexp.MustCompile(`^\d{4}-\d{2}-\d{2}` + zone + `$`)
	timeForm      = regexp.MustCompile(`^\d{2}:\d{2}:\d{2}(\.\d+)?` + zone + `$`)
	datetimeForm  = regexp.MustCompile(`^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?` + zone + `$`)
	partialDate   = regexp.MustCompile(`^\d{4}(-\d{2}(-\d{2})?)?` + zone + `$`)
	partialTime   = regexp.MustCompile(`^\d{2}(:\d{2}(:\d{2}(\.\d+)?)?)?` + zone + `$`)
	partialMoment = regexp.MustCompile(`^\d{4}(-\d{2}(-\d{2}(T\d{2}(:\d{2}(:\d{2}(\.\d+)?)?)?)?)?)?` + zone + `$`)
	gapDate       = regexp.MustCompile(`^(\d{4}|-)(-(\d{2}|-)(-(\d{2}|-))?)?$`)
	gapTime       = regexp.MustCompile(`^(\d{2}|-)(:(\d{2}|-)(:(\d{2}(\.\d+)?|-))?)?` + zone + `$`)
	durationForm  = regexp.MustCompile(`^[+-]?P(\d+(\.\d+)?Y)?(\d+(\.\d+)?M)?(\d+(\.\d+)?W)?(\d+(\.\d+)?D)?(T(\d+(\.\d+)?H)?(\d+(\.\d+)?M)?(\d+(\.\d+)?S)?)?$`)
)

// lexical reports whether the text is of the ODM data type (ODM 1.3.2, Data Formats). Dates must exist in the calendar. An
// unknown type lets everything in: the schema refuses it.
func lexical(dataType, s string) bool {
	switch dataType {
	case "integer":
		return integerForm.MatchString(s)
	case "float", "decimal":
		return floatForm.MatchString(s)
	case "double":
		return doubleForm.MatchString(s)
	case "boolean":
		return s == "true" || s == "false" || s == "1" || s == "0"
	case "hexBinary", "hexFloat":
		_, err := hex.DecodeString(s)
		return err == nil
	case "base64Binary", "base64Float":
		_, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(s), ""))
		return err == nil
	}
	return lexicalTime(dataType, s)
}

func lexicalTime(dataType, s string) bool {
	switch dataType {
	case "date":
		return dateForm.MatchString(s) && exists(s)
	case "time":
		return timeForm.MatchString(s) && clock(s)
	case "datetime":
		return datetimeForm.MatchString(s) && exists(s)
	case "partialDate":
		return partialDate.MatchString(s) && exists(s)
	case "partialTime":
		return partialTime.MatchString(s) && clock(s)
	case "partialDatetime":
		return partialMoment.MatchString(s) && exists(s)
	case "incompleteDate":
		return gapDate.MatchString(s)
	case "incompleteTime":
		return gapTime.MatchString(s)
	case "incompleteDatetime":
		date, clock, timed := strings.Cut(s, "T")
		return gapDate.MatchString(date) && (!timed || gapTime.MatchString(clock))
	case "durationDatetime":
		return isDuration(s)
	case "intervalDatetime":
		from, to, ok := strings.Cut(s, "/")
		return ok && (isDuration(from) || lexicalTime("partialDatetime", from)) && (isDuration(to) || lexicalTime("partialDatetime", to))
	}
	return true
}

func isDuration(s string) bool {
	return durationForm.MatchString(s) && !strings.HasSuffix(s, "P") && !strings.HasSuffix(s, "T")
}

// exists reports whether the written parts of a date, and of the time behind it, can be.
func exists(s string) bool {
	date, rest, timed := strings.Cut(s, "T")
	layout := time.DateOnly
	switch n := written(date); {
	case n < len("2006-01"):
		layout = "2006"
	case n < len(layout):
		layout = "2006-01"
	}
	if _, err := time.Parse(layout, date[:len(layout)]); err != nil {
		return false
	}
	return !timed || clock(rest)
}

// written counts the characters of a date without its zone.
func written(date string) int {
	n := 0
	for n < len(date) && n < len(time.DateOnly) && (date[n] >= '0' && date[n] <= '9' || (n == 4 || n == 7) && date[n] == '-') {
		n++
	}
	if len(date) > n && date[n] == ':' { // 2024-05:00 is a year with a zone
		return len("2006")
	}
	return n
}

func clock(s string) bool {
	limits := []string{"24", "60", "60"}
	for i := 0; i < len(limits) && len(s) >= 2; i++ {
		if s[:2] >= limits[i] {
			return false
		}
		if s = s[2:]; !strings.HasPrefix(s, ":") {
			break
		}
		s = s[1:]
	}
	return true
}
