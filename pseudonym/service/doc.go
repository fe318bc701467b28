// Package service is what the clients of services that number subjects have in common.
//
//   - An original is what names a patient at the site. It appears in no error and no log.
//   - An Answer is what a service told about one original: a pseudonym, a failure, or neither when it knows of none.
//   - Numbers asks for originals in batches, several at the same time, and keeps the answers for one run.
//
// A patient of whom the service knows nothing, tells an error or says nothing waits. Nothing stands in for a pseudonym.
package service
