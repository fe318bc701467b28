package agekey

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/age"
	"filippo.io/age/armor"

	"github.com/crflink/crflink/pseudonym"
	"github.com/crflink/crflink/pseudonym/vaulttest"
)

const keyText = "a vault key for tests only, never for patients 0123456789"

const passphrase = "correct horse battery staple"

func sealed(t *testing.T, armored bool, text string, to age.Recipient) string {
	t.Helper()
	var b bytes.Buffer
	var out io.Writer = &b
	closers := []io.Closer{}
	if armored {
		w := armor.NewWriter(&b)
		out, closers = w, append(closers, w)
	}
	w, err := age.Encrypt(out, to)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
	for _, c := range append([]io.Closer{w}, closers...) {
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(t.TempDir(), "vault.key.age")
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func identity(t *testing.T) *age.X25519Identity {
	t.Helper()
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func scrypt(t *testing.T) age.Recipient {
	t.Helper()
	r, err := age.NewScryptRecipient(passphrase)
	if err != nil {
		t.Fatal(err)
	}
	r.SetWorkFactor(10)
	return r
}

// opens reports whether a key is the one of keyText: it opens a vault that keyText made.
func opens(t *testing.T, k pseudonym.Key) bool {
	t.Helper()
	made, err := pseudonym.NewKey([]byte(keyText))
	if err != nil {
		t.Fatal(err)
	}
	store := vaulttest.NewMemory()
	if _, err := pseudonym.CreateVault(context.Background(), store, made, "s"); err != nil {
		t.Fatal(err)
	}
	_, err = pseudonym.OpenVault(context.Background(), store, k, "s")
	return err == nil
}

func TestAnEncryptedKeyFileGivesTheKey(t *testing.T) {
	id := identity(t)
	for name, c := range map[string]struct {
		path   string
		unlock Unlock
	}{
		"identity":         {sealed(t, false, keyText+"\n", id.Recipient()), Unlock{Identities: []byte("# a comment\n" + id.String() + "\n")}},
		"several":          {sealed(t, false, keyText, id.Recipient()), Unlock{Identities: []byte(identity(t).String() + "\n" + id.String() + "\n")}},
		"identity, armour": {sealed(t, true, keyText, id.Recipient()), Unlock{Identities: []byte(id.String())}},
		"passphrase":       {sealed(t, true, keyText, scrypt(t)), Unlock{Passphrase: []byte(passphrase + "\n")}},
	} {
		k, err := Read(c.path, c.unlock)
		if err != nil || !opens(t, k) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestWhatDoesNotOpenIsRefusedWithoutBeingRepeated(t *testing.T) {
	id, other := identity(t), identity(t)
	good := sealed(t, false, keyText, id.Recipient())
	damaged := sealed(t, false, keyText, id.Recipient())
	text, err := os.ReadFile(damaged)
	if err != nil {
		t.Fatal(err)
	}
	text[len(text)-1] ^= 1
	if err := os.WriteFile(damaged, text, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		path   string
		unlock Unlock
	}{
		"nothing":            {good, Unlock{}},
		"both":               {good, Unlock{[]byte(id.String()), []byte(passphrase)}},
		"another identity":   {good, Unlock{Identities: []byte(other.String())}},
		"passphrase instead": {good, Unlock{Passphrase: []byte(passphrase)}},
		"broken identity":    {good, Unlock{Identities: []byte(id.String()[:30])}},
		"another passphrase": {sealed(t, false, keyText, scrypt(t)), Unlock{Passphrase: []byte("canary phrase")}},
		"damaged":            {damaged, Unlock{Identities: []byte(id.String())}},
		"weak key":           {sealed(t, false, "canary", id.Recipient()), Unlock{Identities: []byte(id.String())}},
		"no file":            {filepath.Join(t.TempDir(), "none"), Unlock{Identities: []byte(id.String())}},
	} {
		k, err := Read(c.path, c.unlock)
		if err == nil || !k.IsZero() {
			t.Errorf("%s: no error", name)
			continue
		}
		for _, secret := range []string{keyText, passphrase, "canary", id.String()[:30], other.String()} {
			if strings.Contains(err.Error(), secret) {
				t.Errorf("%s: the error repeats a secret: %v", name, err)
			}
		}
	}
}
