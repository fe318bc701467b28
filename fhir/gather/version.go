package gather

import (
	"math"
	"strconv"
	"time"

	"github.com/crflink/crflink/fhir"
)

// newer reports whether e counts more than the version that was there before.
func newer(e, old entry) bool {
	switch {
	case e.flags&deleted == 0 && old.flags&deleted == 0 && (e.flags^old.flags)&subsetted != 0:
		return old.flags&subsetted != 0
	case e.updated == math.MinInt64 || old.updated == math.MinInt64:
		return true
	case e.updated != old.updated:
		return e.updated > old.updated
	case e.version > 0 && old.version > 0:
		return e.version >= old.version
	}
	return true
}

func lastUpdated(r *fhir.Resource) int64 {
	text := r.Get("meta").Get("lastUpdated").Text()
	if text == "" {
		return math.MinInt64
	}
	d, err := fhir.ParseDateTime(text)
	if err != nil {
		return math.MinInt64
	}
	t, ok := d.Instant()
	if !ok || t.Before(time.Unix(0, 0)) {
		return math.MinInt64
	}
	return t.UnixMicro()
}

func versionID(r *fhir.Resource) uint32 {
	v, err := strconv.ParseUint(r.Get("meta").Get("versionId").Text(), 10, 31)
	if err != nil {
		return 0
	}
	return uint32(v) + 1
}
