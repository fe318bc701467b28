// Package pseudonym takes the identity out of one patient's resources, and is the only way to mapping.
//
//   - A Profile says what may stay: an allow-list by resource type and path. What it does not list is dropped.
//   - A Veil applies a profile to a patient's consented resources and yields a Record. Mapping sees nothing else.
//   - A Subject is a patient in the study: a number, a site, and a secret that never leaves this package.
//   - A keyed value stands for an id, an identifier or a DICOM UID: HMAC-SHA256 under the subject's secret, with a
//     label per kind. Without the secret it can neither be recomputed nor tried out.
//   - The Vault holds the secrets and numbers, every value encrypted, and knows a patient only by a keyed hash of the
//     identifier. Whoever deletes a subject's row has deleted the link for good.
//   - A Key is the one secret that opens the vault.
//   - Dates says whether and how the days of a subject move.
package pseudonym
