// Package river distributes the shards of a study's runs over processes and hosts, as jobs of River in the study's schema of
// PostgreSQL.
//
//   - A Station is what one process is to that: it works off jobs, and it can lead runs.
//   - A Workshop is where the process that leads a run has its shards computed. The leader decides before, and settles, delivers and
//     counts after.
//   - An offer is a shard as the tables have it: sealed, with the epoch of its leader and the number of its attempt.
//   - A Guest is a study that a process has opened to work for a run that another leads.
//
// # Once, and no more
//
// A shard's casebooks, what the audit says of them, what the run has to take up, and the end of its job are one transaction. It
// begins with the fence: the offer has to be of the newest epoch, that of the run's newest leader, and the attempt the newest one of
// the shard. River rescues by age and does not promise one attempt at a time; whoever comes too late changes nothing.
//
// River's own count of attempts cannot be the fence: it goes back when a job snoozes, and begins anew with another leader's jobs.
//
// # What is stored
//
// Jobs hold the numbers of run and epoch and the name of a shard. All else is sealed with the study's vault, and removed when the run
// is over.
package river
