package main

import (
	"encoding/json"
	"encoding/pem"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/crflink/crflink/consent/gics/fakegics"
	"github.com/crflink/crflink/internal/checkup"
	"github.com/crflink/crflink/internal/fake"
	"github.com/crflink/crflink/internal/shared"
	"github.com/crflink/crflink/pseudonym/gpas/fakegpas"
)

// site is a hospital with all the servers that a study can name.
type site struct {
	authority fake.Authority
	gics      *fakegics.Server
	gpas      *fakegpas.Server
	study     *job
}

func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{gics: fakegics.New(), gpas: fakegpas.New("1.10.3")}
	s.authority.Secrets, s.authority.Lifetime = map[string]string{"crflink": "canary-secret"}, 5*time.Minute
	base := behindAuthority(t, &s.authority)
	s.gics.AddDomain("MII")
	s.gics.User, s.gics.Password = "crflink", "canary-password"
	s.gpas.AddDomain("PSMA", "P")
	trust := http.NewServeMux()
	trust.Handle("/ttp-fhir/fhir/gics/", s.gics)
	trust.Handle("/ttp-fhir/fhir/gpas/", s.gpas)
	server := httptest.NewServer(trust)
	t.Cleanup(server.Close)
	ttp := server.URL + "/ttp-fhir/fhir/"
	s.study = newJob(t,
		"fhir: "+base+"/fhir\n    auth: {oauth: {token-url: "+base+"/token, client: crflink, secret-env: SECRET, scopes: [system/*.rs]}}",
		"    from: research-subject\n    system: https://psma-registry.example/fhir/sid/subject\n", "    from: gpas\n    url: "+ttp+"gpas\n    domain: PSMA\n    create: true\n",
		"dates: none\n", "dates: none\nconsent-source: {gics: "+ttp+"gics, domain: MII, auth: {user: crflink, password-env: PASSWORD}}\n")
	s.study.env = append(s.study.env, "SECRET=canary-secret", "PASSWORD=canary-password")
	return s
}

func (s *site) examined(t *testing.T) (map[string]checkup.Remark, said) {
	t.Helper()
	said := s.study.run(t, "doctor", "study.yaml", "--json")
	var all []checkup.Remark
	if err := json.Unmarshal([]byte(said.out), &all); err != nil {
		t.Fatalf("%v: %s%s", err, said.out, said.err)
	}
	by := map[string]checkup.Remark{}
	for _, m := range all {
		by[m.Of+" "+m.Check] = m
	}
	if strings.Contains(said.out+said.err, "canary") {
		t.Errorf("a secret is told: %s%s", said.out, said.err)
	}
	return by, said
}

func TestADoctorFindsEachThingThatARunWouldFailOn(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.gics.Sign("MII", fakegics.Document{})
	before := files(t, s.study.dir)
	all, well := s.examined(t)
	for check, m := range all {
		if m.Verdict == checkup.Bad {
			t.Errorf("%s: %+v", check, m)
		}
	}
	if well.code != exitDone || all["numbers gpas domain"].Verdict != checkup.Good || all["consents gICS domain"].Said != "1 documents" || all["source hospital Patient"].Said != "9" {
		t.Errorf("%d %v", well.code, all)
	}
	if s.gpas.Len("PSMA") != 0 {
		t.Error("the doctor created a number")
	}
	if after := files(t, s.study.dir); fmt.Sprint(before) != fmt.Sprint(after) {
		t.Errorf("the doctor wrote %v", after)
	}
	table := s.study.run(t, "doctor", "study.yaml")
	if table.code != exitDone || !strings.Contains(table.out, "0 bad") || !strings.Contains(table.out, "_lastUpdated") {
		t.Errorf("%d %s", table.code, table.out)
	}

	s.gics.Password, s.authority.Secrets = "another", nil
	s.study.env = append(s.study.env, "CRFLINK_VAULT_KEY=short")
	all, ill := s.examined(t)
	for check, tells := range map[string]string{
		"source hospital token": "invalid_client", "consents gICS domain": "401", "vault key": "32",
	} {
		if m := all[check]; m.Verdict != checkup.Bad || !strings.Contains(m.Said, tells) {
			t.Errorf("%s: %+v", check, m)
		}
	}
	if ill.code != exitServer {
		t.Errorf("exit code %d", ill.code)
	}
}

func TestADoctorTellsOfCertificatesAndClocks(t *testing.T) {
	t.Parallel()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Date", time.Now().Add(-10*time.Minute).UTC().Format(http.TimeFormat))
		w.WriteHeader(http.StatusNotFound)
	}))
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	server.StartTLS()
	t.Cleanup(server.Close)
	s := &site{study: newJob(t, "fhir: "+server.URL+"/fhir")}
	all, _ := s.examined(t)
	if m := all["source hospital reached"]; m.Verdict != checkup.Bad || !strings.Contains(m.Hint, "ca: FILE") {
		t.Errorf("%+v", m)
	}
	s.study = newJob(t, "fhir: "+server.URL+"/fhir\n    auth: {ca: ca.pem}")
	s.study.write(t, "ca.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})))
	all, _ = s.examined(t)
	if m := all["source hospital certificate"]; m.Verdict != checkup.Good || !strings.HasPrefix(m.Said, "good until 2084") {
		t.Errorf("%+v", m)
	}
	if m := all["source hospital clock"]; m.Verdict != checkup.Bad || !strings.Contains(m.Said, "behind") {
		t.Errorf("%+v", m)
	}
}

func TestADoctorLooksAtAVaultInPostgreSQL(t *testing.T) {
	t.Parallel()
	cluster := shared.Postgres(t)
	s := &site{study: newJob(t, "files: ["+hospital(t, 1, 2)+"]", "\nkey:", fmt.Sprintf("\nvault: {postgres: postgres://%s@127.0.0.1:%d/postgres, password-env: PG}\nkey:", shared.Owner, cluster.Port))}
	s.study.env = append(s.study.env, "PG=wrong-canary")
	all, _ := s.examined(t)
	if m := all["vault reached"]; m.Verdict != checkup.Bad {
		t.Errorf("%+v", m)
	}
	s.study.env = append(s.study.env, "PG="+cluster.Password)
	all, said := s.examined(t)
	if m := all["vault role"]; m.Verdict != checkup.Doubtful || all["vault reached"].Verdict != checkup.Good || all["vault key"].Verdict != checkup.Good || said.code != exitDone {
		t.Errorf("%v", all)
	}
	s.study.sync(t)
	if all, _ = s.examined(t); all["vault key"].Said != "opens the vault" {
		t.Errorf("%+v", all["vault key"])
	}
}
