package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"wisp/internal/archive"
	"wisp/internal/hypervisor/qemu"
	"wisp/internal/store"
)

func restoreCommand() *cobra.Command {
	var (
		s        settings
		database string
		replace  bool
		forget   bool
	)
	command := &cobra.Command{
		Use:   "restore FILE",
		Short: "Bring a saved cloud back into a state directory whose cloud is down",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := s.absolute(); err != nil {
				return err
			}
			given := s.StateDir
			err := s.load()
			if err != nil && !errors.Is(err, errNoCloud) && !replace {
				return err // --replace is for settings that cannot be read, too
			}
			s.StateDir = given
			target := archive.Target{StateDir: s.StateDir, Replace: replace}
			switch {
			case store.IsPostgreSQL(database):
				target.Database = database
			case database == store.SQLite:
			case database != "":
				return fmt.Errorf("--database %s: want a postgres:// URL or %s", redacted(database), store.SQLite)
			case store.IsPostgreSQL(s.Database):
				target.Database = s.Database
			}
			return s.restore(c.Context(), args[0], target, forget, c.OutOrStdout())
		},
	}
	stateFlag(command, &s)
	command.Flags().StringVar(&database, "database", "", "postgres:// URL, or sqlite for a file in the state directory (default: what the settings there name, else the file)")
	command.Flags().BoolVar(&replace, "replace", false, "put the cloud that is there aside: its files are kept in before-restore, a PostgreSQL database's tables are not")
	command.Flags().BoolVar(&forget, "forget-newer", false, "restore although instances that are newer than the backup will be removed, with their disks")
	return command
}

func (s *settings) restore(ctx context.Context, path string, target archive.Target, forget bool, out io.Writer) (err error) {
	progress, log := newSteps(out), warnings()
	var manifest archive.Manifest
	err = progress.do("read and verify the backup", func() (err error) { manifest, err = archive.Verify(path); return err })
	if err != nil {
		return err
	}
	if err := os.MkdirAll(s.StateDir, 0o711); err != nil {
		return err
	}
	lock, err := s.hold()
	if err != nil {
		return err
	}
	defer func() { _ = lock.Close() }()
	where := s.path("wisp.db")
	if target.Database != "" {
		where = redacted(target.Database)
	}
	var restoring *archive.Restoring
	err = progress.do("write the database beside "+where, func() (err error) {
		restoring, err = archive.Restore(ctx, path, manifest, target, log)
		return err
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, restoring.Close(ctx)) }()
	if !forget {
		if err := progress.do("look for instances that the backup does not know", func() error { return s.forgets(ctx, restoring, target, out) }); err != nil {
			return err
		}
	}
	if manifest.Images {
		if err := progress.do("restore the images' data", func() error { return s.restoreImages(ctx, restoring) }); err != nil {
			return err
		}
	}
	if err := progress.do("put everything in place", func() error { return restoring.Commit(ctx) }); err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "The cloud is as it was on %s. `wisp up` starts it.\n", manifest.Taken.Format("2006-01-02 15:04:05 MST"))
	return err
}

// forgets refuses a backup that does not know instances which are there, or
// has them on other hosts: nodes remove what their server does not name to
// them.
func (s *settings) forgets(ctx context.Context, restoring *archive.Restoring, target archive.Target, out io.Writer) error {
	known, err := restoring.Servers(ctx)
	if err != nil {
		return err
	}
	newer := map[string]string{} // what to call them, by id
	databases := []string{s.database()}
	if target.Database != "" && target.Database != s.Database {
		databases = append(databases, target.Database)
	}
	for _, dsn := range databases {
		found, err := archive.Servers(ctx, dsn, warnings())
		if err != nil {
			_, _ = fmt.Fprintf(out, "Which instances %s knew cannot be said: %s\n", redacted(dsn), publicMessage(err))
		}
		for id, one := range found {
			switch was, ok := known[id]; {
			case !ok:
				newer[id] = one.Name
			case one.Host != "" && one.Host != was.Host:
				newer[id] = one.Name + ", on host " + one.Host + " since"
			}
		}
	}
	machines, err := s.machines(ctx)
	if err != nil {
		return fmt.Errorf("list the machines of this host: %w", err)
	}
	for _, id := range machines {
		if _, ok := known[id]; !ok && newer[id] == "" {
			newer[id] = "a machine of this host"
		}
	}
	if len(newer) == 0 {
		return nil
	}
	var names []string
	for id, name := range newer {
		names = append(names, fmt.Sprintf("%s (%s)", id, name))
	}
	slices.Sort(names)
	return fmt.Errorf("the backup is older than %d instances, which would be removed with their disks when the cloud starts: %s; save what they have first, and say --forget-newer", len(names), strings.Join(names, ", "))
}

// machines are the ids of the machines that this host has.
func (s *settings) machines(ctx context.Context) ([]string, error) {
	if _, err := os.Stat(s.path("node")); errors.Is(err, os.ErrNotExist) || s.Hypervisor == hypervisorFake {
		return nil, nil
	}
	driver, err := qemu.New(qemu.Config{StateDir: s.path("node"), Accelerator: qemu.Accelerator(s.Accelerator)}, warnings())
	if err != nil {
		return nil, err
	}
	defer func() { _ = driver.Close() }()
	found, err := driver.List(ctx)
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, m := range found {
		ids = append(ids, m.ID)
	}
	return ids, nil
}

// restoreImages puts the images' data where the restored settings want them: into
// all stores, from which the cloud takes what its images do not have there.
func (s *settings) restoreImages(ctx context.Context, restoring *archive.Restoring) (err error) {
	saved := settings{}
	content, err := restoring.Settings()
	if err == nil && content != nil {
		err = json.Unmarshal(content, &saved)
	}
	if err != nil {
		return err
	}
	saved.StateDir = s.StateDir
	blobs, err := saved.imageStores(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, blobs.Close()) }()
	return restoring.Images(ctx, blobs)
}

// finishRestore ends a restore that was committed and whose process died.
func (s *settings) finishRestore() error {
	if !archive.Interrupted(s.StateDir) {
		return nil
	}
	lock, err := s.hold()
	if err != nil {
		return err
	}
	return errors.Join(archive.Finish(s.StateDir), lock.Close())
}
