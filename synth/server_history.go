package synth

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
)

// history tells of all versions, the newest first, of a resource, a type or everything, since _since.
func (c *call) history(typ, id string) answer {
	if c.s.historyOff() {
		return outcome(http.StatusNotFound, "not-supported", "history is switched off")
	}
	since := int64(0)
	if v := c.r.URL.Query().Get("_since"); v != "" {
		low, _, err := milliseconds(v)
		if err != nil {
			return outcome(http.StatusBadRequest, "invalid", "_since is no instant")
		}
		since = low
	}
	size := c.s.config.PageSize
	if n, err := strconv.Atoi(c.r.URL.Query().Get("_count")); err == nil && n > 0 {
		size = n
	}
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	var found []*entry
	for _, e := range slices.Backward(c.s.change) {
		if (typ == "" || e.key.Type == typ) && (id == "" || e.key.ID == id) && e.updated >= since {
			found = append(found, e)
		}
	}
	if id != "" && len(found) == 0 && since == 0 {
		return outcome(http.StatusNotFound, "not-found", "no such resource")
	}
	slices.SortStableFunc(found, func(a, b *entry) int { return int(b.updated - a.updated) })
	self := fmt.Sprintf("%s/%s?%s", c.base, c.path, c.r.URL.RawQuery)
	return c.cut(&listing{kind: "history", entries: found, total: len(found), size: min(size, c.s.pageCap()), self: self})
}
