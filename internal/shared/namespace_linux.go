package shared

import (
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// namespace is a network of its own on this machine: a server in it can be reached by nobody, whatever addresses it listens on,
// but through a forwarder.
type namespace struct{ file *os.File }

// newNamespace makes one that ends with the test; nil where this user may not.
func newNamespace(t *testing.T) *namespace {
	t.Helper()
	made := make(chan *os.File, 1)
	go func() {
		runtime.LockOSThread() // and never unlock: the thread is of the namespace, and ends with the goroutine
		made <- unshared()
	}()
	file := <-made
	if file == nil {
		return nil
	}
	t.Cleanup(func() { _ = file.Close() })
	return &namespace{file}
}

// unshared takes the thread into a namespace in which the loopback is up.
func unshared() *os.File {
	if unix.Unshare(unix.CLONE_NEWNET) != nil || raiseLoopback() != nil {
		return nil
	}
	file, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		return nil
	}
	return file
}

func raiseLoopback() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(fd) }()
	request, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	request.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, request)
}

// do runs a function on a thread of the namespace. What it starts is in the namespace, and so are the sockets that it opens.
func (n *namespace) do(f func() error) error {
	if n == nil {
		return f()
	}
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		if err := unix.Setns(int(n.file.Fd()), unix.CLONE_NEWNET); err != nil { // #nosec G115 -- a file descriptor
			done <- fmt.Errorf("enter the network namespace: %w", err)
			return
		}
		done <- f()
	}()
	return <-done
}

// forward serves a port of the namespace at a free one of this machine's loopback until the test ends.
func (n *namespace) forward(t *testing.T, port int) (here int) {
	t.Helper()
	var lc net.ListenConfig
	listener, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var open sync.WaitGroup
	open.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return // the listener was closed
			}
			open.Go(func() { n.join(client, fmt.Sprintf("127.0.0.1:%d", port)) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		open.Wait() // connections end with the server, which ends first
	})
	address, ok := listener.Addr().(*net.TCPAddr)
	if !ok {
		t.Fatal("the forwarder has no port")
	}
	return address.Port
}

// join copies between a connection and a new one in the namespace, until either ends.
func (n *namespace) join(client net.Conn, address string) {
	defer func() { _ = client.Close() }()
	var server net.Conn
	err := n.do(func() (err error) {
		server, err = net.Dial("tcp", address) //nolint:noctx // it ends with the server, and the server with the test
		return err
	})
	if err != nil {
		return
	}
	defer func() { _ = server.Close() }()
	ended := make(chan struct{}, 2)
	for _, way := range [][2]net.Conn{{client, server}, {server, client}} {
		go func() {
			_, _ = io.Copy(way[0], way[1])
			ended <- struct{}{}
		}()
	}
	<-ended
}
