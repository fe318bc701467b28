// Package retire ends a study: it erases what the study keeps of its subjects, and says so in a certificate.
//
//   - A Retirement is under way from the moment its mark lies in the state folder. A study with a mark is never run again.
//   - The mark holds what was there before, who ends the study and why. It is written first, so that a retirement that died can
//     be finished by doing it again.
//   - The Certificate is what is left: what was erased, with counts and the hashes of the files before, what stays, and what a
//     person has still to do.
//
// The audit stays, and so does the vault's file with the keys by which the audit's chain is checked; what the audit says about
// subjects can no longer be read, because their keys are gone.
package retire
