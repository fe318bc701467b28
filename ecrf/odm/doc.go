// Package odm writes documents of the CDISC Operational Data Model, versions 1.3.2 and 2.0, and checks and reads those of 1.3
// and 2.0.
//
//   - A document holds a study's metadata (MetaDataVersion) and the data of all subjects. A snapshot says what there is; a
//     transactional one what the receiver is to insert or update, each value with its audit record. It validates against
//     the published XML schema and against Check.
//   - An OID is an identifier in the document. Ours are the dictionary's names with a prefix: S. study, MDV. version, SE. event,
//     F. form, IG. item group, I. item, CL. code list, MU. unit, L. location, U. user.
//   - A repeating form is a FormDef with Repeating="Yes"; FormRepeatKey is the repeat number, which never changes. In version
//     2.0 it is an ItemGroupDef of type Form, and ItemGroupRepeatKey.
//   - A cell without a value is an ItemData with IsNull="Yes" and an annotation, whose flag holds the missing reason.
//     A value that the source no longer supports has the annotation beside it.
//   - With provenance, and in transactions, each ItemData has an AuditRecord whose SourceID says which resource, version and rule it came from.
//
// LibreClinica is a target of its own: a file in the dialect that LibreClinica and OpenClinica 3 import, under the OIDs that an
// export of the system names, so that people go on with the forms.
//
// The only time in a document is the as-of instant, so equal content gives equal bytes.
//
// Check finds what the schema cannot: references to nothing, wrong repeat keys, texts that are not of the item's
// type, codes outside their list, transactions that a snapshot cannot have, audits from the future.
package odm
