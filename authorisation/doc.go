// Package authorisation holds what a study was allowed to do, and by whom.
//
//   - An Authorisation is the decision of those who may decide about the use of data: the approvals with their numbers,
//     who receives the data, which data, until when they may be used, and by when they must be erased.
//   - An Approval is one decision: of the use-and-access committee, the ethics committee or another body.
//   - A Recipient is a person or institution that receives data, with the outputs that reach them.
//   - A Scope is which data: types of resources and elements, also named by modules of the MII core data set.
//   - A Refusal says why something lies outside the authorisation.
//
// It says nothing about patients: consent decides about each of them, inside what is authorised here.
package authorisation
