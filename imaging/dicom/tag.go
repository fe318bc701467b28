package dicom

import (
	"fmt"
	"strconv"
)

// Tag is group and element of an attribute, such as 0x00100020.
type Tag uint32

// The tags that linkage and its tables need.
const (
	SpecificCharacterSet  Tag = 0x00080005
	SOPClassUID           Tag = 0x00080016
	SOPInstanceUID        Tag = 0x00080018
	StudyDate             Tag = 0x00080020
	StudyTime             Tag = 0x00080030
	AccessionNumber       Tag = 0x00080050
	IssuerOfAccession     Tag = 0x00080051 // a sequence
	Modality              Tag = 0x00080060
	ModalitiesInStudy     Tag = 0x00080061
	TimezoneOffset        Tag = 0x00080201
	PatientName           Tag = 0x00100010
	PatientID             Tag = 0x00100020
	IssuerOfPatientID     Tag = 0x00100021
	PatientBirthDate      Tag = 0x00100030
	PatientSex            Tag = 0x00100040
	OtherPatientIDs       Tag = 0x00101002 // a sequence
	StudyInstanceUID      Tag = 0x0020000D
	SeriesInstanceUID     Tag = 0x0020000E
	FrameOfReferenceUID   Tag = 0x00200052
	SeriesInStudy         Tag = 0x00201206
	InstancesInStudy      Tag = 0x00201208
	InstancesInSeries     Tag = 0x00201209
	LocalNamespaceID      Tag = 0x00400031
	UniversalEntityID     Tag = 0x00400032
	UniversalEntityIDType Tag = 0x00400033
)

// ParseTag reads eight hexadecimal digits, as DICOM JSON writes tags.
func ParseTag(s string) (Tag, bool) {
	if len(s) != 8 {
		return 0, false
	}
	n, err := strconv.ParseUint(s, 16, 32)
	return Tag(n), err == nil
}

// String writes the tag as DICOM JSON does.
func (t Tag) String() string { return fmt.Sprintf("%08X", uint32(t)) }

// Group returns the first half of the tag.
func (t Tag) Group() uint16 { return uint16(t >> 16) } // #nosec G115 -- the upper 16 of 32 bits

// Private reports whether the attribute is a manufacturer's own: its group is odd.
func (t Tag) Private() bool { return t.Group()%2 == 1 }
