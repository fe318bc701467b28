package mapping

import "github.com/crflink/crflink/mapping/manual"

// Language is what the readers know, by the places of the manual.
var Language = map[manual.Place][]string{
	manual.Top: topParts, manual.Parameter: parameterParts, manual.List: listParts, manual.Map: mapParts, manual.Visit: visitParts, manual.Form: formParts,
	manual.Event: eventParts, manual.Repeat: repeatParts, manual.Rule: rulePartNames, manual.Factor: factorParts,
	manual.Qualifier: qualifierParts, manual.Window: windowParts, manual.Choose: choiceKinds, manual.Ties: tieRules[chooseNearest],
	manual.Derive: deriveParts,
}
