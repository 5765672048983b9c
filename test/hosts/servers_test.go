package hosts

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"time"

	"wisp/test/fleet"
	"wisp/test/postgres"
	"wisp/test/world"
)

const reachLimit = 100 * time.Millisecond

// TestTwoServers runs two servers on one PostgreSQL, with nodes attached to
// either, and kills one.
func TestTwoServers(t *testing.T) {
	runtime.LockOSThread() // PostgreSQL dies with the thread that started it
	db, err := postgres.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Stop(); err != nil {
			t.Error(err)
		}
	})
	f := fleet.New(t)
	var servers []*fleet.Server
	for i := range 2 {
		servers = append(servers, f.Server(i+1, "--database", db.SocketURL("postgres")))
	}
	// Each node begins with another server.
	nodes := []*fleet.Node{
		f.Node(1, servers, nil, "--hypervisor", "fake"),
		f.Node(2, []*fleet.Server{servers[1], servers[0]}, nil, "--hypervisor", "fake"),
	}
	one := servers[0].Caller(t)
	hostsUp(t, one, 2)
	two := one.At(servers[1].URL) // with the token of the first
	n := f.Network(one, "net", "10.1.0.0/24", "")
	a := f.GuestOn(one, nodes[0], n)
	b := f.GuestOn(one, nodes[1], n)
	a.Reaches(t, b.Address)

	var took []time.Duration
	for i := range 20 {
		caller, node := one, nodes[i%2]
		if i%4 < 2 {
			caller = two
		}
		id := caller.Create("/network/v2.0/ports", "port", fmt.Sprintf(`{"port": {"network_id": %q, "binding:host_id": %q}}`, n.ID, node.Host))
		answered := time.Now()
		saved := filepath.Join(node.State, "node", "state.json")
		tick := time.NewTicker(time.Millisecond)
		for content, err := os.ReadFile(saved); err != nil || !bytes.Contains(content, []byte(id)); content, err = os.ReadFile(saved) {
			if <-tick.C; time.Since(answered) > world.Short {
				t.Fatalf("the node does not know the port: %v", err)
			}
		}
		tick.Stop()
		took = append(took, time.Since(answered))
	}
	slices.Sort(took)
	t.Logf("from an answer to the node's disk: median %s, worst %s", took[len(took)/2], took[len(took)-1])
	if took[len(took)/2] > reachLimit {
		t.Errorf("the median is more than %s", reachLimit)
	}

	// Revocation at one holds at the other.
	other := servers[0].Caller(t)
	if _, err := other.At(servers[1].URL).Request("GET", "/network/v2.0/networks", ""); err != nil {
		t.Fatal(err)
	}
	if _, err := one.Request("DELETE", "/identity/v3/auth/tokens", "", "X-Subject-Token", other.Token); err != nil {
		t.Fatal(err)
	}
	world.Eventually(t, world.Short, func() error {
		if _, err := other.At(servers[1].URL).Request("GET", "/network/v2.0/networks", ""); err == nil {
			return errors.New("a revoked token is accepted by the other server")
		}
		return nil
	})

	servers[0].Kill()
	if _, err := two.Request("GET", "/network/v2.0/networks", ""); err != nil {
		t.Errorf("the other server does not answer at once: %v", err)
	}
	if err := a.Ping(b.Address); err != nil {
		t.Errorf("a server's end interrupted the guests: %v", err)
	}
	began := time.Now()
	late := f.GuestOn(two, nodes[0], n) // whose server is gone
	late.Reaches(t, b.Address)
	t.Logf("the node has come to the other server, and done what was asked for, after %s", time.Since(began).Round(time.Millisecond))
	hostsUp(t, two, 2)
}
