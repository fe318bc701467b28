// Package mainzelliste takes subject numbers from a Mainzelliste (REST interface 3.2).
//
//   - An ID type is a kind of identifier that the Mainzelliste keeps for a patient. One of them is what names a patient at
//     the site, the identifier type; another one is the study's, the number type. Both must be configured there.
//   - A session lasts for a run, a token for one call: it says beforehand which patients are read, or which one is created.
//   - Numbers is a pseudonym.Numbering: a patient's ID of the number type is the subject's number.
//
// No name, birth date or other identifying data are read or sent, only IDs. A patient of whom the Mainzelliste knows
// nothing, is not sure, or who has only a tentative ID waits. Nothing stands in for a number.
package mainzelliste
