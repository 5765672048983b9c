package network_test

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"sync"
	"testing"
	"time"

	"wisp/internal/api/apitest"
	"wisp/internal/errs"
	"wisp/internal/network"
	"wisp/internal/policy"
	"wisp/internal/store"
	"wisp/internal/store/storetest"
)

type fixture struct {
	*network.Service
	t             testing.TB
	db            *store.DB
	admin, member *policy.Caller
}

func newFixture(t testing.TB, db *store.DB) *fixture {
	callers := apitest.Standard()
	return &fixture{
		Service: network.New(db, slog.New(slog.DiscardHandler), network.Config{
			PhysicalNetworks: []string{"public"}, DNS: []netip.Addr{netip.MustParseAddr("9.9.9.9")}, Quotas: map[string]int{"port": 5000, "network": 5000, "router": 5000},
		}), t: t, db: db, admin: callers["admin"], member: callers["member"],
	}
}

func each(t *testing.T, test func(t *testing.T, f *fixture)) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) { test(t, newFixture(t, db)) })
}

func (f *fixture) tx(fn func(ctx context.Context, tx *store.Tx) error, locks ...store.Lock) error {
	return f.db.Tx(f.t.Context(), fn, locks...)
}

func (f *fixture) network(caller *policy.Caller, spec network.NetworkSpec) network.Network {
	f.t.Helper()
	return must2(f.CreateNetworks(f.t.Context(), caller, []network.NetworkSpec{spec}))
}

// must2 is the first of a list that a call returned without an error.
func must2[T any](list []T, err error) T {
	if err != nil {
		panic(err)
	}
	return list[0]
}

func (f *fixture) subnet(caller *policy.Caller, networkID, cidr string, change ...func(*network.SubnetSpec)) network.Subnet {
	f.t.Helper()
	spec := network.SubnetSpec{NetworkID: network.Some(networkID), CIDR: network.Some(cidr), IPVersion: network.Some(4)}
	for _, c := range change {
		c(&spec)
	}
	return must2(f.CreateSubnets(f.t.Context(), caller, []network.SubnetSpec{spec}))
}

func (f *fixture) plug(device, host string, requests ...network.PortRequest) ([]network.PluggedPort, error) {
	f.t.Helper()
	var plugged []network.PluggedPort
	err := f.tx(func(ctx context.Context, tx *store.Tx) error {
		var err error
		plugged, err = f.PlugTx(ctx, tx, f.member, network.PlugRequest{
			DeviceID: device, DeviceOwner: "compute:nova", Host: host, ProjectID: f.member.ProjectID, Requests: requests, DNSName: "My Server_1",
		})
		return err
	})
	return plugged, err
}

// topology is a network behind a router with a gateway.
func (f *fixture) topology() (external, inner network.Network, sub network.Subnet, router network.Router) {
	f.t.Helper()
	external = f.network(f.admin, network.NetworkSpec{External: network.Some(true), NetworkType: network.Some("flat"), PhysicalNetwork: network.Some("public")})
	f.subnet(f.admin, external.ID, "203.0.113.0/24", func(s *network.SubnetSpec) { s.EnableDHCP = network.Some(false) })
	inner = f.network(f.member, network.NetworkSpec{Name: network.Some("net")})
	sub = f.subnet(f.member, inner.ID, "10.0.0.0/24", func(s *network.SubnetSpec) {
		s.HostRoutes = network.Some([]network.Route{{Destination: "192.168.0.0/16", NextHop: "10.0.0.9"}})
	})
	router = must2(f.CreateRouters(f.t.Context(), f.member, []network.RouterSpec{{Gateway: network.Some(&network.GatewaySpec{NetworkID: external.ID})}}))
	f.mustInterface(router.ID, sub.ID)
	return external, inner, sub, router
}

func (f *fixture) mustInterface(routerID, subnetID string) *network.Interface {
	f.t.Helper()
	return must1(f.AddInterface(f.t.Context(), f.member, routerID, subnetID, ""))
}

// A /26 has 62 hosts; the gateway and the DHCP port have one each.
func TestConcurrentPorts(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		n := f.network(f.member, network.NetworkSpec{})
		f.subnet(f.member, n.ID, "10.0.0.0/26")
		var mu sync.Mutex
		var wg sync.WaitGroup
		seen := map[string]bool{}
		refused := 0
		for range 100 {
			wg.Go(func() {
				rows, err := f.CreatePorts(t.Context(), f.member, []network.PortSpec{{NetworkID: network.Some(n.ID)}})
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					if !errs.Is(err, errs.Conflict) {
						t.Error(err)
					}
					refused++
					return
				}
				if a := rows[0].FixedIPs[0].Address; seen[a] {
					t.Errorf("%s was given twice", a)
				} else {
					seen[a] = true
				}
			})
		}
		wg.Wait()
		if len(seen) != 60 || refused != 40 {
			t.Fatalf("%d ports and %d refusals, want 60 and 40", len(seen), refused)
		}
	})
}

// Devices that are plugged at once, without any lock, get addresses of their own.
func TestConcurrentPlugs(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		n := f.network(f.member, network.NetworkSpec{})
		f.subnet(f.member, n.ID, "10.0.0.0/26")
		var wg sync.WaitGroup
		for i := range 24 {
			wg.Go(func() {
				if _, err := f.plug(fmt.Sprintf("vm-%d", i), "host-1", network.PortRequest{NetworkID: n.ID}); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if rows := must1(f.Ports(t.Context(), f.member, store.List{})); len(rows) != 25 {
			t.Errorf("%d ports, want 24 and that of DHCP", len(rows))
		}
	})
}

// Concurrent creates never go over a quota, and one default group is made.
func TestConcurrentQuota(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		f.setQuota("network", 10)
		var wg sync.WaitGroup
		var mu sync.Mutex
		made := 0
		for range 20 {
			wg.Go(func() {
				_, err := f.CreateNetworks(t.Context(), f.member, []network.NetworkSpec{{}})
				if err != nil && !errs.Is(err, errs.OverQuota) {
					t.Error(err)
				}
				_, lerr := f.SecurityGroups(t.Context(), f.member, store.List{})
				if lerr != nil {
					t.Error(lerr)
				}
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					made++
				}
			})
		}
		wg.Wait()
		groups := must1(f.SecurityGroups(t.Context(), f.member, store.List{}))
		if made != 10 || len(groups) != 1 {
			t.Fatalf("%d networks with a quota of 10, %d default groups", made, len(groups))
		}
	})
}

// must1 is what a call returned without an error.
func must1[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func (f *fixture) setQuota(resource string, limit int) map[string]int {
	f.t.Helper()
	return must1(f.SetQuotas(f.t.Context(), f.admin, f.member.ProjectID, map[string]int{resource: limit}, false))
}

func TestPlug(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		external, inner, _, _ := f.topology()
		kept := must2(f.CreatePorts(t.Context(), f.member, []network.PortSpec{{NetworkID: network.Some(inner.ID), Name: network.Some("kept")}}))
		wake, cancel := f.db.Subscribe("hosts")
		defer cancel()
		plugged, err := f.plug("vm-1", "host-1", network.PortRequest{NetworkID: inner.ID, FixedIP: netip.MustParseAddr("10.0.0.50"), Tag: "front"}, network.PortRequest{PortID: kept.ID})
		if err != nil {
			t.Fatal(err)
		}
		if len(plugged) != 2 || len(wake) != 1 {
			t.Fatalf("plugged %v, woke %d", plugged, len(wake))
		}
		first := plugged[0]
		if first.FixedIPs[0].Address != netip.MustParseAddr("10.0.0.50") || first.Tag != "front" || !first.CreatedByCompute || first.MTU != 1450 || first.NetworkName != "net" ||
			first.FixedIPs[0].Prefix != netip.MustParsePrefix("10.0.0.0/24") || first.FixedIPs[0].Gateway != netip.MustParseAddr("10.0.0.1") || !first.FixedIPs[0].DHCP ||
			len(first.FixedIPs[0].Routes) != 1 || fmt.Sprint(first.SecurityGroupNames) != "[default]" || first.Status != network.StatusDown {
			t.Errorf("first port %+v", first)
		}
		if plugged[1].PortID != kept.ID || plugged[1].CreatedByCompute || plugged[1].Order != 1 {
			t.Errorf("second port %+v", plugged[1])
		}
		fip := must2(f.CreateFloatingIPs(t.Context(), f.member, []network.FloatingIPSpec{{NetworkID: network.Some(external.ID), PortID: network.Some(first.PortID)}}))
		if err := f.tx(func(ctx context.Context, tx *store.Tx) error {
			return f.PortsActive(ctx, tx, []string{first.PortID}, []string{kept.ID})
		}); err != nil {
			t.Fatal(err)
		}
		ports := must1(f.DevicePorts(t.Context(), f.db.Read(), []string{"vm-1", "vm-none"}))
		if got := ports["vm-1"][0]; got.Status != network.StatusActive || len(got.FixedIPs[0].FloatingIPs) != 1 || got.FixedIPs[0].FloatingIPs[0].String() != fip.Address {
			t.Errorf("after: %+v", got)
		}
		if _, err := f.plug("vm-2", "host-1", network.PortRequest{PortID: kept.ID}); !errs.Is(err, errs.Conflict) {
			t.Errorf("a port in use: %v", err)
		}
		if err := f.tx(func(ctx context.Context, tx *store.Tx) error { return f.UnplugTx(ctx, tx, "vm-1") }); err != nil {
			t.Fatal(err)
		}
		if _, err := f.Port(t.Context(), f.member, first.PortID); !errs.Is(err, errs.NotFound) {
			t.Errorf("the port that was made: %v", err)
		}
		after := must1(f.Port(t.Context(), f.member, kept.ID))
		if after.DeviceID != "" || after.Host != "" || after.DeviceOwner != "" || after.Name != "kept" {
			t.Errorf("the port that was kept: %+v", after)
		}
		if f := must1(f.FloatingIP(t.Context(), f.member, fip.ID)); f.PortID != "" || f.Status() != network.StatusDown {
			t.Errorf("its floating IP: %+v", f)
		}
		if err := f.tx(func(ctx context.Context, tx *store.Tx) error { return f.UnplugTx(ctx, tx, "vm-1") }); err != nil {
			t.Errorf("unplugged twice: %v", err)
		}
		for name, c := range map[string]struct {
			request network.PortRequest
			kind    errs.Kind
		}{
			"unknown network":  {network.PortRequest{NetworkID: "x"}, errs.NotFound},
			"unknown port":     {network.PortRequest{PortID: "x"}, errs.NotFound},
			"external network": {network.PortRequest{NetworkID: external.ID}, errs.Forbidden},
			"bad address":      {network.PortRequest{NetworkID: inner.ID, FixedIP: netip.MustParseAddr("10.8.0.1")}, errs.Invalid},
		} {
			if _, err := f.plug("vm-3", "host-1", c.request); !errs.Is(err, c.kind) {
				t.Errorf("%s: %v", name, err)
			}
		}
		bare := f.network(f.member, network.NetworkSpec{})
		if _, err := f.plug("vm-3", "host-1", network.PortRequest{NetworkID: bare.ID}); !errs.Is(err, errs.Invalid) {
			t.Errorf("a network without subnets: %v", err)
		}
		f.setQuota("port", 0)
		if _, err := f.plug("vm-3", "host-1", network.PortRequest{NetworkID: inner.ID}); !errs.Is(err, errs.OverQuota) {
			t.Errorf("over quota: %v", err)
		}
	})
}

func TestPlugAuto(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		if plugged, err := f.plug("vm-0", "h"); err != nil || len(plugged) != 0 {
			t.Fatalf("without networks: %v %v", plugged, err)
		}
		shared := f.network(f.admin, network.NetworkSpec{Shared: network.Some(true)})
		f.subnet(f.admin, shared.ID, "10.1.0.0/24")
		if plugged, err := f.plug("vm-1", "h"); err != nil || len(plugged) != 1 || plugged[0].NetworkID != shared.ID {
			t.Fatalf("with a shared one: %v %v", plugged, err)
		}
		own := f.network(f.member, network.NetworkSpec{})
		f.subnet(f.member, own.ID, "10.2.0.0/24")
		if plugged, err := f.plug("vm-2", "h"); err != nil || len(plugged) != 1 || plugged[0].NetworkID != own.ID {
			t.Fatalf("with one of its own: %v %v", plugged, err)
		}
		second := f.network(f.member, network.NetworkSpec{})
		f.subnet(f.member, second.ID, "10.3.0.0/24")
		if _, err := f.plug("vm-3", "h"); !errs.Is(err, errs.Conflict) {
			t.Fatalf("with two: %v", err)
		}
		err := f.tx(func(ctx context.Context, tx *store.Tx) error {
			none, err := f.PlugTx(ctx, tx, f.member, network.PlugRequest{DeviceID: "vm-4", ProjectID: f.member.ProjectID, Auto: network.NetworkNone})
			if len(none) != 0 {
				t.Errorf("none: %v", none)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		err = f.tx(func(ctx context.Context, tx *store.Tx) error {
			_, err := f.PlugTx(ctx, tx, f.member, network.PlugRequest{
				DeviceID: "vm-5", ProjectID: f.member.ProjectID, Requests: []network.PortRequest{{NetworkID: own.ID}}, SecurityGroups: []string{"nope"},
			})
			return err
		})
		if !errs.Is(err, errs.NotFound) {
			t.Fatalf("an unknown security group: %v", err)
		}
	})
}

// What is created and deleted at random leaves no address in use that no port
// has, and never gives one twice.
func TestAddressesAreGivenBack(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		n := f.network(f.member, network.NetworkSpec{})
		f.subnet(f.member, n.ID, "10.0.0.0/28") // 14 hosts, 2 of them in use
		random := rand.New(rand.NewPCG(1, uint64(time.Now().UnixNano())))
		held := map[string]string{}
		for range 120 {
			if random.IntN(3) > 0 {
				rows, err := f.CreatePorts(t.Context(), f.member, []network.PortSpec{{NetworkID: network.Some(n.ID)}})
				if full := len(held) == 12; full != (err != nil) {
					t.Fatalf("with %d ports: %v", len(held), err)
				}
				if err == nil {
					for id, address := range held {
						if address == rows[0].FixedIPs[0].Address {
							t.Fatalf("%s is already of %s", address, id)
						}
					}
					held[rows[0].ID] = rows[0].FixedIPs[0].Address
				}
				continue
			}
			for id := range held {
				if err := f.DeletePort(t.Context(), f.member, id, nil); err != nil {
					t.Fatal(err)
				}
				delete(held, id)
				break
			}
		}
	})
}
