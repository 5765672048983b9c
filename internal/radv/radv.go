// Package radv advertises the routers of IPv6 to the guests of one host: when
// a guest asks for routers, and unasked now and then (RFC 4861 6.2). Frame is
// the message, Server sends it on a connection on which the kernel says which
// port a frame came from. What is said stands in the desired state of the
// host; there is no other state than what was said last, to take it back when
// the router goes.
//
// It imports the advertisement's type from nodeapi, and nothing that knows how
// frames come from guests.
package radv

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"reflect"
	"sync"
	"time"

	"wisp/internal/nodeapi"
)

// Conn carries whole Ethernet frames between guests and this host.
type Conn interface {
	ReadFrame(buf []byte) (n int, portID string, err error)
	WriteFrame(portID string, frame []byte) error
	Close() error
}

// Routers returns what is advertised on each local port, by its id.
type Routers func() map[string][]nodeapi.Advertisement

// Interval is how often routers advertise themselves unasked, at the least;
// each time it is a random part shorter, so that hosts do not do so at once.
const Interval = 10 * time.Second

// maxFrame is more than a solicitation needs.
const maxFrame = 2048

// Server advertises on a connection.
type Server struct {
	conn    Conn
	routers Routers
	log     *slog.Logger

	mu   sync.Mutex
	said map[string][]nodeapi.Advertisement // by port
}

// NewServer returns a server for Serve; it closes conn at the end.
func NewServer(conn Conn, routers Routers, log *slog.Logger) *Server {
	return &Server{conn: conn, routers: routers, log: log, said: map[string][]nodeapi.Advertisement{}}
}

// Serve advertises until ctx ends, which is no error, or reading fails. A value
// on changed has it look at once whether there is something new to say.
func (s *Server) Serve(ctx context.Context, changed <-chan struct{}) error {
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(ctx, func() { _ = s.conn.Close() }) // wakes ReadFrame
	var unasked sync.WaitGroup
	defer func() {
		cancel()
		unasked.Wait()
		if stop() {
			_ = s.conn.Close()
		}
	}()
	unasked.Go(func() { s.repeat(ctx, changed) })
	buf := make([]byte, maxFrame)
	for {
		n, port, err := s.conn.ReadFrame(buf)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("reading from the guests: %w", err)
		}
		if solicited(buf[:n]) == nil {
			s.mu.Lock()
			s.say(ctx, port, s.routers()[port])
			s.mu.Unlock()
		}
	}
}

func (s *Server) repeat(ctx context.Context, changed <-chan struct{}) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		fresh := false
		select {
		case <-ctx.Done():
			return
		case <-changed:
			fresh = true
		case <-timer.C:
			timer.Reset(Interval - rand.N(Interval/4))
		}
		s.all(ctx, fresh)
	}
}

// all advertises on all ports, or only where something is new.
func (s *Server) all(ctx context.Context, onlyNew bool) {
	now := s.routers()
	s.mu.Lock()
	defer s.mu.Unlock()
	for port := range s.said {
		if _, still := now[port]; !still {
			s.say(ctx, port, nil)
		}
	}
	for port, routers := range now {
		if !onlyNew || !reflect.DeepEqual(s.said[port], routers) {
			s.say(ctx, port, routers)
		}
	}
}

// say advertises on one port, and takes back what was said of routers that are
// there no more. The caller holds mu.
func (s *Server) say(ctx context.Context, port string, routers []nodeapi.Advertisement) {
	there := map[string]bool{}
	for _, a := range routers {
		there[a.MAC] = true
		s.write(ctx, port, a, false)
	}
	for _, a := range s.said[port] {
		if !there[a.MAC] {
			s.write(ctx, port, a, true)
		}
	}
	if len(routers) == 0 {
		delete(s.said, port)
		return
	}
	s.said[port] = routers
}

func (s *Server) write(ctx context.Context, port string, a nodeapi.Advertisement, over bool) {
	frame, err := Frame(a, over)
	if err == nil {
		err = s.conn.WriteFrame(port, frame)
	}
	// A port that is being unplugged has no device any more.
	if err != nil && !errors.Is(err, net.ErrClosed) {
		s.log.DebugContext(ctx, "advertising a router failed", "port", port, "router", a.MAC, "error", err)
	}
}
