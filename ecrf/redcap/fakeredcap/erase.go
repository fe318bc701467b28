package fakeredcap

import (
	"net/http"
	"strconv"
	"strings"
)

// erase deletes records as a whole. Deleting a single form or event is not offered.
func (p *Project) erase(c Call, u User) reply {
	if !u.Delete {
		return refusal(http.StatusForbidden, "You do not have Delete Record privileges")
	}
	for _, narrow := range []string{"instrument", "event", "repeat_instance"} {
		if c.Get(narrow) != "" {
			return refusal(http.StatusNotImplemented, "this fake server deletes whole records only")
		}
	}
	ids := c.list("records")
	if len(ids) == 0 {
		return refusal(http.StatusBadRequest, "The parameter \"records\" is missing")
	}
	var absent []string
	for _, id := range ids {
		if r := p.records[id]; r == nil || u.Group != "" && r.group != u.Group {
			absent = append(absent, id)
		}
	}
	if len(absent) > 0 {
		return refusal(http.StatusBadRequest, "One or more of the records provided cannot be deleted because they do not exist in the project. The following records do not exist: "+
			strings.Join(absent, ", "))
	}
	for _, id := range ids {
		delete(p.records, id)
		p.note(u.Name, "record_delete", "Delete record (API) "+id, p.design.recordID()+" = '"+id+"'", id)
	}
	return reply{http.StatusOK, csvType, strconv.Itoa(len(ids))}
}

// nextRecord is the name behind the highest; in a data access group it begins with the group's ID.
func (p *Project) nextRecord(u User) string {
	prefix := ""
	if g := p.design.group(u.Group); g != nil {
		prefix = strconv.Itoa(g.ID) + "-"
	}
	highest := 0
	for id := range p.records {
		if rest, ok := strings.CutPrefix(id, prefix); ok {
			if n, err := strconv.Atoi(rest); err == nil {
				highest = max(highest, n)
			}
		}
	}
	return prefix + strconv.Itoa(highest+1)
}
