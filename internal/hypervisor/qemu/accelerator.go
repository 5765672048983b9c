package qemu

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"wisp/internal/errs"
)

// capabilityProbe remembers what was found out by trying.
type capabilityProbe struct {
	mu      sync.Mutex
	accel   Accelerator
	reason  string
	version string
}

// accelerator finds out once what this host can accelerate with, and why.
func (d *Driver) accelerator(ctx context.Context) (Accelerator, string, error) {
	p := &d.probe
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.accel != AccelAuto {
		return p.accel, p.reason, nil
	}
	if d.config.Accelerator != AccelAuto {
		p.accel, p.reason = d.config.Accelerator, "the configuration says so"
		return p.accel, p.reason, nil
	}
	works, reason := d.kvmWorks(ctx)
	if ctx.Err() != nil {
		return AccelAuto, "", fmt.Errorf("try KVM: %w", ctx.Err())
	}
	p.accel, p.reason = AccelTCG, reason
	if works {
		p.accel = AccelKVM
	}
	d.log.Info("acceleration chosen", "accelerator", p.accel, "reason", reason)
	return p.accel, p.reason, nil
}

// kvmWorks tells whether KVM runs guests here, and how that was found out.
// That the device opens proves nothing: without the processor's help, real
// mode may run while an ordinary kernel hangs.
func (d *Driver) kvmWorks(ctx context.Context) (bool, string) {
	if runtime.GOARCH != "amd64" {
		return false, "machines are x86_64 and this host is " + runtime.GOARCH
	}
	f, err := os.OpenFile("/dev/kvm", os.O_RDWR, 0)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return false, "there is no /dev/kvm: virtualization is off in the firmware, or the kernel's kvm modules are not loaded"
	case err != nil:
		return false, "/dev/kvm cannot be opened: " + err.Error()
	}
	f.Close()
	flags := readCPU().Features
	if !slices.Contains(flags, "vmx") && !slices.Contains(flags, "svm") {
		return false, "/dev/kvm opens, but the processor has neither vmx nor svm, and ordinary guests would hang: this host is a virtual machine without nested virtualization"
	}
	const patience = 5 * time.Second
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := d.tryKVM(ctx); err != nil {
		return false, "a trial guest did not run with KVM: " + err.Error()
	}
	return true, "a trial guest ran with KVM"
}

// trialExit is what the trial guest writes to the debug exit port; QEMU's
// exit status is then twice that and one more.
const (
	trialExit   = 0x2a
	trialStatus = trialExit*2 + 1
)

// trialGuest is a boot sector that switches to protected mode with paging on,
// which needs more of KVM than real mode does, and then writes trialExit to
// port 0xf4.
func trialGuest() []byte {
	code := []byte{
		0xfa,       // cli
		0x31, 0xc0, // xor ax, ax
		0x8e, 0xd8, // mov ds, ax
		0x8e, 0xc0, // mov es, ax
		0x66, 0xb8, 0x83, 0x00, 0x00, 0x00, // mov eax, 0x83: a 4 MiB page, present, writable
		0x66, 0xa3, 0x00, 0x80, // mov [0x8000], eax: the page directory's first entry
		0x0f, 0x01, 0x16, 0x70, 0x7c, // lgdt [0x7c70]
		0x66, 0xb8, 0x10, 0x00, 0x00, 0x00, // mov eax, 0x10
		0x0f, 0x22, 0xe0, // mov cr4, eax: large pages
		0x66, 0xb8, 0x00, 0x80, 0x00, 0x00, // mov eax, 0x8000
		0x0f, 0x22, 0xd8, // mov cr3, eax
		0x66, 0xb8, 0x01, 0x00, 0x00, 0x80, // mov eax, 0x80000001
		0x0f, 0x22, 0xc0, // mov cr0, eax: protected mode and paging
		0xea, 0x40, 0x7c, 0x08, 0x00, // jmp 0x08:0x7c40
	}
	sector := make([]byte, 512)
	copy(sector, code)
	copy(sector[0x40:], []byte{
		0xb0, trialExit, // mov al, trialExit
		0xe6, 0xf4, // out 0xf4, al
		0xf4,       // hlt
		0xeb, 0xfd, // jmp back to it
	})
	copy(sector[0x50:], []byte{
		0, 0, 0, 0, 0, 0, 0, 0,
		0xff, 0xff, 0x00, 0x00, 0x00, 0x9a, 0xcf, 0x00, // code, flat, 32 bits
		0xff, 0xff, 0x00, 0x00, 0x00, 0x92, 0xcf, 0x00, // data
	})
	copy(sector[0x70:], []byte{0x17, 0x00, 0x50, 0x7c, 0x00, 0x00}) // the descriptor table's limit and place
	sector[510], sector[511] = 0x55, 0xaa
	return sector
}

// tryKVM runs the trial guest with KVM.
func (d *Driver) tryKVM(ctx context.Context) error { return d.tryGuest(ctx, "kvm") }

func (d *Driver) tryGuest(ctx context.Context, accel string) error {
	disk, err := os.CreateTemp("", "wisp-trial-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(disk.Name()) }()
	_, err = disk.Write(trialGuest())
	// The BIOS does not boot from a disk of one sector.
	if err = errors.Join(err, disk.Truncate(mib), disk.Close()); err != nil {
		return err
	}
	var said bytes.Buffer
	cmd := exec.CommandContext(ctx, d.config.Binary,
		"-nodefaults", "-no-user-config", "-display", "none", "-machine", "pc", "-accel", accel, "-m", "16",
		"-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny",
		"-device", "isa-debug-exit,iobase=0xf4,iosize=0x04",
		"-blockdev", `{"driver":"file","node-name":"f","filename":"`+disk.Name()+`","read-only":true}`,
		"-blockdev", `{"driver":"raw","node-name":"d","file":"f","read-only":true}`,
		"-device", "virtio-blk-pci,drive=d")
	cmd.Stderr = &said
	err = cmd.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.ExitCode() == trialStatus {
		return nil
	}
	if ctx.Err() != nil {
		return errors.New("it hung")
	}
	return fmt.Errorf("%w: %s", err, strings.TrimSpace(said.String()))
}

// version asks QEMU for its version, once: "7.2.22".
func (d *Driver) version(ctx context.Context) (string, error) {
	p := &d.probe
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.version != "" {
		return p.version, nil
	}
	out, err := exec.CommandContext(ctx, d.config.Binary, "--version").Output()
	if err != nil {
		return "", errs.Wrap(err, errs.Unavailable, "QEMU (%s) is not installed on this host, or does not run.", d.config.Binary)
	}
	// "QEMU emulator version 7.2.22 (Debian …)"
	_, after, _ := strings.Cut(string(out), "version ")
	version, _, _ := strings.Cut(after, " ")
	version, _, _ = strings.Cut(version, "\n")
	if version == "" {
		return "", errs.New(errs.Unavailable, "QEMU (%s) does not tell its version.", d.config.Binary)
	}
	p.version = version
	return version, nil
}
