package computeapi_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"wisp/internal/api/apitest"
	"wisp/internal/compute"
	"wisp/internal/compute/computeapi"
	"wisp/internal/compute/computetest"
	"wisp/internal/errs"
	"wisp/internal/nodeapi"
	"wisp/internal/store/storetest"
)

func TestMain(m *testing.M) { apitest.Main(m, computeapi.New(nil, nil, "")) }

// bench is a served cloud: one node, an image, a flavor and a network of demo's.
type bench struct {
	*apitest.Server
	cloud                  *computetest.Cloud
	node                   *computetest.Node
	image, flavor, network string
	prefix                 string // "/compute/v2.1", or with demo's project
	t                      testing.TB
}

func open(t testing.TB, change ...func(*compute.Config)) *bench {
	t.Helper()
	c := computetest.New(t, storetest.SQLite(t), change...)
	b := &bench{cloud: c, prefix: "/compute/v2.1", t: t}
	b.node = c.Node("node-1", 64, 1<<20, 4000)
	b.image = c.Image(nil)
	b.flavor = c.Flavor("m1.tiny", 1, 512, 1)
	b.network = c.Subnetwork(computetest.Caller("member", "demo"), "private", "10.1.0.0/16")
	b.Server = apitest.Serve(t, apitest.Standard(), computeapi.New(c.Service, slog.New(slog.DiscardHandler), ""))
	c.SetNodes(console{})
	return b
}

// console answers calls to nodes.
type console struct{}

func (console) Call(_ context.Context, host, method string, params, result any) error {
	if method == nodeapi.CallStats {
		*result.(*nodeapi.Stats) = stats()
		return nil
	}
	if method == nodeapi.CallInterrupt {
		return nil
	}
	p, ok := params.(nodeapi.ConsoleLogParams)
	if !ok || method != nodeapi.CallConsoleLog || host != "node-1" {
		return errs.New(errs.Unavailable, "no such node")
	}
	out := []byte("line 1\nline 2\x00\xff\n")
	if p.Lines == 1 {
		out = []byte("line 2\n")
	}
	*result.(*nodeapi.ConsoleLogResult) = nodeapi.ConsoleLogResult{Output: out}
	return nil
}

type object = map[string]any

// ask sends a request at a microversion and returns the decoded body.
func (b *bench) ask(status int, token, version, method, path string, body any) object {
	b.t.Helper()
	prefix := b.prefix
	if owner := map[string]string{"admin": "admin-id", "other": "foreign-id"}[token]; owner != "" {
		prefix = strings.Replace(prefix, "demo-id", owner, 1)
	}
	r := b.Must(status, token, method, prefix+path, body, "OpenStack-API-Version", "compute "+version)
	var decoded object
	if len(r.Body) > 0 {
		r.JSON(b.t, &decoded)
	}
	return decoded
}

// dig takes a value out of nested objects and lists.
func dig(t testing.TB, value any, path ...any) any {
	t.Helper()
	for _, step := range path {
		switch at := step.(type) {
		case string:
			m, ok := value.(object)
			if !ok {
				t.Fatalf("no object at %v in %v", step, value)
			}
			value = m[at]
		case int:
			l, ok := value.([]any)
			if !ok || len(l) <= at {
				t.Fatalf("no element %v in %v", step, value)
			}
			value = l[at]
		}
	}
	return value
}

func (b *bench) body(name string) object {
	return object{"server": object{"name": name, "imageRef": b.image, "flavorRef": b.flavor, "networks": []any{object{"uuid": b.network}}}}
}

func (b *bench) create(name string) string {
	b.t.Helper()
	return dig(b.t, b.ask(202, "member", "2.1", "POST", "/servers", b.body(name)), "server", "id").(string)
}

// Both forms of every path are the same table: each conversation is held in
// both.
func forms(t *testing.T, test func(t *testing.T, b *bench)) {
	for name, prefix := range map[string]string{"plain": "/compute/v2.1", "legacy": "/compute/v2.1/demo-id"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := open(t)
			b.prefix = prefix
			test(t, b)
		})
	}
}

func TestVersions(t *testing.T) {
	t.Parallel()
	b := open(t)
	var list struct{ Versions []object }
	b.Must(200, "", "GET", "/compute/", nil).JSON(t, &list)
	if len(list.Versions) != 2 || list.Versions[0]["id"] != "v2.0" || list.Versions[0]["version"] != "" || list.Versions[1]["version"] != "2.96" ||
		list.Versions[1]["min_version"] != "2.1" {
		t.Errorf("versions are %v", list)
	}
	for _, path := range []string{"/compute/v2", "/compute/v2/"} {
		var one struct{ Version object }
		b.Must(200, "", "GET", path, nil).JSON(t, &one)
		if one.Version["id"] != "v2.0" || dig(t, one.Version, "links", 0, "href") != b.URL+"/compute/v2/" || one.Version["min_version"] != "" {
			t.Errorf("the old version is %v", one)
		}
	}
	for _, path := range []string{"/compute/v2.1", "/compute/v2.1/"} {
		var one struct{ Version object }
		r := b.Must(200, "", "GET", path, nil)
		r.JSON(t, &one)
		if one.Version["id"] != "v2.1" || dig(t, one.Version, "links", 0, "href") != b.URL+"/compute/v2.1/" {
			t.Errorf("version is %v", one)
		}
	}
	r := b.Must(406, "member", "GET", "/compute/v2.1/flavors", nil, "OpenStack-API-Version", "compute 2.97")
	if !strings.Contains(string(r.Body), `"computeFault"`) || !strings.Contains(string(r.Body), "maximum is 2.96") {
		t.Errorf("too new a version: %s", r.Body)
	}
	r = b.Must(200, "member", "GET", "/compute/v2.1/flavors", nil, "X-OpenStack-Nova-API-Version", "latest")
	if got := r.Header.Get("OpenStack-API-Version"); got != "compute 2.96" {
		t.Errorf("latest is %q", got)
	}
	r = b.Must(401, "", "GET", "/compute/v2.1/flavors", nil)
	if !strings.Contains(string(r.Body), `"code":401`) {
		t.Errorf("without a token: %s", r.Body)
	}
	r = b.Must(404, "member", "GET", "/compute/v2.1/os-images-of-mars", nil)
	if !strings.Contains(string(r.Body), `"itemNotFound"`) {
		t.Errorf("an unknown route: %s", r.Body)
	}
}

func TestS44ProjectInThePathMustBeTheTokens(t *testing.T) {
	t.Parallel()
	b := open(t)
	id := b.create("mine")
	r := b.Must(400, "other", "GET", "/compute/v2.1/demo-id/servers/"+id, nil)
	if !strings.Contains(string(r.Body), "Malformed request URL: URL's project_id 'demo-id' doesn't match Context's project_id 'foreign-id'") {
		t.Errorf("a foreign project in the path: %s", r.Body)
	}
	b.Must(400, "admin", "GET", "/compute/v2.1/demo-id/servers", nil)
	b.Must(404, "other", "GET", "/compute/v2.1/foreign-id/servers/"+id, nil)
	b.Must(404, "other", "DELETE", "/compute/v2.1/servers/"+id, nil)
	b.Must(404, "other", "POST", "/compute/v2.1/servers/"+id+"/action", object{"os-stop": nil})
	b.Must(200, "member", "GET", "/compute/v2.1/demo-id/servers/"+id, nil)
}

func TestS27UnknownSchedulerHintsAreRefused(t *testing.T) {
	t.Parallel()
	b := open(t)
	for _, hint := range []string{"_nova_check_type", "_anything", "query", "force_hosts", "target_cell"} {
		for _, key := range []string{"os:scheduler_hints", "OS-SCH-HNT:scheduler_hints"} {
			body := b.body("x")
			body[key] = object{hint: []string{"rebuild"}}
			got := b.ask(400, "member", "2.1", "POST", "/servers", body)
			if message := fmt.Sprint(dig(t, got, "badRequest", "message")); !strings.Contains(message, hint) {
				t.Errorf("hint %s: %s", hint, message)
			}
		}
	}
}

func TestFlavors(t *testing.T) {
	t.Parallel()
	forms(t, func(t *testing.T, b *bench) {
		made := b.ask(200, "admin", "2.55", "POST", "/flavors", object{"flavor": object{
			"name": "small", "ram": 1024, "vcpus": "2", "disk": 10, "swap": 0, "OS-FLV-EXT-DATA:ephemeral": 1, "rxtx_factor": "2.5",
			"id": "7", "os-flavor-access:is_public": "false", "description": "a small one",
		}})
		flavor := dig(t, made, "flavor")
		want := object{
			"id": "7", "name": "small", "ram": 1024.0, "vcpus": 2.0, "disk": 10.0, "swap": "", "OS-FLV-EXT-DATA:ephemeral": 1.0, "rxtx_factor": 2.5,
			"os-flavor-access:is_public": false, "OS-FLV-DISABLED:disabled": false, "description": "a small one",
			"links": []any{object{"rel": "self", "href": b.URL + "/compute/v2.1/flavors/7"}, object{"rel": "bookmark", "href": b.URL + "/compute/flavors/7"}},
		}
		if fmt.Sprint(flavor) != fmt.Sprint(want) {
			t.Errorf("flavor is\n%v, want\n%v", flavor, want)
		}
		b.ask(404, "member", "2.1", "GET", "/flavors/7", nil)
		b.ask(200, "admin", "2.1", "POST", "/flavors/7/action", object{"addTenantAccess": object{"tenant": "demo-id"}})
		b.ask(409, "admin", "2.1", "POST", "/flavors/7/action", object{"addTenantAccess": object{"tenant": "demo-id"}})
		b.ask(400, "admin", "2.1", "POST", "/flavors/7/action", object{"fly": nil})
		b.ask(200, "member", "2.1", "GET", "/flavors/7", nil)
		if got := b.ask(200, "admin", "2.1", "GET", "/flavors/7/os-flavor-access", nil); dig(t, got, "flavor_access", 0, "tenant_id") != "demo-id" {
			t.Errorf("access is %v", got)
		}
		b.ask(404, "admin", "2.1", "GET", "/flavors/m1.tiny/os-flavor-access", nil)
		b.ask(200, "admin", "2.1", "POST", "/flavors/7/os-extra_specs", object{"extra_specs": object{"hw:a": "1", "b": 2}})
		b.ask(400, "admin", "2.1", "POST", "/flavors/7/os-extra_specs", object{"extra_specs": object{"a/b": "1"}})
		b.ask(400, "admin", "2.86", "POST", "/flavors/7/os-extra_specs", object{"extra_specs": object{"hw:a": "1"}})
		b.ask(400, "admin", "2.86", "PUT", "/flavors/7/os-extra_specs/hw:a", object{"hw:a": "2"})
		b.ask(200, "admin", "2.86", "POST", "/flavors/7/os-extra_specs", object{"extra_specs": object{"b": "4"}})
		b.ask(200, "admin", "2.1", "PUT", "/flavors/7/os-extra_specs/b", object{"b": "3"})
		b.ask(400, "admin", "2.1", "PUT", "/flavors/7/os-extra_specs/b", object{"c": "3"})
		if got := b.ask(200, "member", "2.1", "GET", "/flavors/7/os-extra_specs", nil); fmt.Sprint(got["extra_specs"]) != "map[b:3 hw:a:1]" {
			t.Errorf("extra specs are %v", got)
		}
		b.ask(200, "member", "2.1", "GET", "/flavors/7/os-extra_specs/b", nil)
		b.ask(200, "admin", "2.1", "DELETE", "/flavors/7/os-extra_specs/b", nil)
		b.ask(404, "admin", "2.1", "DELETE", "/flavors/7/os-extra_specs/b", nil)
		b.ask(404, "member", "2.1", "GET", "/flavors/7/os-extra_specs/b", nil)
		got := b.ask(200, "admin", "2.75", "GET", "/flavors/detail?is_public=None&sort_key=memory_mb&sort_dir=desc", nil)
		if dig(t, got, "flavors", 0, "swap") != 0.0 || fmt.Sprint(dig(t, got, "flavors", 0, "extra_specs")) != "map[hw:a:1]" || dig(t, got, "flavors", 1, "description") != nil {
			t.Errorf("details are %v", got)
		}
		got = b.ask(200, "admin", "2.1", "GET", "/flavors?limit=1&minRam=600&is_public=False", nil)
		if dig(t, got, "flavors", 0, "id") != "7" || dig(t, got, "flavors_links", 0, "rel") != "next" {
			t.Errorf("a page is %v", got)
		}
		b.ask(404, "admin", "2.54", "PUT", "/flavors/7", object{"flavor": object{"description": "x"}})
		if got := b.ask(200, "admin", "2.55", "PUT", "/flavors/7", object{"flavor": object{"description": nil}}); dig(t, got, "flavor", "description") != nil {
			t.Errorf("description is still there: %v", got)
		}
		b.ask(200, "admin", "2.1", "POST", "/flavors/7/action", object{"removeTenantAccess": object{"tenant": "demo-id"}})
		b.ask(404, "admin", "2.1", "POST", "/flavors/7/action", object{"removeTenantAccess": object{"tenant": "demo-id"}})
		b.ask(202, "admin", "2.1", "DELETE", "/flavors/7", nil)
		b.ask(404, "admin", "2.1", "DELETE", "/flavors/7", nil)
		b.ask(403, "member", "2.1", "DELETE", "/flavors/m1.tiny", nil)
	})
}

func TestFlavorsRefuse(t *testing.T) {
	t.Parallel()
	b := open(t)
	with := func(name string, value any) object {
		f := object{"name": "x", "ram": 1, "vcpus": 1, "disk": 1}
		if value == nil {
			delete(f, name)
		} else {
			f[name] = value
		}
		return object{"flavor": f}
	}
	cases := []struct {
		name   string
		status int
		body   object
		part   string
	}{
		{"no name", 400, with("name", nil), "'name' is a required property"},
		{"ram is text", 400, with("ram", "much"), "Invalid input for field/attribute ram. Value: 'much'."},
		{"no ram", 400, with("ram", 0), "0 is less than the minimum of 1"},
		{"a fraction", 400, with("vcpus", 1.5), "1.5 is not of type 'integer', 'string'"},
		{"name with spaces around", 400, with("name", " x "), "Can not start or end with whitespace"},
		{"long name", 400, with("name", strings.Repeat("x", 256)), "is too long"},
		{"bad id", 400, with("id", "a/b"), "Invalid input for field/attribute id"},
		{"unknown field", 400, with("color", "red"), "Additional properties are not allowed ('color' was unexpected)"},
		{"description is too new", 400, with("description", "x"), "'description' was unexpected"},
		{"name is taken", 409, with("name", "m1.tiny"), "Flavor with name m1.tiny already exists."},
		{"id is taken", 409, with("id", "m1.tiny"), "Flavor with ID m1.tiny already exists."},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got := b.ask(c.status, "admin", "2.1", "POST", "/flavors", c.body)
			if !strings.Contains(fmt.Sprint(got), c.part) {
				t.Errorf("answer %v, want %q", got, c.part)
			}
		})
	}
	b.ask(403, "member", "2.1", "POST", "/flavors", with("x", nil))
	b.ask(400, "admin", "2.1", "POST", "/flavors", `[]`)
	b.ask(400, "admin", "2.1", "POST", "/flavors", `{"flavor"`)
	b.ask(400, "member", "2.1", "GET", "/flavors?minRam=x", nil)
	b.ask(400, "member", "2.1", "GET", "/flavors?limit=-1", nil)
	b.ask(400, "member", "2.1", "GET", "/flavors?marker=nope", nil)
	b.ask(400, "member", "2.75", "GET", "/flavors?color=red", nil)
	b.ask(413, "admin", "2.1", "POST", "/flavors", `{"flavor":"`+strings.Repeat("x", 200000)+`"}`)
}

func TestKeypairs(t *testing.T) {
	t.Parallel()
	forms(t, func(t *testing.T, b *bench) {
		made := b.ask(200, "member", "2.1", "POST", "/os-keypairs", object{"keypair": object{"name": "gen"}})
		private, _ := dig(t, made, "keypair", "private_key").(string)
		if !strings.HasPrefix(private, "-----BEGIN RSA PRIVATE KEY-----") || dig(t, made, "keypair", "type") != nil || dig(t, made, "keypair", "user_id") != "member-id" {
			t.Errorf("generated: %v", made)
		}
		public := "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl user@host"
		made = b.ask(201, "member", "2.2", "POST", "/os-keypairs", object{"keypair": object{"name": "imp", "public_key": public, "type": "ssh"}})
		if fingerprint, _ := dig(t, made, "keypair", "fingerprint").(string); len(fingerprint) != 47 || dig(t, made, "keypair", "private_key") != nil {
			t.Errorf("imported: %v", made)
		}
		b.ask(409, "member", "2.1", "POST", "/os-keypairs", object{"keypair": object{"name": "imp", "public_key": public}})
		b.ask(400, "member", "2.1", "POST", "/os-keypairs", object{"keypair": object{"name": "bad", "public_key": "ssh-rsa nonsense"}})
		b.ask(400, "member", "2.1", "POST", "/os-keypairs", object{"keypair": object{"name": "bad", "public_key": ""}})
		b.ask(400, "member", "2.1", "POST", "/os-keypairs", object{"keypair": object{"name": "a.b"}})
		b.ask(400, "member", "2.92", "POST", "/os-keypairs", object{"keypair": object{"name": "late"}})
		made = b.ask(201, "member", "2.2", "POST", "/os-keypairs", object{"keypair": object{"name": "winrm", "type": "x509"}})
		if public, _ := dig(t, made, "keypair", "public_key").(string); !strings.HasPrefix(public, "-----BEGIN CERTIFICATE-----") || dig(t, made, "keypair", "type") != "x509" {
			t.Errorf("certified: %v", made)
		}
		b.ask(204, "member", "2.2", "DELETE", "/os-keypairs/winrm", nil)
		b.ask(201, "member", "2.92", "POST", "/os-keypairs", object{"keypair": object{"name": "a.b@c", "public_key": public}})
		b.ask(403, "member", "2.10", "POST", "/os-keypairs", object{"keypair": object{"name": "x", "user_id": "other-id", "public_key": public}})
		b.ask(201, "admin", "2.10", "POST", "/os-keypairs", object{"keypair": object{"name": "x", "user_id": "other-id", "public_key": public}})
		b.ask(200, "other", "2.10", "GET", "/os-keypairs/x", nil)
		list := b.ask(200, "member", "2.35", "GET", "/os-keypairs?limit=2", nil)
		if dig(t, list, "keypairs", 0, "keypair", "name") != "a.b@c" || dig(t, list, "keypairs_links", 0, "rel") != "next" {
			t.Errorf("list is %v", list)
		}
		list = b.ask(200, "member", "2.35", "GET", "/os-keypairs?limit=2&marker=gen", nil)
		if len(dig(t, list, "keypairs").([]any)) != 1 {
			t.Errorf("the second page is %v", list)
		}
		b.ask(400, "member", "2.35", "GET", "/os-keypairs?marker=nope", nil)
		shown := b.ask(200, "member", "2.2", "GET", "/os-keypairs/imp", nil)
		if dig(t, shown, "keypair", "deleted") != false || dig(t, shown, "keypair", "public_key") != public {
			t.Errorf("shown: %v", shown)
		}
		b.ask(404, "other", "2.1", "GET", "/os-keypairs/imp", nil)
		b.ask(403, "other", "2.10", "GET", "/os-keypairs/imp?user_id=member-id", nil)
		b.ask(202, "member", "2.1", "DELETE", "/os-keypairs/gen", nil)
		b.ask(204, "member", "2.2", "DELETE", "/os-keypairs/imp", nil)
		b.ask(404, "member", "2.2", "DELETE", "/os-keypairs/imp", nil)
	})
}

func TestHosts(t *testing.T) {
	t.Parallel()
	forms(t, func(t *testing.T, b *bench) {
		b.create("one")
		list := b.ask(200, "admin", "2.1", "GET", "/os-services", nil)
		if dig(t, list, "services", 0, "id") != 1.0 || dig(t, list, "services", 0, "binary") != "nova-compute" || dig(t, list, "services", 0, "state") != "up" ||
			dig(t, list, "services", 0, "forced_down") != nil {
			t.Errorf("services are %v", list)
		}
		list = b.ask(200, "admin", "2.53", "GET", "/os-services?host=node-1&binary=nova-compute", nil)
		id := dig(t, list, "services", 0, "id").(string)
		if len(id) != 36 {
			t.Errorf("the id is %s", id)
		}
		if list = b.ask(200, "admin", "2.53", "GET", "/os-services?binary=nova-conductor", nil); len(dig(t, list, "services").([]any)) != 0 {
			t.Errorf("other services are %v", list)
		}
		b.ask(403, "member", "2.1", "GET", "/os-services", nil)
		host := object{"host": "node-1", "binary": "nova-compute"}
		b.ask(200, "admin", "2.1", "PUT", "/os-services/disable", host)
		b.ask(400, "admin", "2.1", "PUT", "/os-services/disable-log-reason", host)
		b.ask(404, "admin", "2.1", "PUT", "/os-services/force-down", host)
		b.ask(404, "admin", "2.1", "PUT", "/os-services/enable", object{"host": "mars", "binary": "nova-compute"})
		got := b.ask(200, "admin", "2.1", "PUT", "/os-services/disable-log-reason", object{"host": "node-1", "binary": "nova-compute", "disabled_reason": "new fan"})
		if dig(t, got, "service", "disabled_reason") != "new fan" || dig(t, got, "service", "status") != "disabled" {
			t.Errorf("disabled: %v", got)
		}
		b.ask(200, "admin", "2.1", "PUT", "/os-services/enable", host)
		b.ask(200, "admin", "2.11", "PUT", "/os-services/force-down", object{"host": "node-1", "binary": "nova-compute", "forced_down": true})
		got = b.ask(200, "admin", "2.53", "PUT", "/os-services/"+id, object{"forced_down": false, "status": "disabled", "disabled_reason": "x"})
		if dig(t, got, "service", "state") != "up" || dig(t, got, "service", "forced_down") != false {
			t.Errorf("updated: %v", got)
		}
		b.ask(400, "admin", "2.53", "PUT", "/os-services/"+id, object{})
		b.ask(400, "admin", "2.53", "PUT", "/os-services/"+id, object{"status": "enabled", "disabled_reason": "x"})
		b.ask(404, "admin", "2.53", "PUT", "/os-services/"+b.image, object{"status": "enabled"})
		b.ask(200, "admin", "2.53", "PUT", "/os-services/"+id, object{"status": "enabled"})
		b.ask(409, "admin", "2.53", "DELETE", "/os-services/"+id, nil)

		list = b.ask(200, "admin", "2.1", "GET", "/os-hypervisors", nil)
		if fmt.Sprint(list["hypervisors"]) != "[map[hypervisor_hostname:node-1 id:1 state:up status:enabled]]" {
			t.Errorf("hypervisors are %v", list)
		}
		list = b.ask(200, "admin", "2.1", "GET", "/os-hypervisors/detail", nil)
		if dig(t, list, "hypervisors", 0, "vcpus_used") != 1.0 || dig(t, list, "hypervisors", 0, "memory_mb_used") != 512.0 || dig(t, list, "hypervisors", 0, "service", "id") != 1.0 {
			t.Errorf("details are %v", list)
		}
		if info, ok := dig(t, list, "hypervisors", 0, "cpu_info").(string); !ok || !json.Valid([]byte(info)) {
			t.Errorf("cpu_info is %v", dig(t, list, "hypervisors", 0, "cpu_info"))
		}
		list = b.ask(200, "admin", "2.88", "GET", "/os-hypervisors/detail?with_servers=true&limit=1", nil)
		if dig(t, list, "hypervisors", 0, "vcpus") != nil || dig(t, list, "hypervisors", 0, "servers", 0, "name") != "one" || dig(t, list, "hypervisors", 0, "uptime") == nil {
			t.Errorf("details at 2.88 are %v", list)
		}
		uuid := dig(t, list, "hypervisors", 0, "id").(string)
		b.ask(200, "admin", "2.88", "GET", "/os-hypervisors/"+uuid+"?with_servers=1", nil)
		b.ask(200, "admin", "2.1", "GET", "/os-hypervisors/1", nil)
		b.ask(404, "admin", "2.1", "GET", "/os-hypervisors/99", nil)
		b.ask(404, "admin", "2.53", "GET", "/os-hypervisors?hypervisor_hostname_pattern=mars", nil)
		b.ask(400, "admin", "2.53", "GET", "/os-hypervisors?hypervisor_hostname_pattern=n&limit=1", nil)
		b.ask(400, "admin", "2.53", "GET", "/os-hypervisors?marker="+b.image, nil)
		b.ask(200, "admin", "2.1", "GET", "/os-hypervisors/1/uptime", nil)
		b.ask(404, "admin", "2.88", "GET", "/os-hypervisors/"+uuid+"/uptime", nil)
		b.ask(200, "admin", "2.1", "GET", "/os-hypervisors/node/search", nil)
		b.ask(404, "admin", "2.1", "GET", "/os-hypervisors/mars/search", nil)
		b.ask(200, "admin", "2.1", "GET", "/os-hypervisors/node/servers", nil)
		if got := b.ask(200, "admin", "2.1", "GET", "/os-hypervisors/statistics", nil); dig(t, got, "hypervisor_statistics", "count") != 1.0 || dig(t, got, "hypervisor_statistics", "vcpus") != 64.0 {
			t.Errorf("statistics are %v", got)
		}
		b.ask(403, "member", "2.1", "GET", "/os-hypervisors", nil)
		if got := b.ask(200, "member", "2.1", "GET", "/os-availability-zone", nil); dig(t, got, "availabilityZoneInfo", 0, "zoneName") != "nova" || dig(t, got, "availabilityZoneInfo", 0, "hosts") != nil {
			t.Errorf("zones are %v", got)
		}
		if got := b.ask(200, "admin", "2.1", "GET", "/os-availability-zone/detail", nil); dig(t, got, "availabilityZoneInfo", 0, "hosts", "node-1", "nova-compute", "available") != true {
			t.Errorf("zones in detail are %v", got)
		}
		b.cloud.Node("spare", 1, 1024, 10)
		spare := dig(t, b.ask(200, "admin", "2.53", "GET", "/os-services?host=spare", nil), "services", 0, "id").(string)
		b.ask(204, "admin", "2.53", "DELETE", "/os-services/"+spare, nil)
		b.ask(404, "admin", "2.53", "DELETE", "/os-services/"+spare, nil)
	})
}

func TestQuotas(t *testing.T) {
	t.Parallel()
	forms(t, func(t *testing.T, b *bench) {
		b.create("one")
		limits := b.ask(200, "member", "2.1", "GET", "/limits", nil)
		if dig(t, limits, "limits", "absolute", "totalInstancesUsed") != 1.0 || dig(t, limits, "limits", "absolute", "maxTotalCores") != 20.0 ||
			dig(t, limits, "limits", "absolute", "maxSecurityGroups") != -1.0 {
			t.Errorf("limits are %v", limits)
		}
		if limits = b.ask(200, "member", "2.57", "GET", "/limits", nil); dig(t, limits, "limits", "absolute", "maxPersonality") != nil {
			t.Errorf("limits at 2.57 are %v", limits)
		}
		b.ask(403, "member", "2.1", "GET", "/limits?tenant_id=foreign-id", nil)
		b.ask(200, "admin", "2.1", "GET", "/limits?tenant_id=demo-id", nil)
		b.ask(200, "member", "2.1", "GET", "/os-quota-sets/demo-id", nil)
		b.ask(403, "member", "2.1", "GET", "/os-quota-sets/foreign-id", nil)
		b.ask(200, "member", "2.1", "GET", "/os-quota-sets/demo-id/defaults", nil)
		got := b.ask(200, "member", "2.1", "GET", "/os-quota-sets/demo-id/detail", nil)
		if fmt.Sprint(dig(t, got, "quota_set", "instances")) != "map[in_use:1 limit:10 reserved:0]" {
			t.Errorf("detail is %v", got)
		}
		got = b.ask(200, "admin", "2.57", "PUT", "/os-quota-sets/demo-id", object{"quota_set": object{"instances": "2", "cores": -1}})
		if dig(t, got, "quota_set", "instances") != 2.0 || dig(t, got, "quota_set", "cores") != -1.0 || dig(t, got, "quota_set", "id") != nil {
			t.Errorf("updated: %v", got)
		}
		b.ask(400, "admin", "2.1", "PUT", "/os-quota-sets/demo-id", object{"quota_set": object{"instances": 0}})
		b.ask(200, "admin", "2.1", "PUT", "/os-quota-sets/demo-id", object{"quota_set": object{"instances": 0, "force": true}})
		got = b.ask(403, "member", "2.1", "POST", "/servers", b.body("two"))
		if dig(t, got, "forbidden", "message") != "Quota exceeded for instances: Requested 1, but already used 1 of 0 instances" {
			t.Errorf("over quota: %v", got)
		}
		b.ask(400, "admin", "2.1", "PUT", "/os-quota-sets/demo-id", object{"quota_set": object{"wings": 2}})
		b.ask(400, "admin", "2.1", "PUT", "/os-quota-sets/demo-id", object{"quota_set": object{"ram": -2}})
		b.ask(200, "admin", "2.1", "PUT", "/os-quota-sets/demo-id", object{"quota_set": object{"injected_files": 5}})
		b.ask(400, "admin", "2.57", "PUT", "/os-quota-sets/demo-id", object{"quota_set": object{"injected_files": 5}})
		got = b.ask(200, "admin", "2.1", "PUT", "/os-quota-sets/demo-id", object{"quota_set": object{"floating_ips": 5}})
		if dig(t, got, "quota_set", "floating_ips") != 5.0 || dig(t, got, "quota_set", "security_groups") != -1.0 {
			t.Errorf("with those of networks: %v", got)
		}
		b.ask(400, "admin", "2.36", "PUT", "/os-quota-sets/demo-id", object{"quota_set": object{"floating_ips": -1}})
		b.ask(403, "member", "2.1", "PUT", "/os-quota-sets/demo-id", object{"quota_set": object{"ram": 1}})
		b.ask(202, "admin", "2.1", "DELETE", "/os-quota-sets/demo-id", nil)
		if got := b.ask(200, "member", "2.36", "GET", "/os-quota-sets/demo-id", nil); dig(t, got, "quota_set", "instances") != 10.0 || dig(t, got, "quota_set", "id") != "demo-id" {
			t.Errorf("reset: %v", got)
		}
	})
}

func TestExtensionsAndUsage(t *testing.T) {
	t.Parallel()
	forms(t, func(t *testing.T, b *bench) {
		b.ask(200, "member", "2.1", "GET", "/extensions", nil)
		if got := b.ask(200, "member", "2.1", "GET", "/extensions/os-keypairs", nil); dig(t, got, "extension", "name") != "Keypairs" {
			t.Errorf("extension is %v", got)
		}
		b.ask(404, "member", "2.1", "GET", "/extensions/wings", nil)
		if got := b.ask(200, "member", "2.1", "GET", "/os-simple-tenant-usage/demo-id", nil); fmt.Sprint(got) != "map[tenant_usage:map[]]" {
			t.Errorf("no usage is %v", got)
		}
		b.create("one")
		b.node.Step()
		got := b.ask(200, "member", "2.1", "GET", "/os-simple-tenant-usage/demo-id?start=2020-01-01", nil)
		if dig(t, got, "tenant_usage", "server_usages", 0, "flavor") != "m1.tiny" {
			t.Errorf("usage is %v", got)
		}
		if got := b.ask(200, "admin", "2.1", "GET", "/os-simple-tenant-usage?detailed=1", nil); dig(t, got, "tenant_usages", 0, "tenant_id") != "demo-id" {
			t.Errorf("usages are %v", got)
		}
		b.create("two")
		b.node.Step()
		path := "/os-simple-tenant-usage/demo-id?start=2020-01-01"
		if got := b.ask(200, "member", "2.39", "GET", path+"&limit=1", nil); len(dig(t, got, "tenant_usage", "server_usages").([]any)) != 2 {
			t.Errorf("before there are pages: %v", got)
		}
		first := b.ask(200, "member", "2.40", "GET", path+"&limit=1", nil)
		if len(dig(t, first, "tenant_usage", "server_usages").([]any)) != 1 || dig(t, first, "tenant_usage_links", 0, "rel") != "next" {
			t.Errorf("the first page is %v", first)
		}
		marker := dig(t, first, "tenant_usage", "server_usages", 0, "instance_id").(string)
		if got := b.ask(200, "member", "2.96", "GET", path+"&limit=2&marker="+marker, nil); len(dig(t, got, "tenant_usage", "server_usages").([]any)) != 1 || got["tenant_usage_links"] != nil {
			t.Errorf("the last page is %v", got)
		}
		if got := b.ask(200, "admin", "2.40", "GET", "/os-simple-tenant-usage?detailed=1&limit=1", nil); dig(t, got, "tenant_usages_links", 0, "rel") != "next" {
			t.Errorf("a page of all is %v", got)
		}
		b.ask(400, "member", "2.40", "GET", path+"&marker="+b.image, nil)
		b.ask(400, "other", "2.40", "GET", "/os-simple-tenant-usage/foreign-id?marker="+marker, nil)
		b.ask(400, "member", "2.75", "GET", path+"&detailed=1", nil)
		b.ask(403, "member", "2.1", "GET", "/os-simple-tenant-usage", nil)
		b.ask(403, "member", "2.1", "GET", "/os-simple-tenant-usage/foreign-id", nil)
		b.ask(400, "member", "2.1", "GET", "/os-simple-tenant-usage/demo-id?start=yesterday", nil)
		b.ask(400, "member", "2.1", "GET", "/os-simple-tenant-usage/demo-id?end=2001-01-01", nil)
	})
}

func TestGroups(t *testing.T) {
	t.Parallel()
	forms(t, func(t *testing.T, b *bench) {
		old := b.ask(200, "member", "2.13", "POST", "/os-server-groups", object{"server_group": object{"name": "g", "policies": []string{"affinity"}}})
		if fmt.Sprint(dig(t, old, "server_group", "policies")) != "[affinity]" || dig(t, old, "server_group", "project_id") != "demo-id" {
			t.Errorf("group is %v", old)
		}
		made := b.ask(200, "member", "2.64", "POST", "/os-server-groups", object{"server_group": object{"name": "apart", "policy": "anti-affinity", "rules": object{"max_server_per_host": 1}}})
		id := dig(t, made, "server_group", "id").(string)
		b.ask(400, "member", "2.64", "POST", "/os-server-groups", object{"server_group": object{"name": "x", "policy": "affinity", "rules": object{"max_server_per_host": 1}}})
		b.ask(400, "member", "2.1", "POST", "/os-server-groups", object{"server_group": object{"name": "x", "policies": []string{"soft-affinity"}}})
		b.ask(400, "member", "2.1", "POST", "/os-server-groups", object{"server_group": object{"name": "x", "policies": []string{}}})
		body := b.body("a")
		body["os:scheduler_hints"] = object{"group": id}
		first := dig(t, b.ask(202, "member", "2.1", "POST", "/servers", body), "server", "id").(string)
		second := dig(t, b.ask(202, "member", "2.1", "POST", "/servers", body), "server", "id").(string)
		shown := b.ask(200, "member", "2.71", "GET", "/servers/"+second, nil)
		if dig(t, shown, "server", "status") != "ERROR" || !strings.Contains(fmt.Sprint(dig(t, shown, "server", "fault", "message")), "1 excluded by the server group") {
			t.Errorf("the second of a group that is apart: %v", shown)
		}
		if fmt.Sprint(dig(t, shown, "server", "server_groups")) != "["+id+"]" {
			t.Errorf("groups of the server: %v", shown)
		}
		group := b.ask(200, "member", "2.64", "GET", "/os-server-groups/"+id, nil)
		if fmt.Sprint(dig(t, group, "server_group", "members")) != fmt.Sprint([]any{first, second}) {
			t.Errorf("members are %v", group)
		}
		b.ask(404, "other", "2.1", "GET", "/os-server-groups/"+id, nil)
		if got := b.ask(200, "admin", "2.1", "GET", "/os-server-groups?all_projects&limit=1&offset=1", nil); len(dig(t, got, "server_groups").([]any)) != 1 {
			t.Errorf("all groups are %v", got)
		}
		if got := b.ask(200, "other", "2.1", "GET", "/os-server-groups?all_projects", nil); len(dig(t, got, "server_groups").([]any)) != 0 {
			t.Errorf("another project sees %v", got)
		}
		b.ask(204, "member", "2.1", "DELETE", "/os-server-groups/"+id, nil)
		b.ask(404, "member", "2.1", "DELETE", "/os-server-groups/"+id, nil)
		b.ask(403, "reader", "2.1", "POST", "/os-server-groups", object{"server_group": object{"name": "x", "policies": []string{"affinity"}}})
	})
}

func TestNoCallerNoAnswer(t *testing.T) {
	t.Parallel()
	b := open(t)
	for _, route := range computeapi.New(nil, nil, "").Routes {
		if route.Policy == "public" {
			continue
		}
		path := strings.NewReplacer("{project_id}", "demo-id", "{id}", "x", "{key}", "x", "{tag}", "x", "{request}", "x", "{network}", "x", "{port}", "x", "{alias}", "x").Replace(route.Path)
		if r := b.Do("", route.Method, "/compute"+path, nil); r.Status != http.StatusUnauthorized {
			t.Errorf("%s %s without a token: %d", route.Method, path, r.Status)
		}
	}
}
