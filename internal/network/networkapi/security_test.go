package networkapi_test

import (
	"strings"
	"testing"

	"wisp/internal/network"
)

// A port on somebody else's network cannot pretend to be part of the network's
// own machinery, and saying so of a port of one's own weakens nothing.
func TestS36_DeviceOwnerOfTheNetwork(t *testing.T) {
	each(t, func(t *testing.T, c *cloud) {
		shared := c.make("admin", "networks", obj{"shared": true})
		own := c.make("member", "networks", obj{})
		for _, owner := range []string{"network:dhcp", "network:router_gateway", "network:floatingip", "network:anything"} {
			c.refused(403, "PolicyNotAuthorized", "create_port:device_owner", "member", "POST", "ports", obj{"port": obj{"network_id": shared["id"], "device_owner": owner}})
		}
		p := c.make("member", "ports", obj{"network_id": shared["id"]})
		c.refused(403, "PolicyNotAuthorized", "update_port:device_owner", "member", "PUT", "ports/"+str(p["id"]), obj{"port": obj{"device_owner": "network:dhcp"}})
		for attribute, value := range map[string]any{
			"mac_address": "fa:16:3e:00:00:09", "port_security_enabled": false, "allowed_address_pairs": []obj{{"ip_address": "10.0.0.9"}}, "fixed_ips": []obj{{"ip_address": "10.0.0.9"}},
		} {
			c.refused(403, "PolicyNotAuthorized", attribute, "member", "POST", "ports", obj{"port": obj{"network_id": shared["id"], attribute: value}})
		}
		mine := c.make("member", "ports", obj{"network_id": own["id"], "device_owner": "network:dhcp"})
		if mine["port_security_enabled"] != true || len(mine["security_groups"].([]any)) != 1 {
			t.Errorf("a port that calls itself the network's lost its protection: %v", mine)
		}
		c.Must(204, "member", "DELETE", "/network/v2.0/ports/"+str(mine["id"]), nil)
	})
}

// Looking at the security groups of another project makes nothing there.
func TestS37_ListMakesNoGroups(t *testing.T) {
	each(t, func(t *testing.T, c *cloud) {
		for _, query := range []string{"project_id=no-such-project", "tenant_id=foreign-id", "project_id=foreign-id"} {
			for _, who := range []string{"member", "admin"} {
				for _, collection := range []string{"security-groups", "security-group-rules"} {
					if got := c.list(who, collection, query); len(got) != 0 {
						t.Errorf("%s?%s as %s: %v", collection, query, who, got)
					}
				}
			}
		}
		for _, g := range c.list("admin", "security-groups", "") {
			if project := str(g["project_id"]); project != "demo-id" && project != "admin-id" {
				t.Errorf("a group was made for %s", project)
			}
		}
	})
}

// The right to write tags is the right to change the object, and a policy that
// nobody wrote denies.
func TestS38_TagsNeedTheirPolicy(t *testing.T) {
	each(t, func(t *testing.T, c *cloud) {
		n := c.make("member", "networks", obj{})
		base := "networks/" + str(n["id"]) + "/tags"
		c.refused(403, "PolicyNotAuthorized", "", "reader", "PUT", base, obj{"tags": []string{"x"}})
		c.refused(403, "PolicyNotAuthorized", "", "reader", "PUT", base+"/x", nil)
		c.refused(403, "PolicyNotAuthorized", "", "reader", "DELETE", base, nil)
		for _, method := range []string{"PUT", "DELETE"} {
			c.refused(404, "NetworkNotFound", "", "other", method, base+"/x", nil)
		}
		shared := c.make("admin", "networks", obj{"shared": true})
		c.refused(403, "PolicyNotAuthorized", "update_networks_tags", "member", "PUT", "networks/"+str(shared["id"])+"/tags/x", nil)
		rules := network.Rules()
		for _, collection := range network.TaggedCollections() {
			for _, verb := range []string{"get", "update", "delete"} {
				if rules[verb+"_"+collection+"_tags"] == nil {
					t.Errorf("no policy for %s tags of %s", verb, collection)
				}
			}
		}
	})
}

// What belongs to another project's object is not found, whichever way it is
// named.
func TestS39_PartsOfOthers(t *testing.T) {
	each(t, func(t *testing.T, c *cloud) {
		x := c.topology("member")
		g := c.list("member", "security-groups", "")[0]
		rule := g["security_group_rules"].([]any)[0].(obj)
		port := c.make("member", "ports", obj{"network_id": x.network["id"]})
		for _, path := range []string{"security-group-rules/" + str(rule["id"]), "ports/" + str(port["id"]), "subnets/" + str(x.subnet["id"]), "routers/" + str(x.router["id"])} {
			for _, method := range []string{"GET", "DELETE"} {
				if r := c.Do("other", method, "/network/v2.0/"+path, nil); r.Status != 404 {
					t.Errorf("%s %s: %d", method, path, r.Status)
				}
			}
		}
		c.refused(404, "SecurityGroupNotFound", "", "other", "POST", "security-group-rules", obj{"security_group_rule": obj{"security_group_id": g["id"], "direction": "ingress"}})
		own := c.list("other", "security-groups", "")[0]
		c.refused(404, "SecurityGroupNotFound", "", "other", "POST", "security-group-rules", obj{"security_group_rule": obj{"security_group_id": own["id"], "direction": "ingress", "remote_group_id": g["id"]}})
		c.refused(404, "NetworkNotFound", "", "other", "POST", "ports", obj{"port": obj{"network_id": x.network["id"]}})
		c.refused(404, "NetworkNotFound", "", "other", "POST", "subnets", obj{"subnet": obj{"network_id": x.network["id"], "ip_version": 4, "cidr": "10.1.0.0/24"}})
		r := c.make("other", "routers", obj{})
		c.refused(404, "SubnetNotFound", "", "other", "PUT", "routers/"+str(r["id"])+"/add_router_interface", obj{"subnet_id": x.subnet["id"]})
		c.refused(404, "PortNotFound", "", "other", "PUT", "routers/"+str(r["id"])+"/add_router_interface", obj{"port_id": port["id"]})
		c.refused(403, "PolicyNotAuthorized", "create_subnet", "member", "POST", "subnets", obj{"subnet": obj{"network_id": x.external["id"], "ip_version": 4, "cidr": "10.1.0.0/24"}})
	})
}

// A rule that cannot be expressed is refused, never widened.
func TestS41_RuleWithUnknownRemote(t *testing.T) {
	each(t, func(t *testing.T, c *cloud) {
		g := c.list("member", "security-groups", "")[0]
		rule := func(id any) obj {
			return obj{"security_group_rule": obj{"security_group_id": g["id"], "direction": "ingress", "remote_address_group_id": id}}
		}
		c.refused(404, "AddressGroupNotFound", nobody, "member", "POST", "security-group-rules", rule(nobody))
		foreign := c.make("other", "address-groups", obj{"addresses": []string{"10.0.0.0/8"}})
		c.refused(404, "AddressGroupNotFound", str(foreign["id"]), "member", "POST", "security-group-rules", rule(foreign["id"]))

		// A group of no addresses lets nothing in, and never everything.
		empty := c.make("member", "address-groups", obj{})
		made := c.make("member", "security-group-rules", rule(empty["id"])["security_group_rule"].(obj))
		n := c.make("member", "networks", obj{})
		c.heartbeat("host-1", network.AgentInfo{})
		c.make("admin", "ports", obj{"network_id": n["id"], "project_id": "demo-id", "binding:host_id": "host-1"})
		state, _ := c.state("host-1")
		for _, r := range state.SecurityGroups[str(g["id"])].Rules {
			if r.ID == made["id"] && (r.RemoteGroup != empty["id"] || r.RemotePrefix.IsValid()) {
				t.Errorf("the host is told %+v", r)
			}
		}
		if of, there := state.SecurityGroups[str(empty["id"])]; !there || len(of.Members) != 0 {
			t.Errorf("the host knows %+v of the group without addresses", of)
		}
	})
}

// Options of DHCP are values, never lines of somebody's configuration.
func TestS42_ControlCharactersInOptions(t *testing.T) {
	each(t, func(t *testing.T, c *cloud) {
		n := c.make("member", "networks", obj{})
		for _, option := range []obj{
			{"opt_name": "bootfile-name", "opt_value": "a\ndhcp-script=/bin/evil"}, {"opt_name": "bootfile-name", "opt_value": "a\rb"},
			{"opt_name": "bootfile-name\n67", "opt_value": "a"}, {"opt_name": "bootfile-name", "opt_value": "a\u2028b"}, {"opt_name": "bootfile-name", "opt_value": "a\u0000b"},
			{"opt_name": "no-such-option", "opt_value": "a"}, {"opt_name": "mtu", "opt_value": "many"}, {"opt_name": "router", "opt_value": "nowhere"},
			{"opt_name": "domain-name", "opt_value": ""}, {"opt_name": "domain-name", "opt_value": strings.Repeat("x", 256)}, {"opt_name": "0", "opt_value": "x"},
			{"opt_name": "domain-name", "opt_value": "x", "ip_version": 6}, {"opt_name": "dns-server", "opt_value": "10.0.0.1", "ip_version": 6}, {"opt_name": "15", "opt_value": "x", "ip_version": 6},
			{"opt_name": "domain-search", "opt_value": "-x", "ip_version": 6}, {"opt_name": "server-ip-address", "opt_value": "10.0.0.1,10.0.0.2"}, {"opt_name": "255", "opt_value": "x"},
			{"opt_name": "classless-static-route", "opt_value": "0.0.0.0/0,10.0.0.1"},
		} {
			c.refused(400, "HTTPBadRequest", "extra_dhcp_opts", "member", "POST", "ports", obj{"port": obj{"network_id": n["id"], "extra_dhcp_opts": []obj{option}}})
		}
		c.make("member", "ports", obj{"network_id": n["id"], "extra_dhcp_opts": []obj{{"opt_name": "option:bootfile-name", "opt_value": "pxelinux.0"}, {"opt_name": "150", "opt_value": "10.0.0.1,10.0.0.2"}}})
	})
}

// A port cannot put itself on another project's router.
func TestS44_DeviceOfForeignRouter(t *testing.T) {
	each(t, func(t *testing.T, c *cloud) {
		x := c.topology("member")
		n := c.make("other", "networks", obj{})
		for _, owner := range []string{"network:router_interface", "network:router_gateway", "compute:nova", ""} {
			c.refused(409, "DeviceIDNotOwnedByTenant", str(x.router["id"]), "other", "POST", "ports", obj{"port": obj{"network_id": n["id"], "device_id": x.router["id"], "device_owner": owner}})
		}
		p := c.make("other", "ports", obj{"network_id": n["id"], "device_owner": "network:router_interface"})
		c.refused(409, "DeviceIDNotOwnedByTenant", "", "other", "PUT", "ports/"+str(p["id"]), obj{"port": obj{"device_id": x.router["id"]}})
		// The project comes from the token: nothing in a request moves it.
		c.refused(400, "HTTPBadRequest", "requires admin privileges", "other", "POST", "ports", obj{"port": obj{"network_id": n["id"], "tenant_id": "demo-id"}})
	})
}

func TestShow(t *testing.T) {
	each(t, func(t *testing.T, c *cloud) {
		x := c.topology("member")
		for path, o := range map[string]obj{"networks": x.network, "subnets": x.subnet, "security-groups": c.list("member", "security-groups", "")[0]} {
			single := strings.TrimSuffix(strings.ReplaceAll(path, "-", "_"), "s")
			got := c.get("member", path+"/"+str(o["id"])+"?fields=id&fields=name")[single].(obj)
			if len(got) != 2 || got["id"] != o["id"] {
				t.Errorf("%s: %v", path, got)
			}
		}
		// The external network is seen by all, without what only admins see.
		if got := c.get("other", "networks/"+str(x.external["id"]))["network"].(obj); got["router:external"] != true || got["provider:physical_network"] != nil {
			t.Errorf("external network %v", got)
		}
		if got := c.get("admin", "networks/"+str(x.external["id"]))["network"].(obj); got["provider:physical_network"] != "public" || got["provider:segmentation_id"] != nil {
			t.Errorf("external network for admins %v", got)
		}
		c.refused(409, "ExternalNetworkInUse", "", "admin", "PUT", "networks/"+str(x.external["id"]), obj{"network": obj{"router:external": false}})
		shared := c.make("admin", "networks", obj{"shared": true})
		c.make("member", "ports", obj{"network_id": shared["id"]})
		c.refused(409, "InvalidSharedSetting", "", "admin", "PUT", "networks/"+str(shared["id"]), obj{"network": obj{"shared": false}})
	})
}
