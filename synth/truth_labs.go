package synth

func (t *teller) labsForm() {
	t.begin("baseline", "labs", 1)
	blood := around(30, 7)
	for _, n := range []decimalItem{numCreatinine, numHb, numLeukocytes, numPlatelets, numALP, numLDH} {
		t.measured(n, blood)
	}
	weight, hasWeight := t.measured(numWeight, around(90, 30))
	height, hasHeight := t.measured(numHeight, lastOf)
	if hasWeight && hasHeight {
		// kg/m2 from tenths of kg and cm, in tenths
		t.deliver(numBMI, weight*10_000, height*height)
	} else {
		t.miss("bmi", "not-applicable")
	}
	t.labDays(blood)
}

func (t *teller) measured(n decimalItem, r rule) (int64, bool) {
	c, reason := t.decider(t.observations(t.p.labs, n.item), r)
	if reason != "" {
		t.miss(n.item, reason)
		return 0, false
	}
	return t.quantity(n, c)
}

// labDays is the distance of the nearest creatinine sample, whether or not it has a value.
func (t *teller) labDays(r rule) {
	cs := t.observations(t.p.labs, "creatinine")
	for i := range cs {
		cs[i].values = []string{"days"}
	}
	c, reason := t.decider(cs, r)
	if reason != "" {
		t.miss("labs_days", reason)
		return
	}
	t.put("labs_days", itoa(int(c.when.day-t.index)))
}

// psaForm has one instance per result, by date.
func (t *teller) psaForm() {
	rows, _ := t.remaining(t.observations(t.p.labs, "psa"), rule{})
	sortByDate(rows)
	for i := range rows {
		c := &rows[i]
		t.begin("course", "psa", i+1)
		t.put("psa_date", c.when.day.String())
		t.quantity(numPSA, c)
		if c.quantity != nil && c.quantity.comparator != "" {
			t.put("psa_qualifier", c.quantity.comparator)
		} else {
			t.miss("psa_qualifier", "not-applicable")
		}
		t.daysFromIndex("psa_days", c)
	}
}

func (t *teller) daysFromIndex(item string, c *candidate) {
	if !t.indexed {
		t.miss(item, "no-event")
		return
	}
	t.put(item, itoa(int(c.when.day-t.index)))
}

// nadir is the lowest PSA after the index PET.
func (t *teller) nadir() {
	left, reason := t.remaining(t.observations(t.p.labs, "psa"), rule{window: true, first: 1, last: open})
	if reason != "" {
		t.miss("psa_nadir", reason)
		return
	}
	var lowest *candidate
	for i := range left {
		if c := &left[i]; c.convertible() && (lowest == nil || c.less(lowest)) {
			lowest = c
		}
	}
	if lowest == nil { // no number at all: the first tells why
		lowest, _ = t.decider(left, firstOf)
	}
	t.quantity(numNadir, lowest)
}
