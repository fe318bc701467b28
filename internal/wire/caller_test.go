package wire

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
)

func TestACallerCallsWhatItsMakerListedAndNamesNoArgument(t *testing.T) {
	tokens := Endpoint{Method: http.MethodPost, Path: "/sessions/{}/tokens"}
	once := Endpoint{Method: http.MethodGet, Path: "/patients/tokenId/{}", Once: true}
	var asked []string
	fail := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		body, _ := io.ReadAll(q.Body)
		asked = append(asked, fmt.Sprintf("%s %s %s %s %s %s", q.Method, q.URL.EscapedPath(), q.URL.RawQuery, q.Header.Get("Accept"), q.Header.Get("Content-Type"), body))
		if fail > 0 {
			fail--
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		_, _ = w.Write([]byte("{}"))
	}))
	defer server.Close()
	var log bytes.Buffer
	c, err := NewCaller(Options{Base: server.URL + "/mzl/", Retries: 2, Pause: time.Microsecond, Log: func(a Attempt) { fmt.Fprintln(&log, a) }}, tokens, once)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	use := func(Answer) error { return nil }
	fail = 1
	if err := c.Do(t.Context(), tokens, Call{Arguments: []string{"canary/../x"}, Query: url.Values{"a": {"canary b"}}, Body: []byte("{canary}"), Type: JSON}, use); err != nil {
		t.Fatal(err)
	}
	want := "POST /mzl/sessions/canary%2F..%2Fx/tokens a=canary+b application/json application/json {canary}"
	if len(asked) != 2 || asked[0] != want || asked[1] != want {
		t.Errorf("asked\n%s", strings.Join(asked, "\n"))
	}
	asked, fail = nil, 1
	err = c.Do(t.Context(), once, Call{Arguments: []string{"canary"}}, use)
	if len(asked) != 1 || err == nil || !Passing(err) || strings.Contains(err.Error()+log.String(), "canary") {
		t.Errorf("asked %d times: %v\n%s", len(asked), err, &log)
	}
	for name, try := range map[string]func() error{
		"not listed":  func() error { return c.Do(t.Context(), Endpoint{Method: http.MethodDelete, Path: "/x"}, Call{}, use) },
		"too few":     func() error { return c.Do(t.Context(), once, Call{}, use) },
		"climbing":    func() error { return c.Do(t.Context(), once, Call{Arguments: []string{".."}}, use) },
		"no endpoint": func() error { _, err := NewCaller(Options{Base: server.URL}); return err },
		"a bad method": func() error {
			_, err := NewCaller(Options{Base: server.URL}, Endpoint{Method: "PUT", Path: "/x"})
			return err
		},
		"a path of no sort": func() error {
			_, err := NewCaller(Options{Base: server.URL}, Endpoint{Method: "GET", Path: "x"})
			return err
		},
	} {
		if try() == nil {
			t.Errorf("%s was accepted", name)
		}
	}
}
