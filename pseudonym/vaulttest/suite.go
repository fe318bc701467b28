package vaulttest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/crflink/crflink/pseudonym"
)

// Run examines a store. open returns a new and empty one.
func Run(t *testing.T, open func(*testing.T) pseudonym.VaultStore) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, pseudonym.VaultStore){
		"metadata are stored once":                             metaOnce,
		"metadata change in one step":                          metaChange,
		"all rows of a study are listed":                       rowsListed,
		"an identity leads to its row":                         identityLeads,
		"a second insert for an identity returns the first":    insertTwice,
		"a number belongs to one row":                          numberTaken,
		"a further identity leads to the same row":             furtherIdentity,
		"an identity that is taken off leaves the row":         unlinked,
		"a destroyed row is gone with its identities":          destroyed,
		"destroying a study leaves the others":                 studyDestroyed,
		"a failed rewrite changes nothing":                     rewriteFails,
		"a rewrite changes all sealed values":                  rewrite,
		"a row sealed before a rewrite is not stored after it": insertLate,
		"of many inserts for one identity one row remains":     race,
		"of many inserts of one number one row gets through":   numberRace,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

func hash(s string) []byte { return bytes.Repeat([]byte(s + "________")[:8], 4) }

func row(n string) pseudonym.Row {
	return pseudonym.Row{
		ID: hash("id" + n)[:16], StudyHash: hash("study"), NumberHash: hash("nr" + n),
		Number: []byte("number " + n), Site: []byte("site " + n), Secret: []byte("secret " + n), Origin: []byte("origin " + n),
	}
}

func same(a, b pseudonym.Row) bool {
	return fmt.Sprint(a) == fmt.Sprint(b)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func insert(t *testing.T, s pseudonym.VaultStore, identity, n string) pseudonym.Row {
	t.Helper()
	r, err := s.Insert(context.Background(), nil, hash(identity), row(n))
	must(t, err)
	return r
}

func wantErr(t *testing.T, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Errorf("error %v, want %v", got, want)
	}
}

func metaOnce(t *testing.T, s pseudonym.VaultStore) {
	ctx := context.Background()
	_, err := s.Meta(ctx, "check")
	wantErr(t, err, pseudonym.ErrNoRow)
	for i, want := range []bool{true, false} {
		stored, err := s.InitMeta(ctx, map[string][]byte{"check": {byte(i)}, "lookup": {2}})
		must(t, err)
		if stored != want {
			t.Errorf("time %d: stored %v, want %v", i, stored, want)
		}
	}
	v, err := s.Meta(ctx, "check")
	must(t, err)
	if !bytes.Equal(v, []byte{0}) {
		t.Errorf("the second time changed the value")
	}
}

func identityLeads(t *testing.T, s pseudonym.VaultStore) {
	ctx := context.Background()
	_, err := s.Subject(ctx, hash("anna"))
	wantErr(t, err, pseudonym.ErrNoRow)
	insert(t, s, "anna", "1")
	insert(t, s, "bert", "2")
	got, err := s.Subject(ctx, hash("anna"))
	must(t, err)
	byNumber, err := s.SubjectByNumber(ctx, hash("nr1"))
	must(t, err)
	if !same(got, row("1")) || !same(byNumber, row("1")) {
		t.Errorf("got %v and %v", got, byNumber)
	}
	for _, many := range []int{0, 1, 100} { // also more than a statement takes
		asked := [][]byte{}
		for i := range many {
			asked = append(asked, hash(fmt.Sprintf("nobody %d", i)))
		}
		rows, err := s.Subjects(ctx, append(asked, hash("bert"), hash("anna"), hash("bert")))
		must(t, err)
		if len(rows) != 2 || !same(rows[string(hash("anna"))], row("1")) || !same(rows[string(hash("bert"))], row("2")) {
			t.Errorf("among %d others: %v", many, rows)
		}
	}
}

func insertTwice(t *testing.T, s pseudonym.VaultStore) {
	insert(t, s, "anna", "1")
	if got := insert(t, s, "anna", "2"); !same(got, row("1")) {
		t.Errorf("got %v", got)
	}
	_, err := s.SubjectByNumber(context.Background(), hash("nr2"))
	wantErr(t, err, pseudonym.ErrNoRow)
}

func numberTaken(t *testing.T, s pseudonym.VaultStore) {
	insert(t, s, "anna", "1")
	r := row("2")
	r.NumberHash = hash("nr1")
	_, err := s.Insert(context.Background(), nil, hash("bert"), r)
	wantErr(t, err, pseudonym.ErrNumberTaken)
	_, err = s.Subject(context.Background(), hash("bert"))
	wantErr(t, err, pseudonym.ErrNoRow)
}

func furtherIdentity(t *testing.T, s pseudonym.VaultStore) {
	ctx := context.Background()
	insert(t, s, "anna", "1")
	insert(t, s, "bert", "2")
	must(t, s.Link(ctx, hash("anne"), row("1").ID))
	must(t, s.Link(ctx, hash("anne"), row("1").ID))
	got, err := s.Subject(ctx, hash("anne"))
	must(t, err)
	if !same(got, row("1")) {
		t.Errorf("got %v", got)
	}
	wantErr(t, s.Link(ctx, hash("bert"), row("1").ID), pseudonym.ErrIdentity)
	wantErr(t, s.Link(ctx, hash("carl"), row("9").ID), pseudonym.ErrNoRow)
}

func destroyed(t *testing.T, s pseudonym.VaultStore) {
	ctx := context.Background()
	insert(t, s, "anna", "1")
	insert(t, s, "bert", "2")
	must(t, s.Link(ctx, hash("anne"), row("1").ID))
	must(t, s.Destroy(ctx, row("1").ID))
	must(t, s.Destroy(ctx, row("1").ID))
	for _, identity := range []string{"anna", "anne"} {
		_, err := s.Subject(ctx, hash(identity))
		wantErr(t, err, pseudonym.ErrNoRow)
	}
	_, err := s.Subject(ctx, hash("bert"))
	must(t, err)
	if got := insert(t, s, "anna", "3"); !same(got, row("3")) {
		t.Errorf("after the deletion: %v", got)
	}
}

func studyDestroyed(t *testing.T, s pseudonym.VaultStore) {
	ctx := context.Background()
	insert(t, s, "anna", "1")
	insert(t, s, "bert", "2")
	r := row("3")
	r.StudyHash = hash("other")
	_, err := s.Insert(ctx, nil, hash("carl"), r)
	must(t, err)
	n, err := s.DestroyStudy(ctx, hash("study"))
	must(t, err)
	if n != 2 {
		t.Errorf("%d rows, want 2", n)
	}
	_, err = s.Subject(ctx, hash("anna"))
	wantErr(t, err, pseudonym.ErrNoRow)
	_, err = s.Subject(ctx, hash("carl"))
	must(t, err)
}

func rewriteFails(t *testing.T, s pseudonym.VaultStore) {
	ctx := context.Background()
	insert(t, s, "anna", "1")
	insert(t, s, "bert", "2")
	broken, calls := errors.New("broken"), 0
	err := s.Rewrite(ctx, map[string][]byte{"check": {9}}, func(r pseudonym.Row) (pseudonym.Row, error) {
		calls++
		r.Number = []byte("changed")
		if calls == 2 {
			return r, broken
		}
		return r, nil
	})
	wantErr(t, err, broken)
	for identity, n := range map[string]string{"anna": "1", "bert": "2"} {
		got, err := s.Subject(ctx, hash(identity))
		must(t, err)
		if !same(got, row(n)) {
			t.Errorf("%s: %v", identity, got)
		}
	}
	_, err = s.Meta(ctx, "check")
	wantErr(t, err, pseudonym.ErrNoRow)
}

func rewrite(t *testing.T, s pseudonym.VaultStore) {
	ctx := context.Background()
	insert(t, s, "anna", "1")
	must(t, s.Rewrite(ctx, map[string][]byte{"check": {9}}, func(r pseudonym.Row) (pseudonym.Row, error) {
		for _, b := range []*[]byte{&r.Number, &r.Site, &r.Secret, &r.Origin} {
			*b = append([]byte("new "), *b...)
		}
		return r, nil
	}))
	got, err := s.Subject(ctx, hash("anna"))
	must(t, err)
	for _, b := range [][]byte{got.Number, got.Site, got.Secret, got.Origin} {
		if !bytes.HasPrefix(b, []byte("new ")) {
			t.Errorf("%q", b)
		}
	}
	v, err := s.Meta(ctx, "check")
	must(t, err)
	if !bytes.Equal(v, []byte{9}) {
		t.Errorf("check %v", v)
	}
}

func insertLate(t *testing.T, s pseudonym.VaultStore) {
	ctx := context.Background()
	_, err := s.InitMeta(ctx, map[string][]byte{pseudonym.MetaCheck: {1}})
	must(t, err)
	_, err = s.Insert(ctx, []byte{1}, hash("anna"), row("1"))
	must(t, err)
	must(t, s.Rewrite(ctx, map[string][]byte{pseudonym.MetaCheck: {2}}, func(r pseudonym.Row) (pseudonym.Row, error) { return r, nil }))
	_, err = s.Insert(ctx, []byte{1}, hash("bert"), row("2"))
	wantErr(t, err, pseudonym.ErrRotated)
	_, err = s.Subject(ctx, hash("bert"))
	wantErr(t, err, pseudonym.ErrNoRow)
	_, err = s.Insert(ctx, []byte{2}, hash("bert"), row("2"))
	must(t, err)
}

// parallel calls f for n at once and waits.
func parallel(n int, f func(i int)) {
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { f(i) })
	}
	all.Wait()
}

func race(t *testing.T, s pseudonym.VaultStore) {
	const n = 8
	got := make([]string, n)
	parallel(n, func(i int) {
		r, err := s.Insert(context.Background(), nil, hash("anna"), row(fmt.Sprint(i)))
		got[i] = fmt.Sprint(string(r.Number), err)
	})
	for _, g := range got {
		if g != got[0] {
			t.Errorf("two callers got %q and %q", got[0], g)
		}
	}
}

func numberRace(t *testing.T, s pseudonym.VaultStore) {
	const n = 8
	errs := make([]error, n)
	parallel(n, func(i int) {
		r := row(fmt.Sprint(i))
		r.NumberHash = hash("same")
		_, errs[i] = s.Insert(context.Background(), nil, hash("p"+fmt.Sprint(i)), r)
	})
	stored := 0
	for _, err := range errs {
		if err == nil {
			stored++
		} else if !errors.Is(err, pseudonym.ErrNumberTaken) {
			t.Error(err)
		}
	}
	if stored != 1 {
		t.Errorf("%d rows got the number", stored)
	}
}
