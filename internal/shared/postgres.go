package shared

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Cluster is a PostgreSQL server of its own: on a free port of the loopback interface, in a temporary folder, for one test
// and those below it.
type Cluster struct {
	Port     int
	Password string // of Owner

	owner     testing.TB // with which it ends
	dir, data string
	as        *syscall.SysProcAttr
	process   *os.Process
	ended     chan struct{}
}

// Owner is the name of the cluster's superuser.
const Owner = "owner"

// Postgres starts a cluster, which ends with the test.
func Postgres(t testing.TB) *Cluster {
	t.Helper()
	for _, program := range []string{"initdb", "postgres", "psql"} {
		if _, err := exec.LookPath(program); err != nil {
			Absent(t, program+" of PostgreSQL is not on the PATH; make setup installs it")
		}
	}
	// PostgreSQL refuses to run as root, and its own account must reach the folder, whatever TMPDIR says.
	dir, err := os.MkdirTemp("/tmp", "crflink-postgres-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	c := &Cluster{Port: freePort(t), Password: "a password for tests"}
	as := account(t, dir)
	secret := filepath.Join(dir, "password")
	if err := errors.Join(os.WriteFile(secret, []byte(c.Password), 0o600), own(secret, as)); err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(dir, "data")
	initdb := exec.CommandContext(t.Context(), "initdb", "-D", data, "-U", Owner, "--pwfile", secret, "-A", "scram-sha-256", "-E", "UTF8", "--locale=C", "--no-sync") // #nosec G204 -- a test server, started by a test
	initdb.SysProcAttr = as
	initdb.Dir = dir
	if out, err := initdb.CombinedOutput(); err != nil {
		t.Fatalf("initdb: %v\n%s", err, out)
	}
	c.owner, c.dir, c.data, c.as = t, dir, data, as
	c.serve(t)
	return c
}

// Crash ends the server as pg_ctl -m immediate does, without any goodbye, and starts it again.
func (c *Cluster) Crash(t testing.TB) {
	t.Helper()
	if err := c.process.Signal(syscall.SIGQUIT); err != nil {
		t.Fatal(err)
	}
	<-c.ended
	c.serve(c.owner)
}

// account is who runs the server: the caller, or for root the account postgres, which then owns the folder.
func account(t testing.TB, dir string) *syscall.SysProcAttr {
	t.Helper()
	attributes := &syscall.SysProcAttr{Setpgid: true}
	if os.Geteuid() != 0 {
		return attributes
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		Absent(t, "root cannot run PostgreSQL, and there is no account postgres")
	}
	uid, uidErr := strconv.ParseUint(u.Uid, 10, 32)
	gid, gidErr := strconv.ParseUint(u.Gid, 10, 32)
	if err := errors.Join(uidErr, gidErr); err != nil {
		t.Fatal(err)
	}
	attributes.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	if err := own(dir, attributes); err != nil {
		t.Fatal(err)
	}
	return attributes
}

func own(path string, as *syscall.SysProcAttr) error {
	if as.Credential == nil {
		return nil
	}
	return os.Chown(path, int(as.Credential.Uid), int(as.Credential.Gid)) // #nosec G703 -- tests only: a folder that the test made
}

// serve starts the server and waits until it accepts connections.
func (c *Cluster) serve(t testing.TB) {
	t.Helper()
	// It outlives the test's context, and is stopped in its own way.
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), "postgres", "-D", c.data, "-p", strconv.Itoa(c.Port), "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "fsync=off", "-c", "logging_collector=off") // #nosec G204 -- a test server, started by a test
	cmd.SysProcAttr = c.as
	cmd.Dir = c.dir
	log, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ready, ended := make(chan bool, 1), make(chan struct{})
	c.process, c.ended = cmd.Process, ended
	go func() {
		defer close(ended)
		watch(log, ready)
		_ = cmd.Wait()
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGINT) // fast shutdown
		select {
		case <-ended:
		case <-time.After(10 * time.Second):
			_ = cmd.Process.Kill()
		}
	})
	if !<-ready {
		t.Fatal("PostgreSQL ended before it served")
	}
}

func watch(log io.Reader, ready chan<- bool) {
	for lines := bufio.NewScanner(log); lines.Scan(); {
		if strings.Contains(lines.Text(), "database system is ready to accept connections") {
			ready <- true
		}
	}
	close(ready)
}

// SQL runs statements on a database as the cluster's owner.
func (c *Cluster) SQL(t testing.TB, database string, statements ...string) {
	t.Helper()
	for _, statement := range statements {
		cmd := exec.CommandContext(t.Context(), "psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-p", strconv.Itoa(c.Port), "-U", Owner, "-d", database, "-c", statement) // #nosec G204 -- a test server, asked by a test
		cmd.Env = append(cmd.Environ(), "PGPASSWORD="+c.Password)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", statement, err, out)
		}
	}
}

// Database makes an empty database that belongs to a new role of the same name, who has the cluster's password and no other
// rights. It returns the address, without the password.
func (c *Cluster) Database(t testing.TB, name string) string {
	t.Helper()
	c.SQL(t, "postgres", fmt.Sprintf("CREATE ROLE %s LOGIN PASSWORD '%s'", name, c.Password), fmt.Sprintf("CREATE DATABASE %s OWNER %s", name, name))
	return fmt.Sprintf("postgres://%s@127.0.0.1:%d/%s", name, c.Port, name)
}
