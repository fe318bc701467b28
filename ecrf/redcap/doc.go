// Package redcap reads the design of a REDCap project.
//
//   - The data dictionary is the CSV file in which REDCap exports a project's fields, one per row: from the API with
//     its column names (field_name, form_name, …), from the web page with titles ("Variable / Field Name", …).
//   - An instrument is what a dictionary of ours calls a form.
//   - A checkbox field is one yes or no per choice: REDCap stores it in the columns FIELD___CODE.
//   - A unique event name (baseline_arm_1) is an event in its arm. The instrument-event mapping says which instruments are
//     filled in which event; the list of repeating instruments says which repeat.
//   - The record ID is the first field of the dictionary; it is the subject's number and no item.
package redcap
