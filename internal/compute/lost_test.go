package compute_test

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/uptrace/bun"

	"wisp/internal/compute"
	"wisp/internal/compute/computetest"
	"wisp/internal/errs"
	"wisp/internal/network"
	"wisp/internal/nodeapi"
	"wisp/internal/store"
	"wisp/internal/store/storetest"
)

func (c *cloud) forceDown(t *testing.T) {
	t.Helper()
	yes := true
	if _, err := c.UpdateHost(t.Context(), compute.HostFilter{Name: "node-1"}, compute.HostUpdate{ForcedDown: &yes}); err != nil {
		t.Fatal(err)
	}
}

func (c *cloud) sweep(t *testing.T) {
	t.Helper()
	if err := c.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// A host that is only disconnected runs its machines on: their addresses stay
// theirs until it reports them gone.
func TestDeleteOnADisconnectedHost(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		c := newCloud(t, db)
		before, during := c.create(t, "before"), c.create(t, "during")
		c.node.Step()
		if err := c.DeleteServer(t.Context(), c.member, before.ID); err != nil {
			t.Fatal(err)
		}
		c.HostGone(t.Context(), "node-1", c.node.Session)
		c.Clock.Advance(30 * time.Second)
		if err := c.DeleteServer(t.Context(), c.member, during.ID); err != nil {
			t.Fatal(err)
		}
		c.sweep(t)
		for _, id := range []string{before.ID, during.ID} {
			server := c.want(t, id, "ACTIVE", compute.TaskDeleting)
			if len(server.Ports) != 1 || len(server.Ports[0].FixedIPs) != 1 {
				t.Errorf("the address is free while the machine may run: %+v", server.Ports)
			}
		}
		c.node.Step()
		c.want(t, before.ID, "DELETED", "")
		c.want(t, during.ID, "DELETED", "")
	})
}

// A server process that has just started has heard of no host yet.
func TestSweepAfterAnOutage(t *testing.T) {
	t.Parallel()
	c := newCloud(t, storetest.SQLite(t))
	server := c.create(t, "one")
	c.Clock.Advance(time.Hour)
	started := compute.New(c.DB, slog.New(slog.DiscardHandler), c.Images, c.Placement, c.Network, compute.Config{Now: c.Clock.Now})
	if err := started.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.want(t, server.ID, "BUILD", compute.TaskNetworking)
	c.Clock.Advance(time.Minute)
	if err := started.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.want(t, server.ID, "ERROR", "")
}

func TestSweepGivesUp(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		for name, lose := range map[string]func(t *testing.T, c *cloud){
			"silent": func(_ *testing.T, c *cloud) { c.Clock.Advance(2 * time.Minute) },
			"forced": func(t *testing.T, c *cloud) { c.forceDown(t) },
		} {
			if name == "forced" && db.Engine() != store.SQLite {
				continue // one database each
			}
			t.Run(name, func(t *testing.T) {
				db := db
				if name == "forced" {
					db = storetest.SQLite(t)
				}
				c := newCloud(t, db)
				idle, off := c.create(t, "idle"), c.create(t, "off")
				c.node.Step()
				must(t)(c.Stop(t.Context(), c.member, off.ID))
				c.node.Step()
				must(t)(c.Start(t.Context(), c.member, off.ID))
				building := c.create(t, "building")
				c.sweep(t)
				c.want(t, building.ID, "BUILD", compute.TaskNetworking)
				c.want(t, off.ID, "SHUTOFF", compute.TaskPowerOn)

				lose(t, c)
				c.sweep(t)
				c.want(t, idle.ID, "ACTIVE", "")
				c.want(t, off.ID, "SHUTOFF", "")
				failed := c.want(t, building.ID, "ERROR", "")
				if failed.Fault == nil || failed.Fault.Message != "The host did not come back; delete the server and create it again." ||
					!strings.Contains(failed.Fault.Details, "The host node-1 did not come back") || failed.AdminPass != "" {
					t.Errorf("fault %+v, password %q", failed.Fault, failed.AdminPass)
				}
				for _, id := range []string{building.ID, off.ID} {
					actions, err := c.ListActions(t.Context(), c.member, id, compute.ActionFilter{})
					if err != nil {
						t.Fatal(err)
					}
					action, err := c.GetAction(t.Context(), c.member, id, actions[0].RequestID, false)
					if err != nil {
						t.Fatal(err)
					}
					event := novaEvent(action)
					if action.Message == nil || *action.Message != "Error" || event.Result == nil || *event.Result != compute.ResultError {
						t.Errorf("action %s: message %v, events %+v", action.Name, action.Message, action.Events)
					}
				}
				c.node.Step() // it does come back
				c.want(t, building.ID, "ERROR", "")
				c.want(t, off.ID, "ACTIVE", "")
			})
		}
	})
}

func TestCloudID(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		var mu sync.Mutex
		seen := map[string]bool{}
		var askers sync.WaitGroup
		for range 4 {
			askers.Go(func() {
				id, err := computetest.New(t, db).CloudID(context.WithoutCancel(t.Context()))
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				seen[id] = true
			})
		}
		askers.Wait()
		if len(seen) != 1 || seen[""] {
			t.Errorf("one database has the ids %v", seen)
		}
		other, err := computetest.New(t, storetest.SQLite(t)).CloudID(t.Context())
		if err != nil || seen[other] {
			t.Errorf("another database has the same id %s (%v)", other, err)
		}
	})
}

// loads notes the conditions of the queries that load servers.
type loads struct {
	mu   sync.Mutex
	text []string
}

func (l *loads) BeforeQuery(ctx context.Context, e *bun.QueryEvent) context.Context {
	if strings.HasPrefix(e.Query, "SELECT") && strings.Contains(e.Query, `FROM "servers"`) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.text = append(l.text, e.Query)
	}
	return ctx
}

func (*loads) AfterQuery(context.Context, *bun.QueryEvent) {}

// A report of one instance loads that one, not all of the host.
func TestReportLoadsWhatItNames(t *testing.T) {
	t.Parallel()
	c := newCloud(t, storetest.SQLite(t))
	server := c.create(t, "one")
	read, ok := c.DB.Read().(*bun.DB)
	if !ok {
		t.Fatal("the database cannot be watched")
	}
	seen := &loads{}
	read.AddQueryHook(seen) //nolint:staticcheck // the hook must see the store's own queries; the other way makes a copy
	report := nodeapi.Report{Instances: []nodeapi.InstanceStatus{{ID: server.ID, Phase: nodeapi.PhasePreparing, Since: time.Now()}}}
	if err := c.Report(t.Context(), "node-1", report); err != nil {
		t.Fatal(err)
	}
	if len(seen.text) != 1 || !strings.Contains(seen.text[0], server.ID) {
		t.Errorf("queries: %v", seen.text)
	}
	c.want(t, server.ID, "BUILD", compute.TaskSpawning)
}

func TestMetadataOfALockedServer(t *testing.T) {
	t.Parallel()
	c := newCloud(t, storetest.SQLite(t))
	id := c.running(t)
	must(t)(c.Lock(t.Context(), c.member, id, nil))
	set := func(map[string]string) (map[string]string, error) { return map[string]string{"a": "b"}, nil }
	_, err := c.ChangeMetadata(t.Context(), c.member, id, "update metadata", set)
	wantKind(t, err, errs.Conflict, "Instance "+id+" is locked")
	must(t)(c.ChangeMetadata(t.Context(), computetest.Admin(), id, "update metadata", set))
}

// What a request names is checked also when there is no host for it.
func TestReferencesAreCheckedWithoutAHost(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		c := newCloud(t, db)
		c.forceDown(t)
		stranger := computetest.Caller("stranger", "other")
		foreign := c.Subnetwork(stranger, "foreign", "10.2.0.0/24")
		ports, err := c.Network.CreatePorts(t.Context(), stranger, []network.PortSpec{{NetworkID: network.Some(foreign)}})
		if err != nil {
			t.Fatal(err)
		}
		nowhere := uuid.NewString()
		for _, one := range []struct {
			name   string
			change func(r *compute.CreateRequest)
			part   string
		}{
			{"an unknown network", func(r *compute.CreateRequest) { r.Networks[0].NetworkID = nowhere }, nowhere},
			{"a foreign network", func(r *compute.CreateRequest) { r.Networks[0].NetworkID = foreign }, foreign},
			{"a foreign port", func(r *compute.CreateRequest) { r.Networks = []network.PortRequest{{PortID: ports[0].ID}} }, ports[0].ID},
			{"an unknown group", func(r *compute.CreateRequest) { r.SecurityGroups = []string{"nobody"} }, "nobody"},
		} {
			request := c.request("x")
			one.change(&request)
			_, err := c.CreateServers(t.Context(), c.member, request)
			if !errs.Is(err, errs.Invalid) || !strings.Contains(err.Error(), one.part) {
				t.Errorf("%s: %v", one.name, err)
			}
		}
		request := c.request("x")
		request.Most = 2
		made, err := c.CreateServers(t.Context(), c.member, request)
		if err != nil || len(made.Servers) != 2 {
			t.Fatalf("servers %v: %v", made.Servers, err)
		}
		for _, server := range made.Servers {
			if got := c.want(t, server.ID, "ERROR", ""); len(got.Ports) != 0 {
				t.Errorf("a server without a host has the ports %+v", got.Ports)
			}
		}
	})
}
