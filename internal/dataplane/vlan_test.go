package dataplane_test

import (
	"strings"
	"testing"

	"wisp/internal/dataplane/intent"
)

func TestVLANsJoinHosts(t *testing.T) {
	t.Parallel()
	one, two := newLab(t, physical), newLab(t, physical)
	one.run(one.name, "ip link add phys0 type veth peer name phys0 netns "+two.name)
	for _, l := range []*lab{one, two} {
		l.run(l.name, "ip link set phys0 up")
		l.state.Networks["ten"] = intent.Network{ID: "ten", Type: intent.TypeVLAN, PhysicalNetwork: "public", SegmentationID: 10, MTU: 1500}
		l.state.Networks["twenty"] = intent.Network{ID: "twenty", Type: intent.TypeVLAN, PhysicalNetwork: "public", SegmentationID: 20, MTU: 1500}
	}
	a := one.guest(one.port("a", "ten", "fa:16:3e:00:00:01", "10.0.0.1", "fd00::1"), 24, "10.0.0.254")
	b := two.guest(two.port("b", "ten", "fa:16:3e:00:00:02", "10.0.0.2", "fd00::2"), 24, "")
	c := two.guest(two.port("c", "twenty", "fa:16:3e:00:00:03", "10.0.0.1"), 24, "")
	d := two.guest(two.port("d", "twenty", "fa:16:3e:00:00:04", "10.0.1.4"), 24, "10.0.1.1")
	// Only the first host knows the router: its way to d is by ARP.
	one.state.Routers["r"] = intent.Router{ID: "r", Enabled: true, Interfaces: []intent.RouterInterface{
		{PortID: "r1", NetworkID: "ten", MAC: routerMAC1, Addresses: prefixes("10.0.0.254/24")},
		{PortID: "r2", NetworkID: "twenty", MAC: routerMAC2, Addresses: prefixes("10.0.1.1/24")},
	}}
	one.applyClean()
	two.applyClean()
	one.ping(a, "10.0.0.2") // resolved by broadcast
	two.ping(b, "10.0.0.1")
	one.ping(a, "fd00::2")
	two.noPing(c, "10.0.0.2")
	one.eventually("a is routed to the other VLAN", func() bool {
		_, err := one.try(a, "ping -n -c 1 -W 1 10.0.1.4")
		return err == nil
	})
	two.ping(d, "10.0.0.1")
	if got := host(one.transfer(a, b, "10.0.0.2:5001", "10.0.0.2:5001")); got != "10.0.0.1" {
		t.Errorf("seen as %s", got)
	}
	one.state.Networks["clash"] = intent.Network{ID: "clash", Type: intent.TypeVLAN, PhysicalNetwork: "public", SegmentationID: 10}
	one.state.Networks["big"] = intent.Network{ID: "big", Type: intent.TypeVLAN, PhysicalNetwork: "public", SegmentationID: 4095}
	report := one.apply()
	for _, id := range []string{"clash", "big"} {
		if report.Refused[id] == nil && (id != "clash" || report.Refused["ten"] == nil) {
			t.Errorf("%s was not refused", id)
		}
	}
	if out := one.run(one.name, "ip link show phys0"); !strings.Contains(out, "PROMISC") {
		t.Error(out)
	}
}
