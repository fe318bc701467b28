package pseudonym

import (
	"crypto/rand"
	"fmt"
	"math/big"
	"strings"
)

// NumberFormat is how crflink writes the subject numbers that it issues: a prefix, random digits and a check digit.
type NumberFormat struct {
	Prefix string // such as "PSMA-"; letters, digits and -
	Digits int    // random digits, 4 to 12; 0 is DefaultDigits
}

// DefaultDigits leave room for 10 million subjects.
const DefaultDigits = 7

func (f NumberFormat) check() (NumberFormat, error) {
	if f.Digits == 0 {
		f.Digits = DefaultDigits
	}
	if f.Digits < 4 || f.Digits > 12 {
		return f, fmt.Errorf("subject numbers: %d digits, there must be from 4 to 12", f.Digits)
	}
	if f.Prefix == "" {
		return f, nil
	}
	return f, checkNumber(f.Prefix)
}

func (f NumberFormat) issue() (string, error) {
	f, err := f.check()
	if err != nil {
		return "", err
	}
	limit := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(f.Digits)), nil)
	n, err := rand.Int(rand.Reader, limit)
	if err != nil {
		return "", fmt.Errorf("issue a subject number: %w", err)
	}
	digits := fmt.Sprintf("%0*d", f.Digits, n)
	return f.Prefix + digits + string(damm(digits)), nil
}

// Valid reports whether a number has the format and its check digit is right. Every single wrong digit and every
// swap of neighbours is found.
func (f NumberFormat) Valid(number string) bool {
	f, err := f.check()
	if err != nil {
		return false
	}
	digits, ok := strings.CutPrefix(number, f.Prefix)
	if !ok || len(digits) != f.Digits+1 || strings.Trim(digits, "0123456789") != "" {
		return false
	}
	return damm(digits[:f.Digits]) == digits[f.Digits]
}

// dammTable is the totally anti-symmetric quasigroup of order 10 (H. M. Damm, Total anti-symmetrische Quasigruppen,
// Marburg 2004).
var dammTable = [10]string{
	"0317598642", "7092154863", "4206871359", "1750983426", "6123045978",
	"3674209581", "5869720134", "8945362017", "9438617205", "2581436790",
}

// damm returns the check digit of a text of decimal digits.
func damm(digits string) byte {
	c := byte('0')
	for i := range len(digits) {
		c = dammTable[c-'0'][digits[i]-'0']
	}
	return c
}

// checkNumber refuses what cannot stand in every target: subject numbers are 1 to 64 letters, digits, and - _ . /
func checkNumber(number string) error {
	if number == "" || len(number) > 64 {
		return fmt.Errorf("subject number: %d characters, there must be from 1 to 64", len(number))
	}
	for _, c := range []byte(number) {
		if !(c-'0' <= 9 || c|0x20 >= 'a' && c|0x20 <= 'z' || strings.IndexByte("-_./", c) >= 0) {
			return fmt.Errorf("subject number: it has a character that is not a letter, a digit or one of - _ . /")
		}
	}
	return nil
}
