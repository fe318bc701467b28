package pipeline

import (
	"net"
	"net/url"

	"github.com/crflink/crflink/internal/finding"
	"github.com/crflink/crflink/internal/yamldoc"
)

// AuthSpec says how a server is entered.
type AuthSpec struct {
	User            string
	Password, Token SecretSpec
	OAuth           *OAuthSpec // nil: no tokens are got

	CA, Certificate, CertificateKey string // PEM files
	Proxy                           string
}

// SecretSpec names the environment variable or the file that holds a secret; at most one is set.
type SecretSpec struct{ Env, File string }

// IsZero reports whether there is no secret.
func (s SecretSpec) IsZero() bool { return s == SecretSpec{} }

// OAuthSpec says how tokens are got: by a secret, or by signing with a private key.
type OAuthSpec struct {
	TokenURL, Client     string
	Secret               SecretSpec
	Key, KeyID, Audience string
	Scopes               []string
}

// auth reads how the server at an address is entered.
func (l *loader) auth(v, address yamldoc.Value) AuthSpec {
	f := v.Fields("user", "password-env", "password-file", "token-env", "token-file", "oauth", "ca", "certificate", "certificate-key", "proxy")
	a := AuthSpec{
		User: f["user"].Text(), Password: l.secret(v, f, "password"), Token: l.secret(v, f, "token"), OAuth: l.oauth(f["oauth"]),
		CA: l.path(f["ca"].Text()), Certificate: l.path(f["certificate"].Text()), CertificateKey: l.path(f["certificate-key"].Text()), Proxy: f["proxy"].Text(),
	}
	ways := 0
	for _, given := range []bool{a.User != "", !a.Token.IsZero(), a.OAuth != nil} {
		if given {
			ways++
		}
	}
	if ways > 1 {
		v.Errorf("", "user, token and oauth are three ways to say who asks: only one of them can be used")
	}
	if (a.User == "") != a.Password.IsZero() {
		v.Errorf("user: NAME with password-env: VARIABLE or password-file: FILE", "a user and a password belong together")
	}
	if (a.Certificate == "") != (a.CertificateKey == "") {
		v.Errorf("", "certificate and certificate-key belong together")
	}
	if ways > 0 {
		l.inClear(address)
	}
	if a.OAuth != nil {
		l.inClear(f["oauth"].Fields("token-url", "client", "secret-env", "secret-file", "key", "key-id", "audience", "scopes")["token-url"])
	}
	return a
}

func (l *loader) secret(v yamldoc.Value, f map[string]yamldoc.Value, name string) SecretSpec {
	return ReadSecret(v, f, name, l.path)
}

// ReadSecret reads where a secret is: NAME-env or NAME-file of the fields. path resolves paths.
func ReadSecret(v yamldoc.Value, f map[string]yamldoc.Value, name string, path func(string) string) SecretSpec {
	s := SecretSpec{Env: f[name+"-env"].Text(), File: path(f[name+"-file"].Text())}
	if s.Env != "" && s.File != "" {
		v.Errorf("", "only one of %[1]s-env and %[1]s-file can be used", name)
	}
	return s
}

func (l *loader) oauth(v yamldoc.Value) *OAuthSpec {
	if !v.Exists() {
		return nil
	}
	f := v.Fields("token-url", "client", "secret-env", "secret-file", "key", "key-id", "audience", "scopes")
	o := &OAuthSpec{
		TokenURL: l.required(v, f, "token-url"), Client: l.required(v, f, "client"), Secret: l.secret(v, f, "secret"),
		Key: l.path(f["key"].Text()), KeyID: f["key-id"].Text(), Audience: f["audience"].Text(), Scopes: f["scopes"].Texts(),
	}
	if o.Secret.IsZero() == (o.Key == "") {
		v.Errorf("secret-env, secret-file, or key: FILE", "a client has either a secret or a private key")
	}
	if o.Key == "" && (o.KeyID != "" || o.Audience != "") {
		v.Errorf("", "key-id and audience belong to key")
	}
	return o
}

// inClear warns of credentials that anybody on the way could read.
func (l *loader) inClear(address yamldoc.Value) {
	u, err := url.Parse(address.Text())
	if err != nil || u.Scheme != "http" || u.Hostname() == "localhost" || net.ParseIP(u.Hostname()).IsLoopback() {
		return
	}
	line, col := address.Pos()
	l.further = append(l.further, finding.Finding{
		File: l.doc.File, Line: line, Col: col, Severity: finding.Warning,
		Message: "credentials and patients' data go over the network unencrypted", Hint: "use https",
	})
}
