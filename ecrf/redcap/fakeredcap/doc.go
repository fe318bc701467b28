// Package fakeredcap is a REDCap as far as public evidence tells (docs/redcap.md says whose, and what a site must check on
// its live server). A Server keeps projects and refuses what the real one refuses; nothing is shared with the client, so that
// a wrong reading of the client meets another reading here.
//
//   - A Design is what a project's owner made: fields, events, which forms repeat, missing data codes, groups.
//   - A Project is a design and what is stored under it. The API reads and writes it with a token of a User; a person works
//     on it through methods such as Enter and Lock, which stand for the web pages.
//   - A Cell names one value of a record.
//   - A quad is a line of a refusal: record, field, value and why. One quad, and nothing of the request is stored.
//   - The log holds every change; an import that changes nothing leaves no line.
//
// It computes no calculated fields, asks no survey and keeps no files. What it does not offer is 501, loudly.
package fakeredcap
