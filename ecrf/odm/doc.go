// Package odm writes and checks documents of the CDISC Operational Data Model, version 1.3.2, and reads the metadata of
// versions 1.3 and 2.0.
//
//   - A Snapshot is the whole content of a study: its metadata (MetaDataVersion) and the data of all subjects. It validates
//     against the published XML schema and against Check.
//   - An OID is an identifier in the document. Ours are the dictionary's names with a prefix: S. study, MDV. version, SE. event,
//     F. form, IG. item group, I. item, CL. code list, MU. unit, L. location, U. user.
//   - A repeating form is a FormDef with Repeating="Yes"; FormRepeatKey is the repeat number, which never changes.
//   - A cell without a value is an ItemData with IsNull="Yes" and an annotation, whose flag holds the missing reason.
//     A value that the source no longer supports has the annotation beside it.
//   - With provenance, each ItemData has an AuditRecord whose SourceID says which resource, version and rule it came from.
//
// The only time in a document is the as-of instant, so equal content gives equal bytes.
//
// Check finds what the schema cannot: references to nothing, wrong repeat keys, texts that are not of the item's
// type, codes outside their list, transactions that a snapshot cannot have, audits from the future.
package odm
