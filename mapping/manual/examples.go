package manual

// Examples returns the examples of the reference. Their forms are those of the guide.
func Examples() []Example {
	return []Example{
		{"Example: the mean, and ties", []string{"mean", "ties", "later"}, `forms:
  lab:
    the_psa: {resource: Observation, where: code.coding.exists(code = '2857-1'), value: value, choose: mean}
    first_psa: {resource: Observation, where: code.coding.exists(code = '2857-1'), value: value, choose: min, ties: later}
`, `given:
  - {resourceType: Patient, id: p}
  - {resourceType: Observation, id: a, status: final, subject: {reference: Patient/p}, code: {coding: {code: 2857-1}}, effectiveDateTime: 2024-01-10, valueQuantity: {value: 1.2, code: ng/mL}}
  - {resourceType: Observation, id: b, status: final, subject: {reference: Patient/p}, code: {coding: {code: 2857-1}}, effectiveDateTime: 2024-02-10, valueQuantity: {value: 1500, code: pg/mL}}
expect:
  lab.the_psa: 1.35
  lab.first_psa: 1.20
`},
		{"Example: a list of codes", []string{"list", "memberOf"}, `lists:
  cancers: {prefixes: [C]}
forms:
  person:
    codes: {resource: Condition, where: "code.coding.exists(code.memberOf('cancers'))", value: code, choose: list}
`, `given:
  - {resourceType: Patient, id: p}
  - {resourceType: Condition, id: a, subject: {reference: Patient/p}, recordedDate: 2023-05-02, code: {coding: {code: C79.5}}}
  - {resourceType: Condition, id: b, subject: {reference: Patient/p}, recordedDate: 2022-01-20, code: {coding: {code: C61}}}
  - {resourceType: Condition, id: c, subject: {reference: Patient/p}, recordedDate: 2022-01-21, code: {coding: {code: I10}}}
expect:
  person.codes: C61; C79.5
`},
		{"Example: a factor, a formula, and a comparator that is kept", []string{"factor", "offset", "keep", "qualifier"}, `forms:
  lab:
    glucose: {resource: Observation, where: code.coding.exists(code = '2345-7'), value: value, factor: {from: mg/dL, factor: 0.0555}, choose: last}
    hba1c: {resource: Observation, where: code.coding.exists(code = '59261-8'), value: value, factor: {from: mmol/mol, factor: 0.09148, offset: 2.152}, choose: last}
    crp: {resource: Observation, where: code.coding.exists(code = '1988-5'), value: value, comparator: keep, qualifier: crp_sign, choose: last}
`, `given:
  - {resourceType: Patient, id: p}
  - {resourceType: Observation, id: a, status: final, subject: {reference: Patient/p}, code: {coding: {code: 2345-7}}, effectiveDateTime: 2024-01-10, valueQuantity: {value: 90, code: mg/dL}}
  - {resourceType: Observation, id: b, status: final, subject: {reference: Patient/p}, code: {coding: {code: 59261-8}}, effectiveDateTime: 2024-01-10, valueQuantity: {value: 53, code: mmol/mol}}
  - {resourceType: Observation, id: c, status: final, subject: {reference: Patient/p}, code: {coding: {code: 1988-5}}, effectiveDateTime: 2024-01-10, valueQuantity: {value: 5, comparator: "<", code: mg/L}}
expect:
  lab.glucose: 5.00
  lab.hba1c: 7.0
  lab.crp: 5.0
  lab.crp_sign: "<"
`},
		{"Example: parameters, visits, and an event of several rules", []string{"parameters", "visits", "earliest-of"}, `parameters:
  begin: {type: date, value: 2024-01-01}
events:
  progression:
    earliest-of:
      - {resource: Condition, where: code.coding.exists(code = 'C79.5'), value: recordedDate, choose: first}
      - {resource: Procedure, value: performed, choose: first}
visits:
  month3: {label: Three months after progression, event: progression, from: 76, to: 106}
forms:
  lab:
    results: {resource: Observation, where: effective.ofType(dateTime) >= %begin, choose: count}
    the_psa: {resource: Observation, where: code.coding.exists(code = '2857-1'), value: value, window: {visit: month3}, choose: first}
`, `given:
  - {resourceType: Patient, id: p}
  - {resourceType: Condition, id: c, subject: {reference: Patient/p}, recordedDate: 2024-02-01, code: {coding: {code: C79.5}}}
  - {resourceType: Procedure, id: d, status: completed, subject: {reference: Patient/p}, performedDateTime: 2024-01-20, code: {coding: {code: 5-604}}}
  - {resourceType: Observation, id: a, status: final, subject: {reference: Patient/p}, code: {coding: {code: 2857-1}}, effectiveDateTime: 2023-12-31, valueQuantity: {value: 1, code: ng/mL}}
  - {resourceType: Observation, id: b, status: final, subject: {reference: Patient/p}, code: {coding: {code: 2857-1}}, effectiveDateTime: 2024-04-05, valueQuantity: {value: 2, code: ng/mL}}
expect:
  lab.results: 1
  lab.the_psa: 2.00
`},
		{"Example: an item computed from other forms", []string{"expression"}, `forms:
  person:
    heavy: {derive: {expression: "%` + "`lab.weight`" + ` > 100"}}
  lab:
    weight: {resource: Observation, where: code.coding.exists(code = '29463-7'), value: value, choose: last}
`, `given:
  - {resourceType: Patient, id: p}
  - {resourceType: Observation, id: w, status: final, subject: {reference: Patient/p}, code: {coding: {code: 29463-7}}, effectiveDateTime: 2024-02-28, valueQuantity: {value: 112, code: kg}}
expect:
  person.heavy: true
`},
	}
}
