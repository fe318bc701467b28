package synth

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"math"
	"slices"
	"strconv"
	"strings"
)

// attribute is one DICOM attribute. A sequence has items, everything else values as texts.
type attribute struct {
	tag    uint32
	vr     string
	values []string
	items  []dataset
}

// dataset is a set of attributes. They stand in the order of their tags once they are written.
type dataset []attribute

func (d *dataset) put(tag uint32, vr string, values ...string) {
	if len(values) > 0 && values[0] != "" {
		*d = append(*d, attribute{tag: tag, vr: vr, values: values})
	}
}

func (d *dataset) number(tag uint32, vr string, n float64) {
	d.put(tag, vr, strconv.FormatFloat(n, 'f', -1, 64))
}

func (d *dataset) sequence(tag uint32, items ...dataset) {
	*d = append(*d, attribute{tag: tag, vr: "SQ", items: items})
}

// code adds a code sequence.
func (d *dataset) code(tag uint32, value, system, meaning string) {
	var c dataset
	c.put(0x00080100, "SH", value)
	c.put(0x00080102, "SH", system)
	c.put(0x00080104, "LO", meaning)
	d.sequence(tag, c)
}

const tagFrameGroups = 0x52009230

// pixels adds frames of two by two pixels, so that programs that read images can.
func (d *dataset) pixels(frames int) {
	d.put(0x00280002, "US", "1")
	d.put(0x00280004, "CS", "MONOCHROME2")
	if frames > 1 {
		d.put(0x00280008, "IS", strconv.Itoa(frames))
	}
	d.put(0x00280010, "US", "2")
	d.put(0x00280011, "US", "2")
	d.put(0x00280100, "US", "16")
	d.put(0x00280101, "US", "16")
	d.put(0x00280102, "US", "15")
	d.put(0x00280103, "US", "0")
	d.put(0x7FE00010, "OW", slices.Repeat([]string{"1000"}, 4*frames)...)
}

func (d dataset) sorted() dataset {
	d = slices.Clone(d)
	slices.SortFunc(d, func(a, b attribute) int { return cmp.Compare(a.tag, b.tag) })
	return d
}

// json is the dataset in the DICOM JSON model (PS3.18, F.2), by tag.
func (d dataset) json() map[string]any {
	out := map[string]any{}
	for _, a := range d {
		values := []any{}
		for _, item := range a.items {
			values = append(values, item.json())
		}
		for _, v := range a.values {
			values = append(values, a.value(v))
		}
		out[hexadecimal(a.tag)] = map[string]any{"vr": a.vr, "Value": values}
	}
	return out
}

func (a *attribute) value(text string) any {
	switch a.vr {
	case "DS", "IS", "FD", "US", "UL":
		if n, err := strconv.ParseFloat(text, 64); err == nil {
			return n
		}
	case "PN":
		return map[string]any{"Alphabetic": text}
	}
	return text
}

func hexadecimal(tag uint32) string {
	text := strings.ToUpper(strconv.FormatUint(uint64(tag), 16))
	return strings.Repeat("0", 8-len(text)) + text
}

const (
	explicitLittleEndian = "1.2.840.10008.1.2.1"
	implementation       = "2.25.205612563158473215493785462319645831207" // drawn once; means this generator
)

// file is the dataset as a DICOM file (PS3.10, 7.1) in the transfer syntax Explicit VR Little Endian.
func (d dataset) file(class, instance string) []byte {
	var meta dataset
	meta.put(0x00020002, "UI", class)
	meta.put(0x00020003, "UI", instance)
	meta.put(0x00020010, "UI", explicitLittleEndian)
	meta.put(0x00020012, "UI", implementation)
	body := append(element(0x00020001, "OB", []byte{0, 1}), meta.bytes()...)
	b := append(make([]byte, 128), "DICM"...)
	b = append(b, element(0x00020000, "UL", binary.LittleEndian.AppendUint32(nil, uint32(len(body))))...) // #nosec G115 -- a few hundred
	return append(append(b, body...), d.bytes()...)
}

func (d dataset) bytes() []byte {
	var b bytes.Buffer
	for _, a := range d.sorted() {
		b.Write(element(a.tag, a.vr, a.bytes()))
	}
	return b.Bytes()
}

// bytes are the values as they stand in a file (PS3.5, 6.2).
func (a *attribute) bytes() (b []byte) {
	switch a.vr {
	case "SQ":
		for _, item := range a.items {
			text := item.bytes()
			b = binary.LittleEndian.AppendUint32(append(b, 0xfe, 0xff, 0x00, 0xe0), uint32(len(text))) // #nosec G115 -- far below 4 GB
			b = append(b, text...)
		}
		return b
	case "FD", "US", "UL", "OW":
		for _, v := range a.values {
			b = a.appendBinary(b, v)
		}
		return b
	}
	return []byte(strings.Join(a.values, `\`))
}

func (a *attribute) appendBinary(b []byte, text string) []byte {
	n, err := strconv.ParseFloat(text, 64)
	if err != nil {
		panic("a number of an invented image is none: " + text)
	}
	switch a.vr {
	case "FD":
		return binary.LittleEndian.AppendUint64(b, math.Float64bits(n))
	case "UL":
		return binary.LittleEndian.AppendUint32(b, uint32(n))
	}
	return binary.LittleEndian.AppendUint16(b, uint16(n))
}

// element writes one attribute with its VR and length (PS3.5, 7.1.2).
func element(tag uint32, vr string, value []byte) []byte {
	if len(value)%2 == 1 {
		pad := byte(' ')
		if vr == "UI" || vr == "OB" {
			pad = 0
		}
		value = append(slices.Clone(value), pad)
	}
	b := binary.LittleEndian.AppendUint16(nil, uint16(tag>>16)) // #nosec G115 -- the upper half
	b = binary.LittleEndian.AppendUint16(b, uint16(tag&0xffff)) // #nosec G115 -- the lower half
	b = append(b, vr...)
	switch vr {
	case "SQ", "OB", "OW", "UN":
		b = binary.LittleEndian.AppendUint32(append(b, 0, 0), uint32(len(value))) // #nosec G115 -- far below 4 GB
	default:
		b = binary.LittleEndian.AppendUint16(b, uint16(len(value))) // #nosec G115 -- values of such VRs are short
	}
	return append(b, value...)
}
