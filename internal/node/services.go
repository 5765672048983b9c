package node

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"wisp/internal/dhcp"
	"wisp/internal/metadata"
	"wisp/internal/nodeapi"
	"wisp/internal/radv"
)

const (
	metadataAddress = "169.254.169.254:80"
	serviceRetry    = time.Second // after the first failure of a service; doubles
	serviceLast     = time.Minute
	guestConns      = 16 // connections that one guest may have to the metadata service
)

// keepServing runs a service until ctx ends, again after it failed.
func (n *Node) keepServing(ctx context.Context, what string, serve func(context.Context) error) {
	wait := serviceRetry
	for ctx.Err() == nil {
		began := time.Now()
		err := serve(ctx)
		if ctx.Err() != nil {
			return
		}
		if time.Since(began) > serviceLast {
			wait = serviceRetry
		}
		level := slog.LevelError
		if errors.Is(err, fs.ErrNotExist) {
			level = slog.LevelDebug // the first network of this host is not made yet
		}
		n.log.Log(ctx, level, "a service for the guests failed", "service", what, "error", err, "retry_in", wait)
		select {
		case <-time.After(wait):
		case <-ctx.Done():
		}
		wait = min(2*wait, serviceLast)
	}
}

func (n *Node) serveDHCP(ctx context.Context) {
	n.keepServing(ctx, "dhcp", func(ctx context.Context) error {
		conn, err := n.cfg.Dataplane.Frames()
		if err != nil {
			return err
		}
		server := dhcp.NewServer(conn, n.lease, n.log)
		server.Answered = n.leased
		return server.Serve(ctx)
	})
}

// lease returns what a port is told by DHCP.
func (n *Node) lease(portID string) (nodeapi.Lease, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	lease, known := n.desired.Leases[portID]
	return lease, known
}

// serveRouters advertises the routers of IPv6.
func (n *Node) serveRouters(ctx context.Context) {
	n.keepServing(ctx, "router advertisements", func(ctx context.Context) error {
		conn, err := n.cfg.Dataplane.Frames()
		if err != nil {
			return err
		}
		return radv.NewServer(conn, n.routers, n.log).Serve(ctx, n.advertise)
	})
}

// routers are what is advertised on the local ports.
func (n *Node) routers() map[string][]nodeapi.Advertisement {
	n.mu.Lock()
	defer n.mu.Unlock()
	all := map[string][]nodeapi.Advertisement{}
	for port, lease := range n.desired.Leases {
		if lease.IPv6 != nil && len(lease.IPv6.Routers) > 0 {
			all[port] = lease.IPv6.Routers
		}
	}
	return all
}

func (n *Node) serveMetadata(ctx context.Context) {
	n.keepServing(ctx, "metadata", func(ctx context.Context) error {
		listener, err := n.cfg.Dataplane.ListenService(ctx, "tcp", metadataAddress)
		if err != nil {
			return err
		}
		server := &http.Server{
			Handler: metadata.Handler(n.document, n.client.SavePassword), MaxHeaderBytes: 16 << 10,
			ReadTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second, IdleTimeout: 10 * time.Second,
			ErrorLog: slog.NewLogLogger(n.log.Handler(), slog.LevelDebug),
		}
		stop := context.AfterFunc(ctx, func() { _ = server.Close() })
		defer stop()
		if err := server.Serve(&fairListener{Listener: listener, open: map[netip.Addr]int{}}); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
}

// document finds the instance that a request comes from, by the address that
// the dataplane gave its connection and by nothing else.
func (n *Node) document(r *http.Request) (*metadata.Document, bool) {
	from, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return nil, false
	}
	port, known := n.cfg.Dataplane.PortByServiceAddr(from.Addr().Unmap())
	if !known {
		return nil, false
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	instance, known := n.desired.Instances[n.byPort[port]]
	if !known {
		return nil, false
	}
	return &instance.Metadata, true
}

// fairListener lets no guest have so many connections that none are left for
// the others.
type fairListener struct {
	net.Listener
	mu   sync.Mutex
	open map[netip.Addr]int
}

func (l *fairListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		from, err := netip.ParseAddrPort(conn.RemoteAddr().String())
		if err != nil || !l.enter(from.Addr()) {
			_ = conn.Close()
			continue
		}
		return &fairConn{Conn: conn, leave: sync.OnceFunc(func() { l.left(from.Addr()) })}, nil
	}
}

func (l *fairListener) enter(a netip.Addr) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open[a] >= guestConns {
		return false
	}
	l.open[a]++
	return true
}

func (l *fairListener) left(a netip.Addr) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open[a]--; l.open[a] == 0 {
		delete(l.open, a)
	}
}

type fairConn struct {
	net.Conn
	leave func()
}

func (c *fairConn) Close() error {
	c.leave()
	return c.Conn.Close()
}
