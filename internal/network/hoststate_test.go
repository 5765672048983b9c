package network_test

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/uptrace/bun"

	"wisp/internal/dataplane/intent"
	"wisp/internal/network"
	"wisp/internal/nodeapi"
	"wisp/internal/store"
)

func (f *fixture) state(host string) (intent.State, map[string]nodeapi.Lease) {
	f.t.Helper()
	state, leases, err := f.HostState(f.t.Context(), f.db.Read(), host)
	if err != nil {
		f.t.Fatal(err)
	}
	return state, leases
}

func TestHostState(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		if state, leases := f.state("host-1"); len(state.Networks)+len(state.Ports)+len(state.Routers)+len(leases) != 0 {
			t.Fatalf("an empty cloud has %v %v", state, leases)
		}
		for host, endpoint := range map[string]string{"host-1": "192.0.2.1", "host-2": "192.0.2.2"} {
			if err := f.tx(func(ctx context.Context, tx *store.Tx) error {
				return f.AgentHeartbeat(ctx, tx, host, network.AgentInfo{Version: "1", Physical: []string{"public"}, Endpoint: netip.MustParseAddr(endpoint)})
			}); err != nil {
				t.Fatal(err)
			}
		}
		external, inner, _, router := f.topology()
		behind := f.network(f.member, network.NetworkSpec{})
		closed := f.subnet(f.member, behind.ID, "10.7.0.0/24", func(s *network.SubnetSpec) { s.DNS = network.Some([]string{"1.1.1.1"}) })
		f.mustInterface(router.ID, closed.ID)
		lonely := f.network(f.member, network.NetworkSpec{})
		f.subnet(f.member, lonely.ID, "10.8.0.0/24", func(s *network.SubnetSpec) { s.GatewayIP = network.Some[*string](nil) })
		one := must1(f.plug("vm-1", "host-1", network.PortRequest{NetworkID: inner.ID}, network.PortRequest{NetworkID: lonely.ID}))
		two := must1(f.plug("vm-2", "host-2", network.PortRequest{NetworkID: behind.ID}))
		fip := must2(f.CreateFloatingIPs(t.Context(), f.member, []network.FloatingIPSpec{{NetworkID: network.Some(external.ID), PortID: network.Some(one[0].PortID)}}))

		state, leases := f.state("host-1")
		if len(state.Networks) != 4 || len(state.Routers) != 1 || len(leases) != 2 {
			t.Fatalf("%d networks, %d routers, %d leases", len(state.Networks), len(state.Routers), len(leases))
		}
		if n := state.Networks[inner.ID]; n.Type != "vxlan" || n.SegmentationID == 0 || n.MTU != 1450 {
			t.Errorf("network %+v", n)
		}
		if p := state.Ports[one[0].PortID]; !p.Local || !p.PortSecurity || !p.Enabled || len(p.SecurityGroups) != 1 || p.Endpoint.IsValid() {
			t.Errorf("local port %+v", p)
		}
		if p := state.Ports[two[0].PortID]; p.Local || p.Endpoint != netip.MustParseAddr("192.0.2.2") || len(p.Addresses) != 1 {
			t.Errorf("remote port %+v", p)
		}
		r := state.Routers[router.ID]
		if len(r.Interfaces) != 2 || r.Gateway == nil || !r.Gateway.SNAT || len(r.Gateway.NextHops) != 1 || r.Gateway.NextHops[0] != netip.MustParseAddr("203.0.113.1") ||
			len(r.FloatingIPs) != 1 || r.FloatingIPs[0].Address.String() != fip.Address || r.FloatingIPs[0].PortID != one[0].PortID {
			t.Errorf("router %+v, gateway %+v", r, r.Gateway)
		}
		group := state.SecurityGroups[state.Ports[one[0].PortID].SecurityGroups[0]]
		if len(group.Rules) != 4 || len(group.Members) != 3 {
			t.Errorf("security group %+v", group)
		}
		lease := leases[one[0].PortID]
		if lease.Address.Addr() != one[0].FixedIPs[0].Address || lease.Address.Bits() != 24 || lease.Gateway != netip.MustParseAddr("10.0.0.1") || !lease.Server.IsValid() ||
			lease.Hostname != "my-server-1" || lease.Domain != "openstacklocal" || lease.MTU != 1450 || fmt.Sprint(lease.DNS) != "[9.9.9.9]" || len(lease.Routes) != 1 || lease.Seconds != 86400 {
			t.Errorf("lease %+v", lease)
		}
		isolated := leases[one[1].PortID]
		if isolated.Gateway.IsValid() || len(isolated.Routes) != 1 || isolated.Routes[0].Destination.String() != "169.254.169.254/32" || isolated.Routes[0].NextHop != isolated.Server {
			t.Errorf("lease without a gateway %+v", isolated)
		}
		other, _ := f.state("host-2")
		if _, ok := other.Networks[lonely.ID]; ok || len(other.Networks) != 3 || other.Ports[one[0].PortID].Local {
			t.Errorf("the other host has %d networks", len(other.Networks))
		}
		if r.Gateway.Local == other.Routers[router.ID].Gateway.Local {
			t.Error("not exactly one host carries the router's shared address")
		}
		if _, err := f.UpdateNetwork(t.Context(), f.member, inner.ID, network.NetworkSpec{AdminStateUp: network.Some(false), DNSDomain: network.Some("cloud.example.")}, nil); err != nil {
			t.Fatal(err)
		}
		state, leases = f.state("host-1")
		if state.Ports[one[0].PortID].Enabled {
			t.Error("a port of a network that is down is enabled")
		}
		if domain := leases[one[0].PortID].Domain; domain != "cloud.example" {
			t.Errorf("the lease names the domain %q, not the network's", domain)
		}
	})
}

// A port that a user calls a router's is none to the dataplane.
func TestS36_RoleNotOwnerDecides(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		_, inner, _, router := f.topology()
		far := f.network(f.admin, network.NetworkSpec{})
		f.subnet(f.admin, far.ID, "10.9.0.0/24")
		must2(f.CreatePorts(t.Context(), f.admin, []network.PortSpec{{NetworkID: network.Some(far.ID), DeviceOwner: network.Some(network.OwnerInterface), DeviceID: network.Some(router.ID), Host: network.Some("host-2")}}))
		must1(f.plug("vm-1", "host-1", network.PortRequest{NetworkID: inner.ID}))
		state, _ := f.state("host-1")
		if _, ok := state.Networks[far.ID]; ok || len(state.Routers[router.ID].Interfaces) != 1 {
			t.Errorf("device_owner joined a network to a router: %+v", state.Routers[router.ID])
		}
	})
}

// hook counts the queries of a database.
type hook struct{ queries *atomic.Int64 }

func (h hook) BeforeQuery(ctx context.Context, _ *bun.QueryEvent) context.Context {
	h.queries.Add(1)
	return ctx
}
func (h hook) AfterQuery(context.Context, *bun.QueryEvent) {}

// What a port may send from makes it a member of its groups, unless that is
// everything: the others let members in.
func TestPairOfAllAddressesIsNoMember(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		_, inner, _, _ := f.topology()
		port := must1(f.plug("vm-1", "host-1", network.PortRequest{NetworkID: inner.ID}))[0]
		pairs := []network.AddressPair{{IPAddress: "0.0.0.0/0"}, {IPAddress: "::/0"}, {IPAddress: "10.99.0.0/16"}}
		if _, err := f.UpdatePort(t.Context(), f.admin, port.PortID, network.PortSpec{AddressPairs: network.Some(pairs)}, nil); err != nil {
			t.Fatal(err)
		}
		state, _ := f.state("host-1")
		p := state.Ports[port.PortID]
		if len(p.AllowedAddressPairs) != len(pairs) {
			t.Errorf("the port may send from %v", p.AllowedAddressPairs)
		}
		want := []netip.Prefix{netip.PrefixFrom(port.FixedIPs[0].Address, 32), netip.MustParsePrefix("10.99.0.0/16")}
		if members := state.SecurityGroups[p.SecurityGroups[0]].Members; !slices.Equal(members, want) {
			t.Errorf("the members are %v, not %v", members, want)
		}
	})
}

// queries counts those of the state of a host.
func (f *fixture) queries(host string) int64 {
	f.t.Helper()
	var n atomic.Int64
	db := f.db.Read().(*bun.DB).WithQueryHook(hook{&n})
	if _, _, err := f.HostState(f.t.Context(), db, host); err != nil {
		f.t.Fatal(err)
	}
	return n.Load()
}

// The number of queries does not grow with what there is.
func TestHostStateQueries(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		_, inner, _, _ := f.topology()
		must1(f.plug("vm-0", "host-1", network.PortRequest{NetworkID: inner.ID}))
		few := f.queries("host-1")
		for i := range 8 {
			must1(f.plug(fmt.Sprintf("vm-%d", i+1), "host-1", network.PortRequest{NetworkID: inner.ID}))
		}
		if many := f.queries("host-1"); many != few || few > 16 {
			t.Errorf("%d queries for one port, %d for nine", few, many)
		}
	})
}

// crowd gives hosts, from a first to a last, ten ports each on a network
// behind a router.
func (f *fixture) crowd(networkID string, first, last int) {
	f.t.Helper()
	for i := first; i <= last; i++ {
		host := fmt.Sprintf("host-%d", i)
		f.heartbeat(host, "public")
		must1(f.plug("vm-"+host, host, slices.Repeat([]network.PortRequest{{NetworkID: networkID}}, 10)...))
	}
}

// wide is a network with room for thousands, behind a router.
func (f *fixture) wide() (network.Network, network.Router) {
	f.t.Helper()
	_, _, _, router := f.topology()
	n := f.network(f.member, network.NetworkSpec{})
	f.mustInterface(router.ID, f.subnet(f.member, n.ID, "10.128.0.0/16").ID)
	return n, router
}

// The state of one of a hundred hosts takes as many queries as that of one of
// two, and says where each of a thousand ports is reached.
func TestHostStateOfManyHosts(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		n, router := f.wide()
		f.crowd(n.ID, 1, 2)
		few := f.queries("host-1")
		f.crowd(n.ID, 3, 100)
		if many := f.queries("host-1"); many != few || few > 16 {
			t.Errorf("%d queries with two hosts, %d with a hundred", few, many)
		}
		state, leases, err := f.HostState(t.Context(), f.db.Read(), "host-1")
		if err != nil || len(leases) != 10 || !state.Routers[router.ID].Gateway.Local {
			t.Fatalf("%d leases, router %+v, %v", len(leases), state.Routers[router.ID], err)
		}
		local, endpoints := 0, map[netip.Addr]int{}
		for _, p := range state.Ports {
			if p.Local {
				local++
			} else if p.Endpoint.IsValid() {
				endpoints[p.Endpoint]++
			}
		}
		if local != 10 || len(endpoints) != 99 || endpoints[netip.MustParseAddr("192.0.2.100")] != 10 {
			t.Errorf("%d local ports, the others at %v", local, endpoints)
		}
	})
}

func TestHostStateFailure(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, _, err := f.HostState(ctx, f.db.Read(), "host-1"); err == nil {
			t.Error("a query that was cut off gave a state: a node would take everything down")
		}
	})
}

// What pools and ports say reaches the host: scopes of networks, options of
// leases.
func TestHostStateScopesAndOptions(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		n := f.network(f.member, network.NetworkSpec{})
		var scopes []string
		for version, prefix := range map[int]string{4: "10.0.0.0/16", 6: "fd00::/48"} {
			scope := must2(f.CreateAddressScopes(t.Context(), f.member, []network.AddressScopeSpec{{IPVersion: network.Some(version)}}))
			pool := must2(f.CreateSubnetPools(t.Context(), f.member, []network.SubnetPoolSpec{{
				Name: network.Some("p"), Prefixes: network.Some([]netip.Prefix{netip.MustParsePrefix(prefix)}), ScopeID: network.Some(scope.ID), DefaultLength: network.Some(map[int]int{4: 24, 6: 64}[version]),
			}}))
			spec := network.SubnetSpec{NetworkID: network.Some(n.ID), IPVersion: network.Some(version), PoolID: network.Some(pool.ID)}
			if version == 6 {
				spec.RAMode, spec.AddressMode = network.Some(network.ModeStateful), network.Some(network.ModeStateful)
			}
			must2(f.CreateSubnets(t.Context(), f.member, []network.SubnetSpec{spec}))
			scopes = append(scopes, scope.ID)
		}
		plugged := must1(f.plug("vm-1", "host-1", network.PortRequest{NetworkID: n.ID}))
		text := func(s string) *string { return &s }
		if _, err := f.UpdatePort(t.Context(), f.member, plugged[0].PortID, network.PortSpec{DHCPOpts: network.Some([]network.DHCPOption{
			{Name: "mtu", Value: text("1300"), IPVersion: 4}, {Name: "server-ip-address", Value: text("192.0.2.9"), IPVersion: 4},
			{Name: "bootfile-url", Value: text("tftp://x"), IPVersion: 6},
		})}, nil); err != nil {
			t.Fatal(err)
		}
		state, leases := f.state("host-1")
		got := state.Networks[n.ID]
		if !slices.Contains(scopes, got.Scope4) || !slices.Contains(scopes, got.Scope6) || got.Scope4 == got.Scope6 {
			t.Errorf("scopes %q %q, want %v", got.Scope4, got.Scope6, scopes)
		}
		l := leases[plugged[0].PortID]
		if len(l.Options) != 1 || l.Options[0].Code != 26 || l.NextServer != netip.MustParseAddr("192.0.2.9") || l.IPv6 == nil || len(l.IPv6.Options) != 1 || l.IPv6.Options[0].Code != 59 {
			t.Errorf("lease %+v, IPv6 %+v", l, l.IPv6)
		}
	})
}
