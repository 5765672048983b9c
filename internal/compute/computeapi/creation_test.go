package computeapi_test

import (
	"strings"
	"testing"
	"time"

	"wisp/internal/nodeapi"
)

// named is the event with a name.
func named(events []any, name string) object {
	for _, e := range events {
		if e := e.(object); e["event"] == name {
			return e
		}
	}
	return object{}
}

// Owners read what happened to their server, and nothing of the host.
func TestEventDetailsForOwners(t *testing.T) {
	t.Parallel()
	forms(t, func(t *testing.T, b *bench) {
		id := b.create("one")
		at := time.Now()
		err := b.cloud.Report(t.Context(), "node-1", nodeapi.Report{Instances: []nodeapi.InstanceStatus{{ID: id, Phase: nodeapi.PhaseFailed, Message: "no room on node-1", Since: at, Steps: []nodeapi.Step{
			{Name: nodeapi.StepImageFetch, Start: at, Finish: at, Details: "It was there.\nOn node-1."},
		}}}})
		if err != nil {
			t.Fatal(err)
		}
		list := dig(t, b.ask(200, "member", "2.84", "GET", "/servers/"+id+"/os-instance-actions", nil), "instanceActions").([]any)
		path := "/servers/" + id + "/os-instance-actions/" + list[len(list)-1].(object)["request_id"].(string)
		events := func(who, version string) []any {
			return dig(t, b.ask(200, who, version, "GET", path, nil), "instanceAction", "events").([]any)
		}
		mine, all := events("member", "2.84"), events("admin", "2.84")
		for _, name := range []string{"identity_validate_token", "compute_accept_request", "image_get", "scheduler_select_destinations", "network_allocate_for_instance", "image_fetch"} {
			e := named(mine, name)
			text, _ := e["details"].(string)
			if text == "" || strings.Contains(text, "node-1") || strings.Contains(text, "\n") || e["result"] != "Success" || e["start_time"] == nil || e["finish_time"] == nil {
				t.Errorf("%s is shown to its owner as %v", name, e)
			}
			if _, shown := e["host"]; shown {
				t.Errorf("%s shows its host to the owner: %v", name, e)
			}
		}
		for _, name := range []string{"scheduler_select_destinations", "image_fetch"} {
			if e := named(all, name); !strings.Contains(e["details"].(string), "node-1") || e["host"] != "node-1" {
				t.Errorf("%s is shown to an admin as %v", name, e)
			}
		}
		const nova = "compute__do_build_and_run_instance"
		if e := named(mine, nova); e["details"] != nil || e["result"] != "Error" {
			t.Errorf("the fault is shown to its owner as %v", e)
		}
		if e := named(all, nova); e["details"] != "no room on node-1" {
			t.Errorf("the fault is shown to an admin as %v", e)
		}
		if _, early := named(events("member", "2.83"), "image_fetch")["details"]; early {
			t.Error("details are shown before 2.84")
		}
	})
}
