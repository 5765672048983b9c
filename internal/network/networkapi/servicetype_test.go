package networkapi_test

import (
	"encoding/json"
	"testing"
)

// TestServiceTypesChooseSubnets: a port has addresses of the subnets that are
// for its device's owner, and of those for all where there is none.
func TestServiceTypesChooseSubnets(t *testing.T) {
	each(t, func(t *testing.T, c *cloud) {
		n := c.make("member", "networks", obj{})
		subnet := func(cidr string, types ...string) obj {
			return c.make("member", "subnets", obj{"network_id": n["id"], "ip_version": 4, "cidr": cidr, "enable_dhcp": false, "service_types": append([]string{}, types...)})
		}
		port := func(owner string) obj {
			p := c.make("member", "ports", obj{"network_id": n["id"], "device_owner": owner})
			if ips := p["fixed_ips"].([]any); len(ips) != 1 || p["ip_allocation"] != "immediate" {
				t.Fatalf("addresses %v, %v", ips, p["ip_allocation"])
			}
			return p["fixed_ips"].([]any)[0].(obj)
		}
		for _, bad := range []struct {
			types         any
			kind, message string
		}{
			{"compute:nova", "HTTPBadRequest", "must be a list"}, {[]any{1}, "InvalidInputSubnetServiceType", "Subnet service type 1 is not a string."},
			{[]any{"", "network:x"}, "InvalidSubnetServiceType", "valid device owner"}, {[]any{"device:x"}, "InvalidSubnetServiceType", "Subnet service type device:x does not correspond to a valid device owner."},
		} {
			c.refused(400, bad.kind, bad.message, "member", "POST", "subnets", obj{"subnet": obj{"network_id": n["id"], "ip_version": 4, "cidr": "10.9.0.0/24", "service_types": bad.types}})
		}
		some := subnet("10.1.0.0/24", "compute:nova", "network:dhcp", "compute:nova")
		if got, _ := json.Marshal(some["service_types"]); string(got) != `["compute:nova","network:dhcp"]` {
			t.Errorf("service types %s", got)
		}
		if got := port("compute:nova")["subnet_id"]; got != some["id"] {
			t.Errorf("a port of an instance is in %v", got)
		}
		c.refused(409, "IpAddressGenerationFailureNoMatchingSubnet", "service type compute:other.", "member", "POST", "ports", obj{"port": obj{"network_id": n["id"], "device_owner": "compute:other"}})
		all := subnet("10.2.0.0/24")
		if got, _ := json.Marshal(all["service_types"]); string(got) != "[]" {
			t.Errorf("service types of a subnet for all: %s", got)
		}
		for owner, want := range map[string]any{"compute:nova": some["id"], "compute:other": all["id"], "": all["id"]} {
			if got := port(owner)["subnet_id"]; got != want {
				t.Errorf("a port of %q is in %v", owner, got)
			}
		}
		c.refused(400, "InvalidInput", "included invalid subnet "+str(some["id"]), "member", "POST", "ports", obj{"port": obj{"network_id": n["id"], "fixed_ips": []obj{{"subnet_id": some["id"]}}}})
		c.refused(400, "InvalidIpForNetwork", "10.1.0.77", "admin", "POST", "ports", obj{"port": obj{"network_id": n["id"], "fixed_ips": []obj{{"ip_address": "10.1.0.77"}}}})

		// What a port has it keeps; what it gets is asked for anew.
		p := c.make("member", "ports", obj{"network_id": n["id"], "device_owner": "compute:nova"})
		c.put("member", "subnets/"+str(some["id"]), obj{"subnet": obj{"service_types": []string{"network:floatingip"}}})
		c.put("member", "ports/"+str(p["id"]), obj{"port": obj{"fixed_ips": []obj{{"subnet_id": some["id"]}, {"subnet_id": all["id"]}}}})
		c.put("member", "ports/"+str(p["id"]), obj{"port": obj{"fixed_ips": []obj{{"subnet_id": all["id"]}}}})
		c.refused(400, "InvalidInput", "invalid subnet", "member", "PUT", "ports/"+str(p["id"]), obj{"port": obj{"fixed_ips": []obj{{"subnet_id": some["id"]}}}})
		c.put("member", "subnets/"+str(some["id"]), obj{"subnet": obj{"service_types": []string{}}})
		if got := c.get("member", "subnets/"+str(some["id"]))["subnet"].(obj)["service_types"].([]any); len(got) != 0 {
			t.Errorf("service types %v", got)
		}

		// A leg of a router is a port too.
		legs := subnet("10.3.0.0/24", "compute:nova")
		r := c.make("member", "routers", obj{})
		c.refused(400, "InvalidInput", "invalid subnet", "member", "PUT", "routers/"+str(r["id"])+"/add_router_interface", obj{"subnet_id": legs["id"]})
		c.put("member", "subnets/"+str(legs["id"]), obj{"subnet": obj{"service_types": []string{"compute:nova", "network:router_interface"}}})
		c.put("member", "routers/"+str(r["id"])+"/add_router_interface", obj{"subnet_id": legs["id"]})
	})
}

// TestIPAllocation: a port that was made without addresses says so for good.
func TestIPAllocation(t *testing.T) {
	each(t, func(t *testing.T, c *cloud) {
		n := c.make("member", "networks", obj{})
		sub := c.make("member", "subnets", obj{"network_id": n["id"], "ip_version": 4, "cidr": "10.1.0.0/24"})
		none := c.make("member", "ports", obj{"network_id": n["id"], "fixed_ips": []obj{}})
		c.make("member", "ports", obj{"network_id": n["id"]})
		if none["ip_allocation"] != "none" {
			t.Errorf("ip_allocation %v", none["ip_allocation"])
		}
		c.put("member", "ports/"+str(none["id"]), obj{"port": obj{"fixed_ips": []obj{{"subnet_id": sub["id"]}}}})
		if got := c.list("member", "ports", "ip_allocation=none"); len(got) != 1 || got[0]["id"] != none["id"] {
			t.Errorf("ports without allocation: %v", got)
		}
		if got := c.list("member", "ports", "ip_allocation=immediate"); len(got) != 2 { // one of DHCP
			t.Errorf("ports with addresses at once: %v", got)
		}
		c.refused(400, "HTTPBadRequest", "ip_allocation", "member", "POST", "ports", obj{"port": obj{"network_id": n["id"], "ip_allocation": "none"}})
	})
}
