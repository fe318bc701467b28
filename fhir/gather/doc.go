// Package gather groups the resources of one source by patient, in bounded memory.
//
//   - An Index knows of every resource whose it is and where its text lies, and keeps no text itself. It is in memory.
//   - A Catalog is an index of any number of resources. When it outgrows its budget it moves to disk, index by index; who
//     is who is then found out by sorting. What it answers is the same.
//   - A Span is the place of a text: a part of a file, or of a spool.
//   - A Spool keeps texts that cannot be read twice (compressed files, standard input, answers of servers) on disk,
//     encrypted with a key that exists in memory only. What a Catalog moves to disk is in spools, too.
//   - Of several versions of a resource the newest one counts: the later meta.lastUpdated, then the higher versionId,
//     else the one that was read later. A subsetted version never replaces a whole one.
package gather
