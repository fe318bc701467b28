package operation

import (
	"github.com/crflink/crflink/internal/yamldoc"
	"github.com/crflink/crflink/pipeline"
)

// Notify says whom to tell of what goes wrong.
type Notify struct {
	Mail     *Mail
	Webhooks []Webhook
	Drop     int // the loss of cells or permitted patients, in percent, from which people are told
}

// Mail is a mail server and the people.
type Mail struct {
	Server, From, User, TLS, CA string
	To                          []string
	Password                    pipeline.SecretSpec
}

// Webhook is an address that takes JSON. The address itself is a secret.
type Webhook struct {
	URL, Token pipeline.SecretSpec
	CA, Proxy  string
}

const usualDrop = 30

func (l *loader) notify(v yamldoc.Value) {
	f := v.Fields("mail", "webhooks", "drop")
	n := Notify{Drop: l.atLeast(f["drop"], 1, usualDrop)}
	if f["mail"].Exists() {
		n.Mail = l.mail(f["mail"])
	}
	for _, item := range f["webhooks"].Items() {
		w := item.Fields("url-env", "url-file", "token-env", "token-file", "ca", "proxy")
		hook := Webhook{URL: l.secret(item, w, "url"), Token: l.secret(item, w, "token"), CA: l.path(w["ca"].Text()), Proxy: w["proxy"].Text()}
		if hook.URL.IsZero() {
			item.Errorf("url-env: NAME or url-file: FILE; it is kept as a secret", "a webhook has no address")
		}
		n.Webhooks = append(n.Webhooks, hook)
	}
	l.config.Notify = n
}

func (l *loader) mail(v yamldoc.Value) *Mail {
	f := v.Fields("server", "from", "to", "user", "password-env", "password-file", "tls", "ca")
	m := &Mail{
		Server: f["server"].Text(), From: f["from"].Text(), To: f["to"].Texts(), User: f["user"].Text(), TLS: "starttls", CA: l.path(f["ca"].Text()),
		Password: l.secret(v, f, "password"),
	}
	if f["tls"].Exists() {
		m.TLS = f["tls"].OneOf("starttls", "tls", "none")
	}
	if m.Server == "" || m.From == "" || len(m.To) == 0 {
		v.Errorf("server: HOST:PORT, from: ADDRESS, to: [ADDRESS]", "mail needs a server, a sender and somebody to tell")
	}
	if (m.User == "") != m.Password.IsZero() {
		v.Errorf("", "a user and a password belong together")
	}
	if local, err := isLocal(m.Server); m.TLS == "none" && (err != nil || !local) {
		v.Errorf("tls: starttls or tls", "mail over a network is encrypted")
	}
	return m
}
