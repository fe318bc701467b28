package redcap

import (
	"cmp"
	"slices"
)

// allot gives the instances of repeating forms their numbers in the project. A number that was given stays. A new one is the
// ledger's own, unless the project has that instance already: a person made it, and ours goes behind the last, or to one that
// holds nothing but what ours would write.
func (s *subject) allot(from *snapshot) {
	slots := map[slot]map[int][]*cell{}
	for _, c := range s.cells {
		if c.place.repetition == once {
			continue
		}
		key := slot{c.Event, c.Form}
		if slots[key] == nil {
			slots[key] = map[int][]*cell{}
		}
		slots[key][c.Repeat] = append(slots[key][c.Repeat], c)
	}
	for _, repeats := range slots {
		allotSlot(repeats, from)
	}
}

type slot struct{ event, form string }

func allotSlot(repeats map[int][]*cell, from *snapshot) {
	taken := map[int]bool{}
	var without []int
	for repeat, cells := range repeats {
		number := 0
		for _, c := range cells {
			number = max(number, c.instance)
		}
		if number == 0 {
			without = append(without, repeat)
			continue
		}
		taken[number] = true
		give(cells, number)
	}
	slices.SortFunc(without, cmp.Compare)
	for _, repeat := range without {
		number := choose(repeat, repeats[repeat], taken, from)
		taken[number] = true
		give(repeats[repeat], number)
	}
}

func give(cells []*cell, number int) {
	for _, c := range cells {
		c.instance = number
	}
}

func choose(repeat int, cells []*cell, taken map[int]bool, from *snapshot) int {
	there := from.instances(cells[0].subject.number, cells[0].place.event, cells[0].row().form)
	highest := repeat
	for _, n := range there {
		highest = max(highest, n)
		if !taken[n] && agree(cells, n, from) {
			return n
		}
	}
	if !taken[repeat] && !slices.Contains(there, repeat) {
		return repeat
	}
	for n := range taken {
		highest = max(highest, n)
	}
	return highest + 1
}

// agree reports whether an instance of the project holds exactly what ours has to say.
func agree(cells []*cell, instance int, from *snapshot) bool {
	values := 0
	for _, c := range cells {
		was := c.instance
		c.instance = instance
		stored := c.readStored(from)
		c.instance = was
		if stored != c.incoming {
			return false
		}
		if stored != "" {
			values++
		}
	}
	return values > 0
}
