package pseudonym

// memberTable finds the rule of a member by its name, or that of an extension by its URL. It answers as a map does, in a third of the time: the walk asks it
// once for each member of each resource.
type memberTable struct {
	slots []memberSlot // a power of two, at least half of them empty
}

type memberSlot struct {
	name string
	rule *rule
}

func newMemberTable(members map[string]*rule) *memberTable {
	size := 4
	for size < 2*len(members) {
		size *= 2
	}
	t := &memberTable{slots: make([]memberSlot, size)}
	for name, r := range members {
		i := t.place(name)
		for t.slots[i].rule != nil {
			i = (i + 1) & (size - 1)
		}
		t.slots[i] = memberSlot{name, r}
	}
	return t
}

func (t *memberTable) place(name string) int {
	n := len(name)
	if n == 0 {
		return 0
	}
	return (n*7 + int(name[0])*5 + int(name[n-1])*11 + int(name[n/2])*23) & (len(t.slots) - 1)
}

// find returns the rule of a name, nil when there is none. A nil table has none.
func (t *memberTable) find(name string) *rule {
	if t == nil {
		return nil
	}
	for i := t.place(name); ; i = (i + 1) & (len(t.slots) - 1) {
		switch s := &t.slots[i]; {
		case s.rule == nil:
			return nil
		case s.name == name:
			return s.rule
		}
	}
}

// tabulate gives every rule that can be reached from r its table. Types that contain themselves lead in circles.
func tabulate(r *rule, done map[*rule]bool) {
	if done[r] {
		return
	}
	done[r] = true
	if r.members != nil {
		r.table = newMemberTable(r.members)
	}
	if len(r.extensions) > 0 {
		r.allowed = newMemberTable(r.extensions)
	}
	for _, m := range r.members {
		tabulate(m, done)
	}
	for _, x := range r.extensions {
		tabulate(x, done)
	}
}
