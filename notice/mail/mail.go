// Package mail sends notices by mail. It alone knows go-mail.
package mail

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"time"

	"github.com/wneessen/go-mail"

	"github.com/crflink/crflink/notice"
)

// Options say how mail is sent.
type Options struct {
	Server         string // host:port
	From           string
	To             []string
	User, Password string // "" for a server that wants none
	TLS            TLS
	CA             string // PEM file of the authority of the server's certificate
}

// TLS says how the connection is encrypted.
type TLS string

// The ways to encrypt.
const (
	StartTLS TLS = "starttls" // usual
	Implicit TLS = "tls"      // from the first byte, as on port 465
	None     TLS = "none"     // to a server on this machine
)

// Way sends mail.
type Way struct {
	options Options
	client  *mail.Client
}

var _ notice.Way = (*Way)(nil)

// New prepares. Nothing is sent.
func New(o Options) (*Way, error) {
	host, port, err := net.SplitHostPort(o.Server)
	if err != nil {
		return nil, errors.New("a mail server is HOST:PORT")
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		return nil, errors.New("a mail server is HOST:PORT")
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: host}
	if o.CA != "" {
		text, err := os.ReadFile(o.CA)
		if err != nil {
			return nil, err
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("no PEM certificate in %s", o.CA)
		}
	}
	options := []mail.Option{mail.WithPort(number), mail.WithTLSConfig(config), mail.WithTimeout(30 * time.Second)}
	switch o.TLS {
	case Implicit:
		options = append(options, mail.WithSSL())
	case None:
		options = append(options, mail.WithTLSPolicy(mail.NoTLS))
	case StartTLS:
		options = append(options, mail.WithTLSPolicy(mail.TLSMandatory))
	default:
		return nil, fmt.Errorf("%q is no way to encrypt mail", o.TLS)
	}
	if o.User != "" {
		options = append(options, mail.WithSMTPAuth(mail.SMTPAuthAutoDiscover), mail.WithUsername(o.User), mail.WithPassword(o.Password))
	}
	client, err := mail.NewClient(host, options...)
	if err != nil {
		return nil, fmt.Errorf("mail: %w", err)
	}
	w := &Way{o, client}
	_, err = w.message(notice.Notice{})
	return w, err
}

// Name returns mail.
func (*Way) Name() string { return "mail" }

func (w *Way) message(n notice.Notice) (*mail.Msg, error) {
	m := mail.NewMsg(mail.WithNoDefaultUserAgent())
	if err := errors.Join(m.From(w.options.From), m.To(w.options.To...)); err != nil {
		return nil, errors.New("an address of mail is none: write it as name@host")
	}
	m.SetDateWithValue(n.At)
	subject := "crflink: " + n.Title
	if n.Urgent {
		m.SetImportance(mail.ImportanceHigh)
	}
	m.Subject(subject)
	m.SetBodyString(mail.TypeTextPlain, fmt.Sprintf("%s\n\n%s\n\nStudy: %s\nKind: %s\nTime: %s\n", n.Title, n.Text, n.Study, n.Kind, n.At.Format(time.RFC3339)))
	return m, nil
}

// Send sends a notice.
func (w *Way) Send(ctx context.Context, n notice.Notice) error {
	m, err := w.message(n)
	if err != nil {
		return err
	}
	return w.client.DialAndSendWithContext(ctx, m)
}
