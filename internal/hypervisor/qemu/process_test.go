package qemu

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"wisp/internal/errs"
	"wisp/internal/hypervisor"
	"wisp/internal/hypervisor/hypervisortest"
)

// status reads fields of proc_pid_status(5).
func status(t *testing.T, pid int) map[string]string {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	fields := map[string]string{}
	for line := range strings.Lines(string(b)) {
		key, value, _ := strings.Cut(line, ":")
		fields[key] = strings.TrimSpace(value)
	}
	return fields
}

func TestProcessIsConfined(t *testing.T) {
	t.Parallel()
	needQEMU(t)
	d, spec := openDriver(t, Config{StateDir: stateDir(t)}), smallSpec(t)
	machine := hypervisortest.Converge(t, d, spec)
	has := status(t, machine.PID)
	if has["Seccomp"] != "2" || has["NoNewPrivs"] != "1" {
		t.Errorf("seccomp %s, no new privileges %s", has["Seccomp"], has["NoNewPrivs"])
	}
	if os.Geteuid() != 0 {
		t.Skip("the rest needs root")
	}
	user := fmt.Sprint(d.config.Users.First)
	if ids := strings.Fields(has["Uid"]); slices.ContainsFunc(ids, func(id string) bool { return id != user }) {
		t.Errorf("it runs as the users %v, want %s", ids, user)
	}
	if has["Groups"] != "" || strings.Trim(has["CapEff"]+has["CapPrm"], "0") != "" {
		t.Errorf("groups %q, capabilities %s", has["Groups"], has["CapEff"])
	}
	if d.groups == nil {
		t.Skip("no control groups")
	}
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", machine.PID))
	if err != nil || !strings.Contains(string(b), "wisp-"+d.tag+"/"+spec.ID) {
		t.Errorf("its control groups are %s, %v", b, err)
	}
	second := smallSpec(t)
	if other := hypervisortest.Converge(t, d, second); status(t, other.PID)["Uid"] == has["Uid"] {
		t.Error("two machines run as the same user")
	}
}

// TestOutlivesSIGKILL starts a machine in another process of this program,
// which is then killed, as wisp may be.
func TestOutlivesSIGKILL(t *testing.T) {
	t.Parallel()
	needQEMU(t)
	dir, spec := stateDir(t), smallSpec(t)
	cmd := exec.Command(os.Args[0], "-test.run=^TestStartForOther$")
	cmd.Env = append(os.Environ(), "WISP_TEST_START="+dir+"\n"+spec.ID+"\n"+spec.Image.Path)
	said, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var pid int
	if _, err := fmt.Fscanf(said, "started %d\n", &pid); err != nil {
		t.Errorf("the other process does not say that it started a machine: %v", err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Error(err)
	}
	_ = cmd.Wait() // it was killed
	d := openDriver(t, Config{StateDir: dir})
	if got := hypervisortest.Converge(t, d, spec); got.PID != pid || got.Started {
		t.Errorf("adopted: %+v, want the process %d", got, pid)
	}
	hypervisortest.WaitReady(t, d, spec.ID, 1)
	// It is no child of this process, and its end must be seen all the same.
	tell(t, d, spec.ID, hypervisortest.GuestPowerOff)
	hypervisortest.Until(t, "the power-off is seen", func() bool {
		return hypervisortest.Converge(t, d, spec).State == hypervisor.StateStopped
	})
}

// TestStartForOther is the other process of TestOutlivesSIGKILL.
func TestStartForOther(t *testing.T) {
	dir, rest, ok := strings.Cut(os.Getenv("WISP_TEST_START"), "\n")
	if !ok {
		t.Skip("only run by TestOutlivesSIGKILL")
	}
	id, image, _ := strings.Cut(rest, "\n")
	d := openDriver(t, Config{StateDir: dir})
	got, err := d.Ensure(t.Context(), hypervisor.Spec{
		ID: id, VCPUs: 1, MemoryMiB: 32, RootGiB: 1, Power: hypervisor.PowerRunning, Image: &hypervisor.Image{Path: image, Format: "raw"},
		NICs: []hypervisor.NIC{{PortID: "port", MAC: "52:54:00:00:00:01", MTU: 1450}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fprintf(os.Stdout, "started %d\n", got.PID); err != nil {
		t.Fatal(err)
	}
	<-t.Context().Done()
}

// TestForeignProcessIsSpared shows that a number in a record is not enough to
// kill what has it now.
func TestForeignProcessIsSpared(t *testing.T) {
	t.Parallel()
	for name, forge := range map[string]func(d *Driver, id string, p processID) (command []string, recorded processID){
		"same number, another start": func(_ *Driver, _ string, p processID) ([]string, processID) {
			return nil, processID{p.PID, p.Start - 1}
		},
		"same number and start, another program": func(_ *Driver, _ string, p processID) ([]string, processID) { return nil, p },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := stateDir(t)
			d, spec := openDriver(t, Config{StateDir: dir, NoCgroups: true}), smallSpec(t)
			spec.Power = hypervisor.PowerStopped
			hypervisortest.Converge(t, d, spec)
			stranger := exec.Command("sleep", "600")
			if err := stranger.Start(); err != nil {
				t.Fatal(err)
			}
			defer func() { _, _ = stranger.Process.Kill(), stranger.Wait() }()
			start, err := startTime(stranger.Process.Pid)
			if err != nil {
				t.Fatal(err)
			}
			m, err := d.known(spec.ID)
			if err != nil {
				t.Fatal(err)
			}
			_, m.record.Process = forge(d, spec.ID, processID{stranger.Process.Pid, start})
			m.record.Phase, m.record.BootID = phaseRunning, d.bootID
			if err := m.save(); err != nil {
				t.Fatal(err)
			}
			if got := hypervisortest.Converge(t, d, spec); got.State != hypervisor.StateStopped {
				t.Errorf("the machine is %+v", got)
			}
			if err := d.Remove(t.Context(), spec.ID); err != nil {
				t.Error(err)
			}
			if err := syscall.Kill(stranger.Process.Pid, 0); err != nil {
				t.Errorf("the stranger is gone: %v", err)
			}
			if _, err := startTime(stranger.Process.Pid); err != nil {
				t.Errorf("the stranger is gone: %v", err)
			}
		})
	}
}

// program writes a shell script that any user may run.
func program(t *testing.T, text string) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "wisp-program-*")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	path := filepath.Join(dir, "program")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestQEMUThatDoesNotStart(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		program string
		kind    errs.Kind
		says    string
	}{
		"not installed":   {"/nonexistent/qemu", errs.Unavailable, "not installed"},
		"refuses":         {program(t, "echo 'cannot set up guest memory' >&2; exit 1\n"), errs.Internal, "cannot set up guest memory"},
		"ends in words":   {program(t, "exit 0\n"), errs.Internal, "said nothing"},
		"never answers":   {program(t, "exec sleep 600 "+`"$@"`+"\n"), errs.Internal, "invalid"}, // sleep refuses the arguments
		"stays and hangs": {program(t, `read x <&4; kill -STOP $$`+"\n"), errs.Unavailable, "did not get ready"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := Config{StateDir: stateDir(t), Binary: test.program, Accelerator: AccelTCG, ReadyTimeout: 300 * time.Millisecond}
			d, spec := openDriver(t, config), smallSpec(t)
			for range 2 {
				_, err := d.Ensure(t.Context(), spec)
				if !errs.Is(err, test.kind) || !strings.Contains(err.Error(), test.says) {
					t.Errorf("the error is %v (%s), want %s with %q", err, errs.Of(err), test.kind, test.says)
				}
				if list, err := d.List(t.Context()); err != nil || len(list) != 1 || list[0].State != hypervisor.StateIncomplete || list[0].PID != 0 {
					t.Errorf("the list is %+v, %v", list, err)
				}
			}
			if err := d.Remove(t.Context(), spec.ID); err != nil {
				t.Fatal(err)
			}
			wantNothing(t, d, spec.ID)
		})
	}
}

func TestLongStateDirectory(t *testing.T) {
	t.Parallel()
	needQEMU(t)
	dir := filepath.Join(stateDir(t), strings.Repeat("long/", 40))
	d, spec := openDriver(t, Config{StateDir: dir}), smallSpec(t)
	hypervisortest.Converge(t, d, spec)
	hypervisortest.WaitReady(t, d, spec.ID, 1)
	tell(t, d, spec.ID, "x")
	if err := d.Remove(t.Context(), spec.ID); err != nil {
		t.Fatal(err)
	}
	wantNothing(t, d, spec.ID)
}

func TestUsersRunOut(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	config := Config{StateDir: stateDir(t), NoCgroups: true, Users: UserRange{First: DefaultUsers.First, Count: 2}}
	d := openDriver(t, config)
	var ids []string
	for n := range 3 {
		spec := smallSpec(t)
		spec.Power = hypervisor.PowerStopped
		_, err := d.Ensure(t.Context(), spec)
		if n < 2 && err != nil || n == 2 && !errs.Is(err, errs.Unavailable) {
			t.Errorf("machine %d: %v", n, err)
		}
		ids = append(ids, spec.ID)
	}
	if err := d.Remove(t.Context(), ids[0]); err != nil {
		t.Fatal(err)
	}
	d.Close()
	d = openDriver(t, config) // the ranges are taken from the records
	spec := smallSpec(t)
	spec.Power = hypervisor.PowerStopped
	if _, err := d.Ensure(t.Context(), spec); err != nil {
		t.Errorf("with a user that became free: %v", err)
	}
	spec = smallSpec(t)
	spec.Power = hypervisor.PowerStopped
	if _, err := d.Ensure(t.Context(), spec); !errs.Is(err, errs.Unavailable) {
		t.Errorf("without one: %v", err)
	}
}

func TestConfigIsChecked(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]Config{
		"no state directory":       {},
		"relative state directory": {StateDir: "state"},
		"unknown accelerator":      {StateDir: "/tmp", Accelerator: "hvf"},
	} {
		if _, err := c.withDefaults(); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
