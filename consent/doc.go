// Package consent decides what of a patient's data a study may use, and holds the gate that lets nothing else through.
//
//   - A Policy is the legal basis of a study: the MII Broad Consent, the study's own consent, a statutory approval, or
//     none. It is read from a YAML file; the built-in policy mii-broad-consent is the starting point.
//   - Facts are what a decision is made from: one person's Patient, Consent, Encounter and ResearchSubject resources.
//   - A grant is what one provision of a Consent says of a code: a permit or a deny over a span of days.
//   - A Decision says whether the patient's data may be used (permitted), may not be used now (held), or may not be
//     used because the patient said no (excluded); with a Reason, and with the windows: the intervals of days whose
//     data may be used.
//   - Permitted is the part of a record that a decision covers. It is the only form in which data go on, and Admit is
//     its only constructor.
//
// Everything fails closed: what cannot be read grants nothing, and what may be a refusal counts as one. A decision is
// a pure function of facts, policy and as-of; the order of the facts does not matter.
//
// The rules follow the MII consent module (kerndatensatzmodul-consent 2026.0.0) and the behaviour of TORCH and
// FTSnext; docs/consent.md states them, and where they differ, in words.
package consent
