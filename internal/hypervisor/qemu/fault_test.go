package qemu

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"wisp/internal/hypervisor"
	"wisp/internal/hypervisor/hypervisortest"
)

// richSpec is a machine whose making takes every step.
func richSpec(t *testing.T) hypervisor.Spec {
	spec := smallSpec(t)
	spec.EphemeralGiB, spec.SwapMiB = 1, 8
	spec.ConfigDrive = func(context.Context) ([]byte, error) { return make([]byte, 64<<10), nil }
	return spec
}

// life leads a machine through making, growth, a shutdown and a start. It
// returns the first error.
func life(ctx context.Context, d *Driver, spec hypervisor.Spec) error {
	if _, err := d.Ensure(ctx, spec); err != nil {
		return err
	}
	spec.RootGiB++
	spec.BootGeneration++
	if _, err := d.Ensure(ctx, spec); err != nil {
		return err
	}
	spec.Power, spec.StopGrace = hypervisor.PowerStopped, 1<<40
	if _, err := d.Ensure(ctx, spec); err != nil {
		return err
	}
	return d.Remove(ctx, spec.ID)
}

// stepsOf lists the steps that a life takes, each once.
func stepsOf(t *testing.T) []string {
	d := openDriver(t, Config{StateDir: stateDir(t)})
	var mu sync.Mutex
	var steps []string
	d.fault = func(step string) error {
		mu.Lock()
		defer mu.Unlock()
		if !slices.Contains(steps, step) {
			steps = append(steps, step)
		}
		return nil
	}
	if err := life(t.Context(), d, richSpec(t)); err != nil {
		t.Fatal(err)
	}
	if len(steps) < 15 {
		t.Fatalf("a life has only the steps %v", steps)
	}
	return steps
}

// failOnce fails the step the first time.
func failOnce(step string, err error) func(string) error {
	var once sync.Once
	return func(s string) (result error) {
		if s == step {
			once.Do(func() { result = err })
		}
		return result
	}
}

// wantNothing checks that a machine has left no trace.
func wantNothing(t *testing.T, d *Driver, id string) {
	t.Helper()
	entries, err := os.ReadDir(d.root)
	if err != nil || len(entries) != 0 {
		t.Errorf("files are left: %v, %v", entries, err)
	}
	found, err := findProcesses(d.tag, d.config.Users)
	if err != nil || len(found) != 0 {
		t.Errorf("processes are left: %v, %v", found, err)
	}
	if d.groups != nil {
		groups, err := d.groups.Groups()
		if err != nil || len(groups) != 0 {
			t.Errorf("control groups are left: %v, %v", groups, err)
		}
	}
	if list, err := d.List(t.Context()); err != nil || len(list) != 0 {
		t.Errorf("the list is %v, %v", list, err)
	}
	if len(d.users) != 0 {
		t.Errorf("users are taken: %v", d.users)
	}
	if _, known := d.machines[id]; known {
		t.Error("the machine is remembered")
	}
}

// TestEveryStepCanFail lets each step of a machine's life fail, by an error or
// by the death of wisp, and then completes the machine, or removes it.
func TestEveryStepCanFail(t *testing.T) {
	t.Parallel()
	needQEMU(t)
	for _, step := range stepsOf(t) {
		for name, fault := range map[string]error{"error": errors.New("injected"), "death": errDeath} {
			for _, then := range []string{"complete", "remove"} {
				t.Run(step+"/"+name+"/"+then, func(t *testing.T) {
					t.Parallel()
					config := Config{StateDir: stateDir(t)}
					d, spec := openDriver(t, config), richSpec(t)
					d.fault = failOnce(step, fault)
					if err := life(t.Context(), d, spec); !errors.Is(err, fault) {
						t.Fatalf("the life's error is %v", err)
					}
					if errors.Is(fault, errDeath) {
						d.Close()
						d = openDriver(t, config)
						if _, err := d.List(t.Context()); err != nil {
							t.Fatalf("list after the death: %v", err)
						}
					}
					if then == "complete" {
						wantCompleted(t, d, spec)
					}
					if err := d.Remove(t.Context(), spec.ID); err != nil {
						t.Fatal(err)
					}
					wantNothing(t, d, spec.ID)
				})
			}
		}
	}
}

// wantCompleted ensures the final form of the machine that life leads to, and
// checks that it is there, once.
func wantCompleted(t *testing.T, d *Driver, spec hypervisor.Spec) {
	t.Helper()
	spec.RootGiB++
	spec.BootGeneration++
	status := hypervisortest.Converge(t, d, spec)
	if status.State != hypervisor.StateRunning || status.BootGeneration != spec.BootGeneration {
		t.Fatalf("completed: %+v", status)
	}
	found, err := findProcesses(d.tag, d.config.Users)
	if err != nil || len(found) != 1 || found[spec.ID].PID != status.PID {
		t.Errorf("the processes are %v, %v; the machine's is %d", found, err, status.PID)
	}
	size, err := virtualSize(filepath.Join(d.root, spec.ID, "root.qcow2"))
	if err != nil || size != int64(spec.RootGiB)*gib {
		t.Errorf("the root disk has %d bytes, %v", size, err)
	}
	awaitText(t, d, spec.ID, "ready\r\n", 1)
}
