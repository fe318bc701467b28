package synth

// Code systems, identifier systems and canonicals of the resources.
const (
	mii = "https://www.medizininformatik-initiative.de/fhir/"

	sysV2      = "http://terminology.hl7.org/CodeSystem/v2-0203"
	sysLOINC   = "http://loinc.org"
	sysSCT     = "http://snomed.info/sct"
	sysICD     = "http://fhir.de/CodeSystem/bfarm/icd-10-gm"
	sysOldICD  = "http://fhir.de/CodeSystem/dimdi/icd-10-gm"
	sysOPS     = "http://fhir.de/CodeSystem/bfarm/ops"
	sysATC     = "http://fhir.de/CodeSystem/bfarm/atc"
	sysWHOATC  = "http://www.whocc.no/atc"
	sysUCUM    = "http://unitsofmeasure.org"
	sysDCM     = "http://dicom.nema.org/resources/ontology/DCM"
	sysNCIt    = "http://ncicb.nci.nih.gov/xml/owl/EVS/Thesaurus.owl"
	sysUICC    = "https://www.uicc.org/resources/tnm"
	sysLevel   = "http://fhir.de/CodeSystem/Kontaktebene"
	sysKind    = "http://fhir.de/CodeSystem/kontaktart-de"
	sysActCode = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
	sysVital   = mii + "core/modul-person/CodeSystem/Vitalstatus"
	sysECOG    = mii + "ext/modul-onko/CodeSystem/mii-cs-onko-allgemeiner-leistungszustand-ecog"
	sysMethod  = mii + "ext/modul-onko/CodeSystem/mii-cs-onko-strahlentherapie-applikationsart"
	sysPolicy  = "urn:oid:2.16.840.1.113883.3.1937.777.24.5.3"
	sysAbsent  = "http://terminology.hl7.org/CodeSystem/data-absent-reason"

	hospital  = "https://hospital.example/fhir/sid/"
	sysPID    = hospital + "pid"
	sysKVNR   = "http://fhir.de/sid/gkv/kvid-10"
	sysResult = hospital + "lab-result"
	sysVisit  = hospital + "visit"
	sysOrder  = hospital + "order"
	sysACSN   = hospital + "accession"
	// sysSubject is the system of the study numbers (configs/psma-registry/study.yaml).
	sysSubject      = "https://psma-registry.example/fhir/sid/subject"
	sysOtherSubject = "https://other-study.example/fhir/sid/subject"

	profPatient   = mii + "core/modul-person/StructureDefinition/Patient"
	profVital     = mii + "core/modul-person/StructureDefinition/Vitalstatus"
	profEncounter = mii + "core/modul-fall/StructureDefinition/KontaktGesundheitseinrichtung"
	profCondition = mii + "core/modul-diagnose/StructureDefinition/Diagnose"
	profProcedure = mii + "core/modul-prozedur/StructureDefinition/Procedure"
	profLab       = mii + "core/modul-labor/StructureDefinition/ObservationLab"
	profMed       = mii + "core/modul-medikation/StructureDefinition/"
	profConsent   = mii + "modul-consent/StructureDefinition/mii-pr-consent-einwilligung"
	profProband   = mii + "modul-studie/StructureDefinition/mii-pr-studie-proband"
	profOnko      = mii + "ext/modul-onko/StructureDefinition/mii-pr-onko-"
	profImage     = mii + "ext/modul-bildgebung/StructureDefinition/mii-pr-bildgebung-"
	extOnko       = mii + "ext/modul-onko/StructureDefinition/mii-ex-onko-"
	extImage      = mii + "ext/modul-bildgebung/StructureDefinition/mii-ex-bildgebung-"

	// hashSystem is what the ids of some ImagingStudies are a hash of, before a bar and the study UID.
	hashSystem = hospital + "imagingstudy-id"
)
