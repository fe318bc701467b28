package schema

import "github.com/crflink/crflink/pipeline"

// redcapTarget are the members of a target of kind redcap.
func redcapTarget() map[string]node {
	policy := object(map[string]node{
		"items": some(text()).said("FORM.ITEM, or FORM"), "policy": enum(pipeline.Policies()...), "reason": text().said("why people's entries may be overwritten"),
	}, "items", "policy")
	freeze := object(map[string]node{"from": text().said("the first day on which nothing is written"), "site": text(), "form": text()}, "from")
	return map[string]node{
		"url": text().said("the address of a REDCap's API, which ends in /api/"), "auth": auth(),
		"project":             text().said("the id of the project that the token must open"),
		"createRecords":       yes().said("make a record for a subject that has none"),
		"policy":              enum(pipeline.Policies()[:3]...).said("what may be done to cells; left out: own-values-only"),
		"policies":            some(policy).said("policies of single items"),
		"freeze":              some(freeze).said("from when on nothing is written, for all, a site or a form"),
		"names":               object(map[string]node{"events": named(text()), "forms": named(text()), "items": named(text())}).said("names in the project, by the dictionary's, where they differ from what crflink init gives"),
		"data-access-groups":  named(text()).said("the project's data access group by site"),
		"requests-per-minute": whole().said("the greatest number of requests to the server; 120"),
		"form-status":         enum(pipeline.FormStatuses()...).said("what the status of a form is set to that crflink wrote into and nobody has saved; left out: leave"),
		"missing-codes":       named(text()).said("the project's missing-data code by missing reason"),
	}
}

func entered() node {
	return object(map[string]node{
		"file":   text().said("a CSV with the columns subject, form, item, value, and perhaps event"),
		"target": text().said("a target of kind redcap"),
	}).said("where is read what people entered in the target")
}
