package cgroup

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// unified builds something that looks like a unified hierarchy.
func unified(t *testing.T) *Tree {
	t.Helper()
	mount := t.TempDir()
	put := func(name, text string) {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(mount, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(mount, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put("cgroup.controllers", "cpu memory pids")
	put("cgroup.subtree_control", "")
	put("wisp-x/cgroup.subtree_control", "")
	for _, file := range []string{"memory.max", "memory.oom.group", "cpu.weight", "pids.max", "cgroup.procs"} {
		put("wisp-x/m/"+file, "")
	}
	put("wisp-x/m/memory.events", "low 0\noom 3\noom_kill 2\n")
	tree := &Tree{legacy: map[string]string{}}
	tree.mounted(mount, "cgroup2", []string{"rw"}, "wisp-x")
	if err := tree.usable(); err != nil {
		t.Fatal(err)
	}
	return tree
}

func TestUnified(t *testing.T) {
	t.Parallel()
	tree := unified(t)
	if err := tree.Make("m", Limits{MemoryBytes: 1 << 20, CPUWeight: 200, Tasks: 7}); err != nil {
		t.Fatal(err)
	}
	if err := tree.Join("m", 42); err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]string{"memory.max": "1048576", "cpu.weight": "200", "pids.max": "7", "memory.oom.group": "1", "cgroup.procs": "42"} {
		if b, err := os.ReadFile(filepath.Join(tree.unified, "m", file)); err != nil || string(b) != want {
			t.Errorf("%s is %q, %v; want %q", file, b, err, want)
		}
	}
	if n := tree.OutOfMemory("m"); n != 2 {
		t.Errorf("out of memory %d times", n)
	}
	if n := tree.OutOfMemory("other"); n != 0 {
		t.Errorf("a group that is not there was out of memory %d times", n)
	}
	if groups, err := tree.Groups(); err != nil || len(groups) != 1 || groups[0] != "m" {
		t.Errorf("the groups are %v, %v", groups, err)
	}
	if err := tree.Join("other", 42); err == nil {
		t.Error("joined a group that is not there")
	}
	// A real group's folder counts as empty; one with files does not.
	if err := tree.Remove("m"); err == nil {
		t.Error("a folder that is not empty was removed")
	}
}

func TestUnusable(t *testing.T) {
	t.Parallel()
	nothing := &Tree{legacy: map[string]string{}}
	if err := nothing.usable(); err == nil {
		t.Error("no hierarchy is usable")
	}
	// A unified hierarchy without the controllers is of no use.
	nothing.mounted(t.TempDir(), "cgroup2", nil, "x")
	if nothing.unified != "" {
		t.Error("a hierarchy without controllers was taken")
	}
	nothing.mounted("/nonexistent", "cgroup", []string{"rw", "memory"}, "x")
	if err := nothing.usable(); err == nil {
		t.Error("a hierarchy that cannot be written is usable")
	}
}

// TestRealGroup uses the hierarchies of this host.
func TestRealGroup(t *testing.T) {
	t.Parallel()
	tree, err := Open(fmt.Sprintf("wisp-test-%d", os.Getpid()))
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { tree.Prune() })
	for range 2 {
		if err := tree.Make("m", Limits{MemoryBytes: 64 << 20, CPUWeight: 50, Tasks: 100}); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("sleep", "600")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if err := tree.Join("m", cmd.Process.Pid); err != nil {
		t.Error(err)
	}
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", cmd.Process.Pid))
	if err != nil || strings.Count(string(b), fmt.Sprintf("/wisp-test-%d/m", os.Getpid())) != len(tree.folders()) {
		t.Errorf("the process is in %s, %v", b, err)
	}
	if err := tree.Remove("m"); err == nil {
		t.Error("a group with a process was removed")
	}
	cmd.Process.Kill()
	_ = cmd.Wait() // it was killed
	for range 2 {
		if err := tree.Remove("m"); err != nil {
			t.Error(err)
		}
		if err := tree.Prune(); err != nil {
			t.Error(err)
		}
	}
	if groups, err := tree.Groups(); err != nil || len(groups) != 0 {
		t.Errorf("groups are left: %v, %v", groups, err)
	}
}
