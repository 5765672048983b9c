package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"time"

	"github.com/spf13/cobra"

	"wisp/internal/archive"
	"wisp/internal/store"
)

func dbCommand() *cobra.Command {
	command := &cobra.Command{Use: "db", Short: "Care for the cloud's database"}
	command.AddCommand(dbMigrateCommand())
	return command
}

func dbMigrateCommand() *cobra.Command {
	var (
		s  settings
		to string
	)
	command := &cobra.Command{
		Use:   "migrate --to postgres://…",
		Short: "Move the database of a cloud that is down from SQLite to PostgreSQL",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := s.load(); err != nil {
				return err
			}
			return s.migrate(c.Context(), to, c.OutOrStdout())
		},
	}
	stateFlag(command, &s)
	command.Flags().StringVar(&to, "to", "", "postgres:// URL of a database that is empty")
	_ = command.MarkFlagRequired("to")
	return command
}

// hold takes the state directory's lock, so that no cloud starts meanwhile.
func (s *settings) hold() (*os.File, error) {
	lock, taken, err := s.lock()
	if err == nil && !taken {
		err = fmt.Errorf("the cloud runs; stop it first: wisp down --state-dir %s (instances go on)", s.StateDir)
	}
	return lock, err
}

// database is where the cloud's database is.
func (s *settings) database() string {
	if s.Database == "" {
		return s.path("wisp.db")
	}
	return s.Database
}

// warnings is the log of commands that show their progress by themselves.
func warnings() *slog.Logger {
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
}

// redacted is a database's name without its password.
func redacted(dsn string) string {
	if u, err := url.Parse(dsn); err == nil {
		return u.Redacted()
	}
	return "the database"
}

// migrate moves the database. The settings name the new one once it is whole,
// and the old file stays under another name.
func (s *settings) migrate(ctx context.Context, to string, out io.Writer) (err error) {
	if !store.IsPostgreSQL(to) {
		return errors.New("--to: want a postgres:// URL")
	}
	if store.IsPostgreSQL(s.Database) {
		return fmt.Errorf("the database of this cloud is on PostgreSQL already, at %s", redacted(s.Database))
	}
	lock, err := s.hold()
	if err != nil {
		return err
	}
	defer func() { _ = lock.Close() }()
	log, progress := warnings(), newSteps(out)
	from, err := store.OpenUnchanged(ctx, s.database(), log)
	if err != nil {
		return err
	}
	closed := false
	defer func() {
		if !closed {
			err = errors.Join(err, from.Close())
		}
	}()
	var moving *archive.Moving
	err = progress.do("look at "+redacted(to), func() (err error) { moving, err = archive.Move(ctx, from, to, log); return err })
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, moving.Close(ctx)) }()
	var rows, tables int64
	err = progress.do("copy all tables and compare them", func() error {
		stats, err := moving.Copy(ctx, func(string, int64) {})
		for _, stat := range stats {
			tables, rows = tables+1, rows+stat.Rows
		}
		return err
	})
	if err != nil {
		return err
	}
	if err := progress.do("put them in place", func() error { return moving.Commit(ctx) }); err != nil {
		return err
	}
	old := s.database()
	s.Database = to
	if err := progress.do("name the new database in the settings", s.save); err != nil {
		return fmt.Errorf("the data are at the new place, but %s does not say so (start with wisp up --database): %w", s.path("settings.json"), err)
	}
	closed = true
	aside := old + time.Now().UTC().Format(".moved-20060102T150405Z")
	err = errors.Join(from.Close(), os.Rename(old, aside))
	for _, more := range []string{"-wal", "-shm"} {
		if failed := os.Rename(old+more, aside+more); !errors.Is(failed, fs.ErrNotExist) {
			err = errors.Join(err, failed)
		}
	}
	if err != nil {
		return fmt.Errorf("the database is moved; the old file could not be put aside: %w", err)
	}
	_, err = fmt.Fprintf(out, "%d rows of %d tables are at %s now; the old database is kept as %s. `wisp up` starts the cloud.\n", rows, tables, redacted(to), aside)
	return err
}
