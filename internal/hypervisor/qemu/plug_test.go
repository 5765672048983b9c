package qemu

import (
	"testing"

	"wisp/internal/hypervisor/hypervisortest"
)

// TestGuestLetsGoMeanwhile takes an interface from a guest that lets go of it
// between the look at its slots and the next request.
func TestGuestLetsGoMeanwhile(t *testing.T) {
	t.Parallel()
	needQEMU(t)
	d, spec := openDriver(t, Config{StateDir: stateDir(t)}), smallSpec(t)
	second := spec.NICs[0]
	second.PortID, second.MAC = "another", "52:54:00:00:00:02"
	spec.NICs = append(spec.NICs, second)
	hypervisortest.Converge(t, d, spec)
	hypervisortest.WaitReady(t, d, spec.ID, 1)

	m, err := d.known(spec.ID)
	if err != nil {
		t.Fatal(err)
	}
	times := 0
	d.fault = func(step string) error {
		if step != "unplug" {
			return nil
		}
		times++
		id := nicID(m.place(second.PortID))
		if err := m.ask(t.Context(), "device_del", object{"id": id}, nil); err != nil {
			return err
		}
		if err := m.ask(t.Context(), "system_reset", nil, nil); err != nil {
			return err
		}
		hypervisortest.Until(t, "the guest lets go", func() bool {
			slots, err := m.slots(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			_, there := slots[id]
			return !there
		})
		return nil
	}
	spec.NICs = spec.NICs[:1]
	status, err := d.Ensure(t.Context(), spec)
	if err != nil || !status.Settled || times != 1 {
		t.Errorf("%+v, %v after %d requests", status, err, times)
	}
	if !samePorts(m.plugged(), spec.NICs) {
		t.Errorf("still plugged: %+v", m.plugged())
	}
}
