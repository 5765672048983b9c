package qemu

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"wisp/internal/hypervisor"
)

// phase is how far a machine's process has come, by what was recorded.
type phase string

const (
	phaseOff      phase = "off"      // no process, and none was begun
	phaseStarting phase = "starting" // one was begun: it lives or not, known or not, and its guest never ran a step
	phaseRunning  phase = "running"  // one ran: if it is gone now, it died
)

// Why a machine is off.
const (
	offRequested = ""      // nobody wanted it to run, or the host went down
	offByGuest   = "guest" // its guest powered it off
	offByCrash   = "crash"
)

// record is the memory of a machine: machine.json in its folder.
type record struct {
	ID    string          `json:"id"`
	User  uint32          `json:"user"`
	Phase phase           `json:"phase"`
	Spec  hypervisor.Spec `json:"spec"` // of the process that runs, or ran last

	Process   processID `json:"process"`
	BootID    string    `json:"boot_id"` // the host's, at the last start
	StartedAt time.Time `json:"started_at"`

	OffBecause string `json:"off_because,omitempty"`
	Fault      string `json:"fault,omitempty"`

	Stop *stopRequest `json:"stop,omitempty"` // the guest was asked to shut down, and has not yet

	DiskGeneration int64  `json:"disk_generation,omitempty"` // of the disks that are there
	Kept           string `json:"kept,omitempty"`            // the copies of the disks that are set aside

	// Memory says that what the machine had in its memory is on disk, to go on
	// with. Slots are where its devices were then, by id.
	Memory bool           `json:"memory,omitempty"`
	Slots  map[string]int `json:"slots,omitempty"`

	// Places are the numbers of the interfaces by port, once one was plugged
	// while the process ran; before that they are numbered in order.
	Places map[string]int `json:"places,omitempty"`
}

// stopRequest is a graceful stop on its way.
type stopRequest struct {
	Since time.Time `json:"since"`
	Asked time.Time `json:"asked"` // the last time
}

const recordName = "machine.json"

// readRecord returns nil and no error when there is none: the machine was
// hardly begun.
func readRecord(folder string) (*record, error) {
	b, err := os.ReadFile(filepath.Join(folder, recordName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read a machine's record: %w", err)
	}
	var r record
	if err := json.Unmarshal(b, &r); err != nil {
		return nil, fmt.Errorf("understand %s: %w", filepath.Join(folder, recordName), err)
	}
	return &r, nil
}

// write replaces the record in one step.
func (r *record) write(folder string) error {
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("record a machine: %w", err)
	}
	return replaceFile(filepath.Join(folder, recordName), append(b, '\n'), 0o600)
}

// replaceFile writes a file whole: readers see the old or the new one, and
// after a power cut there is one of them.
func replaceFile(path string, content []byte, mode fs.FileMode) error {
	tmp := path + ".new"
	// What an earlier attempt left is of no use, and its mode may differ.
	if err := os.Remove(tmp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("write %s: %w", path, err)
	}
	f, err := os.OpenFile(tmp, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	_, err = f.Write(content)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(tmp, path)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", path, errors.Join(err, os.Remove(tmp)))
	}
	return nil
}
