package wire

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwk"
	"github.com/lestrrat-go/jwx/v3/jwt"

	"github.com/crflink/crflink/internal/secretfile"
)

// signingKey is the private key by which a client proves who it is.
type signingKey struct {
	key       jwk.Key
	algorithm jwa.SignatureAlgorithm
}

// assertionLife is how long an assertion is good; SMART allows five minutes, and clocks differ.
const assertionLife = 4 * time.Minute

// readSigningKey reads a private key in PEM or as a JWK from a file that only its owner may read.
func readSigningKey(path, id string) (*signingKey, error) {
	text, err := secretfile.Read(path)
	if err != nil {
		return nil, fmt.Errorf("the client's key: %w", err)
	}
	key, err := jwk.ParseKey(text, jwk.WithPEM(true))
	if err != nil { // the parser might quote the key: its words are left out
		if key, err = jwk.ParseKey(text); err != nil {
			return nil, fmt.Errorf("%s holds no private key in PEM or as a JWK", path)
		}
	}
	algorithm, err := algorithmOf(key)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if err := name(key, id); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return &signingKey{key, algorithm}, nil
}

// algorithmOf finds the algorithm of SMART Backend Services that a private key can do.
func algorithmOf(key jwk.Key) (jwa.SignatureAlgorithm, error) {
	var raw any
	if err := jwk.Export(key, &raw); err != nil {
		return jwa.EmptySignatureAlgorithm(), errors.New("the key cannot be used")
	}
	switch k := raw.(type) {
	case *rsa.PrivateKey:
		if k.N.BitLen() < 2048 {
			return jwa.EmptySignatureAlgorithm(), errors.New("an RSA key of less than 2048 bits is refused")
		}
		return jwa.RS384(), nil
	case *ecdsa.PrivateKey:
		if k.Curve == elliptic.P384() {
			return jwa.ES384(), nil
		}
	}
	return jwa.EmptySignatureAlgorithm(), errors.New("the client's key must be a private one, RSA (for RS384) or of the curve P-384 (for ES384)")
}

// name gives the key an id: the one that is configured, its own, or its thumbprint.
func name(key jwk.Key, id string) error {
	if own, ok := key.KeyID(); id == "" && ok && own != "" {
		return nil
	}
	if id == "" {
		sum, err := key.Thumbprint(crypto.SHA256)
		if err != nil {
			return errors.New("the key has no thumbprint")
		}
		id = base64.RawURLEncoding.EncodeToString(sum)
	}
	return key.Set(jwk.KeyIDKey, id)
}

// assert signs that the client is the client.
func (k *signingKey) assert(client, audience, id string, now time.Time) (string, error) {
	token, err := jwt.NewBuilder().Issuer(client).Subject(client).Audience([]string{audience}).JwtID(id).
		IssuedAt(now).Expiration(now.Add(assertionLife)).Build()
	if err != nil {
		return "", fmt.Errorf("the client's assertion: %w", err)
	}
	signed, err := jwt.Sign(token, jwt.WithKey(k.algorithm, k.key))
	if err != nil {
		return "", errors.New("the client's assertion could not be signed with its key")
	}
	return string(signed), nil
}

// PublicKeys returns the JWK Set (RFC 7517) of the public halves of private keys, for the authorisation server that is to
// know them.
func PublicKeys(id string, files ...string) ([]byte, error) {
	set := jwk.NewSet()
	for _, path := range files {
		private, err := readSigningKey(path, id)
		if err != nil {
			return nil, err
		}
		public, err := private.key.PublicKey()
		if err == nil {
			err = errors.Join(public.Set(jwk.AlgorithmKey, private.algorithm), public.Set(jwk.KeyUsageKey, "sig"), set.AddKey(public))
		}
		if err != nil {
			return nil, fmt.Errorf("the public key of %s: %w", path, err)
		}
	}
	return json.MarshalIndent(set, "", "  ")
}
