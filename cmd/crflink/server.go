package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/crflink/crflink/internal/secretfile"
	"github.com/crflink/crflink/internal/wire"
	"github.com/crflink/crflink/pipeline"
)

// server says how a server is entered.
func server(base string, auth pipeline.AuthSpec) (wire.Options, error) {
	options := wire.Options{
		Base: base, Proxy: auth.Proxy, Auth: wire.Auth{User: auth.User},
		TLS: wire.TLS{CA: auth.CA, Certificate: auth.Certificate, Key: auth.CertificateKey},
	}
	var password, token, client error
	options.Auth.Password, password = secretOf(auth.Password)
	options.Auth.Bearer, token = secretOf(auth.Token)
	if o := auth.OAuth; o != nil {
		options.Auth.OAuth = &wire.OAuth{TokenURL: o.TokenURL, Client: o.Client, Key: o.Key, KeyID: o.KeyID, Audience: o.Audience, Scopes: o.Scopes}
		options.Auth.OAuth.Secret, client = secretOf(o.Secret)
	}
	return options, errors.Join(password, token, client)
}

// secretOf reads a secret where it is kept.
func secretOf(s pipeline.SecretSpec) (wire.Secret, error) {
	if s.File == "" {
		return secret(s.Env)
	}
	text, err := secretfile.Read(s.File)
	if err != nil {
		return wire.Secret{}, err
	}
	value := strings.TrimRight(string(text), "\r\n")
	if value == "" {
		return wire.Secret{}, fmt.Errorf("%s is empty; the study needs the secret in it", s.File)
	}
	return wire.NewSecret(value), nil
}

// secret reads the secret that an environment variable holds; no name is no secret, an unset variable is an error.
func secret(variable string) (wire.Secret, error) {
	if variable == "" {
		return wire.Secret{}, nil
	}
	value, ok := os.LookupEnv(variable)
	if !ok || value == "" {
		return wire.Secret{}, fmt.Errorf("the environment variable %s is not set; the study needs it", variable)
	}
	return wire.NewSecret(value), nil
}
