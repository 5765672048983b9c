package demo

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"time"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/external"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/layer3/floatingips"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/layer3/routers"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/security/groups"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/security/rules"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/networks"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/ports"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/subnets"
)

// The demo's own networks. They may be the same in any number of projects.
var (
	rangeA = netip.MustParsePrefix("10.77.1.0/24")
	rangeB = netip.MustParsePrefix("10.77.2.0/24")
)

// createExternal makes the external network, or takes one that is there on the
// same physical network, as there can only be one.
func (d *day) createExternal(ctx context.Context) error {
	yes := true
	network, err := networks.Create(ctx, d.admin.network, external.CreateOptsExt{
		CreateOptsBuilder: onPhysical{networks.CreateOpts{Name: unique("ext_net"), AdminStateUp: &yes}, d.cfg.PhysicalNetwork},
		External:          &yes,
	}).Extract()
	if gophercloud.ResponseCodeIs(err, http.StatusConflict) {
		return d.findExternal(ctx)
	}
	if err != nil {
		return err
	}
	d.external = network.ID
	d.later("external network", func(ctx context.Context) error {
		return networks.Delete(ctx, d.admin.network, network.ID).ExtractErr()
	})
	gateway := d.cfg.External.Addr().String()
	no := false
	_, err = subnets.Create(ctx, d.admin.network, subnets.CreateOpts{
		NetworkID: network.ID, Name: "ext_subnet", IPVersion: gophercloud.IPv4, CIDR: d.cfg.External.Masked().String(), GatewayIP: &gateway, EnableDHCP: &no,
	}).Extract()
	return err
}

// onPhysical makes a network flat on a physical network, with the attributes
// of the provider extension.
type onPhysical struct {
	networks.CreateOpts
	physical string
}

// ToNetworkCreateMap implements networks.CreateOptsBuilder.
func (o onPhysical) ToNetworkCreateMap() (map[string]any, error) {
	body, err := o.CreateOpts.ToNetworkCreateMap()
	if network, ok := body["network"].(map[string]any); ok && err == nil {
		network["provider:network_type"], network["provider:physical_network"] = "flat", o.physical
	}
	return body, err
}

func (d *day) findExternal(ctx context.Context) error {
	yes := true
	pages, err := networks.List(d.admin.network, external.ListOptsExt{ListOptsBuilder: networks.ListOpts{}, External: &yes}).AllPages(ctx)
	if err != nil {
		return err
	}
	found, err := networks.ExtractNetworks(pages)
	if err != nil {
		return err
	}
	if len(found) == 0 {
		return fmt.Errorf("the physical network %s is in use by a network that is not external", d.cfg.PhysicalNetwork)
	}
	d.external = found[0].ID
	return nil
}

func (d *day) createNetworks(ctx context.Context) error {
	for _, n := range []struct {
		name         string
		cidr         netip.Prefix
		network, sub *string
	}{{"net-a", rangeA, &d.netA, &d.subnetA}, {"net-b", rangeB, &d.netB, &d.subnetB}} {
		network, err := networks.Create(ctx, d.user.network, networks.CreateOpts{Name: n.name}).Extract()
		if err != nil {
			return err
		}
		*n.network = network.ID
		d.later(n.name, func(ctx context.Context) error { return networks.Delete(ctx, d.user.network, network.ID).ExtractErr() })
		subnet, err := subnets.Create(ctx, d.user.network, subnets.CreateOpts{
			NetworkID: network.ID, Name: n.name, IPVersion: gophercloud.IPv4, CIDR: n.cidr.String(), DNSNameservers: []string{"9.9.9.9"},
		}).Extract()
		if err != nil {
			return err
		}
		*n.sub = subnet.ID
		if n.name == "net-a" {
			if d.gatewayA, err = netip.ParseAddr(subnet.GatewayIP); err != nil {
				return err
			}
		}
	}
	return nil
}

func (d *day) createRouter(ctx context.Context) error {
	router, err := routers.Create(ctx, d.user.network, routers.CreateOpts{
		Name: "router", GatewayInfo: &routers.GatewayInfo{NetworkID: d.external},
	}).Extract()
	if err != nil {
		return err
	}
	d.router = router.ID
	d.later("router", func(ctx context.Context) error { return routers.Delete(ctx, d.user.network, router.ID).ExtractErr() })
	for _, subnet := range []string{d.subnetA, d.subnetB} {
		if _, err := routers.AddInterface(ctx, d.user.network, router.ID, routers.AddInterfaceOpts{SubnetID: subnet}).Extract(); err != nil {
			return err
		}
		d.later("router interface", func(ctx context.Context) error {
			_, err := routers.RemoveInterface(ctx, d.user.network, router.ID, routers.RemoveInterfaceOpts{SubnetID: subnet}).Extract()
			return err
		})
	}
	for _, ip := range router.GatewayInfo.ExternalFixedIPs {
		if d.externalG, err = netip.ParseAddr(ip.IPAddress); err != nil {
			return err
		}
	}
	return nil
}

func (d *day) createGroup(ctx context.Context) error {
	group, err := groups.Create(ctx, d.user.network, groups.CreateOpts{Name: "demo", Description: "ICMP and SSH"}).Extract()
	if err != nil {
		return err
	}
	d.groupID = group.ID
	d.later("security group", func(ctx context.Context) error { return groups.Delete(ctx, d.user.network, group.ID).ExtractErr() })
	_, err = rules.Create(ctx, d.user.network, rules.CreateOpts{
		SecGroupID: group.ID, Direction: rules.DirIngress, EtherType: rules.EtherType4, Protocol: rules.ProtocolTCP, PortRangeMin: 22, PortRangeMax: 22,
	}).Extract()
	if err != nil {
		return err
	}
	return d.openICMP(ctx)
}

func (d *day) openICMP(ctx context.Context) error {
	rule, err := rules.Create(ctx, d.user.network, rules.CreateOpts{
		SecGroupID: d.groupID, Direction: rules.DirIngress, EtherType: rules.EtherType4, Protocol: rules.ProtocolICMP,
	}).Extract()
	if err == nil {
		d.icmpRule = rule.ID
	}
	return err
}

func (d *day) createFloating(ctx context.Context) error {
	pages, err := ports.List(d.user.network, ports.ListOpts{DeviceID: d.servers["a1"].id}).AllPages(ctx)
	if err != nil {
		return err
	}
	found, err := ports.ExtractPorts(pages)
	if err != nil {
		return err
	}
	if len(found) != 1 {
		return fmt.Errorf("the instance a1 has %d ports", len(found))
	}
	ip, err := floatingips.Create(ctx, d.user.network, floatingips.CreateOpts{FloatingNetworkID: d.external, PortID: found[0].ID}).Extract()
	if err != nil {
		return err
	}
	d.floatingID = ip.ID
	d.later("floating IP", func(ctx context.Context) error { return floatingips.Delete(ctx, d.user.network, ip.ID).ExtractErr() })
	d.floating, err = netip.ParseAddr(ip.FloatingIP)
	return err
}

// closeAndOpen removes the ICMP rule while a ping runs, and adds it again; each
// must take effect within a second.
func (d *day) closeAndOpen(ctx context.Context) (err error) {
	p, err := startPing(d.floating)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.stop()) }()
	running := func(since time.Time) error {
		return until(ctx, effectLimit*3, pingEvery/2, func(context.Context) (bool, string, error) {
			return p.last().After(since), "no answer to a ping", nil
		})
	}
	if err := running(time.Now()); err != nil {
		return err
	}
	if err := rules.Delete(ctx, d.user.network, d.icmpRule).ExtractErr(); err != nil {
		return err
	}
	closed := time.Now()
	err = until(ctx, 10*time.Second, pingEvery, func(context.Context) (bool, string, error) {
		return time.Since(p.last()) > effectLimit+pingEvery, "the ping goes on without the rule", nil
	})
	if err != nil {
		return err
	}
	late := max(p.last().Sub(closed), 0)
	if late > effectLimit {
		return fmt.Errorf("the ping went on for %s after the rule was removed", late)
	}
	d.saw("this machine", "floating IP", "ping stopped %s after its rule was removed", late.Round(time.Millisecond))
	if err := d.openICMP(ctx); err != nil {
		return err
	}
	opened := time.Now()
	if err := running(opened); err != nil {
		return err
	}
	late = p.firstAfter(opened).Sub(opened)
	if late > effectLimit {
		return fmt.Errorf("the ping came back %s after the rule was added", late)
	}
	d.saw("this machine", "floating IP", "ping came back %s after its rule was added", late.Round(time.Millisecond))
	return nil
}

const effectLimit = time.Second
