package mapping

// RuleParts and Choices are what docs/mapping.md has to explain.
var (
	RuleParts = rulePartNames
	Choices   = choiceKinds
	MapParts  = mapParts
)
