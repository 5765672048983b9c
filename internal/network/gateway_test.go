package network_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/uptrace/bun"
	"pgregory.net/rapid"

	"wisp/internal/network"
	"wisp/internal/store"
	"wisp/internal/store/storetest"
)

// heartbeat is a sign of life of a host that is on physical networks.
func (f *fixture) heartbeat(host string, physical ...string) {
	f.t.Helper()
	number := 1
	_, _ = fmt.Sscanf(host, "host-%d", &number)
	info := network.AgentInfo{Version: "1", Endpoint: netip.AddrFrom4([4]byte{192, 0, 2, byte(number)}), Physical: physical}
	f.must(func(ctx context.Context, tx *store.Tx) error { return f.AgentHeartbeat(ctx, tx, host, info) })
}

func (f *fixture) must(fn func(ctx context.Context, tx *store.Tx) error) {
	f.t.Helper()
	if err := f.tx(fn); err != nil {
		f.t.Fatal(err)
	}
}

// silent makes the last sign of life of a host old.
func (f *fixture) silent(host string, age time.Duration) {
	f.t.Helper()
	f.must(func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.NewUpdate().TableExpr("network_agents").Set("heartbeat_at = ?", time.Now().UTC().Add(-age)).Where("host = ?", host).Exec(ctx)
		return err
	})
}

func (f *fixture) move(lost ...string) int {
	f.t.Helper()
	var moved int
	f.must(func(ctx context.Context, tx *store.Tx) (err error) {
		moved, err = f.MoveGateways(ctx, tx, lost)
		return err
	})
	return moved
}

func (f *fixture) external(kind, physical string) network.Network {
	f.t.Helper()
	n := f.network(f.admin, network.NetworkSpec{External: network.Some(true), NetworkType: network.Some(kind), PhysicalNetwork: network.Some(physical)})
	f.subnet(f.admin, n.ID, "203.0.113.0/24", func(s *network.SubnetSpec) { s.EnableDHCP = network.Some(false) })
	return n
}

func (f *fixture) router(external network.Network) network.Router {
	f.t.Helper()
	return must2(f.CreateRouters(f.t.Context(), f.member, []network.RouterSpec{{Gateway: network.Some(&network.GatewaySpec{NetworkID: external.ID})}}))
}

// gatewayHost is where a router's gateway is, the same for the router, its
// port and the API of agents.
func (f *fixture) gatewayHost(id string) string {
	f.t.Helper()
	r := must1(f.Router(f.t.Context(), f.admin, id))
	hosts := []string{}
	for _, a := range must1(f.GatewayAgents(f.t.Context(), f.admin, id)) {
		hosts = append(hosts, a.Host)
	}
	if r.Gateway == nil {
		if r.GatewayHost != "" || len(hosts) != 0 {
			f.t.Errorf("a router without a gateway has the host %q and agents on %v", r.GatewayHost, hosts)
		}
		return ""
	}
	status := network.StatusActive
	if r.GatewayHost == "" {
		status = network.StatusDown
	}
	if r.Gateway.Host != r.GatewayHost || r.Gateway.Status != status || strings.Join(hosts, " ") != r.GatewayHost {
		f.t.Errorf("the gateway is on %q, its port is %s on %q, its agents on %v", r.GatewayHost, r.Gateway.Status, r.Gateway.Host, hosts)
	}
	return r.GatewayHost
}

func (f *fixture) l3Agent(host string) network.Agent {
	f.t.Helper()
	return must2(f.Agents(f.t.Context(), f.admin, store.List{Filters: map[string][]string{"host": {host}, "agent_type": {network.AgentL3}}}))
}

func TestGatewayHosts(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		external := f.external("flat", "public")
		f.heartbeat("host-1")
		f.heartbeat("host-2", "public")
		f.heartbeat("host-3", "public")
		bare := must2(f.CreateRouters(t.Context(), f.member, []network.RouterSpec{{}}))
		var routers []string
		for range 4 {
			routers = append(routers, f.router(external).ID)
		}
		var on []string
		for _, id := range routers {
			on = append(on, f.gatewayHost(id))
		}
		if got := strings.Join(on, " "); got != "host-2 host-3 host-2 host-3" {
			t.Errorf("gateways are on %s: host-1 does not have the external network", got)
		}
		if f.gatewayHost(bare.ID) != "" {
			t.Error("a router without a gateway has a gateway host")
		}
		if moved := f.move(); moved != 0 {
			t.Errorf("%d gateways moved without need", moved)
		}
		wake, cancel := f.db.Subscribe("hosts")
		defer cancel()
		if moved := f.move("host-2"); moved != 2 || f.gatewayHost(routers[0]) != "host-3" || f.gatewayHost(routers[2]) != "host-3" {
			t.Errorf("%d gateways moved off the lost host", moved)
		}
		if len(wake) != 1 {
			t.Error("the hosts were not told")
		}
		if moved := f.move("host-2"); moved != 0 {
			t.Errorf("%d gateways moved a second time", moved)
		}
		f.heartbeat("host-2", "public")
		if f.move() != 0 || f.gatewayHost(routers[0]) != "host-3" {
			t.Error("a gateway went back by itself")
		}
		if next := f.router(external); f.gatewayHost(next.ID) != "host-2" {
			t.Error("a new gateway is not on the host with the fewest")
		}
		// There is nowhere to go: what is there stays.
		if moved := f.move("host-2", "host-3"); moved != 0 || f.gatewayHost(routers[0]) != "host-3" {
			t.Errorf("%d gateways moved although no host is left", moved)
		}
		f.silent("host-2", 16*time.Second)
		if moved := f.move("host-3"); moved != 0 {
			t.Errorf("%d gateways moved to a host that is silent", moved)
		}
		if _, err := f.UpdateRouter(t.Context(), f.member, routers[0], network.RouterSpec{Gateway: network.Some[*network.GatewaySpec](nil)}, nil); err != nil {
			t.Fatal(err)
		}
		if f.gatewayHost(routers[0]) != "" {
			t.Error("a gateway that was taken away has a host")
		}
	})
}

// A gateway that no host can carry waits for one.
func TestGatewayWithoutHost(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		external := f.external("flat", "public")
		first := f.router(external)
		f.heartbeat("host-1")
		if f.gatewayHost(first.ID) != "" {
			t.Fatal("the gateway is on a host without the external network")
		}
		state, _ := f.state("host-1")
		if len(state.Routers) != 0 {
			t.Errorf("a host has routers that are not its business: %v", state.Routers)
		}
		f.heartbeat("host-2", "public")
		if host := f.gatewayHost(first.ID); host != "host-2" {
			t.Errorf("the gateway is on %q", host)
		}
		// The host is taken off the network: the gateway follows where it can.
		f.heartbeat("host-3", "public")
		f.heartbeat("host-2")
		if host := f.gatewayHost(first.ID); host != "host-3" {
			t.Errorf("the gateway is on %q after its host left the network", host)
		}
		f.heartbeat("host-3")
		if host := f.gatewayHost(first.ID); host != "host-3" {
			t.Errorf("the gateway is on %q: it has nowhere to go", host)
		}
	})
}

// A host of which nothing is known since hosts say what they have keeps its
// gateways until it says that it does not have the network.
func TestGatewayAfterUpgrade(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		external := f.external("flat", "public")
		f.heartbeat("host-2", "public")
		r := f.router(external)
		f.must(func(ctx context.Context, tx *store.Tx) error {
			_, err := tx.ExecContext(ctx, "DELETE FROM network_hosts")
			return err
		})
		f.heartbeat("host-1", "public")
		if host := f.gatewayHost(r.ID); host != "host-2" {
			t.Errorf("the gateway went to %q", host)
		}
	})
}

func TestGatewaysOfDisabledAgents(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		external := f.external("flat", "public")
		f.heartbeat("host-1", "public")
		f.heartbeat("host-2", "public")
		one, two := f.router(external), f.router(external)
		agent := f.l3Agent("host-1")
		if agent.Configurations.V["ex_gw_ports"] != int64(1) || agent.Configurations.V["agent_mode"] != "dvr_snat" {
			t.Errorf("agent %v", agent.Configurations.V)
		}
		if _, err := f.UpdateAgent(t.Context(), f.admin, agent.ID, network.Some(false), network.Opt[string]{}); err != nil {
			t.Fatal(err)
		}
		if f.gatewayHost(one.ID) != "host-2" || f.gatewayHost(two.ID) != "host-2" {
			t.Error("a disabled agent has a gateway")
		}
		f.heartbeat("host-1", "public")
		if three := f.router(external); f.gatewayHost(three.ID) != "host-2" {
			t.Error("a disabled agent was given a gateway")
		}
		// Forgetting the agent of the only host leaves the gateway where it is.
		if err := f.DeleteAgent(t.Context(), f.admin, f.l3Agent("host-2").ID); err != nil {
			t.Fatal(err)
		}
		r := must1(f.Router(t.Context(), f.admin, one.ID))
		if r.GatewayHost != "host-2" {
			t.Errorf("the gateway is on %q", r.GatewayHost)
		}
		if _, err := f.UpdateAgent(t.Context(), f.admin, agent.ID, network.Some(true), network.Opt[string]{}); err != nil {
			t.Fatal(err)
		}
		if host := f.gatewayHost(one.ID); host != "host-1" {
			t.Errorf("the gateway is on %q, where no agent is", host)
		}
	})
}

// Another external network is another choice; other addresses on the same one
// are not.
func TestGatewayNetworkChanges(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		f := newFixture(t, db)
		f.Service = network.New(db, slog.New(slog.DiscardHandler), network.Config{PhysicalNetworks: []string{"public", "lab"}, VLANs: map[string]network.Range{"lab": {First: 1, Last: 9}}})
		public, lab, overlay := f.external("flat", "public"), f.external("vlan", "lab"), f.external("gre", "")
		f.heartbeat("host-1", "public")
		f.heartbeat("host-2", "public", "lab")
		r := f.router(public)
		set := func(n network.Network, addresses ...network.FixedIPSpec) string {
			t.Helper()
			spec := &network.GatewaySpec{NetworkID: n.ID}
			if len(addresses) > 0 {
				spec.FixedIPs = network.Some(addresses)
			}
			if _, err := f.UpdateRouter(t.Context(), f.admin, r.ID, network.RouterSpec{Gateway: network.Some(spec)}, nil); err != nil {
				t.Fatal(err)
			}
			return f.gatewayHost(r.ID)
		}
		if host := f.gatewayHost(r.ID); host != "host-1" {
			t.Errorf("the first gateway is on %q", host)
		}
		if host := set(lab); host != "host-2" {
			t.Errorf("the gateway in the VLAN is on %q", host)
		}
		if host := set(public); host != "host-1" {
			t.Errorf("the gateway is on %q", host)
		}
		f.heartbeat("host-0", "public")
		if host := set(public, network.FixedIPSpec{Address: "203.0.113.77"}); host != "host-1" {
			t.Errorf("the gateway is on %q for the sake of an address", host)
		}
		if host := set(overlay); host != "host-0" {
			t.Errorf("the gateway in an overlay is on %q", host)
		}
	})
}

// An external network that is on one host is served by that host.
func TestGatewayOfLocalNetwork(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		external := f.external("local", "")
		f.heartbeat("host-1")
		f.heartbeat("host-2")
		must2(f.CreatePorts(t.Context(), f.admin, []network.PortSpec{{NetworkID: network.Some(external.ID), Host: network.Some("host-2")}}))
		r := f.router(external)
		if host := f.gatewayHost(r.ID); host != "host-2" {
			t.Errorf("the gateway is on %q", host)
		}
		if moved := f.move("host-2"); moved != 0 {
			t.Errorf("%d gateways went where the network is not", moved)
		}
	})
}

// What comes back from outside must find its way to the wires behind the
// router: hosts that are on them are better.
func TestGatewayFollowsInterfaces(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		f := newFixture(t, db)
		f.Service = network.New(db, slog.New(slog.DiscardHandler), network.Config{PhysicalNetworks: []string{"public", "lab"}, VLANs: map[string]network.Range{"lab": {First: 1, Last: 9}}})
		f.heartbeat("host-1", "public")
		f.heartbeat("host-2", "public", "lab")
		f.heartbeat("host-3", "public", "lab")
		r := f.router(f.external("flat", "public"))
		if host := f.gatewayHost(r.ID); host != "host-1" {
			t.Fatalf("the gateway is on %q", host)
		}
		tunnel := f.network(f.admin, network.NetworkSpec{Shared: network.Some(true)})
		must1(f.AddInterface(t.Context(), f.admin, r.ID, f.subnet(f.admin, tunnel.ID, "10.1.0.0/24").ID, ""))
		if host := f.gatewayHost(r.ID); host != "host-1" {
			t.Errorf("the gateway moved to %q for an overlay", host)
		}
		vlan := f.network(f.admin, network.NetworkSpec{Shared: network.Some(true), NetworkType: network.Some("vlan")})
		must1(f.AddInterface(t.Context(), f.admin, r.ID, f.subnet(f.admin, vlan.ID, "10.2.0.0/24").ID, ""))
		if host := f.gatewayHost(r.ID); host != "host-2" {
			t.Errorf("the gateway is on %q, which is not on the VLAN's wire", host)
		}
		if f.move("host-2"); f.gatewayHost(r.ID) != "host-3" {
			t.Errorf("the gateway is on %q", f.gatewayHost(r.ID))
		}
		if f.move("host-2", "host-3"); f.gatewayHost(r.ID) != "host-1" {
			t.Errorf("the gateway is on %q, and its host lost: what is on the external network is better than nothing", f.gatewayHost(r.ID))
		}
	})
}

// What cannot move is told of once, not with every look.
func TestStuckGatewaysAreToldOfOnce(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		f := newFixture(t, db)
		var log logged
		f.Service = network.New(db, slog.New(slog.NewTextHandler(&log, nil)), network.Config{PhysicalNetworks: []string{"public"}})
		f.heartbeat("host-1", "public")
		r := f.router(f.external("flat", "public"))
		for range 3 {
			f.move("host-1")
			f.heartbeat("host-1", "public")
		}
		if n := strings.Count(log.String(), "router="+r.ID); n != 1 {
			t.Errorf("told %d times:\n%s", n, log.String())
		}
	})
}

type logged struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// Several servers that move gateways at once move each once, and no write
// depends on how many there are.
func TestMovesAtOnce(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		external := f.external("flat", "public")
		f.heartbeat("host-1", "public")
		var routers []string
		for range 40 {
			routers = append(routers, f.router(external).ID)
		}
		for i := range 4 {
			f.heartbeat(fmt.Sprintf("host-%d", i+2), "public")
		}
		var moved atomic.Int64
		var wg sync.WaitGroup
		for range 6 {
			wg.Go(func() {
				var n int
				err := f.tx(func(ctx context.Context, tx *store.Tx) (err error) {
					n, err = f.MoveGateways(ctx, tx, []string{"host-1"})
					return err
				})
				if err != nil {
					t.Error(err)
				}
				moved.Add(int64(n))
			})
		}
		wg.Wait()
		on := map[string]int{}
		for _, id := range routers {
			on[f.gatewayHost(id)]++
		}
		if moved.Load() != 40 || fmt.Sprint(on) != "map[host-2:10 host-3:10 host-4:10 host-5:10]" {
			t.Errorf("%d gateways moved, to %v", moved.Load(), on)
		}
	})
}

// The number of queries of a move does not depend on what there is. It is
// counted where the pool of readers may write too.
func TestMoveGatewaysQueries(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		if f.db.Engine() != store.PostgreSQL {
			t.Skip("readers of this engine cannot write")
		}
		external := f.external("flat", "public")
		for i := range 4 {
			f.heartbeat(fmt.Sprintf("host-%d", i+1), "public")
		}
		count := func(lost string) (moved int, queries int64) {
			var n atomic.Int64
			raw := must1(f.db.Read().(*bun.DB).WithQueryHook(hook{&n}).BeginTx(t.Context(), nil))
			moved = must1(f.MoveGateways(t.Context(), &store.Tx{Tx: raw}, []string{lost}))
			queries = n.Load()
			if err := raw.Rollback(); err != nil {
				t.Fatal(err)
			}
			return moved, queries
		}
		for range 4 {
			f.router(external)
		}
		one, few := count("host-1")
		for range 56 {
			f.router(external)
		}
		fifteen, many := count("host-1")
		if one != 1 || fifteen != 15 || few != many || few > 8 {
			t.Errorf("%d gateways moved in %d queries, %d in %d", one, few, fifteen, many)
		}
	})
}

func TestMoveGatewaysFails(t *testing.T) {
	t.Parallel()
	for _, table := range []string{"network_agents", "network_host_physical"} {
		t.Run(table, func(t *testing.T) {
			each(t, func(t *testing.T, f *fixture) {
				f.heartbeat("host-1", "public")
				f.router(f.external("flat", "public"))
				if err := f.tx(func(ctx context.Context, tx *store.Tx) error {
					if _, err := tx.ExecContext(ctx, "ALTER TABLE "+table+" RENAME TO gone"); err != nil {
						return err
					}
					_, err := f.MoveGateways(ctx, tx, []string{"host-1"})
					return err
				}); err == nil {
					t.Error("gateways were moved by what cannot be read")
				}
			})
		})
	}
}

// Whatever happens, a gateway gets a host that is alive, enabled and has the
// network, and leaves one only that is lost, disabled or off the network.
func TestGatewaysProperty(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		f := newFixture(t, storetest.SQLite(t))
		f.Service = network.New(f.db, slog.New(slog.DiscardHandler), network.Config{PhysicalNetworks: []string{"public", "lab"}, Quotas: map[string]int{"router": -1}})
		externals := []network.Network{f.external("flat", "public"), f.external("flat", "lab"), f.external("vxlan", "")}
		needs := map[string]string{externals[0].ID: "public", externals[1].ID: "lab"}
		type host struct {
			known, alive, disabled bool
			physical               []string
		}
		hosts := map[string]*host{"host-1": {}, "host-2": {}, "host-3": {}}
		names := []string{"host-1", "host-2", "host-3"}
		has := func(name, external string) bool {
			return needs[external] == "" || slices.Contains(hosts[name].physical, needs[external])
		}
		before := map[string]string{}
		var routers []network.Router
		for range rapid.IntRange(5, 25).Draw(rt, "steps") {
			name := rapid.SampledFrom(names).Draw(rt, "host")
			h := hosts[name]
			var lost []string
			switch rapid.SampledFrom([]string{"beat", "beat", "silence", "switch", "create", "create", "move"}).Draw(rt, "what") {
			case "beat":
				h.known, h.alive = true, true
				h.physical = rapid.SampledFrom([][]string{{"public"}, {"public", "lab"}, {"lab"}, {}}).Draw(rt, "physical")
				f.heartbeat(name, h.physical...)
			case "silence":
				h.alive = false
				f.silent(name, time.Minute)
			case "switch":
				if h.known {
					h.disabled = !h.disabled
					must1(f.UpdateAgent(t.Context(), f.admin, f.l3Agent(name).ID, network.Some(!h.disabled), network.Opt[string]{}))
				}
			case "create":
				r := f.router(rapid.SampledFrom(externals).Draw(rt, "external"))
				routers = append(routers, r)
			case "move":
				lost = rapid.SliceOfNDistinct(rapid.SampledFrom(names), 0, 2, rapid.ID[string]).Draw(rt, "lost")
				f.move(lost...)
			}
			for _, r := range routers {
				external, from, to := r.Gateway.NetworkID, before[r.ID], must1(f.Router(t.Context(), f.admin, r.ID)).GatewayHost
				before[r.ID] = to
				if from == to {
					continue
				}
				if from != "" && !slices.Contains(lost, from) && !hosts[from].disabled && has(from, external) {
					rt.Fatalf("a gateway left %s for %s without need", from, to)
				}
				if to == "" || !hosts[to].alive || hosts[to].disabled || slices.Contains(lost, to) || !has(to, external) {
					rt.Fatalf("a gateway went from %q to %q: %+v", from, to, hosts[to])
				}
			}
		}
	})
}
