package pseudonym_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/pseudonym"
	"github.com/crflink/crflink/pseudonym/vaulttest"
)

var ctx = context.Background()

func newKey(t testing.TB, text string) pseudonym.Key {
	t.Helper()
	k, err := pseudonym.NewKey([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

const keyText = "the first key of the test, 32 bytes and more"

func newVault(t testing.TB) (*pseudonym.Vault, *vaulttest.Memory) {
	t.Helper()
	store := vaulttest.NewMemory()
	v, err := pseudonym.CreateVault(ctx, store, newKey(t, keyText), "study")
	if err != nil {
		t.Fatal(err)
	}
	return v, store
}

func pid(value string) pseudonym.Identity {
	return pseudonym.Identity{System: "https://hospital.example/pid", Value: value}
}

func issue(t testing.TB, v *pseudonym.Vault, value string) pseudonym.Subject {
	t.Helper()
	s, err := v.Issue(ctx, pid(value), pseudonym.NumberFormat{}, "01")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func is(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("error %v, want %v", err, want)
	}
}

func TestAVaultOpensOnlyWithItsKey(t *testing.T) {
	_, store := newVault(t)
	_, err := pseudonym.OpenVault(ctx, store, newKey(t, "another key of the test, 32 bytes and more"), "study")
	is(t, err, pseudonym.ErrWrongKey)
	_, err = pseudonym.CreateVault(ctx, store, newKey(t, keyText), "study")
	is(t, err, pseudonym.ErrVaultExists)
	_, err = pseudonym.OpenVault(ctx, vaulttest.NewMemory(), newKey(t, keyText), "study")
	is(t, err, pseudonym.ErrEmptyVault)
	if _, err = pseudonym.OpenVault(ctx, store, pseudonym.Key{}, "study"); err == nil {
		t.Error("a vault opened without a key")
	}
	if _, err = pseudonym.OpenVault(ctx, store, newKey(t, keyText), "study"); err != nil {
		t.Error(err)
	}
}

func TestWeakKeysAreRefusedWithoutBeingRepeated(t *testing.T) {
	for _, text := range []string{"", "   \n", "short-secret", strings.Repeat("ab", 20), strings.Repeat("x", 31)} {
		_, err := pseudonym.NewKey([]byte(text))
		if err == nil || len(strings.TrimSpace(text)) > 1 && strings.Contains(err.Error(), strings.TrimSpace(text)) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestAKeyFileIsForItsOwnerOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	for mode, ok := range map[os.FileMode]bool{0o600: true, 0o400: true, 0o640: false, 0o604: false, 0o644: false} {
		_ = os.Remove(path)
		if err := os.WriteFile(path, []byte(keyText+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if k, err := pseudonym.ReadKeyFile(path); (err == nil) != ok || k.IsZero() == ok {
			t.Errorf("mode %o: %v", mode, err)
		}
	}
	if _, err := pseudonym.ReadKeyFile(filepath.Dir(path)); err == nil {
		t.Error("a folder is no key file")
	}
}

func TestAPatientKeepsTheNumber(t *testing.T) {
	v, store := newVault(t)
	first := issue(t, v, "anna")
	if again := issue(t, v, "anna"); again.Number() != first.Number() || again.UID("1.2") != first.UID("1.2") || again.Site() != "01" {
		t.Errorf("%v became %v", first, again)
	}
	if other := issue(t, v, "bert"); other.Number() == first.Number() || other.UID("1.2") == first.UID("1.2") {
		t.Error("two patients share a number or a secret")
	}
	reopened, err := pseudonym.OpenVault(ctx, store, newKey(t, keyText), "study")
	if err != nil {
		t.Fatal(err)
	}
	if s, err := reopened.SubjectOf(ctx, first.Number()); err != nil || s.UID("1.2") != first.UID("1.2") {
		t.Error(err)
	}
}

func TestConcurrentIssuesGiveOneNumber(t *testing.T) {
	v, _ := newVault(t)
	var wait sync.WaitGroup
	numbers := make([]string, 16)
	for i := range numbers {
		wait.Go(func() { numbers[i] = issue(t, v, "anna").Number() })
	}
	wait.Wait()
	for _, n := range numbers {
		if n != numbers[0] {
			t.Fatalf("%s and %s", numbers[0], n)
		}
	}
}

func TestStudiesCannotBeLinked(t *testing.T) {
	v, store := newVault(t)
	s := issue(t, v, "anna")
	other, err := pseudonym.OpenVault(ctx, store, newKey(t, keyText), "other study")
	if err != nil {
		t.Fatal(err)
	}
	_, err = other.Subject(ctx, pid("anna"))
	is(t, err, pseudonym.ErrNotEnrolled)
	_, err = other.SubjectOf(ctx, s.Number())
	is(t, err, pseudonym.ErrNotEnrolled)
	is(t, other.Destroy(ctx, s.Number()), pseudonym.ErrNotEnrolled)
	is(t, other.Link(ctx, s.Number(), pid("anne")), pseudonym.ErrNotEnrolled)
	if o := issue(t, other, "anna"); o.UID("1.2") == s.UID("1.2") || o.Number() == s.Number() {
		t.Error("a patient is the same in two studies")
	}
	if n, err := other.Retire(ctx); n != 1 || err != nil {
		t.Error(n, err)
	}
	if _, err := v.Subject(ctx, pid("anna")); err != nil {
		t.Error(err)
	}
}

func TestAGivenNumberStands(t *testing.T) {
	v, _ := newVault(t)
	for range 2 {
		if s, err := v.Enrol(ctx, pid("anna"), "PSMA-007", "02"); err != nil || s.Number() != "PSMA-007" || s.Site() != "02" {
			t.Error(s, err)
		}
	}
	_, err := v.Enrol(ctx, pid("anna"), "PSMA-008", "02")
	is(t, err, pseudonym.ErrConflict)
	_, err = v.Enrol(ctx, pid("bert"), "PSMA-007", "02")
	is(t, err, pseudonym.ErrNumberTaken)
	for _, number := range []string{"", "a b", "=1+1", strings.Repeat("1", 65), "<x>"} {
		if _, err := v.Enrol(ctx, pid("carl"), number, ""); err == nil {
			t.Errorf("%q was accepted", number)
		}
	}
	if _, err := v.Enrol(ctx, pseudonym.Identity{}, "PSMA-009", ""); err == nil {
		t.Error("a patient without an identity was enrolled")
	}
}

func TestAMergedPatientIsTheSameSubject(t *testing.T) {
	v, _ := newVault(t)
	anna, bert := issue(t, v, "anna"), issue(t, v, "bert")
	if err := v.Link(ctx, anna.Number(), pid("anne")); err != nil {
		t.Fatal(err)
	}
	if s, err := v.Subject(ctx, pid("anne")); err != nil || s.Number() != anna.Number() {
		t.Error(s, err)
	}
	is(t, v.Link(ctx, bert.Number(), pid("anna")), pseudonym.ErrIdentity)
}

func TestDestroyingTheRowIsTheDeletion(t *testing.T) {
	v, _ := newVault(t)
	s := issue(t, v, "anna")
	if err := v.Destroy(ctx, s.Number()); err != nil {
		t.Fatal(err)
	}
	_, err := v.Subject(ctx, pid("anna"))
	is(t, err, pseudonym.ErrNotEnrolled)
	if again := issue(t, v, "anna"); again.UID("1.2") == s.UID("1.2") {
		t.Error("the secret came back")
	}
}

func TestRotationChangesTheKeyAndNothingElse(t *testing.T) {
	v, store := newVault(t)
	want := map[string]pseudonym.Subject{}
	for i := range 20 {
		want[fmt.Sprint(i)] = issue(t, v, fmt.Sprint(i))
	}
	next := newKey(t, "the second key of the test, 32 bytes and more")
	if n, err := v.Rotate(ctx, next); n != 20 || err != nil {
		t.Fatal(err)
	}
	_, err := pseudonym.OpenVault(ctx, store, newKey(t, keyText), "study")
	is(t, err, pseudonym.ErrWrongKey)
	reopened, err := pseudonym.OpenVault(ctx, store, next, "study")
	if err != nil {
		t.Fatal(err)
	}
	for _, vault := range []*pseudonym.Vault{v, reopened} {
		for patient, s := range want {
			if got, err := vault.Subject(ctx, pid(patient)); err != nil || got.Number() != s.Number() || got.UID("1.2") != s.UID("1.2") {
				t.Fatal(got, err)
			}
		}
	}
}

// TestSealedValuesDoNotMove swaps the sealed numbers of two rows, as somebody with write access could.
func TestSealedValuesDoNotMove(t *testing.T) {
	v, store := newVault(t)
	issue(t, v, "anna")
	issue(t, v, "bert")
	var other []byte
	err := store.Rewrite(ctx, nil, func(r pseudonym.Row) (pseudonym.Row, error) {
		other, r.Number = r.Number, other
		if r.Number == nil {
			r.Number = []byte{}
		}
		return r, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, patient := range []string{"anna", "bert"} {
		if s, err := v.Subject(ctx, pid(patient)); err == nil {
			t.Errorf("a moved value opened: %v", s)
		}
	}
}

func TestIssuedNumbersHaveACheckDigitThatFindsTypingErrors(t *testing.T) {
	f := pseudonym.NumberFormat{Prefix: "P-", Digits: 5}
	v, _ := newVault(t)
	patient := 0
	rapid.Check(t, func(rt *rapid.T) {
		patient++
		s, err := v.Issue(ctx, pid(fmt.Sprint("patient ", patient)), f, "")
		if err != nil || !f.Valid(s.Number()) || len(s.Number()) != 8 {
			rt.Fatal(s, err)
		}
		wrong := []byte(s.Number())
		i := rapid.IntRange(2, 7).Draw(rt, "digit")
		wrong[i] = '0' + (wrong[i]-'0'+byte(rapid.IntRange(1, 9).Draw(rt, "by")))%10
		if f.Valid(string(wrong)) {
			rt.Fatalf("%s passes for %s", wrong, s)
		}
		swapped := []byte(s.Number())
		j := rapid.IntRange(2, 6).Draw(rt, "swap")
		swapped[j], swapped[j+1] = swapped[j+1], swapped[j]
		if swapped[j] != swapped[j+1] && f.Valid(string(swapped)) {
			rt.Fatalf("%s passes for %s", swapped, s)
		}
	})
	for _, number := range []string{"P-5724", "5724", "P-12345x", "", "P-"} {
		if f.Valid(number) {
			t.Errorf("%q is valid", number)
		}
	}
}

// full refuses every number.
type full struct{ *vaulttest.Memory }

func (full) Insert(context.Context, []byte, []byte, pseudonym.Row) (pseudonym.Row, error) {
	return pseudonym.Row{}, pseudonym.ErrNumberTaken
}

func TestAFullNumberSpaceIsAnErrorNotALoop(t *testing.T) {
	v, err := pseudonym.CreateVault(ctx, full{vaulttest.NewMemory()}, newKey(t, keyText), "study")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.Issue(ctx, pid("anna"), pseudonym.NumberFormat{}, ""); err == nil || !strings.Contains(err.Error(), "more digits") {
		t.Error(err)
	}
}

func patient(t testing.TB, text string) *fhir.Resource {
	t.Helper()
	r, err := fhir.ReadResource(text, fhir.Origin{})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestTheConfiguredIdentifierNamesThePatient(t *testing.T) {
	rule := pseudonym.IdentityRule{System: "https://hospital.example/pid"}
	for name, c := range map[string]struct {
		text string
		want string
		err  error
	}{
		"one":           {`{"resourceType":"Patient","id":"new","identifier":[{"system":"https://hospital.example/pid","value":"4711"},{"system":"x","value":"y"}]}`, "4711", nil},
		"twice":         {`{"resourceType":"Patient","identifier":[{"system":"https://hospital.example/pid","value":"4711"},{"system":"https://hospital.example/pid","value":"4711"}]}`, "4711", nil},
		"an old one":    {`{"resourceType":"Patient","identifier":[{"system":"https://hospital.example/pid","value":"4712","use":"old"},{"system":"https://hospital.example/pid","value":"4711"}]}`, "4711", nil},
		"none":          {`{"resourceType":"Patient","id":"4711","identifier":[{"system":"x","value":"4711"}]}`, "", pseudonym.ErrNoIdentity},
		"masked":        {`{"resourceType":"Patient","identifier":[{"system":"https://hospital.example/pid","_value":{"extension":[{"url":"u","valueCode":"masked"}]}}]}`, "", pseudonym.ErrNoIdentity},
		"two different": {`{"resourceType":"Patient","identifier":[{"system":"https://hospital.example/pid","value":"4711"},{"system":"https://hospital.example/pid","value":"4712"}]}`, "", pseudonym.ErrManyIdentities},
	} {
		id, err := rule.Identify(patient(t, c.text))
		if id.Value != c.want || !errors.Is(err, c.err) {
			t.Errorf("%s: %q %v", name, id.Value, err)
		}
	}
	byID := pseudonym.IdentityRule{PatientID: true}
	if id, err := byID.Identify(patient(t, `{"resourceType":"Patient","id":"4711"}`)); err != nil || id.Value != "4711" {
		t.Error(err)
	}
	for _, bad := range []pseudonym.IdentityRule{{}, {System: "x", PatientID: true}} {
		if _, err := bad.Identify(patient(t, `{"resourceType":"Patient","id":"4711"}`)); err == nil {
			t.Errorf("%+v was accepted", bad)
		}
	}
}

type record struct{ *fhir.Record }

func TestAPatientWithoutANumberWaits(t *testing.T) {
	v, _ := newVault(t)
	rule := pseudonym.IdentityRule{System: "s"}
	numbers := pseudonym.ResearchSubjects{System: "https://study.example"}
	rec := fhir.NewRecord(fhir.Key{Type: "Patient", ID: "p"})
	rec.Add(patient(t, `{"resourceType":"Patient","id":"p","identifier":[{"system":"s","value":"4711"}]}`))
	rec.Add(patient(t, `{"resourceType":"ResearchSubject","id":"0","status":"candidate","identifier":[{"system":"https://study.example","value":"P-0"}]}`))
	_, err := v.Find(ctx, record{rec}, rule, numbers)
	is(t, err, pseudonym.ErrNotEnrolled)
	rec.Add(patient(t, `{"resourceType":"ResearchSubject","id":"1","status":"on-study","identifier":[{"system":"https://study.example","value":"P-1"}]}`))
	if s, err := v.Find(ctx, record{rec}, rule, numbers); err != nil || s.Number() != "P-1" {
		t.Error(s, err)
	}
	rec.Add(patient(t, `{"resourceType":"ResearchSubject","id":"2","status":"on-study","identifier":[{"system":"https://study.example","value":"P-2"}]}`))
	if s, err := v.Find(ctx, record{rec}, rule, numbers); err == nil {
		t.Errorf("of two numbers one was taken: %v", s)
	}
	list, err := pseudonym.ReadEnrolment(strings.NewReader("\ufeffPID;Number;Site\n4711;P-1;03\n"))
	if err != nil {
		t.Fatal(err)
	}
	if s, err := v.Find(ctx, record{rec}, rule, list); err != nil || s.Number() != "P-1" {
		t.Error(s, err)
	}
	if s, err := v.Find(ctx, record{rec}, rule, pseudonym.Issued{}); err != nil || s.Number() != "P-1" {
		t.Error(s, err)
	}
}

func TestAnEnrolmentListReportsAllFaultsWithoutValues(t *testing.T) {
	_, err := pseudonym.ReadEnrolment(strings.NewReader("pid,number\ncanary1,P-1\ncanary2,P-1\ncanary1,P-2\n,P-3\ncanary4,canary 5\n"))
	if err == nil {
		t.Fatal("the list was accepted")
	}
	for _, line := range []string{"line 3", "line 4", "line 5", "line 6"} {
		if !strings.Contains(err.Error(), line) {
			t.Errorf("%s is not reported: %v", line, err)
		}
	}
	if strings.Contains(err.Error(), "canary") {
		t.Error(err)
	}
	for _, text := range []string{"", "a,b\n", "pid,number\n\"canary", "pid,number\ncanary\n"} {
		if _, err := pseudonym.ReadEnrolment(strings.NewReader(text)); err == nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestSubjectsReadAheadAreForgottenWhenTheyChange(t *testing.T) {
	v, _ := newVault(t)
	anna, bert, carl := pid("anna"), pid("bert"), pid("carl")
	if _, err := v.Enrol(ctx, anna, "S-1", ""); err != nil {
		t.Fatal(err)
	}
	err := v.Batch(ctx, func(ctx context.Context) error {
		ctx, err := v.Ahead(ctx, []pseudonym.Identity{anna, bert, anna})
		if err != nil {
			return err
		}
		leadsTo := func(id pseudonym.Identity, number string, want error) {
			t.Helper()
			if s, err := v.Subject(ctx, id); s.Number() != number || !errors.Is(err, want) {
				t.Errorf("%q %v, want %q %v", s.Number(), err, number, want)
			}
		}
		leadsTo(anna, "S-1", nil)
		leadsTo(bert, "", pseudonym.ErrNotEnrolled)
		leadsTo(carl, "", pseudonym.ErrNotEnrolled)
		if _, err := v.Enrol(ctx, bert, "S-2", ""); err != nil {
			return err
		}
		leadsTo(bert, "S-2", nil)
		if err := v.Detach(ctx, anna); err != nil {
			return err
		}
		leadsTo(anna, "", pseudonym.ErrNotEnrolled)
		if err := v.Link(ctx, "S-2", carl); err != nil {
			return err
		}
		leadsTo(carl, "S-2", nil)
		if ctx, err = v.Ahead(ctx, []pseudonym.Identity{bert, carl}); err != nil {
			return err
		}
		if err := v.Destroy(ctx, "S-2"); err != nil {
			return err
		}
		leadsTo(bert, "", pseudonym.ErrNotEnrolled)
		leadsTo(carl, "", pseudonym.ErrNotEnrolled)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
