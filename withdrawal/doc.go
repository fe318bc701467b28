// Package withdrawal keeps the account of who withdrew, what became of it, and what is still to be done.
//
//   - A Withdrawal is one subject's: begun, and done when nothing that had to go is there any more. What remains of it is a
//     tombstone: keyed hashes of the identities and of the number, the moment after which a new consent counts, and the
//     generation. It names nobody.
//   - A Task is what a person has to do about a withdrawal: delete where a program cannot, tell a recipient, or confirm. Some
//     tasks belong to none: they are about subjects whom the site has merged or parted.
//   - A Limit is a run that lost more patients than the study allows. It erased nothing and waits for a person's word.
//   - The Journal is the durable account of all of these, an entry for each step, chained by keyed digests. It lies beside
//     ledger and vault and is older than neither: a restored backup of those is brought up to date from it.
//   - A Log stores the journal's lines.
//
// The journal is the truth about withdrawals. What it says was begun is carried out, whatever ledger and vault remember.
package withdrawal
