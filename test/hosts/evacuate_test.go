package hosts

import (
	"strings"
	"testing"
	"time"

	"wisp/test/fleet"
	"wisp/test/world"
)

// TestEvacuate cuts a node off, brings its instance to life on another one, and
// lets the first come back: two copies never run where both are connected.
func TestEvacuate(t *testing.T) {
	f := fleet.New(t)
	server := f.Server(1)
	nodes := []*fleet.Node{f.Node(1, []*fleet.Server{server}, nil), f.Node(2, []*fleet.Server{server}, nil)}
	c := server.Caller(t)
	hostsUp(t, c, 2)
	n := f.Network(c, "net", "10.1.0.0/24", "")
	near := f.GuestOn(c, nodes[1], n)
	i := f.Kit(c).Boot(t, c, n, "node1")
	world.Eventually(t, world.BootLimit, func() error { return near.Ping(i.Address) })

	if _, err := c.Request("POST", "/compute/v2.1/servers/"+i.ID+"/action", `{"evacuate": {}}`, "OpenStack-API-Version", "compute 2.14"); err == nil || !strings.Contains(err.Error(), "400") && !strings.Contains(err.Error(), "409") {
		t.Errorf("evacuating from a host that is up: %v", err)
	}
	began := time.Now()
	for _, port := range nodes[0].Ports {
		f.Unplug(port, true)
	}
	world.Eventually(t, downLimit, func() error { return stateOf(c, "node1", "down") })
	t.Logf("node1 is shown as down after %s", time.Since(began).Round(time.Millisecond))
	// Evacuating waits for as long as a node needs to fence itself.
	world.Eventually(t, 2*time.Minute, func() error {
		_, err := c.Request("POST", "/compute/v2.1/servers/"+i.ID+"/action", `{"evacuate": {}}`, "OpenStack-API-Version", "compute 2.14")
		return err
	})
	i.Await(t, c, "ACTIVE", "node2")
	world.Eventually(t, world.BootLimit, func() error { return near.Ping(i.Address) })
	t.Logf("the instance answers from node2 after %s; %d processes run it", time.Since(began).Round(time.Second), len(i.Machines(t)))

	for _, port := range nodes[0].Ports {
		f.Unplug(port, false)
	}
	back := time.Now()
	world.Eventually(t, world.Short, func() error { return stateOf(c, "node1", "up") })
	i.Once(t, world.Short)
	t.Logf("one process runs it %s after the cable was back", time.Since(back).Round(time.Millisecond))
	i.Await(t, c, "ACTIVE", "node2")
	if err := near.Ping(i.Address); err != nil {
		t.Error(err)
	}
}
