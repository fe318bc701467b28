package pseudonym

// issued are keyed values under the key "testkey" ("test" for hmac).
var issued = map[string]string{
	"hmac":       "098fe201710ca56e73dfb56cb0c610a66900add818c6d625b44b91eaafe79022",
	"resource":   "wsnfaotvsfzwvsrwlhhvsuf6cmjc4pll",
	"contained":  "wqpbgccrtqemb7qyhrdspc4wdwkzh5bq",
	"identifier": "467upfvx6q4zkryzu6qhh75gesygukir",
	"accession":  "nerumn46sql5z6laflqzzknrvomutgqb",
	"urn":        "urn:uuid:55a1b375-bc25-8485-b9b0-6a6dabf30796",
	"days":       "29",
}
