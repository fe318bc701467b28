package ledgertest

import "github.com/crflink/crflink/ecrf"

// Stored returns the casebooks of two subjects as a ledger holds them: a value, missing values, a repeating form, a
// query, a withdrawn value, and texts that are hostile to CSV and XML.
func Stored() []*ecrf.StoredCasebook {
	base := func(item, value string, missing ecrf.MissingReason, state ecrf.State) ecrf.StoredCell {
		c := ecrf.StoredCell{CellKey: ecrf.CellKey{Event: "baseline", Form: "base", Item: item}, Value: value, Missing: missing, State: state}
		c.Provenance.Rule = "base." + item
		return c
	}
	lab := func(repeat int, item, value string) ecrf.StoredCell {
		return ecrf.StoredCell{
			CellKey: ecrf.CellKey{Event: "later", Form: "lab", Repeat: repeat, Item: item}, Value: value, State: ecrf.New,
			Provenance: ecrf.Provenance{
				Source: "hospital", Resource: "Observation/k7", Version: "3", Path: "Observation.value", Rule: "lab." + item,
				OriginalValue: value, OriginalUnit: "ug/L", Effective: "2024-01-01",
			},
		}
	}
	return []*ecrf.StoredCasebook{
		{
			Facts: ecrf.Facts{Subject: "S000001", Site: "site-a", Outcome: "permitted"},
			Cells: []ecrf.StoredCell{
				base("sex", "1", "", ecrf.New), base("weight", "81.5", ecrf.NoResource, ecrf.Query), base("remark", "=1+1, \"<a>\"\n&amp;", "", ecrf.New),
				lab(1, "lab_date", "2024-01-01"), lab(1, "psa", "1.000"), lab(2, "lab_date", "2024-02-01"), lab(2, "psa", "2.000"),
			},
		},
		{
			Facts: ecrf.Facts{Subject: "S000002", Site: "site-b", Outcome: "permitted"},
			Cells: []ecrf.StoredCell{
				base("sex", "", ecrf.Absent("asked-declined"), ecrf.New), base("weight", "", ecrf.NoConsent, ecrf.Withdrawn), base("remark", "'-5", "", ecrf.New),
			},
		},
	}
}
