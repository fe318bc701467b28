// Package several makes one source of the several sources of a study: FHIR servers and folders of one controller.
//
//   - A Part is one of the sources under its alias. Its ids are written ALIAS.ID in the records that come out, and so are the
//     references between its resources: what two servers number alike stays apart. An id that is too long for that is hashed.
//   - A person whom several parts know by the same identifier is one record, under the key that the first of these parts gives. A
//     value that two patients of one part have joins nobody.
//   - A part that does not answer is silent for the rest of the run. Who is known to it is out of reach then, and nothing about
//     them is handed out; the others go on, if they are told to (Tolerate).
package several
