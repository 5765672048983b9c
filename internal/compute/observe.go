package compute

import (
	"time"

	"wisp/internal/nodeapi"
)

// outcome is what a report means for a server besides its own row.
type outcome struct {
	changed   bool    // the row differs
	gone      bool    // nothing is left of a deleted server: finalize it
	offloaded bool    // nothing is left on its host of a shelved one
	unshelved bool    // what it was shelved in is not needed any more
	resized   *Resize // has come to its confirmation
	reverted  *Resize // is undone
	up        bool    // its ports work from now on
	down      bool    // its ports do not work any more
	result    string  // of its open action events; "" leaves them open
	details   string  // with ResultError
}

// observe changes the server to what its host says it is, seen from what it
// should be. It is level-triggered: the same status again changes nothing. A
// status from before the last request (an older generation) is stale.
func (s *Server) observe(st nodeapi.InstanceStatus, now time.Time) outcome {
	switch s.Power {
	case nodeapi.PowerDeleted:
		return outcome{gone: st.Phase == nodeapi.PhaseGone}
	case powerOffloaded:
		return outcome{offloaded: st.Phase == nodeapi.PhaseGone}
	}
	stale := st.BootGeneration < s.BootGeneration
	switch st.Phase {
	case nodeapi.PhasePreparing:
		if s.VMState == StateBuilding && s.TaskState != TaskSpawning {
			s.TaskState = TaskSpawning
			return outcome{changed: true}
		}
	case nodeapi.PhaseRunning:
		if stale || st.ResetGeneration < s.ResetGeneration || s.Power != nodeapi.PowerRunning || !s.hasDisks(st) {
			return outcome{}
		}
		return s.running(now)
	case nodeapi.PhasePaused:
		if !stale && s.Power == nodeapi.PowerPaused {
			return s.held(StatePaused, PowerPaused)
		}
	case nodeapi.PhaseSuspended:
		if !stale && s.Power == nodeapi.PowerSuspended {
			return s.held(StateSuspended, PowerShutdown)
		}
	case nodeapi.PhaseStopped:
		switch {
		case s.Power == nodeapi.PowerStopped:
			if !s.hasDisks(st) {
				return outcome{}
			}
			return s.stopped()
		case st.Guest && !stale, !stale && (s.Power == nodeapi.PowerPaused || s.Power == nodeapi.PowerSuspended):
			// The guest powered itself off, or what it had in its memory is
			// lost: what should be follows, or the next comparison would start
			// it again.
			s.Power = nodeapi.PowerStopped
			s.launch(now)
			return s.stopped()
		}
	case nodeapi.PhaseFailed:
		return s.failed(st, now)
	case nodeapi.PhaseGone:
		return s.failed(nodeapi.InstanceStatus{Message: "The host has nothing of this server any more. Delete it and create it again.", Since: st.Since}, now)
	}
	return outcome{}
}

// hasDisks tells whether the disks are those that a resize or its revert asks
// for.
func (s *Server) hasDisks(st nodeapi.InstanceStatus) bool {
	switch {
	case s.Resize == nil:
		return true
	case s.Resize.Reverting:
		return st.Kept != s.Resize.ID
	}
	return st.Kept == s.Resize.ID
}

// imaging are the tasks that the machine's own state does not end.
var imaging = map[string]bool{TaskSnapshot: true, TaskBackup: true, TaskImageUpload: true, TaskShelving: true}

func (s *Server) launch(now time.Time) {
	if s.LaunchedAt.IsZero() {
		s.LaunchedAt = now
	}
	if s.VMState == StateBuilding {
		s.VMState, s.AdminPass = StateActive, "" // the machine has the password now
	}
}

// at is the state of a server whose machine is as it should be: that of what
// was done to it, or else the plain one.
func (s *Server) at(plain string) string {
	switch {
	case !s.SoftDeletedAt.IsZero():
		return StateSoftDeleted
	case s.Rescue != nil:
		return StateRescued
	case s.Resize != nil && !s.Resize.Reverting:
		return StateResized
	case s.VMState == StateShelved && s.TaskState == TaskNone:
		return StateShelved
	}
	return plain
}

// arrive ends what was being done to the server.
func (s *Server) arrive(state string, power int64) (o outcome) {
	o = outcome{changed: true, result: ResultSuccess, unshelved: s.TaskState == TaskUnshelving}
	if s.Resize != nil && s.Resize.Reverting {
		o.reverted, s.Resize = s.Resize, nil
	}
	if state == StateResized && s.VMState != StateResized {
		o.resized = s.Resize
	}
	s.VMState, s.TaskState, s.PowerState = state, TaskNone, power
	return o
}

// powered notes the power alone.
func (s *Server) powered(power int64) outcome {
	if s.PowerState == power {
		return outcome{}
	}
	s.PowerState = power
	return outcome{changed: true, up: power == PowerRunning, down: power != PowerRunning}
}

func (s *Server) running(now time.Time) outcome {
	state := s.at(StateActive)
	if imaging[s.TaskState] || s.TaskState == TaskNone && (s.VMState == state || s.VMState == StateError) {
		return s.powered(PowerRunning)
	}
	s.launch(now)
	o := s.arrive(state, PowerRunning)
	o.up, s.Fault, s.AdminPass = true, nil, ""
	return o
}

// held is a machine whose processors stand still.
func (s *Server) held(state string, power int64) outcome {
	if imaging[s.TaskState] || s.TaskState == TaskNone && (s.VMState == state || s.VMState == StateError) {
		return s.powered(power)
	}
	o := s.arrive(state, power)
	o.down = power == PowerShutdown
	return o
}

func (s *Server) stopped() outcome {
	state := s.at(StateStopped)
	if s.VMState == StateError && s.TaskState == TaskNone {
		state = StateError // a failure stays visible until somebody acts on it
	}
	if imaging[s.TaskState] || s.VMState == state && s.TaskState == TaskNone {
		return s.powered(PowerShutdown)
	}
	o := s.arrive(state, PowerShutdown)
	o.down = true
	if state == StateStopped {
		s.Fault = nil
	}
	return o
}

func (s *Server) failed(st nodeapi.InstanceStatus, now time.Time) outcome {
	if !s.SoftDeletedAt.IsZero() {
		return s.powered(PowerShutdown) // whoever restores it hears of it
	}
	since := st.Since.UTC().Truncate(time.Microsecond)
	if f := s.Fault; f != nil && f.Since.Equal(since) && f.Details == st.Message {
		return outcome{} // known
	}
	s.PowerState = PowerCrashed
	if s.LaunchedAt.IsZero() {
		s.PowerState = PowerNoState
	}
	s.VMState, s.TaskState, s.Power, s.AdminPass = StateError, TaskNone, nodeapi.PowerStopped, ""
	s.Fault = &Fault{Code: 500, Message: publicFault(st.Message), Details: st.Message, Created: now, Since: since}
	return outcome{changed: true, down: true, result: ResultError, details: st.Message}
}
