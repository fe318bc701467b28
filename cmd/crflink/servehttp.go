package main

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/crflink/crflink/operation"
	"github.com/crflink/crflink/schedule"
)

// socketName is the socket through which crflink jobs and status speak with crflink serve. Only its owner may use it.
const socketName = "serve.sock"

func socketOf(c *operation.Config) string { return filepath.Join(c.State, socketName) }

// listen opens the socket for commands, and the address for health and metrics.
func (d *daemon) listen(ctx context.Context) (stop func() error, err error) {
	commands, err := listenUnix(ctx, socketOf(d.config))
	if err != nil {
		return nil, err
	}
	servers := []*http.Server{begin(commands, d.commands())}
	if d.config.Listen.Address != "" {
		public, err := d.listenPublic(ctx)
		if err != nil {
			return nil, errors.Join(err, servers[0].Close())
		}
		servers = append(servers, public)
	}
	return func() error {
		var errs []error
		for _, s := range servers {
			errs = append(errs, s.Close())
		}
		return errors.Join(errs...)
	}, nil
}

// begin serves until the server is closed.
func begin(l net.Listener, h http.Handler) *http.Server {
	s := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second, WriteTimeout: time.Minute, MaxHeaderBytes: 1 << 14}
	go func() { _ = s.Serve(l) }() // it ends with the server being closed
	return s
}

// listenUnix takes the socket's name over from a program that died. The lock of the folder tells that none is alive.
func listenUnix(ctx context.Context, path string) (net.Listener, error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("the socket for commands: %w", err)
	}
	old := syscall.Umask(0o177)
	l, err := new(net.ListenConfig).Listen(ctx, "unix", path)
	syscall.Umask(old)
	if err != nil {
		return nil, fmt.Errorf("the socket for commands: %w", err)
	}
	return l, nil
}

func (d *daemon) listenPublic(ctx context.Context) (*http.Server, error) {
	c := d.config.Listen
	token, err := secretOf(c.Token)
	if err != nil {
		return nil, fmt.Errorf("the token of listen: %w", err)
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", c.Address)
	if err != nil {
		return nil, fmt.Errorf("listen at %s: %w", c.Address, err)
	}
	if c.Certificate != "" {
		if l, err = withTLS(l, c); err != nil {
			return nil, err
		}
	}
	d.log.Info("health and metrics are told", "address", l.Addr().String())
	return begin(l, demanding(token.Reveal(), d.public())), nil
}

// demanding lets in who shows the token; "" is no token.
func demanding(token string, h http.Handler) http.Handler {
	if token == "" {
		return h
	}
	want := sha256.Sum256([]byte("Bearer " + token))
	return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		got := sha256.Sum256([]byte(q.Header.Get("Authorization")))
		if subtle.ConstantTimeCompare(want[:], got[:]) != 1 {
			w.Header().Set("WWW-Authenticate", "Bearer")
			http.Error(w, "a token is needed", http.StatusUnauthorized)
			return
		}
		h.ServeHTTP(w, q)
	})
}

// public is what monitoring may ask.
func (d *daemon) public() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if err := d.nights.Ready(); err != nil {
			http.Error(w, "the book of runs cannot be used", http.StatusServiceUnavailable)
			return
		}
		_, _ = fmt.Fprintln(w, "ready")
	})
	mux.Handle("GET /metrics", d.metrics.Handler())
	return mux
}

// condition is what crflink status is told.
type condition struct {
	Version string              `json:"version"`
	Started time.Time           `json:"started"`
	Ready   bool                `json:"ready"`
	Studies []schedule.Standing `json:"studies"`
}

// actorHeader names who gives a command.
const actorHeader = "Crflink-Actor"

// commands is what crflink jobs may ask for.
func (d *daemon) commands() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, condition{version(), d.started, d.nights.Ready() == nil, d.nights.Standings()}, nil)
	})
	study := func(do func(ctx context.Context, study, by string) (any, error)) http.HandlerFunc {
		return func(w http.ResponseWriter, q *http.Request) {
			by := q.Header.Get(actorHeader)
			v, err := do(q.Context(), q.PathValue("study"), by)
			d.log.Info("a command", "command", q.Method+" "+q.URL.Path, "by", by, "done", err == nil)
			answer(w, v, err)
		}
	}
	mux.HandleFunc("POST /studies/{study}/run", study(func(ctx context.Context, s, by string) (any, error) { return d.nights.Ask(ctx, s, by) }))
	mux.HandleFunc("POST /studies/{study}/pause", study(func(ctx context.Context, s, by string) (any, error) { return nil, d.nights.Pause(ctx, s, by) }))
	mux.HandleFunc("POST /studies/{study}/continue", study(func(ctx context.Context, s, _ string) (any, error) { return nil, d.nights.Continue(ctx, s) }))
	mux.HandleFunc("POST /runs/{run}/cancel", func(w http.ResponseWriter, q *http.Request) {
		id, err := strconv.ParseInt(q.PathValue("run"), 10, 64)
		if err == nil {
			err = d.nights.Cancel(q.Context(), id, q.Header.Get(actorHeader))
		}
		answer(w, nil, err)
	})
	mux.HandleFunc("POST /reload", func(w http.ResponseWriter, q *http.Request) {
		reply := make(chan error, 1)
		select {
		case d.reload <- reply:
			answer(w, nil, <-reply)
		case <-q.Context().Done():
		}
	})
	return mux
}

func answer(w http.ResponseWriter, v any, err error) {
	w.Header().Set("Content-Type", "application/json")
	if err != nil {
		w.WriteHeader(http.StatusConflict)
		v = map[string]string{"error": err.Error()}
	}
	if v == nil {
		v = map[string]string{}
	}
	_ = json.NewEncoder(w).Encode(v)
}
