// Package dicomweb asks a PACS for studies by DICOMweb: searches (QIDO-RS) and metadata (WADO-RS), DICOM PS3.18. It never
// fetches a pixel and sends nothing but GET.
//
//   - A Client implements imaging.PACS. What it may ask is told by an imaging.Inquiry, which only consent gives.
//   - A key is an attribute that is asked for with its value. Servers ignore keys that they do not know, and take an empty
//     value, a wildcard or a comma for more than was meant; so such values are refused before they are sent, and every row
//     that comes back is compared with what was asked.
//   - A page is a part of a search. There is no total: pages are asked for until one brings nothing new.
//   - An answer is kept in memory for a while, because a PACS is slow and shared.
package dicomweb
