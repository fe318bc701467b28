package imaging

import "slices"

// settle tells of every link where it lies in the window around the index day, and which of a modality is the nearest.
func settle(links []Link, rules *Rules) {
	if !rules.Window.Set {
		return
	}
	for i := range links {
		if l := &links[i]; l.HasDays {
			l.Place = Beyond
			if rules.Window.has(l.Days) {
				l.Place = Within
			}
		}
	}
	for _, m := range wanted(links, rules) {
		rank(links, m)
	}
}

func (w Window) has(days int) bool { return -w.Before <= days && days <= w.After }

func wanted(links []Link, rules *Rules) (all []string) {
	if len(rules.Modalities) > 0 {
		return rules.Modalities
	}
	for _, l := range links {
		for _, m := range l.Modality {
			all = insert(all, m)
		}
	}
	slices.Sort(all)
	return all
}

// rank marks the nearest study of a modality, or all that are equally near. Parts of one examination do not compete. A
// place that a study got for another modality is only improved.
func rank(links []Link, modality string) {
	var near []int
	for i, l := range links {
		if l.Place == "" || l.Place == Beyond || !slices.Contains(l.Modality, modality) {
			continue
		}
		switch {
		case len(near) == 0 || distanceOf(l) < distanceOf(links[near[0]]):
			near = []int{i}
		case distanceOf(l) == distanceOf(links[near[0]]):
			near = append(near, i)
		}
	}
	for _, i := range near {
		switch {
		case len(near) == 1 || oneExamination(links, near):
			links[i].Place = Nearest
		case links[i].Place == Within:
			links[i].Place = Tied
		}
	}
}

func oneExamination(links []Link, of []int) bool {
	return !slices.ContainsFunc(of, func(i int) bool {
		return links[i].Type != Part || links[i].Accession == "" || links[i].Accession != links[of[0]].Accession
	})
}

func distanceOf(l Link) int { return max(l.Days, -l.Days) }
