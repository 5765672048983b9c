package node

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/uuid"

	"wisp/internal/errs"
	"wisp/internal/nodeapi"
)

func TestSnapshots(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	i := instance(w.cloud.addImage([]byte("disk")))
	w.cloud.put(i)
	w.start()
	eventually(t, "it runs", w.cloud.is(i.ID, nodeapi.PhaseRunning))
	saved := func(image string) func() bool {
		return w.cloud.locked(func() bool { return len(w.cloud.saved[image]) == 1 })
	}

	// One while it runs; the server may not take it at once.
	live, off := uuid.NewString(), uuid.NewString()
	w.cloud.set(func(*nodeapi.State) { w.cloud.saveErr = errs.New(errs.Unavailable, "not now") })
	i.Snapshots = []nodeapi.Snapshot{{ImageID: live}, {ImageID: off, Off: true}}
	w.cloud.put(i)
	stays(t, "nothing is saved", w.cloud.locked(func() bool { return len(w.cloud.saved) == 0 }))
	w.cloud.set(func(*nodeapi.State) { w.cloud.saveErr = nil })
	eventually(t, "it is saved", saved(live))
	stays(t, "the other waits", w.cloud.locked(func() bool { return len(w.cloud.saved[off]) == 0 }))
	// One when it is off.
	i.Power = nodeapi.PowerStopped
	w.cloud.put(i)
	eventually(t, "the other is saved", saved(off))
	stays(t, "each is saved once", w.cloud.locked(func() bool { return len(w.cloud.saved[live]) == 1 && len(w.cloud.saved[off]) == 1 }))

	// One that cannot be made is told of, for as long as it is asked for.
	w.setFault(func(op, _ string) error {
		if op == "snapshot" {
			return errors.New("bad sector")
		}
		return nil
	})
	failed := uuid.NewString()
	i.Snapshots = []nodeapi.Snapshot{{ImageID: failed}}
	w.cloud.put(i)
	eventually(t, "the failure is told", func() bool {
		list := w.cloud.status(i.ID).FailedSnapshots
		return len(list) == 1 && list[0].ImageID == failed && strings.Contains(list[0].Message, "bad sector")
	})
	i.Snapshots = nil
	w.cloud.put(i)
	eventually(t, "nothing failed any more", func() bool { return len(w.cloud.status(i.ID).FailedSnapshots) == 0 })
	left, err := os.ReadDir(filepath.Join(w.dir, "snapshots"))
	if err != nil || len(left) != 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}

// A snapshot that nobody wants any more is broken off, and so is that of an
// instance which is deleted.
func TestSnapshotsThatNobodyWants(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	i := instance(w.cloud.addImage([]byte("disk")))
	w.cloud.put(i)
	n, _ := w.start()
	eventually(t, "it runs", w.cloud.is(i.ID, nodeapi.PhaseRunning))
	w.cloud.set(func(*nodeapi.State) { w.cloud.saveErr = errs.New(errs.Unavailable, "not now") })
	begun := func(want int) func() bool {
		return func() bool {
			n.copies.mu.Lock()
			defer n.copies.mu.Unlock()
			return len(n.copies.begun) == want
		}
	}
	i.Snapshots = []nodeapi.Snapshot{{ImageID: uuid.NewString()}, {ImageID: "../etc"}}
	w.cloud.put(i)
	eventually(t, "it is begun", begun(1))
	i.Snapshots = nil
	w.cloud.put(i)
	eventually(t, "it is broken off", begun(0))
	i.Snapshots = []nodeapi.Snapshot{{ImageID: uuid.NewString()}}
	w.cloud.put(i)
	eventually(t, "another is begun", begun(1))
	i.Power = nodeapi.PowerDeleted
	w.cloud.put(i)
	eventually(t, "it is gone", w.cloud.is(i.ID, nodeapi.PhaseGone))
	eventually(t, "its snapshot is broken off", begun(0))
}

// What holds a machine, rescues it and keeps its disks reaches the hypervisor,
// and what comes of it the server.
func TestHoldRescueAndKeep(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	i := instance(w.cloud.addImage([]byte("disk")))
	w.cloud.put(i)
	w.start()
	eventually(t, "it runs", w.cloud.is(i.ID, nodeapi.PhaseRunning))
	for power, phase := range map[string]string{nodeapi.PowerPaused: nodeapi.PhasePaused, nodeapi.PowerSuspended: nodeapi.PhaseSuspended} {
		i.Power = power
		w.cloud.put(i)
		eventually(t, "it is "+power, w.cloud.is(i.ID, phase))
		i.Power = nodeapi.PowerRunning
		w.cloud.put(i)
		eventually(t, "it goes on", w.cloud.is(i.ID, nodeapi.PhaseRunning))
	}

	i.KeepDisks = "before"
	i.ResetGeneration++
	w.cloud.put(i)
	eventually(t, "its disks are kept", func() bool { return w.cloud.status(i.ID).Kept == "before" })
	i.KeepDisks = ""
	w.cloud.put(i)
	eventually(t, "they are let go of", func() bool { return w.cloud.status(i.ID).Kept == "" })

	rescue := w.cloud.addImage([]byte("rescue"))
	rescue.Properties = map[string]string{"hw_rescue_bus": "floppy"}
	i.Rescue = &nodeapi.Rescue{Image: *rescue}
	i.BootGeneration++
	w.cloud.put(i)
	eventually(t, "the bus is refused", func() bool {
		s := w.cloud.status(i.ID)
		return strings.Contains(s.Message, "hw_rescue_bus") && s.BootGeneration < i.BootGeneration
	})
	better := *rescue
	better.Properties = map[string]string{"hw_rescue_bus": "usb", "hw_rescue_device": "disk"}
	i.Rescue = &nodeapi.Rescue{Image: better}
	i.BootGeneration++
	w.cloud.put(i)
	eventually(t, "it is rescued", func() bool { return w.cloud.status(i.ID).BootGeneration == i.BootGeneration })
	odd := better
	odd.DiskFormat = "vmdk"
	i.Rescue = &nodeapi.Rescue{Image: odd}
	i.BootGeneration++
	w.cloud.put(i)
	eventually(t, "the format is refused", func() bool { return strings.Contains(w.cloud.status(i.ID).Message, "vmdk") })
}
