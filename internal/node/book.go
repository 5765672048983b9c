package node

import (
	"maps"
	"slices"
	"time"

	"wisp/internal/hypervisor"
	"wisp/internal/nodeapi"
)

// book is what the node says of its instances and objects. It is used under
// Node.mu.
type book struct {
	statuses map[string]nodeapi.InstanceStatus
	problems map[string]string    // of instances, by id
	network  map[string]string    // problems of the network, by object id
	failing  map[string]time.Time // since when nothing worked, by instance id
	fence    string               // why nothing is started; empty when it is
	refusal  string               // why the server's word is not taken; empty when it is
	stories  map[string]*story    // of the creations that are seen, by instance id
}

func newBook() book {
	return book{statuses: map[string]nodeapi.InstanceStatus{}, problems: map[string]string{}, failing: map[string]time.Time{}, stories: map[string]*story{}}
}

// set records a status, and tells whether it says anything new. Since stays
// that of the phase's beginning.
func (b *book) set(status nodeapi.InstanceStatus) bool {
	before, known := b.statuses[status.ID]
	if known && before.Phase == status.Phase && (status.Since.IsZero() || before.Phase != nodeapi.PhaseRunning) {
		status.Since = before.Since
	}
	if status.Since.IsZero() {
		status.Since = time.Now()
	}
	status.Since = status.Since.UTC().Truncate(time.Microsecond)
	status.Steps = nil
	if told := b.stories[status.ID]; told != nil {
		status.Steps = slices.Clone(told.steps)
	}
	b.statuses[status.ID] = status
	return !known || !before.Same(status)
}

func (b *book) drop(id string) {
	delete(b.statuses, id)
	delete(b.problems, id)
	delete(b.failing, id)
	delete(b.stories, id)
}

// reconsider takes a failure back when the server asks for something else:
// it belongs to the request before.
func (b *book) reconsider(wanted nodeapi.Instance) {
	status, known := b.statuses[wanted.ID]
	if known && status.Phase == nodeapi.PhaseFailed && wanted.Power != nodeapi.PowerDeleted {
		status.Phase, status.Message, status.Since = nodeapi.PhasePreparing, "", time.Time{}
		b.set(status)
	}
	delete(b.failing, wanted.ID)
}

// problem notes, or with an empty text takes back, what could not be made so.
func (b *book) problem(id, text string) {
	if text == "" {
		delete(b.problems, id)
	} else {
		b.problems[id] = text
	}
}

// problemsNow are all of them.
func (b *book) problemsNow() map[string]string {
	all := maps.Clone(b.problems)
	maps.Copy(all, b.network)
	if b.fence != "" {
		all[problemFence] = b.fence
	}
	if b.refusal != "" {
		all[problemCloud] = b.refusal
	}
	return all
}

// adopted is the status of a machine that was there when the node started.
func adopted(m hypervisor.Instance) nodeapi.InstanceStatus {
	status := nodeapi.InstanceStatus{ID: m.ID, BootGeneration: m.BootGeneration, ResetGeneration: m.ResetGeneration, Since: m.StartedAt, Kept: m.Kept}
	switch m.State {
	case hypervisor.StateRunning, hypervisor.StatePaused, hypervisor.StateStopping:
		status.Phase = nodeapi.PhaseRunning
	case hypervisor.StateSuspended:
		status.Phase = nodeapi.PhaseSuspended
	case hypervisor.StateStopped:
		status.Phase, status.Guest = nodeapi.PhaseStopped, m.StoppedByGuest
	case hypervisor.StateCrashed, hypervisor.StateIncomplete:
		status.Phase = nodeapi.PhasePreparing // a loop will look at it
	}
	return status
}
