package networkapi_test

import (
	"testing"

	"wisp/internal/network"
)

// A port is in groups of one kind, and a group with ports keeps its kind.
func TestStatelessSecurityGroups(t *testing.T) {
	each(t, func(t *testing.T, c *cloud) {
		g := c.make("member", "security-groups", obj{"name": "fast", "stateful": false})
		other := c.make("member", "security-groups", obj{"name": "plain"})
		if g["stateful"] != false || other["stateful"] != true || c.list("member", "security-groups", "name=default")[0]["stateful"] != true {
			t.Fatalf("groups %v, %v", g, other)
		}
		if got := c.list("member", "security-groups", "stateful=False"); len(got) != 1 || got[0]["id"] != g["id"] {
			t.Errorf("stateless groups %v", got)
		}
		path, change := "security-groups/"+str(g["id"]), func(on bool) obj { return obj{"security_group": obj{"stateful": on}} }
		c.put("member", path, change(true))
		c.put("member", path, change(false))
		c.refused(400, "HTTPBadRequest", "cannot be converted to boolean", "member", "PUT", path, obj{"security_group": obj{"stateful": "half"}})

		n := c.make("member", "networks", obj{})
		c.heartbeat("host-1", network.AgentInfo{})
		port := func(groups ...any) obj {
			return obj{"network_id": n["id"], "project_id": "demo-id", "binding:host_id": "host-1", "security_groups": groups}
		}
		const mixed = "Cannot apply both stateful and stateless security groups"
		c.refused(409, "SecurityGroupConflict", mixed, "admin", "POST", "ports", obj{"port": port(g["id"], other["id"])})
		p := c.make("admin", "ports", port(g["id"]))
		c.make("admin", "ports", port(other["id"]))
		c.refused(409, "SecurityGroupConflict", mixed, "member", "PUT", "ports/"+str(p["id"]), obj{"port": obj{"security_groups": []any{g["id"], other["id"]}}})
		c.refused(409, "SecurityGroupInUse", "in use", "member", "PUT", path, change(true))
		c.put("member", path, obj{"security_group": obj{"name": "faster", "stateful": false}})
		state, _ := c.state("host-1")
		if groups := state.SecurityGroups; !groups[str(g["id"])].Stateless || groups[str(other["id"])].Stateless {
			t.Errorf("the host knows %v", groups)
		}
		c.get("member", "extensions/stateful-security-group")
	})
}
