package ecrf

// Subject is a de-identified participant: the study number under which the eCRF knows the person, and the site.
type Subject interface {
	Number() string
	Site() string
}
