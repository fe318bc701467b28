package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/fhir/rest"
	"github.com/crflink/crflink/imaging"
	"github.com/crflink/crflink/mapping"
	"github.com/crflink/crflink/pipeline"
)

// reads lists the searches of a run. What names patients stands as {patients}.
func reads(b *strings.Builder, study *pipeline.Study) {
	fmt.Fprintf(b, "reads      before the decision: %s\n", strings.Join(fhir.FactTypes(), ", "))
	title := "           of permitted patients: "
	for _, d := range study.Demands() {
		if fhir.IsFact(d.Type) {
			continue
		}
		for _, search := range searches(d) {
			fmt.Fprintf(b, "%s%s\n", title, search)
			title = strings.Repeat(" ", len(title))
		}
	}
}

// searches writes what is asked of a server for a type.
func searches(d mapping.Demand) []string {
	if fhir.SubjectParameter(d.Type) == "" {
		return []string{fmt.Sprintf("%s?_id={referred to}: %s", d.Type, d.Why)}
	}
	asked := fmt.Sprintf("%s?%s={patients}", d.Type, fhir.SubjectParameter(d.Type))
	if len(d.Any) == 0 {
		return []string{asked + ": all, because " + d.Why}
	}
	var all []string
	for _, c := range d.Any {
		all = append(all, asked+"&"+c.Parameter+"="+strings.Join(codes(c), ","))
	}
	return all
}

func codes(c fhir.Criterion) []string {
	var all []string
	for _, k := range c.Codes {
		if k.System != "" {
			k.Code = k.System + "|" + k.Code
		}
		all = append(all, k.Code)
	}
	return all
}

// estimate asks the study's servers how much there is. Only numbers are asked for, which stand for all patients, permitted or not.
func estimate(ctx context.Context, b *strings.Builder, study *pipeline.Study) error {
	asked := false
	for _, spec := range study.Sources {
		if spec.URL == "" {
			continue
		}
		source, err := openSource(spec, nil)
		if err != nil {
			return err
		}
		server, ok := source.(*rest.Source)
		if !ok {
			return errors.Join(fmt.Errorf("source %s cannot be asked for numbers", spec.Name), source.Close())
		}
		err = errors.Join(estimateOf(ctx, b, study, server), server.Close())
		if err != nil {
			return coded{exitServer, err}
		}
		asked = true
	}
	if !asked {
		b.WriteString("estimate   the study has no server that could be asked\n")
	}
	return nil
}

func estimateOf(ctx context.Context, b *strings.Builder, study *pipeline.Study, server *rest.Source) error {
	fmt.Fprintf(b, "estimate   of %s, over all its patients, permitted or not; a run reads those of permitted patients\n", server.Name())
	for _, typ := range fhir.FactTypes() {
		n, _, err := server.Count(ctx, typ, fhir.Narrowing{})
		if err != nil {
			return err
		}
		fmt.Fprintf(b, "           %-24s %s\n", typ, number(n))
	}
	for _, d := range study.Demands() {
		if fhir.IsFact(d.Type) || fhir.SubjectParameter(d.Type) == "" {
			continue
		}
		all, some, err := server.Count(ctx, d.Type, fhir.Narrowing{Any: d.Any})
		if err != nil {
			return err
		}
		fmt.Fprintf(b, "           %-24s %s of %s\n", d.Type, number(some), number(all))
	}
	return nil
}

func number(n int) string {
	if n < 0 {
		return "unknown"
	}
	return fmt.Sprint(n)
}

// statement writes what the study reads, for a data-protection concept.
func statement(b *strings.Builder, study *pipeline.Study) {
	fmt.Fprintf(b, `# Data minimisation: %s

Study %s %s, computed by crflink from the study's files: mapping (SHA-256 %s), de-identification profile %s %s,
consent policy %s. It changes when they do.

## Read of every patient, to decide whether data may be used

`, oneLine(study.Title), study.ID, study.Version, study.Mapping.Hash(), study.Profile.Name(), study.Profile.Version(), study.Policy.Name())
	fmt.Fprintf(b, "%s. Nothing else is asked for before that decision, and of patients who are not permitted nothing else is asked for at all.\n", strings.Join(fhir.FactTypes(), ", "))
	b.WriteString("\n## Read of permitted patients\n\n| resources | which | elements that the study uses |\n|---|---|---|\n")
	elements := study.Mapping.Elements()
	for _, d := range study.Demands() {
		fmt.Fprintf(b, "| %s | %s | %s |\n", d.Type, which(d), used(study, elements, d.Type))
	}
	if study.Several() {
		b.WriteString("\nSources:")
		for _, s := range study.Sources {
			fmt.Fprintf(b, " %s", s.Name)
			if s.Overlay != "" {
				b.WriteString(" (with rules of its own)")
			}
		}
		fmt.Fprintf(b, ". One person in several of them %s. A source that does not answer holds whom it has, or may have.\n", samePerson(study))
	}
	b.WriteString(`
A server is asked for no other resources. What one sends besides is left out on arrival, before it is counted, de-identified or stored. Of what is read, resources outside of the days that the consent covers are dropped;
of the rest, de-identification keeps no element but the listed ones, and of these what its profile allows.
Windows around events are applied after that: which day counts is known only then.

## Given to

`)
	for _, t := range study.Targets {
		fmt.Fprintf(b, "- %s (%s)", t.Name, t.Kind)
		if names := recipients(study, t.Name); len(names) > 0 {
			fmt.Fprintf(b, ": %s", strings.Join(names, ", "))
		}
		b.WriteString("\n")
	}
}

func recipients(study *pipeline.Study, output string) []string {
	var names []string
	if study.Authorisation == nil {
		return nil
	}
	for _, r := range study.Authorisation.RecipientsOf(output) {
		names = append(names, oneLine(r.Name))
	}
	return names
}

func which(d mapping.Demand) string {
	if len(d.Any) == 0 {
		return "all: " + d.Why
	}
	var all []string
	for _, c := range d.Any {
		all = append(all, c.Element+" is one of "+strings.ReplaceAll(strings.Join(codes(c), ", "), "|", `\|`))
	}
	return strings.Join(all, "; or ")
}

// used lists the elements that mapping and linkage look at.
func used(study *pipeline.Study, elements map[string][]string, typ string) string {
	if elements == nil {
		return "all that the profile keeps: the mapping reads elements whose place cannot be told"
	}
	all := map[string]bool{}
	for _, e := range elements[typ] {
		all[e] = true
	}
	for _, e := range imaging.Reads(typ) {
		all[e] = true
	}
	names := slices.Sorted(maps.Keys(all))
	if len(names) == 0 {
		return "none but those that decide about consent"
	}
	if names[0] == "*" {
		return "all that the profile keeps"
	}
	return strings.Join(names, ", ")
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }
