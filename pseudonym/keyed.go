package pseudonym

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"math/bits"
	"strings"
)

// Labels keep the kinds of keyed values apart: equal originals of different kinds have unrelated values. They are
// part of every issued value and never change.
const (
	labelResource   = "resource-id-v1"
	labelContained  = "contained-id-v1"
	labelURN        = "urn-v1"
	labelIdentifier = "identifier-v1"
	labelSystem     = "identifier-system-v1"
	labelAccession  = "accession-v1"
	labelUID        = "dicom-uid-v1"
	labelShift      = "date-shift-v1"
	labelInput      = "input-digest-v1"
)

// box hides a secret from fmt and reflection-based encoders: an unexported field is printed whatever its methods say,
// but never through two pointers.
type box struct{ bytes *[]byte }

func boxed(b []byte) *box { return &box{&b} }

// Format prints dots for every verb.
func (*box) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, dots) }

func (b *box) open() []byte { return *b.bytes }

// keyer computes keyed values: HMAC-SHA256(key, label 0x00 part 0x00 part …). It is not safe for concurrent use.
type keyer struct {
	mac hash.Hash
	buf []byte
	sum [sha256.Size]byte
	txt [32]byte
}

func newKeyer(key []byte) *keyer { return &keyer{mac: hmac.New(sha256.New, key)} }

func (k *keyer) digest(label string, parts ...string) []byte {
	k.buf = append(k.buf[:0], label...)
	for _, p := range parts {
		k.buf = append(append(k.buf, 0), p...)
	}
	k.mac.Reset()
	k.mac.Write(k.buf)
	return k.mac.Sum(k.sum[:0])
}

// base32Lower has the letters of RFC 4648 in lower case: all of them may stand in a FHIR id.
var base32Lower = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// id returns 160 bits as 32 letters and digits: a FHIR id that a case-blind system does not confuse.
func (k *keyer) id(label string, parts ...string) string {
	base32Lower.Encode(k.txt[:], k.digest(label, parts...)[:20])
	return string(k.txt[:])
}

// appendID appends what id returns.
func (k *keyer) appendID(dst []byte, label string, parts ...string) []byte {
	return base32Lower.AppendEncode(dst, k.digest(label, parts...)[:20])
}

// uuid returns a urn:uuid of version 8 (RFC 9562, 5.8: custom content).
func (k *keyer) uuid(label string, parts ...string) string {
	b := versioned(k.digest(label, parts...))
	h := hex.EncodeToString(b)
	return "urn:uuid:" + h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// appendUID appends the DICOM UID that stands for another: 2.25. and a UUID of version 8 as a decimal number (DICOM PS3.5,
// B.2: UUID derived UID), at most 44 characters. Padding (DICOM PS3.5, 9.1) does not count.
func (k *keyer) appendUID(dst []byte, original string) []byte {
	b := versioned(k.digest(labelUID, strings.TrimRight(strings.TrimSpace(original), "\x00 ")))
	return appendDecimal(append(dst, "2.25."...), binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:]))
}

// appendDecimal appends high * 2^64 + low, which is not 0, in decimal digits.
func appendDecimal(dst []byte, high, low uint64) []byte {
	var digits [39]byte
	i := len(digits)
	for high|low != 0 {
		var digit uint64
		high, digit = high/10, high%10
		low, digit = bits.Div64(digit, low, 10)
		i--
		digits[i] = byte('0' + digit) // #nosec G115 -- a remainder of ten
	}
	return append(dst, digits[i:]...)
}

// versioned sets the bits of a UUID's version 8 and variant in the first 16 bytes and returns those.
func versioned(b []byte) []byte {
	b = b[:16]
	b[6] = b[6]&0x0f | 0x80
	b[8] = b[8]&0x3f | 0x80
	return b
}

// days returns the subject's shift: -limit…-1 or 1…limit, all equally likely up to a bias below 2^-56.
func (k *keyer) days(limit int) int {
	n := int(binary.BigEndian.Uint64(k.digest(labelShift)) % uint64(2*limit)) // #nosec G115 -- limit is small and positive
	if n < limit {
		return n - limit
	}
	return n - limit + 1
}
