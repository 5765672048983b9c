package compute

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"wisp/internal/nodeapi"
)

var (
	someStates = []string{StateBuilding, StateActive, StateStopped, StateError}
	someTasks  = []string{TaskNone, TaskNetworking, TaskSpawning, TaskPowerOff, TaskPowerOn, TaskReboot, TaskRebootHard}
	somePhases = []string{nodeapi.PhasePreparing, nodeapi.PhaseRunning, nodeapi.PhaseStopped, nodeapi.PhaseFailed, nodeapi.PhaseGone}
)

// Whatever a host says, saying it again changes nothing; a deleted server
// only ever goes; a stale report never moves what was asked for.
func TestObserveProperties(t *testing.T) {
	t.Parallel()
	now := time.Unix(1700000000, 0).UTC()
	rapid.Check(t, func(t *rapid.T) {
		server := Server{
			ID: "x", VMState: rapid.SampledFrom(someStates).Draw(t, "vm"), TaskState: rapid.SampledFrom(someTasks).Draw(t, "task"),
			Power:          rapid.SampledFrom([]string{nodeapi.PowerRunning, nodeapi.PowerStopped, nodeapi.PowerDeleted}).Draw(t, "power"),
			BootGeneration: 2, ResetGeneration: 1,
		}
		status := nodeapi.InstanceStatus{
			ID: "x", Phase: rapid.SampledFrom(somePhases).Draw(t, "phase"), Message: rapid.SampledFrom([]string{"", "disk is full"}).Draw(t, "message"),
			BootGeneration: rapid.Int64Range(1, 2).Draw(t, "boot"), ResetGeneration: rapid.Int64Range(0, 1).Draw(t, "reset"),
			Guest: rapid.Bool().Draw(t, "guest"), Since: now.Add(-time.Minute),
		}
		before := server
		first := server.observe(status, now)
		after := server
		if second := server.observe(status, now.Add(time.Second)); second.changed || second.result != "" {
			t.Fatalf("again: %+v after %+v, from %+v to %+v", second, first, after, server)
		}
		switch {
		case before.Power == nodeapi.PowerDeleted:
			if first.changed || first.gone != (status.Phase == nodeapi.PhaseGone) || after.Power != nodeapi.PowerDeleted {
				t.Fatalf("a deleted server: %+v, %+v", first, after)
			}
		case status.Phase == nodeapi.PhaseRunning && status.BootGeneration < before.BootGeneration && first.changed:
			t.Fatalf("a stale report changed %+v to %+v", before, after)
		case before.Power == nodeapi.PowerStopped && after.Power == nodeapi.PowerRunning:
			t.Fatalf("a report started a server: %+v", after)
		case first.changed && first.result != "" && after.TaskState != TaskNone:
			t.Fatalf("an ended action leaves task %q", after.TaskState)
		case after.VMState == StateError && before.VMState != StateError && after.Fault == nil:
			t.Fatalf("ERROR without a fault: %+v", after)
		}
	})
}

func TestAdmit(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		limit := func(name string) int64 { return rapid.Int64Range(-1, 20).Draw(t, name) }
		limits := map[string]int64{QuotaInstances: limit("instances"), QuotaCores: limit("cores"), QuotaRAM: limit("ram")}
		used := Usage{Instances: rapid.Int64Range(0, 20).Draw(t, "used"), Cores: rapid.Int64Range(0, 20).Draw(t, "used cores"), RAM: rapid.Int64Range(0, 20).Draw(t, "used ram")}
		vcpus, ram := rapid.Int64Range(1, 5).Draw(t, "vcpus"), rapid.Int64Range(0, 5).Draw(t, "memory")
		least := rapid.IntRange(1, 5).Draw(t, "least")
		most := rapid.IntRange(least, 8).Draw(t, "most")
		fits := func(n int64) bool {
			ok := func(limit, used, want int64) bool { return limit < 0 || want == 0 || used+want*n <= limit }
			return ok(limits[QuotaInstances], used.Instances, 1) && ok(limits[QuotaCores], used.Cores, vcpus) && ok(limits[QuotaRAM], used.RAM, ram)
		}
		count, err := admit(limits, used, vcpus, ram, least, most)
		switch {
		case err != nil && fits(int64(least)):
			t.Fatalf("%d would fit: %v", least, err)
		case err == nil && (count < least || count > most || !fits(int64(count))):
			t.Fatalf("%d servers of %d to %d do not fit", count, least, most)
		case err == nil && count < most && fits(int64(count)+1):
			t.Fatalf("one more than %d would fit", count)
		}
	})
}

func TestPublicFault(t *testing.T) {
	t.Parallel()
	cases := []struct{ name, message, want string }{
		{"plain", "disk is full", "disk is full"},
		{"path", "open /var/lib/wisp/a.qcow2: denied", "open (a file of the host): denied"},
		{"secret", "login with password=hunter2 failed", "login with password=*** failed"},
		{"lines", "first\nsecond", "first"},
		{"empty", "", "The host could not run the server and did not say why."},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got := publicFault(c.message); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestHostname(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{"Web Server_1": "web-server-1", "a.b.c": "a-b-c", "--x--": "x", "世界": "server-id", "ok!": "ok"} {
		if got := hostnameOf(name, "id"); got != want {
			t.Errorf("%q gives %q, want %q", name, got, want)
		}
	}
}
