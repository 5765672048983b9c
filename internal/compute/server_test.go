package compute_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"wisp/internal/compute"
	"wisp/internal/compute/computetest"
	"wisp/internal/errs"
	"wisp/internal/network"
	"wisp/internal/nodeapi"
	"wisp/internal/policy"
	"wisp/internal/store"
	"wisp/internal/store/storetest"
)

// cloud is a cloud with one host, one image, one flavor and one network.
type cloud struct {
	*computetest.Cloud
	node          *computetest.Node
	image, flavor string
	network       string
	member        *policy.Caller
}

func newCloud(t testing.TB, db *store.DB, change ...func(*compute.Config)) *cloud {
	t.Helper()
	c := &cloud{Cloud: computetest.New(t, db, change...), member: computetest.Caller("member", "demo")}
	c.node = c.Node("node-1", 8, 16384, 100)
	c.image = c.Image(nil)
	c.flavor = c.Flavor("m1.tiny", 1, 512, 1)
	c.network = c.Subnetwork(c.member, "private", "10.1.0.0/24")
	return c
}

func (c *cloud) request(name string) compute.CreateRequest {
	return compute.CreateRequest{Name: name, ImageID: c.image, FlavorID: c.flavor, Networks: []network.PortRequest{{NetworkID: c.network}}}
}

func (c *cloud) create(t testing.TB, name string) compute.Server {
	t.Helper()
	made, err := c.CreateServers(t.Context(), c.member, c.request(name))
	if err != nil {
		t.Fatal(err)
	}
	return made.Servers[0]
}

func (c *cloud) get(t testing.TB, id string) compute.Server {
	t.Helper()
	filter := compute.ServerFilter{AllProjects: true, WithDeleted: true, IDs: []string{id}}
	found, err := c.ListServers(t.Context(), computetest.Admin(), filter, compute.Load{Ports: true, Tags: true, Data: true})
	if err != nil || len(found) != 1 {
		t.Fatalf("found %d servers: %v", len(found), err)
	}
	return found[0]
}

func (c *cloud) want(t testing.TB, id, status, task string) compute.Server {
	t.Helper()
	server := c.get(t, id)
	if server.Status() != status || server.TaskState != task {
		t.Fatalf("server is %s %q (%s), want %s %q; fault %+v", server.Status(), server.TaskState, server.VMState, status, task, server.Fault)
	}
	return server
}

func wantKind(t testing.TB, err error, kind errs.Kind, part string) {
	t.Helper()
	if !errs.Is(err, kind) || !strings.Contains(err.Error(), part) {
		t.Fatalf("error %v (%s), want %s with %q", err, errs.Of(err), kind, part)
	}
}

func TestServerLife(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		c := newCloud(t, db)
		server := c.create(t, "web 1")
		id := server.ID
		c.want(t, id, "BUILD", compute.TaskNetworking)
		if len(server.Ports) != 1 || server.Hostname != "web-1" || server.Host != "node-1" {
			t.Fatalf("server has ports %v, host name %q, host %q", server.Ports, server.Hostname, server.Host)
		}
		status := func(phase string, boot int64) {
			t.Helper()
			report := nodeapi.Report{Instances: []nodeapi.InstanceStatus{{ID: id, Phase: phase, BootGeneration: boot, Since: time.Now()}}}
			if err := c.Report(t.Context(), "node-1", report); err != nil {
				t.Fatal(err)
			}
		}
		status(nodeapi.PhasePreparing, 0)
		c.want(t, id, "BUILD", compute.TaskSpawning)
		c.node.Step()
		active := c.want(t, id, "ACTIVE", "")
		if active.LaunchedAt.IsZero() || active.PowerState != compute.PowerRunning || active.Ports[0].Status != "ACTIVE" {
			t.Fatalf("active server: launched %v, power %d, ports %+v", active.LaunchedAt, active.PowerState, active.Ports)
		}

		must(t)(c.Stop(t.Context(), c.member, id))
		c.want(t, id, "ACTIVE", compute.TaskPowerOff)
		status(nodeapi.PhaseRunning, 1) // from before the request
		c.want(t, id, "ACTIVE", compute.TaskPowerOff)
		c.node.Step()
		if off := c.want(t, id, "SHUTOFF", ""); off.PowerState != compute.PowerShutdown || off.Ports[0].Status != "DOWN" {
			t.Fatalf("stopped server: power %d, ports %+v", off.PowerState, off.Ports)
		}

		must(t)(c.Start(t.Context(), c.member, id))
		c.want(t, id, "SHUTOFF", compute.TaskPowerOn)
		status(nodeapi.PhaseStopped, 1) // from before the request
		c.want(t, id, "SHUTOFF", compute.TaskPowerOn)
		c.node.Step()
		c.want(t, id, "ACTIVE", "")

		must(t)(c.Reboot(t.Context(), c.member, id, false))
		status(nodeapi.PhaseRunning, 2)
		c.want(t, id, "REBOOT", compute.TaskReboot)
		c.node.Step()
		c.want(t, id, "ACTIVE", "")
		must(t)(c.Reboot(t.Context(), c.member, id, true))
		c.want(t, id, "HARD_REBOOT", compute.TaskRebootHard)
		c.node.Step()
		c.want(t, id, "ACTIVE", "")

		c.node.Shutdown(id)
		c.node.Step()
		if off := c.want(t, id, "SHUTOFF", ""); off.Power != nodeapi.PowerStopped {
			t.Fatalf("a guest that powered itself off should be %s", off.Power)
		}

		if err := c.DeleteServer(t.Context(), c.member, id); err != nil {
			t.Fatal(err)
		}
		c.want(t, id, "SHUTOFF", compute.TaskDeleting)
		if err := c.DeleteServer(t.Context(), c.member, id); err != nil {
			t.Fatal("deleting twice:", err)
		}
		c.node.Step()
		gone := c.want(t, id, "DELETED", "")
		if len(gone.Ports) != 0 || gone.DeletedAt.IsZero() {
			t.Fatalf("deleted server has ports %v, deleted at %v", gone.Ports, gone.DeletedAt)
		}
		for _, caller := range []*policy.Caller{c.member, computetest.Admin()} {
			_, err := c.GetServer(t.Context(), caller, id, compute.Load{})
			wantKind(t, err, errs.NotFound, id)
		}
		wantKind(t, c.DeleteServer(t.Context(), c.member, id), errs.NotFound, id)
		if held, err := c.Placement.HeldBy(t.Context(), db.Read(), id); err != nil || len(held) != 0 {
			t.Fatalf("the deleted server still holds %v (%v)", held, err)
		}
		actions, err := c.ListActions(t.Context(), c.member, id, compute.ActionFilter{Deleted: true})
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, a := range actions {
			detail, err := c.GetAction(t.Context(), c.member, id, a.RequestID, true)
			if err != nil {
				t.Fatal(err)
			}
			if event := novaEvent(detail); event.Result == nil || *event.Result != compute.ResultSuccess || event.FinishTime.IsZero() {
				t.Errorf("action %s has events %+v", a.Name, detail.Events)
			}
			names = append(names, a.Name)
		}
		if got := strings.Join(names, " "); got != "delete reboot reboot start stop create" {
			t.Errorf("actions are %q", got)
		}
	})
}

func must(t testing.TB) func(compute.Server, error) compute.Server {
	return func(s compute.Server, err error) compute.Server {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
}

// A report that says again what is known writes nothing.
func TestReportIsIdempotent(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		c := newCloud(t, db)
		server := c.create(t, "one")
		report := c.node.Step()
		before := c.want(t, server.ID, "ACTIVE", "")
		wake, cancel := db.Subscribe(compute.HostsTopic)
		defer cancel()
		for range 3 {
			if err := c.Report(t.Context(), "node-1", report); err != nil {
				t.Fatal(err)
			}
		}
		if after := c.get(t, server.ID); !after.UpdatedAt.Equal(before.UpdatedAt) {
			t.Errorf("the same report again changed updated_at from %v to %v", before.UpdatedAt, after.UpdatedAt)
		}
		select {
		case <-wake:
			t.Error("the same report again woke the nodes")
		default:
		}
	})
}

func TestFailedServer(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		c := newCloud(t, db)
		server := c.create(t, "one")
		c.node.Fail(server.ID, "cannot open /var/lib/wisp/instances/x/disk.qcow2: disk is full\nstack: token=abc")
		c.node.Step()
		failed := c.want(t, server.ID, "ERROR", "")
		if failed.Power != nodeapi.PowerStopped {
			t.Errorf("a failed server should be %s", failed.Power)
		}
		c.node.Step() // it reports stopped now, and stays in ERROR
		c.node.Step()
		if again := c.want(t, server.ID, "ERROR", ""); again.Fault == nil || again.Fault.Details != failed.Fault.Details {
			t.Errorf("fault became %+v", again.Fault)
		}
		_, err := c.Start(t.Context(), c.member, server.ID)
		wantKind(t, err, errs.Conflict, "vm_state error")
		if err := c.DeleteServer(t.Context(), c.member, server.ID); err != nil {
			t.Fatal(err)
		}
		c.node.Step()
		c.want(t, server.ID, "DELETED", "")
	})
}

// A server that ran and failed starts again with a hard reboot.
func TestHardRebootFromError(t *testing.T) {
	t.Parallel()
	c := newCloud(t, storetest.SQLite(t))
	server := c.create(t, "one")
	c.node.Step()
	must(t)(c.Reboot(t.Context(), c.member, server.ID, true))
	c.node.Fail(server.ID, "no memory")
	c.node.Step()
	c.want(t, server.ID, "ERROR", "")
	c.node.Heal(server.ID)
	c.node.Step()
	must(t)(c.Reboot(t.Context(), c.member, server.ID, true))
	c.node.Step()
	if active := c.want(t, server.ID, "ACTIVE", ""); active.Fault != nil {
		t.Errorf("fault is still %+v", active.Fault)
	}
}

func TestS31FaultTellsUsersNothingOfTheHost(t *testing.T) {
	t.Parallel()
	c := newCloud(t, storetest.SQLite(t))
	server := c.create(t, "one")
	c.node.Fail(server.ID, "cannot open /var/lib/wisp/instances/x/disk.qcow2: disk is full, password=hunter2\nTraceback: secret.go:1")
	c.node.Step()
	fault := c.want(t, server.ID, "ERROR", "").Fault
	for _, leak := range []string{"/var/lib", "hunter2", "Traceback", "secret.go"} {
		if strings.Contains(fault.Message, leak) {
			t.Errorf("the public message %q tells %q", fault.Message, leak)
		}
	}
	if !strings.Contains(fault.Message, "disk is full") || !strings.Contains(fault.Details, "/var/lib/wisp") {
		t.Errorf("fault is %+v: users should read the reason, admins everything", fault)
	}
}

func TestNoValidHost(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		c := newCloud(t, db)
		big := c.Flavor("big", 1, 20000, 1)
		request := c.request("too-big")
		request.FlavorID = big
		made, err := c.CreateServers(t.Context(), c.member, request)
		if err != nil {
			t.Fatal(err)
		}
		server := c.want(t, made.Servers[0].ID, "ERROR", "")
		want := "No valid host was found. Of 1 host: 1 short of MEMORY_MB (20000 wanted, 15872 free)."
		if server.Fault == nil || server.Fault.Message != want || server.Fault.Code != 500 || !strings.Contains(server.Fault.Details, "node-1") {
			t.Errorf("fault is %+v, want %q", server.Fault, want)
		}
		if len(server.Ports) != 0 || server.Host != "" {
			t.Errorf("a server without a host has ports %v, host %q", server.Ports, server.Host)
		}
		if err := c.DeleteServer(t.Context(), c.member, server.ID); err != nil {
			t.Fatal(err)
		}
		c.want(t, server.ID, "DELETED", "")
	})
}

func TestQuotaUnderConcurrency(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		c := newCloud(t, db)
		var wg sync.WaitGroup
		results := make(chan error, 20)
		for i := range 20 {
			wg.Go(func() {
				_, err := c.CreateServers(context.Background(), c.member, c.request(fmt.Sprint("s", i)))
				results <- err
			})
		}
		wg.Wait()
		close(results)
		made := 0
		for err := range results {
			switch {
			case err == nil:
				made++
			case errs.Is(err, errs.OverQuota):
			default:
				t.Errorf("create: %v", err)
			}
		}
		if made != 10 {
			t.Errorf("%d servers were made with a quota of 10", made)
		}
		addresses := map[netip.Addr]bool{}
		servers, err := c.ListServers(t.Context(), c.member, compute.ServerFilter{}, compute.Load{Ports: true})
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range servers {
			addresses[s.Ports[0].FixedIPs[0].Address] = true
		}
		if len(servers) != 10 || len(addresses) != 10 {
			t.Errorf("%d servers with %d addresses", len(servers), len(addresses))
		}
		_, err = c.CreateServers(t.Context(), c.member, c.request("one more"))
		wantKind(t, err, errs.OverQuota, "Quota exceeded for instances: Requested 1, but already used 10 of 10 instances")
	})
}

// Every ACTIVE server holds its host's room, and no hint changes that.
func TestS27AllocationsExist(t *testing.T) {
	t.Parallel()
	c := newCloud(t, storetest.SQLite(t))
	server := c.create(t, "one")
	c.node.Step()
	held, err := c.Placement.HeldBy(t.Context(), c.DB.Read(), server.ID)
	if err != nil {
		t.Fatal(err)
	}
	amounts := map[string]int64{}
	for _, h := range held {
		amounts[h.Class] = h.Used
	}
	if amounts["VCPU"] != 1 || amounts["MEMORY_MB"] != 512 || amounts["DISK_GB"] != 1 {
		t.Errorf("an ACTIVE server holds %v", amounts)
	}
}

func TestDeleteWins(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name string
		lose func(t *testing.T, c *cloud, id string)
	}{
		{"host goes meanwhile", func(t *testing.T, c *cloud, id string) {
			if err := c.DeleteServer(t.Context(), c.member, id); err != nil {
				t.Fatal(err)
			}
			c.HostGone(t.Context(), "node-1", c.node.Session)
			c.Clock.Advance(2 * time.Minute)
			if err := c.Sweep(t.Context()); err != nil {
				t.Fatal(err)
			}
		}},
		{"host is forced down", func(t *testing.T, c *cloud, id string) {
			if err := c.DeleteServer(t.Context(), c.member, id); err != nil {
				t.Fatal(err)
			}
			c.forceDown(t)
			if err := c.Sweep(t.Context()); err != nil {
				t.Fatal(err)
			}
		}},
		{"host was forced down", func(t *testing.T, c *cloud, id string) {
			c.forceDown(t)
			if err := c.DeleteServer(t.Context(), c.member, id); err != nil {
				t.Fatal(err)
			}
		}},
		{"host falls silent", func(t *testing.T, c *cloud, id string) {
			if err := c.DeleteServer(t.Context(), c.member, id); err != nil {
				t.Fatal(err)
			}
			c.Clock.Advance(2 * time.Minute)
			if err := c.Sweep(t.Context()); err != nil {
				t.Fatal(err)
			}
		}},
		{"host is forgotten", func(t *testing.T, c *cloud, id string) {
			if _, err := c.DB.Read().NewRaw("SELECT 1").Exec(t.Context()); err != nil {
				t.Fatal(err)
			}
			c.Clock.Advance(2 * time.Minute)
			if err := c.DeleteServer(t.Context(), c.member, id); err != nil {
				t.Fatal(err)
			}
		}},
	}
	for _, one := range cases {
		t.Run(one.name, func(t *testing.T) {
			t.Parallel()
			c := newCloud(t, storetest.SQLite(t))
			server := c.create(t, "one")
			c.node.Step()
			one.lose(t, c, server.ID)
			c.want(t, server.ID, "DELETED", "")
			if state, err := c.HostState(t.Context(), "node-1"); err != nil || len(state.Instances) != 0 {
				t.Fatalf("the host should still have %v (%v)", state.Instances, err)
			}
			c.node.Step()
			if n := c.node.Machines(); n != 0 {
				t.Errorf("%d machines are left", n)
			}
		})
	}
}

func TestHostState(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		c := newCloud(t, db)
		pair, err := c.CreateKeypair(t.Context(), c.member, compute.Keypair{Name: "k", Type: compute.KeypairSSH, UserID: c.member.UserID})
		if err != nil {
			t.Fatal(err)
		}
		kernel := c.Image(map[string]any{"disk_format": "aki", "container_format": "aki"})
		image := c.Image(map[string]any{"kernel_id": kernel, "hw_disk_bus": "virtio"})
		data := "aGVsbG8="
		request := c.request("Web Server")
		request.ImageID, request.KeyName, request.UserData, request.ConfigDrive = image, "k", &data, true
		request.Metadata = map[string]string{"role": "web"}
		made, err := c.CreateServers(t.Context(), c.member, request)
		if err != nil {
			t.Fatal(err)
		}
		state, err := c.HostState(t.Context(), "node-1")
		if err != nil {
			t.Fatal(err)
		}
		server := made.Servers[0]
		instance := state.Instances[server.ID]
		doc := instance.Metadata
		if instance.Power != nodeapi.PowerRunning || instance.VCPUs != 1 || instance.MemoryMiB != 512 || instance.RootGiB != 1 || !instance.ConfigDrive {
			t.Errorf("instance is %+v", instance)
		}
		if instance.Image == nil || instance.Image.ID != image || len(instance.Image.SHA512) != 128 || instance.Image.Kernel == nil || instance.Image.Kernel.ID != kernel ||
			instance.Image.Properties["hw_disk_bus"] != "virtio" {
			t.Errorf("image is %+v", instance.Image)
		}
		if doc.Hostname != "web-server" || string(doc.UserData) != "hello" || doc.Meta["role"] != "web" || len(doc.Keys) != 1 || doc.Keys[0].Data != pair.PublicKey ||
			doc.AdminPass != made.AdminPass || doc.ReservationID != made.ReservationID || doc.InstanceType != "m1.tiny" || doc.KernelID != kernel || doc.AvailabilityZone != "nova" {
			t.Errorf("document is %+v", doc)
		}
		nics := doc.Network.Interfaces
		if len(nics) != 1 || len(nics[0].Addresses) != 1 || nics[0].Addresses[0].Prefix.Bits() != 24 || !nics[0].Addresses[0].DHCP || nics[0].Addresses[0].Gateway.String() != "10.1.0.1" {
			t.Errorf("network is %+v", nics)
		}
		if len(instance.Ports) != 1 || instance.Ports[0].PortID != nics[0].PortID || state.Network.Ports[nics[0].PortID].ID == "" || state.Leases[nics[0].PortID].PortID == "" {
			t.Errorf("ports are %+v, network %+v, leases %+v", instance.Ports, state.Network.Ports, state.Leases)
		}
		c.node.Step()
		state, err = c.HostState(t.Context(), "node-1")
		if err != nil {
			t.Fatal(err)
		}
		if pass := state.Instances[server.ID].Metadata.AdminPass; pass != "" {
			t.Errorf("the password is still kept once the machine runs: %q", pass)
		}
	})
}

func TestCreateRefuses(t *testing.T) {
	t.Parallel()
	c := newCloud(t, storetest.SQLite(t))
	queued, err := c.Images.Create(t.Context(), computetest.Admin(), map[string]any{"name": "q", "disk_format": "raw", "container_format": "bare", "visibility": "public"})
	if err != nil {
		t.Fatal(err)
	}
	small := c.Image(map[string]any{"min_ram": float64(4096)})
	large := c.Image(map[string]any{"min_disk": float64(50)})
	unknown := c.Image(nil)
	err = c.DB.Tx(t.Context(), func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.NewRaw("UPDATE images SET hash_value = '' WHERE id = ?", unknown).Exec(ctx)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	c.Flavor("zero", 1, 64, 0)
	other := computetest.Caller("other", "foreign")
	foreign := c.Subnetwork(other, "theirs", "10.2.0.0/24")
	stranger := c.create(t, "mine")
	cases := []struct {
		name   string
		change func(r *compute.CreateRequest)
		kind   errs.Kind
		part   string
	}{
		{"unknown flavor", func(r *compute.CreateRequest) { r.FlavorID = "nope" }, errs.Invalid, "Flavor nope could not be found."},
		{"unknown image", func(r *compute.CreateRequest) { r.ImageID = c.network }, errs.Invalid, "Can not find requested image"},
		{"image without data", func(r *compute.CreateRequest) { r.ImageID = queued.ID }, errs.Invalid, "is not active"},
		{"image whose data nobody has seen", func(r *compute.CreateRequest) { r.ImageID = unknown }, errs.Conflict, "not verified"},
		{"too little memory", func(r *compute.CreateRequest) { r.ImageID = small }, errs.Invalid, "memory is too small"},
		{"too little disk", func(r *compute.CreateRequest) { r.ImageID = large }, errs.Invalid, "disk would be too small"},
		{"no root disk", func(r *compute.CreateRequest) { r.FlavorID = "zero" }, errs.Forbidden, "zero disk"},
		{"unknown key", func(r *compute.CreateRequest) { r.KeyName = "nope" }, errs.Invalid, "Invalid key_name provided."},
		{"unknown zone", func(r *compute.CreateRequest) { r.Zone = "mars" }, errs.Invalid, "availability zone"},
		{"unknown host", func(r *compute.CreateRequest) { r.Host = "mars" }, errs.Invalid, "mars"},
		{"unknown network", func(r *compute.CreateRequest) { r.Networks[0].NetworkID = c.image }, errs.Invalid, c.image},
		{"foreign network", func(r *compute.CreateRequest) { r.Networks[0].NetworkID = foreign }, errs.Invalid, foreign},
		{"unknown security group", func(r *compute.CreateRequest) { r.SecurityGroups = []string{"nope"} }, errs.Invalid, "nope"},
		{"address outside", func(r *compute.CreateRequest) { r.Networks[0].FixedIP = netip.MustParseAddr("192.0.2.1") }, errs.Invalid, ""},
		{"hostname for several", func(r *compute.CreateRequest) { r.Hostname, r.Most = "web", 2 }, errs.Invalid, "hostname"},
		{"port for several", func(r *compute.CreateRequest) { r.Networks[0].PortID, r.Most = c.image, 2 }, errs.Invalid, "port"},
		{"unknown group", func(r *compute.CreateRequest) { r.GroupID = c.image }, errs.Invalid, "Instance group"},
		{"unknown neighbour", func(r *compute.CreateRequest) { r.SameHost = []string{c.image} }, errs.Invalid, "could not be found"},
		{"too much metadata", func(r *compute.CreateRequest) {
			r.Metadata = map[string]string{}
			for i := range 129 {
				r.Metadata[fmt.Sprint(i)] = "x"
			}
		}, errs.OverQuota, "Maximum number of metadata items exceeds 128"},
		{"too many cores", func(r *compute.CreateRequest) { r.FlavorID = c.Flavor("wide", 21, 1, 1) }, errs.OverQuota, "Quota exceeded for cores: Requested 21, but already used 1 of 20 cores"},
	}
	for _, one := range cases {
		t.Run(one.name, func(t *testing.T) {
			request := c.request("x")
			one.change(&request)
			_, err := c.CreateServers(t.Context(), c.member, request)
			wantKind(t, err, one.kind, one.part)
		})
	}
	_, err = c.CreateServers(t.Context(), other, compute.CreateRequest{Name: "x", ImageID: c.image, FlavorID: c.flavor, NetworkAuto: network.NetworkNone, SameHost: []string{stranger.ID}})
	wantKind(t, err, errs.Invalid, "could not be found")
	usage, err := c.UsageOf(t.Context(), c.member.ProjectID)
	if err != nil || usage.Instances != 1 {
		t.Errorf("after what was refused, %d servers are counted (%v)", usage.Instances, err)
	}
}

// working is the network that brokenNetwork is otherwise.
type working = compute.Network

// brokenNetwork fails where it is told to.
type brokenNetwork struct {
	working
	err error
}

func (b brokenNetwork) PlugTx(context.Context, *store.Tx, *policy.Caller, network.PlugRequest) ([]network.PluggedPort, error) {
	return nil, b.err
}

// A create that fails at its last step leaves nothing behind.
func TestCreateIsOneTransaction(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		c := newCloud(t, db)
		broken := errors.New("the network broke")
		svc := compute.New(db, nil, c.Images, c.Placement, brokenNetwork{c.Network, broken}, compute.Config{})
		if _, err := svc.CreateServers(t.Context(), c.member, c.request("x")); !errors.Is(err, broken) {
			t.Fatalf("error %v", err)
		}
		servers, err := c.ListServers(t.Context(), computetest.Admin(), compute.ServerFilter{AllProjects: true, WithDeleted: true}, compute.Load{})
		if err != nil || len(servers) != 0 {
			t.Errorf("servers %v are left (%v)", servers, err)
		}
		candidates, err := c.Placement.Candidates(t.Context(), db.Read())
		if err != nil || candidates[0].Used["VCPU"] != 0 {
			t.Errorf("claims are left: %v (%v)", candidates, err)
		}
	})
}
