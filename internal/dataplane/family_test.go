package dataplane

import (
	"net/netip"
	"testing"

	"wisp/internal/dataplane/intent"
)

// IPv4 addresses are kept among those of IPv6, where a short prefix of IPv6
// has them all; it must not speak for them.
func TestS41_PrefixesOfIPv6AreNotOfIPv4(t *testing.T) {
	t.Parallel()
	state := benchState()
	g := state.SecurityGroups["g"]
	g.Rules = append([]intent.Rule{
		{ID: "i4", Direction: intent.Ingress, RemoteGroup: "all"}, {ID: "i6", Direction: intent.Ingress, IPv6: true, RemoteGroup: "all"},
	}, g.Rules...)
	state.SecurityGroups["g"] = g
	a := state.Ports["a"]
	a.AllowedAddressPairs = []intent.AddressPair{{Prefix: netip.MustParsePrefix("::/0")}}
	state.Ports["a"] = a
	four, six := udp4(macB, macA, "10.0.0.11", "10.0.0.10", 5, 6), nd(macB, macA, "fd00::11", "fd00::10", 128, 0, 1, 0, 1)
	state.SecurityGroups["all"] = intent.SecurityGroup{ID: "all"}
	b := newBench(t, state)
	for _, x := range []struct {
		member string
		frame  []byte
		want   uint32
	}{
		{"::/0", four, actShot}, {"::/0", six, actOK}, {"::/8", four, actShot}, {"8000::/1", six, actOK}, {"::/1", six, actShot}, {"fd00::/64", six, actOK},
		{"0.0.0.0/0", four, actOK}, {"0.0.0.0/0", six, actShot}, {"10.0.0.0/8", four, actOK},
	} {
		state.SecurityGroups["all"] = intent.SecurityGroup{ID: "all", Members: []netip.Prefix{netip.MustParsePrefix(x.member)}}
		b.apply(state)
		if v, _ := b.run("to_guest", "a", markForwarded, x.frame); v != x.want {
			t.Errorf("a member %s: verdict %d, want %d", x.member, v, x.want)
		}
	}
	if v, _ := b.run("from_guest", "a", 0, udp4(macA, macB, "10.0.0.77", "10.0.0.11", 1, 2)); v != actShot {
		t.Errorf("a pair of IPv6 lets out another IPv4 address: verdict %d", v)
	}
	if v, _ := b.run("from_guest", "a", 0, nd(macA, macB, "fd00::77", "fd00::11", 128, 0, 1, 0, 1)); v != actRedirect {
		t.Errorf("a pair of all addresses of IPv6: verdict %d", v)
	}
}

func TestRoutesOfIPv6AreNotOfIPv4(t *testing.T) {
	t.Parallel()
	state := benchState()
	r := state.Routers["r"]
	r.Routes = []intent.Route{{Destination: netip.MustParsePrefix("::/0"), NextHop: netip.MustParseAddr("fd00::11")}}
	state.Routers["r"] = r
	b := newBench(t, state)
	if v, _ := b.run("from_guest", "a", 0, udp4(macA, macR, "10.0.0.10", "10.9.9.9", 1, 2)); b.drops("a", "no-route") != 1 {
		t.Errorf("an IPv4 packet took the route of IPv6: verdict %d", v)
	}
	b.run("from_guest", "a", 0, nd(macA, macR, "fd00::10", "2001:db8::1", 128, 0, 1, 0, 1))
	if n := b.drops("a", "no-route"); n != 1 {
		t.Errorf("%d packets had no route, of which one should", n)
	}
}
