package computeapi_test

import "testing"

func TestCrashDump(t *testing.T) {
	forms(t, func(t *testing.T, b *bench) {
		id := b.active("web")
		dump := object{"trigger_crash_dump": nil}
		b.act(404, "member", "2.16", id, dump)
		b.act(202, "member", "2.17", id, dump)
		b.act(400, "member", "2.17", id, object{"trigger_crash_dump": object{}})
		b.act(400, "member", "2.17", id, object{"trigger_crash_dump": nil, "pause": nil})
		b.act(403, "reader", "2.17", id, dump)
		b.act(404, "other", "2.17", id, dump)
		b.wantStatus(id, "ACTIVE")
		actions := dig(t, b.ask(200, "member", "2.17", "GET", "/servers/"+id+"/os-instance-actions", nil), "instanceActions").([]any)
		if len(actions) != 2 || actions[0].(object)["action"] != "trigger_crash_dump" || actions[0].(object)["message"] != nil {
			t.Errorf("the actions are %v", actions)
		}
		b.does(202, id, object{"os-stop": nil}, "SHUTOFF")
		b.act(409, "member", "2.17", id, dump)
	})
}
