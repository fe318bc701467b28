// Package synth makes hospital patients that never lived, as FHIR resources in the shapes of the MII core data set, together
// with the truth about them, and serves them as a FHIR server that can be told to misbehave.
//
//   - A Generator yields patients. A patient depends on the seed and its own index only: patient 17 of 100 is patient 17
//     of 1,000,000.
//   - Facts are what is so in a patient's life: a laboratory value, a stay, a consent. Facts are rendered as resources.
//   - The Truth is what a correct run of the example study (configs/psma-registry) must yield for a patient, in source terms: true dates,
//     true study numbers, original study UIDs. It is computed from the facts, with plain code of its own and without the packages
//     that it is there to check.
//   - Messiness is what real servers do to resources: missing profiles, versions in canonicals, merged patients, erroneous
//     entries, odd units.
//   - A Server offers resources over HTTP as FHIR R4 does. A Fault is a scripted failure of the server.
//
// Names, streets and numbers are invented and say so (Musterström, Prüfallee); no resemblance is intended.
package synth
