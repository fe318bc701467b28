// Package disclosure keeps a delivery from singling anybody out by values that others may know of a person.
//
//   - A quasi-identifier is an item whose value does not name a person, but may do so together with others: sex, year of
//     birth, region.
//   - A class is the subjects that have the same values of all quasi-identifiers; no value is a value like any other.
//   - A delivery is k-anonymous when every class has at least k subjects (L. Sweeney, k-anonymity: a model for protecting
//     privacy, 2002).
//   - A Step generalises an item for all subjects: a number to its band, a text to its beginning, a date to month or year.
//   - What is suppressed loses the values of all its quasi-identifiers. The suppressed are a class of their own, which has k
//     subjects, too, or nobody is delivered.
//
// It says nothing about other items, about what several deliveries tell together, and about a class whose subjects share
// another value.
package disclosure
