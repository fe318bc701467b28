// Package wire is the one HTTP client. It alone knows resty.
//
//   - A Reader asks servers for data: GET, and POST of a search (`_search`), and nothing else can be sent with it.
//   - An Operator calls operations of trust-centre services: those that it was made for by name, and nothing else can be
//     sent with it. What it calls must bear repetition.
//   - An attempt is one request with the reading of its whole answer. Attempts that fail in passing (429, 5xx, time-outs,
//     answers that break off) are repeated with growing, jittered pauses, or after what Retry-After says.
//   - An identity says who asks: by the same words always, or by a token that is replaced before it is over, and once when it
//     is refused. A client gets tokens by a secret, or by signing with a private key (SMART Backend Services).
//   - A Secret prints as dots wherever it is printed.
//
// A request goes to the configured host or nowhere: links and redirects to other hosts are refused, because the
// credentials would go with them. TLS certificates are always verified.
package wire
