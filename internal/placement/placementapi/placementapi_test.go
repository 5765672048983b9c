package placementapi_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"wisp/internal/api/apitest"
	"wisp/internal/placement"
	"wisp/internal/placement/placementapi"
	"wisp/internal/store"
	"wisp/internal/store/storetest"
)

var table = placementapi.New(nil)

func TestMain(m *testing.M) { apitest.Main(m, table) }

type cloud struct {
	*apitest.Server
	t   *testing.T
	svc *placement.Service
	db  *store.DB
}

func each(t *testing.T, test func(t *testing.T, c *cloud)) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		svc := placement.New(db, slog.New(slog.DiscardHandler))
		test(t, &cloud{apitest.Serve(t, apitest.Standard(), placementapi.New(svc)), t, svc, db})
	})
}

// at sends a request as admin at a microversion and gives the decoded body.
func (c *cloud) at(version string, status int, method, path, body string) map[string]any {
	c.t.Helper()
	var content any
	if body != "" {
		content = body
	}
	r := c.Must(status, "admin", method, "/placement"+path, content, "OpenStack-API-Version", "placement "+version)
	out := map[string]any{}
	if len(r.Body) > 0 && r.Body[0] == '{' {
		r.JSON(c.t, &out)
	}
	return out
}

// host makes a provider with 8 VCPU and 4096 MEMORY_MB.
func (c *cloud) host(name string) string {
	c.t.Helper()
	var p placement.Provider
	err := c.db.Tx(c.t.Context(), func(ctx context.Context, tx *store.Tx) (err error) {
		if p, err = c.svc.EnsureProvider(ctx, tx, name); err != nil {
			return err
		}
		return c.svc.SetInventory(ctx, tx, p.ID, []placement.Inventory{{Class: "VCPU", Total: 8}, {Class: "MEMORY_MB", Total: 4096, Reserved: 96}})
	})
	if err != nil {
		c.t.Fatal(err)
	}
	return p.ID
}

func text(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

func TestVersions(t *testing.T) {
	each(t, func(t *testing.T, c *cloud) {
		r := c.Must(200, "", "GET", "/placement/", nil)
		want := `{"versions":[{"id":"v1.0","links":[{"href":"","rel":"self"}],"max_version":"1.39","min_version":"1.0","status":"CURRENT"}]}`
		if got := strings.TrimSpace(string(r.Body)); got != want {
			t.Errorf("document %s", got)
		}
		c.Must(200, "", "GET", "/placement", nil)
		r = c.Must(406, "admin", "GET", "/placement/resource_providers", nil, "OpenStack-API-Version", "placement 1.40")
		if !strings.Contains(string(r.Body), `"max_version":"1.39"`) {
			t.Errorf("too new: %s", r.Body)
		}
		c.Must(406, "admin", "GET", "/placement/resource_providers", nil, "OpenStack-API-Version", "placement 0.9")
		r = c.Must(200, "admin", "GET", "/placement/resource_providers", nil, "OpenStack-API-Version", "placement latest")
		if h := r.Header.Get("OpenStack-API-Version"); h != "placement 1.39" {
			t.Errorf("header %q", h)
		}
		for path, version := range map[string]string{"/traits": "1.5", "/usages?project_id=x": "1.8", "/allocation_candidates?resources=VCPU:1": "1.9"} {
			c.at(version, 404, "GET", path, "")
		}
	})
}

func TestErrorForm(t *testing.T) {
	each(t, func(t *testing.T, c *cloud) {
		for version, code := range map[string]any{"1.22": nil, "1.23": "placement.undefined_code"} {
			out := c.at(version, 404, "GET", "/resource_providers/"+uuid.NewString(), "")
			fault := out["errors"].([]any)[0].(map[string]any)
			if fault["status"] != 404.0 || fault["title"] != "Not Found" || fault["code"] != code || !strings.HasPrefix(fault["request_id"].(string), "req-") {
				t.Errorf("%s: %v", version, fault)
			}
		}
		for _, tt := range []struct {
			token  string
			status int
		}{{"", 401}, {"nobody", 401}, {"member", 403}, {"reader", 403}} {
			c.Must(tt.status, tt.token, "GET", "/placement/resource_providers", nil)
		}
		c.Must(404, "admin", "GET", "/placement/teapots", nil)
		c.Must(405, "admin", "PATCH", "/placement/resource_providers", nil)
		c.Must(415, "admin", "POST", "/placement/resource_providers", "name", "Content-Type", "text/plain")
	})
}

func TestProviders(t *testing.T) {
	each(t, func(t *testing.T, c *cloud) {
		id := uuid.NewString()
		c.at("1.0", 201, "POST", "/resource_providers", `{"name":"a","uuid":"`+id+`"}`)
		located := c.Must(201, "admin", "POST", "/placement/resource_providers", map[string]any{"name": "z"}).Header.Get("Location")
		if path, ours := strings.CutPrefix(located, c.URL); !ours {
			t.Errorf("what was made is at %q, which is no URL of this server", located)
		} else {
			c.Must(200, "admin", "GET", path, nil)
			c.Must(204, "admin", "DELETE", path, nil)
		}
		made := c.at("1.20", 200, "POST", "/resource_providers", `{"name":"b"}`)
		if made["root_provider_uuid"] != made["uuid"] || made["parent_provider_uuid"] != nil {
			t.Errorf("made %v", made)
		}
		if n := len(c.at("1.0", 200, "GET", "/resource_providers/"+id, "")["links"].([]any)); n != 3 {
			t.Errorf("%d links at 1.0", n)
		}
		c.at("1.39", 200, "GET", "/resource_providers/"+id, "")
		for _, tt := range []struct {
			name, version, method, path, body string
			status                            int
		}{
			{"name used", "1.39", "POST", "", `{"name":"a"}`, 409},
			{"id used", "1.39", "POST", "", `{"name":"c","uuid":"` + id + `"}`, 409},
			{"no name", "1.39", "POST", "", `{}`, 400},
			{"id is no uuid", "1.39", "POST", "", `{"name":"c","uuid":"1"}`, 400},
			{"unknown member", "1.39", "POST", "", `{"name":"c","color":"red"}`, 400},
			{"not JSON", "1.39", "POST", "", `{`, 400},
			{"wrong type", "1.39", "POST", "", `{"name":7}`, 400},
			{"a parent that is not there", "1.14", "POST", "", `{"name":"c","parent_provider_uuid":"` + uuid.NewString() + `"}`, 400},
			{"a parent too early", "1.13", "POST", "", `{"name":"c","parent_provider_uuid":"` + id + `"}`, 400},
			{"rename", "1.39", "PUT", "/" + id, `{"name":"a2"}`, 200},
			{"rename to a used name", "1.39", "PUT", "/" + id, `{"name":"b"}`, 409},
			{"change of id", "1.39", "PUT", "/" + id, `{"name":"b","uuid":"` + id + `"}`, 400},
			{"rename of nothing", "1.39", "PUT", "/" + uuid.NewString(), `{"name":"z"}`, 404},
			{"filter from the future", "1.2", "GET", "?member_of=" + id, ``, 400},
			{"filter that is no uuid", "1.39", "GET", "?uuid=1", ``, 400},
			{"unknown trait", "1.39", "GET", "?required=CUSTOM_NO", ``, 400},
			{"trait of no name", "1.39", "GET", "?required=,", ``, 400},
			{"forbidden trait too early", "1.21", "GET", "?required=!COMPUTE_NODE", ``, 400},
			{"any trait too early", "1.38", "GET", "?required=in:COMPUTE_NODE", ``, 400},
			{"any forbidden trait", "1.39", "GET", "?required=in:!COMPUTE_NODE", ``, 400},
			{"aggregate that is no uuid", "1.39", "GET", "?member_of=1", ``, 400},
			{"aggregates without in", "1.39", "GET", "?member_of=" + id + "," + id, ``, 400},
			{"two aggregates too early", "1.23", "GET", "?member_of=" + id + "&member_of=" + id, ``, 400},
			{"forbidden aggregate too early", "1.31", "GET", "?member_of=!" + id, ``, 400},
			{"unknown class", "1.39", "GET", "?resources=TEA:1", ``, 400},
			{"no amount", "1.39", "GET", "?resources=VCPU", ``, 400},
			{"word as amount", "1.39", "GET", "?resources=VCPU:x", ``, 400},
			{"amount of zero", "1.39", "GET", "?resources=VCPU:0", ``, 400},
			{"empty resources", "1.39", "GET", "?resources=", ``, 400},
			{"delete", "1.39", "DELETE", "/" + id, ``, 204},
			{"delete twice", "1.39", "DELETE", "/" + id, ``, 404},
		} {
			t.Log(tt.name)
			c.at(tt.version, tt.status, tt.method, "/resource_providers"+tt.path, tt.body)
		}
		list := c.at("1.39", 200, "GET", "/resource_providers?name=b", "")["resource_providers"].([]any)
		if len(list) != 1 || list[0].(map[string]any)["uuid"] != made["uuid"] {
			t.Errorf("list %v", list)
		}
	})
}

func TestInventories(t *testing.T) {
	each(t, func(t *testing.T, c *cloud) {
		path := "/resource_providers/" + c.host("a")
		got := c.at("1.39", 200, "GET", path+"/inventories", "")
		want := `{"inventories":{"MEMORY_MB":{"allocation_ratio":1,"max_unit":2147483647,"min_unit":1,"reserved":96,"step_size":1,"total":4096},` +
			`"VCPU":{"allocation_ratio":1,"max_unit":2147483647,"min_unit":1,"reserved":0,"step_size":1,"total":8}},"resource_provider_generation":1}`
		if text(got) != want {
			t.Errorf("inventories %s", text(got))
		}
		put := `{"resource_provider_generation":%d,"inventories":{"VCPU":{"total":%d,"allocation_ratio":%v}}}`
		c.at("1.39", 409, "PUT", path+"/inventories", fmt.Sprintf(put, 7, 16, 2.5))
		c.at("1.39", 200, "PUT", path+"/inventories", fmt.Sprintf(put, 1, 16, 2.5))
		one := c.at("1.39", 200, "GET", path+"/inventories/VCPU", "")
		if one["total"] != 16.0 || one["allocation_ratio"] != 2.5 || one["resource_provider_generation"] != 2.0 {
			t.Errorf("inventory %v", one)
		}
		c.at("1.39", 404, "GET", path+"/inventories/DISK_GB", "")
		c.at("1.39", 404, "GET", "/resource_providers/x/inventories", "")
		for name, body := range map[string]string{
			"no generation":  `{"inventories":{}}`,
			"no inventories": `{"resource_provider_generation":2}`,
			"no total":       `{"resource_provider_generation":2,"inventories":{"VCPU":{}}}`,
			"zero step":      `{"resource_provider_generation":2,"inventories":{"VCPU":{"total":1,"step_size":0}}}`,
			"zero ratio":     `{"resource_provider_generation":2,"inventories":{"VCPU":{"total":1,"allocation_ratio":0}}}`,
			"unknown class":  `{"resource_provider_generation":2,"inventories":{"TEA":{"total":1}}}`,
			"over-reserved":  `{"resource_provider_generation":2,"inventories":{"VCPU":{"total":1,"reserved":2}}}`,
		} {
			t.Log(name)
			c.at("1.39", 400, "PUT", path+"/inventories", body)
		}
		c.at("1.25", 400, "PUT", path+"/inventories", `{"resource_provider_generation":2,"inventories":{"VCPU":{"total":1,"reserved":1}}}`)
		c.at("1.26", 200, "PUT", path+"/inventories", `{"resource_provider_generation":2,"inventories":{"VCPU":{"total":1,"reserved":1}}}`)
	})
}

func TestAllocations(t *testing.T) {
	each(t, func(t *testing.T, c *cloud) {
		rp, consumer := c.host("a"), uuid.NewString()
		body := func(vcpu int, generation, extra string) string {
			return fmt.Sprintf(`{"allocations":{%q:{"resources":{"VCPU":%d}}},"project_id":"p","user_id":"u","consumer_generation":%s,"consumer_type":"INSTANCE"%s}`, rp, vcpu, generation, extra)
		}
		path := "/allocations/" + consumer
		if got := text(c.at("1.39", 200, "GET", path, "")); got != `{"allocations":{}}` {
			t.Errorf("nothing is %s", got)
		}
		for _, tt := range []struct {
			name, version, body string
			status              int
		}{
			{"generation of nothing", "1.39", body(2, "1", ""), 409},
			{"too much", "1.39", body(9, "null", ""), 409},
			{"nothing of it", "1.39", body(0, "null", ""), 400},
			{"new", "1.39", body(2, "null", `,"mappings":{"":["x"]}`), 204},
			{"no mapping", "1.39", body(2, "1", `,"mappings":{}`), 400},
			{"mapping to nothing", "1.39", body(2, "1", `,"mappings":{"_a":[]}`), 400},
			{"mapping to no provider", "1.39", body(2, "1", `,"mappings":{"_a":["x"]}`), 400},
			{"generation as text", "1.39", body(2, `"1"`, ""), 400},
			{"generation as a fraction", "1.39", body(2, "1.5", ""), 400},
			{"long project", "1.12", fmt.Sprintf(`{"allocations":{%q:{"resources":{"VCPU":1}}},"project_id":%q,"user_id":"u"}`, rp, strings.Repeat("p", 256)), 400},
			{"long user", "1.12", fmt.Sprintf(`{"allocations":{%q:{"resources":{"VCPU":1}}},"project_id":"p","user_id":%q}`, rp, strings.Repeat("u", 256)), 400},
			{"long type", "1.39", strings.Replace(body(2, "1", ""), "INSTANCE", strings.Repeat("T", 256), 1), 400},
			{"again as new", "1.39", body(2, "null", ""), 409},
			{"more", "1.39", body(4, "1", ""), 204},
			{"type too early", "1.37", body(4, "2", ""), 400},
			{"no project", "1.12", fmt.Sprintf(`{"allocations":{%q:{"resources":{"VCPU":1}}}}`, rp), 400},
			{"provider of no uuid", "1.12", `{"allocations":{"x":{"resources":{"VCPU":1}}},"project_id":"p","user_id":"u"}`, 400},
			{"provider that is not there", "1.12", fmt.Sprintf(`{"allocations":{%q:{"resources":{"VCPU":1}}},"project_id":"p","user_id":"u"}`, consumer), 400},
			{"nothing of a provider", "1.12", fmt.Sprintf(`{"allocations":{%q:{"resources":{}}},"project_id":"p","user_id":"u"}`, rp), 400},
			{"none before 1.28", "1.27", `{"allocations":{},"project_id":"p","user_id":"u"}`, 400},
			{"list where an object is due", "1.12", `{"allocations":[],"project_id":"p","user_id":"u"}`, 400},
		} {
			t.Log(tt.name)
			c.at(tt.version, tt.status, "PUT", path, tt.body)
		}
		want := fmt.Sprintf(`{"allocations":{%q:{"generation":3,"resources":{"VCPU":4}}},"consumer_generation":2,"consumer_type":"INSTANCE","project_id":"p","user_id":"u"}`, rp)
		if got := text(c.at("1.39", 200, "GET", path, "")); got != want {
			t.Errorf("allocations\n%s, want\n%s", got, want)
		}
		if got := text(c.at("1.39", 200, "GET", "/allocations/"+strings.ReplaceAll(consumer, "-", ""), "")); got != want {
			t.Errorf("allocations of an id without dashes\n%s, want\n%s", got, want)
		}
		if got := text(c.at("1.39", 200, "GET", "/resource_providers/"+rp+"/usages", "")["usages"]); got != `{"MEMORY_MB":0,"VCPU":4}` {
			t.Errorf("usages %s", got)
		}
		if got := text(c.at("1.28", 200, "GET", "/resource_providers/"+rp+"/allocations", "")["allocations"]); got != fmt.Sprintf(`{%q:{"consumer_generation":2,"resources":{"VCPU":4}}}`, consumer) {
			t.Errorf("provider's allocations %s", got)
		}
		for query, want := range map[string]string{
			"1.9 project_id=p":                          `{"VCPU":4}`,
			"1.9 project_id=p&user_id=other":            `{}`,
			"1.38 project_id=p":                         `{"INSTANCE":{"VCPU":4,"consumer_count":1}}`,
			"1.38 project_id=p&consumer_type=all":       `{"all":{"VCPU":4,"consumer_count":1}}`,
			"1.38 project_id=p&consumer_type=unknown":   `{}`,
			"1.38 project_id=none&consumer_type=all":    `{}`,
			"1.38 project_id=p&consumer_type=INSTANCE":  `{"INSTANCE":{"VCPU":4,"consumer_count":1}}`,
			"1.38 project_id=p&consumer_type=MIGRATION": `{}`,
		} {
			version, q, _ := strings.Cut(query, " ")
			if got := text(c.at(version, 200, "GET", "/usages?"+q, "")["usages"]); got != want {
				t.Errorf("usages %s: %s", query, got)
			}
		}
		c.at("1.9", 400, "GET", "/usages", "")
		c.at("1.37", 400, "GET", "/usages?project_id=p&consumer_type=all", "")
		c.Must(200, "member", "GET", "/placement/usages?project_id=demo-id", nil, "OpenStack-API-Version", "placement 1.9")
		c.Must(403, "member", "GET", "/placement/usages?project_id=p", nil, "OpenStack-API-Version", "placement 1.9")
		c.at("1.39", 409, "DELETE", "/resource_providers/"+rp, "")
		for _, refused := range []struct{ method, path, body, before string }{
			{"DELETE", "/inventories/VCPU", "", "Unable to delete inventory of class VCPU: "},
			{"DELETE", "/inventories", "", ""},
			{"PUT", "/inventories", fmt.Sprintf(`{"resource_provider_generation":%v,"inventories":{}}`, c.at("1.39", 200, "GET", "/resource_providers/"+rp, "")["generation"]), "update conflict: "},
		} {
			fault := c.at("1.39", 409, refused.method, "/resource_providers/"+rp+refused.path, refused.body)["errors"].([]any)[0].(map[string]any)
			want := refused.before + "Inventory for 'VCPU' on resource provider '" + rp + "' in use."
			if fault["code"] != placement.CodeInventoryInUse || strings.TrimSpace(fault["detail"].(string)) != want {
				t.Errorf("%s %s: %v, not %s", refused.method, refused.path, fault, want)
			}
		}
		c.at("1.39", 204, "DELETE", path, "")
		c.at("1.39", 404, "DELETE", path, "")
		c.at("1.39", 400, "PUT", "/allocations/x", body(1, "null", ""))
		c.at("1.0", 204, "PUT", path, fmt.Sprintf(`{"allocations":[{"resource_provider":{"uuid":%q},"resources":{"VCPU":1}}]}`, rp))
		c.at("1.39", 204, "PUT", path, `{"allocations":{},"project_id":"p","user_id":"u","consumer_generation":1,"consumer_type":"INSTANCE"}`)
		c.at("1.39", 404, "DELETE", path, "")
	})
}

func TestCandidates(t *testing.T) {
	each(t, func(t *testing.T, c *cloud) {
		rp := c.host("a")
		c.at("1.39", 200, "PUT", "/resource_providers/"+rp+"/traits", `{"resource_provider_generation":1,"traits":["COMPUTE_NODE"]}`)
		got := c.at("1.39", 200, "GET", "/allocation_candidates?resources=VCPU:2,MEMORY_MB:4000&required=COMPUTE_NODE,!HW_CPU_X86_VMX&limit=5", "")
		want := map[string]any{
			"allocation_requests": []any{map[string]any{
				"allocations": map[string]any{rp: map[string]any{"resources": map[string]any{"VCPU": 2.0, "MEMORY_MB": 4000.0}}},
				"mappings":    map[string]any{"": []any{rp}},
			}},
			"provider_summaries": map[string]any{rp: map[string]any{
				"resources":            map[string]any{"VCPU": map[string]any{"capacity": 8.0, "used": 0.0}, "MEMORY_MB": map[string]any{"capacity": 4000.0, "used": 0.0}},
				"traits":               []any{"COMPUTE_NODE"},
				"parent_provider_uuid": nil, "root_provider_uuid": rp,
			}},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		old := c.at("1.10", 200, "GET", "/allocation_candidates?resources=VCPU:2", "")
		if got := text(old["allocation_requests"]); got != fmt.Sprintf(`[{"allocations":[{"resource_provider":{"uuid":%q},"resources":{"VCPU":2}}]}]`, rp) {
			t.Errorf("at 1.10: %s", got)
		}
		for query, n := range map[string]int{"resources=VCPU:9": 0, "resources=VCPU:1&in_tree=" + rp: 1, "resources=VCPU:1&in_tree=" + uuid.NewString(): 0, "resources=VCPU:1&required=in:COMPUTE_NODE,HW_CPU_X86_VMX": 1} {
			if found := c.at("1.39", 200, "GET", "/allocation_candidates?"+query, "")["allocation_requests"].([]any); len(found) != n {
				t.Errorf("%s: %v", query, found)
			}
		}
		for _, query := range []string{"", "resources=VCPU:1&limit=0", "resources=VCPU:1&in_tree=x", "resources1=VCPU:1&resources2=VCPU:1", "resources=TEA:1"} {
			c.at("1.39", 400, "GET", "/allocation_candidates?"+query, "")
		}
	})
}

func TestTraitsClassesAggregates(t *testing.T) {
	each(t, func(t *testing.T, c *cloud) {
		rp := c.host("a")
		path := "/resource_providers/" + rp
		c.at("1.6", 201, "PUT", "/traits/CUSTOM_GOLD", "")
		c.at("1.39", 204, "PUT", "/traits/CUSTOM_GOLD", "")
		c.at("1.39", 204, "GET", "/traits/CUSTOM_GOLD", "")
		c.at("1.39", 404, "GET", "/traits/CUSTOM_NO", "")
		c.at("1.39", 400, "PUT", "/traits/gold", "")
		c.at("1.39", 400, "DELETE", "/traits/COMPUTE_NODE", "")
		c.at("1.39", 200, "PUT", path+"/traits", `{"resource_provider_generation":1,"traits":["CUSTOM_GOLD","CUSTOM_GOLD"]}`)
		c.at("1.39", 409, "PUT", path+"/traits", `{"resource_provider_generation":1,"traits":[]}`)
		c.at("1.39", 400, "PUT", path+"/traits", `{"traits":[]}`)
		if got := text(c.at("1.39", 200, "GET", path+"/traits", "")); got != `{"resource_provider_generation":2,"traits":["CUSTOM_GOLD"]}` {
			t.Errorf("traits %s", got)
		}
		for query, want := range map[string]string{
			"name=in:CUSTOM_GOLD,CUSTOM_NO": `["CUSTOM_GOLD"]`, "name=startswith:CUSTOM_": `["CUSTOM_GOLD"]`,
			"associated=true": `["CUSTOM_GOLD"]`, "name=startswith:CUSTOM_&associated=false": `[]`,
		} {
			if got := text(c.at("1.39", 200, "GET", "/traits?"+query, "")["traits"]); got != want {
				t.Errorf("traits?%s: %s", query, got)
			}
		}
		c.at("1.39", 400, "GET", "/traits?name=GOLD", "")
		c.at("1.39", 400, "GET", "/traits?associated=maybe", "")
		c.at("1.39", 409, "DELETE", "/traits/CUSTOM_GOLD", "")
		c.at("1.39", 204, "DELETE", path+"/traits", "")
		c.at("1.39", 204, "DELETE", "/traits/CUSTOM_GOLD", "")
		c.at("1.39", 404, "DELETE", "/traits/CUSTOM_GOLD", "")

		c.at("1.2", 201, "POST", "/resource_classes", `{"name":"CUSTOM_TEA"}`)
		c.at("1.2", 409, "POST", "/resource_classes", `{"name":"CUSTOM_TEA"}`)
		c.at("1.7", 204, "PUT", "/resource_classes/CUSTOM_TEA", "")
		c.at("1.7", 201, "PUT", "/resource_classes/CUSTOM_MILK", "")
		c.at("1.7", 400, "PUT", "/resource_classes/VCPU", "")
		if n := len(c.at("1.2", 200, "GET", "/resource_classes", "")["resource_classes"].([]any)); n < 20 {
			t.Errorf("%d classes", n)
		}
		c.at("1.2", 200, "GET", "/resource_classes/CUSTOM_TEA", "")
		c.at("1.2", 404, "GET", "/resource_classes/CUSTOM_NO", "")
		c.at("1.39", 400, "DELETE", "/resource_classes/VCPU", "")
		c.at("1.39", 204, "DELETE", "/resource_classes/CUSTOM_TEA", "")
		c.at("1.39", 404, "DELETE", "/resource_classes/CUSTOM_TEA", "")

		aggregate := uuid.NewString()
		c.at("1.1", 200, "PUT", path+"/aggregates", `["`+aggregate+`"]`)
		c.at("1.39", 409, "PUT", path+"/aggregates", `{"resource_provider_generation":99,"aggregates":[]}`)
		c.at("1.39", 400, "PUT", path+"/aggregates", `{"aggregates":[]}`)
		c.at("1.1", 400, "PUT", path+"/aggregates", `["x"]`)
		if got := text(c.at("1.19", 200, "GET", path+"/aggregates", "")); got != fmt.Sprintf(`{"aggregates":[%q],"resource_provider_generation":3}`, aggregate) {
			t.Errorf("aggregates %s", got)
		}
		for query, n := range map[string]int{"member_of=" + aggregate: 1, "member_of=!in:" + aggregate: 0} {
			if found := c.at("1.39", 200, "GET", "/resource_providers?"+query, "")["resource_providers"].([]any); len(found) != n {
				t.Errorf("%s: %v", query, found)
			}
		}
		c.at("1.19", 200, "PUT", path+"/aggregates", `{"resource_provider_generation":3,"aggregates":[]}`)
	})
}
