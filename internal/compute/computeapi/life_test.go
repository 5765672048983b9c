package computeapi_test

import (
	"strings"
	"testing"

	"wisp/internal/errs"
)

// act does an action to a server at a microversion.
func (b *bench) act(status int, token, version, id string, body object) object {
	b.t.Helper()
	return b.ask(status, token, version, "POST", "/servers/"+id+"/action", body)
}

// status is what a server shows.
func (b *bench) status(id string) string {
	b.t.Helper()
	return dig(b.t, b.ask(200, "member", "2.1", "GET", "/servers/"+id, nil), "server", "status").(string)
}

func (b *bench) wantStatus(id, want string) {
	b.t.Helper()
	if got := b.status(id); got != want {
		b.t.Fatalf("the server is %s, want %s", got, want)
	}
}

// active makes a server that runs.
func (b *bench) active(name string) string {
	b.t.Helper()
	id := b.create(name)
	b.node.Step()
	return id
}

// does acts, lets the host follow, and checks the status.
func (b *bench) does(status int, id string, body object, want string) object {
	b.t.Helper()
	answer := b.act(status, "member", "2.1", id, body)
	b.node.Step()
	b.wantStatus(id, want)
	return answer
}

func TestLifeOfServers(t *testing.T) {
	forms(t, func(t *testing.T, b *bench) {
		id := b.active("web")
		b.does(202, id, object{"pause": nil}, "PAUSED")
		b.act(409, "member", "2.1", id, object{"pause": nil})
		b.does(202, id, object{"unpause": nil}, "ACTIVE")
		b.does(202, id, object{"suspend": nil}, "SUSPENDED")
		b.does(202, id, object{"resume": nil}, "ACTIVE")

		if pass := b.does(200, id, object{"rescue": object{"adminPass": "secret"}}, "RESCUE")["adminPass"]; pass != "secret" {
			t.Errorf("the password is %v", pass)
		}
		b.act(409, "member", "2.1", id, object{"rescue": nil})
		b.does(202, id, object{"unrescue": nil}, "ACTIVE")
		b.act(400, "member", "2.1", id, object{"rescue": object{"rescue_image_ref": "no-id"}})
		b.act(400, "member", "2.1", id, object{"rescue": object{"more": 1}})

		large := b.cloud.Flavor("large", 2, 1024, 2)
		b.act(400, "member", "2.1", id, object{"resize": object{"flavorRef": ""}})
		b.act(400, "member", "2.1", id, object{"resize": object{"flavorRef": b.flavor}})
		b.act(400, "member", "2.1", id, object{"resize": object{"flavorRef": large, "more": 1}})
		b.does(202, id, object{"resize": object{"flavorRef": large}}, "VERIFY_RESIZE")
		b.does(202, id, object{"revertResize": nil}, "ACTIVE")
		b.does(202, id, object{"resize": object{"flavorRef": large}}, "VERIFY_RESIZE")
		b.does(204, id, object{"confirmResize": nil}, "ACTIVE")
		b.act(409, "member", "2.1", id, object{"confirmResize": nil})

		b.does(202, id, object{"shelve": nil}, "SHELVED")
		b.node.Step()
		b.wantStatus(id, "SHELVED_OFFLOADED")
		b.act(403, "member", "2.1", id, object{"shelveOffload": nil})
		b.act(409, "admin", "2.1", id, object{"shelveOffload": nil})
		b.act(400, "member", "2.77", id, object{"unshelve": object{}})
		b.act(400, "member", "2.77", id, object{"unshelve": object{"availability_zone": "nova", "host": "node-1"}})
		b.act(403, "member", "2.91", id, object{"unshelve": object{"host": "node-1"}})
		b.act(202, "member", "2.91", id, object{"unshelve": object{"availability_zone": nil}})
		b.node.Step()
		b.wantStatus(id, "ACTIVE")
	})
}

func TestRebuildAnswers(t *testing.T) {
	t.Parallel()
	b := open(t)
	id := b.active("web")
	other := b.cloud.Image(nil)
	rebuild := func(version string, more object) object {
		t.Helper()
		body := object{"imageRef": other}
		for name, value := range more {
			body[name] = value
		}
		answer := dig(t, b.act(202, "member", version, id, object{"rebuild": body}), "server").(object)
		b.node.Step()
		b.wantStatus(id, "ACTIVE")
		return answer
	}
	plain := rebuild("2.1", object{"name": "renamed", "metadata": object{"a": "b"}, "adminPass": "secret"})
	if plain["name"] != "renamed" || plain["adminPass"] != "secret" || plain["status"] != "REBUILD" || dig(t, plain, "image", "id") != other {
		t.Errorf("rebuilt: %v", plain)
	}
	for version, shown := range map[string]map[string]bool{
		"2.53": {"key_name": false, "user_data": false, "OS-EXT-STS:vm_state": false},
		"2.57": {"key_name": true, "user_data": true, "OS-EXT-STS:vm_state": false},
		"2.75": {"key_name": true, "user_data": true, "OS-EXT-STS:vm_state": true},
	} {
		answer := rebuild(version, nil)
		for name, want := range shown {
			if _, is := answer[name]; is != want {
				t.Errorf("%s at %s: shown is %v", name, version, is)
			}
		}
	}
	whole := dig(t, b.act(202, "admin", "2.75", id, object{"rebuild": object{"imageRef": other}}), "server").(object)
	b.node.Step()
	if _, is := whole["OS-EXT-SRV-ATTR:user_data"]; is || whole["OS-EXT-SRV-ATTR:host"] != "node-1" {
		t.Errorf("to an admin: %v", whole)
	}
	if data := rebuild("2.57", object{"user_data": "aGFsbG8="})["user_data"]; data != "aGFsbG8=" {
		t.Errorf("the user data are %v", data)
	}
	if data := rebuild("2.57", object{"user_data": nil})["user_data"]; data != nil {
		t.Errorf("the user data are %v", data)
	}
	for _, wrong := range []object{{}, {"imageRef": "no-id"}, {"imageRef": other, "more": 1}, {"imageRef": other, "key_name": "none"}, {"imageRef": other, "preserve_ephemeral": true}} {
		b.act(400, "member", "2.54", id, object{"rebuild": wrong})
	}
}

func TestImagesOfServers(t *testing.T) {
	t.Parallel()
	b := open(t)
	id := b.active("web")
	made := b.Must(202, "member", "POST", b.prefix+"/servers/"+id+"/action", object{"createImage": object{"name": "copy"}})
	if at := made.Header.Get("Location"); !strings.Contains(at, "/images/") || len(made.Body) > 0 {
		t.Errorf("the image is at %q, with the body %q", at, made.Body)
	}
	b.act(409, "member", "2.1", id, object{"createImage": object{"name": "copy"}})
	b.node.Step()
	if image := b.act(202, "member", "2.45", id, object{"createImage": object{"name": "copy"}})["image_id"]; image == nil {
		t.Error("no image is named")
	}
	b.node.Step()
	for _, wrong := range []object{{}, {"name": strings.Repeat("a", 256)}, {"name": "a", "metadata": object{"": ""}}, {"name": "a", "more": 1}} {
		b.act(400, "member", "2.1", id, object{"createImage": wrong})
	}
	backup := object{"name": "b", "backup_type": "daily", "rotation": 1}
	if image := b.act(202, "member", "2.45", id, object{"createBackup": backup})["image_id"]; image == nil {
		t.Error("no image is named")
	}
	b.node.Step()
	backup["rotation"] = "0"
	if image := b.act(202, "member", "2.45", id, object{"createBackup": backup})["image_id"]; image != nil {
		t.Error("an image is named that is not kept")
	}
	backup["rotation"] = -1
	b.act(400, "member", "2.1", id, object{"createBackup": backup})
}

func TestInterfacesOfServers(t *testing.T) {
	forms(t, func(t *testing.T, b *bench) {
		id := b.active("web")
		path := "/servers/" + id + "/os-interface"
		ask := func(status int, version string, inner object) object {
			t.Helper()
			return b.ask(status, "member", version, "POST", path, object{"interfaceAttachment": inner})
		}
		fixed := []any{object{"ip_address": "10.1.0.77"}}
		port := dig(t, ask(200, "2.49", object{"net_id": b.network, "fixed_ips": fixed, "tag": "second"}), "interfaceAttachment").(object)
		if port["port_state"] != "ACTIVE" || port["net_id"] != b.network || dig(t, port, "fixed_ips", 0, "ip_address") != "10.1.0.77" {
			t.Errorf("attached: %v", port)
		}
		ask(400, "2.1", object{"net_id": b.network, "tag": "early"})
		ask(400, "2.1", object{"net_id": b.network, "port_id": port["port_id"]})
		ask(400, "2.1", object{"fixed_ips": fixed})
		ask(400, "2.1", object{"port_id": "no-id"})
		ask(404, "2.1", object{"port_id": "11111111-2222-4333-8444-555555555555"})
		ask(400, "2.1", object{"port_id": port["port_id"], "more": 1})
		b.ask(202, "member", "2.1", "DELETE", path+"/"+port["port_id"].(string), nil)
		b.ask(404, "member", "2.1", "DELETE", path+"/"+port["port_id"].(string), nil)
	})
}

func TestPasswordOfServers(t *testing.T) {
	forms(t, func(t *testing.T, b *bench) {
		id := b.active("web")
		path := "/servers/" + id + "/os-server-password"
		want := func(password string) {
			t.Helper()
			if got := b.ask(200, "reader", "2.1", "GET", path, nil); got["password"] != password {
				t.Fatalf("the password is %v", got)
			}
		}
		want("")
		if err := b.cloud.SavePassword(t.Context(), "node-2", id, "secret"); !errs.Is(err, errs.NotFound) {
			t.Errorf("from another host: %v", err)
		}
		if err := b.cloud.SavePassword(t.Context(), "node-1", id, "secret"); err != nil {
			t.Fatal(err)
		}
		if err := b.cloud.SavePassword(t.Context(), "node-1", id, "another"); !errs.Is(err, errs.Conflict) {
			t.Errorf("a second one: %v", err)
		}
		want("secret")
		b.ask(403, "reader", "2.1", "DELETE", path, nil)
		b.ask(204, "member", "2.1", "DELETE", path, nil)
		want("")
		b.ask(404, "member", "2.1", "GET", strings.Replace(path, id, "11111111-2222-4333-8444-555555555555", 1), nil)
	})
}

// What this cloud does not offer is refused as Nova refuses it, and a server
// that is not there is not there for these either.
func TestWhatIsNotOffered(t *testing.T) {
	t.Parallel()
	b := open(t)
	id := b.active("web")
	b.act(409, "member", "2.1", id, object{"restore": nil})
	b.act(400, "admin", "2.1", id, object{"migrate": nil})
	b.act(400, "admin", "2.56", id, object{"migrate": object{"host": "node-2"}})
	b.act(403, "member", "2.1", id, object{"migrate": nil})
	live := object{"host": nil, "block_migration": false, "disk_over_commit": false}
	b.act(400, "admin", "2.1", id, object{"os-migrateLive": live})
	b.act(501, "member", "2.1", id, object{"changePassword": object{"adminPass": "x"}})
	b.act(400, "member", "2.1", id, object{"changePassword": object{}})
	none := "11111111-2222-4333-8444-555555555555"
	for name, body := range map[string]any{
		"restore": nil, "migrate": nil, "os-migrateLive": live, "changePassword": object{"adminPass": "x"}, "pause": nil, "unpause": nil, "suspend": nil,
		"resume": nil, "rescue": nil, "unrescue": nil, "shelve": nil, "unshelve": nil, "shelveOffload": nil, "forceDelete": nil,
		"rebuild": object{"imageRef": b.image}, "resize": object{"flavorRef": b.flavor}, "confirmResize": nil, "revertResize": nil,
		"createImage": object{"name": "a"}, "createBackup": object{"name": "a", "backup_type": "daily", "rotation": 1},
	} {
		b.act(404, "admin", "2.1", none, object{name: body})
	}
	b.does(202, id, object{"os-stop": nil}, "SHUTOFF")
	off := b.act(409, "member", "2.1", id, object{"changePassword": object{"adminPass": "x"}})
	if got := dig(t, off, "conflictingRequest", "message"); got != "Cannot 'changePassword' instance "+id+" while it is in vm_state stopped" {
		t.Errorf("a password of a guest that is off: %v", got)
	}
	b.act(202, "member", "2.1", id, object{"forceDelete": nil})
	b.node.Step()
	b.ask(404, "member", "2.1", "GET", "/servers/"+id, nil)
}

// A lock is against changes, and an image changes nothing of its server.
func TestImagesOfLockedServers(t *testing.T) {
	t.Parallel()
	b := open(t)
	id := b.active("web")
	b.act(202, "member", "2.1", id, object{"lock": nil})
	b.act(202, "member", "2.1", id, object{"createImage": object{"name": "image"}})
	b.node.Step()
	b.act(202, "member", "2.1", id, object{"createBackup": object{"name": "backup", "backup_type": "daily", "rotation": 1}})
	b.node.Step()
	b.act(409, "member", "2.1", id, object{"shelve": nil})
	b.act(202, "admin", "2.1", id, object{"shelve": nil})
}
