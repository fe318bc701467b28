// Package bundle splits streams of FHIR JSON into resources, with a window as large as the largest single resource.
//
//   - A stream is one or more JSON values, each on lines of its own: NDJSON, single resources (also over many lines), Bundles.
//   - An Entry is one resource of a stream, or one entry of a Bundle that has none. Bundles inside Bundles are
//     entered; what is inside them are entries like all others.
//   - A rejected entry is reported and the next one is read. A line that is broken off ends at its end; a value over
//     several lines whose brackets do not match ends the stream, because nothing behind it can be trusted.
package bundle
