package qemu

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/google/uuid"

	"wisp/internal/errs"
	"wisp/internal/qcow2"
	"wisp/internal/qmp"
)

// jobPrefix begins the names of the jobs that copy disks.
const jobPrefix = "snapshot-"

// snapshotSet is the number of the fd set that a copy is written to.
const snapshotSet = 1 << 20

// Snapshot implements hypervisor.Driver. A machine that runs copies its own
// disk, as it was at the beginning; for one that is off, a QEMU without a
// machine does it.
func (d *Driver) Snapshot(ctx context.Context, id, path string) error {
	m, err := d.known(id)
	if err != nil {
		return err
	}
	ctx, done, err := m.work(ctx)
	if err != nil {
		return err
	}
	defer done()
	if m.removed {
		return unknown(id)
	}
	if err := m.read(); err != nil {
		return err
	}
	if m.record == nil {
		return unknown(id)
	}
	size, err := virtualSize(filepath.Join(m.folder, "root.qcow2"))
	if errors.Is(err, os.ErrNotExist) {
		return errs.New(errs.Conflict, "The machine has no disk to make an image of.")
	}
	if err != nil {
		return err
	}
	if err := qcow2.Create(path, size); err != nil {
		return hostError(err, "make a copy of the disk")
	}
	target, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return hostError(err, "make a copy of the disk")
	}
	defer target.Close()
	seen, err := m.observe(ctx)
	if err != nil {
		return err
	}
	if seen.alive && m.record.Phase == phaseRunning {
		err = copyDisk(ctx, m.monitor, target)
	} else {
		err = m.copyOff(ctx, target)
	}
	if err != nil {
		return err
	}
	if err := target.Sync(); err != nil {
		return hostError(err, "make a copy of the disk")
	}
	return nil
}

// job is one of QEMU's long works (QMP reference: query-jobs).
type job struct {
	ID     string `json:"id"`
	Status string `json:"status"`
	Error  string `json:"error"`
}

func findJob(ctx context.Context, monitor *qmp.Client, id string) (job, bool, error) {
	var jobs []job
	if err := monitor.Execute(ctx, "query-jobs", nil, &jobs); err != nil {
		return job{}, false, err
	}
	for _, j := range jobs {
		if j.ID == id {
			return j, true, nil
		}
	}
	return job{}, false, nil
}

// copyDisk lets QEMU write its root disk with all that is below it into a file.
func copyDisk(ctx context.Context, monitor *qmp.Client, target *os.File) (err error) {
	if err := endCopies(ctx, monitor); err != nil {
		return err
	}
	id := jobPrefix + uuid.NewString()[:8]
	if err := monitor.ExecuteFile(ctx, "add-fd", object{"fdset-id": snapshotSet}, nil, target); err != nil {
		return err
	}
	// Whatever happens, QEMU must let go of the file: also when ctx has ended.
	after := context.WithoutCancel(ctx)
	defer func() {
		err = errors.Join(err, monitor.Execute(after, "remove-fd", object{"fdset-id": snapshotSet}, nil))
	}()
	node := object{
		"driver": "qcow2", "node-name": id, "discard": "unmap",
		"file": object{"driver": "file", "filename": fmt.Sprintf("/dev/fdset/%d", snapshotSet)},
	}
	if err := monitor.Execute(ctx, "blockdev-add", node, nil); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, monitor.Execute(after, "blockdev-del", object{"node-name": id}, nil)) }()
	begin := object{"job-id": id, "device": "root", "target": id, "sync": "full", "auto-dismiss": false}
	if err := monitor.Execute(ctx, "blockdev-backup", begin, nil); err != nil {
		return err
	}
	return awaitCopy(ctx, monitor, id)
}

// awaitCopy waits for the end of a copy, and dismisses it. One whose context
// has ended is cancelled.
func awaitCopy(ctx context.Context, monitor *qmp.Client, id string) error {
	tick := time.NewTicker(memoryPoll)
	defer tick.Stop()
	done, after := ctx.Done(), context.WithoutCancel(ctx)
	for {
		j, there, err := findJob(after, monitor, id)
		switch {
		case err != nil:
			return err
		case !there:
			return errs.New(errs.Internal, "QEMU has lost the copying of the disk.")
		case j.Status == "concluded":
			if err := monitor.Execute(after, "job-dismiss", object{"id": id}, nil); err != nil {
				return err
			}
			if ctx.Err() != nil {
				return fmt.Errorf("copy the disk: %w", ctx.Err())
			}
			if j.Error != "" {
				return errs.New(errs.Unavailable, "The disk could not be copied: is the host's disk full? QEMU said: %s", j.Error)
			}
			return nil
		}
		select {
		case <-tick.C:
		case <-done:
			done = nil
			if err := monitor.Execute(after, "job-cancel", object{"id": id}, nil); err != nil {
				return err
			}
		}
	}
}

// endCopies ends what a node that died was copying.
func endCopies(ctx context.Context, monitor *qmp.Client) error {
	var jobs []job
	if err := monitor.Execute(ctx, "query-jobs", nil, &jobs); err != nil {
		return err
	}
	for _, j := range jobs {
		if !strings.HasPrefix(j.ID, jobPrefix) {
			continue
		}
		if j.Status != "concluded" {
			if err := monitor.Execute(ctx, "job-cancel", object{"id": j.ID}, nil); err != nil {
				return err
			}
		}
		_ = awaitCopy(ctx, monitor, j.ID) // how it ended is of no interest
		if err := monitor.Execute(ctx, "blockdev-del", object{"node-name": j.ID}, nil); err != nil {
			return err
		}
		_ = monitor.Execute(ctx, "remove-fd", object{"fdset-id": snapshotSet}, nil) // it may be gone
	}
	return nil
}

// copyOff copies the disk of a machine that is off, with a QEMU that has disks
// and no machine. It ends with this process.
func (m *machine) copyOff(ctx context.Context, target *os.File) error {
	b := &commandBuilder{}
	defer b.close()
	b.add("-machine", "none", "-S", "-no-user-config", "-nodefaults", "-display", "none")
	b.add("-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny")
	monitor, err := m.listen("copy.sock")
	if err != nil {
		return err
	}
	b.socketOption("monitor", monitor, "")
	b.add("-mon", "chardev=monitor,mode=control")
	if err := m.openRoot(b); err != nil {
		return err
	}
	var complaints bytes.Buffer
	ctx, cancel := context.WithCancel(ctx)
	cmd := exec.CommandContext(ctx, m.driver.config.Binary, b.args...)
	cmd.Dir, cmd.Env = "/", []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", "HOME=/"}
	cmd.ExtraFiles, cmd.Stderr = b.files, &complaints
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if os.Geteuid() == 0 {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: m.record.User, Gid: m.record.User}
	}
	begun, ended := make(chan error, 1), make(chan struct{})
	go func() {
		defer close(ended)
		// The signal comes when the thread ends that started the process.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		begun <- err
		if err == nil {
			_ = cmd.Wait() // it is killed at the end
		}
	}()
	defer func() { cancel(); <-ended }()
	if err := <-begun; err != nil {
		return errs.Wrap(err, errs.Unavailable, "QEMU (%s) could not be started on this host.", m.driver.config.Binary)
	}
	client, err := m.dialCopy(ctx)
	if err != nil {
		cancel()
		<-ended
		return errs.Wrap(err, errs.Unavailable, "QEMU could not read the machine's disk. It said: %s", strings.TrimSpace(complaints.String()))
	}
	defer client.Close()
	return copyDisk(ctx, client, target)
}

func (m *machine) dialCopy(ctx context.Context) (*qmp.Client, error) {
	ctx, cancel := context.WithTimeout(ctx, m.driver.config.ReadyTimeout)
	defer cancel()
	conn, err := m.connect(ctx, "copy.sock")
	if err != nil {
		return nil, err
	}
	return qmp.New(ctx, conn, nil)
}

// openRoot hands the root disk down to be read.
func (m *machine) openRoot(b *commandBuilder) error {
	for _, d := range disksOf(m.record.Spec) {
		if d.name != "root" {
			continue
		}
		d.readOnly = true
		f, err := os.Open(filepath.Join(m.folder, d.file))
		if err != nil {
			return hostError(err, "open the root disk")
		}
		back := diskBackend{disk: d, file: f}
		if d.image != nil {
			if back.base, _, err = openImage(d.image); err != nil {
				return errors.Join(err, f.Close())
			}
			back.baseFormat = d.image.Format
		}
		b.backend(back)
		return nil
	}
	return errs.New(errs.Conflict, "The machine has no disk to make an image of.")
}
