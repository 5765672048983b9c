package contract

import "regexp"

// Exception is where a description is not as the real service is, or where it
// has what an extension adds that wisp does not offer.
type Exception struct {
	pattern *regexp.Regexp // of Mismatch.String, whole
	Reason  string
}

// String gives the pattern.
func (e *Exception) String() string { return e.pattern.String() }

func except(reason string, patterns ...string) []*Exception {
	list := make([]*Exception, len(patterns))
	for i, pattern := range patterns {
		list[i] = &Exception{regexp.MustCompile("^" + pattern + "$"), reason}
	}
	return list
}

func concat(lists ...[]*Exception) []*Exception {
	var all []*Exception
	for _, list := range lists {
		all = append(all, list...)
	}
	return all
}

// exceptions are those of each service. They are as narrow as a pattern can be
// and still stay readable.
var exceptions = map[string][]*Exception{
	"compute": concat(
		except("v2.0 overlooks what it does not know; Nova's own schema for it says so",
			`POST /v2.1/flavors request /(flavor/description|flavor/wings|more): is not described @0`),
		except("its range ends with 2.9, which was to be 2.91",
			`GET /v2.1/os-keypairs/{} response : this version has none @\d+`),
		except("names of key pairs may have @ and . since 2.92",
			`GET /v2.1/os-keypairs response /keypairs/\*/keypair/name: is "a.b@c" .*`),
	),
	"identity": concat(
		except("Keystone adds links to whatever it lists or shows",
			`GET /v3/auth/(catalog|system) response /links: is not described`,
			`GET /v3/users/{}/(groups|projects) response /((groups|projects)/\*/)?links: is not described`,
			`(GET|PATCH|POST) /v3/(endpoints|regions|services)(/{})? response /(endpoint|region|service)/links: is not described`,
			`GET /v3/auth/(domains|projects) response /(projects/\*/)?links: is object and should be array`),
		except("a region has parent_region_id, as the guide of the API has it",
			`(GET|PATCH|POST) /v3/regions(/{})? response /region/parent_region_id: is not described`),
		except("an endpoint has region and region_id, both null where it is in none",
			`(GET|PATCH|POST) /v3/endpoints(/{})? response /endpoint/region: is not described`,
			`POST /v3/endpoints response /endpoint/region_id: is null and should be string`,
			`(GET|POST) /v3/auth/(catalog|tokens) response (/token)?/catalog/\*/endpoints/\*/region_id: is not described`,
			`(GET|POST) /v3/auth/(catalog|tokens) response (/token)?/catalog/\*/endpoints/\*/region: is null and should be string`),
		except("these are whole projects, as everywhere",
			`GET /v3/(auth|users/{})/projects response /projects/\*/(description|enabled|is_domain|options|parent_id|tags): is not described`),
		except("these are whole roles, as everywhere",
			`GET /v3/(domains|projects)/{}/(groups|users)/{}/roles response /roles/\*/(domain_id|options): is not described`,
			`GET /v3/(domains|projects)/{}/(groups|users)/{}/roles response /roles/\*/description: is null and should be string`),
		except("a token says by what it was had; the description writes issues_at and leaves out the project's domain",
			`(GET|POST) /v3/auth/tokens response /token/(application_credential|issued_at|project/domain|OS-OAUTH1|OS-TRUST:trust): is not described`,
			`(GET|POST) /v3/auth/tokens response /token/user/password_expires_at: is null and should be string`),
		except("extension OS-OAUTH1 adds a method; a token without a scope can be asked for in so many words",
			`POST /v3/auth/tokens request /auth/identity/methods/\*: is oauth1 and should be one of .*`,
			`POST /v3/auth/tokens request /auth/scope: is string and should be object`),
		except("only what a listing cut short says that it is truncated",
			`[A-Z]+ /v3/.* response /truncated: is missing`),
		except("options are shown where they are set, and so are limits of a membership",
			`[A-Z]+ /v3/.* response .*/options/[a-z_]+: is missing`,
			`GET /v3/users/{}/groups response /groups/\*/membership_expires_at: is missing`),
		except("these are shown where they are set: filters, an endpoint's name and description, access rules, what a user is",
			`[A-Z]+ /v3/OS-EP-FILTER/endpoint_groups(/{})? response .*/filters/(enabled|interface|region_id|service_id): is missing`,
			`GET /v3/endpoints response /endpoints/\*/(name|description): is missing`,
			`(GET|POST) /v3/users/{}/application_credentials(/{})? response .*/access_rules: is missing`,
			`PATCH /v3/users/{} response /user/(default_project_id|description): is missing`,
			`POST /v3/services response /service/description: is missing`),
		except("Keystone never shows a password, and federation is not offered",
			`PATCH /v3/users/{} response /user/(federated|password): is missing`,
			`(GET|POST) /v3/auth/tokens response /token/user/OS-FEDERATION: is missing`),
		except("a token has one scope or none; one of none has neither roles nor a catalog",
			`(GET|POST) /v3/auth/tokens response /token/(catalog|domain|is_domain|project|roles|system|issues_at): is missing`,
			`GET /v3/role_assignments response /role_assignments/\*/scope/(domain|project|system|OS-INHERIT:inherited_to): is missing`),
		except("a listing of trusts leaves out their roles, and no answer says allow_redelegation",
			`GET /v3/OS-TRUST/trusts response /trusts/\*/(roles|roles_links): is missing`,
			`(GET|POST) /v3/OS-TRUST/trusts(/{})? response .*/allow_redelegation: is missing`),
		except("a region has parent_region_id",
			`(GET|PATCH|POST) /v3/regions(/{})? response /region/parent_id: is missing`),
		except("changing one group or option of a configuration shows the whole one",
			`PATCH /v3/domains/{}/config/{}(/{})? response /config: maxProperties is not kept`),
	),
	"image": concat(
		except("a schema is described as text",
			`GET /v2/schemas/[a-z_/]+ response : is object and should be string`),
		except("a patch is described as text",
			`PATCH /v2/images/{} request : is array and should be string`),
		except("the default store says so in a string",
			`GET /v2/info/stores(/detail)? response /stores/\*/default: is string and should be boolean`),
		except("only the default store says that it is, and read-only ones that they are",
			`GET /v2/info/stores(/detail)? response /stores/\*/default: is missing`,
			`GET /v2/info/stores(/detail)? response /stores/\*/read-only: is not described`),
		except("usage is one object with a key for each limit",
			`GET /v2/info/usage response /usage: is object and should be array`),
		except("Glance shows the rows of an image's tasks as they are",
			`GET /v2/images/{}/tasks response /tasks/\*/(deleted|deleted_at): is not described`),
		except("lists of tasks have pages",
			`GET /v2/tasks response /(first|next): is not described`),
		except("objects and associations come with their times and links",
			`GET /v2/metadefs/namespaces(/{})? response (/namespaces/\*)?/resource_type_associations/\*/(created_at|updated_at): is not described`,
			`GET /v2/metadefs/namespaces/{} response /objects/\*/(created_at|updated_at|schema|self): is not described`),
		except("where an image lies is shown where the cloud allows it",
			`[A-Z]+ /v2/images(/{})? response .*/(direct_url|locations|stores): is missing`),
		except("the last page names no next one, and these lists have no pages and no schema",
			`GET /v2/(images|metadefs/namespaces) response /next: is missing`,
			`GET /v2/images/{}/(members|tasks) response /(first|next|schema): is missing`,
			`GET /v2/metadefs/namespaces/{}/(objects|properties|resource_types|tags) response /(first|next|schema): is missing`,
			`GET /v2/images/{}/tasks response /tasks/\*/(schema|self): is missing`),
		except("a listing of tasks has less of each than a task shows",
			`GET /v2/tasks response /tasks/\*/[a-z_]+: is missing`),
		except("these are shown where they are set",
			`GET /v2/info/stores(/detail)? response /stores/\*/(description|weight): is missing`,
			`(GET|POST) /v2/metadefs/namespaces(/{})? response .*/(prefix|properties_target|description|enum|properties|required): is missing`),
		except("several tags are made at once; the description has the body of a single one",
			`POST /v2/metadefs/namespaces/{}/tags (request|response) /name: is missing`,
			`POST /v2/metadefs/namespaces/{}/tags (request|response) /tags: is not described`),
	),
	"network": network,
	"placement": concat(
		except("a class could be given another name until 1.6, which the description has forgotten",
			`PUT /resource_classes/{} request : this version has none @[2-6]`),
		except("allocations were lists before 1.12",
			`GET /allocation_candidates response /allocation_requests/\*/allocations: is array and should be object @1?\d`),
		except("a provider without a parent has null there",
			`(GET|POST|PUT) /resource_providers(/{})? response (/resource_providers/\*)?/parent_provider_uuid: is null and should be string`),
		except("a consumer's generation is shown since 1.28",
			`GET /resource_providers/{}/allocations response /allocations/[^/]+/consumer_generation: is not described`),
		except("traits come and go with the provider's generation",
			`GET /resource_providers/{}/traits response /resource_provider_generation: is not described`,
			`PUT /resource_providers/{}/traits (request|response) /resource_provider_generation: is not described`),
		except("usages have types of consumers only since 1.38",
			`GET /usages response /usages/[A-Z0-9_]+: is number and should be object @\d+`),
		except("one inventory is made there; the description has the body of PUT",
			`POST /resource_providers/{}/inventories (request|response) /.*: is (missing|not described)`),
	),
}

// network's descriptions come from Neutron's maps of attributes, which know no
// null, and have every attribute of every extension.
var network = concat(
	except("subnets that were put into a pool are listed without a name around them, as the plugin returns them",
		`PUT /v2.0/subnetpools/{}/onboard_network_subnets response : is array and should be object`),
	except("Neutron's rules of a policy belong to no project, by whichever path they are asked for",
		`(GET|PUT) /v2.0/qos/alias-[a-z-]+-rules/{} response /alias_[a-z_]+_rule/tenant_id: is missing`),
	except("Neutron shows project_id beside tenant_id; each description has one of them",
		`(GET|POST|PUT) /v2.0/.* response .*/(project_id|tenant_id): is not described`,
		`(GET|PUT) /v2.0/quotas/{}(/default)? response /quota/project_id: is missing`),
	except("what is not set is null",
		`(GET|PUT) /v2.0/agents(/{})? response /(agent|agents/\*)/resources_synced: is null and should be string`,
		`(GET|POST|PUT) /v2.0/floatingips(/{})? response .*/port_details: is null and should be object`,
		`(GET|POST|PUT) /v2.0/networks(/{})? response .*/(ipv4_address_scope|ipv6_address_scope|provider:physical_network): is null and should be string`,
		`(GET|POST|PUT) /v2.0/networks(/{})? (request|response) .*/provider:segmentation_id: is null and should be integer or string`,
		`(GET|POST|PUT) /v2.0/security-group.* (request|response) .*/(remote_address_group_id|remote_group_id|remote_ip_prefix|protocol): is null and should be string`,
		`(GET|POST|PUT) /v2.0/subnetpools(/{})? (request|response) .*/default_quota: is null and should be integer or string`,
		`(GET|POST|PUT) /v2.0/subnets(/{})? response .*/(ipv6_address_mode|ipv6_ra_mode): is null and should be string`,
		`POST /v2.0/agents/{}/(dhcp-networks|l3-routers) response : is null and should be object`),
	except("Neutron converts numbers from strings, protocols from numbers, and overlooks upper case",
		`POST /v2.0/security-group-rules request /security_group_rule/ethertype: is ipv6 and should be one of .*`,
		`POST /v2.0/security-group-rules request /security_group_rule/port_range_max: is string and should be null or integer`,
		`POST /v2.0/security-group-rules request /security_group_rule/protocol: is number and should be string`,
		`PUT /v2.0/quotas/{} request /quota/subnet: is string and should be integer`),
	except("the description leaves them out: tags of rules, the quota of address groups, who shares an address group, links of extensions and of pages",
		`.* response .*(security_group_rule|security_group_rules/\*)/tags: is not described`,
		`.* /v2.0/quotas.* response .*/address_group: is not described`,
		`.* /v2.0/address-groups.* response .*/shared: is not described`,
		`GET /v2.0/extensions(/{})? response .*/links: is not described`,
		`GET /v2.0/[a-z-]+ response /[a-z]+_links: is not described`),
	except("namespaces of extensions were for XML, and are gone",
		`GET /v2.0/extensions(/{})? response .*/namespace: is missing`),
	except("described as strings, and numbers, booleans and lists in Neutron",
		`GET /v2.0/network-ip-availabilities(/{})? response .*/(subnet_ip_availability|total_ips|used_ips): is (array|number) and should be string`,
		`GET /v2.0/service-providers response .*/default: is boolean and should be string`),
	except("a pair has a mac_address, which the description calls max_address",
		`(GET|POST|PUT) /v2.0/ports(/{})? response .*/allowed_address_pairs/\*/(mac_address: is not described|max_address: is missing)`),
	except("the description has one body for one and for many",
		`POST /v2.0/networks response (/networks: is not described|/network: is missing)`),
	except("an agent's routers are whole routers; the description has an old one",
		`GET /v2.0/agents/{}/l3-routers response /routers/\*/(created_at|updated_at|tags): is not described`),
	except("the answer is the whole router, as the guide of the API has it",
		`PUT /v2.0/routers/{}/(add|remove)_extraroutes response /router/[a-z_]+: is not described`),
	except("Neutron's answer has no tags; the guide of the API shows some",
		`PUT /v2.0/routers/{}/(add|remove)_router_interface response /tags: is missing`),
	except("an empty gateway takes it away",
		`PUT /v2.0/routers/{} request /router/external_gateway_info/network_id: is missing`),
	except("only administrators see where a port is bound and what a network is made of",
		`(GET|POST|PUT) /v2.0/ports(/{})? response .*/binding:(host_id|profile|vif_details|vif_type): is missing`,
		`(GET|POST|PUT) /v2.0/networks(/{})? response .*/provider:(network_type|physical_network|segmentation_id): is missing`),
	except("only external networks can be the default one",
		`(GET|POST|PUT) /v2.0/networks(/{})? response .*/is_default: is missing`),
	except("a rule of a policy has the keys of its type, and DSCP marks are numbers",
		`GET /v2.0/qos/policies/{} response /policy/rules/\*/[a-z_]+: is (missing|number and should be string)`),
	except("drivers are shown one by one, as lists",
		`GET /v2.0/qos/rule-types response /rule_types/\*/drivers: is missing`,
		`GET /v2.0/qos/rule-types/{} response /rule_type/drivers: is array and should be string`),
	except("a label's rule has no project, and one prefix or two",
		`(GET|POST) /v2.0/metering/metering-label-rules(/{})? response .*/tenant_id: is missing`,
		`(GET|POST) /v2.0/metering/metering-label-rules(/{})? response .*_ip_prefix: is null and should be string`),
	except("null asks for any address",
		`(POST|PUT) /v2.0/ports(/{})? request /port/mac_address: is null and should be string`),
	except("an agent's routers are whole routers; the description has an old gateway",
		`GET /v2.0/agents/{}/l3-routers response /routers/\*/external_gateway_info/qos_policy_id: is not described`),
	except("of extensions that are not offered: floating-ip-port-forwarding-detail, multi-provider, qinq, vlan-transparent",
		`(GET|POST|PUT) /v2.0/floatingips(/{})? response .*/port_forwardings: is missing`,
		`(GET|POST|PUT) /v2.0/networks(/{})? response .*/(segments|qinq|vlan_transparent): is missing`),
	except("of extensions that are not offered: uplink-status-propagation, dns-domain-ports, ip_allocation, port-device-profile, port-resource-request, port-hints, port-numa-affinity-policy, data-plane-status",
		`(GET|POST|PUT) /v2.0/ports(/{})? response .*/(propagate_uplink_status|dns_domain|ip_allocation|device_profile|resource_request|hints|numa_affinity_policy|data_plane_status): is missing`),
	except("of extensions that are not offered: l3-ha, dvr, l3-flavors, l3-ndp-proxy, l3-conntrack-helper",
		`(GET|POST|PUT) /v2.0/routers(/{})? response .*/(ha|distributed|flavor_id|enable_ndp_proxy|conntrack_helpers): is missing`,
		`GET /v2.0/agents/{}/l3-routers response .*/(flavor_id|service_type_id): is missing`),
	except("of extensions that are not offered: stateful-security-group, security-groups-default-rules",
		`.* /v2.0/security-group.* response .*/(stateful|belongs_to_default_sg): is missing`),
	except("of extensions that are not offered: segment, subnet-service-types, subnet-dns-publish-fixed-ip, subnet-external-network",
		`(GET|POST|PUT) /v2.0/subnets(/{})? response .*/(segment_id|service_types|dns_publish_fixed_ip|router:external): is missing`),
	except("of an extension that is not offered: network-ip-availability-details",
		`GET /v2.0/network-ip-availabilities(/{})? response .*/ip_availability_details: is missing`),
)

// Excepted gives the exception that a mismatch is, or nil.
func (d *Description) Excepted(m Mismatch) *Exception {
	for _, e := range exceptions[d.service] {
		if e.pattern.MatchString(m.String()) || e.pattern.MatchString(m.versioned()) {
			return e
		}
	}
	return nil
}

// Exceptions are all of a service's.
func (d *Description) Exceptions() []*Exception { return exceptions[d.service] }
