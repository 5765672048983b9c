package compute_test

import (
	"strings"
	"testing"
	"time"

	"wisp/internal/compute"
	"wisp/internal/compute/computetest"
	"wisp/internal/network"
	"wisp/internal/nodeapi"
	"wisp/internal/store"
	"wisp/internal/store/storetest"
)

// novaEvent is the event of an action that Nova has.
func novaEvent(a compute.Action) compute.Event {
	for _, e := range a.Events {
		if strings.HasPrefix(e.Name, "compute_") && e.Name != compute.EventAccept {
			return e
		}
	}
	return compute.Event{}
}

// creationOf are the events of a server's create, by name.
func (c *cloud) creationOf(t testing.TB, id string) (compute.Action, map[string]compute.Event) {
	t.Helper()
	actions, err := c.ListActions(t.Context(), c.member, id, compute.ActionFilter{})
	if err != nil {
		t.Fatal(err)
	}
	last := actions[len(actions)-1]
	action, err := c.GetAction(t.Context(), c.member, id, last.RequestID, false)
	if err != nil || action.Name != "create" {
		t.Fatalf("the first action is %q: %v", action.Name, err)
	}
	events := map[string]compute.Event{}
	for _, e := range action.Events {
		events[e.Name] = e
	}
	return action, events
}

func public(t testing.TB, e compute.Event) string {
	t.Helper()
	text, ok := e.PublicDetails()
	if !ok || text == nil {
		t.Fatalf("event %q has no details for owners", e.Name)
	}
	return *text
}

func TestCreationTellsItsEvents(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		c := newCloud(t, db)
		down := c.Node("node-2", 8, 16384, 100)
		if _, err := c.UpdateHost(t.Context(), compute.HostFilter{Name: down.Host}, compute.HostUpdate{Disabled: new(true)}); err != nil {
			t.Fatal(err)
		}
		caller := *c.member
		caller.RequestID, caller.ReceivedAt = "req-1", time.Now().Add(-time.Second)
		caller.AuthenticatedAt = caller.ReceivedAt.Add(time.Millisecond)
		request := c.request("one")
		request.Most = 2
		made, err := c.CreateServers(t.Context(), &caller, request)
		if err != nil {
			t.Fatal(err)
		}
		for _, server := range made.Servers {
			_, events := c.creationOf(t, server.ID)
			for name, part := range map[string]string{
				compute.EventToken: "for project demo, with the roles member, reader", compute.EventAccept: "2 servers of flavor m1.tiny with 1 virtual processor, 512 MiB",
				compute.EventImage: "Image guest (" + c.image + ") is active", compute.EventSchedule: "1 of 2 hosts could take the server; the filters removed 1 disabled.",
				compute.EventNetwork: "on network private (" + c.network + ") with MAC " + server.Ports[0].MAC + " and " + server.Ports[0].FixedIPs[0].Address.String(),
			} {
				e := events[name]
				if !strings.Contains(public(t, e), part) || strings.Contains(public(t, e), "node-") || *e.Result != compute.ResultSuccess || e.FinishTime.Before(e.StartTime) || e.StartTime.IsZero() {
					t.Errorf("%s: %q (%s) from %v to %v, want %q", name, public(t, e), *e.Result, e.StartTime, e.FinishTime, part)
				}
			}
			token, accepted := events[compute.EventToken], events[compute.EventAccept]
			if token.FinishTime.Sub(token.StartTime) != time.Millisecond || !accepted.StartTime.Equal(token.FinishTime) {
				t.Errorf("the token was checked from %v to %v, the request accepted from %v", token.StartTime, token.FinishTime, accepted.StartTime)
			}
			chosen := events[compute.EventSchedule]
			if chosen.Host != "node-1" || !strings.Contains(*chosen.Details, "\nChosen: node-1, by the most free memory: ") || !strings.Contains(*chosen.Details, "node-2: disabled") {
				t.Errorf("the choice is %q on %q", *chosen.Details, chosen.Host)
			}
			built := events["compute__do_build_and_run_instance"]
			if _, shown := built.PublicDetails(); shown || built.Host != "node-1" || built.Result != nil {
				t.Errorf("Nova's event is %+v", built)
			}
		}
	})
}

func TestRefusedCreationTellsWhy(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		c := newCloud(t, db)
		c.Flavor("huge", 1, 32<<10, 1)
		request := c.request("huge")
		request.FlavorID = "huge"
		made, err := c.CreateServers(t.Context(), c.member, request)
		if err != nil {
			t.Fatal(err)
		}
		action, events := c.creationOf(t, made.Servers[0].ID)
		e := events[compute.EventSchedule]
		if e.Result == nil || *e.Result != compute.ResultError || public(t, e) != made.Servers[0].Fault.Message || !strings.Contains(*e.Details, "node-1: short of MEMORY_MB") {
			t.Errorf("the scheduler's event is %+v", e)
		}
		if _, plugged := events[compute.EventNetwork]; plugged || *action.Message != "Error" {
			t.Errorf("the action is %+v", action)
		}
	})
}

func TestServerWithoutPortsSaysSo(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		c := newCloud(t, db)
		request := c.request("alone")
		request.Networks, request.NetworkAuto = nil, network.NetworkNone
		made, err := c.CreateServers(t.Context(), c.member, request)
		if err != nil {
			t.Fatal(err)
		}
		if _, events := c.creationOf(t, made.Servers[0].ID); public(t, events[compute.EventNetwork]) != "The server has no ports." {
			t.Errorf("the network's event is %+v", events[compute.EventNetwork])
		}
	})
}

func TestHostTellsStepsOnce(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		c := newCloud(t, db)
		id := c.create(t, "one").ID
		at := time.Now().UTC().Truncate(time.Microsecond)
		step := func(name, details string, failed bool) nodeapi.Step {
			return nodeapi.Step{Name: name, Start: at, Finish: at.Add(time.Second), Failed: failed, Details: details}
		}
		report := func(phase string, steps ...nodeapi.Step) {
			t.Helper()
			r := nodeapi.Report{Instances: []nodeapi.InstanceStatus{{ID: id, Phase: phase, BootGeneration: 1, Since: at, Steps: steps}}}
			if err := c.Report(t.Context(), "node-1", r); err != nil {
				t.Fatal(err)
			}
		}
		image := step(nodeapi.StepImageFetch, "fetched\nfrom somewhere", false)
		report(nodeapi.PhasePreparing, image)
		lease := step(nodeapi.StepLease, "could not write /var/lib/wisp/x: password=geheim", true)
		report(nodeapi.PhaseRunning, image, lease, step("compute_stop_instance", "forged", false))
		changed := image
		changed.Details = "told again, otherwise"
		report(nodeapi.PhaseRunning, changed, lease)
		report(nodeapi.PhaseRunning) // a node that was restarted
		report(nodeapi.PhaseRunning, lease)

		action, events := c.creationOf(t, id)
		e := events[nodeapi.StepImageFetch]
		if *e.Details != image.Details || public(t, e) != "fetched" || !e.StartTime.Equal(at) || !e.FinishTime.Equal(at.Add(time.Second)) || e.Host != "node-1" || *e.Result != compute.ResultSuccess {
			t.Errorf("the image's event is %+v", e)
		}
		if e := events[nodeapi.StepLease]; *e.Result != compute.ResultError || strings.Contains(public(t, e), "geheim") || strings.Contains(public(t, e), "/var") {
			t.Errorf("the failed step is %+v", e)
		}
		if _, forged := events["compute_stop_instance"]; forged {
			t.Error("a host made an event of another name")
		}
		if action.UpdatedAt.Before(action.StartTime) {
			t.Errorf("the action was updated at %v", action.UpdatedAt)
		}
		if e := novaEvent(action); *e.Result != compute.ResultSuccess {
			t.Errorf("Nova's event is %+v", e)
		}
		// What a host says of servers that are another's is not heard.
		other := c.Node("node-2", 1, 1024, 10)
		r := nodeapi.Report{Instances: []nodeapi.InstanceStatus{{ID: id, Phase: nodeapi.PhaseRunning, BootGeneration: 1, Steps: []nodeapi.Step{step(nodeapi.StepStart, "x", false)}}}}
		if err := c.Report(t.Context(), other.Host, r); err != nil {
			t.Fatal(err)
		}
		if _, events := c.creationOf(t, id); events[nodeapi.StepStart].Name != "" {
			t.Error("another host's word was taken")
		}
		// Nothing is told of what is being deleted.
		if err := c.DeleteServer(t.Context(), computetest.Admin(), id); err != nil {
			t.Fatal(err)
		}
		report(nodeapi.PhaseRunning, step(nodeapi.StepStart, "x", false))
		if _, events := c.creationOf(t, id); events[nodeapi.StepStart].Name != "" {
			t.Error("a step of a server that is being deleted was taken")
		}
	})
}
