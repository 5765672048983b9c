package hosts

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"wisp/test/fleet"
	"wisp/test/world"
)

const (
	failoverLimit = 10 * time.Second
	downLimit     = 15 * time.Second
	beyond        = "203.0.113.2"
)

// outside makes the external network with a router on it, and returns the
// namespace of the outside and the ids of both.
func outside(t *testing.T, f *fleet.Fleet, c *world.Caller) (netns, network, router string) {
	t.Helper()
	netns = f.Outside("172.24.4.1/24", beyond+"/32")
	network = c.Create("/network/v2.0/networks", "network",
		`{"network": {"name": "ext", "router:external": true, "provider:network_type": "flat", "provider:physical_network": "public"}}`)
	c.Create("/network/v2.0/subnets", "subnet", fmt.Sprintf(
		`{"subnet": {"network_id": %q, "ip_version": 4, "cidr": "172.24.4.0/24", "gateway_ip": "172.24.4.1", "enable_dhcp": false}}`, network))
	router = c.Create("/network/v2.0/routers", "router", fmt.Sprintf(`{"router": {"name": "r", "external_gateway_info": {"network_id": %q}}}`, network))
	return netns, network, router
}

// attach joins a network to a router.
func attach(t *testing.T, c *world.Caller, router string, n fleet.Network) {
	t.Helper()
	if _, err := c.Request("PUT", "/network/v2.0/routers/"+router+"/add_router_interface", fmt.Sprintf(`{"subnet_id": %q}`, n.SubnetID)); err != nil {
		t.Fatal(err)
	}
}

// floating gives a port a floating IP and returns its address.
func floating(t *testing.T, c *world.Caller, network, port string) string {
	t.Helper()
	id := c.Create("/network/v2.0/floatingips", "floatingip", fmt.Sprintf(`{"floatingip": {"floating_network_id": %q, "port_id": %q}}`, network, port))
	got, err := c.Get("/network/v2.0/floatingips/"+id, "floatingip")
	if err != nil {
		t.Fatal(err)
	}
	address, _ := got["floating_ip_address"].(string)
	return address
}

// carrier is the node that carries a router's gateway.
func carrier(t *testing.T, c *world.Caller, router string, nodes []*fleet.Node) *fleet.Node {
	t.Helper()
	for _, agent := range c.List("/network/v2.0/routers/"+router+"/l3-agents", "agents") {
		if i := slices.IndexFunc(nodes, func(n *fleet.Node) bool { return n.Host == agent["host"] }); i >= 0 {
			return nodes[i]
		}
	}
	t.Fatal("no node carries the gateway")
	return nil
}

// TestFailover lets the node that carries a router's gateway die, as a machine
// and as a process, and wants the router's networks to reach the outside again.
func TestFailover(t *testing.T) {
	f := fleet.New(t)
	server := f.Server(1, "--physical-network", "public", "--physical-network", "physnet1")
	var nodes []*fleet.Node
	for i := range 3 {
		networks := []string{fleet.External}
		if i == 2 {
			networks = nil
		}
		nodes = append(nodes, f.Node(i+1, []*fleet.Server{server}, networks, "--hypervisor", "fake"))
	}
	c := server.Caller(t)
	hostsUp(t, c, 3)
	out, ext, router := outside(t, f, c)
	n := f.Network(c, "net", "10.1.0.0/24", "")
	attach(t, c, router, n)
	guest := f.GuestOn(c, nodes[2], n)
	guest.Reaches(t, beyond)
	address := floating(t, c, ext, f.GuestOn(c, nodes[2], n).PortID)
	inward := func() error {
		_, err := f.Try(out, "ping", "-n", "-c", "1", "-W", "1", address)
		return err
	}
	if err := world.Within(world.Short, inward); err != nil {
		t.Fatal(err)
	}

	first := carrier(t, c, router, nodes)
	t.Logf("the gateway is on %s, whose machine dies", first.Host)
	began := time.Now()
	for _, port := range first.Ports {
		f.Unplug(port, true)
	}
	first.Kill()
	back(t, "the outside", began, func() error { return guest.Ping(beyond) })
	back(t, "the floating IP", began, inward)
	world.Eventually(t, downLimit, func() error { return stateOf(c, first.Host, "down") })
	t.Logf("%s is shown as down after %s", first.Host, time.Since(began).Round(time.Millisecond))
	second := carrier(t, c, router, nodes)
	if second == first {
		t.Fatal("the gateway did not move")
	}

	for _, port := range first.Ports {
		f.Unplug(port, false)
	}
	first.Start(t)
	world.Eventually(t, world.Short, func() error { return stateOf(c, first.Host, "up") })
	if now := carrier(t, c, router, nodes); now != second {
		t.Errorf("the gateway jumped back to %s", now.Host)
	}
	if err := guest.Ping(beyond); err != nil {
		t.Errorf("after the first node came back: %v", err)
	}

	t.Logf("the gateway is on %s, whose process dies; its programs go on", second.Host)
	began = time.Now()
	second.Kill()
	world.Eventually(t, world.Short, func() error {
		if carrier(t, c, router, nodes) != first {
			return errors.New("the gateway has not moved")
		}
		return nil
	})
	back(t, "the outside", began, func() error { return guest.Ping(beyond) })
}

// back waits until something works again.
func back(t *testing.T, what string, since time.Time, works func() error) {
	t.Helper()
	err := world.Within(world.Short, works)
	took := time.Since(since)
	t.Logf("%s is reached again after %s", what, took.Round(time.Millisecond))
	if err != nil || took > failoverLimit {
		t.Errorf("%s: not within %s: %v", what, failoverLimit, err)
	}
}

func stateOf(c *world.Caller, host, want string) error {
	for _, s := range c.List("/compute/v2.1/os-services", "services") {
		if s["host"] == host && s["state"] != want {
			return fmt.Errorf("%s is %v", host, s["state"])
		}
	}
	return nil
}

// TestWholeAgain takes a node's programs away while its server is away too.
func TestWholeAgain(t *testing.T) {
	f := fleet.New(t)
	server := f.Server(1)
	nodes := []*fleet.Node{f.Node(1, []*fleet.Server{server}, nil, "--hypervisor", "fake"), f.Node(2, []*fleet.Server{server}, nil, "--hypervisor", "fake")}
	c := server.Caller(t)
	hostsUp(t, c, 2)
	n := f.Network(c, "net", "10.1.0.0/24", "")
	a, b := f.GuestOn(c, nodes[0], n), f.GuestOn(c, nodes[1], n)
	a.Reaches(t, b.Address)
	server.Kill()
	nodes[0].Kill()
	if err := a.Ping(b.Address); err != nil {
		t.Errorf("packets need the processes: %v", err)
	}
	links, err := filepath.Glob("/sys/fs/bpf/wisp-" + nodes[0].Prefix() + "/*/*")
	if err != nil || len(links) == 0 {
		t.Fatal("nothing is pinned", err)
	}
	if err := os.RemoveAll("/sys/fs/bpf/wisp-" + nodes[0].Prefix()); err != nil {
		t.Fatal(err)
	}
	world.Eventually(t, world.Short, func() error { // the kernel detaches when it likes
		if a.Ping(b.Address) == nil {
			return errors.New("packets pass without programs")
		}
		return nil
	})
	nodes[0].Start(t)
	a.Reaches(t, b.Address)
}
