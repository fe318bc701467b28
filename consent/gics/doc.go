// Package gics takes consent from a gICS behind the TTP-FHIR gateway.
//
//   - A document is what one person signed at one time. gICS sends it as a Bundle within a Bundle: its Consent with the
//     Patient and Person that signed, and more. Policy states are Consents without such a Bundle.
//   - A person identifier is what gICS knows the person by; its system ends in the name of a signer id type.
//   - A Source is a fhir.Source before another one: every record gets the person's Consents of gICS among its facts, as
//     Consents of that patient, and loses those of the server unless they are kept.
//
// It fails closed. What cannot be asked, read or counted to the end is an error that ends the run, and a patient whom gICS
// cannot be asked about has no Consent at all, not even the server's.
package gics
