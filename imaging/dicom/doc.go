// Package dicom reads DICOM attributes from DICOM JSON (PS3.18, F), as PACS answer searches and requests for metadata. It
// knows no server and no file format.
//
//   - A Tag names an attribute. A private one is found by the creator of its block, never by a fixed number alone.
//   - A Dataset holds attributes by tag; the items of a sequence are datasets. It is immutable and prints nothing of what
//     it holds, because that names a patient.
//   - An Element is one attribute: a value representation (VR) and its values. Numbers may have been written as JSON
//     numbers or as strings; both read the same, and keep their written form.
//   - Limits bound what an answer may hold, so that a broken server costs an error and not the memory.
package dicom
