package agefile

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"filippo.io/age"
)

func TestOnlyTheRecipientsReadIt(t *testing.T) {
	var keys []string
	var identities []*age.X25519Identity
	for range 3 {
		id, err := age.GenerateX25519Identity()
		if err != nil {
			t.Fatal(err)
		}
		identities, keys = append(identities, id), append(keys, id.Recipient().String())
	}
	var b bytes.Buffer
	out, err := Encrypt(&b, keys[:2]...)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(out, "the content"); err != nil || out.Close() != nil {
		t.Fatal(err)
	}
	for i, id := range identities {
		in, err := age.Decrypt(bytes.NewReader(b.Bytes()), id)
		if (err == nil) != (i < 2) {
			t.Errorf("identity %d: %v", i, err)
		}
		if err != nil {
			continue
		}
		if text, err := io.ReadAll(in); string(text) != "the content" {
			t.Errorf("identity %d reads %q, %v", i, text, err)
		}
	}
	if strings.Contains(b.String(), "content") {
		t.Error("the text is readable")
	}
}

func TestWhatIsNoPublicKeyIsRefused(t *testing.T) {
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"", "age1", id.String(), "ssh-ed25519 AAAA", id.Recipient().String() + "x"} {
		if err := Check(key); err == nil || key != "" && strings.Contains(err.Error(), key) && len(key) > 4 {
			t.Errorf("%q: %v", key, err)
		}
	}
	if _, err := Encrypt(io.Discard); err == nil {
		t.Error("encrypted to nobody")
	}
}
