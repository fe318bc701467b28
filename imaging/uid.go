package imaging

import "strings"

// maxUID is the greatest length of a UID in characters (DICOM PS3.5, 9.1).
const maxUID = 64

// ParseUID reads a DICOM UID: numbers without leading zeros, joined by dots, at most 64 characters, at least two
// numbers (DICOM PS3.5, 9.1). A prefix urn:oid: in any case, spaces around it and padding do not count.
func ParseUID(text string) (uid string, ok bool) {
	_, uid = cutOID(trimPadding(text))
	if len(uid) > maxUID || !strings.Contains(uid, ".") {
		return "", false
	}
	for part := range strings.SplitSeq(uid, ".") {
		if part == "" || len(part) > 1 && part[0] == '0' || strings.Trim(part, "0123456789") != "" {
			return "", false
		}
	}
	return uid, true
}

// cutOID splits urn:oid: off, whose letters may have either case (RFC 8141, 3.1).
func cutOID(s string) (had bool, rest string) {
	const urn = "urn:oid:"
	if len(s) >= len(urn) && strings.EqualFold(s[:len(urn)], urn) {
		return true, trimPadding(s[len(urn):])
	}
	return false, s
}

// trimPadding cuts spaces, and the NUL that pads a UID to an even length (DICOM PS3.5, 6.2 and 9.1).
func trimPadding(s string) string { return strings.Trim(s, " \t\r\n\x00") }

// maxAccession bounds an accession number. DICOM allows 16 characters (PS3.5, 6.2: SH), hospitals write more.
const maxAccession = 64

// parseAccession reads an accession number. Refused is what the VR SH excludes (backslash and control characters), and
// the wildcards * and ?, which no PACS could be asked for exactly.
func parseAccession(text string) (number string, ok bool) {
	number = trimPadding(text)
	if number == "" || len(number) > maxAccession {
		return "", false
	}
	for _, c := range number {
		if c < 0x20 || c == 0x7f || c == '\\' || c == '*' || c == '?' || c == 0xfffd {
			return "", false
		}
	}
	return number, true
}

// isModality reports whether a code may be a Modality (0008,0060): the defined terms of DICOM PS3.3, C.7.3.1.1.1, are up
// to 10 capitals and digits. More may be a CS (PS3.5, 6.2), but would let other text through.
func isModality(code string) bool {
	return code != "" && len(code) <= 10 && strings.Trim(code, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") == ""
}
