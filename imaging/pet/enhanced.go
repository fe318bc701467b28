package pet

import (
	"slices"
	"strings"
	"time"

	"github.com/crflink/crflink/imaging/dicom"
)

// SOP classes of objects that have many frames in one instance (PS3.6, table A-1).
const (
	classEnhanced  = "1.2.840.10008.5.1.4.1.1.130"   // Enhanced PET Image Storage
	classConverted = "1.2.840.10008.5.1.4.1.1.128.1" // Legacy Converted Enhanced PET Image Storage
)

// The attributes of enhanced objects (PS3.3, A.56 and C.8.22).
const (
	tagSharedGroups      dicom.Tag = 0x52009229
	tagFrameGroups       dicom.Tag = 0x52009230
	tagFrameContent      dicom.Tag = 0x00209111
	tagPixelMeasures     dicom.Tag = 0x00289110
	tagPETReconstruction dicom.Tag = 0x00189749
	tagAgentUsage        dicom.Tag = 0x00189737

	tagAgentNumber        dicom.Tag = 0x00189729
	tagFrameMoment        dicom.Tag = 0x00189074
	tagFrameAcquisition   dicom.Tag = 0x00189220 // ms
	tagTemporalPosition   dicom.Tag = 0x00209128
	tagCardiacTechnique   dicom.Tag = 0x00189037
	tagDecayMoment        dicom.Tag = 0x00189701
	tagDecayCorrected     dicom.Tag = 0x00189758
	tagAttenuation        dicom.Tag = 0x00189759
	tagAlgorithm          dicom.Tag = 0x00189315
	tagIterations         dicom.Tag = 0x00189739
	tagSubsets            dicom.Tag = 0x00189740
	tagRealWorldIntercept dicom.Tag = 0x00409224
)

// flags are the corrections that an enhanced object states one by one, under the names that Corrected Image has for them
// (PS3.3, C.8.22.6).
var flags = []struct {
	tag  dicom.Tag
	name string
}{
	{tagAttenuation, "ATTN"},
	{tagDecayCorrected, "DECY"},
	{0x00189760, "SCAT"},
	{0x00189761, "DTIM"},
	{0x00189762, "MOTN"},
	{0x00189763, "PMOT"},
	{0x00189764, "CLN"},
	{0x00189765, "RAN"},
	{0x00189766, "RADL"},
	{0x00189767, "DCAL"},
	{0x00189768, "NORM"},
}

// quantities are the units of a real world value mapping (PS3.16, CID 84 and 85), the most useful first: what the values of a
// plain series would be called. A plain g/ml does not say of which SUV it is.
var quantities = []struct{ code, units, kind string }{
	{"Bq/ml", "BQML", ""},
	{"{SUVbw}g/ml", "GML", "BW"},
	{"{SUVlbm}g/ml", "GML", "LBM"},
	{"{SUVibw}g/ml", "GML", "IBW"},
	{"{SUVbsa}cm2/ml", "CM2ML", "BSA"},
	{"g/ml", "GML", "UNSTATED"},
	{"cm2/ml", "CM2ML", "BSA"},
	{"{counts}", "CNTS", ""},
	{"{counts}/s", "CPS", ""},
	{"{propcounts}", "PROPCNTS", ""},
	{"{propcounts}/s", "PROPCPS", ""},
}

// enhanced reads an object that has many frames.
type enhanced struct {
	*reader
	shared dicom.Dataset
}

// frames returns a slice for each frame. What a frame states for itself comes before what all frames share.
func (e *enhanced) frames() []Slice {
	common := e.common()
	groups := e.d.Items(tagFrameGroups)
	all := make([]Slice, 0, len(groups))
	dynamic, first := false, ""
	for i := range groups {
		s := common
		e.frame(&s, &groups[i])
		all = append(all, s)
		at := groups[i].Item(tagFrameContent)
		position := at.Text(tagTemporalPosition)
		dynamic = dynamic || i > 0 && position != first
		first = position
	}
	if dynamic {
		for i := range all {
			all[i].SeriesType = "DYNAMIC"
		}
	}
	return all
}

// common is what all frames have in common.
func (e *enhanced) common() Slice {
	s := e.described()
	s.Enhanced, s.Corrected = true, nil
	for _, f := range flags {
		if e.d.Text(f.tag) == "YES" {
			s.Corrected = append(s.Corrected, f.name)
		}
	}
	s.Unattenuated = e.d.Text(tagAttenuation) == "NO"
	switch e.d.Text(tagDecayCorrected) {
	case "YES":
		s.DecayCorrection = corrected
		if m, ok := e.d.Moment(tagDecayMoment); ok {
			s.CorrectedTo = e.moment(m)
		}
	case "NO":
		s.DecayCorrection = "NONE"
	}
	if technique := e.d.Text(tagCardiacTechnique); technique != "" && technique != "NONE" {
		s.SeriesType = "GATED"
	}
	return s
}

// frame adds what a frame states.
func (e *enhanced) frame(s *Slice, own *dicom.Dataset) {
	content := e.group(own, tagFrameContent)
	if m, ok := content.Moment(tagFrameMoment); ok {
		s.Acquired = e.moment(m)
	}
	in := &reader{d: &content}
	s.FrameDuration = in.number(tagFrameAcquisition)
	measures := e.group(own, tagPixelMeasures)
	s.Spacing = (&reader{d: &measures}).spacing()
	e.reconstruction(s, e.group(own, tagPETReconstruction))
	e.values(s, e.groups(own, tagRealWorld))
	e.agent(s, e.groups(own, tagAgentUsage))
}

// groups returns the items of a functional group: the frame's own, else the shared ones (PS3.3, C.7.6.16).
func (e *enhanced) groups(own *dicom.Dataset, t dicom.Tag) []dicom.Dataset {
	if items := own.Items(t); len(items) > 0 {
		return items
	}
	return e.shared.Items(t)
}

func (e *enhanced) group(own *dicom.Dataset, t dicom.Tag) dicom.Dataset {
	if items := e.groups(own, t); len(items) > 0 {
		return items[0]
	}
	return dicom.Dataset{}
}

// values reads in which units a frame's values are. A real world value mapping is of the stored values, whatever the pixel value
// transformation is for display (PS3.3, C.7.6.16.2.11), and this class must have one (A.56.4).
func (*enhanced) values(s *Slice, mappings []dicom.Dataset) {
	s.Units, s.SUVType, s.Slope, s.Intercept = "", "", Number{}, Number{}
	for _, q := range quantities {
		i := slices.IndexFunc(mappings, func(m dicom.Dataset) bool {
			unit := m.Item(tagMeasurementUnits)
			return unit.Text(tagCode) == q.code
		})
		if i < 0 {
			continue
		}
		in := &reader{d: &mappings[i]}
		s.Units, s.SUVType = q.units, q.kind
		s.Slope, s.Intercept = in.number(tagRealWorldSlope), in.number(tagRealWorldIntercept)
		return
	}
	if len(mappings) > 0 {
		s.Units = "OTHER"
	}
}

// agent reads what was injected for the frame. Of several radiopharmaceuticals the frame names its own by number (PS3.3, C.8.22.4
// and C.8.22.5.6).
func (e *enhanced) agent(s *Slice, usage []dicom.Dataset) {
	agents := e.d.Items(tagPharmaceuticals)
	if len(agents) > 1 && len(usage) == 1 {
		number := usage[0].Text(tagAgentNumber)
		agents = slices.DeleteFunc(slices.Clone(agents), func(a dicom.Dataset) bool { return number == "" || a.Text(tagAgentNumber) != number })
	}
	s.SeveralAgents = len(agents) > 1 || len(usage) > 1
	if len(agents) == 0 || s.SeveralAgents {
		return
	}
	r := *e.reader
	r.info = agents[0]
	r.injection(s)
}

// reconstruction names algorithm, iterations and subsets.
func (*enhanced) reconstruction(s *Slice, d dicom.Dataset) {
	parts := []string{d.Text(tagAlgorithm)}
	if n := d.Text(tagIterations); n != "" {
		parts = append(parts, n+"i")
	}
	if n := d.Text(tagSubsets); n != "" {
		parts = append(parts, n+"s")
	}
	s.Reconstruction = label(strings.TrimSpace(strings.Join(parts, " ")))
}

// readImage returns the slices of an image: one, or one for each frame.
func readImage(d *dicom.Dataset, zone *time.Location) []Slice {
	switch r := newReader(d, zone); d.Text(dicom.SOPClassUID) {
	case classConverted:
		return []Slice{{Converted: true}}
	case classEnhanced:
		e := enhanced{reader: r, shared: d.Item(tagSharedGroups)}
		return e.frames()
	default:
		return []Slice{r.slice()}
	}
}
