package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/crflink/crflink/internal/fake"
	"github.com/crflink/crflink/synth"
)

// behindAuthority serves synthetic patients to whoever has a token of the authority.
func behindAuthority(t *testing.T, a *fake.Authority) (base string) {
	t.Helper()
	hospital, err := synth.NewServer(synth.ServerConfig{})
	must(t, err)
	must(t, hospital.Generate(t.Context(), synth.Config{Seed: 3, Patients: 8}))
	a.Now, a.Scopes = time.Now, []string{"system/*.rs"}
	mux := http.NewServeMux()
	mux.Handle("/token", a)
	mux.Handle("/fhir/", a.Guard(hospital))
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	a.URL = server.URL + "/token"
	return server.URL
}

// privateKey writes a new key of the curve P-384.
func (j *job) privateKey(t *testing.T, name string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	must(t, err)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	must(t, err)
	j.write(t, name, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})))
}

// TestAHospitalIsEnteredWithTokens does what the manual says: the public key is printed and handed over, and the study runs.
func TestAHospitalIsEnteredWithTokens(t *testing.T) {
	t.Parallel()
	a := &fake.Authority{Lifetime: 5 * time.Minute}
	base := behindAuthority(t, a)
	j := newJob(t, "fhir: "+base+"/fhir\n    auth: {oauth: {token-url: "+base+"/token, client: crflink-canary, key: client.pem, scopes: [system/*.rs]}}")
	j.privateKey(t, "client.pem")
	refused := j.run(t, j.syncArgs()...)
	if refused.code != exitServer || !strings.Contains(refused.err, "401 (invalid_client)") || strings.Contains(refused.err, "canary") {
		t.Errorf("an unknown client: %d %s", refused.code, refused.err)
	}
	set := j.run(t, "jwks", "client.pem")
	if set.code != exitDone || strings.Contains(set.out, `"d"`) {
		t.Fatalf("%d %s%s", set.code, set.out, set.err)
	}
	a.Keys = map[string][]byte{"crflink-canary": []byte(set.out)}
	done := j.sync(t)
	if all := done.out + done.err; strings.Contains(all, "canary") || subjectsIn(t, j) == nil {
		t.Error(all)
	}
}

func TestAHospitalIsEnteredWithASecretOfAFile(t *testing.T) {
	t.Parallel()
	a := &fake.Authority{Secrets: map[string]string{"crflink": "canary-secret"}}
	base := behindAuthority(t, a)
	j := newJob(t, "fhir: "+base+"/fhir\n    auth: {oauth: {token-url: "+base+"/token, client: crflink, secret-file: client.secret}}")
	j.write(t, "client.secret", "canary-secret\n")
	if done := j.sync(t); subjectsIn(t, j) == nil || strings.Contains(done.out+done.err, "canary") {
		t.Error(done.out, done.err)
	}
}
