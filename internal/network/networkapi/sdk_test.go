package networkapi_test

import (
	"context"
	"testing"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/layer3/floatingips"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/layer3/routers"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/quotas"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/security/rules"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/networks"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/ports"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/subnets"
)

// sdk is gophercloud's client of the cloud's network service.
func (c *cloud) sdk(token string) *gophercloud.ServiceClient {
	provider := &gophercloud.ProviderClient{TokenID: token}
	return &gophercloud.ServiceClient{ProviderClient: provider, Endpoint: c.URL + "/network/", ResourceBase: c.URL + "/network/v2.0/", Type: "network"}
}

func TestSDK(t *testing.T) {
	each(t, func(t *testing.T, c *cloud) {
		ctx, admin, member := context.Background(), c.sdk("admin"), c.sdk("member")
		check := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		x := c.topology("member")
		up := true
		n, err := networks.Create(ctx, member, networks.CreateOpts{Name: "n", AdminStateUp: &up}).Extract()
		check(err)
		gateway := "10.4.0.1"
		s, err := subnets.Create(ctx, member, subnets.CreateOpts{
			NetworkID: n.ID, CIDR: "10.4.0.0/24", IPVersion: gophercloud.IPv4, GatewayIP: &gateway, DNSNameservers: []string{"1.1.1.1"},
			AllocationPools: []subnets.AllocationPool{{Start: "10.4.0.10", End: "10.4.0.20"}}, HostRoutes: []subnets.HostRoute{{DestinationCIDR: "10.5.0.0/16", NextHop: "10.4.0.9"}},
		}).Extract()
		check(err)
		_, err = routers.AddInterface(ctx, member, str(x.router["id"]), routers.AddInterfaceOpts{SubnetID: s.ID}).Extract()
		check(err)
		p, err := ports.Create(ctx, member, ports.CreateOpts{NetworkID: n.ID, FixedIPs: []ports.IP{{SubnetID: s.ID}}}).Extract()
		check(err)
		f, err := floatingips.Create(ctx, member, floatingips.CreateOpts{FloatingNetworkID: str(x.external["id"]), PortID: p.ID}).Extract()
		check(err)
		if f.Status != "ACTIVE" || f.FixedIP != p.FixedIPs[0].IPAddress {
			t.Errorf("floating IP %+v", f)
		}
		_, err = rules.Create(ctx, member, rules.CreateOpts{Direction: rules.DirIngress, EtherType: rules.EtherType4, SecGroupID: p.SecurityGroups[0], Protocol: rules.ProtocolTCP, PortRangeMin: 22, PortRangeMax: 22}).Extract()
		check(err)
		q, err := quotas.GetDetail(ctx, admin, "demo-id").Extract()
		check(err)
		if q.Network.Used != 2 || q.Network.Limit != 100 {
			t.Errorf("quota %+v", q.Network)
		}
		pages, err := ports.List(member, ports.ListOpts{NetworkID: n.ID, Limit: 2}).AllPages(ctx)
		check(err)
		all, err := ports.ExtractPorts(pages)
		check(err)
		if len(all) != 3 || all[0].CreatedAt.IsZero() {
			t.Errorf("%d ports in pages of two, want 3", len(all))
		}
		if err := networks.Delete(ctx, member, n.ID).ExtractErr(); !gophercloud.ResponseCodeIs(err, 409) {
			t.Errorf("deleting a network in use: %v", err)
		}
	})
}
