package shared

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"sync"
	"testing"
)

// Network is some hosts, each a network namespace of its own, with a cable to a hub. Nobody else can reach them, nor they anybody
// but what is served to them.
type Network struct {
	hub   *namespace
	hosts int
}

// Host is one of them.
type Host struct {
	of  *Network
	in  *namespace
	hub string // its address at the other end of the cable
}

// NewNetwork makes a network that ends with the test; nil where this user may not.
func NewNetwork(t *testing.T) *Network {
	t.Helper()
	hub := newNamespace(t)
	if hub == nil {
		return nil
	}
	if _, err := exec.LookPath("ip"); err != nil {
		Absent(t, "ip of iproute2 is not on the PATH; make setup installs it")
	}
	return &Network{hub: hub}
}

// Host makes a host.
func (n *Network) Host(t *testing.T) *Host {
	t.Helper()
	n.hosts++
	h := &Host{of: n, in: newNamespace(t), hub: fmt.Sprintf("10.213.%d.1", n.hosts)}
	if h.in == nil {
		t.Fatal("no namespace for a further host")
	}
	plug := fmt.Sprintf("host%d", n.hosts)
	n.hub.ip(t, "link", "add", plug, "type", "veth", "peer", "name", "cable", "netns", fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), h.in.file.Fd()))
	n.hub.ip(t, "address", "add", h.hub+"/30", "dev", plug)
	n.hub.ip(t, "link", "set", plug, "up")
	h.in.ip(t, "address", "add", fmt.Sprintf("10.213.%d.2/30", n.hosts), "dev", "cable")
	h.Cut(t, false)
	return h
}

// ip changes the namespace's network.
func (n *namespace) ip(t *testing.T, args ...string) {
	t.Helper()
	err := n.do(func() error {
		if out, err := exec.CommandContext(t.Context(), "ip", args...).CombinedOutput(); err != nil { // #nosec G204 -- of the test's own network
			return fmt.Errorf("ip %v: %w: %s", args, err, out)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Cut pulls the host's cable, or plugs it in again. Nobody is told.
func (h *Host) Cut(t *testing.T, is bool) {
	t.Helper()
	h.in.ip(t, "link", "set", "cable", map[bool]string{true: "down", false: "up"}[is])
}

// Start starts a program on the host.
func (h *Host) Start(c *exec.Cmd) error { return h.in.do(c.Start) }

// Reach lets the host's processes reach an address of this machine: at one of their own loopback, from which everything goes through
// the cable to the hub, and on from there.
func (h *Host) Reach(t *testing.T, address string) (there string) {
	t.Helper()
	far := h.of.hub.serve(t, h.hub+":0", func() (net.Conn, error) { return net.Dial("tcp", address) }) //nolint:noctx // it ends with the test
	return h.in.serve(t, "127.0.0.1:0", func() (c net.Conn, err error) {
		err = h.in.do(func() (err error) {
			c, err = net.Dial("tcp", far) //nolint:noctx // it ends with the test
			return err
		})
		return c, err
	})
}

// serve listens in the namespace until the test ends, and passes on what comes to a new connection.
func (n *namespace) serve(t *testing.T, at string, dial func() (net.Conn, error)) (address string) {
	t.Helper()
	var listener net.Listener
	err := n.do(func() (err error) {
		var lc net.ListenConfig
		listener, err = lc.Listen(t.Context(), "tcp", at)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	f := &forwarder{dial: dial, open: map[net.Conn]bool{}}
	var serving sync.WaitGroup
	serving.Go(func() { f.serve(listener) })
	t.Cleanup(func() {
		_ = listener.Close()
		serving.Wait()
		f.end()
	})
	return listener.Addr().String()
}

// forwarder passes connections on.
type forwarder struct {
	dial func() (net.Conn, error)

	mu    sync.Mutex
	open  map[net.Conn]bool
	joins sync.WaitGroup
}

func (f *forwarder) serve(listener net.Listener) {
	for {
		client, err := listener.Accept()
		if err != nil {
			return // the listener was closed
		}
		f.joins.Go(func() { f.join(client) })
	}
}

// join copies both ways until either side ends.
func (f *forwarder) join(client net.Conn) {
	defer f.keep(client)()
	server, err := f.dial()
	if err != nil {
		return
	}
	defer f.keep(server)()
	ended := make(chan struct{}, 2)
	for _, way := range [][2]net.Conn{{client, server}, {server, client}} {
		f.joins.Go(func() {
			_, _ = io.Copy(way[0], way[1])
			ended <- struct{}{}
		})
	}
	<-ended
}

// keep notes an open connection; what it returns closes it.
func (f *forwarder) keep(c net.Conn) (end func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.open[c] = true
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.open, c)
		_ = c.Close()
	}
}

// end closes what is open: a host whose cable was pulled does not.
func (f *forwarder) end() {
	f.mu.Lock()
	for c := range f.open {
		_ = c.Close()
	}
	f.mu.Unlock()
	f.joins.Wait()
}
