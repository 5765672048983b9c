package networkapi_test

import (
	"encoding/json"
	"testing"
)

// TestOnboard puts the subnets of a network into a pool, with what they have.
func TestOnboard(t *testing.T) {
	each(t, func(t *testing.T, c *cloud) {
		n := c.make("member", "networks", obj{})
		subnet := func(cidr string, version int) obj {
			return c.make("member", "subnets", obj{"network_id": n["id"], "ip_version": version, "cidr": cidr})
		}
		one, two, six := subnet("10.1.0.0/24", 4), subnet("10.2.0.0/24", 4), subnet("fd00::/64", 6)
		scope := c.make("member", "address-scopes", obj{"name": "s", "ip_version": 4})
		pool := c.make("member", "subnetpools", obj{"name": "p", "prefixes": []string{"10.1.0.0/16"}, "address_scope_id": scope["id"]})
		path := "subnetpools/" + str(pool["id"]) + "/onboard_network_subnets"
		body := obj{"network_id": n["id"]}
		c.refused(400, "HTTPBadRequest", "network_id", "member", "PUT", path, obj{})
		c.refused(400, "HTTPBadRequest", "UUID", "member", "PUT", path, obj{"network_id": "x"})
		c.refused(403, "PolicyNotAuthorized", "", "reader", "PUT", path, body)
		c.refused(404, "SubnetPoolNotFound", "", "other", "PUT", path, body)
		foreign := c.make("other", "networks", obj{})
		c.refused(404, "NetworkNotFound", "", "member", "PUT", path, obj{"network_id": foreign["id"]})
		shared := c.make("admin", "networks", obj{"shared": true})
		c.refused(403, "PolicyNotAuthorized", "update_subnet", "member", "PUT", path, obj{"network_id": shared["id"]})

		var answer []obj
		c.Must(200, "member", "PUT", "/network/v2.0/"+path, body).JSON(t, &answer)
		want, _ := json.Marshal([]obj{{"id": one["id"], "cidr": "10.1.0.0/24"}, {"id": two["id"], "cidr": "10.2.0.0/24"}})
		if got, _ := json.Marshal(answer); string(got) != string(want) {
			t.Errorf("onboarded %s, want %s", got, want)
		}
		for _, sub := range []obj{one, two} {
			if got := c.get("member", "subnets/"+str(sub["id"]))["subnet"].(obj); got["subnetpool_id"] != pool["id"] || got["revision_number"] != 1+sub["revision_number"].(float64) {
				t.Errorf("a subnet that was put into the pool: %v", got)
			}
		}
		if got := c.get("member", "subnets/"+str(six["id"]))["subnet"].(obj)["subnetpool_id"]; got != nil {
			t.Errorf("a subnet of the other version of IP is in pool %v", got)
		}
		if got, _ := json.Marshal(c.get("member", "subnetpools/"+str(pool["id"]))["subnetpool"].(obj)["prefixes"]); string(got) != `["10.1.0.0/16","10.2.0.0/24"]` {
			t.Errorf("the pool has %s", got)
		}
		c.refused(400, "IllegalSubnetPoolUpdate", "Illegal subnetpool update : Onboarding subnet "+str(one["id"])+": 10.1.0.0/24 conflicts with allocated prefixes in subnet pool "+str(pool["id"])+".", "member", "PUT", path, body)
		c.refused(400, "SubnetPoolDeleteError", "", "member", "DELETE", "subnetpools/"+str(pool["id"]), nil)
		// What was put in is not cut again.
		other := c.make("member", "networks", obj{})
		c.refused(409, "SubnetAllocationError", "", "member", "POST", "subnets", obj{"subnet": obj{"network_id": other["id"], "ip_version": 4, "subnetpool_id": pool["id"], "cidr": "10.1.0.0/24"}})

		// Two pools of a scope have no address in common.
		beside := c.make("member", "subnetpools", obj{"name": "q", "prefixes": []string{"10.3.0.0/16"}, "address_scope_id": scope["id"]})
		c.make("member", "subnets", obj{"network_id": other["id"], "ip_version": 4, "cidr": "10.1.5.0/24"})
		c.refused(409, "AddressScopePrefixConflict", "", "member", "PUT", "subnetpools/"+str(beside["id"])+"/onboard_network_subnets", obj{"network_id": other["id"]})
		// A network without subnets of the version gives none.
		c.Must(200, "member", "PUT", "/network/v2.0/subnetpools/"+str(beside["id"])+"/onboard_network_subnets", obj{"network_id": c.make("member", "networks", obj{})["id"]}).JSON(t, &answer)
		if len(answer) != 0 {
			t.Errorf("onboarded %v", answer)
		}
	})
}
