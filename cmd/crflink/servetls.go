package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"

	"github.com/crflink/crflink/operation"
)

// withTLS reads the certificate for each connection, so that a renewed one needs no restart.
func withTLS(l net.Listener, c operation.Listen) (net.Listener, error) {
	load := func() (*tls.Certificate, error) {
		pair, err := tls.LoadX509KeyPair(c.Certificate, c.Key)
		if err != nil {
			return nil, fmt.Errorf("the certificate of listen: %w", err)
		}
		return &pair, nil
	}
	if _, err := load(); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return load() }}
	return tls.NewListener(l, config), nil
}
