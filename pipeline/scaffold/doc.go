// Package scaffold writes the files of a new study from a dictionary.
//
//   - A scaffold is a study that passes lint and does nothing yet: study file, dictionary, consent policy, a mapping file in
//     which every form and item is listed and no rule is written, and a first mapping test.
//   - An example is a commented-out rule of the item's type. It has to be changed before it means anything.
package scaffold
