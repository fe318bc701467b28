// Package parquet writes the rows of a view as an Apache Parquet file.
//
// The file's columns are the view's, in its order, and all may be null. Their types follow the default mapping of SQL on
// FHIR v2: numbers without a fraction are INT32 or INT64, an instant is a TIMESTAMP in microseconds of UTC, base64Binary
// is BYTE_ARRAY, all else is a STRING: decimals, which so stay exact, dates of any precision, and JSON of what has
// members. A column that is a collection is a LIST.
//
// The same rows give the same bytes.
package parquet
