// Package redcap reads the design of a REDCap project, and delivers to one.
//
//   - The data dictionary is the CSV file in which REDCap exports a project's fields, one per row: from the API with
//     its column names (field_name, form_name, …), from the web page with titles ("Variable / Field Name", …).
//   - An instrument is what a dictionary of ours calls a form.
//   - A checkbox field is one yes or no per choice: REDCap stores it in the columns FIELD___CODE.
//   - A unique event name (baseline_arm_1) is an event in its arm. The instrument-event mapping says which instruments are
//     filled in which event; the list of repeating instruments says which repeat.
//   - The record ID is the first field of the dictionary; it is the subject's number and no item.
//   - A project is the design of a live project; a layout says where the study's cells stand in it. Drift is what does not fit.
//   - A column holds an item's values in REDCap's spelling, which the field's validation decides.
//   - A snapshot is what some records hold; a delivery compares it with the ledger, and ships the cells that may be written.
//   - A refusal names the cells to blame in quads: record, field, value, message. The rest is shipped again.
//   - A race is an edit between reading and writing. REDCap cannot refuse to overwrite it, so that only its log tells.
//
// What is known of REDCap's behaviour is public evidence, and the fake server fakeredcap another reading of the same.
package redcap
