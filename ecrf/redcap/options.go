package redcap

import (
	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/internal/wire"
)

// Options say how a project is delivered to.
type Options struct {
	Wire  wire.Options // Base is the address of the API, which ends in /api/
	Token wire.Secret  // of the service account

	Dictionary    *ecrf.Dictionary // of the study, for what is asked of the target beside deliveries
	Project       string           // the id of the project that the token must open; "" is any
	CreateRecords bool             // make a record for a subject that has none

	Policy   ecrf.Policy            // of all items; "" is own-values-only
	Policies map[string]ecrf.Policy // of single items
	Freezes  ecrf.Freezes
	Status   FormStatus // of forms that we wrote into and nobody has saved
	// ClearUncovered removes our own values of items that the consent no longer covers; else a person is asked to.
	ClearUncovered bool

	Names        ecrf.Names                    // in the project, by the names of the dictionary, where they differ from what crflink init gives
	Groups       map[string]string             // data access group by site
	MissingCodes map[ecrf.MissingReason]string // missing-data code of the project by reason
	// Fills reports whether a rule fills the item in the event; nil is every item. What no rule fills may differ.
	Fills func(event, form, item string) bool

	BatchRows  int // rows of an import; 100
	BatchCells int // values of an import; 20000
}

func (o *Options) fills(event, form, item string) bool {
	return o.Fills == nil || o.Fills(event, form, item)
}

func (o *Options) policy(item string) ecrf.Policy {
	if p, ok := o.Policies[item]; ok {
		return p
	}
	if o.Policy == "" {
		return ecrf.OwnValuesOnly
	}
	return o.Policy
}

func (o *Options) defaults() {
	if o.BatchRows <= 0 {
		o.BatchRows = 100
	}
	if o.BatchCells <= 0 {
		o.BatchCells = 20000
	}
}
