package pipeline

import (
	"github.com/crflink/crflink/internal/yamldoc"
)

// KeySpec says where the vault's key comes from: exactly one of Env, File, Credential and Age is set.
type KeySpec struct {
	Env        string // an environment variable
	File       string // a file of mode 0600
	Credential string // a credential that systemd hands to the service
	Age        string // a file of the age format, opened by one of the following

	Identity       string // a file of identities, of mode 0600
	PassphraseEnv  string
	PassphraseFile string

	Next *KeySpec // the key to which the vault is to be rotated; nil when none is planned
}

func (l *loader) key(v yamldoc.Value) *KeySpec {
	if !v.Exists() {
		return nil
	}
	f := v.Fields("env", "file", "credential", "age", "identity", "passphrase-env", "passphrase-file", "next")
	k := l.keySource(v, f)
	if next := f["next"]; next.Exists() {
		k.Next = l.keySource(next, next.Fields("env", "file", "credential", "age", "identity", "passphrase-env", "passphrase-file"))
	}
	return k
}

func (l *loader) keySource(v yamldoc.Value, f map[string]yamldoc.Value) *KeySpec {
	k := &KeySpec{
		Env: f["env"].Text(), File: l.path(f["file"].Text()), Credential: f["credential"].Text(), Age: l.path(f["age"].Text()),
		Identity: l.path(f["identity"].Text()), PassphraseEnv: f["passphrase-env"].Text(), PassphraseFile: l.path(f["passphrase-file"].Text()),
	}
	if count(k.Env, k.File, k.Credential, k.Age) != 1 {
		v.Errorf("key: {file: vault.key}", "a key comes from exactly one of env, file, credential and age")
		return k
	}
	switch unlocks := count(k.Identity, k.PassphraseEnv, k.PassphraseFile); {
	case k.Age == "" && unlocks > 0:
		v.Errorf("", "identity, passphrase-env and passphrase-file open an age file; this key does not come from one")
	case k.Age != "" && unlocks != 1:
		v.Errorf("identity: FILE, passphrase-env: NAME or passphrase-file: FILE", "an age file is opened by exactly one of identity, passphrase-env and passphrase-file")
	}
	return k
}

func count(texts ...string) int {
	n := 0
	for _, t := range texts {
		if t != "" {
			n++
		}
	}
	return n
}
