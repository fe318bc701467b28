package workbook

import (
	"strconv"
	"strings"
	"unicode/utf16"

	"github.com/xuri/excelize/v2"

	"github.com/crflink/crflink/ecrf"
)

// exactDigits is how many digits a number of a spreadsheet holds exactly.
const exactDigits = 15

// valueOf returns a text as what its cell holds: a canonical text, or the number or boolean that was read back from a sheet.
func valueOf(t ecrf.Type, text string) any {
	switch {
	case text == "":
		return nil
	case t == ecrf.Boolean:
		return text == "true" || text == "1"
	case t != ecrf.Integer && t != ecrf.Decimal || digits(text) > exactDigits:
		return text
	case t == ecrf.Integer:
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			return n
		}
		return text
	}
	if n, err := strconv.ParseFloat(text, 64); err == nil {
		return n
	}
	return text
}

func digits(number string) int {
	return len(strings.NewReplacer("-", "", ".", "").Replace(number))
}

// fitting returns a text that a cell can hold, and whether it was cut for that.
func fitting(text string) (string, bool) {
	const most = excelize.TotalCellChars
	if len(text) <= most || len(utf16.Encode([]rune(text))) <= most {
		return text, false
	}
	units := 0
	for i, r := range text {
		if units += utf16.RuneLen(r); units > most-1 {
			return text[:i] + "…", true
		}
	}
	return text, false
}

// sheetName shortens a table's name to what a sheet may be called; names that are shortened end in their number.
func sheetName(table string, n int) string {
	const most = excelize.MaxSheetNameLength
	if len(table) <= most {
		return table
	}
	end := "~" + strconv.Itoa(n)
	return table[:most-len(end)] + end
}
