package hypervisortest

import (
	"errors"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/uuid"

	"wisp/internal/errs"
	"wisp/internal/hypervisor"
	"wisp/internal/qcow2"
)

// boots counts how often the guest has said that it is ready.
func (s *suite) boots() int {
	s.Helper()
	text, err := s.d.ConsoleLog(s.Context(), s.spec.ID, 0)
	if err != nil {
		s.Fatal(err)
	}
	return strings.Count(string(text), "ready\r\n")
}

func (s *suite) suspend() {
	s.spec.Power = hypervisor.PowerSuspended
	s.converge(hypervisor.StateStopped) // it never starts one
	s.spec.Power = hypervisor.PowerRunning
	first := s.boot()
	for _, before := range []hypervisor.Power{hypervisor.PowerRunning, hypervisor.PowerPaused} {
		s.spec.Power = before
		Converge(s.T, s.d, s.spec)
		s.spec.Power = hypervisor.PowerSuspended
		s.converge(hypervisor.StateSuspended)
		s.restart()
		s.converge(hypervisor.StateSuspended)
		s.spec.Power = hypervisor.PowerRunning
		if again := s.converge(hypervisor.StateRunning); again.PID == first.PID {
			s.Error("the process is the old one")
		}
	}
	if n := s.boots(); n != 1 {
		s.Errorf("the guest has booted %d times", n)
	}
	// What went on is alive.
	s.PowerOff(s.T, s.d, s.spec.ID)
	waitEvent(s.T, s.d, s.spec.ID, hypervisor.EventGuestShutdown)
	s.converge(hypervisor.StateStopped)
}

func (s *suite) suspendedStop() {
	s.boot()
	s.spec.Power = hypervisor.PowerSuspended
	s.converge(hypervisor.StateSuspended)
	s.spec.Power = hypervisor.PowerStopped
	s.converge(hypervisor.StateStopped)
	s.spec.Power = hypervisor.PowerRunning
	s.converge(hypervisor.StateRunning)
	WaitReady(s.T, s.d, s.spec.ID, 2)
}

func (s *suite) suspendedReboot() {
	s.boot()
	s.spec.Power = hypervisor.PowerSuspended
	s.converge(hypervisor.StateSuspended)
	s.spec.Power = hypervisor.PowerRunning
	s.spec.BootGeneration++
	s.converge(hypervisor.StateRunning)
	WaitReady(s.T, s.d, s.spec.ID, 2)
}

func (s *suite) snapshots() {
	s.wantKind(s.d.Snapshot(s.Context(), uuid.NewString(), filepath.Join(s.TempDir(), "none")), errs.NotFound)
	s.boot()
	for _, power := range []hypervisor.Power{hypervisor.PowerRunning, hypervisor.PowerPaused, hypervisor.PowerSuspended, hypervisor.PowerStopped} {
		s.spec.Power = power
		Converge(s.T, s.d, s.spec)
		path := filepath.Join(s.TempDir(), "snapshot")
		if err := s.d.Snapshot(s.Context(), s.spec.ID, path); err != nil {
			s.Fatalf("%s: %v", power, err)
		}
		f, err := os.Open(path)
		if err != nil {
			s.Fatal(err)
		}
		stat, err := f.Stat()
		if err != nil {
			s.Fatal(err)
		}
		info, err := qcow2.Inspect(f, stat.Size())
		if err = errors.Join(err, info.Check("qcow2"), f.Close()); err != nil || info.VirtualSize != int64(s.spec.RootGiB)<<30 {
			s.Errorf("%s: the snapshot is %+v, %v", power, info, err)
		}
		if err := os.Remove(path); err != nil {
			s.Fatal(err)
		}
	}
	s.spec.Power = hypervisor.PowerRunning
	s.converge(hypervisor.StateRunning)
}

func (s *suite) keep() {
	s.boot()
	kept := func(want string, status hypervisor.Status) {
		s.Helper()
		if status.Kept != want {
			s.Fatalf("%q is set aside, want %q: %+v", status.Kept, want, status)
		}
	}
	s.spec.KeepDisks = "one"
	kept("", s.converge(hypervisor.StateRunning)) // not while a guest writes them
	s.spec.ResetGeneration++
	s.spec.StopGrace = patience
	kept("one", s.converge(hypervisor.StateRunning))
	s.spec.KeepDisks = ""
	kept("", s.converge(hypervisor.StateRunning)) // let go of at once
	s.spec.Power, s.spec.KeepDisks = hypervisor.PowerStopped, "two"
	kept("two", s.converge(hypervisor.StateStopped))
	s.restart()
	s.spec.KeepDisks, s.spec.RestoreDisks = "", "two"
	kept("", s.converge(hypervisor.StateStopped))
	kept("", s.converge(hypervisor.StateStopped))
	s.spec.RestoreDisks = ""
	s.spec.Power = hypervisor.PowerRunning
	kept("", s.converge(hypervisor.StateRunning))
}

func (s *suite) rescue() {
	if s.spec.Image == nil {
		s.spec.Image = &hypervisor.Image{Path: "/image", Format: "raw"}
	}
	first := s.boot()
	s.spec.Rescue = &hypervisor.Rescue{Image: *s.spec.Image, Bus: "floppy"}
	if _, err := s.d.Ensure(s.Context(), s.spec); !errs.Is(err, errs.Invalid) {
		s.Errorf("a bus that is not offered: %v", err)
	}
	boots := 1
	for _, bus := range []string{"", "virtio", "scsi", "usb"} {
		s.spec.Rescue = &hypervisor.Rescue{Image: *s.spec.Image, Bus: bus, Last: bus != ""}
		s.spec.BootGeneration++
		boots++
		if again := s.converge(hypervisor.StateRunning); again.PID == first.PID {
			s.Error("the process is the old one")
		}
		WaitReady(s.T, s.d, s.spec.ID, boots)
	}
	s.spec.Rescue = nil
	s.spec.BootGeneration++
	s.converge(hypervisor.StateRunning)
	WaitReady(s.T, s.d, s.spec.ID, boots+1)
}

func (s *suite) plug() {
	first := s.boot()
	second := s.spec.NICs[0]
	second.PortID, second.MAC = "another", "52:54:00:00:00:02"
	s.spec.NICs = append(s.spec.NICs, second)
	if again := s.converge(hypervisor.StateRunning); again.PID != first.PID {
		s.Error("another process")
	}
	if i := s.instance(); len(i.PortIDs) != 2 {
		s.Errorf("the list says %+v", i)
	}
	s.spec.Power = hypervisor.PowerSuspended
	s.converge(hypervisor.StateSuspended)
	s.spec.Power = hypervisor.PowerRunning
	s.converge(hypervisor.StateRunning)
	if n := s.boots(); n != 1 {
		s.Errorf("the guest has booted %d times", n)
	}
	// A guest without an operating system lets go when it boots.
	s.spec.NICs = s.spec.NICs[:1]
	if _, err := s.d.Ensure(s.Context(), s.spec); err != nil {
		s.Fatal(err)
	}
	s.Reset(s.T, s.d, s.spec.ID)
	s.converge(hypervisor.StateRunning)
	if i := s.instance(); len(i.PortIDs) != 1 {
		s.Errorf("the list says %+v", i)
	}
}
