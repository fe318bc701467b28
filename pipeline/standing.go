package pipeline

// standing is how a subject stands in this run, by study number.
type standing struct{ outcome, reason string }

// Permitted is the outcome of a subject whom the last run permitted.
const Permitted = outcomePermitted

const (
	outcomePermitted = "permitted"
	outcomeHeld      = "held"
	reasonNotFound   = "not-found"
	reasonShared     = "shared"
	reasonNoNumber   = "no-number"
	reasonMerged     = "merged"
	reasonChanged    = "changed"

	reasonBirthYear = "birth-year-differs"
	reasonSex       = "sex-differs"
	reasonBoth      = "birth-year-and-sex-differ"

	reasonWithdrawing = "withdrawal-under-way"
	reasonNotReached  = "not-reached"
)

// StandingDoc says what a reason for holding a subject means that is no reason of consent.
type StandingDoc struct{ Reason, Text string }

// Standings is the published list of these reasons. A subject that the ledger knows from earlier runs is held for them.
func Standings() []StandingDoc {
	return []StandingDoc{
		{reasonNotFound, "the ledger knows the subject, and the source has no such patient any more"},
		{reasonNotReached, "a source of the study that has the patient, or may have them, did not answer: it stays as it was"},
		{reasonShared, "several permitted patients of the source claim the subject's number"},
		{reasonMerged, "the site has merged two subjects that were delivered; a person has to say what becomes of the one that went"},
		{reasonBirthYear, "people entered another birth year for the subject than the hospital has: it may be another person's record"},
		{reasonSex, "people entered another sex for the subject than the hospital has: it may be another person's record"},
		{reasonBoth, "people entered another birth year and another sex for the subject than the hospital has: it may be another person's record"},
		{reasonChanged, "the consent was changed between computing and delivery, and still permits something; the next run computes the subject anew"},
		{reasonNoNumber, "the patient is permitted, but the number could not be confirmed: the enrolment is missing, unclear, or says another number"},
		{reasonWithdrawing, "the patient consented again, and the withdrawal before is not carried out yet"},
	}
}
