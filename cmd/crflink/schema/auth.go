package schema

func auth() node {
	return object(map[string]node{
		"user": text(), "password-env": text(), "password-file": text().said("a file of mode 0600"),
		"token-env": text(), "token-file": text().said("a file of mode 0600"), "oauth": oauth(),
		"ca":          text().said("certificates of the authorities to trust, in PEM, instead of the system's"),
		"certificate": text().said("this client's certificate in PEM, with certificate-key"), "certificate-key": text().said("its private key in PEM, a file of mode 0600"),
		"proxy": text().said("the URL of an HTTP proxy"),
	}).said("how the server is entered: user, token or oauth, or nobody asks")
}

func oauth() node {
	return object(map[string]node{
		"token-url": text().said("where the authorisation server gives tokens"), "client": text().said("this client's id there"),
		"secret-env": text(), "secret-file": text().said("a file of mode 0600"),
		"key":      text().said("this client's private key, PEM or JWK, RSA or P-384, a file of mode 0600 (SMART Backend Services)"),
		"key-id":   text().said("the key's id at the authorisation server; left out: its thumbprint"),
		"audience": text().said("whom a signed assertion is for; left out: token-url"), "scopes": some(text()),
	}, "token-url", "client")
}
