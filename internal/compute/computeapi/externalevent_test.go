package computeapi_test

import "testing"

func TestExternalEvents(t *testing.T) {
	t.Parallel()
	forms(t, func(t *testing.T, b *bench) {
		id := b.create("one")
		send := func(status int, version string, events ...any) object {
			t.Helper()
			return b.ask(status, "admin", version, "POST", "/os-server-external-events", object{"events": events})
		}
		wake, cancel := b.cloud.SubscribeHost("node-1")
		defer cancel()
		changed := object{"server_uuid": id, "name": "network-changed", "status": "completed"}
		if got := send(200, "2.1", changed); dig(t, got, "events", 0, "code") != 200.0 || dig(t, got, "events", 0, "name") != "network-changed" {
			t.Errorf("answered: %v", got)
		}
		<-wake
		got := send(207, "2.51", changed, object{"server_uuid": b.image, "name": "network-changed"}, object{"server_uuid": id, "name": "volume-extended"},
			object{"server_uuid": id, "name": "volume-extended", "tag": "x"})
		for i, want := range []float64{200, 404, 400, 200} {
			if dig(t, got, "events", i, "code") != want {
				t.Errorf("event %d: %v", i, got)
			}
		}
		for version, name := range map[string]string{"2.50": "volume-extended", "2.75": "power-update", "2.81": "accelerator-request-bound", "2.92": "volume-reimaged"} {
			send(400, version, object{"server_uuid": id, "name": name, "tag": "x"})
			send(200, "2.93", object{"server_uuid": id, "name": name, "tag": "x"})
		}
		send(400, "2.1")
		send(400, "2.1", object{"name": "network-changed"})
		send(400, "2.1", object{"server_uuid": id, "name": "network-changed", "status": "great"})
		b.ask(403, "member", "2.1", "POST", "/os-server-external-events", object{"events": []any{changed}})
	})
}
