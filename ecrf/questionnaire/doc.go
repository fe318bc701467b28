// Package questionnaire reads the forms of a FHIR R4 Questionnaire.
//
//   - A Questionnaire is a tree of items. Its outermost groups are forms; questions beside them stand in a form of the
//     questionnaire's own name.
//   - A linkId names an item within the questionnaire.
//   - A group that repeats becomes a repeating form, and so does a question with any number of answers that are no choices.
//   - A choice with any number of answers becomes one yes or no per option.
//   - An answer option is a code of a code list. An answer value set is read when it is contained in the resource.
package questionnaire
