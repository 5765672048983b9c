package qemu

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"wisp/internal/errs"
	"wisp/internal/hypervisor"
	"wisp/internal/hypervisor/cgroup"
)

// errDeath is what a test's fault returns to cut the work off as the death of
// this process would: nothing is cleared up.
var errDeath = errors.New("this process died")

// start makes what is missing and starts a process. Whatever it did before an
// error, the next start does again or finds done.
func (m *machine) start(ctx context.Context, spec hypervisor.Spec) (hypervisor.Status, error) {
	accel, _, err := m.driver.accelerator(ctx)
	if err != nil {
		return hypervisor.Status{}, err
	}
	began := time.Now()
	wake := m.wakes(spec)
	if wake {
		spec = m.asleep(spec)
	} else {
		if err := m.forgetMemory(); err != nil {
			return hypervisor.Status{}, err
		}
		if err := m.prepare(ctx, spec); err != nil {
			return hypervisor.Status{}, err
		}
		m.record.Places, m.record.Slots = nil, nil
	}
	prepared := time.Now()
	m.detach()
	r := m.record
	r.Phase, r.Spec, r.Process, r.BootID, r.StartedAt = phaseStarting, spec, processID{}, m.driver.bootID, time.Now().UTC()
	r.OffBecause, r.Fault, r.Stop = offRequested, "", nil
	if err := m.save(); err != nil {
		return hypervisor.Status{}, err
	}
	if err := m.driver.step("record-starting"); err != nil {
		return hypervisor.Status{}, err
	}
	if err := m.run(ctx, spec, accel, wake); err != nil {
		if errors.Is(err, errDeath) {
			return hypervisor.Status{}, err
		}
		// Whoever wanted this may have gone; the process must go all the same.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), m.driver.config.ReadyTimeout)
		defer cancel()
		return hypervisor.Status{}, errors.Join(err, m.killAll(ctx))
	}
	status := m.settled(observation{alive: true})
	status.Started, status.Began, status.Prepared = true, began, prepared
	return status, nil
}

// prepare makes the disks.
func (m *machine) prepare(ctx context.Context, spec hypervisor.Spec) error {
	if err := m.settleDisks(ctx, spec); err != nil {
		return err
	}
	if err := m.clearDisks(spec); err != nil {
		return err
	}
	for _, d := range disksOf(spec) {
		var err error
		if d.config {
			err = m.writeConfigDrive(ctx, spec)
		} else {
			err = m.prepareDisk(d)
		}
		if err != nil {
			return err
		}
		if err := m.driver.step("disk-" + d.name); err != nil {
			return err
		}
	}
	return nil
}

// Memory that QEMU needs beside the guest's.
const (
	overheadMiB = 256
	perVCPUMiB  = 8
)

// group makes the machine's control group.
func (m *machine) group(spec hypervisor.Spec, accel Accelerator) error {
	if m.driver.groups == nil {
		return nil
	}
	memory := int64(spec.MemoryMiB + overheadMiB + spec.VCPUs*perVCPUMiB)
	if accel == AccelTCG {
		memory += tcgBufferMiB
	}
	const tasks = 256 // QEMU's thread pools are bounded far below
	return m.driver.groups.Make(m.id, cgroup.Limits{
		MemoryBytes: memory * mib, CPUWeight: min(10000, 100*spec.VCPUs), Tasks: tasks + spec.VCPUs,
	})
}

// run starts the process and leads it to where its guest runs.
func (m *machine) run(ctx context.Context, spec hypervisor.Spec, accel Accelerator, wake bool) error {
	if err := m.group(spec, accel); err != nil {
		return err
	}
	if err := m.driver.step("group"); err != nil {
		return err
	}
	exited, err := m.spawn(ctx, spec, accel, wake)
	if err != nil {
		return err
	}
	if err := m.driver.step("spawn"); err != nil {
		return err
	}
	if err := m.save(); err != nil {
		return err
	}
	if err := m.driver.step("record-process"); err != nil {
		return err
	}
	if m.driver.groups != nil {
		if err := m.driver.groups.Join(m.id, m.record.Process.PID); err != nil && !errors.Is(err, syscall.ESRCH) {
			return err
		}
	}
	if err := m.driver.step("join-group"); err != nil {
		return err
	}
	if err := m.attach(ctx); err != nil {
		return m.startError(ctx, err, exited)
	}
	if err := m.driver.step("attach"); err != nil {
		return err
	}
	if wake {
		if err := m.loadMemory(ctx); err != nil {
			return m.startError(ctx, err, exited)
		}
	} else if err := m.growDisks(ctx, spec); err != nil {
		return err
	}
	// What was loaded is of no more use: the disks go on from here.
	m.record.Memory = false
	// Recorded first: a process that waits with this phase is let go on by
	// the next Ensure, as a paused one.
	m.record.Phase = phaseRunning
	if err := m.save(); err != nil {
		return err
	}
	if err := m.driver.step("record-running"); err != nil {
		return err
	}
	if err := m.ask(ctx, "cont", nil, nil); err != nil {
		return m.startError(ctx, err, exited)
	}
	if err := m.driver.step("cont"); err != nil {
		return err
	}
	return m.forgetMemory()
}

// startError tells why QEMU did not come up: it mostly says so itself.
func (m *machine) startError(ctx context.Context, err error, exited <-chan struct{}) error {
	if ctx.Err() != nil {
		return err
	}
	select {
	case <-exited:
		return errs.Wrap(err, errs.Internal, "QEMU ended at once. %s", m.lastWords())
	case <-time.After(exitPatience):
		return errs.Wrap(err, errs.Unavailable, "QEMU did not get ready within %s: is the host overloaded?", m.driver.config.ReadyTimeout)
	}
}

// growDisks makes disks as large as the spec wants them by now.
func (m *machine) growDisks(ctx context.Context, spec hypervisor.Spec) error {
	for _, d := range disksOf(spec) {
		if d.readOnly || d.config || d.size == 0 {
			continue
		}
		have, err := virtualSize(filepath.Join(m.folder, d.file))
		if err != nil {
			return hostError(err, "look at the "+d.name+" disk")
		}
		if have >= d.size {
			continue
		}
		if err := m.ask(ctx, "block_resize", object{"node-name": d.name, "size": d.size}, nil); err != nil {
			return fmt.Errorf("grow the %s disk: %w", d.name, err)
		}
		if err := m.driver.step("grow-" + d.name); err != nil {
			return err
		}
	}
	return nil
}

// spawn starts QEMU. It goes on when this process ends, however that ends:
// it has a session of its own and nothing of ours but the files it was given.
// The channel is closed when it has ended.
func (m *machine) spawn(ctx context.Context, spec hypervisor.Spec, accel Accelerator, wake bool) (<-chan struct{}, error) {
	b := &commandBuilder{slots: m.record.Slots}
	defer b.close()
	if err := m.compose(ctx, b, spec, accel); err != nil {
		return nil, err
	}
	if wake {
		b.add("-incoming", "defer")
	}
	complaints, err := os.OpenFile(filepath.Join(m.folder, "qemu.log"), os.O_CREATE|os.O_TRUNC|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, hostError(err, "open QEMU's log")
	}
	defer complaints.Close()
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("start QEMU: %w", err)
	}
	// The process outlives the call, and this process too.
	cmd := exec.CommandContext(context.WithoutCancel(ctx), m.driver.config.Binary, b.args...)
	cmd.Dir = "/"
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", "HOME=/"}
	cmd.Stdout, cmd.Stderr = complaints, complaints
	cmd.ExtraFiles = b.files
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if os.Geteuid() == 0 {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: m.record.User, Gid: m.record.User, Groups: kvmGroup(accel)}
	}
	if err := cmd.Start(); err != nil {
		if errors.Is(err, exec.ErrNotFound) || errors.Is(err, os.ErrNotExist) {
			return nil, errs.Wrap(err, errs.Unavailable, "QEMU (%s) is not installed on this host.", m.driver.config.Binary)
		}
		return nil, fmt.Errorf("start QEMU: %w", err)
	}
	// A process that nobody waits for stays as a zombie until we end.
	exited := make(chan struct{})
	go func() {
		defer close(exited)
		if err := cmd.Wait(); err != nil {
			m.driver.log.Debug("a machine's process ended", "machine", m.id, "how", err)
		}
	}()
	start, err := startTime(cmd.Process.Pid)
	if err != nil {
		<-exited
		return nil, errs.New(errs.Internal, "QEMU ended at once. %s", m.lastWords())
	}
	m.record.Process = processID{PID: cmd.Process.Pid, Start: start}
	return exited, nil
}

// kvmGroup is whom the host lets use KVM.
func kvmGroup(accel Accelerator) []uint32 {
	info, err := os.Stat("/dev/kvm")
	if accel != AccelKVM || err != nil {
		return nil
	}
	return []uint32{info.Sys().(*syscall.Stat_t).Gid}
}

// compose puts the command line together, and opens everything it needs.
func (m *machine) compose(ctx context.Context, b *commandBuilder, spec hypervisor.Spec, accel Accelerator) error {
	b.base(m.name(), spec, accel)
	console, err := os.OpenFile(m.consoleLog(), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return hostError(err, "open the console log")
	}
	log := b.fdset(console)
	if err := m.sockets(b, spec, log); err != nil {
		return err
	}
	if spec.Kernel != "" {
		if err := m.kernel(b, spec); err != nil {
			return err
		}
	}
	if err := m.openDisks(b, spec); err != nil {
		return err
	}
	for _, n := range spec.NICs {
		tap, err := tapOf(ctx, n)
		if err != nil {
			return err
		}
		b.nic(m.place(n.PortID), n, tap)
	}
	b.helpers(spec)
	b.video(spec.Features.VideoModel)
	return nil
}

func tapOf(ctx context.Context, n hypervisor.NIC) (*os.File, error) {
	if n.Tap == nil {
		return nil, nil
	}
	tap, err := n.Tap(ctx)
	if err != nil {
		return nil, fmt.Errorf("open the tap device of port %s: %w", n.PortID, err)
	}
	return tap, nil
}

// sockets makes the sockets, listening, before there is a QEMU: connecting to
// one needs no waiting.
func (m *machine) sockets(b *commandBuilder, spec hypervisor.Spec, log string) error {
	monitor, err := m.listen("qmp.sock")
	if err != nil {
		return err
	}
	b.socketOption("monitor", monitor, "")
	b.add("-mon", "chardev=monitor,mode=control")
	serial, err := m.listen("serial.sock")
	if err != nil {
		return err
	}
	b.socketOption("serial0", serial, ",logfile="+log+",logappend=on")
	b.add("-serial", "chardev:serial0")
	if !spec.Features.GuestAgent {
		return nil
	}
	agent, err := m.listen("agent.sock")
	if err != nil {
		return err
	}
	b.socketOption("agent0", agent, "")
	b.device("virtio-serial-pci", object{"id": "channels"})
	b.device("virtserialport", object{"bus": "channels.0", "chardev": "agent0", "name": "org.qemu.guest_agent.0"})
	return nil
}

// listen makes a Unix socket in the machine's folder; one that is there is
// of an earlier process.
func (m *machine) listen(name string) (*os.File, error) {
	path, folder, err := m.inFolder(name)
	if err != nil {
		return nil, err
	}
	defer folder.Close()
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("make the socket %s: %w", name, err)
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, hostError(err, "make the socket "+name)
	}
	l.SetUnlinkOnClose(false)
	defer l.Close()
	f, err := l.File()
	if err != nil {
		return nil, fmt.Errorf("make the socket %s: %w", name, err)
	}
	return f, nil
}

// connect connects to a socket in the machine's folder.
func (m *machine) connect(ctx context.Context, name string) (net.Conn, error) {
	path, folder, err := m.inFolder(name)
	if err != nil {
		return nil, err
	}
	defer folder.Close()
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", path)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", name, err)
	}
	return conn, nil
}

// kernel hands a kernel and its ramdisk down. QEMU reads both by name, so they
// go through memory files that its user may read, wherever the cache is and
// whoever owns it; it lets go of them once the guest is loaded.
func (m *machine) kernel(b *commandBuilder, spec hypervisor.Spec) error {
	for _, part := range []struct{ option, path string }{{"-kernel", spec.Kernel}, {"-initrd", spec.Initrd}} {
		if part.path == "" {
			continue
		}
		f, err := readable(part.path)
		if err != nil {
			return errs.Wrap(err, errs.Unavailable, "The %s image is not in this host's cache, or cannot be read.", part.option[1:])
		}
		b.add(part.option, fmt.Sprintf("/dev/fd/%d", b.inherit(f)))
	}
	b.add("-append", spec.CommandLine)
	return nil
}

// readable opens a file so that /dev/fd/N of it can be opened by any user: as
// it is if everyone may read it, else as a copy in memory.
func readable(path string) (*os.File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	stat, err := f.Stat()
	if err == nil && stat.Mode().Perm()&0o004 != 0 {
		return f, nil
	}
	defer f.Close()
	if err != nil {
		return nil, err
	}
	fd, err := unix.MemfdCreate("image", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, err
	}
	copied := os.NewFile(uintptr(fd), "image")
	if _, err = copied.ReadFrom(f); err == nil {
		err = copied.Chmod(0o444)
	}
	if err != nil {
		return nil, errors.Join(err, copied.Close())
	}
	return copied, nil
}

// openDisks opens the disks and hands them down.
func (m *machine) openDisks(b *commandBuilder, spec hypervisor.Spec) error {
	for _, d := range disksOf(spec) {
		flags := os.O_RDWR
		if d.readOnly {
			flags = os.O_RDONLY
		}
		f, err := os.OpenFile(filepath.Join(m.folder, d.file), flags, 0)
		if err != nil {
			return hostError(err, "open the "+d.name+" disk")
		}
		back := diskBackend{disk: d, file: f}
		if d.image != nil {
			base, _, err := openImage(d.image)
			if err != nil {
				f.Close()
				return err
			}
			back.base, back.baseFormat = base, d.image.Format
		}
		b.disk(back)
	}
	return nil
}
