package fakeredcap

import "fmt"

// Large returns a made-up design as large as those of the German COVID-19 studies: forms with as many fields each, with dates
// of the German order and decimal commas. The first form also holds the record ID; every third one repeats.
func Large(forms, fields int) Design {
	kinds := []Field{
		{Type: "text", Validation: "date_dmy", Label: "Datum"},
		{Type: "text", Validation: "number_comma_decimal", Label: "Messwert"},
		{Type: "text", Validation: "number_1dp_comma_decimal", Label: "Temperatur"},
		{Type: "text", Validation: "integer", Label: "Anzahl", Min: "0", Max: "300"},
		{Type: "radio", Choices: "1, Ja | 0, Nein | -1, Unbekannt", Label: "Vorerkrankung"},
		{Type: "yesno", Label: "Beatmet"},
		{Type: "checkbox", Choices: "1,Husten|2,Fieber|-4,Keine Angabe, ungefragt", Label: "Symptome"},
		{Type: "text", Validation: "datetime_dmy", Label: "Aufnahme"},
		{Type: "dropdown", Choices: "a, Ambulant | s, Stationär | i, Intensiv", Label: "Versorgung"},
		{Type: "text", Validation: "number_2dp", Label: "Laborwert", Annotation: "@FORCE-MINMAX", Min: "0", Max: "999"},
		{Type: "text", Label: "Freitext"},
		{Type: "notes", Label: "Bemerkung"},
	}
	d := Design{Title: "Large", Fields: []Field{{Name: "record_id", Form: "form_01", Type: "text", Label: "Record ID"}}}
	for form := range forms {
		name := fmt.Sprintf("form_%02d", form+1)
		for i := range fields {
			f := kinds[i%len(kinds)]
			f.Form, f.Name = name, fmt.Sprintf("f%02d_%03d", form+1, i+1)
			d.Fields = append(d.Fields, f)
		}
		if form%3 == 2 {
			d.Repeating = append(d.Repeating, Repeating{Form: name})
		}
	}
	return d
}
