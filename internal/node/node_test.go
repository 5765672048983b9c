package node

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"wisp/internal/errs"
	"wisp/internal/hypervisor"
	"wisp/internal/nodeapi"
)

func TestLife(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	i := instance(w.cloud.addImage([]byte("disk")))
	i.Ports = []nodeapi.InstancePort{{PortID: portID, MAC: "fa:16:3e:00:00:01", MTU: 1450}}
	i.ConfigDrive = true
	w.cloud.put(i)
	w.start()
	eventually(t, "it runs", w.cloud.is(i.ID, nodeapi.PhaseRunning))
	if s := w.cloud.status(i.ID); s.BootGeneration != 1 || s.Since.IsZero() {
		t.Errorf("status %+v", s)
	}
	w.dataplane.set(func() {
		if !slices.Equal(w.dataplane.taps, []string{portID}) {
			t.Errorf("taps opened: %v, want the port's once", w.dataplane.taps)
		}
	})
	w.cloud.locked(func() bool {
		if h := w.cloud.hellos[0]; h.Host != "h1" || h.Capacity.VCPUs == 0 || h.Capacity.HypervisorVersion != 1000000 {
			t.Errorf("hello %+v", h)
		}
		if !w.cloud.reports[0].Whole {
			t.Error("the first report is not whole")
		}
		return true
	})()

	var log nodeapi.ConsoleLogResult
	if err := w.server.Call(t.Context(), "h1", nodeapi.CallConsoleLog, nodeapi.ConsoleLogParams{InstanceID: i.ID}, &log); err != nil || !strings.Contains(string(log.Output), "ready") {
		t.Errorf("console log %q, %v", log.Output, err)
	}
	for name, c := range map[string]struct {
		method string
		params any
		kind   errs.Kind
	}{
		"unknown instance": {nodeapi.CallConsoleLog, nodeapi.ConsoleLogParams{InstanceID: uuid.NewString()}, errs.NotFound},
		"a path as an id":  {nodeapi.CallConsoleLog, nodeapi.ConsoleLogParams{InstanceID: "../../etc"}, errs.Invalid},
		"no parameters":    {nodeapi.CallConsoleLog, "text", errs.Invalid},
		"unknown call":     {"dance", nil, errs.NotImplemented},
	} {
		if err := w.server.Call(t.Context(), "h1", c.method, c.params, nil); !errs.Is(err, c.kind) {
			t.Errorf("%s: %v, want %v", name, err, c.kind)
		}
	}

	var traced nodeapi.PortTraceResult
	probe := nodeapi.PortTraceParams{PortID: portID, Source: netip.MustParseAddr("10.0.0.5"), Destination: netip.MustParseAddr("10.0.0.6"), Protocol: 6, SourcePort: 7, DestinationPort: 22}
	if err := w.server.Call(t.Context(), "h1", nodeapi.CallPortTrace, probe, &traced); err != nil || len(traced.Steps) != 1 || traced.Steps[0].Reason != "no-rule-out" ||
		traced.Steps[0].Source.String() != "10.0.0.5:7" || traced.Steps[0].Destination.String() != "10.0.0.6:22" || traced.Steps[0].Host != "192.0.2.2" {
		t.Errorf("trace %+v, %v", traced, err)
	}
	for name, c := range map[string]struct {
		params any
		kind   errs.Kind
	}{
		"no port":       {nodeapi.PortTraceParams{}, errs.Invalid},
		"another port":  {nodeapi.PortTraceParams{PortID: uuid.NewString()}, errs.NotFound},
		"no parameters": {"text", errs.Invalid},
	} {
		if err := w.server.Call(t.Context(), "h1", nodeapi.CallPortTrace, c.params, nil); !errs.Is(err, c.kind) {
			t.Errorf("trace of %s: %v, want %v", name, err, c.kind)
		}
	}

	i.BootGeneration = 2
	w.cloud.put(i)
	eventually(t, "it is rebooted", func() bool { return w.cloud.status(i.ID).BootGeneration == 2 })
	i.ResetGeneration = 1
	w.cloud.put(i)
	eventually(t, "it is reset", func() bool { return w.cloud.status(i.ID).ResetGeneration == 1 })
	i.Power = nodeapi.PowerStopped
	w.cloud.put(i)
	eventually(t, "it stops", w.cloud.is(i.ID, nodeapi.PhaseStopped))
	if w.cloud.status(i.ID).Guest {
		t.Error("a stop that was asked for is said to be the guest's")
	}
	i.Power, i.BootGeneration = nodeapi.PowerRunning, 3
	w.cloud.put(i)
	eventually(t, "it runs again", w.cloud.is(i.ID, nodeapi.PhaseRunning))
	i.Power = nodeapi.PowerDeleted
	w.cloud.put(i)
	eventually(t, "it is gone", w.cloud.is(i.ID, nodeapi.PhaseGone))
	if ids := w.ids(); len(ids) != 0 {
		t.Errorf("left: %v", ids)
	}
	w.cloud.drop(i.ID)
}

// A host follows few packets at once, also those that the server does not wait
// for any more.
func TestTracesAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	i := instance(w.cloud.addImage([]byte("disk")))
	i.Ports = []nodeapi.InstancePort{{PortID: portID, MAC: "fa:16:3e:00:00:01", MTU: 1450}}
	w.cloud.put(i)
	slow := &slowTrace{in: make(chan struct{}, 9), out: make(chan struct{})}
	w.dataplane.slow = slow
	w.start()
	eventually(t, "it runs", w.cloud.is(i.ID, nodeapi.PhaseRunning))
	trace := func(ctx context.Context) error {
		return w.server.Call(ctx, "h1", nodeapi.CallPortTrace, nodeapi.PortTraceParams{PortID: portID, Destination: netip.MustParseAddr("10.0.0.6"), Protocol: 1}, nil)
	}
	gone, leave := context.WithCancel(t.Context())
	left := make(chan error)
	for range nodeapi.TracesAtOnce {
		go func() { left <- trace(gone) }()
		<-slow.in
	}
	leave()
	for range nodeapi.TracesAtOnce {
		if err := <-left; err == nil {
			t.Error("a call that nobody waits for succeeds")
		}
	}
	soon, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	err := trace(soon)
	if e, ok := errors.AsType[*errs.Error](err); !ok || e.Kind != errs.Unavailable || e.Type != nodeapi.TypeHostBusy || !strings.Contains(e.Message, "Other packets") {
		t.Errorf("one more: %v", err)
	}
	close(slow.out)
	eventually(t, "packets are followed again", func() bool { return trace(t.Context()) == nil })
}

func TestDeleteOfWhatNeverWas(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	i := instance(nil)
	i.Power = nodeapi.PowerDeleted
	w.cloud.put(i)
	w.start()
	eventually(t, "it is gone", w.cloud.is(i.ID, nodeapi.PhaseGone))
}

func TestDeleteFailsAndIsRetried(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	i := instance(nil)
	w.cloud.put(i)
	n, _ := w.start()
	eventually(t, "it runs", w.cloud.is(i.ID, nodeapi.PhaseRunning))
	w.setFault(func(op, _ string) error {
		if op == "remove" {
			return errors.New("busy")
		}
		return nil
	})
	i.Power = nodeapi.PowerDeleted
	w.cloud.put(i)
	eventually(t, "the problem is known", func() bool { return strings.Contains(n.report().Problems[i.ID], "could not be removed") })
	w.setFault(nil)
	eventually(t, "it is gone", w.cloud.is(i.ID, nodeapi.PhaseGone))
}

func TestGuestPowersOff(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	i := instance(nil)
	w.cloud.put(i)
	w.start()
	eventually(t, "it runs", w.cloud.is(i.ID, nodeapi.PhaseRunning))
	w.machines.PowerOff(i.ID)
	eventually(t, "it is stopped", w.cloud.is(i.ID, nodeapi.PhaseStopped))
	if !w.cloud.status(i.ID).Guest {
		t.Error("the guest's own stop is not said to be so")
	}
	stays(t, "it is not started again", w.cloud.is(i.ID, nodeapi.PhaseStopped))
}

func TestCrash(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	i := instance(nil)
	w.cloud.put(i)
	n, _ := w.start()
	eventually(t, "it runs", w.cloud.is(i.ID, nodeapi.PhaseRunning))
	first := w.cloud.status(i.ID).Since
	w.machines.Crash(i.ID, "killed by signal 9")
	eventually(t, "it runs again", func() bool {
		s := w.cloud.status(i.ID)
		return s.Phase == nodeapi.PhaseRunning && s.Since.After(first)
	})
	if n.vms.Drift() == 0 {
		t.Error("the restart is not counted")
	}
	w.machines.Crash(i.ID, "killed by signal 9")
	eventually(t, "the second restart waits", func() bool {
		s := w.cloud.status(i.ID)
		return s.Phase == nodeapi.PhasePreparing && strings.Contains(s.Message, "signal 9")
	})
	n.mu.Lock()
	c := n.crashes[i.ID]
	c.count = crashMost
	n.crashes[i.ID] = c
	n.mu.Unlock()
	n.vms.Signal(i.ID)
	eventually(t, "it is given up", func() bool {
		s := w.cloud.status(i.ID)
		return s.Phase == nodeapi.PhaseFailed && strings.Contains(s.Message, "died 5 times")
	})
	// The server answers a failure with a stop; the user then starts it.
	i.Power = nodeapi.PowerStopped
	w.cloud.put(i)
	eventually(t, "it is stopped", w.cloud.is(i.ID, nodeapi.PhaseStopped))
	i.Power, i.BootGeneration = nodeapi.PowerRunning, 2
	w.cloud.put(i)
	eventually(t, "it runs a third time", w.cloud.is(i.ID, nodeapi.PhaseRunning))
}

func TestEnsureFails(t *testing.T) {
	t.Parallel()
	refuse := func(err error) func(op, id string) error {
		return func(op, _ string) error {
			if op == "ensure" {
				return err
			}
			return nil
		}
	}
	t.Run("for good", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.setFault(refuse(errs.New(errs.Invalid, "hw_disk_bus: ide is not offered.")))
		i := instance(nil)
		w.cloud.put(i)
		w.start()
		eventually(t, "it failed", w.cloud.is(i.ID, nodeapi.PhaseFailed))
		if s := w.cloud.status(i.ID); s.Message != "hw_disk_bus: ide is not offered." {
			t.Errorf("message %q", s.Message)
		}
	})
	t.Run("for a moment", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.change = func(c *Config) { c.FailAfter = 0 } // the default
		w.setFault(refuse(errs.New(errs.Unavailable, "QEMU is missing.")))
		i := instance(nil)
		w.cloud.put(i)
		w.start()
		eventually(t, "the reason is shown", func() bool { return w.cloud.status(i.ID).Message == "QEMU is missing." })
		w.setFault(nil)
		eventually(t, "it runs", w.cloud.is(i.ID, nodeapi.PhaseRunning))
		w.cloud.locked(func() bool {
			for _, s := range w.cloud.history[i.ID] {
				if s.Phase == nodeapi.PhaseFailed {
					t.Error("what passed was told as a failure")
				}
			}
			return true
		})()
	})
	t.Run("for long, then works", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.setFault(refuse(errors.New("strange")))
		i := instance(nil)
		w.cloud.put(i)
		w.start()
		eventually(t, "it failed", w.cloud.is(i.ID, nodeapi.PhaseFailed))
		if first, _, _ := strings.Cut(w.cloud.status(i.ID).Message, "\n"); strings.Contains(first, "strange") {
			t.Errorf("the public line tells the inside: %q", first)
		}
		w.setFault(nil)
		i.BootGeneration = 2
		w.cloud.put(i)
		eventually(t, "it runs", w.cloud.is(i.ID, nodeapi.PhaseRunning))
	})
	t.Run("while it runs", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		i := instance(nil)
		w.cloud.put(i)
		n, _ := w.start()
		eventually(t, "it runs", w.cloud.is(i.ID, nodeapi.PhaseRunning))
		w.setFault(refuse(errs.New(errs.Invalid, "The spec is odd.")))
		n.vms.Signal(i.ID)
		eventually(t, "it still runs, with the reason", func() bool {
			s := w.cloud.status(i.ID)
			return s.Phase == nodeapi.PhaseRunning && s.Message == "The spec is odd."
		})
	})
}

func TestStrangers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	stranger, ours := hypervisorSpec(), instance(nil)
	if _, err := w.machines.Driver().Ensure(t.Context(), stranger); err != nil {
		t.Fatal(err)
	}
	w.stopServe()
	_, stop := w.start()
	stays(t, "a stranger is left alone without a server", func() bool { return slices.Contains(w.ids(), stranger.ID) })
	stop()
	w.cloud.put(ours)
	w.serve()
	w.start()
	eventually(t, "ours runs", w.cloud.is(ours.ID, nodeapi.PhaseRunning))
	eventually(t, "the stranger is removed", func() bool { return slices.Equal(w.ids(), []string{ours.ID}) })
	// What a server that was restored forgets while we run is a stranger too.
	w.cloud.drop(ours.ID)
	eventually(t, "the forgotten one is removed", func() bool { return len(w.ids()) == 0 })
}

func TestStrangerFailures(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	stranger := hypervisorSpec()
	if _, err := w.machines.Driver().Ensure(t.Context(), stranger); err != nil {
		t.Fatal(err)
	}
	failures := 0
	w.setFault(func(op, _ string) error {
		if (op == "remove" || op == "list") && failures < 3 {
			failures++
			return errors.New("busy")
		}
		return nil
	})
	w.change = func(c *Config) { c.Resync = 50 * 1e6 }
	w.start()
	eventually(t, "the stranger is removed", func() bool { return len(w.ids()) == 0 })
}

func hypervisorSpec() hypervisor.Spec {
	return hypervisor.Spec{ID: uuid.NewString(), VCPUs: 1, MemoryMiB: 64, Power: hypervisor.PowerRunning, BootGeneration: 1}
}

func TestRestartWithoutServer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	i := instance(w.cloud.addImage([]byte("disk")))
	i.Ports = []nodeapi.InstancePort{{PortID: portID, MAC: "fa:16:3e:00:00:01"}}
	w.cloud.put(i)
	_, stop := w.start()
	eventually(t, "it runs", w.cloud.is(i.ID, nodeapi.PhaseRunning))
	stop()
	w.stopServe()
	w.machines.Reboot() // the host itself went down
	w.dataplane = newFakeDataplane(t)
	n, _ := w.start()
	eventually(t, "it runs again without a server", func() bool {
		n.mu.Lock()
		defer n.mu.Unlock()
		return n.book.statuses[i.ID].Phase == nodeapi.PhaseRunning
	})
	w.cloud.locked(func() bool { w.cloud.reports = nil; return true })()
	w.serve()
	eventually(t, "the new server hears of it at once", w.cloud.locked(func() bool {
		return len(w.cloud.reports) > 0 && w.cloud.reports[0].Whole && len(w.cloud.reports[0].Instances) == 1 &&
			w.cloud.reports[0].Instances[0].Phase == nodeapi.PhaseRunning
	}))
}

func TestNodeKilledWhileRunning(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	i := instance(nil)
	w.cloud.put(i)
	_, stop := w.start()
	eventually(t, "it runs", w.cloud.is(i.ID, nodeapi.PhaseRunning))
	since := w.cloud.status(i.ID).Since
	stop()
	w.machines.PowerOff(i.ID)
	gone := instance(nil)
	w.cloud.put(gone)
	w.start()
	eventually(t, "the new one runs", w.cloud.is(gone.ID, nodeapi.PhaseRunning))
	eventually(t, "the guest's stop was seen", w.cloud.is(i.ID, nodeapi.PhaseStopped))
	if s := w.cloud.status(i.ID); !s.Guest || s.Since.Equal(since) {
		t.Errorf("status %+v", s)
	}
}

func TestSavedState(t *testing.T) {
	t.Parallel()
	t.Run("is private", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		i := instance(nil)
		w.cloud.put(i)
		n, _ := w.start()
		eventually(t, "it runs", w.cloud.is(i.ID, nodeapi.PhaseRunning))
		stat, err := os.Stat(n.savedPath())
		if err != nil || stat.Mode().Perm() != 0o600 {
			t.Errorf("%v, %v: want mode 0600", stat.Mode(), err)
		}
	})
	t.Run("damaged", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		if err := os.MkdirAll(w.dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(w.dir, "state.json"), []byte("{\"state\":"), 0o600); err != nil {
			t.Fatal(err)
		}
		i := instance(nil)
		w.cloud.put(i)
		w.start()
		eventually(t, "it runs all the same", w.cloud.is(i.ID, nodeapi.PhaseRunning))
	})
	t.Run("cannot be written", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		if err := os.MkdirAll(filepath.Join(w.dir, "state.json", "in the way"), 0o700); err != nil {
			t.Fatal(err)
		}
		i := instance(nil)
		w.cloud.put(i)
		w.start()
		eventually(t, "it runs all the same", w.cloud.is(i.ID, nodeapi.PhaseRunning))
	})
}

func TestRunWithoutStateDir(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if err := os.WriteFile(w.dir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	n, err := New(Config{Host: "h", StateDir: w.dir, Driver: w.machines.Driver(), Dataplane: w.dataplane, Log: quiet(), Server: nodeapi.ClientConfig{URL: "https://127.0.0.1:1"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Run(t.Context()); err == nil {
		t.Error("it ran in a file")
	}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	whole := Config{Host: "h", StateDir: w.dir, Driver: w.machines.Driver(), Dataplane: w.dataplane, Log: quiet(), Server: nodeapi.ClientConfig{URL: "https://s:1"}}
	for name, change := range map[string]func(*Config){
		"no host": func(c *Config) { c.Host = "" }, "no directory": func(c *Config) { c.StateDir = "" }, "no driver": func(c *Config) { c.Driver = nil },
		"no dataplane": func(c *Config) { c.Dataplane = nil }, "no log": func(c *Config) { c.Log = nil }, "no server": func(c *Config) { c.Server.URL = "" },
	} {
		c := whole
		change(&c)
		if _, err := New(c); !errs.Is(err, errs.Invalid) {
			t.Errorf("%s: %v, want invalid", name, err)
		}
	}
}

func TestPartsOfAnOlderServerAndNode(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	i := instance(nil)
	i.Power = "levitating"
	w.cloud.put(i)
	w.start()
	eventually(t, "it failed", func() bool {
		s := w.cloud.status(i.ID)
		return s.Phase == nodeapi.PhaseFailed && strings.Contains(s.Message, "levitating")
	})
}

func TestAdoptRetries(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	lists := 0
	w.setFault(func(op, _ string) error {
		if lists++; op == "list" && lists == 1 {
			return errors.New("not yet")
		}
		return nil
	})
	i := instance(nil)
	w.cloud.put(i)
	w.start()
	eventually(t, "it runs", w.cloud.is(i.ID, nodeapi.PhaseRunning))

	ended := newWorld(t)
	ended.setFault(func(string, string) error { return errors.New("never") })
	_, stop := ended.start()
	stop() // also while it waits for the hypervisor
}

func TestSpec(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n, _ := w.start()
	image := w.cloud.addImage([]byte("disk"))
	image.Properties = map[string]string{
		"hw_disk_bus": "scsi", "hw_vif_model": "e1000", "hw_video_model": "vga", "hw_machine_type": "q35", "hw_firmware_type": "uefi",
		"hw_qemu_guest_agent": "yes", "os_shutdown_timeout": "7", "img_config_drive": "mandatory", "os_command_line": "quiet",
	}
	image.DiskFormat, image.Kernel = "ami", w.cloud.addImage([]byte("kernel"))
	i := instance(image)
	i.Ports = []nodeapi.InstancePort{{PortID: portID, MAC: "fa:16:3e:00:00:01", MTU: 1400}}
	spec, err := n.spec(i)
	if err != nil {
		t.Fatal(err)
	}
	want := hypervisor.Features{DiskBus: "scsi", VIFModel: "e1000", VideoModel: "vga", MachineType: "q35", Firmware: "uefi", GuestAgent: true}
	if spec.Features != want || spec.StopGrace != 7e9 || spec.ConfigDrive == nil || spec.CommandLine != "quiet" || spec.Image.Format != "raw" || spec.NICs[0].MTU != 1400 {
		t.Errorf("spec %+v", spec)
	}
	if drive, err := spec.ConfigDrive(context.Background()); err != nil || len(drive) == 0 {
		t.Errorf("config drive: %d bytes, %v", len(drive), err)
	}
	i.Image = &nodeapi.Image{}
	if spec, err := n.spec(i); err != nil || spec.Image != nil {
		t.Errorf("without an image: %+v, %v", spec.Image, err)
	}
}
