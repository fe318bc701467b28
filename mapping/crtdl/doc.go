// Package crtdl turns the data extraction of a CRTDL into rules of a mapping that a person completes.
//
//   - A CRTDL (Clinical Resource Transfer Definition Language of the MII, JSON) says which patients and which data a project asks
//     for. What it says about patients is for the data integration centre; here only its data extraction is read.
//   - An attribute group asks for resources of one profile: attributes, which are elements of it, and filters by codes and dates.
//   - A Seed is what a group gives: a condition by its filters, and a rule for each attribute that a form can hold. It is checked as a
//     mapping is; what would be an error in one is no rule, and the seed says why.
package crtdl
