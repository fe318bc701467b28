package ecrf

import "time"

// Freeze stops writing into a target on a day. Site and Form narrow it; "" is all of them.
type Freeze struct {
	From       time.Time
	Site, Form string
}

// Freezes are those of one target.
type Freezes []Freeze

// Hold reports whether nothing may be written into a form of a site any more.
func (all Freezes) Hold(at time.Time, site, form string) bool {
	for _, f := range all {
		if !at.Before(f.From) && (f.Site == "" || f.Site == site) && (f.Form == "" || f.Form == form) {
			return true
		}
	}
	return false
}
