package wire_test

import (
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/crflink/crflink/internal/wire"
)

// crowd asks a server from many goroutines and waits for all answers.
func crowd(t *testing.T, r *wire.Reader, n int) {
	t.Helper()
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() { _ = r.Get(t.Context(), r.Base().JoinPath("Patient"), func(wire.Answer) error { return nil }) })
	}
	wg.Wait()
}

// meeting is a server that answers when as many requests as it waits for have come together.
type meeting struct {
	mu       sync.Mutex
	here     int
	together int // most at once
	awaited  int
	full     chan struct{}
	status   int
}

func (m *meeting) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	m.mu.Lock()
	m.here++
	m.together = max(m.together, m.here)
	if m.here == m.awaited {
		close(m.full)
	}
	full := m.full
	m.mu.Unlock()
	select {
	case <-full:
	case <-q.Context().Done():
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.here--
	w.WriteHeader(m.status)
}

func (m *meeting) expect(awaited, status int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.together, m.awaited, m.status, m.full = 0, awaited, status, make(chan struct{})
	if awaited == 0 {
		close(m.full)
	}
}

func TestFewerRequestsAreUnderWayWhileTheServerHasTooMuchToDo(t *testing.T) {
	m := &meeting{}
	server := httptest.NewServer(m)
	defer server.Close()
	r, err := wire.NewReader(wire.Options{Base: server.URL, AtOnce: 4, Retries: -1})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	together := func(requests, awaited, status int) int {
		m.expect(awaited, status)
		crowd(t, r, requests)
		return m.together
	}
	if n := together(8, 4, http.StatusOK); n != 4 {
		t.Errorf("%d requests at once, 4 are allowed", n)
	}
	together(1, 0, http.StatusServiceUnavailable)
	if n := together(8, 2, http.StatusOK); n > 4 || n < 2 {
		t.Errorf("%d requests at once after one answer of 503, want 2 that become more", n)
	}
	for range 4 {
		together(1, 0, http.StatusTooManyRequests)
	}
	m.expect(0, http.StatusOK)
	if crowd(t, r, 1); m.together != 1 {
		t.Errorf("%d requests at once", m.together)
	}
	m.expect(0, http.StatusOK)
	crowd(t, r, 40)
	if n := together(8, 4, http.StatusOK); n != 4 {
		t.Errorf("%d requests at once when the server has long been well, want 4", n)
	}
}

func TestAServerThatFailsTimeAndAgainIsLeftAlone(t *testing.T) {
	var asked atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		w.WriteHeader(http.StatusBadGateway)
	}))
	defer server.Close()
	r, err := wire.NewReader(wire.Options{Base: server.URL, Retries: 4, Pause: time.Hour, MaxPause: time.Microsecond})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	crowd(t, r, 6)
	if n := asked.Load(); n < 10 || n > 16 {
		t.Errorf("the server was asked %d times by 6 requests of 5 attempts, want 10 and what was under way", n)
	}
	before := asked.Load()
	if crowd(t, r, 3); asked.Load() != before {
		t.Errorf("the server was asked although it is left alone")
	}
}
