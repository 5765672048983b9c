package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"wisp/internal/archive"
	"wisp/internal/dataplane"
	"wisp/internal/hypervisor/qemu"
	"wisp/internal/operator"
)

func purgeCommand() *cobra.Command {
	var (
		s   settings
		yes bool
	)
	command := &cobra.Command{
		Use:   "purge",
		Short: "Remove every trace of the cloud: processes, devices, BPF programs and files",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := s.absolute(); err != nil {
				return err
			}
			if !s.exists() {
				_, err := fmt.Fprintf(c.OutOrStdout(), "There is no cloud in %s.\n", s.StateDir)
				return err
			}
			if err := s.load(); err != nil {
				return err
			}
			if !yes {
				return fmt.Errorf("this %s; say so with --yes", s.losses())
			}
			return s.purge(c.Context(), c.OutOrStdout())
		},
	}
	stateFlag(command, &s)
	command.Flags().BoolVar(&yes, "yes", false, "really do it")
	return command
}

// purge goes on when one part fails, so that as much as can be is removed;
// files go last, as they are what a second attempt needs.
func (s *settings) purge(ctx context.Context, out io.Writer) error {
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	progress := newSteps(out)
	// While this process has the lock, no cloud starts in between.
	var lock *os.File
	err := progress.do("stop the cloud", func() (err error) { lock, err = s.downAndLock(ctx); return err })
	if err != nil {
		return err
	}
	defer func() { _ = lock.Close() }()
	if s.Role == roleServer {
		return progress.do("delete files", func() error { return s.purgeFiles() })
	}
	err = errors.Join(
		progress.do("end instances", func() error { return s.purgeInstances(ctx, log) }),
		progress.do("remove network devices and BPF programs", func() error { return s.purgeNetwork(ctx, log) }),
	)
	if err != nil {
		return err
	}
	if err := progress.do("delete files", func() error { return s.purgeFiles() }); err != nil || s.Role != roleNode {
		return err
	}
	_, err = fmt.Fprintf(out, "The cloud still lists this host; on a server, `wisp node remove %s` ends that.\n", s.Host)
	return err
}

// losses says what a purge takes away.
func (s *settings) losses() string {
	switch {
	case s.Role == roleNode:
		return fmt.Sprintf("ends all instances on this machine and deletes %s with their disks", s.StateDir)
	case s.Role == roleServer && s.Database != "":
		return fmt.Sprintf("deletes %s with all images that are kept there; nodes, their instances and the database stay", s.StateDir)
	case s.Role == roleServer:
		return fmt.Sprintf("deletes %s with all images and the database; nodes and their instances stay, and have no server any more", s.StateDir)
	}
	return fmt.Sprintf("ends all instances and deletes %s with all images, disks and the database", s.StateDir)
}

func (s *settings) downAndLock(ctx context.Context) (*os.File, error) {
	const attempts = 3 // a service manager may start it again
	for range attempts {
		if _, err := s.down(ctx); err != nil {
			return nil, err
		}
		if lock, taken, err := s.lock(); err != nil || taken {
			return lock, err
		}
	}
	return nil, errors.New("it is started again and again; stop what starts it (systemctl disable --now wisp, or wisp-server, or wisp-node)")
}

func (s *settings) purgeInstances(ctx context.Context, log *slog.Logger) error {
	if _, err := os.Stat(s.path("node")); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	driver, err := qemu.New(qemu.Config{StateDir: s.path("node"), Accelerator: qemu.Accelerator(s.Accelerator)}, log)
	if err != nil {
		return err
	}
	defer func() { _ = driver.Close() }()
	machines, err := driver.List(ctx)
	if err != nil {
		return err
	}
	var failed []error
	for _, m := range machines {
		failed = append(failed, driver.Remove(ctx, m.ID))
	}
	return errors.Join(failed...)
}

func (s *settings) purgeNetwork(ctx context.Context, log *slog.Logger) error {
	plane, err := dataplane.Open(ctx, s.dataplane(nil, log))
	if err == nil {
		err = errors.Join(plane.Purge(ctx), plane.Close())
	}
	return errors.Join(err, s.physical().Remove())
}

// owned are the entries of a state directory; what else a person put there
// stays.
var owned = []string{
	"settings.json", "admin-password", "clouds.yaml", "openrc", "wisp.log", "wisp.pid", lockFile,
	"wisp.db", "wisp.db-wal", "wisp.db-shm", "keys", "images", "image-cache", "node", "tls", "ip_forward.was", operator.SocketName, statusFile,
}

func (s *settings) purgeFiles() error {
	var failed []error
	for _, name := range owned[1:] {
		// The second is what a process leaves that is killed while it writes.
		failed = append(failed, os.RemoveAll(s.path(name)), os.RemoveAll(s.path(name+".new")))
	}
	failed = append(failed, os.RemoveAll(s.path(owned[0]+".new")))
	for _, name := range archive.Folders() {
		failed = append(failed, os.RemoveAll(s.path(name)))
	}
	moved, err := filepath.Glob(s.path("wisp.db.moved-*"))
	failed = append(failed, err)
	for _, name := range moved {
		failed = append(failed, os.Remove(name))
	}
	if err := errors.Join(failed...); err != nil {
		return err
	}
	if err := os.RemoveAll(s.path(owned[0])); err != nil {
		return err
	}
	rest, err := filepath.Glob(s.path("*"))
	if err != nil || len(rest) > 0 {
		return err
	}
	return os.Remove(s.StateDir)
}
