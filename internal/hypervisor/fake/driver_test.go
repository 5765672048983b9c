package fake_test

import (
	"testing"
	"time"

	"wisp/internal/hypervisor"
	"wisp/internal/hypervisor/fake"
	"wisp/internal/hypervisor/hypervisortest"
)

func harness(t *testing.T) hypervisortest.Harness {
	host := fake.NewHost(fake.Options{StartTime: time.Millisecond, ShutdownTime: 20 * time.Millisecond})
	must := func(act func(id string) bool) func(*testing.T, hypervisor.Driver, string) {
		return func(t *testing.T, _ hypervisor.Driver, id string) {
			t.Helper()
			if !act(id) {
				t.Fatalf("the machine %s does not run", id)
			}
		}
	}
	return hypervisortest.Harness{
		Open: func(*testing.T) hypervisor.Driver { return host.Driver() },
		Spec: func(*testing.T) hypervisor.Spec {
			return hypervisor.Spec{
				Name: "small", VCPUs: 1, MemoryMiB: 64, RootGiB: 1, Power: hypervisor.PowerRunning,
				NICs: []hypervisor.NIC{{PortID: "port", MAC: "52:54:00:00:00:01", MTU: 1450}},
			}
		},
		PowerOff: must(host.PowerOff),
		Reset:    must(host.Reset),
		Deafen:   must(host.Deafen),
		Crash:    must(func(id string) bool { return host.Crash(id, "killed by a test") }),
	}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	hypervisortest.Run(t, harness)
}
