package postgres

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// Address says where a database is and who opens it.
type Address struct {
	URL      string // postgres://role@host:port/database; without a password
	Password string // "" where the server wants none, as through a socket
	CA       string // PEM file of the authority of the server's certificate, instead of the system's
}

// Limits of a connection. A server that has gone silent ends the run, and does not hold it.
// One whose other end is gone without a word, as a machine without power is, is ended by the server after a minute, with its locks.
var limits = map[string]string{
	"statement_timeout": "60000", "lock_timeout": "30000", "idle_in_transaction_session_timeout": "300000",
	"tcp_keepalives_idle": "30", "tcp_keepalives_interval": "10", "tcp_keepalives_count": "3",
}

const connectTimeout = 10 * time.Second

// Config checks the address and returns how to connect; name is what the server shows of the connection. pgx's error would repeat the address, and with it a password: it is replaced.
func (a Address) Config(name string) (*pgx.ConnConfig, error) {
	u, err := url.Parse(a.URL)
	switch {
	case err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql":
		return nil, errors.New("the address of PostgreSQL is not of the form postgres://role@host:port/database")
	case u.User.Username() == "" || strings.Trim(u.Path, "/") == "":
		return nil, errors.New("the address of PostgreSQL must name a role and a database: postgres://role@host:port/database")
	}
	if _, has := u.User.Password(); has || u.Query().Has("password") {
		return nil, errors.New("the address of PostgreSQL must not hold a password: configure it as a secret")
	}
	q := u.Query()
	if err := a.encrypt(u, q); err != nil {
		return nil, err
	}
	u.RawQuery = q.Encode()
	config, err := pgx.ParseConfig(u.String())
	if err != nil {
		return nil, errors.New("the address of PostgreSQL, or the certificate of its authority, cannot be used")
	}
	config.Password = a.Password // never one of the environment or of ~/.pgpass
	config.ConnectTimeout = connectTimeout
	config.RuntimeParams["application_name"] = name
	for limit, value := range limits {
		if _, set := config.RuntimeParams[limit]; !set {
			config.RuntimeParams[limit] = value
		}
	}
	return config, nil
}

// encrypt demands a checked certificate unless the server is on this machine.
func (a Address) encrypt(u *url.URL, q url.Values) error {
	if a.CA != "" {
		q.Set("sslrootcert", a.CA)
	}
	mode := q.Get("sslmode")
	switch {
	case isLocal(u, q) && mode == "" && a.CA == "":
		q.Set("sslmode", "disable")
	case mode == "":
		q.Set("sslmode", "verify-full")
	case mode != "verify-full" && !isLocal(u, q):
		return fmt.Errorf("sslmode %s does not check who the server is: leave it out, which is verify-full, and name the authority's certificate", mode)
	}
	return nil
}

// isLocal reports whether the server is reached without a network: through a socket or the loopback interface.
func isLocal(u *url.URL, q url.Values) bool {
	host := u.Hostname()
	if q.Has("host") {
		host = q.Get("host")
	}
	address, err := netip.ParseAddr(host)
	return host == "" || strings.HasPrefix(host, "/") || host == "localhost" || err == nil && address.IsLoopback()
}
