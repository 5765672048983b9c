package nodeapi

import (
	"context"
	"errors"
	"net"
	"testing"

	"golang.org/x/net/nettest"
)

func TestMemoryConnBehavesAsConn(t *testing.T) {
	t.Parallel()
	nettest.TestConn(t, func() (c1, c2 net.Conn, stop func(), err error) {
		l, dial := Memory()
		accepted := make(chan net.Conn, 1)
		go func() {
			c, _ := l.Accept()
			accepted <- c
		}()
		c1, err = dial(context.Background(), "", "")
		if err != nil {
			return nil, nil, nil, err
		}
		c2 = <-accepted
		return c1, c2, func() { _, _, _ = c1.Close(), c2.Close(), l.Close() }, nil
	})
}

func TestMemoryDialFails(t *testing.T) {
	t.Parallel()
	t.Run("listener closed", func(t *testing.T) {
		t.Parallel()
		l, dial := Memory()
		_ = l.Close()
		if _, err := dial(t.Context(), "", ""); !errors.Is(err, net.ErrClosed) {
			t.Fatalf("dial = %v, want closed", err)
		}
		if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
			t.Fatalf("accept = %v, want closed", err)
		}
	})
	t.Run("context ends", func(t *testing.T) {
		t.Parallel()
		l, dial := Memory()
		defer l.Close()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := dial(ctx, "", ""); !errors.Is(err, context.Canceled) {
			t.Fatalf("dial = %v, want canceled", err)
		}
	})
}
