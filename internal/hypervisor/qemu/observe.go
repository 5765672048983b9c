package qemu

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"wisp/internal/errs"
	"wisp/internal/hypervisor"
	"wisp/internal/qmp"
)

// observation is what was seen of a machine's process just now.
type observation struct {
	alive    bool
	paused   bool
	diskFull bool // paused by QEMU, because it could not write
}

// observe finds out about the process, connects to it if it must, and puts
// into the record that it ended. The record must have been read. After an
// error, observation.alive still counts.
func (m *machine) observe(ctx context.Context) (observation, error) {
	r := m.record
	if r.Phase == phaseOff {
		return observation{}, nil
	}
	if r.Phase == phaseStarting && !r.Process.alive(m.name()) {
		// It may have been started and never recorded.
		found, err := findProcesses(m.driver.tag, m.driver.config.Users)
		if err != nil {
			return observation{}, err
		}
		r.Process = found[m.id]
	}
	if !r.Process.alive(m.name()) {
		return observation{}, m.died()
	}
	if r.Phase == phaseStarting {
		// Nobody knows how far it came, and its guest ran no step: it is to be
		// started again.
		return observation{alive: true}, nil
	}
	if err := m.attach(ctx); err != nil {
		if r.Process.gone(ctx, m.name(), exitPatience) {
			return observation{}, m.died()
		}
		return observation{alive: true}, err
	}
	var status struct {
		Status string `json:"status"`
	}
	if err := m.ask(ctx, "query-status", nil, &status); err != nil {
		if r.Process.gone(ctx, m.name(), exitPatience) {
			return observation{}, m.died()
		}
		return observation{alive: true}, err
	}
	switch status.Status {
	case "shutdown":
		because := offByGuest
		if r.Stop != nil {
			because = offRequested
		}
		return observation{}, m.end(ctx, because, "")
	case "internal-error":
		return observation{}, m.end(ctx, offByCrash, "QEMU could not go on emulating the machine: "+m.lastWords())
	case "paused", "prelaunch", "suspended", "postmigrate", "finish-migrate":
		return observation{alive: true, paused: true}, nil
	case "io-error":
		return observation{alive: true, paused: true, diskFull: true}, nil
	}
	return observation{alive: true}, nil
}

// exitPatience is how long a process whose QMP socket is closed may take to
// be gone.
const exitPatience = 2 * time.Second

// end kills the process and records why.
func (m *machine) end(ctx context.Context, because, fault string) error {
	if err := m.record.Process.kill(ctx, m.name()); err != nil {
		return err
	}
	m.detach()
	r := m.record
	r.Phase, r.Process, r.Stop = phaseOff, processID{}, nil
	r.OffBecause, r.Fault = because, fault
	return m.save()
}

// died records that the process is gone, and finds out why.
func (m *machine) died() error {
	m.detach()
	r := m.record
	if r.Phase == phaseStarting {
		// A start that did not come about. It is not recorded: the next one
		// begins where this one did.
		return nil
	}
	because, fault := offByCrash, ""
	switch {
	case r.BootID != m.driver.bootID, r.Stop != nil:
		// The host went down with it, or it was to end anyway.
		because = offRequested
	case m.driver.groups != nil && m.driver.groups.OutOfMemory(m.id) > 0:
		fault = "The kernel killed the machine: its QEMU used more memory than the flavor and QEMU's own needs allow."
		m.emit(hypervisor.EventMemory, "")
	default:
		fault = "The machine's QEMU ended unexpectedly. " + m.lastWords()
	}
	r.Phase, r.Process, r.Stop = phaseOff, processID{}, nil
	r.OffBecause, r.Fault = because, fault
	return m.save()
}

// lastWords is the end of what QEMU complained about.
func (m *machine) lastWords() string {
	const most = 2 << 10
	b, err := tailOf(filepath.Join(m.folder, "qemu.log"), most)
	text := strings.TrimSpace(string(b))
	if err != nil || text == "" {
		return "It said nothing; look into the host's kernel log."
	}
	lines := strings.Split(text, "\n")
	const last = 5
	return "It said: " + strings.Join(lines[max(0, len(lines)-last):], "; ")
}

// attach connects to the process's monitor unless that is done.
func (m *machine) attach(ctx context.Context) error {
	if m.monitor != nil {
		select {
		case <-m.monitor.Done():
			m.detach()
		default:
			return nil
		}
	}
	ctx, cancel := context.WithTimeout(ctx, m.driver.config.ReadyTimeout)
	defer cancel()
	conn, err := m.connect(ctx, "qmp.sock")
	if err != nil {
		return err
	}
	client, err := qmp.New(ctx, conn, m.heard)
	if err != nil {
		return errs.Wrap(err, errs.Unavailable, "The machine's QEMU does not answer.")
	}
	m.monitor = client
	m.driver.tasks.Go(func() {
		<-client.Done()
		if !errors.Is(client.Err(), qmp.ErrClosed) {
			m.emit(hypervisor.EventExited, "")
		}
	})
	return nil
}

// ask runs a command, within the time that QEMU may take to answer.
func (m *machine) ask(ctx context.Context, command string, args, out any) error {
	ctx, cancel := context.WithTimeout(ctx, m.driver.config.ReadyTimeout)
	defer cancel()
	return m.monitor.Execute(ctx, command, args, out)
}

// heard turns QEMU's events into ours. It only tells: what to do about it is
// seen by observe.
func (m *machine) heard(e qmp.Event) {
	switch e.Name {
	case "SHUTDOWN":
		m.emit(hypervisor.EventGuestShutdown, detail(e.Data, "reason"))
	case "RESET":
		m.emit(hypervisor.EventGuestReset, detail(e.Data, "reason"))
	case "GUEST_PANICKED":
		m.emit(hypervisor.EventGuestPanic, "the guest's kernel panicked: see its console log")
	case "STOP":
		m.emit(hypervisor.EventPaused, "")
	case "RESUME":
		m.emit(hypervisor.EventResumed, "")
	case "DEVICE_DELETED":
		m.emit(hypervisor.EventRetry, "")
	case "BLOCK_IO_ERROR":
		m.emit(hypervisor.EventDiskError, detail(e.Data, "node-name")+": "+detail(e.Data, "reason"))
	}
}

func detail(data json.RawMessage, key string) string {
	var fields map[string]any
	if json.Unmarshal(data, &fields) != nil {
		return ""
	}
	text, _ := fields[key].(string)
	return text
}

func (m *machine) emit(kind hypervisor.EventKind, text string) {
	m.driver.events.Put(hypervisor.Event{ID: m.id, Kind: kind, At: time.Now(), Detail: text})
}

// inFolder names a file of the machine's folder in few bytes, however long
// the folder's path is: a socket's name must fit in 108.
func (m *machine) inFolder(name string) (string, *os.File, error) {
	folder, err := os.Open(m.folder)
	if err != nil {
		return "", nil, fmt.Errorf("open the machine's folder: %w", err)
	}
	return fmt.Sprintf("/proc/self/fd/%d/%s", folder.Fd(), name), folder, nil
}
