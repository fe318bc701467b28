// Package casetest runs a study's own tests of its mapping.
//
//   - A test file is YAML beside the study. It holds cases, and resources that all of its cases share.
//   - A case gives FHIR resources of one patient (written out, or from a fixture file) and says what the forms must hold.
//   - An expectation is a value of an item, the reason why it is missing, or the number of instances of a form.
//   - Coverage tells which items no case expects, and which rows of code maps no case reaches.
//
// The resources of a case go the whole way of the data: through the gate and the veil into the mapping. Cases speak of
// true dates, so the veil that the caller gives must keep dates.
package casetest
