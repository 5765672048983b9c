package compute_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"wisp/internal/compute"
	"wisp/internal/compute/computetest"
	"wisp/internal/errs"
	"wisp/internal/network"
	"wisp/internal/nodeapi"
	"wisp/internal/placement"
	"wisp/internal/store"
	"wisp/internal/store/storetest"
)

// lose is the death of a host's machine: no more signs of life, for so long
// that its servers may be evacuated. The others live on.
func (c *cloud) lose(t *testing.T, living ...*computetest.Node) {
	t.Helper()
	c.Clock.Advance(61 * time.Second)
	if err := c.Patrol(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range 62 { // as Watch does, or nothing would be known of anybody
		c.Clock.Advance(time.Second)
		if err := c.Patrol(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for _, n := range living {
		n.Step()
	}
}

func (c *cloud) evacuate(t *testing.T, id string, req compute.EvacuateRequest) {
	t.Helper()
	pass, err := c.Evacuate(t.Context(), computetest.Admin(), id, req)
	if err != nil {
		t.Fatal(err)
	}
	if pass == "" {
		t.Error("no password was made")
	}
}

// held is what a server holds of each host.
func (c *cloud) held(t *testing.T, id string) map[string]int64 {
	t.Helper()
	rows, err := c.Placement.HeldBy(t.Context(), c.DB.Read(), id)
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]int64{}
	for _, row := range rows {
		p, err := c.Placement.ProviderByID(t.Context(), c.DB.Read(), row.ProviderID)
		if err != nil {
			t.Fatal(err)
		}
		if row.Class == "MEMORY_MB" {
			names[p.Name] = row.Used
		}
	}
	return names
}

func (c *cloud) state(t *testing.T, host string) nodeapi.State {
	t.Helper()
	state, err := c.HostState(t.Context(), host)
	if err != nil {
		t.Fatal(err)
	}
	return state
}

func TestEvacuate(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		c := newCloud(t, db)
		running, stopped, failed := c.create(t, "running"), c.create(t, "stopped"), c.create(t, "failed")
		c.node.Step()
		must(t)(c.Stop(t.Context(), c.member, stopped.ID))
		c.node.Step()
		c.node.Fail(failed.ID, "the disk is full")
		must(t)(c.Reboot(t.Context(), c.member, failed.ID, true))
		c.node.Step()
		c.want(t, failed.ID, "ERROR", "")
		other := c.Node("node-2", 8, 16384, 100)
		c.lose(t, other)
		port := c.want(t, running.ID, "ACTIVE", "").Ports[0]

		for _, id := range []string{running.ID, stopped.ID, failed.ID} {
			c.evacuate(t, id, compute.EvacuateRequest{})
			moved := c.want(t, id, "REBUILD", compute.TaskRebuilding)
			if moved.Host != "node-2" || c.held(t, id)["node-2"] != 512 || len(c.held(t, id)) != 1 {
				t.Fatalf("the server is on %s and holds %v", moved.Host, c.held(t, id))
			}
			wantConflict(t, c, id)
		}
		if again := c.get(t, running.ID).Ports[0]; again.PortID != port.PortID || again.MAC != port.MAC || again.FixedIPs[0].Address != port.FixedIPs[0].Address || again.Status != "DOWN" {
			t.Errorf("the port was %+v and is %+v", port, again)
		}
		if state := c.state(t, "node-2"); !state.Network.Ports[port.PortID].Local || len(state.Fenced) != 0 {
			t.Errorf("the new host's port is %+v, fenced %v", state.Network.Ports[port.PortID], state.Fenced)
		}
		other.Step()
		c.want(t, running.ID, "ACTIVE", "")
		c.want(t, stopped.ID, "SHUTOFF", "")
		if ok := c.want(t, failed.ID, "ACTIVE", ""); ok.Fault != nil {
			t.Errorf("the fault is still %+v", ok.Fault)
		}

		// The story is told, with what is lost.
		actions, err := c.ListActions(t.Context(), c.member, running.ID, compute.ActionFilter{})
		if err != nil || actions[0].Name != "evacuate" || actions[0].Message != nil {
			t.Fatalf("actions %+v: %v", actions, err)
		}
		action, err := c.GetAction(t.Context(), c.member, running.ID, actions[0].RequestID, false)
		if err != nil {
			t.Fatal(err)
		}
		events := map[string]compute.Event{}
		for _, e := range action.Events {
			events[e.Name] = e
		}
		done, disk := events["compute_rebuild_instance"], events[compute.EventDiskLost]
		if done.Host != "node-2" || done.Result == nil || *done.Result != compute.ResultSuccess {
			t.Errorf("the event is %+v", done)
		}
		if public, ok := disk.PublicDetails(); !ok || !strings.Contains(*public, "what was written to them is gone") || strings.Contains(*public, "node-1") {
			t.Errorf("the lost disk's event is %+v", disk)
		}
		if _, ok := events[compute.EventSchedule]; !ok {
			t.Errorf("events %+v", action.Events)
		}

		// The old host comes back with its copies: they are named, and gone
		// with its confirmation.
		if !c.node.Has(running.ID) {
			t.Fatal("the old host's copy is gone already")
		}
		c.node.Connect()
		state := c.state(t, "node-1")
		if len(state.Fenced) != 3 || len(state.Instances) != 0 || state.FenceSeconds != 40 || state.Fenced[running.ID].Since.IsZero() {
			t.Errorf("the old host's state is %+v", state)
		}
		c.node.Step()
		if c.node.Machines() != 0 {
			t.Errorf("the old host has %d machines", c.node.Machines())
		}
		if state := c.state(t, "node-1"); len(state.Fenced) != 0 {
			t.Errorf("after the confirmation, %v are fenced", state.Fenced)
		}
		c.node.Step() // a late report of the old host changes nothing
		c.want(t, running.ID, "ACTIVE", "")
	})
}

func wantConflict(t *testing.T, c *cloud, id string) {
	t.Helper()
	_, err := c.Evacuate(t.Context(), computetest.Admin(), id, compute.EvacuateRequest{})
	wantKind(t, err, errs.Conflict, "Cannot 'evacuate' instance "+id+" while it is in task_state rebuilding")
}

func TestEvacuateStops(t *testing.T) {
	t.Parallel()
	c := newCloud(t, storetest.SQLite(t))
	id := c.create(t, "one").ID
	c.node.Step()
	other := c.Node("node-2", 8, 16384, 100)
	c.lose(t, other)
	c.evacuate(t, id, compute.EvacuateRequest{Stop: true})
	other.Step()
	c.want(t, id, "SHUTOFF", "")
}

func TestEvacuateRefuses(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		c := newCloud(t, db)
		id := c.create(t, "one").ID
		refuse := func(kind errs.Kind, part string, req compute.EvacuateRequest) {
			t.Helper()
			_, err := c.Evacuate(t.Context(), computetest.Admin(), id, req)
			wantKind(t, err, kind, part)
		}
		other := c.Node("node-2", 8, 16384, 100)
		refuse(errs.Conflict, "while it is in vm_state building", compute.EvacuateRequest{})
		c.node.Step()
		refuse(errs.Invalid, "Compute service of node-1 is still in use.", compute.EvacuateRequest{})
		refuse(errs.NotFound, "Compute host mars not found.", compute.EvacuateRequest{Host: "mars"})
		refuse(errs.Invalid, "The target host can't be the same one.", compute.EvacuateRequest{Host: "node-1"})
		c.Clock.Advance(30 * time.Second)
		refuse(errs.Invalid, "it was last heard of 3", compute.EvacuateRequest{})
		// A service that has just started does not know who is lost.
		c.Clock.Advance(time.Hour)
		if err := c.Patrol(t.Context()); err != nil {
			t.Fatal(err)
		}
		c.Clock.Advance(time.Hour)
		if err := c.Patrol(t.Context()); err != nil {
			t.Fatal(err)
		}
		refuse(errs.Invalid, "still in use", compute.EvacuateRequest{})
		other.Step()

		// An image that is gone cannot be built from.
		c.forceDown(t)
		if err := c.Images.Delete(t.Context(), computetest.Admin(), c.image); err != nil {
			t.Fatal(err)
		}
		refuse(errs.Invalid, "does not exist any more", compute.EvacuateRequest{})
		if s := c.want(t, id, "ACTIVE", ""); s.Host != "node-1" {
			t.Errorf("the server is on %s", s.Host)
		}
	})
}

// Where nobody has room, the server stays and says why; when its host comes
// back it runs, and can still be evacuated.
func TestEvacuateWithoutAHost(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		c := newCloud(t, db)
		id, stopped := c.create(t, "one").ID, c.create(t, "stopped").ID
		c.node.Step()
		must(t)(c.Stop(t.Context(), c.member, stopped))
		c.node.Step()
		small := c.Node("node-2", 8, 600, 100)
		c.lose(t, small)
		for _, id := range []string{id, stopped} {
			c.evacuate(t, id, compute.EvacuateRequest{})
			s := c.want(t, id, "ERROR", "")
			if s.Host != "node-1" || c.held(t, id)["node-1"] != 512 || s.Fault == nil ||
				s.Fault.Message != "No valid host was found. Of 2 hosts: 1 the server's own, 1 short of MEMORY_MB (512 wanted, 88 free)." {
				t.Fatalf("the server is on %s with %v and fault %+v", s.Host, c.held(t, id), s.Fault)
			}
			actions, err := c.ListActions(t.Context(), c.member, id, compute.ActionFilter{})
			if err != nil || actions[0].Name != "evacuate" || actions[0].Message == nil {
				t.Fatalf("actions %+v: %v", actions, err)
			}
		}
		if state := c.state(t, "node-1"); len(state.Fenced) != 0 || state.Instances[id].Power != nodeapi.PowerRunning {
			t.Errorf("the host's state is %+v", state)
		}
		big := c.Node("node-3", 8, 16384, 100)
		for _, id := range []string{id, stopped} {
			c.evacuate(t, id, compute.EvacuateRequest{Host: "node-3"})
		}
		big.Step()
		c.want(t, id, "ACTIVE", "")
		c.want(t, stopped, "SHUTOFF", "")
	})
}

func TestEvacuateDemands(t *testing.T) {
	t.Parallel()
	c := newCloud(t, storetest.SQLite(t))
	admin := computetest.Admin()
	group, err := c.CreateGroup(t.Context(), c.member, compute.Group{Name: "apart", Policy: compute.AntiAffinity})
	if err != nil {
		t.Fatal(err)
	}
	make := func(name string) string {
		t.Helper()
		request := c.request(name)
		request.GroupID = group.ID
		made, err := c.CreateServers(t.Context(), c.member, request)
		if err != nil {
			t.Fatal(err)
		}
		return made.Servers[0].ID
	}
	id := make("one")
	c.node.Step()
	second := c.Node("node-2", 8, 16384, 100)
	if s := c.get(t, make("two")); s.Host != "node-2" {
		t.Fatalf("the group's second server is on %s", s.Host)
	}
	disabled := c.Node("node-3", 8, 16384, 100)
	reason := "maintenance"
	if _, err := c.UpdateHost(t.Context(), compute.HostFilter{Name: "node-3"}, compute.HostUpdate{Disabled: new(true), Reason: &reason}); err != nil {
		t.Fatal(err)
	}
	c.forceDown(t)
	c.evacuate(t, id, compute.EvacuateRequest{Host: "node-3"})
	if s := c.want(t, id, "ERROR", ""); !strings.Contains(s.Fault.Message, "1 disabled") {
		t.Errorf("fault %+v", s.Fault)
	}
	c.evacuate(t, id, compute.EvacuateRequest{})
	if s := c.want(t, id, "ERROR", ""); !strings.Contains(s.Fault.Message, "1 excluded by the server group") {
		t.Errorf("fault %+v", s.Fault)
	}
	c.evacuate(t, id, compute.EvacuateRequest{Host: "node-2", Force: true}) // the group does not count
	second.Step()

	// The host that was forced down is connected: the other waits for it.
	if second.Has(id) {
		t.Fatal("the server was started while its host may run it")
	}
	c.node.Step()
	second.Step()
	disabled.Step()
	if s := c.want(t, id, "ACTIVE", ""); s.Host != "node-2" || !second.Has(id) || c.node.Has(id) {
		t.Errorf("the server is on %s", s.Host)
	}
	if err := c.DeleteServer(t.Context(), admin, id); err != nil {
		t.Fatal(err)
	}
	second.Step()
	c.want(t, id, "DELETED", "")
}

// A server whose second host is lost too does not go back to one that may
// still have its first copy; one that waits for a host which then dies begins
// after a while.
func TestEvacuateAgain(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		c := newCloud(t, db)
		id := c.create(t, "one").ID
		c.node.Step()
		second := c.Node("node-2", 8, 16384, 100)
		c.forceDown(t)
		c.evacuate(t, id, compute.EvacuateRequest{})
		second.Step()
		if second.Has(id) {
			t.Fatal("it does not wait")
		}
		c.lose(t, second) // node-1 is silent now
		c.sweep(t)
		second.Step()
		if !second.Has(id) {
			t.Fatal("it waits for ever")
		}
		c.want(t, id, "ACTIVE", "")

		if _, err := c.UpdateHost(t.Context(), compute.HostFilter{Name: "node-1"}, compute.HostUpdate{ForcedDown: new(false)}); err != nil {
			t.Fatal(err)
		}
		c.lose(t)
		c.node.Connect() // back, but it has not looked at its state yet
		c.evacuate(t, id, compute.EvacuateRequest{})
		s := c.want(t, id, "ERROR", "")
		if !strings.Contains(s.Fault.Message, "1 with an older copy of the server that is not confirmed gone") {
			t.Fatalf("fault %+v", s.Fault)
		}
		c.node.Step()
		c.evacuate(t, id, compute.EvacuateRequest{})
		c.node.Step()
		c.want(t, id, "ACTIVE", "")
		second.Connect()
		second.Step()
		if second.Has(id) || !c.node.Has(id) {
			t.Error("the copy of the second host was not destroyed")
		}
	})
}

// Evacuations and creates at the same time, of two servers on one database,
// claim no room twice.
func TestClaimsAtOnce(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		c := newCloud(t, db)
		twin := computetest.New(t, db)
		victims := []string{c.create(t, "a").ID, c.create(t, "b").ID, c.create(t, "c").ID}
		c.node.Step()
		for _, name := range []string{"node-2", "node-3"} {
			c.Node(name, 8, 512+2*512, 100) // room for two
		}
		c.forceDown(t)
		c.HostGone(t.Context(), "node-1", c.node.Session)
		var working sync.WaitGroup
		for _, id := range victims {
			working.Go(func() { c.evacuate(t, id, compute.EvacuateRequest{}) })
		}
		for _, service := range []*compute.Service{c.Service, twin.Service, c.Service} {
			working.Go(func() {
				if _, err := service.CreateServers(t.Context(), c.member, c.request("new")); err != nil {
					t.Error(err)
				}
			})
		}
		working.Wait()
		var hosts []placement.Candidate
		if err := db.Tx(t.Context(), func(ctx context.Context, tx *store.Tx) (err error) {
			hosts, err = c.Placement.Candidates(ctx, tx)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		used := int64(0)
		for _, h := range hosts {
			if h.Free("MEMORY_MB") < 0 {
				t.Errorf("%s is over-committed: %v", h.Name, h.Used)
			}
			if h.Name != "node-1" {
				used += h.Used["MEMORY_MB"]
			}
		}
		if used != 4*512 {
			t.Errorf("the hosts have room for four servers, and %d MiB are used", used)
		}
	})
}

// A host without a network's physical network cannot have its servers.
func TestPhysicalNetworks(t *testing.T) {
	t.Parallel()
	c := newCloud(t, storetest.SQLite(t))
	admin := computetest.Admin()
	made, err := c.Network.CreateNetworks(t.Context(), admin, []network.NetworkSpec{{
		Name: network.Some("lan"), NetworkType: network.Some("flat"), PhysicalNetwork: network.Some("lan1"), Shared: network.Some(true),
	}})
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Network.CreateSubnets(t.Context(), admin, []network.SubnetSpec{{
		NetworkID: network.Some(made[0].ID), CIDR: network.Some("10.9.0.0/24"), IPVersion: network.Some(4),
	}})
	if err != nil {
		t.Fatal(err)
	}
	request := c.request("lan")
	request.Networks[0].NetworkID = made[0].ID
	create := func() compute.Server {
		t.Helper()
		made, err := c.CreateServers(t.Context(), c.member, request)
		if err != nil {
			t.Fatal(err)
		}
		return made.Servers[0]
	}
	if s := create(); s.Fault == nil || s.Fault.Message != "No valid host was found. Of 1 host: 1 without physical network lan1." {
		t.Errorf("fault %+v", s.Fault)
	}
	c.Node("node-2", 1, 2048, 10, "lan1")
	s := create()
	if s.Host != "node-2" {
		t.Errorf("the server is on %q: %+v", s.Host, s.Fault)
	}
	ports, err := c.Network.CreatePorts(t.Context(), c.member, []network.PortSpec{{NetworkID: network.Some(made[0].ID)}})
	if err != nil {
		t.Fatal(err)
	}
	request.Networks = []network.PortRequest{{PortID: ports[0].ID}}
	if s := create(); s.Host != "node-2" {
		t.Errorf("the server with a port there is on %q: %+v", s.Host, s.Fault)
	}
}
