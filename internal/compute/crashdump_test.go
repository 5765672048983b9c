package compute_test

import (
	"context"
	"errors"
	"testing"

	"wisp/internal/compute"
	"wisp/internal/compute/computetest"
	"wisp/internal/errs"
	"wisp/internal/nodeapi"
	"wisp/internal/store"
	"wisp/internal/store/storetest"
)

// interrupted are nodes that count the interrupts of their instances.
type interrupted struct {
	nodeapi.Stream
	got   map[string]int
	err   error
	after func() // what happens before the answer
}

func (n *interrupted) Call(_ context.Context, host, method string, params, _ any) error {
	p, ok := params.(nodeapi.InterruptParams)
	if !ok || method != nodeapi.CallInterrupt || host != "node-1" {
		return errors.New("an unexpected call")
	}
	if n.after != nil {
		n.after()
	}
	if n.err == nil {
		n.got[p.InstanceID]++
	}
	return n.err
}

func (n *interrupted) OpenConsole(context.Context, string, string, string) (nodeapi.Stream, error) {
	return n.Stream, n.err
}

// dumped is the newest action of a server, which is to be a dump, with its event.
func (c *cloud) dumped(t *testing.T, id string) (compute.Action, compute.Event) {
	t.Helper()
	list, err := c.ListActions(t.Context(), c.member, id, compute.ActionFilter{})
	if err != nil || len(list) == 0 || list[0].Name != "trigger_crash_dump" {
		t.Fatalf("the actions are %+v, %v", list, err)
	}
	action, err := c.GetAction(t.Context(), c.member, id, list[0].RequestID, false)
	if err != nil || len(action.Events) != 1 || action.Events[0].Name != "compute_trigger_crash_dump" || action.Events[0].Result == nil {
		t.Fatalf("the action is %+v, %v", action, err)
	}
	return action, action.Events[0]
}

func TestCrashDump(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		c := newCloud(t, db)
		nodes := &interrupted{got: map[string]int{}}
		c.SetNodes(nodes)
		id := c.create(t, "one").ID
		wantKind(t, c.TriggerCrashDump(t.Context(), c.member, id), errs.Conflict, "Cannot 'trigger_crash_dump' instance "+id+" while it is in vm_state building")
		c.node.Step()
		if err := c.TriggerCrashDump(t.Context(), c.member, id); err != nil || nodes.got[id] != 1 {
			t.Errorf("%d interrupts, %v", nodes.got[id], err)
		}
		c.want(t, id, "ACTIVE", "")
		if action, event := c.dumped(t, id); *event.Result != compute.ResultSuccess || action.Message != nil || event.FinishTime.IsZero() {
			t.Errorf("delivered: %+v, %+v", action, event)
		}
		for kind, want := range map[errs.Kind]struct {
			kind    errs.Kind
			message string
		}{
			errs.Conflict:       {errs.Conflict, "is not running"},
			errs.NotFound:       {errs.Conflict, "is not running"},
			errs.Unavailable:    {errs.Conflict, "could not be delivered"},
			errs.NotImplemented: {errs.Invalid, "not supported"},
		} {
			c.Clock.Advance(1)
			nodes.err = errs.New(kind, "the node's words")
			wantKind(t, c.TriggerCrashDump(t.Context(), c.member, id), want.kind, want.message)
			if action, event := c.dumped(t, id); *event.Result != compute.ResultError || action.Message == nil || *action.Message != "Error" || *event.Details != "the node's words" {
				t.Errorf("%s: %+v, %+v", kind, action, event)
			}
		}
		nodes.err = nil

		// Who asked goes away meanwhile: it is recorded all the same.
		ctx, cancel := context.WithCancel(t.Context())
		nodes.after = cancel
		c.Clock.Advance(1)
		if err := c.TriggerCrashDump(ctx, c.member, id); err != nil {
			t.Error(err)
		}
		if _, event := c.dumped(t, id); *event.Result != compute.ResultSuccess {
			t.Errorf("nobody waited: %+v", event)
		}
		nodes.after = nil
	})
}

func TestCrashDumpIsRefused(t *testing.T) {
	t.Parallel()
	c := newCloud(t, storetest.SQLite(t))
	nodes := &interrupted{got: map[string]int{}}
	c.SetNodes(nodes)
	id := c.running(t)
	wantKind(t, c.TriggerCrashDump(t.Context(), computetest.Caller("other", "foreign"), id), errs.NotFound, "could not be found")
	must(t)(c.Lock(t.Context(), c.member, id, nil))
	wantKind(t, c.TriggerCrashDump(t.Context(), c.member, id), errs.Conflict, "is locked")
	if err := c.TriggerCrashDump(t.Context(), computetest.Admin(), id); err != nil {
		t.Error(err)
	}
	must(t)(c.Unlock(t.Context(), c.member, id))
	must(t)(c.Pause(t.Context(), c.member, id))
	wantKind(t, c.TriggerCrashDump(t.Context(), c.member, id), errs.Conflict, "while it is in task_state pausing")
	c.node.Step()
	if err := c.TriggerCrashDump(t.Context(), c.member, id); err != nil {
		t.Error(err) // a paused guest takes it when it goes on
	}
	must(t)(c.Unpause(t.Context(), c.member, id))
	c.node.Step()
	must(t)(c.Stop(t.Context(), c.member, id))
	c.node.Step()
	wantKind(t, c.TriggerCrashDump(t.Context(), c.member, id), errs.Conflict, "while it is in vm_state stopped")
	never := c.create(t, "never").ID
	must(t)(c.ResetState(t.Context(), computetest.Admin(), never, compute.StateError))
	wantKind(t, c.TriggerCrashDump(t.Context(), c.member, never), errs.Conflict, "while it is in launched_at None")
	if nodes.got[id] != 2 || nodes.got[never] != 0 {
		t.Errorf("interrupted: %v", nodes.got)
	}
}
