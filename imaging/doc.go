// Package imaging ties a subject to the imaging studies that were made of the patient, without letting the originals out.
//
//   - A study is one DICOM study, named by its StudyInstanceUID (0020,000D). FHIR servers write that UID in several
//     places, or not at all; Locate looks in all of them, in the order of a ladder of methods.
//   - An accession number (0008,0050) names the order at the imaging department. One order may have several studies (a
//     split study: its parts), and a number may be used again by another department.
//   - A Candidate list is what the PACS says: study UIDs with accession number, patient and date, as a CSV file.
//   - A Link is a study in pseudonymous terms. It may go wherever clinical data of the subject go.
//   - A Restricted holds the originals of a link. It prints as dots, and only WriteRestricted takes it, into a folder
//     of its own that nobody but its owner may enter.
//   - A study that cannot be linked for certain is Unlinked, with a Reason: a person decides. Nothing is linked
//     automatically when more than one candidate is left.
//
// The forms of identifiers follow FHIR R4 (ImagingStudy, "Identifying studies": system urn:dicom:uid), FHIR STU3
// (ImagingStudy.uid and .accession), FHIR R5 (basedOn.identifier), and what public converters write. The MII module
// Bildgebung 2026 does not profile the identifier at all.
package imaging
