package pet

import "math"

// body mends weight and height, and compares the weight with the clinical record's.
func (a *assessment) body() {
	a.out.named(a.tracer, a.nuclide)
	b := &a.basis
	b.sex = a.first.Sex
	switch w := a.first.Weight; {
	case !w.positive():
		a.add(WeightMissing)
	case w.Value > 1000:
		a.add(WeightGrams)
		b.weight = w.Value / 1000
	default:
		b.weight = w.Value
	}
	if b.weight != 0 && (b.weight < 2 || b.weight > 350) {
		a.add(WeightImplausible)
		b.weight = 0
	}
	switch h := a.first.Height; {
	case !h.positive():
	case h.Value > 30:
		a.add(HeightCentimetres)
		b.height = h.Value / 100
	default:
		b.height = h.Value
	}
	if b.height != 0 && (b.height < 0.3 || b.height > 2.6) {
		a.add(HeightImplausible)
		b.height = 0
	}
	a.out.Weight, a.out.Height = known(b.weight), known(b.height)
	a.confirm()
}

func (a *assessment) confirm() {
	account := a.setting.Account
	if !account.Weight.positive() {
		a.add(WeightUnconfirmed)
		return
	}
	a.out.WeightDays = &account.WeightDays
	if a.basis.weight == 0 {
		return
	}
	differs := a.basis.weight/account.Weight.Value - 1
	a.out.WeightDifference = &differs
	switch {
	case math.Abs(differs) > 0.10:
		a.add(WeightContradicted)
	case math.Abs(differs) > 0.05:
		a.add(WeightDiffers)
	}
}
