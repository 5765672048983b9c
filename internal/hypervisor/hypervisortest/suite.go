package hypervisortest

import (
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"wisp/internal/errs"
	"wisp/internal/hypervisor"
)

// suite is one machine on one driver.
type suite struct {
	*testing.T
	Harness
	d    hypervisor.Driver
	spec hypervisor.Spec
}

// Run runs the suite. open makes a harness with a host of its own, and is
// called once for each test.
func Run(t *testing.T, open func(t *testing.T) Harness) {
	for name, test := range map[string]func(*suite){
		"starts once":                           (*suite).startsOnce,
		"a machine that is to be off stays off": (*suite).staysOff,
		"an unknown machine":                    (*suite).unknownMachine,
		"graceful stop and start":               (*suite).gracefulStop,
		"stop without grace":                    (*suite).hardStop,
		"a deaf guest loses its power":          (*suite).deafStop,
		"a stop can be hastened":                (*suite).hastenedStop,
		"a withdrawn stop ends in a start":      (*suite).withdrawnStop,
		"the guest powers itself off":           (*suite).guestPowerOff,
		"the guest reboots itself":              (*suite).guestReset,
		"the process crashes":                   (*suite).crash,
		"hard reboot":                           (*suite).hardReboot,
		"soft reboot":                           (*suite).softReboot,
		"soft reboot of a deaf guest":           (*suite).deafReboot,
		"interrupts":                            (*suite).interrupts,
		"pause and resume":                      (*suite).pause,
		"a paused machine can be stopped":       (*suite).pausedStop,
		"suspend and resume":                    (*suite).suspend,
		"a suspended machine can be stopped":    (*suite).suspendedStop,
		"a suspended machine boots anew":        (*suite).suspendedReboot,
		"snapshots":                             (*suite).snapshots,
		"disks are set aside and taken back":    (*suite).keep,
		"rescue":                                (*suite).rescue,
		"interfaces come and go":                (*suite).plug,
		"a restart adopts":                      (*suite).adopt,
		"a power-off while nobody looks":        (*suite).unseenPowerOff,
		"a crash while nobody looks":            (*suite).unseenCrash,
		"bad specs are refused":                 (*suite).refuses,
		"providers that fail":                   (*suite).providers,
		"removal wins":                          (*suite).removalWins,
		"consoles":                              (*suite).consoles,
		"close":                                 (*suite).closes,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &suite{T: t, Harness: open(t)}
			s.spec = s.Spec(t)
			s.spec.ID = uuid.NewString()
			s.open()
			test(s)
		})
	}
}

// open opens the driver; the machine is removed when the test ends.
func (s *suite) open() {
	d := s.Open(s.T)
	s.d = d
	s.Cleanup(func() {
		ctx := context.WithoutCancel(s.Context())
		if err := d.Remove(ctx, s.spec.ID); err != nil && !errs.Is(err, errs.Unavailable) {
			s.Errorf("clean up: %v", err)
		}
		if err := d.Close(); err != nil {
			s.Errorf("close: %v", err)
		}
	})
}

// restart is what becomes of the driver when wisp is started again.
func (s *suite) restart() {
	s.Helper()
	if err := s.d.Close(); err != nil {
		s.Fatal(err)
	}
	s.open()
}

// converge ensures the spec, and checks the state that comes of it.
func (s *suite) converge(want hypervisor.State) hypervisor.Status {
	s.Helper()
	status := Converge(s.T, s.d, s.spec)
	if status.State != want {
		s.Fatalf("the machine is %s, want %s: %+v", status.State, want, status)
	}
	if i := s.instance(); i != nil && i.Kept != status.Kept {
		s.Fatalf("the list says %+v, the status %+v", i, status)
	}
	if (status.PID != 0) != (want == hypervisor.StateRunning || want == hypervisor.StatePaused) {
		s.Fatalf("the machine is %s and has the process %d", status.State, status.PID)
	}
	if i := s.instance(); i == nil || i.State != want || i.PID != status.PID || i.BootGeneration != status.BootGeneration ||
		i.ResetGeneration != status.ResetGeneration || i.StoppedByGuest != status.StoppedByGuest {
		s.Fatalf("the list says %+v, the status %+v", i, status)
	}
	return status
}

// boot starts the machine and waits for its guest.
func (s *suite) boot() hypervisor.Status {
	s.Helper()
	status := s.converge(hypervisor.StateRunning)
	WaitReady(s.T, s.d, s.spec.ID, 1)
	return status
}

// instance finds the machine in the list.
func (s *suite) instance() *hypervisor.Instance {
	s.Helper()
	list, err := s.d.List(s.Context())
	if err != nil {
		s.Fatalf("list: %v", err)
	}
	for _, i := range list {
		if i.ID == s.spec.ID {
			return &i
		}
	}
	return nil
}

func (s *suite) wantKind(err error, kind errs.Kind) {
	s.Helper()
	if !errs.Is(err, kind) {
		s.Errorf("the error is %v (%s), want one of kind %s", err, errs.Of(err), kind)
	}
}

func (s *suite) startsOnce() {
	first, err := s.d.Ensure(s.Context(), s.spec)
	if err != nil {
		s.Fatal(err)
	}
	if !first.Started || !first.Settled || first.State != hypervisor.StateRunning || first.StartedAt.IsZero() {
		s.Errorf("the first status is %+v", first)
	}
	second := s.converge(hypervisor.StateRunning)
	if second.Started || second.PID != first.PID || !second.StartedAt.Equal(first.StartedAt) {
		s.Errorf("the second status is %+v, the first was %+v", second, first)
	}
	i := s.instance()
	if i.Name != s.spec.Name || len(i.PortIDs) != len(s.spec.NICs) || i.PortIDs[0] != s.spec.NICs[0].PortID {
		s.Errorf("the list says %+v", i)
	}
}

func (s *suite) staysOff() {
	s.spec.Power = hypervisor.PowerStopped
	s.converge(hypervisor.StateStopped)
	s.spec.Power = hypervisor.PowerPaused
	s.converge(hypervisor.StateStopped)
	s.spec.Power = hypervisor.PowerRunning
	s.converge(hypervisor.StateRunning)
}

func (s *suite) unknownMachine() {
	id := uuid.NewString()
	if err := s.d.Remove(s.Context(), id); err != nil {
		s.Errorf("removing an unknown machine: %v", err)
	}
	s.wantKind(s.d.Remove(s.Context(), "../../etc"), errs.Invalid)
	_, err := s.d.ConsoleLog(s.Context(), id, 0)
	s.wantKind(err, errs.NotFound)
	_, err = s.d.OpenConsole(s.Context(), id, hypervisor.ConsoleSerial)
	s.wantKind(err, errs.NotFound)
	_, err = s.d.Stats(s.Context(), id)
	s.wantKind(err, errs.NotFound)
	if list, err := s.d.List(s.Context()); err != nil || len(list) != 0 {
		s.Errorf("the list is %v, %v", list, err)
	}
}

func (s *suite) gracefulStop() {
	first := s.boot()
	s.spec.Power, s.spec.StopGrace = hypervisor.PowerStopped, patience
	status, err := s.d.Ensure(s.Context(), s.spec)
	if err != nil || status.State == hypervisor.StateRunning || status.State == hypervisor.StateStopping && status.Settled {
		s.Fatalf("asked to stop: %+v, %v", status, err)
	}
	stopped := s.converge(hypervisor.StateStopped)
	if stopped.StoppedByGuest {
		s.Error("a stop that was asked for counts as the guest's own")
	}
	s.spec.Power = hypervisor.PowerRunning
	if again := s.converge(hypervisor.StateRunning); again.PID == first.PID {
		s.Error("the process is the old one")
	}
	WaitReady(s.T, s.d, s.spec.ID, 2)
}

func (s *suite) hardStop() {
	s.boot()
	s.spec.Power, s.spec.StopGrace = hypervisor.PowerStopped, 0
	if status, err := s.d.Ensure(s.Context(), s.spec); err != nil || status.State != hypervisor.StateStopped || !status.Settled {
		s.Errorf("stopped: %+v, %v", status, err)
	}
}

func (s *suite) deafStop() {
	s.boot()
	s.Deafen(s.T, s.d, s.spec.ID)
	begin := time.Now()
	s.spec.Power, s.spec.StopGrace = hypervisor.PowerStopped, 300*time.Millisecond
	s.converge(hypervisor.StateStopped)
	if took := time.Since(begin); took < s.spec.StopGrace {
		s.Errorf("power was cut after %s already", took)
	}
}

func (s *suite) hastenedStop() {
	s.boot()
	s.Deafen(s.T, s.d, s.spec.ID)
	s.spec.Power, s.spec.StopGrace = hypervisor.PowerStopped, time.Hour
	status, err := s.d.Ensure(s.Context(), s.spec)
	if err != nil || status.State != hypervisor.StateStopping || status.Settled || status.RetryAfter <= 0 {
		s.Fatalf("asked to stop: %+v, %v", status, err)
	}
	if i := s.instance(); i.State != hypervisor.StateStopping {
		s.Errorf("the list says %+v", i)
	}
	s.spec.StopGrace = 0
	s.converge(hypervisor.StateStopped)
}

func (s *suite) withdrawnStop() {
	first := s.boot()
	s.spec.Power, s.spec.StopGrace = hypervisor.PowerStopped, patience
	if _, err := s.d.Ensure(s.Context(), s.spec); err != nil {
		s.Fatal(err)
	}
	s.spec.Power = hypervisor.PowerRunning
	if again := s.converge(hypervisor.StateRunning); again.PID == first.PID {
		s.Error("the guest was asked to shut down, and its process runs on")
	}
}

func (s *suite) guestPowerOff() {
	first := s.boot()
	s.PowerOff(s.T, s.d, s.spec.ID)
	waitEvent(s.T, s.d, s.spec.ID, hypervisor.EventGuestShutdown)
	for range 2 {
		if status := s.converge(hypervisor.StateStopped); !status.StoppedByGuest || status.Started {
			s.Fatalf("the guest powered itself off: %+v", status)
		}
	}
	s.spec.BootGeneration++
	if again := s.converge(hypervisor.StateRunning); again.PID == first.PID || again.StoppedByGuest || again.BootGeneration != s.spec.BootGeneration {
		s.Errorf("started by a new generation: %+v", again)
	}
	WaitReady(s.T, s.d, s.spec.ID, 2)
	s.PowerOff(s.T, s.d, s.spec.ID)
	waitEvent(s.T, s.d, s.spec.ID, hypervisor.EventGuestShutdown)
	s.converge(hypervisor.StateStopped)
	s.spec.Power = hypervisor.PowerStopped
	if status := s.converge(hypervisor.StateStopped); status.StoppedByGuest {
		s.Errorf("stopped, as is wanted: %+v", status)
	}
	s.spec.Power = hypervisor.PowerRunning
	s.converge(hypervisor.StateRunning)
}

func (s *suite) guestReset() {
	first := s.boot()
	s.Reset(s.T, s.d, s.spec.ID)
	waitEvent(s.T, s.d, s.spec.ID, hypervisor.EventGuestReset)
	WaitReady(s.T, s.d, s.spec.ID, 2)
	if again := s.converge(hypervisor.StateRunning); again.PID != first.PID {
		s.Error("a guest's own reboot changed its process")
	}
}

func (s *suite) crash() {
	s.boot()
	s.Crash(s.T, s.d, s.spec.ID)
	waitEvent(s.T, s.d, s.spec.ID, hypervisor.EventExited)
	for range 2 {
		if status := s.converge(hypervisor.StateCrashed); status.Fault == "" || status.Started {
			s.Fatalf("crashed: %+v", status)
		}
	}
	s.spec.BootGeneration++
	if status := s.converge(hypervisor.StateRunning); status.Fault != "" {
		s.Errorf("started again: %+v", status)
	}
	s.Crash(s.T, s.d, s.spec.ID)
	s.converge(hypervisor.StateCrashed)
	s.spec.Power = hypervisor.PowerStopped
	s.converge(hypervisor.StateStopped)
}

func (s *suite) hardReboot() {
	first := s.boot()
	s.spec.BootGeneration++
	second := s.converge(hypervisor.StateRunning)
	if second.PID == first.PID || second.BootGeneration != s.spec.BootGeneration {
		s.Errorf("rebooted: %+v, was %+v", second, first)
	}
	if third := s.converge(hypervisor.StateRunning); third.PID != second.PID {
		s.Error("rebooted twice")
	}
	WaitReady(s.T, s.d, s.spec.ID, 2)
}

func (s *suite) softReboot() {
	first := s.boot()
	s.spec.ResetGeneration++
	s.spec.StopGrace = patience
	second := s.converge(hypervisor.StateRunning)
	if second.PID == first.PID || second.ResetGeneration != s.spec.ResetGeneration {
		s.Errorf("rebooted: %+v, was %+v", second, first)
	}
	WaitReady(s.T, s.d, s.spec.ID, 2)
	if third := s.converge(hypervisor.StateRunning); third.PID != second.PID {
		s.Error("rebooted twice")
	}
}

func (s *suite) deafReboot() {
	first := s.boot()
	s.Deafen(s.T, s.d, s.spec.ID)
	s.spec.ResetGeneration++
	s.spec.StopGrace = 200 * time.Millisecond
	if second := s.converge(hypervisor.StateRunning); second.PID == first.PID {
		s.Error("not rebooted")
	}
}

func (s *suite) pause() {
	first := s.boot()
	s.spec.Power = hypervisor.PowerPaused
	s.converge(hypervisor.StatePaused)
	if again := s.converge(hypervisor.StatePaused); again.PID != first.PID {
		s.Error("another process")
	}
	s.spec.Power = hypervisor.PowerRunning
	if again := s.converge(hypervisor.StateRunning); again.PID != first.PID {
		s.Error("another process")
	}
}

func (s *suite) interrupts() {
	s.wantKind(s.d.Interrupt(s.Context(), uuid.NewString()), errs.NotFound)
	s.spec.Power = hypervisor.PowerStopped
	s.converge(hypervisor.StateStopped)
	s.wantKind(s.d.Interrupt(s.Context(), s.spec.ID), errs.Conflict)
	s.spec.Power = hypervisor.PowerRunning
	first := s.boot()
	if err := s.d.Interrupt(s.Context(), s.spec.ID); err != nil {
		s.Fatal(err)
	}
	waitSaid(s.T, s.d, s.spec.ID, "nmi\r\n", 1)
	s.spec.Power = hypervisor.PowerPaused
	s.converge(hypervisor.StatePaused)
	if err := s.d.Interrupt(s.Context(), s.spec.ID); err != nil {
		s.Fatal(err)
	}
	s.spec.Power = hypervisor.PowerRunning
	if again := s.converge(hypervisor.StateRunning); again.PID != first.PID {
		s.Error("another process")
	}
	waitSaid(s.T, s.d, s.spec.ID, "nmi\r\n", 2)
}

func (s *suite) pausedStop() {
	s.boot()
	s.spec.Power = hypervisor.PowerPaused
	s.converge(hypervisor.StatePaused)
	// Who is paused hears no power button: waiting would be in vain.
	s.spec.Power, s.spec.StopGrace = hypervisor.PowerStopped, time.Hour
	s.converge(hypervisor.StateStopped)
}

func (s *suite) adopt() {
	first := s.boot()
	s.restart()
	if i := s.instance(); i == nil || i.State != hypervisor.StateRunning || i.PID != first.PID {
		s.Fatalf("after the restart the list says %+v", i)
	}
	if again := s.converge(hypervisor.StateRunning); again.PID != first.PID || again.Started {
		s.Errorf("adopted: %+v, was %+v", again, first)
	}
	s.PowerOff(s.T, s.d, s.spec.ID)
	waitEvent(s.T, s.d, s.spec.ID, hypervisor.EventGuestShutdown)
	s.converge(hypervisor.StateStopped)
}

func (s *suite) unseenPowerOff() {
	s.boot()
	s.PowerOff(s.T, s.d, s.spec.ID)
	s.restart()
	var status hypervisor.Status
	Until(s.T, "the power-off is seen", func() bool {
		status = Converge(s.T, s.d, s.spec)
		return status.State != hypervisor.StateRunning
	})
	if status.State != hypervisor.StateStopped || !status.StoppedByGuest {
		s.Errorf("after the restart: %+v", status)
	}
}

func (s *suite) unseenCrash() {
	s.boot()
	if err := s.d.Close(); err != nil {
		s.Fatal(err)
	}
	s.Crash(s.T, s.d, s.spec.ID)
	s.open()
	s.converge(hypervisor.StateCrashed)
}

func (s *suite) refuses() {
	for name, change := range map[string]func(*hypervisor.Spec){
		"id":                  func(s *hypervisor.Spec) { s.ID = "../../../etc" },
		"id in capitals":      func(s *hypervisor.Spec) { s.ID = strings.ToUpper(s.ID[:35]) + "A" },
		"no processor":        func(s *hypervisor.Spec) { s.VCPUs = 0 },
		"many processors":     func(s *hypervisor.Spec) { s.VCPUs = 256 },
		"no memory":           func(s *hypervisor.Spec) { s.MemoryMiB = 0 },
		"negative disk":       func(s *hypervisor.Spec) { s.RootGiB = -1 },
		"negative ephemeral":  func(s *hypervisor.Spec) { s.EphemeralGiB = -1 },
		"negative swap":       func(s *hypervisor.Spec) { s.SwapMiB = -1 },
		"image format":        func(s *hypervisor.Spec) { s.Image = &hypervisor.Image{Path: "/x", Format: "vmdk"} },
		"image without path":  func(s *hypervisor.Spec) { s.Image = &hypervisor.Image{Format: "raw"} },
		"ramdisk alone":       func(s *hypervisor.Spec) { s.Initrd = "/x" },
		"command line alone":  func(s *hypervisor.Spec) { s.CommandLine = "quiet" },
		"power":               func(s *hypervisor.Spec) { s.Power = "on" },
		"negative grace":      func(s *hypervisor.Spec) { s.StopGrace = -1 },
		"MAC":                 func(s *hypervisor.Spec) { s.NICs[0].MAC = "52:54:00:00:00:01,romfile=/etc/passwd" },
		"multicast MAC":       func(s *hypervisor.Spec) { s.NICs[0].MAC = "53:54:00:00:00:01" },
		"long MAC":            func(s *hypervisor.Spec) { s.NICs[0].MAC = "52:54:00:00:00:01:02:03" },
		"MTU":                 func(s *hypervisor.Spec) { s.NICs[0].MTU = 67 },
		"port without id":     func(s *hypervisor.Spec) { s.NICs[0].PortID = "" },
		"the same port twice": func(s *hypervisor.Spec) { s.NICs = append(s.NICs, s.NICs[0]) },
		"model of interface":  func(s *hypervisor.Spec) { s.NICs[0].Model = "ne2k,help" },
		"disk bus":            func(s *hypervisor.Spec) { s.Features.DiskBus = "floppy" },
		"vif model":           func(s *hypervisor.Spec) { s.Features.VIFModel = "ne2k" },
		"video":               func(s *hypervisor.Spec) { s.Features.VideoModel = "qxl" },
		"machine type":        func(s *hypervisor.Spec) { s.Features.MachineType = "isapc" },
		"firmware":            func(s *hypervisor.Spec) { s.Features.Firmware = "uefi" },
	} {
		spec := s.spec
		spec.NICs = append([]hypervisor.NIC(nil), spec.NICs...)
		change(&spec)
		if _, err := s.d.Ensure(s.Context(), spec); !errs.Is(err, errs.Invalid) {
			s.Errorf("%s: %v, want an error of kind invalid", name, err)
		}
	}
	if list, err := s.d.List(s.Context()); err != nil || len(list) != 0 {
		s.Errorf("what was refused is there: %v, %v", list, err)
	}
}

func (s *suite) providers() {
	broken := errors.New("broken")
	s.spec.NICs = append([]hypervisor.NIC(nil), s.spec.NICs...)
	s.spec.NICs[0].Tap = func(context.Context) (*os.File, error) { return nil, broken }
	if _, err := s.d.Ensure(s.Context(), s.spec); !errors.Is(err, broken) {
		s.Errorf("with a broken tap: %v", err)
	}
	s.spec.NICs[0].Tap = nil
	s.spec.ConfigDrive = func(context.Context) ([]byte, error) { return nil, broken }
	if _, err := s.d.Ensure(s.Context(), s.spec); !errors.Is(err, broken) {
		s.Errorf("with a broken config drive: %v", err)
	}
	asked := 0
	s.spec.ConfigDrive = func(context.Context) ([]byte, error) {
		asked++
		return make([]byte, 64<<10), nil
	}
	s.converge(hypervisor.StateRunning)
	s.converge(hypervisor.StateRunning)
	if asked != 1 {
		s.Errorf("the config drive was asked for %d times", asked)
	}
}

func (s *suite) removalWins() {
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			// Whether it is made or cut off does not matter here.
			_, _ = s.d.Ensure(s.Context(), s.spec)
		})
		all.Go(func() {
			if err := s.d.Remove(s.Context(), s.spec.ID); err != nil {
				s.Errorf("remove: %v", err)
			}
		})
	}
	all.Wait()
	for range 2 {
		if err := s.d.Remove(s.Context(), s.spec.ID); err != nil {
			s.Errorf("remove: %v", err)
		}
	}
	if i := s.instance(); i != nil {
		s.Errorf("the list says %+v", i)
	}
	_, err := s.d.ConsoleLog(s.Context(), s.spec.ID, 0)
	s.wantKind(err, errs.NotFound)
	s.converge(hypervisor.StateRunning)
}

func (s *suite) consoles() {
	s.spec.Power = hypervisor.PowerStopped
	s.converge(hypervisor.StateStopped)
	for _, kind := range []hypervisor.ConsoleKind{hypervisor.ConsoleSerial, hypervisor.ConsoleVNC} {
		_, err := s.d.OpenConsole(s.Context(), s.spec.ID, kind)
		s.wantKind(err, errs.Conflict)
	}
	_, err := s.d.Stats(s.Context(), s.spec.ID)
	s.wantKind(err, errs.Conflict)

	s.spec.Power = hypervisor.PowerRunning
	s.boot()
	_, err = s.d.OpenConsole(s.Context(), s.spec.ID, "telepathy")
	s.wantKind(err, errs.Invalid)
	for kind, talk := range map[hypervisor.ConsoleKind]struct{ say, hear string }{
		hypervisor.ConsoleSerial: {"x", "x"},
		hypervisor.ConsoleVNC:    {"", "RFB 003.008\n"},
	} {
		conn, err := s.d.OpenConsole(s.Context(), s.spec.ID, kind)
		if err != nil {
			s.Fatalf("open the console %s: %v", kind, err)
		}
		if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
			s.Fatal(err)
		}
		if talk.say != "" {
			if _, err := io.WriteString(conn, talk.say); err != nil {
				s.Errorf("speak to the console %s: %v", kind, err)
			}
		}
		heard := make([]byte, len(talk.hear))
		if _, err := io.ReadFull(conn, heard); err != nil || string(heard) != talk.hear {
			s.Errorf("the console %s said %q, %v", kind, heard, err)
		}
		conn.Close()
	}
	if stats, err := s.d.Stats(s.Context(), s.spec.ID); err != nil || stats.MemoryBytes <= 0 || stats.Uptime <= 0 || len(stats.CPUTimes) != s.spec.VCPUs {
		s.Errorf("used: %+v, %v", stats, err)
	}
	for lines, want := range map[int]int{-1: 1, 0: 1, 100: 1} {
		text, err := s.d.ConsoleLog(s.Context(), s.spec.ID, lines)
		if err != nil || strings.Count(string(text), "ready\r\n") != want {
			s.Errorf("the last %d lines of the console are %q, %v", lines, text, err)
		}
	}
}

func (s *suite) closes() {
	first := s.boot()
	events := s.d.Events()
	for range 2 {
		if err := s.d.Close(); err != nil {
			s.Fatal(err)
		}
	}
	for range events { //nolint:revive // it ends when the channel is closed
	}
	_, err := s.d.Ensure(s.Context(), s.spec)
	s.wantKind(err, errs.Unavailable)
	s.open()
	if again := s.converge(hypervisor.StateRunning); again.PID != first.PID {
		s.Error("closing the driver ended the machine")
	}
}
