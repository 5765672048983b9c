package networkapi_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"wisp/internal/network"
	"wisp/internal/policy"
	"wisp/internal/store"
)

func TestAutoAllocatedTopology(t *testing.T) {
	each(t, func(t *testing.T, c *cloud) {
		const path = "auto-allocated-topology/"
		get := func(token, rest string) obj {
			t.Helper()
			var answer map[string]obj
			c.Must(200, token, "GET", "/network/v2.0/"+path+rest, nil).JSON(t, &answer)
			return answer["auto_allocated_topology"]
		}
		for _, fields := range []string{"", "?fields=dry-run"} {
			c.refused(409, "AutoAllocationFailure", "Deployment error: No default router:external network.", "member", "GET", path+"demo-id"+fields, nil)
		}
		outside := c.make("admin", "networks", obj{"name": "outside", "router:external": true, "is_default": true})
		c.make("admin", "subnets", obj{"network_id": outside["id"], "ip_version": 4, "cidr": "203.0.113.0/24"})
		for _, fields := range []string{"", "?fields=dry-run"} {
			c.refused(409, "AutoAllocationFailure", "No default subnetpools defined", "member", "GET", path+"demo-id"+fields, nil)
		}
		c.make("admin", "subnetpools", obj{"name": "four", "prefixes": []string{"10.64.0.0/16"}, "default_prefixlen": 26, "shared": true, "is_default": true})
		c.make("admin", "subnetpools", obj{"name": "six", "prefixes": []string{"fd64::/48"}, "default_prefixlen": 64, "is_default": true}) // nobody else's to use
		if dry := get("member", "demo-id?fields=dry-run"); fmt.Sprintln(dry["id"], dry["project_id"], dry["tenant_id"]) != "dry-run=pass demo-id demo-id\n" {
			t.Errorf("a dry run: %v", dry)
		}
		if none := c.list("member", "networks", "project_id=demo-id"); len(none) != 0 {
			t.Errorf("a dry run made %v", none)
		}
		c.refused(400, "HTTPBadRequest", "Unrecognized field", "member", "GET", path+"demo-id?fields=id", nil)
		c.refused(403, "PolicyNotAuthorized", "", "other", "GET", path+"demo-id", nil)
		c.refused(403, "PolicyNotAuthorized", "", "reader", "DELETE", path+"demo-id", nil)
		c.refused(403, "PolicyNotAuthorized", "create_network", "reader", "GET", path+"demo-id", nil)
		id := str(get("member", "demo-id")["id"])
		if seen := get("reader", "demo-id"); seen["id"] != id {
			t.Errorf("a reader sees %v", seen)
		}
		if again := get("member", "None"); again["id"] != id || again["tenant_id"] != "demo-id" {
			t.Errorf("asked again: %v instead of %s", again, id)
		}
		made := c.list("member", "networks", "project_id=demo-id")
		if len(made) != 1 || made[0]["id"] != id || made[0]["name"] != "auto_allocated_network" || made[0]["admin_state_up"] != true || made[0]["shared"] != false {
			t.Errorf("networks %v", made)
		}
		ranges := ""
		for _, sub := range c.list("member", "subnets", "network_id="+id+"&sort_key=ip_version&sort_dir=asc") {
			ranges += fmt.Sprintln(sub["name"], sub["cidr"], sub["gateway_ip"], sub["project_id"])
		}
		if ranges != "auto_allocated_subnet_v4 10.64.0.0/26 10.64.0.1 demo-id\nauto_allocated_subnet_v6 fd64::/64 fd64::1 demo-id\n" {
			t.Errorf("subnets\n%s", ranges)
		}
		routers := c.list("member", "routers", "project_id=demo-id")
		if len(routers) != 1 || routers[0]["name"] != "auto_allocated_router" || routers[0]["external_gateway_info"].(obj)["network_id"] != outside["id"] {
			t.Errorf("routers %v", routers)
		}
		if legs := c.list("admin", "ports", "device_owner=network:router_interface&network_id="+id); len(legs) != 2 || legs[0]["device_id"] != routers[0]["id"] {
			t.Errorf("interfaces %v", legs)
		}
		port := c.make("member", "ports", obj{"network_id": id})
		c.refused(409, "NetworkInUse", id, "member", "DELETE", path+"demo-id", nil)
		c.Must(204, "member", "DELETE", "/network/v2.0/ports/"+str(port["id"]), nil)
		own := c.make("member", "networks", obj{"name": "own"})
		sub := c.make("member", "subnets", obj{"network_id": own["id"], "ip_version": 4, "cidr": "10.99.0.0/24"})
		leg := "routers/" + str(routers[0]["id"])
		c.put("member", leg+"/add_router_interface", obj{"subnet_id": sub["id"]})
		c.refused(409, "RouterInUse", "", "member", "DELETE", path+"demo-id", nil)
		c.put("member", leg+"/remove_router_interface", obj{"subnet_id": sub["id"]})
		c.Must(204, "member", "DELETE", "/network/v2.0/networks/"+str(own["id"]), nil)
		c.Must(204, "member", "DELETE", "/network/v2.0/"+path+"demo-id", nil)
		if left := append(c.list("member", "networks", "project_id=demo-id"), c.list("member", "routers", "project_id=demo-id")...); len(left) != 0 {
			t.Errorf("left over: %v", left)
		}
		c.Must(204, "member", "DELETE", "/network/v2.0/"+path+"demo-id", nil)
		// Beyond a quota, nothing is made.
		c.Must(200, "admin", "PUT", "/network/v2.0/quotas/demo-id", obj{"quota": obj{"router": 0}})
		c.refused(409, "OverQuota", "router", "member", "GET", path+"demo-id", nil)
		if left := c.list("member", "networks", "project_id=demo-id"); len(left) != 0 {
			t.Errorf("beyond the quota: %v", left)
		}
		c.Must(200, "admin", "PUT", "/network/v2.0/quotas/demo-id", obj{"quota": obj{"router": 5}})

		// Devices that ask for any network get one each time the same way.
		plug := func(device, auto string) (ports []network.PluggedPort, err error) {
			caller := &policy.Caller{ProjectID: "demo-id", Roles: []string{"member", "reader"}}
			req := network.PlugRequest{DeviceID: device, DeviceOwner: "compute:nova", ProjectID: "demo-id", Auto: auto}
			err = c.db.Tx(t.Context(), func(ctx context.Context, tx *store.Tx) (err error) {
				ports, err = c.svc.PlugTx(ctx, tx, caller, req)
				return err
			}, network.PlugLocks(req)...)
			return ports, err
		}
		none, err := plug("a", "")
		one, failure := plug("b", network.NetworkAuto)
		two, again := plug("c", network.NetworkAuto)
		if err = errors.Join(err, failure, again); err != nil || len(none) != 0 || len(one) != 1 || len(two) != 1 || one[0].NetworkID != two[0].NetworkID || len(one[0].FixedIPs) == 0 {
			t.Errorf("plugged %v, %v and %v, %v", none, one, two, err)
		}
	})
}
