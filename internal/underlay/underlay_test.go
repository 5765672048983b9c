package underlay

import (
	"net/netip"
	"strings"
	"testing"

	"wisp/internal/netlinkx"
)

func TestResolve(t *testing.T) {
	t.Parallel()
	links := []netlinkx.Link{
		{Name: "lo", Up: true, MTU: 65536}, {Name: "eth0", Up: true, MTU: 1500}, {Name: "eth1", Up: true, MTU: 9000},
		{Name: "eth2", Up: true, MTU: 1500}, {Name: "eth3", MTU: 1500}, {Name: "eth4", Up: true, MTU: 1500},
	}
	var addresses []netlinkx.Address
	for _, a := range [][2]string{
		{"eth0", "fe80::1/64"}, {"eth0", "2001:db8::1/64"}, {"eth0", "10.0.0.1/24"}, {"eth0", "10.0.0.2/24"}, {"eth1", "10.1.0.1/24"},
		{"eth3", "10.3.0.1/24"}, {"eth4", "2001:db8:4::1/64"},
	} {
		addresses = append(addresses, netlinkx.Address{Device: a[0], Prefix: netip.MustParsePrefix(a[1])})
	}
	for name, c := range map[string]struct {
		choice             Choice
		management, tunnel string
		wrong              []string
	}{
		"nothing":            {choice: Choice{Default: netip.MustParseAddr("10.0.0.9")}, management: "10.0.0.9", tunnel: "invalid IP"},
		"interfaces":         {choice: Choice{Management: "eth0", Tunnel: "eth1", Physical: map[string]string{"public": "eth2"}}, management: "10.0.0.1", tunnel: "10.1.0.1"},
		"addresses":          {choice: Choice{Management: "10.0.0.2", Tunnel: "10.1.0.1", MTU: 9000}, management: "10.0.0.2", tunnel: "10.1.0.1"},
		"one for both":       {choice: Choice{Management: "eth0", Tunnel: "eth0", MTU: 1500}, management: "10.0.0.1", tunnel: "10.0.0.1"},
		"IPv6 management":    {choice: Choice{Management: "2001:db8::1"}, management: "2001:db8::1", tunnel: "invalid IP"},
		"no such interface":  {choice: Choice{Tunnel: "eth9"}, wrong: []string{"--tunnel eth9", "has no interface eth9", "eth0, eth1"}},
		"no such address":    {choice: Choice{Management: "192.0.2.1"}, wrong: []string{"--management 192.0.2.1", "no interface of this machine"}},
		"down":               {choice: Choice{Management: "eth3"}, wrong: []string{"ip link set eth3 up"}},
		"address is down":    {choice: Choice{Tunnel: "10.3.0.1"}, wrong: []string{"ip link set eth3 up"}},
		"no address":         {choice: Choice{Tunnel: "eth2"}, wrong: []string{"has no address"}},
		"tunnel over IPv6":   {choice: Choice{Tunnel: "eth4"}, wrong: []string{"IPv4"}},
		"MTU":                {choice: Choice{Tunnel: "eth0", MTU: 9000}, wrong: []string{"1500 bytes", "ip link set eth0 mtu 9000"}},
		"used twice":         {choice: Choice{Physical: map[string]string{"a": "eth2", "b": "eth2"}}, wrong: []string{"both", "a and b"}},
		"used for tunnels":   {choice: Choice{Tunnel: "eth1", Physical: map[string]string{"a": "eth1"}}, wrong: []string{"and the tunnels"}},
		"physical is down":   {choice: Choice{Physical: map[string]string{"a": "eth3"}}, wrong: []string{"physical network a", "is down"}},
		"several are wrong":  {choice: Choice{Management: "eth9", Tunnel: "eth3", Physical: map[string]string{"a": "eth8"}}, wrong: []string{"eth9", "eth3", "eth8"}},
		"physical not there": {choice: Choice{Physical: map[string]string{"a": "eth8"}}, wrong: []string{"physical network a", "eth8"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			u, err := resolve(c.choice, links, addresses)
			if len(c.wrong) == 0 {
				if err != nil || u.Management.String() != c.management || u.Tunnel.String() != c.tunnel {
					t.Errorf("%+v, error %v", u, err)
				}
				return
			}
			for _, word := range c.wrong {
				if err == nil || !strings.Contains(err.Error(), word) {
					t.Errorf("the error %v does not say %q", err, word)
				}
			}
		})
	}
}

func TestThisMachine(t *testing.T) {
	t.Parallel()
	u, err := Resolve(Choice{Management: "lo"})
	if err != nil || u.Management != netip.AddrFrom4([4]byte{127, 0, 0, 1}) {
		t.Errorf("%+v, error %v", u, err)
	}
}
