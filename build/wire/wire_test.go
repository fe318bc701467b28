// Package wire puts a proxy between crflink and a FHIR server that does to the wire what networks do to it: the program that users run
// either ends in the tables of a quiet network, or stops with exit code 4 and ends in them when it is run again.
package wire

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	"github.com/Shopify/toxiproxy/v2/toxics"
	"github.com/rs/zerolog"

	"github.com/crflink/crflink/synth"
)

// toxin is what is done to the wire.
type toxin struct {
	kind  string
	toxic toxics.Toxic
	// heals says that the network is well again when the program is run a second time.
	heals bool
}

var toxins = map[string]toxin{
	"latency":             {kind: "latency", toxic: &toxics.LatencyToxic{Latency: 40, Jitter: 30}},
	"bandwidth":           {kind: "bandwidth", toxic: &toxics.BandwidthToxic{Rate: 2000}},
	"slicer":              {kind: "slicer", toxic: &toxics.SlicerToxic{AverageSize: 700, SizeVariation: 300, Delay: 50}},
	"slow close":          {kind: "slow_close", toxic: &toxics.SlowCloseToxic{Delay: 100}},
	"limit of a line":     {kind: "limit_data", toxic: &toxics.LimitDataToxic{Bytes: 400_000}},
	"cut within answers":  {kind: "limit_data", toxic: &toxics.LimitDataToxic{Bytes: 20_000}, heals: true},
	"reset":               {kind: "reset_peer", toxic: &toxics.ResetToxic{Timeout: 3}, heals: true},
	"timeout":             {kind: "timeout", toxic: &toxics.TimeoutToxic{Timeout: 20}, heals: true},
	"silence and a reset": {kind: "timeout", toxic: &toxics.TimeoutToxic{Timeout: 200}, heals: true},
}

func TestWhateverTheWireDoesARunEndsInTheTablesOfAQuietOneOrStops(t *testing.T) {
	program := build(t)
	hospital := serve(t)
	calm := newStudy(t, program, hospital)
	if code, text := calm.sync(); code != 0 && code != 5 {
		t.Fatalf("the quiet run: exit code %d\n%s", code, text)
	}
	want := calm.tables()
	if len(want) == 0 {
		t.Fatal("the quiet run wrote no tables")
	}
	for name, x := range toxins {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			proxy := newProxy(t, hospital)
			link(t, proxy, x)
			s := newStudy(t, program, "http://"+proxy.Listen)
			s.copyVault(calm)
			code, text := s.sync()
			if x.heals && code != 4 {
				t.Errorf("the run came to its end with exit code %d: nothing was done to the wire", code)
			}
			if code == 4 {
				if x.heals {
					if err := proxy.Toxics.RemoveToxic(t.Context(), "toxin"); err != nil {
						t.Fatal(err)
					}
				}
				if tables := s.tables(); len(tables) > 0 {
					t.Errorf("a run that stopped has delivered")
				}
				code, text = s.sync()
			}
			if code != 0 && code != 5 {
				t.Fatalf("exit code %d\n%s", code, text)
			}
			if got := s.tables(); got != want {
				t.Errorf("the tables are others than those of a quiet network")
			}
		})
	}
}

func build(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "crflink")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", program, "./cmd/crflink")
	build.Dir = "../.." // in the product's own module, with the dependencies that it has there
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return program
}

// serve offers synthetic patients as a FHIR server and returns its host and port.
func serve(t *testing.T) string {
	t.Helper()
	server, err := synth.NewServer(synth.ServerConfig{})
	if err != nil {
		t.Fatal(err)
	}
	g, err := synth.New(synth.Config{Seed: 5, Patients: 12})
	if err != nil {
		t.Fatal(err)
	}
	if err := g.Each(func(_ string, text []byte) error { return server.Add(text) }, func(*synth.Truth) error { return nil }); err != nil {
		t.Fatal(err)
	}
	h := httptest.NewServer(server)
	t.Cleanup(h.Close)
	return h.URL
}

func newProxy(t *testing.T, upstream string) *toxiproxy.Proxy {
	t.Helper()
	log := zerolog.Nop()
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), log)
	p := toxiproxy.NewProxy(server, strings.ReplaceAll(t.Name(), "/", "-"), "127.0.0.1:0", strings.TrimPrefix(upstream, "http://"))
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Stop)
	return p
}

// link puts the toxin into what the server sends.
func link(t *testing.T, p *toxiproxy.Proxy, x toxin) {
	t.Helper()
	body := fmt.Sprintf(`{"name":"toxin","type":%q,"stream":"downstream","attributes":%s}`, x.kind, attributes(t, x.toxic))
	if _, err := p.Toxics.AddToxicJson(strings.NewReader(body)); err != nil {
		t.Fatal(err)
	}
}

// study is a study in a folder of its own.
type study struct {
	t            *testing.T
	program, dir string
}

func newStudy(t *testing.T, program, server string) *study {
	t.Helper()
	s := &study{t: t, program: program, dir: t.TempDir()}
	if err := os.CopyFS(filepath.Join(s.dir, "configs", "psma-registry"), os.DirFS("../../configs/psma-registry")); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(s.file())
	if err != nil {
		t.Fatal(err)
	}
	const there = "http://127.0.0.1:18642/fhir"
	if !bytes.Contains(text, []byte(there)) {
		t.Fatal("the example study has another server")
	}
	s.write(s.file(), strings.Replace(string(text), there, server+"/fhir", 1))
	s.write(filepath.Join(s.dir, "out", "demo", "vault.key"), "a key for tests only, never for patients 0123456789")
	return s
}

func (s *study) file() string { return filepath.Join(s.dir, "configs", "psma-registry", "study.yaml") }

func (s *study) write(path, text string) {
	s.t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600)); err != nil {
		s.t.Fatal(err)
	}
}

// copyVault lets the study's subjects have the secrets of another's.
func (s *study) copyVault(from *study) {
	s.t.Helper()
	text, err := os.ReadFile(filepath.Join(from.dir, "out", "demo", "state", "vault.db"))
	if err != nil {
		s.t.Fatal(err)
	}
	s.write(filepath.Join(s.dir, "out", "demo", "state", "vault.db"), string(text))
}

// sync runs the program as its users do.
func (s *study) sync() (code int, output string) {
	s.t.Helper()
	out, err := exec.CommandContext(s.t.Context(), s.program, "sync", s.file(), "--as-of", "2026-09-01", "--replay").CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		s.t.Fatal(err)
	}
	if exit != nil {
		code = exit.ExitCode()
	}
	return code, string(out)
}

// tables returns the study's delivered tables, "" before a delivery.
func (s *study) tables() string {
	s.t.Helper()
	var b strings.Builder
	root := filepath.Join(s.dir, "out", "demo", "tables")
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || d.IsDir() || filepath.Ext(path) != ".csv" {
			return err
		}
		text, err := os.ReadFile(path)
		fmt.Fprintf(&b, "%s\n%s", filepath.Base(path), text)
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return b.String()
}
