package schema

import (
	"maps"

	"github.com/crflink/crflink/authorisation"
	"github.com/crflink/crflink/consent"
	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/pipeline"
)

func study() node {
	root := object(map[string]node{
		"crflink": node{"const": 1}.said("the version of the file's format"),
		"study":   object(map[string]node{"id": text(), "title": text(), "version": text(), "provider": object(map[string]node{"name": text(), "contact": text(), "url": text()}, "name")}, "id", "version"),
		"consent": either(text(), object(map[string]node{
			"default": text(), "forms": named(text()).said("policies of single forms"),
		}, "default")).said("the consent policy: a file, or %s; where forms differ, a default and policies of forms", consent.BuiltInName),
		"consent-source":   consentSource(),
		"subject":          subject(),
		"dates":            enum("none", "shift", "relative").said("whether each subject's days are moved, or delivered as days from the index event"),
		"index-event":      text().said("the event of the mapping from which dates in mode relative are counted"),
		"shift-limit":      whole().said("the greatest shift in days either way"),
		"timezone":         text().said("a name of the IANA time zone database, such as Europe/Berlin"),
		"deidentification": text().said("a de-identification profile: a file, or mii-default"),
		"dictionary":       text().said("the file with the forms"),
		"mapping":          text().said("the file with the rules that fill the forms"),
		"entered":          entered(),
		"sources":          some(source()),
		"imaging":          imagingLinks(),
		"targets":          some(target()),
		"disclosure":       disclosed(),
		"state":            text().said("the folder of ledger and vault"),
		"vault": object(map[string]node{
			"postgres": text().said("postgres://role@host:port/database, without a password"), "password-env": text(), "password-file": text(), "ca": text(),
		}, "postgres").said("a vault in PostgreSQL; without it the vault is a file in the state folder"),
		"ledger": object(map[string]node{
			"postgres": text().said("postgres://role@host:port/database, without a password"), "schema": text().said("the study's own schema there; usually ledger_ and the study's id"),
			"password-env": text(), "password-file": text(), "ca": text(),
		}, "postgres").said("a ledger in PostgreSQL; without it the ledger is a file in the state folder"),
		"key":           key(),
		"while-silent":  enum(string(pipeline.HoldUnheard), string(pipeline.HoldAll)).said("of several sources: who is held while one does not answer, besides whom it had; usually hold-unheard"),
		"maxLost":       whole().said("how many delivered patients one run may lose without a person's word; usually 5, or 2 percent where that is more"),
		"schedule":      text().said("when the study is due, as a cron specification in its time zone"),
		"tests":         some(text()).said("test files of the mapping, as globs"),
		"authorisation": authorised(),
		"cohort":        either(node{"$ref": "#/$defs/criterion"}, list(node{"$ref": "#/$defs/criterion"})).said("whom of the permitted patients the study asks for; a list is all of them"),
	}, "crflink", "study", "consent", "subject", "dates", "timezone", "dictionary", "mapping", "sources", "state")
	root["$defs"] = map[string]node{"criterion": criterion()}
	return root
}

// criterion is a part of a cohort; exactly one of its members is given.
func criterion() node {
	parts := list(node{"$ref": "#/$defs/criterion"})
	return object(map[string]node{
		"all": parts, "any": parts, "consent": text().said("a policy that permits the patient"),
		"research-subject": object(map[string]node{"study": text(), "statuses": some(enum(consent.SubjectStatuses()...))}, "study"),
		"group":            text(), "list": text(), "ids": text().said("a file with one patient a line"),
		"search":  object(map[string]node{"type": text(), "parameters": named(text())}, "type", "parameters"),
		"patient": text().said("a FHIRPath condition on the Patient"),
	})
}

func disclosed() node {
	step := object(map[string]node{
		"item": text().said("form.item"), "band": whole().said("of a number: bands of this width"), "prefix": whole().said("of a text: its first characters"),
		"precision": enum("month", "year").said("of a date"),
	}, "item")
	return object(map[string]node{
		"k": whole().said("the least number of subjects who share their quasi-identifiers"), "quasi-identifiers": some(text()).said("items, as form.item"),
		"generalise": some(step).said("tried in this order"), "targets": some(text()).said("left out: all targets that are files"),
		"reports": enum("exact", "suppressed").said("whether small numbers are hidden in the report's files"),
	}).said("how what is handed on is kept from singling anybody out")
}

func authorised() node {
	approval := object(map[string]node{"body": enum(authorisation.Bodies()...), "number": text()}, "body", "number")
	recipient := object(map[string]node{
		"name": text(), "contact": text().said("how they are told that a patient withdrew"), "outputs": some(text()).said("names of targets, imaging, or export"),
		"age": some(text()).said("public keys of age, to which research packages are encrypted"),
	}, "name", "outputs")
	return object(map[string]node{
		"approvals": some(approval), "recipients": some(recipient), "modules": some(enum(authorisation.Modules()...)).said("modules of the MII core data set"),
		"elements":    some(text()).said("resource types, or elements such as Observation.valueQuantity"),
		"valid-until": text().said("the last day on which data may be used"), "erase-by": text().said("the last day on which data may still be there"),
	}, "approvals", "recipients", "valid-until", "erase-by").said("what the study was allowed, and by whom")
}

func subject() node {
	number := object(map[string]node{
		"from": enum(pipeline.NumberSources()...), "system": text(), "site": text(), "file": text(), "prefix": text(), "digits": whole(),
		"url":    text().said("the base URL of the service: gPAS behind the TTP-FHIR gateway, a Mainzelliste, or vfps's FHIR interface"),
		"create": yes().said("let the service create numbers; else only enrolment does"), "auth": auth(),
		"domain": text().said("of a gPAS"), "api": enum(pipeline.NumberAPIs()...),
		"identifier-type": text().said("the ID type of a Mainzelliste that holds the patient's identifier"), "number-type": text().said("the ID type of a Mainzelliste that holds the study's number"),
		"key-env": text().said("the environment variable with a Mainzelliste's API key"), "namespace": text().said("of a vfps"),
	}, "from")
	check := object(map[string]node{
		"birth-year": text().said("form.item in which people enter the birth year, or the date of birth"),
		"sex": object(map[string]node{
			"item": text().said("form.item in which people enter the sex"), "codes": named(text()).said("the item's codes by administrative gender; left out: the item has FHIR's codes"),
		}, "item"),
	}).said("what people entered has to agree with the hospital's record, or the subject is held")
	return object(map[string]node{"identifier": text().said("the system of the identifier that names a patient"), "patient-id": yes(), "number": number, "check": check}, "number")
}

func key() node {
	members := func() map[string]node {
		return map[string]node{
			"env": text().said("the environment variable that holds the key"), "file": text().said("a file of mode 0600 that holds the key"),
			"credential": text().said("a credential that systemd hands to the service"), "age": text().said("a file of the age format that holds the key"),
			"identity": text().said("the identity file that opens the age file"), "passphrase-env": text(), "passphrase-file": text(),
		}
	}
	all := members()
	all["next"] = object(members()).said("the key to which crflink vault rotate changes")
	return object(all).said("where the vault's key comes from")
}

func source() node {
	return object(map[string]node{"name": text(), "files": some(text()), "fhir": text().said("the base URL of a FHIR server"), "auth": auth(), "export": export(),
		"limits": object(map[string]node{
			"page": whole().said("resources in an answer"), "at-once": whole().said("requests under way"), "every": text().said("least time between two requests, such as 100ms"),
			"post": yes().said("searches are sent as POST _search"),
		}).said("how much is asked of the server"),
		"mapping": text().said("a file with rules of this source's own, laid over the study's mapping"),
		"ids":     enum("aliased", "unchanged").said("of several sources: whether ids of this one begin with its name; of one they may stay as they are"),
	}, "name")
}

func export() node {
	return object(map[string]node{
		"level": enum(pipeline.ExportLevels()...), "group": text().said("the id of the Group, of level group"),
		"hosts":       some(text()).said("hosts on which files may lie besides the server's"),
		"type-filter": some(text()).said("what narrows a type, such as Observation?category=laboratory"),
		"since":       text().said("an instant: nothing clinical that was last changed before it is exported"),
	}).said("the server is read by $export of Bulk Data Access")
}

func consentSource() node {
	return object(map[string]node{
		"gics": text().said("the base URL of a gICS behind the TTP-FHIR gateway"), "domain": text(), "ask": enum(pipeline.ConsentAsks()...),
		"person-identifier": text().said("the system of gICS's person identifiers"), "identifier": text().said("the system of the identifier by which gICS knows a patient"),
		"patient-id": yes(), "server-consents": enum("withhold", "keep"), "auth": auth(),
	}, "gics", "domain")
}

func target() node {
	members := map[string]node{
		"name": text(), "kind": enum(pipeline.TargetKinds()...), "folder": text(), "file": text(),
		"version":  enum(pipeline.ODMVersions()...).said("of kind odm: the version of ODM, 1.3.2 where it is left out"),
		"database": text().said("of kind postgres: postgres://role@host:port/database, without a password"), "schema": text().said("of kind postgres: the schema that the tables are made in"),
		"export":       text().said("of kind libreclinica: an export of the system with the study's metadata and all subjects"),
		"format":       enum(pipeline.DatasetFormats()...).said("of kind dataset-json"),
		"password-env": text(), "password-file": text(), "ca": text().said("of kind postgres: PEM file of the authority of the server's certificate"),
		"type": enum(pipeline.ODMTypes()...).said("of kind odm: what there is, or what a receiver is to insert and update, with audit records"),
	}
	maps.Copy(members, redcapTarget())
	return object(members, "name", "kind")
}

func dictionary() node {
	var types []string
	for _, t := range ecrf.Types() {
		types = append(types, string(t))
	}
	item := object(map[string]node{
		"name": text(), "label": text(), "type": enum(types...), "unit": text().said("a UCUM code"), "decimals": whole(), "min": text(), "max": text(),
		"length": whole(), "codelist": text(), "required": yes(),
	}, "name", "type")
	form := object(map[string]node{"name": text(), "label": text(), "repeating": yes(), "items": list(item)}, "name", "items")
	event := object(map[string]node{"name": text(), "label": text(), "forms": list(text())}, "name", "forms")
	return object(map[string]node{
		"study": text(), "version": text(), "events": list(event), "codelists": named(named(text())), "forms": list(form),
	}, "study", "version", "events", "forms")
}

func tests() node {
	var reasons []string
	for _, r := range ecrf.MissingReasons() {
		reasons = append(reasons, string(r))
	}
	expectation := either(text(), object(map[string]node{"instances": whole()}),
		object(map[string]node{"missing": enum(reasons...), "present": {"const": true}}))
	given := some(either(object(map[string]node{"fixture": some(text())}), node{"type": "object", "required": []string{"resourceType"}}))
	test := object(map[string]node{
		"name": text(), "as-of": text(), "subject": text(), "source": text(), "given": given, "fixture": some(text()), "entered": named(text()), "expect": named(expectation),
	}, "name", "expect")
	return object(map[string]node{"study": text(), "as-of": text(), "subject": text(), "source": text(), "given": given, "tests": some(test)}, "tests")
}

func handling() node {
	return enum(string(consent.Erase), string(consent.KeepAndStop), string(consent.Anonymise))
}

func policy() node {
	codes := func() node { return some(text()) }
	span := object(map[string]node{"start": text(), "end": text()})
	return object(map[string]node{
		"kind": enum(string(consent.BroadConsent), string(consent.StudyConsent), string(consent.Statutory), string(consent.NoPolicy)), "name": text(),
		"gate": codes(), "window": codes(), "furtherGates": codes(),
		"retrospective": object(map[string]node{"codes": codes(), "lookBack": text()}),
		"resourceCodes": named(object(map[string]node{"gate": codes(), "window": codes()})),
		"timeZone":      text(), "encounterShift": yes(), "openEndedPermit": enum(consent.RejectOpenEnded, consent.CodeSystemPeriods),
		"package": enum(consent.SamePatient, consent.SameResource), "afterWithdrawal": enum(consent.Forget, consent.Revive),
		"unreadLinks": enum(consent.HoldUnreadLinks, consent.IgnoreUnreadLinks),
		"recognise": object(map[string]node{
			"profiles": codes(), "categories": codes(), "policyUris": codes(), "miiDocuments": yes(), "signedPolicies": yes(), "withdrawalUris": codes(),
		}),
		"siteCodes": some(object(map[string]node{"system": text(), "codes": named(text())})),
		"dates":     {}, "study": object(map[string]node{"reference": text(), "statuses": codes()}),
		"approval": object(map[string]node{
			"number": text(), "validFrom": text(), "validUntil": text(), "data": span, "objections": codes(), "objectionList": text(),
		}),
		"codes": enum("listed", "none"),
		"withdrawal": object(map[string]node{
			"default": handling(), "targets": named(handling()), "confirmEdc": yes().said("whether a person confirms each erasure in a system into which people enter data"),
			"deadline": whole().said("days for a task that a withdrawal opens"),
		}),
	}, "kind")
}
