package placementapi_test

import (
	"fmt"
	"testing"

	"github.com/google/uuid"
)

// One class of a provider's inventory at a time.
func TestInventoryOfAClass(t *testing.T) {
	each(t, func(t *testing.T, c *cloud) {
		rp := c.host("a")
		path := "/resource_providers/" + rp + "/inventories"
		made := c.at("1.39", 201, "POST", path, `{"resource_class":"DISK_GB","total":100}`)
		if made["total"] != 100.0 || made["step_size"] != 1.0 || made["resource_provider_generation"] != 2.0 {
			t.Errorf("made: %v", made)
		}
		c.at("1.39", 409, "POST", path, `{"resource_class":"DISK_GB","total":100}`)
		c.at("1.39", 400, "POST", path, `{"resource_class":"TEA","total":100}`)
		c.at("1.39", 400, "POST", path, `{"total":100}`)
		c.at("1.39", 400, "POST", path, `{"resource_class":"VGPU"}`)
		c.at("1.39", 404, "POST", "/resource_providers/x/inventories", `{"resource_class":"VGPU","total":1}`)
		set := c.at("1.39", 200, "PUT", path+"/DISK_GB", `{"resource_provider_generation":2,"total":200,"reserved":10}`)
		if set["total"] != 200.0 || set["resource_provider_generation"] != 3.0 {
			t.Errorf("set: %v", set)
		}
		c.at("1.39", 409, "PUT", path+"/DISK_GB", `{"resource_provider_generation":2,"total":300}`)
		c.at("1.39", 400, "PUT", path+"/DISK_GB", `{"total":300}`)
		c.at("1.39", 400, "PUT", path+"/DISK_GB", `{"resource_provider_generation":3,"total":1,"reserved":2}`)
		c.at("1.39", 400, "PUT", path+"/VGPU", `{"resource_provider_generation":3,"total":1}`)
		consumer := uuid.NewString()
		c.at("1.12", 204, "PUT", "/allocations/"+consumer, fmt.Sprintf(`{"allocations":{%q:{"resources":{"VCPU":1}}},"project_id":"p","user_id":"u"}`, rp))
		c.at("1.39", 409, "DELETE", path+"/VCPU", "")
		c.at("1.39", 204, "DELETE", path+"/DISK_GB", "")
		c.at("1.39", 404, "DELETE", path+"/DISK_GB", "")
		c.at("1.39", 409, "DELETE", path, "")
		c.at("1.39", 204, "DELETE", "/allocations/"+consumer, "")
		c.at("1.4", 405, "DELETE", path, "")
		c.at("1.5", 204, "DELETE", path, "")
		if got := text(c.at("1.39", 200, "GET", path, "")["inventories"]); got != "{}" {
			t.Errorf("after all: %s", got)
		}
		c.Must(403, "member", "DELETE", "/placement"+path, nil, "OpenStack-API-Version", "placement 1.39")
	})
}

// The allocations of several consumers change together or not at all.
func TestManageAllocations(t *testing.T) {
	each(t, func(t *testing.T, c *cloud) {
		a, b := c.host("a"), c.host("b")
		one, two := uuid.NewString(), uuid.NewString()
		held := func(provider string, vcpu int, generation string) string {
			return fmt.Sprintf(`{"allocations":{%q:{"resources":{"VCPU":%d}}},"project_id":"p","user_id":"u","consumer_generation":%s,"consumer_type":"INSTANCE"}`, provider, vcpu, generation)
		}
		both := func(first, second string) string { return fmt.Sprintf(`{%q:%s,%q:%s}`, one, first, two, second) }
		c.at("1.39", 204, "POST", "/allocations", both(held(a, 6, "null"), held(b, 6, "null")))
		c.at("1.39", 409, "POST", "/allocations", both(held(a, 1, "1"), held(a, 8, "1")))
		c.at("1.39", 409, "POST", "/allocations", both(held(a, 1, "1"), held(b, 1, "7")))
		if got := c.at("1.39", 200, "GET", "/allocations/"+one, ""); text(got["allocations"]) != fmt.Sprintf(`{%q:{"generation":2,"resources":{"VCPU":6}}}`, a) {
			t.Errorf("after what was refused: %v", got)
		}
		none := `{"allocations":{},"project_id":"p","user_id":"u","consumer_generation":1,"consumer_type":"INSTANCE"}`
		c.at("1.39", 204, "POST", "/allocations", both(none, held(b, 8, "1")))
		if got := text(c.at("1.39", 200, "GET", "/resource_providers/"+a+"/usages", "")["usages"]); got != `{"MEMORY_MB":0,"VCPU":0}` {
			t.Errorf("what was freed is used: %s", got)
		}
		c.at("1.13", 204, "POST", "/allocations", fmt.Sprintf(`{%q:{"allocations":{},"project_id":"p","user_id":"u"}}`, two))
		c.at("1.12", 404, "POST", "/allocations", "{}")
		c.at("1.39", 400, "POST", "/allocations", "{}")
		c.at("1.39", 400, "POST", "/allocations", fmt.Sprintf(`{"x":%s}`, held(a, 1, "null")))
		c.at("1.39", 400, "POST", "/allocations", fmt.Sprintf(`{%q:{"allocations":{}}}`, one))
		c.Must(403, "member", "POST", "/placement/allocations", "{}", "OpenStack-API-Version", "placement 1.39")
	})
}

// Resources that are in use move from one provider to another.
func TestReshaper(t *testing.T) {
	each(t, func(t *testing.T, c *cloud) {
		from, to, consumer := c.host("from"), c.host("to"), uuid.NewString()
		c.at("1.39", 201, "POST", "/resource_providers/"+from+"/inventories", `{"resource_class":"DISK_GB","total":100}`)
		claimed := func(allocations, generation string) string {
			return fmt.Sprintf(`{%q:{"allocations":{%s},"project_id":"p","user_id":"u","consumer_generation":%s,"consumer_type":"INSTANCE"}}`, consumer, allocations, generation)
		}
		c.at("1.39", 204, "POST", "/allocations", claimed(fmt.Sprintf(`%q:{"resources":{"VCPU":2}},%q:{"resources":{"DISK_GB":50}}`, to, from), "null"))
		after := claimed(fmt.Sprintf(`%q:{"resources":{"VCPU":2,"DISK_GB":50}}`, to), "1")
		shape := func(fromGeneration, toGeneration int, disk, allocations string) string {
			return fmt.Sprintf(`{"inventories":{%q:{"resource_provider_generation":%d,"inventories":{}},%q:{"resource_provider_generation":%d,"inventories":{"VCPU":{"total":8}%s}}},"allocations":%s}`,
				from, fromGeneration, to, toGeneration, disk, allocations)
		}
		disk := `,"DISK_GB":{"total":60}`
		c.at("1.39", 409, "POST", "/reshaper", shape(1, 1, disk, after))                    // an old generation
		c.at("1.39", 409, "POST", "/reshaper", shape(3, 2, disk, "{}"))                     // what is used would go
		c.at("1.39", 409, "POST", "/reshaper", shape(3, 2, "", after))                      // there is none
		c.at("1.39", 400, "POST", "/reshaper", `{"inventories":{},"allocation":{}}`)        // no allocations
		c.at("1.39", 400, "POST", "/reshaper", `{"inventories":{"x":{}},"allocations":{}}`) // no uuid
		c.at("1.39", 400, "POST", "/reshaper", fmt.Sprintf(`{"inventories":{%q:{"resource_provider_generation":0,"inventories":{}}},"allocations":{}}`, consumer))
		c.at("1.29", 404, "POST", "/reshaper", "{}")
		c.Must(403, "member", "POST", "/placement/reshaper", "{}", "OpenStack-API-Version", "placement 1.39")
		c.at("1.39", 204, "POST", "/reshaper", shape(3, 2, disk, after))
		if got := text(c.at("1.39", 200, "GET", "/resource_providers/"+to+"/usages", "")["usages"]); got != `{"DISK_GB":50,"VCPU":2}` {
			t.Errorf("usages after: %s", got)
		}
		if got := text(c.at("1.39", 200, "GET", "/resource_providers/"+from+"/inventories", "")["inventories"]); got != "{}" {
			t.Errorf("inventories of the first: %s", got)
		}
	})
}
