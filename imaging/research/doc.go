// Package research writes the package that a researcher receives: a folder of tables about the linked imaging studies and the
// clinical forms of a study's subjects, with everything that is needed to load, check and cite them.
//
//   - A Table is described before it is written: columns with types, units and constraints, a key, references to other tables.
//     The description becomes the Parquet schema, the Frictionless data package and the data dictionary.
//   - Participants have sessions (one row per linked imaging study), sessions have series, and PET and SPECT series have a row
//     on their quantification. Clinical forms are there twice: one row per cell, and one table per form.
//   - A Package is what is written: who may be in it was decided before. It holds no original identifier, and no date but such
//     as the study's date mode allows.
//
// Equal input gives equal bytes. A folder is written beside its place and moved there as a whole.
package research
