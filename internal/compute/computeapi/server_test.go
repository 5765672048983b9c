package computeapi_test

import (
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestServers(t *testing.T) {
	t.Parallel()
	forms(t, func(t *testing.T, b *bench) {
		body := b.body("Web 1")
		server := body["server"].(object)
		server["metadata"] = object{"role": "web"}
		server["user_data"] = base64.StdEncoding.EncodeToString([]byte("#!/bin/sh"))
		server["config_drive"] = "true"
		server["tags"] = []string{"b", "a"}
		server["description"] = "the first"
		server["hostname"] = "first.example.org"
		r := b.Must(202, "member", "POST", b.prefix+"/servers", body, "OpenStack-API-Version", "compute 2.94")
		var made struct{ Server object }
		r.JSON(t, &made)
		id := made.Server["id"].(string)
		if r.Header.Get("Location") != b.URL+"/compute/v2.1/servers/"+id || len(made.Server["adminPass"].(string)) != 12 || made.Server["OS-DCF:diskConfig"] != "AUTO" {
			t.Errorf("created: %v, location %s", made, r.Header.Get("Location"))
		}
		b.node.Step()
		shown := dig(t, b.ask(200, "member", "2.1", "GET", "/servers/"+id, nil), "server").(object)
		var names []string
		for name := range shown {
			names = append(names, name)
		}
		slices.Sort(names)
		want := "OS-DCF:diskConfig OS-EXT-AZ:availability_zone OS-EXT-STS:power_state OS-EXT-STS:task_state OS-EXT-STS:vm_state OS-SRV-USG:launched_at OS-SRV-USG:terminated_at " +
			"accessIPv4 accessIPv6 addresses config_drive created flavor hostId id image key_name links metadata name os-extended-volumes:volumes_attached progress security_groups " +
			"status tenant_id updated user_id"
		if got := strings.Join(names, " "); got != want {
			t.Errorf("at 2.1 a member sees\n%s, want\n%s", got, want)
		}
		if dig(t, shown, "flavor", "id") != "m1.tiny" || dig(t, shown, "image", "links", 0, "href") != b.URL+"/compute/images/"+b.image || shown["config_drive"] != "True" {
			t.Errorf("shown: %v", shown)
		}
		if dig(t, shown, "addresses", "private", 0, "OS-EXT-IPS:type") != "fixed" || len(dig(t, shown, "hostId").(string)) != 56 {
			t.Errorf("addresses: %v", shown)
		}
		shown = dig(t, b.ask(200, "admin", "2.96", "GET", "/servers/"+id, nil), "server").(object)
		for name, value := range (object{
			"OS-EXT-SRV-ATTR:host": "node-1", "OS-EXT-SRV-ATTR:hostname": "first.example.org", "locked": false, "locked_reason": nil, "host_status": "UP", "description": "the first",
			"tags": []any{"a", "b"}, "trusted_image_certificates": nil, "server_groups": []any{}, "pinned_availability_zone": nil, "OS-EXT-SRV-ATTR:launch_index": 0.0,
			"OS-EXT-SRV-ATTR:root_device_name": "/dev/vda", "status": "ACTIVE",
		}) {
			if got, ok := shown[name]; !ok || fmt.Sprint(got) != fmt.Sprint(value) {
				t.Errorf("%s is %v (%t), want %v", name, got, ok, value)
			}
		}
		if fmt.Sprint(shown["flavor"]) != "map[disk:1 ephemeral:0 extra_specs:map[] original_name:m1.tiny ram:512 swap:0 vcpus:1]" {
			t.Errorf("flavor is %v", shown["flavor"])
		}
		updated := dig(t, b.ask(200, "member", "2.19", "PUT", "/servers/"+id, object{"server": object{"name": "new", "description": nil, "accessIPv4": "192.0.2.1", "accessIPv6": "::babe:220.12.22.2"}}), "server").(object)
		if updated["name"] != "new" || updated["description"] != nil || updated["accessIPv4"] != "192.0.2.1" || updated["accessIPv6"] != "::babe:dc0c:1602" || updated["OS-EXT-STS:vm_state"] != nil {
			t.Errorf("updated: %v", updated)
		}
		if one := dig(t, updated, "addresses", "private", 0).(object); len(one) != 2 {
			t.Errorf("an address has more than before 2.75: %v", one)
		}
		updated = dig(t, b.ask(200, "member", "2.94", "PUT", "/servers/"+id, object{"server": object{"hostname": "a.b"}}), "server").(object)
		if updated["OS-EXT-SRV-ATTR:hostname"] != "a.b" || updated["OS-EXT-STS:vm_state"] != "active" {
			t.Errorf("updated at 2.94: %v", updated)
		}
		b.ask(400, "member", "2.90", "PUT", "/servers/"+id, object{"server": object{"hostname": "a.b"}})
		b.ask(400, "member", "2.18", "PUT", "/servers/"+id, object{"server": object{"description": "x"}})
		b.ask(400, "member", "2.1", "PUT", "/servers/"+id, object{"server": object{"accessIPv4": "mars"}})
		b.ask(403, "reader", "2.1", "PUT", "/servers/"+id, object{"server": object{"name": "x"}})
		b.ask(404, "other", "2.1", "PUT", "/servers/"+id, object{"server": object{"name": "x"}})
		b.ask(403, "reader", "2.1", "DELETE", "/servers/"+id, nil)
		b.ask(204, "member", "2.1", "DELETE", "/servers/"+id, nil)
		b.node.Step()
		b.ask(404, "member", "2.1", "GET", "/servers/"+id, nil)
		b.ask(404, "member", "2.1", "DELETE", "/servers/"+id, nil)
		if got := b.ask(200, "admin", "2.1", "GET", "/servers/detail?deleted=true&all_tenants=1", nil); dig(t, got, "servers", 0, "status") != "DELETED" {
			t.Errorf("deleted servers: %v", got)
		}
	})
}

func TestServerLists(t *testing.T) {
	t.Parallel()
	forms(t, func(t *testing.T, b *bench) {
		var ids []string
		for _, name := range []string{"alpha", "beta", "gamma_1"} {
			ids = append(ids, b.create(name))
		}
		b.node.Step()
		started := time.Now().Add(-time.Hour).UTC().Format(time.RFC3339)
		b.ask(201, "member", "2.26", "PUT", "/servers/"+ids[0]+"/tags/red", nil)
		b.ask(202, "member", "2.1", "POST", "/servers/"+ids[1]+"/action", object{"lock": nil})
		b.ask(202, "member", "2.1", "POST", "/servers/"+ids[2]+"/action", object{"os-stop": nil})
		b.node.Step()
		address := dig(t, b.ask(200, "member", "2.1", "GET", "/servers/"+ids[0]+"/ips", nil), "addresses", "private", 0, "addr").(string)
		cases := []struct{ query, version, want string }{
			{"", "2.1", "gamma_1 beta alpha"},
			{"sort_key=display_name&sort_dir=asc", "2.1", "alpha beta gamma_1"},
			{"sort_key=display_name", "2.1", "gamma_1 beta alpha"},
			{"name=alp", "2.1", "alpha"},
			{"name=^ALPHA$", "2.1", "alpha"},
			{"name=^lpha", "2.1", ""},
			{"name=(beta|gamma).*", "2.1", "gamma_1 beta"},
			{"name=a_1", "2.1", "gamma_1"},
			{"status=ACTIVE", "2.1", "beta alpha"},
			{"status=active&status=SHUTOFF", "2.1", "gamma_1 beta alpha"},
			{"status=SHUTOFF", "2.1", "gamma_1"},
			{"status=REBOOT", "2.1", ""},
			{"status=FLYING", "2.1", ""},
			{"image=" + b.image, "2.1", "gamma_1 beta alpha"},
			{"image=http://x/images/" + b.network, "2.1", ""},
			{"flavor=m1.tiny", "2.1", "gamma_1 beta alpha"},
			{"flavor=other", "2.1", ""},
			{"ip=^" + strings.ReplaceAll(address, ".", `\.`) + "$", "2.1", "alpha"},
			{"ip=10.1", "2.1", "gamma_1 beta alpha"},
			{"ip6=fe80", "2.5", ""},
			{"tags=red", "2.26", "alpha"},
			{"tags-any=red,blue", "2.26", "alpha"},
			{"tags=red,blue", "2.26", ""},
			{"not-tags=red", "2.26", "gamma_1 beta"},
			{"not-tags-any=red,blue", "2.26", "gamma_1 beta"},
			{"locked=true", "2.73", "beta"},
			{"locked=false", "2.73", "gamma_1 alpha"},
			{"uuid=" + ids[0], "2.90", "gamma_1 beta alpha"}, // not for members: ignored
			{"vm_state=stopped", "2.83", "gamma_1"},
			{"vm_state=stopped", "2.82", "gamma_1 beta alpha"}, // too early
			{"power_state=1", "2.83", "beta alpha"},
			{"created_at=" + time.Now().UTC().Format("^2006-"), "2.83", "gamma_1 beta alpha"},
			{"created_at=1999", "2.83", ""},
			{"created_at=1999", "2.82", "gamma_1 beta alpha"},
			{"created_at=1999-01-01T00:00:00Z", "2.83", ""},
			{"launched_at=1999", "2.83", ""},
			{"terminated_at=20", "2.83", ""},
			{"sort_dir=asc", "2.1", "alpha beta gamma_1"},
			{"sort_key=locked_by&sort_key=display_name&sort_dir=desc", "2.1", "beta gamma_1 alpha"},
			{"sort_key=locked_by&sort_dir=asc", "2.1", "alpha gamma_1 beta"}, // the oldest first among equals
			{"sort_key=locked&sort_dir=asc", "2.72", "gamma_1 beta alpha"},   // too early
			{"sort_key=locked&sort_dir=asc", "2.73", "alpha gamma_1 beta"},
			{"sort_key=progress&sort_dir=asc", "2.75", "gamma_1 beta alpha"},
			{"status=DELETED&status=ACTIVE", "2.1", "beta alpha"},
			{"_x=1", "2.1", "gamma_1 beta alpha"},
			{"changes-since=" + started, "2.1", "gamma_1 beta alpha"},
			{"changes-before=" + started, "2.66", ""},
			{"limit=2", "2.1", "gamma_1 beta"},
			{"limit=2&marker=" + ids[1], "2.1", "alpha"},
			{"limit=0", "2.1", ""},
			{"hostname=gamma", "2.90", "gamma_1"},
			{"config_drive=true", "2.83", ""},
			{"availability_zone=mars", "2.83", ""},
			{"availability_zone=mars", "2.1", "gamma_1 beta alpha"},
			{"key_name=x", "2.83", ""},
			{"host=mars", "2.1", "gamma_1 beta alpha"}, // not for members: ignored
			{"wings=2", "2.1", "gamma_1 beta alpha"},
			{"all_tenants=0", "2.1", "gamma_1 beta alpha"},
			{"soft_deleted=True", "2.1", "gamma_1 beta alpha"}, // leaves none out
		}
		for _, c := range cases {
			for _, path := range []string{"/servers", "/servers/detail"} {
				got := b.ask(200, "member", c.version, "GET", path+"?"+strings.ReplaceAll(c.query, "+", "%2B"), nil)
				var names []string
				list, _ := got["servers"].([]any)
				for _, s := range list {
					names = append(names, dig(t, s, "name").(string))
				}
				if strings.Join(names, " ") != c.want {
					t.Errorf("%s?%s lists %v, want %s", path, c.query, names, c.want)
				}
				if got["servers"] == nil {
					t.Errorf("%s?%s has no list of servers: %v", path, c.query, got)
				}
			}
		}
		if got := b.ask(200, "member", "2.1", "GET", "/servers?limit=2", nil); !strings.Contains(fmt.Sprint(dig(t, got, "servers_links", 0, "href")), "marker="+ids[1]) {
			t.Errorf("the next page is %v", got["servers_links"])
		}
		if got := b.ask(200, "admin", "2.1", "GET", "/servers?all_tenants=True&host=node-1&project_id=demo-id", nil); len(dig(t, got, "servers").([]any)) != 3 {
			t.Errorf("an admin sees %v", got)
		}
		if got := b.ask(200, "admin", "2.1", "GET", "/servers", nil); len(dig(t, got, "servers").([]any)) != 0 {
			t.Errorf("an admin's own servers are %v", got)
		}
		refused := []struct {
			status         int
			query, version string
		}{
			{403, "all_tenants=1", "2.1"}, {400, "all_tenants=maybe", "2.1"}, {400, "limit=x", "2.1"}, {400, "limit=-1", "2.1"}, {400, "marker=nope", "2.1"},
			{400, "sort_key=wings", "2.1"}, {400, "sort_key=display_name&sort_dir=up", "2.1"}, {400, "changes-since=yesterday", "2.1"}, {400, "status=FLYING", "2.38"},
			{403, "status=DELETED", "2.1"}, {400, "wings=2", "2.75"}, {403, "sort_key=host", "2.1"},
			{400, "sort_key=id", "2.75"}, {400, "sort_key=vcpus", "2.75"}, {400, "sort_dir=up", "2.1"}, {400, "sort_key=uuid&sort_dir=asc&sort_dir=asc", "2.1"}, {400, "name=(", "2.1"}, {400, "locked=maybe", "2.73"},
			{400, "changes-since=2020-01-02T00:00:00Z&changes-before=2020-01-01T00:00:00Z", "2.66"},
		}
		for _, c := range refused {
			b.ask(c.status, "member", c.version, "GET", "/servers/detail?"+c.query, nil)
		}
		for _, query := range []string{"_x=1", "metadata=1"} {
			b.ask(400, "admin", "2.1", "GET", "/servers?"+query, nil)
		}
	})
}

// TestServerListsOfAdmins filters by what is ignored from others.
func TestServerListsOfAdmins(t *testing.T) {
	t.Parallel()
	forms(t, func(t *testing.T, b *bench) {
		kernel := b.cloud.Image(object{"name": "kernel", "disk_format": "aki", "container_format": "aki"})
		booted := b.cloud.Image(object{"name": "booted", "kernel_id": kernel})
		b.create("plain")
		b.image = booted
		second := b.create("kernel")
		gone := b.create("gone")
		b.ask(202, "member", "2.1", "POST", "/servers/"+second+"/action", object{"lock": nil})
		b.node.Step()
		b.ask(204, "member", "2.1", "DELETE", "/servers/"+gone, nil)
		b.node.Step()
		created := dig(t, b.ask(200, "admin", "2.1", "GET", "/servers/"+second, nil), "server", "created").(string)
		for query, want := range map[string]string{
			"":                                   "kernel plain",
			"kernel_id=" + kernel:                "kernel",
			"kernel_id=" + booted:                "",
			"ramdisk_id=" + kernel:               "",
			"locked_by=owner":                    "kernel",
			"locked_by=admin":                    "",
			"uuid=" + second:                     "kernel",
			"display_name=^k":                    "kernel",
			"created_at=" + created:              "kernel plain",
			"created_at=2001-01-01T00:00:00Z":    "",
			"changes-since=2001-01-01T00:00:00Z": "gone kernel plain",
			"changes-since=2001-01-01T00:00:00Z&deleted=False": "kernel plain",
			"changes-since=2001-01-01T00:00:00Z&deleted=True":  "gone",
			"status=DELETED":               "gone",
			"status=DELETED&status=ACTIVE": "kernel plain",
			"sort_key=host&sort_dir=asc":   "plain kernel",
		} {
			var names []string
			list, _ := b.ask(200, "admin", "2.90", "GET", "/servers?all_tenants=1&"+query, nil)["servers"].([]any)
			for _, s := range list {
				names = append(names, dig(t, s, "name").(string))
			}
			if strings.Join(names, " ") != want {
				t.Errorf("?%s lists %v, want %s", query, names, want)
			}
		}
	})
}

func TestCreateRefuses(t *testing.T) {
	t.Parallel()
	b := open(t)
	cases := []struct {
		name, field string
		value       any
		version     string
		status      int
		part        string
	}{
		{"no name", "name", nil, "2.1", 400, "'name' is a required property"},
		{"empty name", "name", "", "2.1", 400, "Invalid input for field/attribute name. Value: ''. '' is too short"},
		{"long name", "name", strings.Repeat("x", 256), "2.1", 400, "is too long"},
		{"control characters", "name", "a\nb", "2.1", 400, "printable"},
		{"no flavor", "flavorRef", nil, "2.1", 400, "'flavorRef' is a required property"},
		{"unknown flavor", "flavorRef", "nope", "2.1", 400, "Flavor nope could not be found."},
		{"no image", "imageRef", nil, "2.1", 400, "Invalid imageRef provided."},
		{"empty image", "imageRef", "", "2.1", 400, "Invalid imageRef provided."},
		{"image is no uuid", "imageRef", "cirros", "2.1", 400, "Invalid input for field/attribute imageRef. Value: 'cirros'."},
		{"unknown image", "imageRef", "6b4e7b1e-0000-4000-8000-000000000000", "2.1", 400, "Can not find requested image"},
		{"no networks", "networks", nil, "2.37", 400, "'networks' is a required property"},
		{"networks word", "networks", "all", "2.37", 400, "Invalid input for field/attribute networks. Value: 'all'. 'all' is not one of ['none', 'auto']"},
		{"networks word too early", "networks", "none", "2.36", 400, "'none' is not of type 'array'"},
		{"network without uuid", "networks", []any{object{}}, "2.1", 400, "Bad network format: missing 'uuid'"},
		{"network is no uuid", "networks", []any{object{"uuid": "x"}}, "2.1", 400, "Bad networks format: network uuid is not in proper format (x)"},
		{"network is no uuid later", "networks", []any{object{"uuid": "x"}}, "2.37", 400, "Invalid input for field/attribute uuid. Value: 'x'. 'x' is not a 'uuid'"},
		{"fixed ip is none", "networks", []any{object{"uuid": "6b4e7b1e-0000-4000-8000-000000000000", "fixed_ip": "x"}}, "2.1", 400, "'x' is not a 'ip'"},
		{"tag too early", "networks", []any{object{"uuid": "6b4e7b1e-0000-4000-8000-000000000000", "tag": "x"}}, "2.41", 400, "'tag' was unexpected"},
		{"port and address", "networks", []any{object{"port": "6b4e7b1e-0000-4000-8000-000000000000", "fixed_ip": "10.1.0.9"}}, "2.1", 400, "cannot be specified together"},
		{"port twice", "networks", []any{object{"port": "6b4e7b1e-0000-4000-8000-000000000000"}, object{"port": "6b4e7b1e-0000-4000-8000-000000000000"}}, "2.1", 400, "was specified twice"},
		{"unknown port", "networks", []any{object{"port": "6b4e7b1e-0000-4000-8000-000000000000"}}, "2.1", 400, "6b4e7b1e-0000-4000-8000-000000000000"},
		{"user data", "user_data", "!!!", "2.1", 400, "Invalid input for field/attribute user_data"},
		{"long user data", "user_data", strings.Repeat("QUJD", 16384), "2.1", 400, "is too long"},
		{"metadata value", "metadata", object{"a": 1}, "2.1", 400, "Invalid input for field/attribute a. Value: 1. 1 is not of type 'string'"},
		{"metadata key", "metadata", object{"a/b": "x"}, "2.1", 400, "Additional properties are not allowed ('a/b' was unexpected)"},
		{"counts", "min_count", 3, "2.1", 403, ""},
		{"zero", "max_count", 0, "2.1", 400, "0 is less than the minimum of 1"},
		{"too many", "max_count", 1001, "2.1", 400, "greater than the maximum of 1000"},
		{"config drive", "config_drive", "maybe", "2.1", 400, "Invalid input for field/attribute config_drive"},
		{"files", "personality", []any{object{"path": "/x", "contents": "QQ=="}}, "2.1", 403, "Personality file limit exceeded"},
		{"files too late", "personality", []any{}, "2.57", 400, "'personality' was unexpected"},
		{"description too early", "description", "x", "2.18", 400, "'description' was unexpected"},
		{"tags too early", "tags", []string{"x"}, "2.51", 400, "'tags' was unexpected"},
		{"bad tag", "tags", []string{"a,b"}, "2.52", 400, "does not match"},
		{"host too early", "host", "node-1", "2.73", 400, "'host' was unexpected"},
		{"host for members", "host", "node-1", "2.74", 403, "requested_destination"},
		{"zone and host for members", "availability_zone", "nova:node-1", "2.1", 403, "forced_host"},
		{"unknown zone", "availability_zone", "mars", "2.1", 400, "availability zone"},
		{"too many parts", "availability_zone", "a:b:c:d", "2.1", 400, "Unable to parse"},
		{"hostname too early", "hostname", "x1", "2.89", 400, "'hostname' was unexpected"},
		{"full hostname too early", "hostname", "a.b", "2.93", 400, "hostname"},
		{"unknown key", "key_name", "nope", "2.1", 400, "Invalid key_name provided."},
		{"certificates", "trusted_image_certificates", []string{"x"}, "2.63", 400, "certificate"},
		{"volume", "block_device_mapping_v2", []any{object{"source_type": "volume", "destination_type": "volume", "uuid": "x", "boot_index": 0}}, "2.1", 400, "Block Device Mapping is Invalid"},
		{"old volume", "block_device_mapping", []any{object{}}, "2.1", 400, "Block Device Mapping is Invalid"},
		{"unknown field", "wings", 2, "2.1", 400, "Additional properties are not allowed ('wings' was unexpected)"},
		{"several at once", "OS-DCF:diskConfig", "SOMETIMES", "2.1", 400, "'SOMETIMES' is not one of ['AUTO', 'MANUAL']"},
	}
	b.ask(200, "admin", "2.1", "PUT", "/os-quota-sets/demo-id", object{"quota_set": object{"instances": 2}})
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			body := b.body("x")
			server := body["server"].(object)
			if c.value == nil {
				delete(server, c.field)
			} else {
				server[c.field] = c.value
			}
			got := b.ask(c.status, "member", c.version, "POST", "/servers", body)
			if !strings.Contains(fmt.Sprint(got), c.part) {
				t.Errorf("answer %v, want %q", got, c.part)
			}
		})
	}
	b.ask(403, "reader", "2.1", "POST", "/servers", b.body("x"))
	b.ask(400, "member", "2.1", "POST", "/servers", object{})
	b.ask(413, "member", "2.1", "POST", "/servers", strings.Repeat(" ", 2<<20))
	body := b.body("x")
	body["server"].(object)["adminPass"], body["server"].(object)["wings"] = "s3cret", 1
	if got := b.ask(400, "member", "2.1", "POST", "/servers", body); strings.Contains(fmt.Sprint(got), "s3cret") {
		t.Errorf("the password is in the answer: %v", got)
	}
}

func TestCreateForms(t *testing.T) {
	t.Parallel()
	b := open(t)
	many := b.body("many")
	many["server"].(object)["min_count"], many["server"].(object)["max_count"], many["server"].(object)["return_reservation_id"] = "2", 3, true
	reservation := dig(t, b.ask(202, "member", "2.1", "POST", "/servers", many), "reservation_id").(string)
	list := b.ask(200, "member", "2.1", "GET", "/servers?reservation_id="+reservation+"&sort_key=display_name&sort_dir=asc", nil)
	if len(dig(t, list, "servers").([]any)) != 3 || dig(t, list, "servers", 2, "name") != "many-3" {
		t.Errorf("a reservation has %v", list)
	}
	disk := b.body("disk")
	delete(disk["server"].(object), "imageRef")
	disk["server"].(object)["block_device_mapping_v2"] = []any{object{"source_type": "image", "destination_type": "local", "uuid": b.image, "boot_index": "0", "delete_on_termination": true}}
	b.ask(202, "member", "2.1", "POST", "/servers", disk)
	none := b.body("none")
	none["server"].(object)["networks"] = "none"
	id := dig(t, b.ask(202, "member", "2.37", "POST", "/servers", none), "server", "id").(string)
	if got := b.ask(200, "member", "2.1", "GET", "/servers/"+id, nil); len(dig(t, got, "server", "addresses").(object)) != 0 {
		t.Errorf("without networks it has %v", got)
	}
	auto := b.body("auto")
	auto["server"].(object)["networks"] = "auto"
	auto["server"].(object)["security_groups"] = []any{object{"name": "default"}}
	id = dig(t, b.ask(202, "member", "2.37", "POST", "/servers", auto), "server", "id").(string)
	if got := b.ask(200, "member", "2.1", "GET", "/servers/"+id, nil); dig(t, got, "server", "addresses", "private") == nil {
		t.Errorf("auto has %v", got)
	}
	stranger := b.body("stranger")
	stranger["server"].(object)["networks"], stranger["server"].(object)["flavorRef"] = "auto", b.flavor
	if got := b.ask(400, "other", "2.37", "POST", "/servers", stranger); !strings.Contains(fmt.Sprint(got), "Unable to automatically allocate a network. Deployment error: No default router:external network.") {
		t.Errorf("auto in a cloud without a default network: %v", got)
	}
	forced := b.body("forced")
	forced["server"].(object)["availability_zone"], forced["server"].(object)["networks"] = "nova:node-1", "none"
	b.ask(202, "admin", "2.37", "POST", "/servers", forced)
	forced["server"].(object)["availability_zone"] = "nova:mars"
	b.ask(400, "admin", "2.37", "POST", "/servers", forced)
	near := b.body("near")
	near["os:scheduler_hints"] = object{"same_host": id}
	b.ask(202, "member", "2.1", "POST", "/servers", near)
	apart := b.body("apart")
	apart["os:scheduler_hints"] = object{"different_host": []string{id}}
	id = dig(t, b.ask(202, "member", "2.1", "POST", "/servers", apart), "server", "id").(string)
	if got := b.ask(200, "member", "2.1", "GET", "/servers/"+id, nil); dig(t, got, "server", "status") != "ERROR" || dig(t, got, "server", "fault", "details") != nil {
		t.Errorf("apart on one host: %v", got)
	}
	if got := b.ask(200, "admin", "2.1", "GET", "/servers/"+id, nil); !strings.Contains(fmt.Sprint(dig(t, got, "server", "fault", "details")), "node-1") {
		t.Errorf("an admin reads %v", got)
	}
}

func TestActions(t *testing.T) {
	t.Parallel()
	forms(t, func(t *testing.T, b *bench) {
		id := b.create("one")
		act := func(status int, token, version string, body any) object {
			t.Helper()
			return b.ask(status, token, version, "POST", "/servers/"+id+"/action", body)
		}
		act(409, "member", "2.1", object{"os-stop": nil})
		act(409, "member", "2.1", object{"os-getConsoleOutput": object{}})
		b.node.Step()
		if got := act(409, "member", "2.1", object{"os-start": nil}); dig(t, got, "conflictingRequest", "message") != "Cannot 'start' instance "+id+" while it is in vm_state active" {
			t.Errorf("start while active: %v", got)
		}
		act(202, "member", "2.1", object{"os-stop": nil})
		act(409, "member", "2.1", object{"os-stop": nil})
		b.node.Step()
		act(409, "member", "2.1", object{"reboot": object{"type": "SOFT"}})
		act(202, "member", "2.1", object{"os-start": nil})
		b.node.Step()
		act(202, "member", "2.1", object{"reboot": object{"type": "SOFT"}})
		act(202, "member", "2.1", object{"reboot": object{"type": "hard"}})
		b.node.Step()
		act(400, "member", "2.1", object{"reboot": object{"type": "sideways"}})
		act(400, "member", "2.1", object{"reboot": nil})
		for _, unknown := range []string{"addHost", "fly"} {
			if got := act(400, "member", "2.1", object{unknown: object{}}); dig(t, got, "badRequest", "message") != "There is no such action: "+unknown {
				t.Errorf("unknown action: %v", got)
			}
		}
		act(400, "member", "2.1", object{})
		act(400, "member", "2.1", object{"os-start": nil, "os-stop": nil})
		act(403, "reader", "2.1", object{"os-stop": nil})

		if got := act(200, "member", "2.1", object{"os-getConsoleOutput": object{"length": "2"}}); got["output"] != "line 2\uFFFD\n" {
			t.Errorf("console: %v", got)
		}
		if got := act(200, "member", "2.1", object{"os-getConsoleOutput": object{"length": -1}}); got["output"] != "line 1\nline 2\uFFFD\n" {
			t.Errorf("console: %q", got)
		}
		if got := act(200, "member", "2.1", object{"os-getConsoleOutput": object{"length": 0}}); got["output"] != "" {
			t.Errorf("console: %q", got)
		}
		act(400, "member", "2.1", object{"os-getConsoleOutput": object{"length": "many"}})

		act(202, "member", "2.73", object{"lock": object{"locked_reason": "mine"}})
		if got := b.ask(200, "member", "2.73", "GET", "/servers/"+id, nil); dig(t, got, "server", "locked") != true || dig(t, got, "server", "locked_reason") != "mine" {
			t.Errorf("locked: %v", got)
		}
		act(409, "member", "2.1", object{"os-stop": nil})
		b.ask(409, "member", "2.1", "DELETE", "/servers/"+id, nil)
		b.ask(409, "member", "2.1", "POST", "/servers/"+id+"/metadata", object{"metadata": object{"a": "b"}})
		act(202, "member", "2.1", object{"unlock": nil})
		act(202, "admin", "2.1", object{"lock": nil})
		act(403, "member", "2.1", object{"unlock": nil})
		act(202, "admin", "2.1", object{"unlock": nil})

		act(403, "member", "2.1", object{"os-resetState": object{"state": "error"}})
		act(400, "admin", "2.1", object{"os-resetState": object{"state": "flying"}})
		act(202, "admin", "2.1", object{"os-resetState": object{"state": "error"}})
		b.node.Step()
		if got := b.ask(200, "member", "2.1", "GET", "/servers/"+id, nil); dig(t, got, "server", "status") != "ERROR" {
			t.Errorf("reset: %v", got)
		}
		act(202, "admin", "2.1", object{"os-resetState": object{"state": "active"}})

		list := b.ask(200, "member", "2.58", "GET", "/servers/"+id+"/os-instance-actions?limit=1", nil)
		if dig(t, list, "instanceActions", 0, "action") != "os-resetState" || dig(t, list, "links", 0, "rel") != "next" || dig(t, list, "instanceActions", 0, "updated_at") == nil {
			t.Errorf("actions: %v", list)
		}
		b.ask(400, "member", "2.58", "GET", "/servers/"+id+"/os-instance-actions?marker=req-x", nil)
		b.ask(400, "member", "2.58", "GET", "/servers/"+id+"/os-instance-actions?changes-since=x", nil)
		b.ask(404, "other", "2.1", "GET", "/servers/"+id+"/os-instance-actions", nil)
		all := dig(t, b.ask(200, "member", "2.1", "GET", "/servers/"+id+"/os-instance-actions", nil), "instanceActions").([]any)
		create := all[len(all)-1]
		request := dig(t, create, "request_id").(string)
		shown := b.ask(200, "admin", "2.84", "GET", "/servers/"+id+"/os-instance-actions/"+request, nil)
		built := named(dig(t, shown, "instanceAction", "events").([]any), "compute__do_build_and_run_instance")
		if dig(t, shown, "instanceAction", "action") != "create" || built["result"] != "Success" || built["host"] != "node-1" {
			t.Errorf("create was %v", shown)
		}
		if shown = b.ask(200, "member", "2.1", "GET", "/servers/"+id+"/os-instance-actions/"+request, nil); dig(t, shown, "instanceAction", "events") != nil {
			t.Errorf("a member at 2.1 sees %v", shown)
		}
		if shown = b.ask(200, "member", "2.62", "GET", "/servers/"+id+"/os-instance-actions/"+request, nil); dig(t, shown, "instanceAction", "events", 0, "host") != nil ||
			len(named(dig(t, shown, "instanceAction", "events").([]any), "compute__do_build_and_run_instance")["hostId"].(string)) != 56 {
			t.Errorf("a member at 2.62 sees %v", shown)
		}
		b.ask(404, "member", "2.1", "GET", "/servers/"+id+"/os-instance-actions/req-x", nil)
	})
}

func TestMetadataTagsAndPorts(t *testing.T) {
	t.Parallel()
	forms(t, func(t *testing.T, b *bench) {
		id := b.create("one")
		at := "/servers/" + id
		refused := func() {
			t.Helper()
			meta, tags := object{"metadata": object{"a": "1"}}, object{"tags": []string{"a"}}
			for action, ask := range map[string][]struct {
				method, path string
				body         any
			}{
				"update metadata": {{"POST", "/metadata", meta}, {"PUT", "/metadata", meta}, {"PUT", "/metadata/a", object{"meta": object{"a": "1"}}}},
				"delete metadata": {{"DELETE", "/metadata/a", nil}},
				"update tags":     {{"PUT", "/tags", tags}},
				"update tag":      {{"PUT", "/tags/a", nil}},
				"delete tag":      {{"DELETE", "/tags/a", nil}},
				"delete tags":     {{"DELETE", "/tags", nil}},
			} {
				for _, one := range ask {
					got := b.ask(409, "member", "2.26", one.method, at+one.path, one.body)
					if text := fmt.Sprint(dig(t, got, "conflictingRequest", "message")); !strings.HasPrefix(text, "Cannot '"+action+"' instance "+id+" while it is in vm_state") {
						t.Errorf("%s %s: %s", one.method, one.path, text)
					}
				}
			}
		}
		refused() // it is being built
		b.node.Step()
		b.ask(202, "admin", "2.1", "POST", at+"/action", object{"os-resetState": object{"state": "error"}})
		refused()
		b.ask(202, "admin", "2.1", "POST", at+"/action", object{"os-resetState": object{"state": "active"}})
		b.ask(200, "member", "2.1", "POST", at+"/metadata", object{"metadata": object{"a": "1", "b": "2"}})
		b.ask(200, "member", "2.1", "PUT", at+"/metadata/b", object{"meta": object{"b": "3"}})
		b.ask(400, "member", "2.1", "PUT", at+"/metadata/b", object{"meta": object{"c": "3"}})
		b.ask(400, "member", "2.1", "POST", at+"/metadata", object{"metadata": object{"a": nil}})
		if got := b.ask(200, "member", "2.1", "GET", at+"/metadata", nil); fmt.Sprint(got["metadata"]) != "map[a:1 b:3]" {
			t.Errorf("metadata: %v", got)
		}
		b.ask(200, "reader", "2.1", "GET", at+"/metadata/b", nil)
		b.ask(403, "reader", "2.1", "DELETE", at+"/metadata/b", nil)
		b.ask(204, "member", "2.1", "DELETE", at+"/metadata/b", nil)
		b.ask(404, "member", "2.1", "DELETE", at+"/metadata/b", nil)
		b.ask(404, "member", "2.1", "GET", at+"/metadata/b", nil)
		b.ask(404, "other", "2.1", "GET", at+"/metadata", nil)
		if got := b.ask(200, "member", "2.1", "PUT", at+"/metadata", object{"metadata": object{"z": "9"}}); fmt.Sprint(got["metadata"]) != "map[z:9]" {
			t.Errorf("replaced: %v", got)
		}
		many := object{}
		for i := range 129 {
			many[fmt.Sprint(i)] = "x"
		}
		b.ask(403, "member", "2.1", "PUT", at+"/metadata", object{"metadata": many})

		b.ask(404, "member", "2.25", "GET", at+"/tags", nil)
		b.ask(200, "member", "2.26", "PUT", at+"/tags", object{"tags": []string{"b", "a", "b"}})
		if got := b.ask(200, "member", "2.26", "GET", at+"/tags", nil); fmt.Sprint(got["tags"]) != "[a b]" {
			t.Errorf("tags: %v", got)
		}
		b.ask(201, "member", "2.26", "PUT", at+"/tags/c", nil)
		b.ask(204, "member", "2.26", "PUT", at+"/tags/c", nil)
		b.ask(400, "member", "2.26", "PUT", at+"/tags/a,b", nil)
		b.ask(204, "member", "2.26", "GET", at+"/tags/c", nil)
		b.ask(404, "member", "2.26", "GET", at+"/tags/x", nil)
		b.ask(204, "member", "2.26", "DELETE", at+"/tags/c", nil)
		b.ask(404, "member", "2.26", "DELETE", at+"/tags/c", nil)
		b.ask(204, "member", "2.26", "DELETE", at+"/tags", nil)
		b.ask(404, "other", "2.26", "GET", at+"/tags", nil)
		b.ask(403, "reader", "2.26", "PUT", at+"/tags/x", nil)

		b.ask(200, "member", "2.1", "GET", at+"/ips/private", nil)
		b.ask(404, "member", "2.1", "GET", at+"/ips/mars", nil)
		list := b.ask(200, "member", "2.70", "GET", at+"/os-interface", nil)
		port := dig(t, list, "interfaceAttachments", 0, "port_id").(string)
		if dig(t, list, "interfaceAttachments", 0, "net_id") != b.network {
			t.Errorf("interfaces: %v", list)
		}
		b.ask(200, "member", "2.1", "GET", at+"/os-interface/"+port, nil)
		b.ask(404, "member", "2.1", "GET", at+"/os-interface/"+b.image, nil)
		b.ask(404, "other", "2.1", "GET", at+"/os-interface", nil)
		if got := b.ask(200, "member", "2.1", "GET", at+"/os-security-groups", nil); dig(t, got, "security_groups", 0, "name") != "default" {
			t.Errorf("security groups: %v", got)
		}
		volume := func(id string, more object) object {
			attachment := object{"volumeId": id, "device": "/dev/vdb"}
			maps.Copy(attachment, more)
			return object{"volumeAttachment": attachment}
		}
		const noVolume = "8a5e0e0e-0000-4000-8000-000000000001"
		got := b.ask(404, "member", "2.79", "POST", at+"/os-volume_attachments", volume(noVolume, object{"tag": "data", "delete_on_termination": true}))
		if message := dig(t, got, "itemNotFound", "message"); message != "Volume "+noVolume+" could not be found." {
			t.Errorf("attaching a volume: %v", message)
		}
		b.ask(400, "member", "2.1", "POST", at+"/os-volume_attachments", volume("no-id", nil))
		b.ask(400, "member", "2.48", "POST", at+"/os-volume_attachments", volume(noVolume, object{"tag": "data"}))
		b.ask(403, "reader", "2.1", "POST", at+"/os-volume_attachments", volume(noVolume, nil))
		b.ask(404, "other", "2.1", "POST", at+"/os-volume_attachments", volume(noVolume, nil))
		if got := b.ask(200, "member", "2.1", "GET", at+"/os-volume_attachments", nil); len(dig(t, got, "volumeAttachments").([]any)) != 0 {
			t.Errorf("volumes: %v", got)
		}
	})
}
