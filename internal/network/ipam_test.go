package network

import (
	"net/netip"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func prefixes() *rapid.Generator[netip.Prefix] {
	return rapid.Custom(func(t *rapid.T) netip.Prefix {
		if rapid.Bool().Draw(t, "v6") {
			b := [16]byte(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "address"))
			b[0] = 0xfd
			return netip.PrefixFrom(netip.AddrFrom16(b), rapid.IntRange(16, 128).Draw(t, "bits")).Masked()
		}
		b := [4]byte(rapid.SliceOfN(rapid.Byte(), 4, 4).Draw(t, "address"))
		return netip.PrefixFrom(netip.AddrFrom4(b), rapid.IntRange(8, 32).Draw(t, "bits")).Masked()
	})
}

// What pools give is in the subnet, never the gateway, and no address twice.
func TestPools(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p := prefixes().Draw(t, "prefix")
		hosts := hostsOf(p)
		gateway := hosts.Start
		if rapid.Bool().Draw(t, "gateway elsewhere") {
			gateway = offset(hosts.Start, rapid.Int64Range(0, min(hosts.size(), 1000)-1).Draw(t, "gateway"))
		}
		pools := defaultPools(p, gateway)
		var total int64
		for _, pool := range pools {
			total = saturated(total, pool.size())
		}
		if want := hosts.size() - 1; hosts.size() < 1<<62 && total != want {
			t.Fatalf("%d addresses in the pools of %s, want %d", total, p, want)
		}
		for _, a := range randomIn(pools, 8) {
			if !p.Contains(a) || a == gateway || !contains(pools, a) || !hosts.contains(a) {
				t.Fatalf("%s is no address of %v in %s behind %s", a, pools, p, gateway)
			}
		}
		taken := map[netip.Addr]bool{}
		for range min(total, 40) {
			a := lowestFree(pools, taken)
			if !a.IsValid() || taken[a] || a == gateway || !p.Contains(a) {
				t.Fatalf("lowest free address %s of %v", a, pools)
			}
			taken[a] = true
		}
		if total <= 40 && lowestFree(pools, taken).IsValid() {
			t.Fatalf("an address of %v after all were taken", pools)
		}
	})
}

func TestHosts(t *testing.T) {
	t.Parallel()
	for prefix, want := range map[string]string{
		"10.0.0.0/24": "10.0.0.1-10.0.0.254", "10.0.0.0/30": "10.0.0.1-10.0.0.2", "10.0.0.0/31": "10.0.0.0-10.0.0.1", "10.0.0.7/32": "10.0.0.7-10.0.0.7",
		"fd00::/64": "fd00::1-fd00::ffff:ffff:ffff:ffff", "fd00::/127": "fd00::1-fd00::1", "fd00::5/128": "fd00::5-fd00::5",
	} {
		p := hostsOf(netip.MustParsePrefix(prefix))
		if got := p.Start.String() + "-" + p.End.String(); got != want {
			t.Errorf("hosts of %s: %s, want %s", prefix, got, want)
		}
	}
	if got := eui64(netip.MustParsePrefix("2001:db8::/64"), "fa:16:3e:01:02:03").String(); got != "2001:db8::f816:3eff:fe01:203" {
		t.Errorf("EUI-64 address %s", got)
	}
	if a := eui64(netip.MustParsePrefix("2001:db8::/64"), "nonsense"); a.IsValid() {
		t.Errorf("an address of no MAC: %s", a)
	}
}

func FuzzDHCPOption(f *testing.F) {
	f.Add("mtu", "1400")
	f.Add("option:router", "10.0.0.1, 10.0.0.2")
	f.Add("67", "pxe\nlinux")
	f.Add("domain-search", "example.org,a.example.org.")
	f.Fuzz(func(t *testing.T, name, value string) {
		for _, version := range []int{4, 6} {
			code, out, err := encodeOption(DHCPOption{Name: name, Value: &value, IPVersion: version})
			if err != nil {
				continue
			}
			if code == 0 || code == nextServer && (version == 6 || len(out) != 4) || len(out) == 0 || len(out) > 255 || control(value) {
				t.Errorf("%q = %q became %d %v", name, value, code, out)
			}
		}
	})
}

// Every rule that is accepted can be said to the dataplane.
func TestS40_AcceptedRulesCanBeExpressed(t *testing.T) {
	t.Parallel()
	names := []string{"", "any", "0", "1", "58", "255"}
	for name := range protocols {
		names = append(names, name)
	}
	slices.Sort(names)
	rapid.Check(t, func(t *rapid.T) {
		number := rapid.OneOf(rapid.Just[*int](nil), rapid.Ptr(rapid.IntRange(-2, 65537), false))
		r, err := newRule("p", RuleSpec{
			GroupID: Some("g"), Direction: Some(rapid.SampledFrom([]string{Ingress, Egress}).Draw(t, "direction")), Protocol: Some(rapid.SampledFrom(names).Draw(t, "protocol")),
			Ethertype: Some(rapid.SampledFrom([]string{IPv4, IPv6}).Draw(t, "ethertype")), PortMin: Some(number.Draw(t, "min")), PortMax: Some(number.Draw(t, "max")),
			RemotePrefix: Some(rapid.SampledFrom([]string{"", "10.0.0.1/8", "::/0", "fd00::1", "192.0.2.1"}).Draw(t, "prefix")),
		})
		if err != nil {
			return
		}
		out, ok := r.intent()
		if !ok {
			t.Fatalf("accepted, but cannot be expressed: %+v", r)
		}
		if out.IPv6 != (r.Ethertype == IPv6) || out.RemotePrefix.IsValid() && out.RemotePrefix.Addr().Is6() != out.IPv6 {
			t.Fatalf("the families differ: %+v", out)
		}
		if n, some := protocolNumber(r.Protocol); some && out.Protocol != n {
			t.Fatalf("%s became protocol %d", r.Protocol, out.Protocol)
		}
	})
}
