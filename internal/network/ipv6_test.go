package network_test

import (
	"net/netip"
	"testing"

	"wisp/internal/network"
)

func TestIPv6Modes(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		_, inner, _, router := f.topology()
		six := func(mode string) func(*network.SubnetSpec) {
			return func(s *network.SubnetSpec) {
				s.IPVersion, s.DNS = network.Some(6), network.Some([]string{"2001:db8::53"})
				if mode != "" {
					s.RAMode, s.AddressMode = network.Some(mode), network.Some(mode)
				}
			}
		}
		mine := f.subnet(f.member, inner.ID, "2001:db8:1::/64", six(network.ModeSLAAC))
		f.mustInterface(router.ID, mine.ID)
		plugged := must1(f.plug("vm-1", "host-1", network.PortRequest{NetworkID: inner.ID}))
		_, leases := f.state("host-1")
		lease := leases[plugged[0].PortID]
		if !lease.Address.IsValid() || lease.IPv6 == nil || lease.IPv6.DHCP || len(lease.IPv6.Routers) != 1 {
			t.Fatalf("lease %+v, over IPv6 %+v", lease, lease.IPv6)
		}
		a := lease.IPv6.Routers[0]
		if !a.Default || a.Managed || a.Other || a.MTU != 1450 || len(a.Prefixes) != 1 || !a.Prefixes[0].Autonomous || len(a.DNS) != 1 ||
			a.Prefixes[0].Prefix != netip.MustParsePrefix("2001:db8:1::/64") {
			t.Errorf("advertisement %+v", a)
		}

		for mode, want := range map[string]struct{ managed, other, autonomous, address bool }{
			network.ModeStateful:  {managed: true, address: true},
			network.ModeStateless: {other: true, autonomous: true},
		} {
			n := f.network(f.member, network.NetworkSpec{})
			cidr := map[string]string{network.ModeStateful: "2001:db8:2::/64", network.ModeStateless: "2001:db8:3::/64"}[mode]
			f.mustInterface(router.ID, f.subnet(f.member, n.ID, cidr, six(mode)).ID)
			plugged := must1(f.plug("vm-"+mode, "host-1", network.PortRequest{NetworkID: n.ID}))
			_, leases := f.state("host-1")
			lease := leases[plugged[0].PortID]
			if lease.Address.IsValid() || lease.IPv6 == nil || !lease.IPv6.DHCP || len(lease.IPv6.DNS) != 1 || lease.IPv6.Address.IsValid() != want.address {
				t.Fatalf("%s: lease %+v, over IPv6 %+v", mode, lease, lease.IPv6)
			}
			if a := lease.IPv6.Routers[0]; a.Managed != want.managed || a.Other != want.other || a.Prefixes[0].Autonomous != want.autonomous {
				t.Errorf("%s: advertisement %+v", mode, a)
			}
		}

		// Without a mode of its own nothing is said, and a router that is down
		// says nothing.
		silent := f.network(f.member, network.NetworkSpec{})
		f.mustInterface(router.ID, f.subnet(f.member, silent.ID, "2001:db8:4::/64", six("")).ID)
		quiet := must1(f.plug("vm-quiet", "host-1", network.PortRequest{NetworkID: silent.ID}))
		if _, leases := f.state("host-1"); leases[quiet[0].PortID].IPv6 != nil {
			t.Errorf("a subnet without modes is told %+v", leases[quiet[0].PortID].IPv6)
		}
		if _, err := f.UpdateRouter(t.Context(), f.member, router.ID, network.RouterSpec{AdminStateUp: network.Some(false)}, nil); err != nil {
			t.Fatal(err)
		}
		if _, leases := f.state("host-1"); leases[plugged[0].PortID].IPv6 != nil {
			t.Error("a router that is down advertises itself")
		}
	})
}
