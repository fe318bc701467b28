// Package pipeline conducts a run: the way of the data from the sources through consent, de-identification and mapping into
// the ledger, and from there to the targets.
//
//   - A Study is a study file with everything it names, checked and compiled before any patient is read.
//   - A run decides about every patient, then works off the permitted ones.
//   - A shard is a part of the subjects, by a hash of their number. It is computed and stored as one transaction whose
//     last write is the shard's checkpoint, so that a run that died goes on behind the last finished shard.
//   - A delivery gives the ledger's content to the targets.
//
// The unit of work is one patient. What a patient's casebook becomes is a pure function of the resources, the consent, the
// study's files, the vault and the as-of; running again at one as-of writes nothing.
package pipeline
