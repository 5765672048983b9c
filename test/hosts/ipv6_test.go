package hosts

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"wisp/test/fleet"
	"wisp/test/world"
)

// testIPv6 lets two namespaces on two hosts configure themselves by what their
// router advertises, with nothing of IPv6 set by hand.
func testIPv6(t *testing.T, f *fleet.Fleet, c *world.Caller, nodes []*fleet.Node) {
	router := c.Create("/network/v2.0/routers", "router", `{"router": {"name": "six"}}`)
	var guests []*fleet.Guest
	var addresses []string
	for i, provider := range []string{`"provider:network_type": "vxlan"`, `"provider:network_type": "gre"`} {
		n := f.Network(c, fmt.Sprint("six", i), fmt.Sprintf("10.%d.0.0/24", 60+i), provider)
		prefix := fmt.Sprintf("2001:db8:%d:", 60+i)
		subnet := c.Create("/network/v2.0/subnets", "subnet", fmt.Sprintf(
			`{"subnet": {"network_id": %q, "ip_version": 6, "cidr": "%s:/64", "ipv6_ra_mode": "slaac", "ipv6_address_mode": "slaac"}}`, n.ID, prefix))
		attach(t, c, router, fleet.Network{SubnetID: subnet})
		g := f.GuestOn(c, nodes[i], n)
		guests = append(guests, g)
		world.Eventually(t, world.Short, func() error {
			out, err := f.Try(g.Netns, "ip", "-6", "-o", "addr", "show", "dev", "eth0", "scope", "global", "-tentative")
			if err == nil && !strings.Contains(out, prefix) {
				err = errors.New("no address in " + prefix + ": " + out)
			}
			for _, field := range strings.Fields(out) {
				if address, isPrefix := strings.CutSuffix(field, "/64"); isPrefix && len(addresses) == i {
					addresses = append(addresses, address)
				}
			}
			return err
		})
		mtu, err := f.Try(g.Netns, "sysctl", "-n", "net.ipv6.conf.eth0.mtu")
		if err != nil || strings.TrimSpace(mtu) != fmt.Sprint(n.MTU) {
			t.Errorf("the MTU of IPv6 is %q, want %d: %v", strings.TrimSpace(mtu), n.MTU, err)
		}
	}
	for i, g := range guests {
		g.Reaches(t, addresses[1-i])
	}
}
