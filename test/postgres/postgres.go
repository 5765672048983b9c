// Package postgres starts a PostgreSQL server for tests: a temporary folder,
// a free port on loopback and a socket in the folder, the distribution's
// binaries, no care for durability.
package postgres

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"
)

// Server is a running PostgreSQL server, whose superuser is "wisp".
type Server struct {
	dir     string
	port    int
	process *exec.Cmd
}

// Start starts a server. It dies with the thread that calls Start, so that
// nothing is left of a test that was killed: lock the goroutine to it.
func Start(ctx context.Context) (*Server, error) {
	bin, err := binaries()
	if err != nil {
		return nil, err
	}
	s := &Server{}
	if s.dir, err = os.MkdirTemp("", "wisp-postgres-"); err != nil {
		return nil, err
	}
	if err := s.start(ctx, bin); err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	return s, nil
}

func (s *Server) start(ctx context.Context, bin string) error {
	attributes, err := unprivileged(s.dir)
	if err != nil {
		return err
	}
	data := filepath.Join(s.dir, "data")
	initdb := exec.CommandContext(ctx, filepath.Join(bin, "initdb"), "--no-sync", "--auth=trust", "--username=wisp", "--encoding=UTF8", "--locale=C", data)
	initdb.SysProcAttr, initdb.Dir = attributes, s.dir
	if output, err := initdb.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, output)
	}
	if s.port, err = freePort(); err != nil {
		return err
	}
	var log bytes.Buffer
	process := exec.Command(filepath.Join(bin, "postgres"), "-D", data, "-p", strconv.Itoa(s.port), "-c", "listen_addresses=127.0.0.1",
		"-c", "unix_socket_directories="+s.dir, "-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off", "-c", "max_connections=400")
	process.SysProcAttr, process.Dir, process.Stderr = attributes, s.dir, &log
	if err := process.Start(); err != nil {
		return err
	}
	s.process = process
	if err := answers(ctx, s.port); err != nil {
		return fmt.Errorf("%w\n%s", err, log.String())
	}
	return nil
}

// URL of a database, by way of loopback.
func (s *Server) URL(database string) string {
	return fmt.Sprintf("postgres://wisp@127.0.0.1:%d/%s?sslmode=disable", s.port, database)
}

// SocketURL of a database is the same from every network namespace.
func (s *Server) SocketURL(database string) string {
	return fmt.Sprintf("postgres://wisp@/%s?host=%s&port=%d&sslmode=disable", database, s.dir, s.port)
}

// Stop stops the server and removes everything of it.
func (s *Server) Stop() error {
	if s.process != nil {
		_ = s.process.Process.Signal(syscall.SIGINT) // a fast shutdown
		_ = s.process.Wait()
	}
	return os.RemoveAll(s.dir)
}

// binaries finds the newest server of the distribution.
func binaries() (string, error) {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil || len(found) == 0 {
		return "", errors.New("no PostgreSQL below /usr/lib/postgresql; `make deps-test` installs it")
	}
	slices.Sort(found)
	return filepath.Dir(found[len(found)-1]), nil
}

// unprivileged makes the server run as the postgres user when this process is
// root, which PostgreSQL refuses to be; it dies with the thread that started it.
func unprivileged(dir string) (*syscall.SysProcAttr, error) {
	attributes := &syscall.SysProcAttr{Pdeathsig: syscall.SIGQUIT}
	if os.Geteuid() != 0 {
		return attributes, nil
	}
	account, err := user.Lookup("postgres")
	if err != nil {
		return nil, err
	}
	uid, _ := strconv.Atoi(account.Uid)
	gid, _ := strconv.Atoi(account.Gid)
	attributes.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	return attributes, os.Chown(dir, uid, gid)
}

func freePort() (int, error) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port, nil
}

func answers(ctx context.Context, port int) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		conn, err := net.Dial("tcp4", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			return conn.Close()
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("PostgreSQL does not answer: %w", err)
		case <-tick.C:
		}
	}
}
