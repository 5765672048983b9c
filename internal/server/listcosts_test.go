package server_test

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/uptrace/bun"

	"wisp/internal/hypervisor/fake"
)

// counter counts the queries of a database.
type counter struct{ n atomic.Int64 }

func (c *counter) BeforeQuery(ctx context.Context, _ *bun.QueryEvent) context.Context {
	c.n.Add(1)
	return ctx
}

func (c *counter) AfterQuery(context.Context, *bun.QueryEvent) {}

// crowd fills a cloud with more and more of everything.
type crowd struct {
	*client
	ids map[string]string // of the newest, by what it is
	n   int
}

// thing is one of what a round makes. In paths and bodies, "{x}" is the id of
// the newest x and "{n}" is the round's number.
type thing struct {
	is     string // what its id is known as; empty when nobody needs it
	status int
	method string
	path   string
	body   any
}

var crowded = []thing{
	{"domain", 201, "POST", "/identity/v3/domains", object{"domain": object{"name": "domain {n}"}}},
	{"project", 201, "POST", "/identity/v3/projects", object{"project": object{"name": "project {n}", "tags": []string{"a{n}", "b"}, "options": object{"immutable": false}}}},
	{"another", 201, "POST", "/identity/v3/projects", object{"project": object{"name": "another {n}"}}},
	{"user", 201, "POST", "/identity/v3/users", object{"user": object{"name": "user {n}", "password": "a password {n}", "options": object{"ignore_password_expiry": true}}}},
	{"group", 201, "POST", "/identity/v3/groups", object{"group": object{"name": "group {n}"}}},
	{"role", 201, "POST", "/identity/v3/roles", object{"role": object{"name": "role {n}"}}},
	{"", 204, "PUT", "/identity/v3/groups/{group}/users/{user}", nil},
	{"", 204, "PUT", "/identity/v3/groups/{group}/users/{admin}", nil},
	{"", 204, "PUT", "/identity/v3/groups/{everyone}/users/{user}", nil},
	{"", 204, "PUT", "/identity/v3/projects/{project}/users/{user}/roles/{role}", nil},
	{"", 204, "PUT", "/identity/v3/projects/{project}/users/{admin}/roles/{role}", nil},
	{"", 204, "PUT", "/identity/v3/projects/{project}/groups/{group}/roles/{role}", nil},
	{"", 204, "PUT", "/identity/v3/domains/{domain}/users/{user}/roles/{role}", nil},
	{"", 204, "PUT", "/identity/v3/system/users/{user}/roles/{role}", nil},
	{"", 201, "PUT", "/identity/v3/roles/{role}/implies/{reader}", nil},
	{"credential", 201, "POST", "/identity/v3/credentials", object{"credential": object{"type": "cert", "blob": "blob {n}", "user_id": "{user}"}}},
	{"region", 201, "POST", "/identity/v3/regions", object{"region": object{"id": "region-{n}"}}},
	{"service", 201, "POST", "/identity/v3/services", object{"service": object{"type": "service-{n}", "name": "service {n}"}}},
	{"endpoint", 201, "POST", "/identity/v3/endpoints", object{"endpoint": object{"service_id": "{service}", "interface": "public", "region_id": "{region}", "url": "http://127.0.0.1/{n}"}}},
	{"policy", 201, "POST", "/identity/v3/policies", object{"policy": object{"type": "text/plain", "blob": "{n}"}}},
	{"", 201, "POST", "/identity/v3/registered_limits", object{"registered_limits": []object{{"service_id": "{service}", "resource_name": "thing-{n}", "default_limit": 10}}}},
	{"", 201, "POST", "/identity/v3/limits", object{"limits": []object{{"service_id": "{service}", "project_id": "{project}", "resource_name": "thing-{n}", "resource_limit": 5}}}},
	{"consumer", 201, "POST", "/identity/v3/OS-OAUTH1/consumers", object{"consumer": object{"description": "consumer {n}"}}},
	{"", 201, "POST", "/identity/v3/users/{admin}/application_credentials", object{"application_credential": object{"name": "credential {n}", "access_rules": []object{{"service": "compute", "method": "GET", "path": "/v2.1/{n}"}}}}},
	{"", 201, "POST", "/identity/v3/OS-TRUST/trusts", object{"trust": object{
		"trustor_user_id": "{admin}", "trustee_user_id": "{user}", "project_id": "{admins}", "impersonation": false, "roles": []object{{"name": "admin"}, {"name": "member"}},
	}}},
	{"endpointgroup", 201, "POST", "/identity/v3/OS-EP-FILTER/endpoint_groups", object{"endpoint_group": object{"name": "endpoints {n}", "filters": object{"interface": "admin"}}}},

	{"image", 201, "POST", "/image/v2/images", object{"name": "image {n}", "disk_format": "raw", "container_format": "bare", "tags": []string{"a", "b"}, "some": "property", "visibility": "shared"}},
	{"", 200, "POST", "/image/v2/images/{image}/members", object{"member": "{project}"}},
	{"", 200, "POST", "/image/v2/images/{first image}/members", object{"member": "another-{n}"}},
	{"", 201, "POST", "/image/v2/metadefs/namespaces", object{"namespace": "Space::N{n}"}},
	{"", 201, "POST", "/image/v2/metadefs/namespaces/Space::N{n}/resource_types", object{"name": "OS::Glance::Image"}},
	{"", 201, "POST", "/image/v2/metadefs/namespaces/Space::N10/objects", object{"name": "object{n}", "properties": object{"p": object{"type": "string", "title": "P"}}}},
	{"", 201, "POST", "/image/v2/metadefs/namespaces/Space::N10/properties", object{"name": "property{n}", "type": "string", "title": "P"}},
	{"", 201, "POST", "/image/v2/metadefs/namespaces/Space::N10/tags/tag{n}", nil},

	{"scope", 201, "POST", "/network/v2.0/address-scopes", object{"address_scope": object{"name": "scope {n}", "ip_version": 4}}},
	{"pool", 201, "POST", "/network/v2.0/subnetpools", object{"subnetpool": object{"name": "pool {n}", "prefixes": []string{"10.{n}.0.0/16", "11.{n}.0.0/16"}, "address_scope_id": "{scope}", "default_prefixlen": 24}}},
	{"network", 201, "POST", "/network/v2.0/networks", object{"network": object{"name": "network {n}"}}},
	{"", 200, "PUT", "/network/v2.0/networks/{network}/tags", object{"tags": []string{"a", "b"}}},
	{"subnet", 201, "POST", "/network/v2.0/subnets", object{"subnet": object{
		"network_id": "{network}", "ip_version": 4, "subnetpool_id": "{pool}", "dns_nameservers": []string{"9.9.9.9"}, "host_routes": []object{{"destination": "172.16.0.0/16", "nexthop": "10.{n}.0.9"}},
	}}},
	{"group6", 201, "POST", "/network/v2.0/security-groups", object{"security_group": object{"name": "group {n}"}}},
	{"", 201, "POST", "/network/v2.0/security-group-rules", object{"security_group_rule": object{"security_group_id": "{group6}", "direction": "ingress", "protocol": "tcp"}}},
	{"", 201, "POST", "/network/v2.0/address-groups", object{"address_group": object{"name": "addresses {n}", "addresses": []string{"10.0.0.0/8", "172.16.0.0/12"}}}},
	{"port", 201, "POST", "/network/v2.0/ports", object{"port": object{
		"network_id": "{network}", "security_groups": []string{"{group6}"}, "allowed_address_pairs": []object{{"ip_address": "10.200.0.{n}"}}, "extra_dhcp_opts": []object{{"opt_name": "mtu", "opt_value": "1400"}},
	}}},
	{"router", 201, "POST", "/network/v2.0/routers", object{"router": object{"name": "router {n}", "external_gateway_info": object{"network_id": "{outside}"}}}},
	{"", 200, "PUT", "/network/v2.0/routers/{router}/add_router_interface", object{"subnet_id": "{subnet}"}},
	{"", 201, "POST", "/network/v2.0/floatingips", object{"floatingip": object{"floating_network_id": "{outside}", "port_id": "{port}"}}},
	{"", 201, "POST", "/network/v2.0/rbac-policies", object{"rbac_policy": object{"object_type": "network", "object_id": "{network}", "action": "access_as_shared", "target_tenant": "{project}"}}},

	{"flavor", 200, "POST", "/compute/v2.1/flavors", object{"flavor": object{"id": "flavor-{n}", "name": "flavor {n}", "ram": 64, "vcpus": 1, "disk": 1, "os-flavor-access:is_public": false}}},
	{"", 200, "POST", "/compute/v2.1/flavors/{flavor}/os-extra_specs", object{"extra_specs": object{"hw:cpu_policy": "shared", "hw:mem_page_size": "small"}}},
	{"", 200, "POST", "/compute/v2.1/flavors/{flavor}/action", object{"addTenantAccess": object{"tenant": "{project}"}}},
	{"", 200, "POST", "/compute/v2.1/flavors/flavor-10/action", object{"addTenantAccess": object{"tenant": "{another}"}}},
	{"", 201, "POST", "/compute/v2.1/os-keypairs", object{"keypair": object{"name": "key {n}", "public_key": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPu2yWqkJ0d0Wf0ZlnkzRrGXCv1cmXc0nBHrgDwY3zfk k", "type": "ssh"}}},
	{"aggregate", 200, "POST", "/compute/v2.1/os-aggregates", object{"aggregate": object{"name": "aggregate {n}"}}},
	{"", 200, "POST", "/compute/v2.1/os-aggregates/{aggregate}/action", object{"add_host": object{"host": "{host}"}}},
	{"", 200, "POST", "/compute/v2.1/os-server-groups", object{"server_group": object{"name": "group {n}", "policy": "anti-affinity"}}},
	{"server", 202, "POST", "/compute/v2.1/servers", object{"server": object{
		"name": "server {n}", "imageRef": "{guest}", "flavorRef": "tiny", "networks": []object{{"uuid": "{network}"}}, "metadata": object{"a": "b"}, "tags": []string{"a", "b"}, "description": "one of many",
	}}},

	{"", 201, "PUT", "/placement/traits/CUSTOM_TRAIT_{n}", nil},
	{"", 201, "PUT", "/placement/resource_classes/CUSTOM_CLASS_{n}", nil},
	{"", 200, "POST", "/placement/resource_providers", object{"name": "provider {n}", "uuid": "00000000-0000-4000-8000-0000000000{n}"}},
	{"", 200, "PUT", "/placement/resource_providers/00000000-0000-4000-8000-0000000000{n}/inventories", object{"resource_provider_generation": 0, "inventories": object{"VCPU": object{"total": 8}, "MEMORY_MB": object{"total": 4096}}}},
}

// within are the lists of one thing, which grow too.
var within = []string{
	"/identity/v3/users/{admin}/projects", "/identity/v3/users/{admin}/groups", "/identity/v3/users/{admin}/application_credentials", "/identity/v3/users/{admin}/access_rules",
	"/identity/v3/groups/{everyone}/users", "/identity/v3/role_assignments?effective", "/identity/v3/role_assignments?include_names=true", "/identity/v3/role_assignments?effective&include_names=true&user.id={admin}",
	"/image/v2/images/{first image}/members", "/image/v2/metadefs/namespaces/Space::N10", "/image/v2/metadefs/namespaces/Space::N10/objects",
	"/image/v2/metadefs/namespaces/Space::N10/properties", "/image/v2/metadefs/namespaces/Space::N10/tags",
	"/compute/v2.1/flavors/flavor-10/os-flavor-access", "/compute/v2.1/os-hypervisors/detail?with_servers=true", "/compute/v2.1/os-simple-tenant-usage?detailed=1",
	"/compute/v2.1/os-simple-tenant-usage/{admins}", "/compute/v2.1/servers/detail?all_tenants=1", "/compute/v2.1/limits", "/compute/v2.1/os-quota-sets/{admins}/detail",
	"/network/v2.0/quotas/{admins}/details", "/network/v2.0/subnets?fields=id", "/network/v2.0/ports?network_id={first network}",
	"/placement/allocation_candidates?resources=VCPU:1", "/placement/resource_providers?resources=VCPU:1", "/placement/usages?project_id={admins}",
}

// unlisted are no lists without more of a request.
var unlisted = []string{"/identity/v3/auth/tokens", "/image/v2/cache", "/placement/allocation_candidates", "/placement/usages"}

// fill replaces what is in braces.
func (c *crowd) fill(text string) string {
	pairs := []string{"{n}", fmt.Sprintf("%d", c.n)}
	for is, id := range c.ids {
		pairs = append(pairs, "{"+is+"}", id)
	}
	return strings.NewReplacer(pairs...).Replace(text)
}

func (c *crowd) filled(value any) any {
	switch v := value.(type) {
	case string:
		return c.fill(v)
	case object:
		out := object{}
		for k, x := range v {
			out[k] = c.filled(x)
		}
		return out
	case []object:
		out := make([]any, len(v))
		for i, x := range v {
			out[i] = c.filled(x)
		}
		return out
	case []string:
		out := make([]any, len(v))
		for i, x := range v {
			out[i] = c.filled(x)
		}
		return out
	}
	return value
}

// id is the id in an answer, which may be in an object.
func id(answer object) string {
	for _, v := range append([]any{answer}, slices.Collect(maps.Values(answer))...) {
		if o, ok := v.(object); ok {
			switch id := o["id"].(type) {
			case string:
				return id
			case float64:
				return fmt.Sprint(id)
			}
		}
	}
	return ""
}

func (c *crowd) grow(rounds int) {
	for range rounds {
		for _, x := range crowded {
			_, made := c.ask(x.status, x.method, c.fill(x.path), c.filled(x.body))
			if x.is != "" {
				c.ids[x.is] = id(made)
				if first := "first " + x.is; c.ids[first] == "" {
					c.ids[first] = c.ids[x.is]
				}
			}
		}
		c.until(c.ids["server"], "ACTIVE")
		c.n++
	}
}

// costs says how many queries each list costs, at best of some: what the cloud
// does by itself meanwhile is counted too.
func (c *crowd) costs(count *counter) map[string]int64 {
	out := map[string]int64{}
	var lists []string
	for _, s := range c.Server.Services() {
		for _, r := range s.Routes {
			if r.Method == http.MethodGet && !strings.Contains(r.Path, "{") && (r.Status == 0 || r.Status == http.StatusOK) && r.Min <= 96 && (r.Max == 0 || r.Max >= 96) {
				lists = append(lists, s.Prefix+r.Path)
			}
		}
	}
	for _, path := range within {
		lists = append(lists, c.fill(path))
	}
	for _, path := range lists {
		for range 3 {
			before := count.n.Load()
			answer := conversation{c.t, c.Cloud}.do(c.token, http.MethodGet, path, nil, "OpenStack-API-Version", "compute 2.96, placement 1.39")
			least, known := out[path]
			if cost := count.n.Load() - before; !known || cost < least {
				out[path] = cost
			}
			if answer.StatusCode != http.StatusOK && !slices.Contains(unlisted, path) {
				c.t.Errorf("GET %s: %d", path, answer.StatusCode)
			}
		}
	}
	return out
}

// No list costs more queries when there is more of what it lists, nor of
// anything else.
func TestListsCost(t *testing.T) {
	t.Parallel()
	c := &crowd{client: start(t, fake.NewHost(fake.Options{}).Driver()), ids: map[string]string{}}
	guest := c.boot([]byte("a disk"))
	_, got := c.ask(200, "GET", "/compute/v2.1/servers/"+guest, nil)
	server := got["server"].(object)
	c.ids["host"], c.ids["guest"] = server["OS-EXT-SRV-ATTR:host"].(string), id(server["image"].(object))
	c.ids["admins"], c.ids["admin"] = server["tenant_id"].(string), server["user_id"].(string)
	_, got = c.ask(200, "GET", "/identity/v3/roles?name=reader", nil)
	c.ids["reader"] = id(got["roles"].([]any)[0].(object))
	_, got = c.ask(201, "POST", "/identity/v3/groups", object{"group": object{"name": "everyone"}})
	c.ids["everyone"] = id(got)
	_, got = c.ask(201, "POST", "/network/v2.0/networks", object{"network": object{"name": "outside", "router:external": true}})
	c.ids["outside"] = id(got)
	c.ask(201, "POST", "/network/v2.0/subnets", object{"subnet": object{"network_id": c.ids["outside"], "ip_version": 4, "cidr": "203.0.113.0/24"}})
	count := &counter{}
	read, ok := c.Server.DB.Read().(*bun.DB)
	if !ok {
		t.Fatal("the database cannot be watched")
	}
	read.AddQueryHook(count) //nolint:staticcheck // the hook must see the store's own queries; the other way makes a copy
	c.n = 10
	c.grow(2)
	few := c.costs(count)
	c.grow(5)
	many := c.costs(count)
	for path, n := range many {
		if n > few[path] {
			t.Errorf("GET %s cost %d queries, and %d when there was more of everything", path, few[path], n)
		}
	}
}
