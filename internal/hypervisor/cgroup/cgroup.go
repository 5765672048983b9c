// Package cgroup puts machines' processes into control groups: how much
// memory, how many tasks and what share of the processors each may have.
//
// Tree is one folder of groups, in whatever hierarchies the host has mounted:
// the unified one (v2) when it has the controllers, else one for each
// controller (v1). All its methods can be repeated. The package imports
// nothing of the project, and knows no machines.
//
// Sources: Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/ of Linux.
package cgroup

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// Limits is what one group may use. Zero means no limit.
type Limits struct {
	MemoryBytes int64
	CPUWeight   int // share under contention, 1 to 10000; 100 is the default of the kernel
	Tasks       int // processes and threads
}

// Tree is a folder that groups are made in.
type Tree struct {
	unified string            // the folder in v2; empty when v1 is used
	legacy  map[string]string // controller to folder, in v1
	mount   string            // of v2
}

var controllers = []string{"cpu", "memory", "pids"}

// Open finds the host's hierarchies and names the folder in them, such as
// "wisp-1f2e3d4c". It makes nothing. The error says why there are no groups
// to be had; machines can run without.
func Open(name string) (*Tree, error) {
	mounts, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return nil, fmt.Errorf("find the control groups: %w", err)
	}
	defer mounts.Close()
	t := &Tree{legacy: map[string]string{}}
	lines := bufio.NewScanner(mounts)
	for lines.Scan() {
		before, after, ok := strings.Cut(lines.Text(), " - ")
		where, what := strings.Fields(before), strings.Fields(after)
		if !ok || len(where) < 5 || len(what) < 3 {
			continue
		}
		t.mounted(where[4], what[0], strings.Split(what[2], ","), name)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("find the control groups: %w", err)
	}
	return t, t.usable()
}

// mounted takes one mount into account.
func (t *Tree) mounted(path, kind string, options []string, name string) {
	switch kind {
	case "cgroup2":
		available, err := os.ReadFile(filepath.Join(path, "cgroup.controllers"))
		if err == nil && slices.Contains(strings.Fields(string(available)), "memory") {
			t.mount, t.unified = path, filepath.Join(path, name)
		}
	case "cgroup":
		for _, c := range controllers {
			if slices.Contains(options, c) {
				t.legacy[c] = filepath.Join(path, name)
			}
		}
	}
}

func (t *Tree) usable() error {
	if t.unified != "" {
		t.legacy = nil
		return writable(t.mount)
	}
	if len(t.legacy) == 0 {
		return errors.New("no control group hierarchy with a cpu, memory or pids controller is mounted")
	}
	for _, folder := range t.legacy {
		if err := writable(filepath.Dir(folder)); err != nil {
			return err
		}
	}
	return nil
}

func writable(path string) error {
	const writeAndSearch = 3 // W_OK | X_OK
	if err := syscall.Access(path, writeAndSearch); err != nil {
		return fmt.Errorf("write to %s: %w", path, err)
	}
	return nil
}

func (t *Tree) folders() []string {
	if t.unified != "" {
		return []string{t.unified}
	}
	var all []string
	for _, c := range controllers {
		if f := t.legacy[c]; f != "" && !slices.Contains(all, f) {
			all = append(all, f)
		}
	}
	return all
}

// Make makes a group, or sets the limits of one that is there.
func (t *Tree) Make(group string, l Limits) error {
	for _, folder := range t.folders() {
		if err := os.MkdirAll(filepath.Join(folder, group), 0o755); err != nil {
			return fmt.Errorf("make a control group: %w", err)
		}
	}
	if t.unified != "" {
		return t.limitUnified(group, l)
	}
	return t.limitLegacy(group, l)
}

type setting struct{ file, value string }

func (t *Tree) limitUnified(group string, l Limits) error {
	// Controllers reach a group only if each folder above hands them down.
	for _, above := range []string{t.mount, t.unified} {
		for _, c := range controllers {
			if err := put(filepath.Join(above, "cgroup.subtree_control"), "+"+c); err != nil && !errors.Is(err, syscall.ENOENT) {
				return err
			}
		}
	}
	return apply(filepath.Join(t.unified, group), []setting{
		{"memory.max", orMax(l.MemoryBytes)},
		{"memory.oom.group", "1"},
		{"cpu.weight", strconv.Itoa(cmpOr(l.CPUWeight, 100))},
		{"pids.max", orMax(int64(l.Tasks))},
	})
}

func (t *Tree) limitLegacy(group string, l Limits) error {
	memory := "-1"
	if l.MemoryBytes > 0 {
		memory = strconv.FormatInt(l.MemoryBytes, 10)
	}
	for controller, s := range map[string]setting{
		"memory": {"memory.limit_in_bytes", memory},
		// 1,024 shares are the default, as a weight of 100 is in v2.
		"cpu":  {"cpu.shares", strconv.Itoa(max(2, cmpOr(l.CPUWeight, 100)*1024/100))},
		"pids": {"pids.max", orMax(int64(l.Tasks))},
	} {
		if folder := t.legacy[controller]; folder != "" {
			if err := apply(filepath.Join(folder, group), []setting{s}); err != nil {
				return err
			}
		}
	}
	return nil
}

func cmpOr(n, otherwise int) int {
	if n > 0 {
		return n
	}
	return otherwise
}

func orMax(n int64) string {
	if n > 0 {
		return strconv.FormatInt(n, 10)
	}
	return "max"
}

func apply(folder string, settings []setting) error {
	for _, s := range settings {
		err := put(filepath.Join(folder, s.file), s.value)
		// A controller that this host does not have has no file.
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// put writes without creating: in the kernel's file system that would be
// EPERM, in any other one a stray file.
func put(path, value string) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("set up a control group: %w", err)
	}
	_, err = f.WriteString(value)
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("set up a control group: write %q: %w", value, err)
	}
	return nil
}

// Join moves a process with all its threads into the group.
func (t *Tree) Join(group string, pid int) error {
	for _, folder := range t.folders() {
		if err := put(filepath.Join(folder, group, "cgroup.procs"), strconv.Itoa(pid)); err != nil {
			return err
		}
	}
	return nil
}

// OutOfMemory tells how many times the kernel killed something in the group
// because of its memory limit.
func (t *Tree) OutOfMemory(group string) int {
	path := filepath.Join(t.unified, group, "memory.events")
	if t.unified == "" {
		path = filepath.Join(t.legacy["memory"], group, "memory.oom_control")
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(b)) {
		if key, value, _ := strings.Cut(strings.TrimSpace(line), " "); key == "oom_kill" {
			n, _ := strconv.Atoi(value)
			return n
		}
	}
	return 0
}

// Remove removes a group; none of that name is no error. It fails with EBUSY
// while a process is in it.
func (t *Tree) Remove(group string) error {
	for _, folder := range t.folders() {
		if err := remove(filepath.Join(folder, group)); err != nil {
			return err
		}
	}
	return nil
}

// Groups lists the groups that are there.
func (t *Tree) Groups() ([]string, error) {
	var all []string
	for _, folder := range t.folders() {
		entries, err := os.ReadDir(folder)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("list control groups: %w", err)
		}
		for _, e := range entries {
			if e.IsDir() && !slices.Contains(all, e.Name()) {
				all = append(all, e.Name())
			}
		}
	}
	return all, nil
}

// Prune removes the folder itself when no group is left in it.
func (t *Tree) Prune() error {
	for _, folder := range t.folders() {
		if err := remove(folder); err != nil && !errors.Is(err, syscall.EBUSY) {
			return err
		}
	}
	return nil
}

func remove(folder string) error {
	err := syscall.Rmdir(folder)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove the control group %s: %w", folder, err)
	}
	return nil
}
