package dataplane_test

import (
	"crypto/sha256"
	"io"
	"net"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"wisp/internal/netlinkx"
)

func itoa(n int) string { return strconv.Itoa(n) }

func needTool(t testing.TB, name string) {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		t.Skipf("needs the %s command", name)
	}
}

// pattern is data that tells where a byte is missing.
type pattern struct{ at, size int }

func (p *pattern) Read(b []byte) (int, error) {
	n := min(len(b), p.size-p.at)
	if n == 0 {
		return 0, io.EOF
	}
	for i := range n {
		b[i] = byte((p.at + i) * 2654435761 >> 13)
	}
	p.at += n
	return n, nil
}

// download fetches size bytes by TCP from a server at address in one
// namespace to another one, and compares what arrives.
func (l *lab) download(to, from, address string, size int) {
	l.t.Helper()
	size = bulk(size)
	const patience = 90 * time.Second
	var listener net.Listener
	err := netlinkx.In(netlinkx.NetnsPath(from), func() (err error) {
		listener, err = new(net.ListenConfig).Listen(l.t.Context(), "tcp", address)
		return err
	})
	if err != nil {
		l.t.Fatal(err)
	}
	defer listener.Close()
	failed := make(chan error, 1)
	go func() {
		c, err := listener.Accept()
		if err == nil {
			_ = c.SetDeadline(time.Now().Add(patience))
			_, err = io.Copy(c, struct{ io.Reader }{&pattern{size: size}})
			c.Close()
		}
		failed <- err
	}()
	var c net.Conn
	err = netlinkx.In(netlinkx.NetnsPath(to), func() (err error) {
		c, err = (&net.Dialer{Timeout: 20 * time.Second}).DialContext(l.t.Context(), "tcp", address)
		return err
	})
	if err != nil {
		l.t.Fatalf("from %s to %s: %v\n%s", from, to, err, l.counters())
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(patience))
	got, want := sha256.New(), sha256.New()
	n, err := io.Copy(got, c)
	_, _ = io.Copy(want, &pattern{size: size})
	if err != nil || n != int64(size) || string(got.Sum(nil)) != string(want.Sum(nil)) {
		c.Close()
		l.t.Fatalf("%d of %d bytes from %s to %s: %v, sender %v\n%s", n, size, from, to, err, <-failed, l.counters())
	}
	if err := <-failed; err != nil {
		l.t.Error(err)
	}
}
