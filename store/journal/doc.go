// Package journal stores the journal of withdrawals in a file of lines that is only ever written at its end.
//
// Each line is on disk before the call returns. What a killed process left of a line is cut off by the next one that opens
// the file.
package journal
