package nodeapi

import (
	"reflect"
	"testing"
)

func TestMerge(t *testing.T) {
	t.Parallel()
	one := InstanceStatus{ID: "1", Phase: PhaseRunning}
	oneLater := InstanceStatus{ID: "1", Phase: PhaseStopped}
	two := InstanceStatus{ID: "2", Phase: PhaseRunning}
	for name, c := range map[string]struct{ earlier, later, want Report }{
		"the later status wins":        {Report{Instances: []InstanceStatus{one, two}}, Report{Instances: []InstanceStatus{oneLater}}, Report{Instances: []InstanceStatus{oneLater, two}}},
		"a change over a whole":        {Report{Whole: true, Instances: []InstanceStatus{one}}, Report{Instances: []InstanceStatus{two}}, Report{Whole: true, Instances: []InstanceStatus{one, two}}},
		"a whole over a change":        {Report{Instances: []InstanceStatus{one}}, Report{Whole: true, Instances: []InstanceStatus{two}}, Report{Whole: true, Instances: []InstanceStatus{two}}},
		"a heartbeat keeps the change": {Report{Revision: 1, Instances: []InstanceStatus{one}}, Report{Revision: 2, Load: 3}, Report{Revision: 2, Load: 3, Instances: []InstanceStatus{one}}},
		"findings stay":                {Report{Findings: []Finding{{Check: "kernel"}}}, Report{Whole: true}, Report{Whole: true, Findings: []Finding{{Check: "kernel"}}}},
		"confirmations add up":         {Report{Fenced: []string{"b", "a"}}, Report{Fenced: []string{"b", "c"}}, Report{Fenced: []string{"a", "b", "c"}}},
		"later findings win":           {Report{Findings: []Finding{{Check: "kernel"}}}, Report{Findings: []Finding{{Check: "disk"}}}, Report{Findings: []Finding{{Check: "disk"}}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := merge(c.earlier, c.later); !reflect.DeepEqual(got, c.want) {
				t.Errorf("merge = %+v, want %+v", got, c.want)
			}
		})
	}
}

func TestMailbox(t *testing.T) {
	t.Parallel()
	m := newMailbox()
	if _, any := m.take(); any {
		t.Fatal("an empty mailbox gave a report")
	}
	m.put(Report{Instances: []InstanceStatus{{ID: "1", Phase: PhaseRunning}}})
	taken, _ := m.take()
	m.put(Report{Instances: []InstanceStatus{{ID: "1", Phase: PhaseStopped}}})
	m.putBack(taken)
	got, any := m.take()
	if !any || len(got.Instances) != 1 || got.Instances[0].Phase != PhaseStopped {
		t.Fatalf("took %+v, want the newer status", got)
	}
	select {
	case <-m.ready:
	default:
		t.Fatal("ready has no token")
	}
}
