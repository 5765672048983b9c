package kernel

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// wanted are the modules that the tests need, and what these need. crc32c is
// asked for by name of the algorithm, which no module's list tells.
var wanted = []string{
	"crc32c_generic", "tun", "veth", "dummy", "bridge", "8021q", "vxlan", "gre", "ip_gre", "ip6_gre", "sch_ingress", "cls_bpf", "act_bpf",
	"nf_tables", "nft_ct", "nft_masq", "nft_chain_nat", "nf_conntrack",
}

// programs are those of this machine that the tests run; a test that lacks an
// optional one skips itself.
var (
	programs = []string{"ip", "ping", "sysctl", "sh"}
	optional = []string{"tcpdump", "iperf3", "nft", "arping", "tc", "bridge", "bpftool", "ethtool", "cat"}
)

// plan is what the machine does; folder init reads it.
type plan struct {
	Modules []string
	Command []string
	Dir     string
	Env     []string
}

// guest is an emulated machine which is ready to be started.
type guest struct {
	image, initrd string
	version       string // of the kernel
}

// pack makes the archive that a machine starts with: init and the test binary
// are static, the folder is that of the tested package.
func pack(dir, image, moduleDir, initBinary, testBinary, folder string, p plan) (*guest, error) {
	g := &guest{image: image, initrd: filepath.Join(dir, "initrd"), version: filepath.Base(moduleDir)}
	f, err := os.Create(g.initrd)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	a := newArchive(f)
	all, err := openModules(moduleDir)
	if err != nil {
		return nil, err
	}
	load, err := all.closure(wanted...)
	if err != nil {
		return nil, err
	}
	for _, m := range load {
		name := "/modules/" + m.name + ".ko"
		p.Modules = append(p.Modules, name)
		a.add(name, m.body)
	}
	for _, name := range programs {
		if err := a.program(name); err != nil {
			return nil, err
		}
	}
	for _, name := range optional {
		if err := a.program(name); err != nil && !errors.Is(err, exec.ErrNotFound) {
			return nil, err
		}
	}
	for name, source := range map[string]string{"/init": initBinary, "/test": testBinary} {
		if err := a.file(name, source); err != nil {
			return nil, err
		}
	}
	if err := a.tree(p.Dir, folder); err != nil {
		return nil, err
	}
	text, err := json.Marshal(p)
	if err != nil {
		return nil, err
	}
	a.add("/plan", text)
	a.add("/etc/hosts", []byte("127.0.0.1 localhost\n::1 localhost\n"))
	// netns makes its folder below /run, to which this leads.
	a.link("/var/run", "/run")
	a.entry("dev", modeFolder, nil)
	a.entry("dev/console", modeConsole, nil)
	return g, errFirst(a.close(), f.Close())
}

// program adds a program of this machine with its libraries.
func (a *archive) program(name string) error {
	found, err := exec.LookPath(name)
	if err != nil {
		return err
	}
	source, err := filepath.EvalSymlinks(found)
	if err != nil {
		return err
	}
	if err := a.file("/bin/"+name, source); err != nil {
		return err
	}
	// It fails for a static one, which needs none.
	out, _ := exec.Command("ldd", source).Output()
	for line := range strings.Lines(string(out)) {
		for field := range strings.FieldsSeq(line) {
			if !strings.HasPrefix(field, "/") {
				continue
			}
			if err := a.file(field, field); err != nil {
				return err
			}
		}
	}
	return nil
}

// result is what a run of a machine gave.
type result struct {
	output  []byte // of the test binary
	console []byte // of the kernel
	boot    string // what init said when it began
	status  string // what init said at its end; "" when it did not get there
}

const (
	began = "=== wisp machine: kernel"
	ended = "=== wisp machine: ended"
)

// run starts the machine and waits until it is off; the result has what there
// was until then, also with an error. Each full line of the test
// binary's output goes to seen as soon as it is there.
func (g *guest) run(ctx context.Context, seen func(line string)) (*result, error) {
	// The second argument of the kernel's name for a serial port would be its
	// speed, which nothing here has. A processor that is stuck for two minutes is
	// the end, and the console shows where it is.
	cmdline := "console=ttyS0 quiet panic=-1 oops=panic softlockup_panic=1 watchdog_thresh=60 no_timer_check mitigations=off nokaslr cryptomgr.notests audit=0 lsm= " +
		"random.trust_cpu=on initcall_blacklist=init_kprobe_trace,load_system_certificate_list"
	console := g.initrd + ".console"
	cmd := exec.CommandContext(ctx, "qemu-system-x86_64",
		"-accel", "tcg,thread=multi", "-cpu", "qemu64,+rdrand", "-smp", "2", "-m", "3072", "-display", "none", "-nodefaults", "-no-reboot",
		"-kernel", g.image, "-initrd", g.initrd, "-append", cmdline,
		"-serial", "file:"+console, "-serial", "stdio")
	lines := &lineWriter{seen: seen}
	var stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = lines, &stderr
	cmd.WaitDelay = 10 * time.Second
	// It must not outlive a test that is killed.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	err := cmd.Run()
	r := &result{}
	r.console, _ = os.ReadFile(console) // not there when QEMU did not start
	r.split(lines.all.Bytes())
	if err != nil {
		return r, fmt.Errorf("running QEMU: %w: %s", errors.Join(err, context.Cause(ctx)), stderr.Bytes())
	}
	return r, nil
}

// split parts what init said from what the test binary did.
func (r *result) split(all []byte) {
	for line := range bytes.Lines(all) {
		text := strings.TrimSpace(string(line))
		if rest, ok := strings.CutPrefix(text, began); ok && r.boot == "" {
			r.boot = strings.TrimSpace(rest)
		} else if rest, ok := strings.CutPrefix(text, ended); ok {
			r.status = strings.TrimSpace(rest)
		} else {
			r.output = append(r.output, line...)
		}
	}
}

// lineWriter keeps all that is written and tells of each line.
type lineWriter struct {
	all  bytes.Buffer
	told int
	seen func(string)
}

func (w *lineWriter) Write(p []byte) (int, error) {
	w.all.Write(p)
	for {
		rest := w.all.Bytes()[w.told:]
		end := bytes.IndexByte(rest, '\n')
		if end < 0 {
			return len(p), nil
		}
		w.seen(string(rest[:end]))
		w.told += end + 1
	}
}
