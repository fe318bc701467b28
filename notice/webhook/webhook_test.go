package webhook_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/crflink/crflink/internal/wire"
	"github.com/crflink/crflink/notice"
	"github.com/crflink/crflink/notice/webhook"
)

func TestAWebhookIsPostedOnceAndItsAddressStaysSecret(t *testing.T) {
	var got []map[string]any
	status := http.StatusOK
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		text, _ := io.ReadAll(q.Body)
		var body map[string]any
		_ = json.Unmarshal(text, &body)
		body["asked"] = q.Method + " " + q.RequestURI + " " + q.Header.Get("Authorization") + " " + q.Header.Get("Content-Type")
		got = append(got, body)
		w.WriteHeader(status)
	}))
	defer server.Close()
	var log strings.Builder
	o := wire.Options{Auth: wire.Auth{Bearer: wire.NewSecret("token")}, Log: func(a wire.Attempt) { log.WriteString(a.Path + a.Type) }}
	w, err := webhook.New(o, wire.NewSecret(server.URL+"/services/canary?sig=canary%2F"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = w.Close() }()
	n := notice.Notice{Study: "psma", Kind: notice.Failed, Urgent: true, Title: "title", Text: "text", At: time.Unix(0, 0).UTC()}
	if err := w.Send(t.Context(), n); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"study": "psma", "kind": "run-failed", "urgent": true, "title": "title", "text": "title\ntext", "at": "1970-01-01T00:00:00Z",
		"asked": "POST /services/canary?sig=canary%2F Bearer token application/json"}
	for key, value := range want {
		if got[0][key] != value {
			t.Errorf("%s: %v, want %v", key, got[0][key], value)
		}
	}
	status = http.StatusServiceUnavailable
	err = w.Send(t.Context(), n)
	server.Close()
	down := w.Send(t.Context(), n)
	if err == nil || down == nil || len(got) != 2 || strings.Contains(err.Error()+down.Error()+log.String(), "canary") {
		t.Errorf("%v, %v after %d posts; log %s", err, down, len(got), log.String())
	}
	for _, bad := range []string{"", "hooks.example/x", "ftp://x/y", "https://u:canary@x/y"} {
		if _, err := webhook.New(wire.Options{}, wire.NewSecret(bad)); err == nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}
