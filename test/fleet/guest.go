package fleet

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"wisp/internal/dataplane/intent"
	"wisp/internal/netlinkx"
	"wisp/test/world"
)

// roots are the authority of the server's certificate.
func (s *Server) roots(t testing.TB) *x509.CertPool {
	t.Helper()
	var file string
	for _, line := range s.Environment(t) {
		if path, ok := strings.CutPrefix(line, "OS_CACERT="); ok {
			file = path
		}
	}
	pem, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		t.Fatalf("%s holds no certificate", filepath.Base(file))
	}
	return pool
}

// Network is one of the cloud's, with an IPv4 subnet.
type Network struct {
	ID, SubnetID string
	MTU          int
	Gateway      string
	Segment      int // segmentation id; 0 when there is none
	cidr         string
}

// Network makes a network and its subnet. provider are attributes as JSON
// members, such as `"provider:network_type": "gre"`; empty for the default.
func (f *Fleet) Network(c *world.Caller, name, cidr, provider string) Network {
	if provider != "" {
		provider = ", " + provider
	}
	n := Network{ID: c.Create("/network/v2.0/networks", "network", fmt.Sprintf(`{"network": {"name": %q%s}}`, name, provider)), cidr: cidr}
	got, err := c.Get("/network/v2.0/networks/"+n.ID, "network")
	if err != nil {
		f.t.Fatal(err)
	}
	if mtu, ok := got["mtu"].(float64); ok {
		n.MTU = int(mtu)
	}
	if id, ok := got["provider:segmentation_id"].(float64); ok {
		n.Segment = int(id)
	}
	n.SubnetID = c.Create("/network/v2.0/subnets", "subnet", fmt.Sprintf(`{"subnet": {"network_id": %q, "ip_version": 4, "cidr": %q}}`, n.ID, cidr))
	subnet, err := c.Get("/network/v2.0/subnets/"+n.SubnetID, "subnet")
	if err != nil {
		f.t.Fatal(err)
	}
	n.Gateway, _ = subnet["gateway_ip"].(string)
	return n
}

// Guest is a namespace whose device is a port of the cloud.
type Guest struct {
	Netns   string
	PortID  string
	MAC     string
	Address string
	Node    *Node

	f *Fleet
}

const guestDevice = "eth0"

// GuestOn makes a port of a network and a namespace on a node that has it. The
// device is there before the port is bound, so the node takes it as it is.
func (f *Fleet) GuestOn(c *world.Caller, n *Node, network Network, groups ...string) *Guest {
	f.t.Helper()
	security := `"security_groups": ["` + strings.Join(groups, `", "`) + `"]`
	if len(groups) == 0 {
		security = `"port_security_enabled": false, "security_groups": []`
	}
	id := c.Create("/network/v2.0/ports", "port", fmt.Sprintf(`{"port": {"network_id": %q, %s}}`, network.ID, security))
	g := &Guest{PortID: id, Node: n, f: f, Netns: f.Netns("g" + id[:8])}
	port, err := c.Get("/network/v2.0/ports/"+id, "port")
	if err != nil {
		f.t.Fatal(err)
	}
	g.MAC, _ = port["mac_address"].(string)
	if ips, ok := port["fixed_ips"].([]any); ok && len(ips) > 0 {
		first, _ := ips[0].(map[string]any)
		g.Address, _ = first["ip_address"].(string)
	}
	device := intent.DeviceName(n.Prefix(), id)
	f.IP(n.Netns, "link add %s type veth peer name %s netns %s", device, guestDevice, g.Netns)
	f.IP(g.Netns, "link set %s address %s mtu %d", guestDevice, g.MAC, network.MTU)
	f.IP(g.Netns, "link set %s up", guestDevice)
	_, length, _ := strings.Cut(network.cidr, "/")
	f.IP(g.Netns, "addr add %s/%s dev %s", g.Address, length, guestDevice)
	f.IP(g.Netns, "route add default via %s", network.Gateway)
	if _, err := c.Request("PUT", "/network/v2.0/ports/"+id, fmt.Sprintf(`{"port": {"binding:host_id": %q}}`, n.Host)); err != nil {
		f.t.Fatal(err)
	}
	return g
}

// Ping pings once.
func (g *Guest) Ping(address string) error {
	_, err := g.f.Try(g.Netns, "ping", "-n", "-c", "1", "-W", "1", address)
	return err
}

// Reaches waits until a ping is answered.
func (g *Guest) Reaches(t testing.TB, address string) {
	t.Helper()
	world.Eventually(t, short, func() error { return g.Ping(address) })
}

// Download sends size random bytes over TCP from one namespace to another and
// compares what arrives. It fails when nothing moves for a while.
func Download(t testing.TB, from, to, address string, size int64) time.Duration {
	t.Helper()
	var listener net.Listener
	err := netlinkx.In(netlinkx.NetnsPath(from), func() (err error) {
		listener, err = new(net.ListenConfig).Listen(t.Context(), "tcp4", ":0")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	sent := make(chan string, 1)
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			sent <- err.Error()
			return
		}
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(startTime))
		sum := sha256.New()
		if _, err := io.CopyN(io.MultiWriter(conn, sum), rand.Reader, size); err != nil {
			sent <- err.Error()
			return
		}
		sent <- hex.EncodeToString(sum.Sum(nil))
	}()
	began := time.Now()
	var conn net.Conn
	err = netlinkx.In(netlinkx.NetnsPath(to), func() (err error) {
		dialer := net.Dialer{Timeout: short}
		conn, err = dialer.DialContext(context.Background(), "tcp4", net.JoinHostPort(address, fmt.Sprint(listener.Addr().(*net.TCPAddr).Port)))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(startTime))
	sum := sha256.New()
	got, err := io.Copy(sum, conn)
	if err != nil || got != size {
		t.Fatalf("%d of %d bytes came: %v", got, size, err)
	}
	if want := <-sent; hex.EncodeToString(sum.Sum(nil)) != want {
		t.Fatalf("what came is not what was sent: %s", want)
	}
	return time.Since(began)
}
