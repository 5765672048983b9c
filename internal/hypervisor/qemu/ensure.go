package qemu

import (
	"context"
	"fmt"
	"os"
	"time"

	"wisp/internal/hypervisor"
)

// ensure brings the machine nearer to the spec.
func (m *machine) ensure(ctx context.Context, spec hypervisor.Spec) (hypervisor.Status, error) {
	ctx, done, err := m.work(ctx)
	if err != nil {
		return hypervisor.Status{}, err
	}
	defer done()
	if m.removed {
		return hypervisor.Status{}, errRemoved
	}
	if err := m.found(spec); err != nil {
		return hypervisor.Status{}, err
	}
	seen, err := m.observe(ctx)
	if err != nil {
		// A power switch works on a machine that does not answer, too.
		if !seen.alive || !m.powerIsCut(spec) {
			return hypervisor.Status{}, err
		}
	}
	if err := m.dropDisks(spec); err != nil {
		return hypervisor.Status{}, err
	}
	var status hypervisor.Status
	switch spec.Power {
	case hypervisor.PowerStopped:
		status, err = m.ensureStopped(ctx, spec, seen)
	case hypervisor.PowerPaused:
		status, err = m.ensurePaused(ctx, seen)
	case hypervisor.PowerSuspended:
		status, err = m.ensureSuspended(ctx, seen)
	default:
		status, err = m.ensureRunning(ctx, spec, seen)
	}
	if err == nil && m.record != nil {
		i := m.instance(observation{alive: status.PID != 0, paused: status.State == hypervisor.StatePaused})
		m.last.Store(&i)
	}
	return status, err
}

// found makes the folder, and the record of a machine that has none.
func (m *machine) found(spec hypervisor.Spec) error {
	if err := m.read(); err != nil {
		return err
	}
	if m.record != nil {
		return nil
	}
	// QEMU's user opens nothing in here by name.
	if err := os.MkdirAll(m.folder, 0o700); err != nil {
		return hostError(err, "make the machine's folder")
	}
	if err := m.driver.step("folder"); err != nil {
		return err
	}
	user, err := m.driver.claimUser(m.id)
	if err != nil {
		return err
	}
	m.record = &record{ID: m.id, User: user, Phase: phaseOff, Spec: hypervisor.Spec{ID: m.id, Name: spec.Name}, DiskGeneration: spec.DiskGeneration}
	// Nothing has run, so nothing is recorded that could equal the spec's.
	m.record.Spec.BootGeneration, m.record.Spec.ResetGeneration = spec.BootGeneration-1, spec.ResetGeneration
	if err := m.save(); err != nil {
		return err
	}
	return m.driver.step("record")
}

// powerIsCut tells whether the spec leaves the guest no say.
func (m *machine) powerIsCut(spec hypervisor.Spec) bool {
	r := m.record
	if spec.BootGeneration != r.Spec.BootGeneration {
		return true
	}
	if r.Stop != nil {
		return !time.Now().Before(r.Stop.Since.Add(spec.StopGrace))
	}
	return spec.Power == hypervisor.PowerStopped && spec.StopGrace == 0
}

func (m *machine) ensureStopped(ctx context.Context, spec hypervisor.Spec, seen observation) (hypervisor.Status, error) {
	if seen.alive {
		return m.stop(ctx, spec, seen)
	}
	r := m.record
	if err := m.forgetMemory(); err != nil {
		return hypervisor.Status{}, err
	}
	if err := m.settleDisks(ctx, spec); err != nil {
		return hypervisor.Status{}, err
	}
	// Off and wanted to be off: whatever put it off, it may be started again.
	if r.OffBecause != offRequested || r.Phase != phaseOff {
		r.OffBecause, r.Fault, r.Phase, r.Process = offRequested, "", phaseOff, processID{}
		if err := m.save(); err != nil {
			return hypervisor.Status{}, err
		}
	}
	return m.settled(observation{}), nil
}

func (m *machine) ensurePaused(ctx context.Context, seen observation) (hypervisor.Status, error) {
	if !seen.alive || m.record.Phase == phaseStarting {
		// A pause keeps what is in memory; there is nothing to keep.
		return m.settled(observation{}), nil
	}
	if !seen.paused {
		if err := m.ask(ctx, "stop", nil, nil); err != nil {
			return hypervisor.Status{}, err
		}
	}
	return m.settled(observation{alive: true, paused: true}), nil
}

func (m *machine) ensureRunning(ctx context.Context, spec hypervisor.Spec, seen observation) (hypervisor.Status, error) {
	r := m.record
	newBoot, newReset := spec.BootGeneration != r.Spec.BootGeneration, spec.ResetGeneration != r.Spec.ResetGeneration
	switch {
	case !seen.alive && r.Phase == phaseOff && r.OffBecause != offRequested && !newBoot && !newReset:
		// It went off by itself. Whether it is to come back is not for us to
		// decide.
		return m.settled(seen), nil
	case !seen.alive:
		return m.start(ctx, spec)
	case newBoot || r.Phase == phaseStarting:
		if err := m.end(ctx, offRequested, ""); err != nil {
			return hypervisor.Status{}, err
		}
		return m.start(ctx, spec)
	case newReset || r.Stop != nil:
		// It is started again once it has shut down. A guest that was asked to
		// shut down cannot be told otherwise, so a stop that was withdrawn
		// ends here as well.
		status, err := m.stop(ctx, spec, seen)
		if err != nil || status.State == hypervisor.StateStopping {
			return status, err
		}
		return m.start(ctx, spec)
	case seen.paused:
		if err := m.ask(ctx, "cont", nil, nil); err != nil {
			return hypervisor.Status{}, err
		}
		if seen.diskFull {
			return m.fullDisk(), nil
		}
		return m.settled(observation{alive: true}), nil
	}
	return m.plug(ctx, spec, seen)
}

// fullDiskRetry is how often a guest whose disk could not be written is let
// go on.
const fullDiskRetry = 5 * time.Second

func (m *machine) fullDisk() hypervisor.Status {
	status := m.settled(observation{alive: true, paused: true})
	status.Settled, status.RetryAfter = false, fullDiskRetry
	status.Fault = "The guest is halted because the host could not write its disk: is the host's disk full? It goes on by itself when that is mended."
	m.wakeIn(fullDiskRetry)
	return status
}

// stop shuts a living machine down: asks the guest, and cuts power when the
// time is up. It records the request before it is made, so that the time
// counts from the first one even if this process dies.
func (m *machine) stop(ctx context.Context, spec hypervisor.Spec, seen observation) (hypervisor.Status, error) {
	r, now := m.record, time.Now()
	deaf := seen.paused || r.Phase == phaseStarting || spec.StopGrace == 0
	if deaf || r.Stop != nil && !now.Before(r.Stop.Since.Add(spec.StopGrace)) {
		if err := m.end(ctx, offRequested, ""); err != nil {
			return hypervisor.Status{}, err
		}
		if spec.Power == hypervisor.PowerStopped {
			if err := m.settleDisks(ctx, spec); err != nil {
				return hypervisor.Status{}, err
			}
		}
		return m.settled(observation{}), nil
	}
	retry := m.driver.config.StopRetry
	if r.Stop == nil || now.Sub(r.Stop.Asked) >= retry {
		if r.Stop == nil {
			r.Stop = &stopRequest{Since: now}
		}
		r.Stop.Asked = now
		if err := m.save(); err != nil {
			return hypervisor.Status{}, err
		}
		if err := m.driver.step("powerdown"); err != nil {
			return hypervisor.Status{}, err
		}
		// A guest in which nothing listens to the power button yet misses
		// this; hence it is pressed again.
		if err := m.ask(ctx, "system_powerdown", nil, nil); err != nil {
			return hypervisor.Status{}, fmt.Errorf("ask the guest to shut down: %w", err)
		}
	}
	status := m.settled(observation{alive: true})
	status.Settled = false
	status.RetryAfter = max(time.Millisecond, min(r.Stop.Since.Add(spec.StopGrace).Sub(now), r.Stop.Asked.Add(retry).Sub(now)))
	m.wakeIn(status.RetryAfter)
	return status, nil
}

// wakeIn sends an event when it is time to look again.
func (m *machine) wakeIn(wait time.Duration) {
	if m.timer != nil {
		m.timer.Stop()
	}
	m.timer = time.AfterFunc(wait, func() { m.emit(hypervisor.EventRetry, "") })
}

// settled puts together a status with nothing left to do.
func (m *machine) settled(seen observation) hypervisor.Status {
	r := m.record
	i := m.instance(seen)
	return hypervisor.Status{
		State: i.State, Settled: true, StoppedByGuest: i.StoppedByGuest, BootGeneration: i.BootGeneration, ResetGeneration: i.ResetGeneration,
		PID: i.PID, StartedAt: i.StartedAt, Fault: r.Fault, Kept: i.Kept,
	}
}
