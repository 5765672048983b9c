package compute_test

import (
	"net/netip"
	"testing"
	"time"

	"wisp/internal/compute"
	"wisp/internal/compute/computetest"
	"wisp/internal/errs"
	"wisp/internal/network"
	"wisp/internal/nodeapi"
	"wisp/internal/store"
	"wisp/internal/store/storetest"
)

func TestHostsComeAndGo(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		c := newCloud(t, db)
		up := func() bool {
			t.Helper()
			hosts, err := c.ListHosts(t.Context(), compute.HostFilter{Name: "node-1"})
			if err != nil || len(hosts) != 1 {
				t.Fatalf("hosts %v: %v", hosts, err)
			}
			return hosts[0].Up
		}
		if !up() {
			t.Error("a host that said hello is down")
		}
		c.HostGone(t.Context(), "node-1", "an older session")
		c.Clock.Advance(10 * time.Second)
		if !up() {
			t.Error("the end of an old session counts for the newer one")
		}
		c.HostGone(t.Context(), "node-1", c.node.Session)
		if !up() {
			t.Error("a host that disconnected this moment is down")
		}
		if server := c.create(t, "during a reconnect"); server.Host != "node-1" {
			t.Errorf("the server is on %q: %+v", server.Host, server.Fault)
		}
		c.Clock.Advance(5 * time.Second)
		if up() {
			t.Error("a host that is gone is up")
		}
		c.node.Step()
		if !up() {
			t.Error("a host that reports again is down")
		}
		c.Clock.Advance(2 * time.Minute)
		if up() {
			t.Error("a silent host is up")
		}
		server := c.create(t, "none")
		if server.Fault == nil || server.Fault.Message != "No valid host was found. Of 1 host: 1 down." {
			t.Errorf("fault is %+v", server.Fault)
		}
		c.node.Step()
		if !up() {
			t.Error("a host that is heard of again is down")
		}
		yes := true
		if _, err := c.UpdateHost(t.Context(), compute.HostFilter{Name: "node-1"}, compute.HostUpdate{ForcedDown: &yes}); err != nil {
			t.Fatal(err)
		}
		if up() {
			t.Error("a host that was forced down is up")
		}
		wantKind(t, c.Report(t.Context(), "mars", nodeapi.Report{}), errs.NotFound, "mars")
		wantKind(t, c.Hello(t.Context(), nodeapi.Hello{}), errs.Invalid, "name its host")
	})
}

// A host cannot speak for another's servers.
func TestReportOfAnotherHost(t *testing.T) {
	t.Parallel()
	c := newCloud(t, storetest.SQLite(t))
	server := c.create(t, "one")
	other := c.Node("node-2", 1, 1024, 10)
	report := nodeapi.Report{Instances: []nodeapi.InstanceStatus{{ID: server.ID, Phase: nodeapi.PhaseRunning, BootGeneration: 9, ResetGeneration: 9}}}
	if err := c.Report(t.Context(), other.Host, report); err != nil {
		t.Fatal(err)
	}
	c.want(t, server.ID, "BUILD", compute.TaskNetworking)
}

// Ports that existed before stay when their server goes; others go with it.
func TestPortsOfDeletedServers(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		c := newCloud(t, db)
		ports, err := c.Network.CreatePorts(t.Context(), c.member, []network.PortSpec{{NetworkID: network.Some(c.network)}})
		if err != nil {
			t.Fatal(err)
		}
		request := c.request("one")
		request.Networks = []network.PortRequest{{PortID: ports[0].ID, Tag: "first"}, {NetworkID: c.network}}
		made, err := c.CreateServers(t.Context(), c.member, request)
		if err != nil {
			t.Fatal(err)
		}
		server := made.Servers[0]
		if len(server.Ports) != 2 || server.Ports[0].PortID != ports[0].ID || server.Ports[0].Tag != "first" {
			t.Fatalf("ports are %+v", server.Ports)
		}
		_, err = c.CreateServers(t.Context(), c.member, request)
		wantKind(t, err, errs.Conflict, ports[0].ID)
		c.node.Step()
		if err := c.DeleteServer(t.Context(), c.member, server.ID); err != nil {
			t.Fatal(err)
		}
		c.node.Step()
		request.Networks = []network.PortRequest{{PortID: ports[0].ID}}
		if _, err := c.CreateServers(t.Context(), c.member, request); err != nil {
			t.Fatal("the port is not free again:", err)
		}
		request.Networks = []network.PortRequest{{PortID: server.Ports[1].PortID}}
		_, err = c.CreateServers(t.Context(), c.member, request)
		wantKind(t, err, errs.Invalid, server.Ports[1].PortID)
	})
}

// What is asked for between two reports is never undone by the older one.
func TestRequestsRaceReports(t *testing.T) {
	t.Parallel()
	c := newCloud(t, storetest.SQLite(t))
	server := c.create(t, "one")
	running := c.node.Step()
	must(t)(c.Stop(t.Context(), c.member, server.ID))
	stopped := c.node.Step()
	must(t)(c.Start(t.Context(), c.member, server.ID))
	for _, old := range []nodeapi.Report{stopped, running} {
		if err := c.Report(t.Context(), "node-1", old); err != nil {
			t.Fatal(err)
		}
		if got := c.want(t, server.ID, "SHUTOFF", compute.TaskPowerOn); got.Power != nodeapi.PowerRunning {
			t.Errorf("an old report made it %s", got.Power)
		}
	}
	c.node.Step()
	c.want(t, server.ID, "ACTIVE", "")
}

// What a node says of its addresses is told with its agents.
func TestAddressesOfAgents(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		c := newCloud(t, db)
		err := c.Hello(t.Context(), nodeapi.Hello{
			Host: "node-2", Address: netip.MustParseAddr("10.0.0.2"), Endpoint: netip.MustParseAddr("10.1.0.2"), API: netip.MustParseAddr("192.0.2.2"),
			Mappings: map[string]string{"public": "eth2"},
		})
		if err != nil {
			t.Fatal(err)
		}
		agents, err := c.Network.Agents(t.Context(), computetest.Admin(), store.List{})
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range agents {
			told, has := a.Configurations.V, a.Host == "node-2"
			if api, known := told["api_ip"]; known != has || has && (api != "192.0.2.2" || told["management_ip"] != "10.0.0.2" || told["tunneling_ip"] != "10.1.0.2") {
				t.Errorf("the %s of %s tells %v", a.AgentType, a.Host, told)
			}
		}
	})
}
