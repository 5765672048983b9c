package node

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"wisp/internal/nodeapi"
)

// stepsOf are the steps that a cloud has heard of an instance last, by name.
func (c *cloud) stepsOf(id string) map[string]nodeapi.Step {
	steps := map[string]nodeapi.Step{}
	for _, s := range c.status(id).Steps {
		steps[s.Name] = s
	}
	return steps
}

func TestCreationIsTold(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	image := w.cloud.addImage([]byte("disk"))
	i := instance(image)
	i.RootGiB, i.ConfigDrive = 1, true
	i.Ports = []nodeapi.InstancePort{{PortID: portID, MAC: "fa:16:3e:00:00:01", MTU: 1450}}
	w.cloud.put(i)
	n, _ := w.start()
	eventually(t, "it runs", w.cloud.is(i.ID, nodeapi.PhaseRunning))
	lease := nodeapi.Lease{PortID: portID, Address: netip.MustParsePrefix("10.0.0.5/24"), Seconds: 600}
	address := lease.Address.Addr()
	n.leased("another port", address, true, lease)
	n.leased(portID, address, false, lease)
	if _, told := w.cloud.stepsOf(i.ID)[nodeapi.StepLease]; told {
		t.Error("an offer is told as a lease")
	}
	n.leased(portID, address, true, lease)
	n.leased(portID, address, true, lease) // a renewal
	eventually(t, "the lease is told", func() bool { return len(w.cloud.status(i.ID).Steps) == 5 })
	steps := w.cloud.stepsOf(i.ID)
	for name, part := range map[string]string{
		nodeapi.StepNetworkPlug: "the device of the port", nodeapi.StepImageFetch: "The image was fetched from the image service and checked: 4 bytes",
		nodeapi.StepPrepareDisk: "a root disk of 1 GiB, which holds only what differs from the image, a config drive",
		nodeapi.StepStart:       "runs the machine with 1 virtual processor and 64 MiB", nodeapi.StepLease: "took 10.0.0.5 by DHCP on port " + portID,
	} {
		if s := steps[name]; !strings.Contains(s.Details, part) || s.Failed || s.Start.IsZero() || s.Finish.Before(s.Start) {
			t.Errorf("%s is %+v, want %q", name, s, part)
		}
	}
	if steps[nodeapi.StepStart].Start.Before(steps[nodeapi.StepImageFetch].Finish) {
		t.Errorf("the machine started before its image was there: %+v", steps)
	}

	second := instance(image)
	w.cloud.put(second)
	eventually(t, "the second runs", w.cloud.is(second.ID, nodeapi.PhaseRunning))
	if s := w.cloud.stepsOf(second.ID)[nodeapi.StepImageFetch]; !strings.Contains(s.Details, "in the host's cache already") {
		t.Errorf("the second fetch is %+v", s)
	}
	// A reboot is no creation, and a story ends.
	before := w.cloud.status(i.ID).Steps
	i.BootGeneration = 2
	w.cloud.put(i)
	eventually(t, "it is rebooted", func() bool { return w.cloud.status(i.ID).BootGeneration == 2 })
	if after := w.cloud.status(i.ID).Steps; !slices.Equal(before, after) {
		t.Errorf("a reboot changed the steps to %+v", after)
	}
	n.forgetStories(time.Now().Add(storyKept - time.Minute))
	if got := len(agentOf(n).Whole().Instances[0].Steps); got == 0 {
		t.Error("the story is forgotten too early")
	}
	n.forgetStories(time.Now().Add(storyKept))
	for _, status := range agentOf(n).Whole().Instances {
		if len(status.Steps) > 0 {
			t.Errorf("the story is told for ever: %+v", status)
		}
	}
	n.leased(portID, address, true, lease)
	if got := len(agentOf(n).Whole().Instances[0].Steps); got != 0 {
		t.Errorf("a renewal began a new story")
	}
}

func agentOf(n *Node) agent { return agent{n} }

func TestRestartedNodeTellsNothingOld(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	i := instance(nil)
	i.Ports = []nodeapi.InstancePort{{PortID: portID, MAC: "fa:16:3e:00:00:01", MTU: 1450}}
	w.cloud.put(i)
	_, stop := w.start()
	eventually(t, "it runs", w.cloud.is(i.ID, nodeapi.PhaseRunning))
	stop()
	n, _ := w.start()
	eventually(t, "the node is back", func() bool { return len(w.cloud.status(i.ID).Steps) == 0 })
	n.leased(portID, netip.MustParseAddr("10.0.0.5"), true, nodeapi.Lease{PortID: portID})
	stays(t, "a renewal is no step", func() bool { return len(w.cloud.status(i.ID).Steps) == 0 })
}

func TestBrokenCreationIsTold(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	image := w.cloud.addImage([]byte("disk"))
	w.cloud.locked(func() bool { delete(w.cloud.images, image.ID); return true })()
	lost, stuck := instance(image), instance(nil)
	w.setFault(func(op, id string) error {
		if op == "start" && id == stuck.ID {
			return errors.New("QEMU is away")
		}
		return nil
	})
	w.cloud.put(lost, stuck)
	w.start()
	for id, step := range map[string]string{lost.ID: nodeapi.StepImageFetch, stuck.ID: nodeapi.StepStart} {
		eventually(t, "it fails", w.cloud.is(id, nodeapi.PhaseFailed))
		if s := w.cloud.stepsOf(id)[step]; !s.Failed || s.Details == "" {
			t.Errorf("%s is %+v", step, s)
		}
	}
}
