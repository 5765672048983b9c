package client

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/aggregates"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/availabilityzones"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/flavors"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/hypervisors"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/instanceactions"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/keypairs"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/servergroups"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/servers"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/services"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/domains"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/endpoints"
	identitygroups "github.com/gophercloud/gophercloud/v2/openstack/identity/v3/groups"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/projects"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/regions"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/roles"
	identityservices "github.com/gophercloud/gophercloud/v2/openstack/identity/v3/services"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/users"
	"github.com/gophercloud/gophercloud/v2/openstack/image/v2/imagedata"
	"github.com/gophercloud/gophercloud/v2/openstack/image/v2/images"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/agents"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/layer3/addressscopes"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/layer3/floatingips"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/layer3/routers"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/rbacpolicies"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/security/groups"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/security/rules"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/subnetpools"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/networks"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/ports"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/subnets"
	"github.com/gophercloud/gophercloud/v2/openstack/placement/v1/resourceproviders"
	"github.com/gophercloud/gophercloud/v2/pagination"

	"wisp/test/world"
)

// sdk is gophercloud's connections of one user.
type sdk struct {
	t                                            *testing.T
	identity, image, compute, network, placement *gophercloud.ServiceClient
}

// connect logs in as the user of an environment.
func (c *Cloud) connect(t *testing.T, env []string) *sdk {
	t.Helper()
	values := map[string]string{}
	for _, line := range env {
		name, value, _ := strings.Cut(line, "=")
		values[name] = value
	}
	provider, err := openstack.NewClient(values["OS_AUTH_URL"])
	if err != nil {
		t.Fatal(err)
	}
	provider.HTTPClient = http.Client{Transport: world.Transport(t, c.Host, nil), Timeout: limit}
	const domain = "Default"
	s := &sdk{t: t}
	s.must(openstack.Authenticate(t.Context(), provider, gophercloud.AuthOptions{
		IdentityEndpoint: values["OS_AUTH_URL"], Username: values["OS_USERNAME"], Password: values["OS_PASSWORD"], DomainName: domain,
		Scope: &gophercloud.AuthScope{ProjectName: values["OS_PROJECT_NAME"], DomainName: domain}, AllowReauth: true,
	}))
	for _, service := range []struct {
		to   **gophercloud.ServiceClient
		open func(*gophercloud.ProviderClient, gophercloud.EndpointOpts) (*gophercloud.ServiceClient, error)
	}{
		{&s.identity, openstack.NewIdentityV3}, {&s.image, openstack.NewImageV2}, {&s.compute, openstack.NewComputeV2},
		{&s.network, openstack.NewNetworkV2}, {&s.placement, openstack.NewPlacementV1},
	} {
		*service.to, err = service.open(provider, gophercloud.EndpointOpts{Region: values["OS_REGION_NAME"]})
		s.must(err)
	}
	return s
}

func (s *sdk) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// gophercloud is a first day with that library.
func (c *Cloud) gophercloud(t *testing.T) {
	caller := c.NewCaller(t)
	user, _, _, err := c.member(caller, "gophercloud")
	if err != nil {
		t.Fatal(err)
	}
	admin, member := c.connect(t, c.Env()), c.connect(t, user.Env())
	ctx := t.Context()
	image := member.upload(ctx, "gopher-image")
	disk := 1
	small, err := flavors.Create(ctx, admin.compute, flavors.CreateOpts{Name: "gopher-small", RAM: 64, VCPUs: 1, Disk: &disk}).Extract()
	admin.must(err)
	large, err := flavors.Create(ctx, admin.compute, flavors.CreateOpts{Name: "gopher-large", RAM: 128, VCPUs: 1, Disk: &disk}).Extract()
	admin.must(err)
	network, subnet, router := member.wire(ctx)
	group, err := groups.Create(ctx, member.network, groups.CreateOpts{Name: "gopher-group"}).Extract()
	member.must(err)
	_, err = rules.Create(ctx, member.network, rules.CreateOpts{
		Direction: rules.DirIngress, EtherType: rules.EtherType4, SecGroupID: group.ID, Protocol: rules.ProtocolTCP, PortRangeMin: 22, PortRangeMax: 22,
	}).Extract()
	member.must(err)
	pair, err := keypairs.Create(ctx, member.compute, keypairs.CreateOpts{Name: "gopher-key"}).Extract()
	member.must(err)
	if !strings.Contains(pair.PrivateKey, "PRIVATE KEY") || !strings.HasPrefix(pair.PublicKey, "ssh-") {
		t.Errorf("the key pair is %+v", pair)
	}

	server, err := servers.Create(ctx, member.compute, keypairs.CreateOptsExt{KeyName: pair.Name, CreateOptsBuilder: servers.CreateOpts{
		Name: "gopher", ImageRef: image, FlavorRef: small.ID, SecurityGroups: []string{group.Name}, Networks: []servers.Network{{UUID: network}},
		Metadata: map[string]string{"made-by": "gophercloud"}, UserData: []byte("#!/bin/sh\n"),
	}}, nil).Extract()
	member.must(err)
	if server.AdminPass == "" {
		t.Error("the answer to the server's creation has no password")
	}
	found := member.wait(ctx, server.ID, "ACTIVE")
	if found.Name != "gopher" || found.KeyName != pair.Name || found.Metadata["made-by"] != "gophercloud" || found.Flavor["id"] != small.ID ||
		found.Image["id"] != image || len(found.Addresses) != 1 || found.Created.IsZero() {
		t.Errorf("the server is %+v", found)
	}
	port := member.port(ctx, server.ID)
	floating := member.publish(ctx, port)
	if found = member.wait(ctx, server.ID, "ACTIVE"); !strings.Contains(fmt.Sprint(found.Addresses), floating.FloatingIP) {
		t.Errorf("the addresses %v lack %s", found.Addresses, floating.FloatingIP)
	}

	member.must(servers.Resize(ctx, member.compute, server.ID, servers.ResizeOpts{FlavorRef: large.ID}).ExtractErr())
	member.wait(ctx, server.ID, "VERIFY_RESIZE")
	member.must(servers.ConfirmResize(ctx, member.compute, server.ID).ExtractErr())
	if found = member.wait(ctx, server.ID, "ACTIVE"); found.Flavor["id"] != large.ID {
		t.Errorf("after resizing the flavor is %v", found.Flavor)
	}
	snapshot, err := servers.CreateImage(ctx, member.compute, server.ID, servers.CreateImageOpts{Name: "gopher-copy"}).ExtractImageID()
	member.must(err)
	member.until(func() error {
		got, err := images.Get(ctx, member.image, snapshot).Extract()
		if err == nil && got.Status != images.ImageStatusActive {
			err = fmt.Errorf("the snapshot is %s", got.Status)
		}
		return err
	})
	actions, err := instanceactions.List(member.compute, server.ID, nil).AllPages(ctx)
	member.must(err)
	if did, err := instanceactions.ExtractInstanceActions(actions); err != nil || len(did) < 3 {
		t.Errorf("the server's actions are %+v (%v)", did, err)
	}

	member.lists(ctx)
	admin.cloudLists(ctx)
	member.refusals(ctx)

	member.must(servers.Delete(ctx, member.compute, server.ID).ExtractErr())
	member.until(func() error {
		_, err := servers.Get(ctx, member.compute, server.ID).Extract()
		if gophercloud.ResponseCodeIs(err, http.StatusNotFound) {
			return nil
		}
		return fmt.Errorf("the server is still there: %w", cmp.Or(err, errors.New("and shown")))
	})
	member.must(floatingips.Delete(ctx, member.network, floating.ID).ExtractErr())
	_, err = routers.RemoveInterface(ctx, member.network, router, routers.RemoveInterfaceOpts{SubnetID: subnet}).Extract()
	member.must(err)
	member.must(routers.Delete(ctx, member.network, router).ExtractErr())
	member.must(networks.Delete(ctx, member.network, network).ExtractErr())
	member.must(groups.Delete(ctx, member.network, group.ID).ExtractErr())
	member.must(keypairs.Delete(ctx, member.compute, pair.Name, nil).ExtractErr())
	for _, id := range []string{image, snapshot} {
		member.must(images.Delete(ctx, member.image, id).ExtractErr())
	}
	for _, id := range []string{small.ID, large.ID} {
		admin.must(flavors.Delete(ctx, admin.compute, id).ExtractErr())
	}
}

// until waits for an error to go away.
func (s *sdk) until(ask func() error) {
	s.t.Helper()
	world.Eventually(s.t, limit, ask)
}

// upload makes an image.
func (s *sdk) upload(ctx context.Context, name string) string {
	s.t.Helper()
	image, err := images.Create(ctx, s.image, images.CreateOpts{
		Name: name, DiskFormat: "raw", ContainerFormat: "bare", MinRAM: 64, Tags: []string{"gopher"}, Properties: map[string]string{"color": "blue"},
	}).Extract()
	s.must(err)
	const size = 1 << 16
	s.must(imagedata.Upload(ctx, s.image, image.ID, strings.NewReader(strings.Repeat("\x00", size))).ExtractErr())
	got, err := images.Get(ctx, s.image, image.ID).Extract()
	s.must(err)
	if got.Status != images.ImageStatusActive || got.SizeBytes != size || got.MinRAMMegabytes != 64 || got.Properties["color"] != "blue" || got.Checksum == "" {
		s.t.Errorf("the image is %+v", got)
	}
	return image.ID
}

// wire makes a network with a subnet behind a router to the public network.
func (s *sdk) wire(ctx context.Context) (network, subnet, router string) {
	s.t.Helper()
	n, err := networks.Create(ctx, s.network, networks.CreateOpts{Name: "gopher-net"}).Extract()
	s.must(err)
	sub, err := subnets.Create(ctx, s.network, subnets.CreateOpts{
		NetworkID: n.ID, Name: "gopher-sub", CIDR: "10.1.0.0/24", IPVersion: gophercloud.IPv4, DNSNameservers: []string{"9.9.9.9"},
	}).Extract()
	s.must(err)
	if sub.GatewayIP != "10.1.0.1" || !sub.EnableDHCP || len(sub.AllocationPools) != 1 {
		s.t.Errorf("the subnet is %+v", sub)
	}
	r, err := routers.Create(ctx, s.network, routers.CreateOpts{Name: "gopher-router", GatewayInfo: &routers.GatewayInfo{NetworkID: s.public(ctx)}}).Extract()
	s.must(err)
	if len(r.GatewayInfo.ExternalFixedIPs) != 1 {
		s.t.Errorf("the router is %+v", r)
	}
	_, err = routers.AddInterface(ctx, s.network, r.ID, routers.AddInterfaceOpts{SubnetID: sub.ID}).Extract()
	s.must(err)
	return n.ID, sub.ID, r.ID
}

// public is the id of the public network.
func (s *sdk) public(ctx context.Context) string {
	s.t.Helper()
	pages, err := networks.List(s.network, networks.ListOpts{Name: "public"}).AllPages(ctx)
	s.must(err)
	all, err := networks.ExtractNetworks(pages)
	s.must(err)
	if len(all) != 1 {
		s.t.Fatalf("%d networks are named public", len(all))
	}
	return all[0].ID
}

// wait waits for a server's status.
func (s *sdk) wait(ctx context.Context, id, status string) (server *servers.Server) {
	s.t.Helper()
	s.until(func() (err error) {
		if server, err = servers.Get(ctx, s.compute, id).Extract(); err == nil && server.Status != status {
			err = fmt.Errorf("the server is %s, %s", server.Status, server.Fault.Message)
		}
		return err
	})
	return server
}

// port is the id of a server's port.
func (s *sdk) port(ctx context.Context, server string) string {
	s.t.Helper()
	pages, err := ports.List(s.network, ports.ListOpts{DeviceID: server}).AllPages(ctx)
	s.must(err)
	all, err := ports.ExtractPorts(pages)
	s.must(err)
	if len(all) != 1 || all[0].DeviceOwner != "compute:nova" || all[0].Status != "ACTIVE" {
		s.t.Fatalf("the server's ports are %+v", all)
	}
	return all[0].ID
}

// publish gives a port a floating IP.
func (s *sdk) publish(ctx context.Context, port string) *floatingips.FloatingIP {
	s.t.Helper()
	floating, err := floatingips.Create(ctx, s.network, floatingips.CreateOpts{FloatingNetworkID: s.public(ctx), PortID: port}).Extract()
	s.must(err)
	return floating
}

// pages reads a list page by page, and wants that many pages and items or more.
func (s *sdk) pages(name string, pager pagination.Pager, least, length int) {
	s.t.Helper()
	pages, items := 0, 0
	err := pager.EachPage(s.t.Context(), func(_ context.Context, page pagination.Page) (bool, error) {
		pages++
		body, ok := page.GetBody().(map[string]any)
		if !ok {
			return false, fmt.Errorf("a page is %T", page.GetBody())
		}
		for key, value := range body {
			if list, ok := value.([]any); ok && !strings.HasSuffix(key, "links") {
				items += len(list)
			}
		}
		return true, nil
	})
	if err != nil || pages < least || items < length {
		s.t.Errorf("%s: %d items on %d pages, want %d on %d: %v", name, items, pages, length, least, err)
	}
}

// lists reads what a project has, in small pages where the API has them.
func (s *sdk) lists(ctx context.Context) {
	s.t.Helper()
	for i := range 2 {
		_, err := networks.Create(ctx, s.network, networks.CreateOpts{Name: fmt.Sprintf("gopher-more-%d", i)}).Extract()
		s.must(err)
		_, err = keypairs.Create(ctx, s.compute, keypairs.CreateOpts{Name: fmt.Sprintf("gopher-more-%d", i)}).Extract()
		s.must(err)
	}
	s.pages("servers", servers.List(s.compute, servers.ListOpts{Limit: 1}), 1, 1)
	s.pages("flavors", flavors.ListDetail(s.compute, flavors.ListOpts{Limit: 1}), 3, 4)
	s.pages("key pairs", keypairs.List(s.compute, nil), 1, 3)
	s.pages("server groups", servergroups.List(s.compute, nil), 0, 0)
	s.pages("images", images.List(s.image, images.ListOpts{Limit: 1}), 3, 3)
	s.pages("networks", networks.List(s.network, networks.ListOpts{Limit: 1}), 4, 4)
	s.pages("subnets", subnets.List(s.network, subnets.ListOpts{Limit: 1}), 1, 1)
	s.pages("ports", ports.List(s.network, ports.ListOpts{Limit: 1}), 2, 2)
	s.pages("routers", routers.List(s.network, routers.ListOpts{Limit: 1}), 1, 1)
	s.pages("floating IPs", floatingips.List(s.network, floatingips.ListOpts{Limit: 1}), 1, 1)
	s.pages("security groups", groups.List(s.network, groups.ListOpts{Limit: 1}), 2, 2)
	s.pages("rules", rules.List(s.network, rules.ListOpts{Limit: 1}), 6, 6)
	s.pages("subnet pools", subnetpools.List(s.network, subnetpools.ListOpts{Limit: 1}), 0, 0)
	s.pages("address scopes", addressscopes.List(s.network, addressscopes.ListOpts{Limit: 1}), 0, 0)
	s.pages("RBAC policies", rbacpolicies.List(s.network, rbacpolicies.ListOpts{Limit: 1}), 0, 0)
}

// cloudLists reads what an administrator sees.
func (s *sdk) cloudLists(ctx context.Context) {
	s.t.Helper()
	all, err := availabilityzones.ListDetail(s.compute).AllPages(ctx)
	s.must(err)
	if zones, err := availabilityzones.ExtractAvailabilityZones(all); err != nil || len(zones) == 0 || !zones[0].ZoneState.Available || len(zones[0].Hosts) == 0 {
		s.t.Errorf("the zones are %+v (%v)", zones, err)
	}
	s.pages("aggregates", aggregates.List(s.compute), 0, 0)
	s.pages("hypervisors", hypervisors.List(s.compute, nil), 1, 1)
	s.pages("compute services", services.List(s.compute, nil), 1, 1)
	s.pages("agents", agents.List(s.network, nil), 1, 2)
	s.pages("domains", domains.List(s.identity, nil), 1, 1)
	s.pages("projects", projects.List(s.identity, nil), 1, 2)
	s.pages("users", users.List(s.identity, nil), 1, 2)
	s.pages("groups", identitygroups.List(s.identity, nil), 0, 0)
	s.pages("roles", roles.List(s.identity, nil), 1, 3)
	s.pages("assignments", roles.ListAssignments(s.identity, nil), 1, 2)
	s.pages("regions", regions.List(s.identity, nil), 1, 1)
	s.pages("services", identityservices.List(s.identity, nil), 1, 5)
	s.pages("endpoints", endpoints.List(s.identity, nil), 1, 5)
	s.pages("resource providers", resourceproviders.List(s.placement, nil), 1, 1)
}

// refusals are errors that the library knows.
func (s *sdk) refusals(ctx context.Context) {
	s.t.Helper()
	const nothing = "0b5de9a2-93b5-4b05-9c5c-6d3e6d0a7f51"
	_, server := servers.Get(ctx, s.compute, nothing).Extract()
	_, network := networks.Get(ctx, s.network, nothing).Extract()
	_, image := images.Get(ctx, s.image, nothing).Extract()
	_, flavor := flavors.Create(ctx, s.compute, flavors.CreateOpts{Name: "mine", RAM: 64, VCPUs: 1, Disk: new(int)}).Extract()
	_, user := users.Create(ctx, s.identity, users.CreateOpts{Name: "mine"}).Extract()
	_, pair := keypairs.Create(ctx, s.compute, keypairs.CreateOpts{Name: "gopher-key"}).Extract()
	for name, c := range map[string]struct {
		err  error
		code int
	}{
		"a server that is not there":  {server, http.StatusNotFound},
		"a network that is not there": {network, http.StatusNotFound},
		"an image that is not there":  {image, http.StatusNotFound},
		"a flavor of a member":        {flavor, http.StatusForbidden},
		"a user of a member":          {user, http.StatusForbidden},
		"a second key pair":           {pair, http.StatusConflict},
	} {
		if !gophercloud.ResponseCodeIs(c.err, c.code) {
			s.t.Errorf("%s: %v, want code %d", name, c.err, c.code)
		}
	}
}
