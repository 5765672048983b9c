package network_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"wisp/internal/errs"
	"wisp/internal/network"
	"wisp/internal/store"
)

// flat is a shared network on the wire of "public", with a subnet.
func (f *fixture) flat() network.Network {
	f.t.Helper()
	n := f.network(f.admin, network.NetworkSpec{Shared: network.Some(true), NetworkType: network.Some("flat"), PhysicalNetwork: network.Some("public")})
	f.subnet(f.admin, n.ID, "198.51.100.0/24")
	return n
}

func TestPlugWhereTheNetworkIsNot(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		n := f.flat()
		f.heartbeat("host-1")
		f.heartbeat("host-2", "public")
		_, err := f.plug("vm-1", "host-1", network.PortRequest{NetworkID: n.ID})
		if !errs.Is(err, errs.Conflict) || !strings.Contains(err.Error(), "host host-1 is not on the physical network public, which the flat network "+n.ID+" needs") {
			t.Fatalf("plugged: %v", err)
		}
		if all := must1(f.Ports(t.Context(), f.member, store.List{Filters: map[string][]string{"device_id": {"vm-1"}}})); len(all) != 0 {
			t.Errorf("the refused request left %v", all)
		}
		must1(f.plug("vm-1", "host-2", network.PortRequest{NetworkID: n.ID}))
		must1(f.plug("vm-2", "", network.PortRequest{NetworkID: n.ID})) // no host yet: nothing is missing
	})
}

func TestBindingOfAdmins(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		n := f.flat()
		f.heartbeat("host-1")
		f.heartbeat("host-2", "public")
		port := must2(f.CreatePorts(t.Context(), f.admin, []network.PortSpec{{NetworkID: network.Some(n.ID), Host: network.Some("host-1")}}))
		if port.VIFType() != "binding_failed" || port.Status != network.StatusDown {
			t.Errorf("bound where the network is not: %s %s", port.VIFType(), port.Status)
		}
		if state, leases := f.state("host-1"); len(state.Ports)+len(leases) != 0 {
			t.Errorf("a host is told of a port that it cannot have: %v", state.Ports)
		}
		bind := func(host, want string) {
			t.Helper()
			p := must1(f.UpdatePort(t.Context(), f.admin, port.ID, network.PortSpec{Host: network.Some(host)}, nil))
			if p.VIFType() != want {
				t.Errorf("bound to %q: %s, want %s", host, p.VIFType(), want)
			}
		}
		bind("host-2", "tap")
		bind("nowhere", "binding_failed")
		bind("", "unbound")
		bind("host-1", "binding_failed")
		f.heartbeat("host-1", "public", "lab")
		if p := must1(f.Port(t.Context(), f.admin, port.ID)); p.VIFType() != "tap" {
			t.Errorf("the host is on the network now, and the port %s", p.VIFType())
		}
		state, _ := f.state("host-1")
		if p := state.Ports[port.ID]; !p.Local {
			t.Errorf("the port of the host is %+v", p)
		}
		// A device's port is where the device is.
		vm := must1(f.plug("vm-1", "host-2", network.PortRequest{NetworkID: n.ID}))
		if _, err := f.UpdatePort(t.Context(), f.admin, vm[0].PortID, network.PortSpec{Host: network.Some("host-1")}, nil); !errs.Is(err, errs.Conflict) {
			t.Errorf("the port of a server was bound elsewhere: %v", err)
		}
	})
}

func TestRebind(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		_, inner, _, _ := f.topology()
		vlan := f.network(f.admin, network.NetworkSpec{Shared: network.Some(true), NetworkType: network.Some("vlan"), PhysicalNetwork: network.Some("public"), SegmentationID: network.Some(new(int64(7)))})
		f.subnet(f.admin, vlan.ID, "10.50.0.0/24")
		f.heartbeat("host-1", "public")
		f.heartbeat("host-2")
		f.heartbeat("host-3", "public")
		kept := must2(f.CreatePorts(t.Context(), f.member, []network.PortSpec{{NetworkID: network.Some(vlan.ID)}}))
		plugged := must1(f.plug("vm-1", "host-1", network.PortRequest{NetworkID: inner.ID}, network.PortRequest{PortID: kept.ID}))
		other := must1(f.plug("vm-2", "host-1", network.PortRequest{NetworkID: inner.ID}))
		f.must(func(ctx context.Context, tx *store.Tx) error {
			return f.PortsActive(ctx, tx, []string{plugged[0].PortID, kept.ID, other[0].PortID}, nil)
		})
		rebind := func(device, host string) error {
			return f.tx(func(ctx context.Context, tx *store.Tx) error { return f.RebindTx(ctx, tx, device, host) })
		}
		where := func(id string) string {
			p := must1(f.Port(t.Context(), f.admin, id))
			return p.Host + " " + p.Status
		}
		err := rebind("vm-1", "host-2")
		if !errs.Is(err, errs.Conflict) || !strings.Contains(err.Error(), "host host-2 is not on the physical network public, which the vlan network "+vlan.ID) {
			t.Errorf("moved where the VLAN is not: %v", err)
		}
		if where(kept.ID) != "host-1 ACTIVE" || where(plugged[0].PortID) != "host-1 ACTIVE" {
			t.Errorf("a refused move moved: %s, %s", where(kept.ID), where(plugged[0].PortID))
		}
		wake, cancel := f.db.Subscribe("hosts")
		defer cancel()
		if err := rebind("vm-1", "host-3"); err != nil {
			t.Fatal(err)
		}
		if where(kept.ID) != "host-3 DOWN" || where(plugged[0].PortID) != "host-3 DOWN" || where(other[0].PortID) != "host-1 ACTIVE" || len(wake) != 1 {
			t.Errorf("moved: %s, %s, %s", where(kept.ID), where(plugged[0].PortID), where(other[0].PortID))
		}
		revision := must1(f.Port(t.Context(), f.admin, kept.ID)).Revision
		if err := rebind("vm-1", "host-3"); err != nil || must1(f.Port(t.Context(), f.admin, kept.ID)).Revision != revision {
			t.Errorf("a second move is none: %v", err)
		}
		if err := rebind("nobody", "host-3"); err != nil {
			t.Errorf("a device without ports: %v", err)
		}
		if rebind("", "host-3") == nil || rebind("vm-1", "") == nil {
			t.Error("moved nothing, or nowhere")
		}
	})
}

func TestPhysicalNetworksOfRequests(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		external, inner, _, _ := f.topology()
		port := must2(f.CreatePorts(t.Context(), f.admin, []network.PortSpec{{NetworkID: network.Some(external.ID)}}))
		project := f.member.ProjectID
		for name, x := range map[string]struct {
			req  network.PlugRequest
			want string
		}{
			"an overlay":        {network.PlugRequest{Requests: []network.PortRequest{{NetworkID: inner.ID}}}, "[]"},
			"a wire":            {network.PlugRequest{Requests: []network.PortRequest{{NetworkID: inner.ID}, {NetworkID: external.ID}}}, "[public]"},
			"a port on a wire":  {network.PlugRequest{Requests: []network.PortRequest{{PortID: port.ID}, {NetworkID: external.ID}}}, "[public]"},
			"the only network":  {network.PlugRequest{ProjectID: project}, "[]"},
			"what is not there": {network.PlugRequest{Requests: []network.PortRequest{{NetworkID: "nope"}, {PortID: "nope"}}}, "[]"},
			"nothing":           {network.PlugRequest{ProjectID: project, Auto: network.NetworkNone}, "[]"},
		} {
			if got := fmt.Sprint(must1(f.PhysicalFor(t.Context(), f.db.Read(), x.req))); got != x.want {
				t.Errorf("%s needs %s, want %s", name, got, x.want)
			}
		}
		second := f.network(f.member, network.NetworkSpec{})
		f.subnet(f.member, second.ID, "10.9.0.0/24")
		if got := must1(f.PhysicalFor(t.Context(), f.db.Read(), network.PlugRequest{ProjectID: project})); len(got) != 0 {
			t.Errorf("an ambiguous request needs %v", got)
		}
		if got := fmt.Sprint(must1(f.PhysicalOf(t.Context(), f.db.Read(), []string{inner.ID, external.ID, external.ID}))); got != "[public]" {
			t.Errorf("the networks need %s", got)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := f.PhysicalOf(ctx, f.db.Read(), []string{inner.ID}); err == nil {
			t.Error("a query that was cut off needs nothing")
		}
	})
}

// Local networks are apart on each host, and neither host hears of the other's
// ports.
func TestLocalNetworksStayApart(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		n := f.network(f.admin, network.NetworkSpec{Shared: network.Some(true), NetworkType: network.Some("local")})
		f.subnet(f.admin, n.ID, "10.60.0.0/24")
		f.heartbeat("host-1")
		f.heartbeat("host-2")
		one := must1(f.plug("vm-1", "host-1", network.PortRequest{NetworkID: n.ID}))
		two := must1(f.plug("vm-2", "host-2", network.PortRequest{NetworkID: n.ID}))
		for host, own := range map[string]string{"host-1": one[0].PortID, "host-2": two[0].PortID} {
			state, leases := f.state(host)
			devices := 0
			for _, p := range state.Ports {
				if !p.Service {
					devices++
				}
			}
			if devices != 1 || !state.Ports[own].Local || len(leases) != 1 {
				t.Errorf("%s has %d ports: %v", host, devices, state.Ports)
			}
		}
	})
}

// Who serves a floating IP: the port's host where it has the external
// network, else the gateway host, and every host is told the same.
func TestFloatingIPCarriers(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		f.heartbeat("host-1", "public")
		f.heartbeat("host-2")
		f.heartbeat("host-3", "public")
		external, inner, _, router := f.topology()
		if host := f.gatewayHost(router.ID); host != "host-1" {
			t.Fatalf("the gateway is on %s", host)
		}
		local := f.network(f.admin, network.NetworkSpec{Shared: network.Some(true), NetworkType: network.Some("local")})
		apart := f.subnet(f.admin, local.ID, "10.61.0.0/24")
		must1(f.AddInterface(t.Context(), f.admin, router.ID, apart.ID, ""))
		loose := must2(f.CreatePorts(t.Context(), f.member, []network.PortSpec{{NetworkID: network.Some(inner.ID)}}))
		ports := map[string]string{
			"with the network": must1(f.plug("vm-1", "host-3", network.PortRequest{NetworkID: inner.ID}))[0].PortID,
			"without":          must1(f.plug("vm-2", "host-2", network.PortRequest{NetworkID: inner.ID}))[0].PortID,
			"gateway's":        must1(f.plug("vm-3", "host-1", network.PortRequest{NetworkID: inner.ID}))[0].PortID,
			"unbound":          loose.ID,
			"local without":    must1(f.plug("vm-4", "host-2", network.PortRequest{NetworkID: local.ID}))[0].PortID,
			"local with":       must1(f.plug("vm-5", "host-3", network.PortRequest{NetworkID: local.ID}))[0].PortID,
		}
		want := map[string]string{"with the network": "host-3", "without": "host-1", "gateway's": "host-1", "unbound": "host-1", "local without": "", "local with": "host-3"}
		names := map[string]string{}
		for name, id := range ports {
			fip := must2(f.CreateFloatingIPs(t.Context(), f.member, []network.FloatingIPSpec{{NetworkID: network.Some(external.ID), PortID: network.Some(id)}}))
			names[fip.ID] = name
		}
		for i, host := range []string{"host-1", "host-2", "host-3"} {
			state, _, err := f.HostState(t.Context(), f.db.Read(), host)
			if err != nil {
				t.Fatal(err)
			}
			floating := state.Routers[router.ID].FloatingIPs
			if len(floating) != len(names) {
				t.Fatalf("%s has %d floating IPs", host, len(floating))
			}
			for _, fip := range floating {
				by := want[names[fip.ID]]
				endpoint := ""
				if by != "" && by != host {
					endpoint = "192.0.2." + strings.TrimPrefix(by, "host-")
				}
				if got := fip.Endpoint; fip.Served != (by == host) || (endpoint == "") == got.IsValid() || endpoint != "" && got.String() != endpoint {
					t.Errorf("on %s, %s: served %v, by %v; want %q %s", host, names[fip.ID], fip.Served, got, by, endpoint)
				}
			}
			gateway := state.Ports[state.Routers[router.ID].Gateway.PortID]
			if local := state.Routers[router.ID].Gateway.Local; local != (i == 0) || gateway.Endpoint.IsValid() == local || !local && gateway.Endpoint.String() != "192.0.2.1" {
				t.Errorf("on %s the gateway is local: %v, at %v", host, local, gateway.Endpoint)
			}
		}
		// The gateway host has what it serves for others.
		state, _ := f.state("host-1")
		if p := state.Ports[ports["without"]]; p.Endpoint.String() != "192.0.2.2" {
			t.Errorf("the gateway host reaches the port of another at %v", p.Endpoint)
		}
		if moved := f.move("host-1"); moved != 1 {
			t.Fatalf("%d gateways moved", moved)
		}
		state, _ = f.state("host-3")
		for _, fip := range state.Routers[router.ID].FloatingIPs {
			if name := names[fip.ID]; fip.Served != (want[name] != "" && name != "gateway's") {
				t.Errorf("after the move, %s is served: %v", name, fip.Served)
			}
		}
	})
}
