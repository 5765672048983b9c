package placementapi_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/uuid"
)

// below makes a provider below another one, and gives its id.
func (c *cloud) below(parent, name string) string {
	c.t.Helper()
	made := c.at("1.20", 200, "POST", "/resource_providers", fmt.Sprintf(`{"name":%q,"parent_provider_uuid":%q}`, name, parent))
	return made["uuid"].(string)
}

// has gives a provider an inventory of a class.
func (c *cloud) has(provider, class string, total int) {
	c.t.Helper()
	c.at("1.39", 201, "POST", "/resource_providers/"+provider+"/inventories", fmt.Sprintf(`{"resource_class":%q,"total":%d}`, class, total))
}

// marked gives a provider traits, which are made if they are not there.
func (c *cloud) marked(provider string, names ...string) {
	c.t.Helper()
	for _, name := range names {
		if strings.HasPrefix(name, "CUSTOM_") {
			c.Do("admin", "PUT", "/placement/traits/"+name, nil, "OpenStack-API-Version", "placement 1.39")
		}
	}
	generation := c.at("1.39", 200, "GET", "/resource_providers/"+provider, "")["generation"]
	c.at("1.39", 200, "PUT", "/resource_providers/"+provider+"/traits", fmt.Sprintf(`{"resource_provider_generation":%v,"traits":["%s"]}`, generation, strings.Join(names, `","`)))
}

func (c *cloud) grouped(provider, aggregate string) {
	c.t.Helper()
	c.at("1.1", 200, "PUT", "/resource_providers/"+provider+"/aggregates", `["`+aggregate+`"]`)
}

func TestTrees(t *testing.T) {
	each(t, func(t *testing.T, c *cloud) {
		root, other := c.host("root"), c.host("other")
		child := c.below(root, "child")
		grandchild := c.below(child, "grandchild")
		shown := c.at("1.14", 200, "GET", "/resource_providers/"+grandchild, "")
		if shown["parent_provider_uuid"] != child || shown["root_provider_uuid"] != root {
			t.Errorf("grandchild %v", shown)
		}
		if _, there := c.at("1.13", 200, "GET", "/resource_providers/"+grandchild, "")["root_provider_uuid"]; there {
			t.Error("a root before 1.14")
		}
		tree := func(of string) int {
			return len(c.at("1.14", 200, "GET", "/resource_providers?in_tree="+of, "")["resource_providers"].([]any))
		}
		for id, want := range map[string]int{root: 3, child: 3, grandchild: 3, other: 1, uuid.NewString(): 0} {
			if got := tree(id); got != want {
				t.Errorf("%d providers in the tree, want %d", got, want)
			}
		}
		c.at("1.13", 400, "GET", "/resource_providers?in_tree="+root, "")
		c.at("1.39", 400, "GET", "/resource_providers?in_tree=x", "")
		c.at("1.39", 400, "POST", "/resource_providers", fmt.Sprintf(`{"name":"self","uuid":%[1]q,"parent_provider_uuid":%[1]q}`, uuid.NewString()))

		path := "/resource_providers/" + child
		move := func(parent string) string { return `{"name":"child","parent_provider_uuid":` + parent + `}` }
		c.at("1.36", 200, "PUT", path, move(`"`+root+`"`)) // where it is
		c.at("1.36", 400, "PUT", path, move(`"`+other+`"`))
		c.at("1.36", 400, "PUT", path, move(`null`))
		c.at("1.37", 400, "PUT", path, move(`"`+child+`"`))
		c.at("1.37", 400, "PUT", path, move(`"`+grandchild+`"`)) // a loop
		c.at("1.37", 400, "PUT", path, move(`"`+uuid.NewString()+`"`))
		c.at("1.37", 400, "PUT", path, move(`"x"`))
		c.at("1.37", 400, "PUT", path, move(`7`))
		c.at("1.37", 200, "PUT", path, `{"name":"child"}`) // stays
		if tree(root) != 3 {
			t.Error("it left although nobody asked")
		}
		c.at("1.37", 200, "PUT", path, move(`"`+other+`"`))
		if tree(root) != 1 || tree(other) != 3 || c.at("1.39", 200, "GET", "/resource_providers/"+grandchild, "")["root_provider_uuid"] != other {
			t.Error("the subtree did not move")
		}
		c.at("1.37", 200, "PUT", path, move(`null`))
		if tree(child) != 2 || tree(other) != 1 {
			t.Error("the subtree is no tree of its own")
		}
		c.at("1.14", 200, "PUT", path, move(`"`+root+`"`)) // a root may have a parent at any version

		r := c.Must(409, "admin", "DELETE", "/placement"+path, nil, "OpenStack-API-Version", "placement 1.23")
		if !strings.Contains(string(r.Body), "placement.resource_provider.cannot_delete_parent") {
			t.Errorf("a parent: %s", r.Body)
		}
		c.at("1.39", 204, "DELETE", "/resource_providers/"+grandchild, "")
		c.at("1.39", 204, "DELETE", path, "")
	})
}

// numa makes a host with two cells, each with cores and a network card below.
func (c *cloud) numa(name string) (root string, cells, cards [2]string) {
	c.t.Helper()
	root = c.at("1.20", 200, "POST", "/resource_providers", fmt.Sprintf(`{"name":%q}`, name))["uuid"].(string)
	c.has(root, "MEMORY_MB", 4096)
	for n := range cells {
		cells[n] = c.below(root, fmt.Sprintf("%s-cell%d", name, n))
		c.has(cells[n], "VCPU", 4)
		cards[n] = c.below(cells[n], fmt.Sprintf("%s-card%d", name, n))
		c.has(cards[n], "SRIOV_NET_VF", 8)
		c.marked(cards[n], fmt.Sprintf("CUSTOM_PHYSNET%d", n))
	}
	return root, cells, cards
}

func TestCandidatesOfTrees(t *testing.T) {
	each(t, func(t *testing.T, c *cloud) {
		root, cells, cards := c.numa("a")
		disk := c.at("1.20", 200, "POST", "/resource_providers", `{"name":"shared"}`)["uuid"].(string)
		c.has(disk, "DISK_GB", 100)
		c.marked(disk, "MISC_SHARES_VIA_AGGREGATE")
		aggregate := uuid.NewString()
		c.grouped(disk, aggregate)
		c.grouped(root, aggregate)
		c.marked(root, "COMPUTE_NODE")
		c.at("1.12", 204, "PUT", "/allocations/"+uuid.NewString(), fmt.Sprintf(`{"allocations":{%q:{"resources":{"VCPU":1}}},"project_id":"p","user_id":"u"}`, cells[1]))
		for _, tt := range []struct {
			name, version, query string
			requests, summaries  int
		}{
			{"one class of a tree", "1.29", "resources=VCPU:1", 2, 5},
			{"of several providers", "1.29", "resources=VCPU:1,MEMORY_MB:1", 2, 5},
			{"before trees were known", "1.28", "resources=VCPU:1,MEMORY_MB:1", 0, 0},
			{"alone, before trees were known", "1.28", "resources=VCPU:1", 2, 2},
			{"with what shares", "1.29", "resources=VCPU:1,DISK_GB:10", 2, 6},
			{"with what shares, one provider of the tree", "1.28", "resources=MEMORY_MB:1,DISK_GB:10", 1, 2},
			{"what one cell has no room for", "1.29", "resources=VCPU:4", 1, 5},
			{"limit", "1.29", "resources=VCPU:1&limit=1", 1, 5},
			{"a tree", "1.31", "resources=VCPU:1&in_tree=" + cards[0], 2, 5},
			{"another tree", "1.31", "resources=VCPU:1&in_tree=" + disk, 0, 0},
			{"no tree", "1.31", "resources=VCPU:1&in_tree=" + uuid.NewString(), 0, 0},
			{"shared disk is not in the tree", "1.31", "resources=VCPU:1,DISK_GB:1&in_tree=" + root, 0, 0},
			{"numbered groups", "1.25", "resources1=VCPU:1&resources2=SRIOV_NET_VF:1&group_policy=none", 0, 0},
			{"numbered groups of trees", "1.29", "resources1=VCPU:1&resources2=SRIOV_NET_VF:1&group_policy=none", 4, 5},
			{"named groups", "1.33", "resources_A=VCPU:1&resources_B=SRIOV_NET_VF:1&group_policy=none", 4, 5},
			{"a group with a trait", "1.29", "resources=VCPU:1&resources1=SRIOV_NET_VF:1&required1=CUSTOM_PHYSNET1", 2, 5},
			{"a group without a trait", "1.29", "resources=VCPU:1&resources1=SRIOV_NET_VF:1&required1=!CUSTOM_PHYSNET1", 2, 5},
			{"a group with any trait", "1.39", "resources=VCPU:1&resources1=SRIOV_NET_VF:1&required1=in:CUSTOM_PHYSNET0,CUSTOM_PHYSNET1", 4, 5},
			{"any of two and not one of them", "1.39", "resources1=SRIOV_NET_VF:1&required1=in:CUSTOM_PHYSNET0,CUSTOM_PHYSNET1&required1=!CUSTOM_PHYSNET0", 1, 5},
			{"the same provider twice", "1.29", "resources1=SRIOV_NET_VF:4&resources2=SRIOV_NET_VF:4&group_policy=none", 4, 5},
			{"not more than it has", "1.29", "resources1=SRIOV_NET_VF:5&resources2=SRIOV_NET_VF:5&group_policy=none", 2, 5},
			{"different providers", "1.29", "resources1=SRIOV_NET_VF:1&resources2=SRIOV_NET_VF:1&group_policy=isolate", 2, 5},
			{"one subtree", "1.36", "resources1=VCPU:1&resources2=SRIOV_NET_VF:1&group_policy=none&same_subtree=1,2", 2, 5},
			{"one subtree with its root alone", "1.36", "resources1=SRIOV_NET_VF:1&resources2=SRIOV_NET_VF:1&required3=COMPUTE_NODE&group_policy=isolate&same_subtree=1,2,3", 2, 5},
			{"two subtrees", "1.36", "resources1=SRIOV_NET_VF:1&resources2=SRIOV_NET_VF:1&group_policy=isolate&same_subtree=1,2", 0, 0},
			{"the root has a trait", "1.35", "resources=VCPU:1&root_required=COMPUTE_NODE,!CUSTOM_PHYSNET0", 2, 5},
			{"the root has none", "1.35", "resources=VCPU:1&root_required=CUSTOM_PHYSNET0", 0, 0},
			{"a trait of another provider of the tree", "1.29", "resources=VCPU:1&required=CUSTOM_PHYSNET0", 0, 0},
			{"traits together", "1.29", "resources=VCPU:1,SRIOV_NET_VF:1&required=CUSTOM_PHYSNET0", 2, 5},
			{"the root's aggregate counts for its tree", "1.29", "resources=VCPU:1&member_of=" + aggregate, 2, 5},
			{"and against it", "1.32", "resources=VCPU:1&member_of=!" + aggregate, 0, 0},
			{"not for a group", "1.29", "resources1=VCPU:1&member_of1=" + aggregate, 0, 0},
			{"a group of what shares", "1.29", "resources=VCPU:1&resources1=DISK_GB:1&member_of1=" + aggregate, 2, 6},
		} {
			got := c.at(tt.version, 200, "GET", "/allocation_candidates?"+tt.query, "")
			requests, summaries := got["allocation_requests"].([]any), got["provider_summaries"].(map[string]any)
			if len(requests) != tt.requests || len(summaries) != tt.summaries {
				t.Errorf("%s: %d requests of %d providers, want %d of %d: %s", tt.name, len(requests), len(summaries), tt.requests, tt.summaries, text(requests))
			}
		}
		one := c.at("1.39", 200, "GET", "/allocation_candidates?resources=MEMORY_MB:64&resources1=SRIOV_NET_VF:1&required1=CUSTOM_PHYSNET0&resources2=SRIOV_NET_VF:2&required2=CUSTOM_PHYSNET0&group_policy=none", "")
		want := fmt.Sprintf(`[{"allocations":{%[1]q:{"resources":{"MEMORY_MB":64}},%[2]q:{"resources":{"SRIOV_NET_VF":3}}},"mappings":{"":[%[1]q],"1":[%[2]q],"2":[%[2]q]}}]`, root, cards[0])
		if cards[0] < root {
			want = fmt.Sprintf(`[{"allocations":{%[2]q:{"resources":{"SRIOV_NET_VF":3}},%[1]q:{"resources":{"MEMORY_MB":64}}},"mappings":{"":[%[1]q],"1":[%[2]q],"2":[%[2]q]}}]`, root, cards[0])
		}
		if got := text(one["allocation_requests"]); got != want {
			t.Errorf("request\n%s, want\n%s", got, want)
		}
		summary := one["provider_summaries"].(map[string]any)[cards[0]].(map[string]any)
		if summary["parent_provider_uuid"] != cells[0] || summary["root_provider_uuid"] != root {
			t.Errorf("summary %v", summary)
		}
	})
}

func TestCandidatesRefused(t *testing.T) {
	each(t, func(t *testing.T, c *cloud) {
		c.host("a")
		for _, tt := range []struct{ name, version, query, code string }{
			{"nothing", "1.10", "", ""},
			{"nothing of a group", "1.25", "required1=COMPUTE_NODE", ""},
			{"nothing at all", "1.36", "same_subtree=1", "placement.query.missing_value"},
			{"a number too early", "1.24", "resources1=VCPU:1", ""},
			{"a name too early", "1.32", "resources_A=VCPU:1", ""},
			{"a number with a zero", "1.32", "resources01=VCPU:1", ""},
			{"no policy", "1.25", "resources1=VCPU:1&resources2=VCPU:1", "placement.undefined_code"},
			{"unknown policy", "1.25", "resources1=VCPU:1&group_policy=some", ""},
			{"policy too early", "1.24", "resources=VCPU:1&group_policy=none", ""},
			{"limit too early", "1.15", "resources=VCPU:1&limit=1", ""},
			{"limit of no number", "1.16", "resources=VCPU:1&limit=x", ""},
			{"limit that is too large", "1.16", "resources=VCPU:1&limit=99999999999999999999", ""},
			{"required too early", "1.16", "resources=VCPU:1&required=COMPUTE_NODE", ""},
			{"member_of too early", "1.20", "resources=VCPU:1&member_of=" + uuid.NewString(), ""},
			{"in_tree too early", "1.30", "resources=VCPU:1&in_tree=" + uuid.NewString(), ""},
			{"in_tree alone", "1.31", "resources=VCPU:1&in_tree1=" + uuid.NewString(), ""},
			{"root_required too early", "1.34", "resources=VCPU:1&root_required=COMPUTE_NODE", ""},
			{"root_required twice", "1.35", "resources=VCPU:1&root_required=COMPUTE_NODE&root_required=COMPUTE_NODE", "placement.query.duplicate_key"},
			{"root_required and not", "1.35", "resources=VCPU:1&root_required=COMPUTE_NODE,!COMPUTE_NODE", "placement.query.bad_value"},
			{"root_required unknown", "1.35", "resources=VCPU:1&root_required=CUSTOM_NO", "placement.undefined_code"},
			{"root_required of any", "1.39", "resources=VCPU:1&root_required=in:COMPUTE_NODE", ""},
			{"same_subtree too early", "1.35", "resources1=VCPU:1&same_subtree=1", ""},
			{"same_subtree of nothing", "1.36", "resources1=VCPU:1&same_subtree=1,", "placement.query.bad_value"},
			{"same_subtree of strangers", "1.36", "resources1=VCPU:1&same_subtree=1,2", "placement.query.bad_value"},
			{"no resources and no subtree", "1.36", "resources1=VCPU:1&required2=COMPUTE_NODE&group_policy=none", "placement.query.bad_value"},
			{"member_of of nothing", "1.25", "resources=VCPU:1&member_of1=" + uuid.NewString(), ""},
			{"required and not", "1.22", "resources=VCPU:1&required=COMPUTE_NODE,!COMPUTE_NODE", ""},
			{"unknown trait of a group", "1.25", "resources1=VCPU:1&required1=CUSTOM_NO", ""},
			{"unknown class of a group", "1.25", "resources1=TEA:1", ""},
			{"any of nothing", "1.39", "resources=VCPU:1&required=in:COMPUTE_NODE,", ""},
			{"any, forbidden", "1.39", "resources=VCPU:1&required=in:!COMPUTE_NODE", ""},
		} {
			got := c.at(tt.version, 400, "GET", "/allocation_candidates?"+tt.query, "")
			fault := got["errors"].([]any)[0].(map[string]any)
			if tt.code != "" && fault["code"] != tt.code {
				t.Errorf("%s: %v", tt.name, fault)
			}
		}
		c.Must(403, "member", "GET", "/placement/allocation_candidates?resources=VCPU:1", nil, "OpenStack-API-Version", "placement 1.39")
	})
}

// What one consumer lets go of, another one can have in the same request, as
// when a server is resized on a full host.
func TestAllocationsMove(t *testing.T) {
	each(t, func(t *testing.T, c *cloud) {
		rp := c.host("a")
		first, second := "a"+uuid.NewString()[1:], "b"+uuid.NewString()[1:]
		held := func(vcpu int, generation string) string {
			return fmt.Sprintf(`{"allocations":{%q:{"resources":{"VCPU":%d}}},"project_id":"p","user_id":"u","consumer_generation":%s,"consumer_type":"INSTANCE"}`, rp, vcpu, generation)
		}
		c.at("1.39", 204, "PUT", "/allocations/"+second, held(8, "null"))
		c.at("1.39", 204, "POST", "/allocations", fmt.Sprintf(`{%q:%s,%q:%s}`, first, held(7, "null"), second, held(1, "1")))
		c.at("1.39", 409, "POST", "/allocations", fmt.Sprintf(`{%q:%s,%q:%s}`, first, held(7, "1"), second, held(2, "2")))
		c.at("1.39", 400, "POST", "/allocations", fmt.Sprintf(`{%q:%s,%q:%s}`, first, held(1, "1"), strings.ToUpper(first), held(1, "1")))
		c.at("1.39", 400, "PUT", "/allocations/"+first, fmt.Sprintf(`{"allocations":{%q:{"resources":{"VCPU":1},"color":"red"}},"project_id":"p","user_id":"u","consumer_generation":1,"consumer_type":"INSTANCE"}`, rp))
		if got := text(c.at("1.39", 200, "GET", "/resource_providers/"+rp+"/usages", "")["usages"]); got != `{"MEMORY_MB":0,"VCPU":8}` {
			t.Errorf("usages %s", got)
		}
	})
}

// Before 1.7 a class could have another name, wherever it is.
func TestRenameClass(t *testing.T) {
	each(t, func(t *testing.T, c *cloud) {
		rp := c.host("a")
		c.at("1.2", 201, "POST", "/resource_classes", `{"name":"CUSTOM_TEA"}`)
		c.at("1.2", 201, "POST", "/resource_classes", `{"name":"CUSTOM_MILK"}`)
		c.has(rp, "CUSTOM_TEA", 5)
		path := "/resource_classes/CUSTOM_TEA"
		c.at("1.6", 409, "PUT", path, `{"name":"CUSTOM_MILK"}`)
		c.at("1.6", 400, "PUT", path, `{"name":"tea"}`)
		c.at("1.6", 400, "PUT", "/resource_classes/VCPU", `{"name":"CUSTOM_CORE"}`)
		c.at("1.6", 404, "PUT", "/resource_classes/CUSTOM_NO", `{"name":"CUSTOM_CORE"}`)
		if got := c.at("1.6", 200, "PUT", path, `{"name":"CUSTOM_CHAI"}`); got["name"] != "CUSTOM_CHAI" {
			t.Errorf("renamed: %v", got)
		}
		c.at("1.39", 200, "GET", "/resource_providers/"+rp+"/inventories/CUSTOM_CHAI", "")
		c.at("1.39", 404, "GET", path, "")
	})
}
