package networkapi_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"testing"

	"wisp/internal/api/apitest"
	"wisp/internal/network"
	"wisp/internal/network/networkapi"
	"wisp/internal/store"
	"wisp/internal/store/storetest"
)

func TestMain(m *testing.M) {
	apitest.Main(m, networkapi.New(network.New(nil, slog.New(slog.DiscardHandler), network.Config{})))
}

type obj = map[string]any

// cloud is the face of a fresh database.
type cloud struct {
	*apitest.Server
	t   testing.TB
	svc *network.Service
	db  *store.DB
}

func start(t testing.TB, db *store.DB) *cloud {
	t.Helper()
	svc := network.New(db, slog.New(slog.DiscardHandler), network.Config{
		PhysicalNetworks: []string{"public", "lab"}, VLANs: map[string]network.Range{"lab": {First: 100, Last: 101}}, DNS: []netip.Addr{netip.MustParseAddr("9.9.9.9")},
	})
	callers := apitest.Standard()
	lord := *callers["member"]
	lord.UserID, lord.Roles = "lord-id", []string{"manager", "member", "reader"}
	callers["manager"] = &lord
	return &cloud{Server: apitest.Serve(t, callers, networkapi.New(svc)), t: t, svc: svc, db: db}
}

// each runs a test against a cloud on every engine.
func each(t *testing.T, test func(t *testing.T, c *cloud)) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) { test(t, start(t, db)) })
}

// make creates an object and returns it.
func (c *cloud) make(who, collection string, body obj) obj {
	c.t.Helper()
	single := strings.TrimSuffix(strings.ReplaceAll(collection, "-", "_"), "s")
	var answer map[string]obj
	c.Must(201, who, "POST", "/network/v2.0/"+collection, obj{single: body}).JSON(c.t, &answer)
	return answer[single]
}

func (c *cloud) get(who, path string) obj {
	c.t.Helper()
	var answer obj
	c.Must(200, who, "GET", "/network/v2.0/"+path, nil).JSON(c.t, &answer)
	return answer
}

func (c *cloud) list(who, collection, query string) []obj {
	c.t.Helper()
	var answer map[string][]obj
	c.Must(200, who, "GET", "/network/v2.0/"+collection+"?"+query, nil).JSON(c.t, &answer)
	return answer[strings.ReplaceAll(collection, "-", "_")]
}

func (c *cloud) put(who, path string, body any) *apitest.Response {
	c.t.Helper()
	return c.Must(200, who, "PUT", "/network/v2.0/"+path, body)
}

// refused checks status, type and a part of the message of an error.
func (c *cloud) refused(status int, kind, part, who, method, path string, body any, headers ...string) {
	c.t.Helper()
	r := c.Do(who, method, "/network/v2.0/"+path, body, headers...)
	var e struct {
		NeutronError struct{ Type, Message string }
	}
	if r.Status == status {
		r.JSON(c.t, &e)
	}
	if r.Status != status || e.NeutronError.Type != kind || !strings.Contains(e.NeutronError.Message, part) {
		c.t.Errorf("%s %s as %s: status %d, want %d %s %q: %s", method, path, who, r.Status, status, kind, part, r.Body)
	}
}

// heartbeat is a sign of life of a host.
func (c *cloud) heartbeat(host string, info network.AgentInfo) {
	c.t.Helper()
	err := c.db.Tx(c.t.Context(), func(ctx context.Context, tx *store.Tx) error { return c.svc.AgentHeartbeat(ctx, tx, host, info) })
	if err != nil {
		c.t.Fatal(err)
	}
}

func str(v any) string { s, _ := v.(string); return s }

// topology is a network with a subnet behind a router with a gateway.
type topology struct {
	external, outer, network, subnet, router obj
}

func (c *cloud) topology(who string) topology {
	c.t.Helper()
	var x topology
	x.external = c.make("admin", "networks", obj{"name": "ext", "router:external": true, "provider:network_type": "flat", "provider:physical_network": "public"})
	x.outer = c.make("admin", "subnets", obj{"network_id": x.external["id"], "ip_version": 4, "cidr": "203.0.113.0/24", "enable_dhcp": false,
		"allocation_pools": []obj{{"start": "203.0.113.100", "end": "203.0.113.199"}}}) // tests give the others themselves
	x.network = c.make(who, "networks", obj{"name": "net"})
	x.subnet = c.make(who, "subnets", obj{"network_id": x.network["id"], "ip_version": 4, "cidr": "10.0.0.0/24", "name": "sub", "dns_nameservers": []string{"1.1.1.1"}})
	x.router = c.make(who, "routers", obj{"name": "r", "external_gateway_info": obj{"network_id": x.external["id"]}})
	c.put(who, "routers/"+str(x.router["id"])+"/add_router_interface", obj{"subnet_id": x.subnet["id"]})
	return x
}

func TestFirstDay(t *testing.T) {
	each(t, func(t *testing.T, c *cloud) {
		x := c.topology("member")
		if x.network["mtu"] != 1450.0 || x.network["provider:network_type"] != nil || x.network["status"] != "ACTIVE" {
			t.Errorf("network %v", x.network)
		}
		if x.subnet["gateway_ip"] != "10.0.0.1" || fmt.Sprint(x.subnet["allocation_pools"]) != "[map[end:10.0.0.254 start:10.0.0.2]]" {
			t.Errorf("subnet %v", x.subnet)
		}
		gateway := x.router["external_gateway_info"].(obj)
		if gateway["network_id"] != x.external["id"] || gateway["enable_snat"] != true || len(gateway["external_fixed_ips"].([]any)) != 1 {
			t.Errorf("gateway %v", gateway)
		}
		port := c.make("member", "ports", obj{"network_id": x.network["id"], "name": "p"})
		if !strings.HasPrefix(str(port["mac_address"]), "fa:16:3e:") || len(port["fixed_ips"].([]any)) != 1 || len(port["security_groups"].([]any)) != 1 ||
			port["status"] != "DOWN" || port["binding:host_id"] != nil || port["binding:vnic_type"] != "normal" {
			t.Errorf("port %v", port)
		}
		fip := c.make("member", "floatingips", obj{"floating_network_id": x.external["id"], "port_id": port["id"]})
		if fip["status"] != "ACTIVE" || fip["router_id"] != x.router["id"] || fip["port_details"].(obj)["name"] != "p" {
			t.Errorf("floating IP %v", fip)
		}
		owners := map[string]int{}
		for _, p := range c.list("admin", "ports", "") {
			owners[str(p["device_owner"])]++
		}
		if fmt.Sprint(owners) != "map[:1 network:dhcp:1 network:floatingip:1 network:router_gateway:1 network:router_interface:1]" {
			t.Errorf("ports by owner %v", owners)
		}
		c.refused(409, "RouterInterfaceInUseByFloatingIP", "required by one or more floating IPs", "member", "PUT", "routers/"+str(x.router["id"])+"/remove_router_interface", obj{"subnet_id": x.subnet["id"]})
		c.refused(409, "RouterExternalGatewayInUseByFloatingIp", "Gateway cannot be updated", "member", "PUT", "routers/"+str(x.router["id"]), obj{"router": obj{"external_gateway_info": nil}})
		c.refused(409, "RouterInUse", "ports still attached", "member", "DELETE", "routers/"+str(x.router["id"]), nil)
		c.refused(409, "NetworkInUse", "one or more ports", "member", "DELETE", "networks/"+str(x.network["id"]), nil)
		c.refused(409, "SubnetInUse", "IP allocation", "member", "DELETE", "subnets/"+str(x.subnet["id"]), nil)
		c.put("member", "floatingips/"+str(fip["id"]), obj{"floatingip": obj{"port_id": nil}})
		if got := c.get("member", "floatingips/"+str(fip["id"]))["floatingip"].(obj); got["status"] != "DOWN" || got["port_id"] != nil || got["fixed_ip_address"] != nil {
			t.Errorf("floating IP set free %v", got)
		}
		for _, path := range []string{"floatingips/" + str(fip["id"]), "ports/" + str(port["id"])} {
			c.Must(204, "member", "DELETE", "/network/v2.0/"+path, nil)
		}
		c.put("member", "routers/"+str(x.router["id"])+"/remove_router_interface", obj{"subnet_id": x.subnet["id"]})
		for _, path := range []string{"routers/" + str(x.router["id"]), "subnets/" + str(x.subnet["id"]), "networks/" + str(x.network["id"])} {
			c.Must(204, "member", "DELETE", "/network/v2.0/"+path, nil)
		}
		if left := c.list("admin", "ports", ""); len(left) != 0 {
			t.Errorf("ports left behind: %v", left)
		}
		c.Must(204, "admin", "DELETE", "/network/v2.0/networks/"+str(x.external["id"]), nil)
	})
}

func TestListing(t *testing.T) {
	each(t, func(t *testing.T, c *cloud) {
		var bulk []obj
		for i := range 5 {
			bulk = append(bulk, obj{"name": fmt.Sprintf("n%d", i), "admin_state_up": i%2 == 0})
		}
		c.Must(201, "member", "POST", "/network/v2.0/networks", obj{"networks": bulk})
		for query, want := range map[string]int{
			"": 5, "name=n1": 1, "name=n1&name=n2": 2, "admin_state_up=False": 2, "shared=True": 0, "status=ACTIVE": 5, "status=DOWN": 0, "tenant_id=demo-id": 5,
			"project_id=x": 0, "mtu=1450": 5, "description=": 5, "router:external=False": 5, "tags=a": 0, "not-tags=a,b": 5, "not-tags-any=a": 5, "tags-any=a": 0,
			"changed_since=2001-01-01T00:00:00Z": 5, "changed_since=2999-01-01T00:00:00Z": 0,
		} {
			if got := c.list("member", "networks", query); len(got) != want {
				t.Errorf("%s: %d networks, want %d", query, len(got), want)
			}
		}
		var seen []string
		next := "/network/v2.0/networks?sort_key=name&sort_dir=desc&limit=2&fields=name&fields=id"
		for next != "" {
			var page struct {
				Networks []obj
				Links    []struct{ Rel, Href string } `json:"networks_links"`
			}
			c.Must(200, "member", "GET", next, nil).JSON(t, &page)
			next = ""
			for _, n := range page.Networks {
				seen = append(seen, str(n["name"]))
				if len(n) != 2 {
					t.Errorf("fields: %v", n)
				}
			}
			for _, l := range page.Links {
				if l.Rel == "next" {
					next = strings.TrimPrefix(l.Href, c.URL)
				}
			}
		}
		if fmt.Sprint(seen) != "[n4 n3 n2 n1 n0]" {
			t.Errorf("pages gave %v", seen)
		}
		// A walk there and back again: a full page has links in both directions,
		// the empty one behind the last leads back.
		walk, at := "", "/network/v2.0/networks?sort_key=name&limit=5"
		for _, rel := range []string{"next", "previous", "previous", "next", ""} {
			var page struct {
				Networks []obj
				Links    []struct{ Rel, Href string } `json:"networks_links"`
			}
			c.Must(200, "member", "GET", at, nil).JSON(t, &page)
			at = ""
			walk += fmt.Sprint(len(page.Networks))
			for _, l := range page.Links {
				walk += l.Rel[:1]
				if l.Rel == rel {
					at = strings.TrimPrefix(l.Href, c.URL)
				}
			}
		}
		if walk != "5np0p5np0n5np" {
			t.Errorf("the walk was %s", walk)
		}
		c.refused(400, "HTTPBadRequest", "invalid attribute for filtering", "member", "GET", "networks?color=red", nil)
		c.refused(400, "HTTPBadRequest", "sort_keys", "member", "GET", "networks?sort_key=color", nil)
		c.refused(400, "HTTPBadRequest", "limit", "member", "GET", "networks?limit=x", nil)
		c.refused(400, "HTTPBadRequest", "cannot be converted to boolean", "member", "GET", "networks?shared=maybe", nil)
		c.refused(400, "HTTPBadRequest", "not an integer", "member", "GET", "networks?mtu=big", nil)
		c.refused(404, "NetworkNotFound", "could not be found", "member", "GET", "networks?marker=nothing", nil)
		if got := c.list("other", "networks", ""); len(got) != 0 {
			t.Errorf("another project sees %v", got)
		}
	})
}

func TestBadRequests(t *testing.T) {
	each(t, func(t *testing.T, c *cloud) {
		n := c.make("member", "networks", obj{})
		sub := func(more obj) obj {
			body := obj{"network_id": n["id"], "ip_version": 4, "cidr": "10.0.0.0/24"}
			for k, v := range more {
				body[k] = v
			}
			return obj{"subnet": body}
		}
		for _, x := range []struct {
			status           int
			kind, part, path string
			body             any
		}{
			{400, "HTTPBadRequest", "Unrecognized attribute(s) 'colour'", "networks", obj{"network": obj{"colour": 1}}},
			{400, "HTTPBadRequest", "Attribute 'status' not allowed in POST", "networks", obj{"network": obj{"status": "x"}}},
			{400, "HTTPBadRequest", "Unable to find 'network'", "networks", obj{"net": obj{}}},
			{400, "HTTPBadRequest", "Resource body required", "networks", obj{"network": nil}},
			{400, "HTTPBadRequest", "Resources required", "networks", obj{"networks": []obj{}}},
			{400, "MalformedRequestBody", "", "networks", "{"},
			{400, "HTTPBadRequest", "'5' is not a valid string", "networks", obj{"network": obj{"name": 5}}},
			{400, "HTTPBadRequest", "exceeds maximum length", "networks", obj{"network": obj{"name": strings.Repeat("x", 256)}}},
			{400, "HTTPBadRequest", "admin_state_up", "networks", obj{"network": obj{"admin_state_up": "maybe"}}},
			{403, "PolicyNotAuthorized", "create_network:shared", "networks", obj{"network": obj{"shared": true}}},
			{403, "PolicyNotAuthorized", "create_network:router:external", "networks", obj{"network": obj{"router:external": true}}},
			{403, "PolicyNotAuthorized", "create_network:provider:network_type", "networks", obj{"network": obj{"provider:network_type": "vxlan"}}},
			{400, "HTTPBadRequest", "requires admin privileges", "networks", obj{"network": obj{"project_id": "foreign-id"}}},
			{400, "InvalidInput", "Requested MTU is too big", "networks", obj{"network": obj{"mtu": 1500}}},
			{400, "HTTPBadRequest", "dns_domain", "networks", obj{"network": obj{"dns_domain": "no-dot"}}},
			{400, "HTTPBadRequest", "dns_domain", "networks", obj{"network": obj{"dns_domain": "-x.example."}}},
			{400, "HTTPBadRequest", "'6' is not in the range", "networks", obj{"network": obj{"mtu": 6}}},
			{404, "AvailabilityZoneNotFound", "mars", "networks", obj{"network": obj{"availability_zone_hints": []string{"mars"}}}},
			{400, "HTTPBadRequest", "Required attribute 'network_id'", "ports", obj{"port": obj{}}},
			{400, "HTTPBadRequest", "not a valid UUID", "ports", obj{"port": obj{"network_id": "x"}}},
			{404, "NetworkNotFound", "", "ports", obj{"port": obj{"network_id": "11111111-1111-1111-1111-111111111111"}}},
			{400, "HTTPBadRequest", "mac_address", "ports", obj{"port": obj{"network_id": n["id"], "mac_address": "01:00:00:00:00:00"}}},
			{400, "InvalidInput", "requires subnets", "ports", obj{"port": obj{"network_id": n["id"], "fixed_ips": []obj{{"ip_address": "1.2.3.4"}}}}},
			{400, "HTTPBadRequest", "dns_name", "ports", obj{"port": obj{"network_id": n["id"], "dns_name": "-x"}}},
			{409, "AddressPairAndPortSecurityRequired", "", "ports", obj{"port": obj{"network_id": n["id"], "port_security_enabled": false, "allowed_address_pairs": []obj{{"ip_address": "1.2.3.4"}}}}},
			{400, "PortSecurityAndIPRequiredForSecurityGroups", "", "ports", obj{"port": obj{"network_id": n["id"], "port_security_enabled": false, "security_groups": []string{"11111111-1111-1111-1111-111111111111"}}}},
			{404, "SecurityGroupNotFound", "", "ports", obj{"port": obj{"network_id": n["id"], "security_groups": []string{"11111111-1111-1111-1111-111111111111"}}}},
			{400, "DuplicateAddressPairInRequest", "", "ports", obj{"port": obj{"network_id": n["id"], "allowed_address_pairs": []obj{{"ip_address": "1.2.3.4"}, {"ip_address": "1.2.3.4/32"}}}}},
			{400, "HTTPBadRequest", "vnic_type", "ports", obj{"port": obj{"network_id": n["id"], "binding:vnic_type": "odd"}}},
			{403, "PolicyNotAuthorized", "binding:host_id", "ports", obj{"port": obj{"network_id": n["id"], "binding:host_id": "h"}}},
			{400, "HTTPBadRequest", "'10.0.0.0/33' is not a valid IP subnet", "subnets", sub(obj{"cidr": "10.0.0.0/33"})},
			{400, "HTTPBadRequest", "'10.0.0.0/24' is recommended", "subnets", sub(obj{"cidr": "10.0.0.9/24"})},
			{400, "InvalidInput", "does not match the ip_version", "subnets", sub(obj{"ip_version": 6})},
			{400, "BadRequest", "a subnetpool must be specified in the absence of a cidr", "subnets", obj{"subnet": obj{"network_id": n["id"], "ip_version": 4}}},
			{400, "InvalidInput", "Loopback", "subnets", sub(obj{"cidr": "127.0.0.0/24"})},
			{400, "InvalidInput", "Multicast", "subnets", sub(obj{"cidr": "224.0.0.0/24"})},
			{400, "InvalidInput", "0 is not allowed", "subnets", sub(obj{"cidr": "0.0.0.0/0"})},
			{400, "InvalidInput", "incompatible with DHCP", "subnets", sub(obj{"cidr": "10.0.0.0/31"})},
			{400, "InvalidInput", "Gateway is not valid", "subnets", sub(obj{"gateway_ip": "10.0.0.255"})},
			{400, "HTTPBadRequest", "gateway_ip", "subnets", sub(obj{"gateway_ip": "x"})},
			{409, "GatewayConflictWithAllocationPools", "", "subnets", sub(obj{"allocation_pools": []obj{{"start": "10.0.0.1", "end": "10.0.0.9"}}})},
			{409, "OverlappingAllocationPools", "", "subnets", sub(obj{"allocation_pools": []obj{{"start": "10.0.0.2", "end": "10.0.0.9"}, {"start": "10.0.0.9", "end": "10.0.0.12"}}})},
			{400, "OutOfBoundsAllocationPool", "", "subnets", sub(obj{"allocation_pools": []obj{{"start": "10.0.0.2", "end": "10.0.1.9"}}})},
			{400, "InvalidAllocationPool", "", "subnets", sub(obj{"allocation_pools": []obj{{"start": "10.0.0.9", "end": "10.0.0.2"}}})},
			{400, "HTTPBadRequest", "nameserver", "subnets", sub(obj{"dns_nameservers": []string{"dns.example"}})},
			{400, "DNSNameServersExhausted", "", "subnets", sub(obj{"dns_nameservers": []string{"1.1.1.1", "1.1.1.2", "1.1.1.3", "1.1.1.4", "1.1.1.5", "1.1.1.6"}})},
			{400, "HTTPBadRequest", "host_routes", "subnets", sub(obj{"host_routes": []obj{{"destination": "x", "nexthop": "10.0.0.1"}}})},
			{400, "InvalidInput", "ipv6_ra_mode is not valid", "subnets", sub(obj{"ipv6_ra_mode": "slaac"})},
			{404, "SubnetPoolNotFound", "Subnet pool", "subnets", sub(obj{"subnetpool_id": "11111111-1111-1111-1111-111111111111"})},
			{400, "InvalidInput", "must be the same value", "subnets", sub(obj{"ip_version": 6, "cidr": "fd00::/64", "ipv6_ra_mode": "slaac", "ipv6_address_mode": "dhcpv6-stateful"})},
			{400, "InvalidInput", "/64", "subnets", sub(obj{"ip_version": 6, "cidr": "fd00::/60", "ipv6_address_mode": "slaac"})},
			{400, "InvalidInput", "enable_dhcp is set to False", "subnets", sub(obj{"ip_version": 6, "cidr": "fd00::/64", "ipv6_address_mode": "slaac", "enable_dhcp": false})},
			{400, "BadRequest", "not a valid external network", "floatingips", obj{"floatingip": obj{"floating_network_id": n["id"]}}},
			{400, "BadRequest", "not an external network", "routers", obj{"router": obj{"external_gateway_info": obj{"network_id": n["id"]}}}},
			{403, "PolicyNotAuthorized", "distributed", "routers", obj{"router": obj{"distributed": false}}},
			{403, "PolicyNotAuthorized", "create_router:ha", "routers", obj{"router": obj{"ha": true}}},
			{400, "HTTPBadRequest", "Attribute 'routes' not allowed", "routers", obj{"router": obj{"routes": []obj{}}}},
			{409, "SecurityGroupDefaultAlreadyExists", "", "security-groups", obj{"security_group": obj{"name": "Default"}}},
			{404, "HTTPNotFound", "", "nonsense", obj{}},
		} {
			c.refused(x.status, x.kind, x.part, "member", "POST", x.path, x.body)
		}
		c.refused(405, "HTTPMethodNotAllowed", "", "member", "PATCH", "networks", obj{})
		c.refused(403, "PolicyNotAuthorized", "create_network", "reader", "POST", "networks", obj{"network": obj{}})
		c.refused(413, "HTTPRequestEntityTooLarge", "too large", "member", "POST", "networks", `{"network":{"name":"`+strings.Repeat("x", 200000)+`"}}`)
		c.refused(400, "HTTPBadRequest", "Cannot update read-only attribute id", "member", "PUT", "networks/"+str(n["id"]), obj{"network": obj{"id": "x"}})
		c.refused(400, "HTTPBadRequest", "Cannot update read-only attribute project_id", "member", "PUT", "networks/"+str(n["id"]), obj{"network": obj{"project_id": "x"}})
		c.refused(403, "PolicyNotAuthorized", "update_network:shared", "member", "PUT", "networks/"+str(n["id"]), obj{"network": obj{"shared": true}})
		for _, path := range []string{"networks", "subnets", "ports", "routers", "floatingips", "security-groups", "security-group-rules"} {
			c.Must(401, "", "GET", "/network/v2.0/"+path, nil)
			for _, method := range []string{"GET", "DELETE"} {
				if r := c.Do("member", method, "/network/v2.0/"+path+"/11111111-1111-1111-1111-111111111111", nil); r.Status != 404 {
					t.Errorf("%s of an unknown one of %s: %d %s", method, path, r.Status, r.Body)
				}
			}
		}
		c.make("member", "subnets", sub(nil)["subnet"].(obj))
		c.refused(400, "InvalidInput", "overlaps with another subnet", "member", "POST", "subnets", sub(obj{"cidr": "10.0.0.128/25"}))
	})
}

func TestProviderNetworks(t *testing.T) {
	each(t, func(t *testing.T, c *cloud) {
		create := func(kind, physical string, id any) obj {
			return obj{"network": obj{"provider:network_type": kind, "provider:physical_network": physical, "provider:segmentation_id": id}}
		}
		for _, x := range []struct {
			name       string
			body       obj
			status     int
			kind, part string
		}{
			{"flat", create("flat", "public", nil), 201, "", ""},
			{"second flat", create("flat", "public", nil), 409, "FlatNetworkInUse", "Physical network public is in use"},
			{"flat elsewhere", create("flat", "mars", nil), 400, "InvalidInput", "unknown for flat provider network"},
			{"flat without", create("flat", "", nil), 400, "InvalidInput", "physical_network required"},
			{"flat with tag", create("flat", "lab", 7), 400, "InvalidInput", "segmentation_id prohibited"},
			{"vlan", create("vlan", "lab", 100), 201, "", ""},
			{"same vlan", create("vlan", "lab", 100), 409, "VlanIdInUse", "The VLAN 100 on physical network lab is in use"},
			{"next vlan", create("vlan", "lab", nil), 201, "", ""},
			{"no vlan left", create("vlan", "lab", nil), 503, "NoNetworkAvailable", ""},
			{"vlan out of range", create("vlan", "lab", 4095), 400, "InvalidInput", "out of range"},
			{"vlan elsewhere", create("vlan", "mars", 5), 400, "InvalidInput", "unknown for VLAN provider network"},
			{"vlan outside of the range", create("vlan", "lab", 200), 201, "", ""},
			{"vlan on a network without a range", create("vlan", "public", 7), 201, "", ""},
			{"no range", create("vlan", "public", nil), 503, "NoNetworkAvailable", ""},
			{"no tag anywhere", create("vlan", "", nil), 503, "NoNetworkAvailable", ""},
			{"largest key", create("gre", "", 4294967295), 201, "", ""},
			{"key out of range", create("gre", "", 0), 400, "InvalidInput", "out of range (1 through 4294967295)"},
			{"identifier out of range", create("vxlan", "", 16777216), 400, "InvalidInput", "out of range (1 through 16777215)"},
			{"local with tag", create("local", "", 3), 400, "InvalidInput", "segmentation_id prohibited"},
			{"local on wire", create("local", "lab", nil), 400, "InvalidInput", "physical_network prohibited"},
			{"too big", obj{"network": obj{"mtu": 1451}}, 400, "InvalidInput", "Requested MTU is too big, maximum is 1450"},
			{"several segments", obj{"network": obj{"segments": []obj{{"provider:network_type": "vxlan"}}}}, 400, "HTTPBadRequest", "Unrecognized attribute(s) 'segments'"},
			{"vlan without", create("vlan", "", 5), 400, "InvalidInput", "requires physical_network"},
			{"vxlan", create("vxlan", "", 4242), 201, "", ""},
			{"same vxlan", create("vxlan", "", 4242), 409, "TunnelIdInUse", "4242"},
			{"gre", create("gre", "", 4242), 201, "", ""},
			{"vxlan on wire", create("vxlan", "lab", nil), 400, "InvalidInput", "physical_network specified"},
			{"local", create("local", "", nil), 201, "", ""},
			{"another local", create("local", "", nil), 201, "", ""},
			{"geneve", create("geneve", "", nil), 400, "InvalidInput", "not supported"},
			{"id alone", create("", "", 9), 400, "InvalidInput", "network_type required"},
		} {
			if x.status != 201 {
				c.refused(x.status, x.kind, x.part, "admin", "POST", "networks", x.body)
			} else if r := c.Do("admin", "POST", "/network/v2.0/networks", x.body); r.Status != 201 {
				t.Errorf("%s: %d %s", x.name, r.Status, r.Body)
			}
		}
		for kind, mtu := range map[string]float64{"flat": 1500, "gre": 1458, "vxlan": 1450} {
			n := c.list("admin", "networks", "provider:network_type="+kind)[0]
			if n["mtu"] != mtu {
				t.Errorf("%s has an MTU of %v, want %v", kind, n["mtu"], mtu)
			}
		}
		n := c.list("admin", "networks", "provider:network_type=local")[0]
		for attribute, value := range map[string]any{"provider:segmentation_id": 5, "provider:network_type": "gre", "provider:physical_network": "lab"} {
			c.refused(400, "InvalidInput", "does not support updating provider attributes", "admin", "PUT", "networks/"+str(n["id"]), obj{"network": obj{attribute: value}})
			c.refused(403, "PolicyNotAuthorized", "create_network:"+attribute, "member", "POST", "networks", obj{"network": obj{attribute: value}})
		}
		c.put("admin", "networks/"+str(n["id"]), obj{"network": obj{"provider:segmentation_id": nil}})
		c.Must(404, "admin", "GET", "/network/v2.0/segments", nil)

		// An id is free again when its network is gone.
		tagged := c.list("admin", "networks", "provider:segmentation_id=100")[0]
		c.Must(204, "admin", "DELETE", "/network/v2.0/networks/"+str(tagged["id"]), nil)
		if r := c.Do("admin", "POST", "/network/v2.0/networks", create("vlan", "", nil)); r.Status != 201 || !strings.Contains(string(r.Body), `"provider:segmentation_id":100`) ||
			!strings.Contains(string(r.Body), `"provider:physical_network":"lab"`) {
			t.Errorf("the only free tag: %d %s", r.Status, r.Body)
		}
	})
}
