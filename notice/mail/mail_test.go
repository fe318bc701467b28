package mail_test

import (
	"bufio"
	"crypto/tls"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/crflink/crflink/notice"
	"github.com/crflink/crflink/notice/mail"
)

// smtp is a mail server that demands encryption and a password, as real ones do, and keeps what it is sent.
type smtp struct {
	config *tls.Config // nil: it does not encrypt
	user   string      // "" wants none

	mu   sync.Mutex
	mail []string
}

func (s *smtp) all() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.mail, "\n---\n")
}

func (s *smtp) listen(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go s.serve(c)
		}
	}()
	return l.Addr().String()
}

func (s *smtp) serve(c net.Conn) {
	defer func() { _ = c.Close() }()
	in := bufio.NewReader(c)
	say := func(format string, args ...any) { _, _ = fmt.Fprintf(c, format+"\r\n", args...) }
	encrypted, known := s.config == nil, s.user == ""
	say("220 mail.example ESMTP")
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		word, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch word = strings.ToUpper(word); {
		case word == "EHLO" && !encrypted:
			say("250-mail.example\r\n250 STARTTLS")
		case word == "EHLO" && s.user != "":
			say("250-mail.example\r\n250 AUTH PLAIN")
		case word == "EHLO":
			say("250 mail.example")
		case word == "STARTTLS" && s.config != nil:
			say("220 go on")
			secure := tls.Server(c, s.config)
			c, in, encrypted = secure, bufio.NewReader(secure), true
		case word == "QUIT":
			say("221 bye")
			return
		case !encrypted:
			say("530 5.7.0 encrypt first")
		case word == "AUTH":
			if known = strings.HasSuffix(rest, base64.StdEncoding.EncodeToString([]byte("\x00"+s.user+"\x00secret"))); known {
				say("235 welcome")
			} else {
				say("535 5.7.8 no")
			}
		case !known:
			say("530 5.7.0 who are you")
		case word == "DATA":
			say("354 go on")
			s.keep(in)
			say("250 kept")
		default:
			say("250 ok")
		}
	}
}

func (s *smtp) keep(in *bufio.Reader) {
	var text strings.Builder
	for {
		line, err := in.ReadString('\n')
		if err != nil || strings.TrimRight(line, "\r\n") == "." {
			break
		}
		text.WriteString(line)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mail = append(s.mail, text.String())
}

// certified returns a certificate for 127.0.0.1, and the file of its authority.
func certified(t *testing.T) (*tls.Config, string) {
	t.Helper()
	web := httptest.NewUnstartedServer(http.NotFoundHandler())
	web.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	web.StartTLS()
	t.Cleanup(web.Close)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: web.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: web.TLS.Certificates, MinVersion: tls.VersionTLS12}, ca
}

var told = notice.Notice{Study: "psma", Kind: notice.Late, Urgent: true, Title: "psma: the night fehlt für immer", Text: "Look.\n.\nAnd look.", At: time.Unix(0, 0).UTC()}

func TestMailIsEncryptedAndSaysWhatToDo(t *testing.T) {
	config, ca := certified(t)
	s := &smtp{config: config, user: "crflink"}
	o := mail.Options{Server: s.listen(t), From: "crflink@hospital.example", To: []string{"diz@hospital.example", "a@b.example"}, User: "crflink", Password: "secret", TLS: mail.StartTLS, CA: ca}
	w, err := mail.New(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Send(t.Context(), told); err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"From: <crflink@hospital.example>", "diz@hospital.example", "Subject: =?UTF-8?q?", "Look.", "Study: psma", "X-Priority: 1"} {
		if !strings.Contains(s.all(), part) {
			t.Errorf("%q is missing in\n%s", part, s.all())
		}
	}
	o.Password = "canary"
	for name, change := range map[string]func(*mail.Options){
		"wrong password": func(*mail.Options) {},
		"unknown server": func(o *mail.Options) { o.CA = "" },
		"no encryption":  func(o *mail.Options) { o.Server = (&smtp{}).listen(t) },
		"nobody there":   func(o *mail.Options) { o.Server = "127.0.0.1:1" },
	} {
		bad := o
		change(&bad)
		w, err := mail.New(bad)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Send(t.Context(), told); err == nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAServerOnThisMachineNeedsNoEncryption(t *testing.T) {
	s := &smtp{}
	w, err := mail.New(mail.Options{Server: s.listen(t), From: "a@b.example", To: []string{"c@d.example"}, TLS: mail.None})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Send(t.Context(), told); err != nil || !strings.Contains(s.all(), "psma") {
		t.Errorf("%v %s", err, s.all())
	}
}

func TestSettingsThatCannotWorkAreRefused(t *testing.T) {
	right := mail.Options{Server: "mail.example:587", From: "a@b.example", To: []string{"c@d.example"}, TLS: mail.StartTLS}
	for name, change := range map[string]func(*mail.Options){
		"no port": func(o *mail.Options) { o.Server = "mail.example" }, "a word for a port": func(o *mail.Options) { o.Server = "mail.example:smtp" },
		"no sender": func(o *mail.Options) { o.From = "nobody" }, "nobody": func(o *mail.Options) { o.To = []string{"x"} },
		"tls": func(o *mail.Options) { o.TLS = "maybe" }, "ca": func(o *mail.Options) { o.CA = "/nowhere" },
	} {
		o := right
		change(&o)
		if _, err := mail.New(o); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
}
