package compute

import (
	"time"

	"wisp/internal/nodeapi"
)

// outcome is what a report means for a server besides its own row.
type outcome struct {
	changed bool   // the row differs
	gone    bool   // nothing is left of a deleted server: finalize it
	up      bool   // its ports work from now on
	down    bool   // its ports do not work any more
	result  string // of its open action events; "" leaves them open
	details string // with ResultError
}

// observe changes the server to what its host says it is, seen from what it
// should be. It is level-triggered: the same status again changes nothing. A
// status from before the last request (an older generation) is stale.
func (s *Server) observe(st nodeapi.InstanceStatus, now time.Time) outcome {
	if s.Power == nodeapi.PowerDeleted {
		return outcome{gone: st.Phase == nodeapi.PhaseGone}
	}
	stale := st.BootGeneration < s.BootGeneration
	switch st.Phase {
	case nodeapi.PhasePreparing:
		if s.VMState == StateBuilding && s.TaskState != TaskSpawning {
			s.TaskState = TaskSpawning
			return outcome{changed: true}
		}
	case nodeapi.PhaseRunning:
		if stale || st.ResetGeneration < s.ResetGeneration || s.Power != nodeapi.PowerRunning {
			return outcome{}
		}
		return s.running(now)
	case nodeapi.PhaseStopped:
		switch {
		case s.Power == nodeapi.PowerStopped:
			return s.stopped()
		case st.Guest && !stale:
			// The guest powered itself off: what should be follows, or the
			// next comparison would start it again.
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

func (s *Server) launch(now time.Time) {
	if s.LaunchedAt.IsZero() {
		s.LaunchedAt = now
	}
	if s.VMState == StateBuilding {
		s.VMState, s.AdminPass = StateActive, "" // the machine has the password now
	}
}

func (s *Server) running(now time.Time) outcome {
	if s.TaskState == TaskNone && (s.VMState == StateActive || s.VMState == StateError) {
		if s.PowerState == PowerRunning {
			return outcome{}
		}
		s.PowerState = PowerRunning
		return outcome{changed: true, up: true}
	}
	s.launch(now)
	s.VMState, s.TaskState, s.PowerState, s.Fault = StateActive, TaskNone, PowerRunning, nil
	return outcome{changed: true, up: true, result: ResultSuccess}
}

func (s *Server) stopped() outcome {
	state := StateStopped
	if s.VMState == StateError && s.TaskState == TaskNone {
		state = StateError // a failure stays visible until somebody acts on it
	}
	if s.VMState == state && s.TaskState == TaskNone && s.PowerState == PowerShutdown {
		return outcome{}
	}
	s.VMState, s.TaskState, s.PowerState = state, TaskNone, PowerShutdown
	if state == StateStopped {
		s.Fault = nil
	}
	return outcome{changed: true, down: true, result: ResultSuccess}
}

func (s *Server) failed(st nodeapi.InstanceStatus, now time.Time) outcome {
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
