// Package monitoring says how complete a study's forms are, and which values a person should compare with their source.
//
//   - An Account counts cells by form, item, event and site. A cell is expected unless it does not apply. Completeness by value is
//     the share of the expected cells that have a value; by variable, the share of the items that have one anywhere.
//   - A Risk says how much can have gone wrong between the source and a value: high where the source no longer supports it, or
//     the form wants it; middle where it was converted or mapped; low where it stands as the source has it.
//   - A Sample is the values that are chosen for source data verification (SDV), more of them the higher their risk. It is
//     chosen by a hash, so that equal data and an equal seed choose the same values, and a new value changes no other's lot.
package monitoring
