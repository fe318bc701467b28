package pet

import (
	"encoding/binary"
	"math"
	"strings"
	"time"

	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/imaging/dicom"
)

// The attributes that quantification reads, besides those of package dicom.
const (
	tagSeriesDate         dicom.Tag = 0x00080021
	tagAcquisitionDate    dicom.Tag = 0x00080022
	tagAcquisitionMoment  dicom.Tag = 0x0008002A
	tagSeriesTime         dicom.Tag = 0x00080031
	tagAcquisitionTime    dicom.Tag = 0x00080032
	tagManufacturer       dicom.Tag = 0x00080070
	tagCode               dicom.Tag = 0x00080100
	tagCodeSystem         dicom.Tag = 0x00080102
	tagModel              dicom.Tag = 0x00081090
	tagHeight             dicom.Tag = 0x00101020
	tagWeight             dicom.Tag = 0x00101030
	tagPharmaceutical     dicom.Tag = 0x00180031
	tagSliceThickness     dicom.Tag = 0x00180050
	tagSoftware           dicom.Tag = 0x00181020
	tagInjectedTime       dicom.Tag = 0x00181072
	tagDose               dicom.Tag = 0x00181074
	tagHalfLife           dicom.Tag = 0x00181075
	tagInjectedMoment     dicom.Tag = 0x00181078
	tagKernel             dicom.Tag = 0x00181210
	tagFrameDuration      dicom.Tag = 0x00181242
	tagPixelSpacing       dicom.Tag = 0x00280030
	tagCorrected          dicom.Tag = 0x00280051
	tagIntercept          dicom.Tag = 0x00281052
	tagSlope              dicom.Tag = 0x00281053
	tagMeasurementUnits   dicom.Tag = 0x004008EA
	tagRealWorld          dicom.Tag = 0x00409096
	tagRealWorldSlope     dicom.Tag = 0x00409225
	tagPharmaceuticals    dicom.Tag = 0x00540016
	tagNuclideCode        dicom.Tag = 0x00540300
	tagPharmaceuticalCode dicom.Tag = 0x00540304
	tagSeriesType         dicom.Tag = 0x00541000
	tagUnits              dicom.Tag = 0x00541001
	tagSUVType            dicom.Tag = 0x00541006
	tagDecayCorrection    dicom.Tag = 0x00541102
	tagReconstruction     dicom.Tag = 0x00541103
	tagFrameReference     dicom.Tag = 0x00541300
)

// Creators of private blocks.
const (
	creatorGE      = "GEMS_PETD_01"
	creatorSiemens = "SIEMENS MED PT"
	creatorPhilips = "Philips PET Private Group"
)

// Read takes what the headers of a series' images say. Times without an offset from UTC are of the images' own offset, or
// else of the site's time zone. An image with many frames gives a slice for each.
func Read(modality string, images []dicom.Dataset, zone *time.Location) Series {
	s := Series{Modality: modality, Slices: make([]Slice, 0, len(images))}
	for i := range images {
		s.Slices = append(s.Slices, readImage(&images[i], zone)...)
	}
	return s
}

func newReader(d *dicom.Dataset, zone *time.Location) *reader {
	r := &reader{d: d, zone: zone}
	if offset, ok := dicom.ParseOffset(d.Text(dicom.TimezoneOffset)); ok {
		r.zone, r.stated = time.FixedZone("", int(offset/time.Second)), true
	}
	return r
}

// slice reads an image of one plane.
func (r *reader) slice() Slice {
	s := r.described()
	agents := r.d.Items(tagPharmaceuticals)
	if s.SeveralAgents = len(agents) > 1; len(agents) == 1 {
		r.info = agents[0]
	}
	r.injection(&s)
	return s
}

// described is what an image says besides what was injected.
func (r *reader) described() Slice {
	d := r.d
	return Slice{
		Units: d.Text(tagUnits), SUVType: d.Text(tagSUVType), DecayCorrection: d.Text(tagDecayCorrection), SeriesType: d.Text(tagSeriesType),
		Corrected: d.Texts(tagCorrected), Sex: d.Text(dicom.PatientSex),
		Slope: r.number(tagSlope), Intercept: r.number(tagIntercept), Weight: r.number(tagWeight), Height: r.number(tagHeight),
		FrameReference: r.number(tagFrameReference), FrameDuration: r.number(tagFrameDuration),
		SeriesStart: r.at(tagSeriesDate, tagSeriesTime), Acquired: r.acquired(),
		Manufacturer: label(d.Text(tagManufacturer)), Model: label(d.Text(tagModel)), Software: label(strings.Join(d.Texts(tagSoftware), " ")),
		Reconstruction: label(d.Text(tagReconstruction)), Kernel: label(d.Text(tagKernel)), Spacing: r.spacing(), RealWorld: r.realWorld(), Vendor: r.vendor(),
	}
}

type reader struct {
	d      *dicom.Dataset
	info   dicom.Dataset // what was injected
	zone   *time.Location
	stated bool // the image states its offset from UTC
}

func (r *reader) number(t dicom.Tag) Number {
	v, ok := r.d.Number(t)
	return Number{v, ok}
}

// injection reads what was injected, how much and when.
func (r *reader) injection(s *Slice) {
	info := &reader{d: &r.info, zone: r.zone, stated: r.stated}
	s.Dose, s.HalfLife = info.number(tagDose), info.number(tagHalfLife)
	s.TracerText = r.info.Text(tagPharmaceutical)
	s.Tracers, s.Nuclides = codes(r.info.Items(tagPharmaceuticalCode)), codes(r.info.Items(tagNuclideCode))
	if m, ok := r.info.Moment(tagInjectedMoment); ok {
		s.Injected = r.moment(m)
		s.MixedZones = m.HasOffset && !r.stated
	}
	if clock, ok := r.info.Clock(tagInjectedTime); ok {
		s.InjectedClock = onDay(fhir.NewDay(2000, 1, 1), clock, r.zone)
	}
}

func (r *reader) moment(m dicom.Moment) time.Time {
	zone := r.zone
	if m.HasOffset {
		zone = time.FixedZone("", int(m.Offset/time.Second))
	}
	return onDay(m.Day, m.Clock, zone)
}

func (r *reader) at(date, clock dicom.Tag) time.Time {
	day, ok1 := r.d.Day(date)
	since, ok2 := r.d.Clock(clock)
	if !ok1 || !ok2 {
		return time.Time{}
	}
	return onDay(day, since, r.zone)
}

func (r *reader) acquired() time.Time {
	if at := r.at(tagAcquisitionDate, tagAcquisitionTime); !at.IsZero() {
		return at
	}
	if m, ok := r.d.Moment(tagAcquisitionMoment); ok {
		return r.moment(m)
	}
	return time.Time{}
}

// onDay is a clock time of a day: on the nights when clocks are changed, what the clock on the wall showed.
func onDay(day fhir.Day, clock time.Duration, zone *time.Location) time.Time {
	y, m, d := day.Date()
	return time.Date(y, time.Month(m), d, 0, 0, int(clock/time.Second), int(clock%time.Second), zone)
}

func (r *reader) vendor() Vendor {
	return Vendor{
		Reference: r.reference(), SUVFactor: r.private(0x7053, creatorPhilips, 0x00), ActivityFactor: r.private(0x7053, creatorPhilips, 0x09),
		Measured: r.private(0x0009, creatorGE, 0x38), MeasuredAt: r.privateMoment(0x0009, creatorGE, 0x39),
		Residual: r.private(0x0009, creatorGE, 0x3C), ResidualAt: r.privateMoment(0x0009, creatorGE, 0x3D),
	}
}

// reference is the moment to which the vendor says that decay was corrected. GE states the start of the scan.
func (r *reader) reference() time.Time {
	if at := r.privateMoment(0x0009, creatorGE, 0x0D); !at.IsZero() {
		return at
	}
	return r.privateMoment(0x0071, creatorSiemens, 0x22)
}

func (r *reader) private(group uint16, creator string, element byte) Number {
	e, ok := r.d.Private(group, creator, element)
	if !ok {
		return Number{}
	}
	if v, ok := e.Number(); ok {
		return Number{v, true}
	}
	// A PACS that does not know the attribute sends the bytes of the file: of an FL four, least significant first.
	if b, ok := e.Binary(); ok && len(b) == 4 {
		return Num(float64(math.Float32frombits(binary.LittleEndian.Uint32(b))))
	}
	return Number{}
}

func (r *reader) privateMoment(group uint16, creator string, element byte) time.Time {
	e, ok := r.d.Private(group, creator, element)
	if !ok {
		return time.Time{}
	}
	m, ok := dicom.ParseMoment(e.Text())
	if !ok {
		return time.Time{}
	}
	return r.moment(m)
}

func (r *reader) spacing() Voxel {
	v := Voxel{}
	if both, ok := r.d.Numbers(tagPixelSpacing); ok && len(both) == 2 {
		v.Row, v.Column = both[0], both[1]
	}
	v.Slice, _ = r.d.Number(tagSliceThickness)
	return v
}

// realWorld is the slope of a mapping into Bq/ml.
func (r *reader) realWorld() Number {
	for _, mapping := range r.d.Items(tagRealWorld) {
		unit := mapping.Item(tagMeasurementUnits)
		if !strings.EqualFold(unit.Text(tagCode), "Bq/ml") {
			continue
		}
		slope, ok := mapping.Number(tagRealWorldSlope)
		return Number{slope, ok}
	}
	return Number{}
}

// codes reads a code sequence. Older names of a system become the one of today.
func codes(items []dicom.Dataset) (all []Code) {
	for _, item := range items {
		system := item.Text(tagCodeSystem)
		switch system {
		case "SNM3", "99SDM", "SNOMED-RT":
			system = "SRT"
		case "NCIT":
			system = "NCIt"
		}
		if value := item.Text(tagCode); value != "" {
			all = append(all, Code{system, value})
		}
	}
	return all
}

// longestLabel is the length of the VR LO, the longest of the texts that describe a scanner.
const longestLabel = 64

// label returns a text that describes a scanner or a reconstruction. One that could be anything else is not shown.
func label(text string) string {
	if len(text) > longestLabel || strings.ContainsFunc(text, func(c rune) bool { return c < ' ' || c > '~' }) {
		return ""
	}
	return text
}
