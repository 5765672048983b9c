package archive

import (
	"archive/tar"
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"wisp/internal/errs"
	"wisp/internal/store"
)

// Target is where a cloud's data go.
type Target struct {
	StateDir string
	Database string // a postgres:// URL, or empty for a file in the state directory
	Replace  bool   // a cloud that is there already
}

// Restoring is a restore under way. Until Commit nothing of the target has
// changed, but for data of images that no image has yet.
type Restoring struct {
	Manifest Manifest

	path   string
	target Target
	stage  *store.Stage // of a PostgreSQL database
	log    *slog.Logger
}

// Restore begins to restore a verified backup: it looks whether the target is
// free, and writes everything beside it. The state directory must be locked. A
// target that holds a cloud is a Conflict, unless it may be replaced; so is a
// database that others are connected to. Close the result.
func Restore(ctx context.Context, path string, m Manifest, target Target, log *slog.Logger) (*Restoring, error) {
	r := &Restoring{Manifest: m, path: path, target: target, log: log}
	if err := r.begin(ctx); err != nil {
		return nil, errors.Join(err, r.Close(ctx))
	}
	return r, nil
}

func (r *Restoring) begin(ctx context.Context) error {
	if !r.target.Replace {
		for _, name := range []string{"settings.json", databaseFile} {
			if _, err := os.Lstat(r.at(name)); err == nil {
				return errs.New(errs.Conflict, "there is a cloud in %s already, with the file %s; --replace puts it aside", r.target.StateDir, name)
			}
		}
	}
	if err := errors.Join(os.RemoveAll(r.at(stagedFolder)), os.MkdirAll(r.at(stagedFolder), 0o700)); err != nil {
		return err
	}
	if r.target.Database != "" {
		var err error
		if r.stage, err = free(ctx, r.target.Database, r.Manifest.Schema, r.target.Replace, r.log); err != nil {
			return err
		}
		if err := r.fill(ctx, r.stage.DB); err != nil {
			return err
		}
		if err := r.stage.Upgrade(ctx); err != nil {
			return err
		}
	} else if err := r.file(ctx); err != nil {
		return err
	}
	return r.files()
}

// free opens a stage at a database that may be taken.
func free(ctx context.Context, dsn string, version int64, replace bool, log *slog.Logger) (*store.Stage, error) {
	fresh, err := fresh(ctx, log)
	if err != nil {
		return nil, err
	}
	s, err := store.OpenStage(ctx, dsn, version, log)
	if err != nil {
		return nil, err
	}
	fail := func(err error) (*store.Stage, error) { return nil, errors.Join(err, s.Close(ctx)) }
	clients, err := s.Clients(ctx)
	if err != nil {
		return fail(err)
	}
	if clients > 0 {
		return fail(errs.New(errs.Conflict, "%d connections to the database are open: stop the servers (wisp down) and whatever else uses it", clients))
	}
	rows, err := s.Occupied(ctx)
	if err != nil {
		return fail(err)
	}
	for table, n := range rows {
		own, ours := fresh[table]
		if !ours {
			return fail(errs.New(errs.Conflict, "the database has a table %s, which is none of wisp's: give wisp a database of its own", table))
		}
		if n > own && !replace {
			return fail(errs.New(errs.Conflict, "the database holds a cloud already"))
		}
	}
	return s, nil
}

// fresh tells how many rows each table has in a database that nobody has used.
func fresh(ctx context.Context, log *slog.Logger) (map[string]int64, error) {
	dir, err := os.MkdirTemp("", "wisp-fresh-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	db, err := store.Open(ctx, filepath.Join(dir, databaseFile), log)
	if err != nil {
		return nil, err
	}
	defer func() { _ = db.Close() }()
	tables, err := db.Tables(ctx)
	if err != nil {
		return nil, err
	}
	rows := map[string]int64{}
	for _, t := range tables {
		err := read(ctx, db.Read(), t, func([]any) error { rows[t.Name]++; return nil })
		if err != nil {
			return nil, err
		}
		rows[t.Name] += 0 // a table without rows is known, too
	}
	return rows, nil
}

func (r *Restoring) at(name string) string { return filepath.Join(r.target.StateDir, name) }

// file makes the database's file. Its rows come in as the schema of their time
// has them, and are migrated then.
func (r *Restoring) file(ctx context.Context) error {
	path := filepath.Join(r.at(stagedFolder), databaseFile)
	db, err := store.OpenAt(ctx, path, r.Manifest.Schema, r.log)
	if err != nil {
		return err
	}
	if err := errors.Join(r.fill(ctx, db), db.Close()); err != nil {
		return err
	}
	if db, err = store.Open(ctx, path, r.log); err != nil {
		return err
	}
	if err := db.Close(); err != nil {
		return fmt.Errorf("close the new database: %w", err)
	}
	if _, err := os.Lstat(path + "-wal"); err == nil {
		return errors.New("the new database could not be closed whole")
	}
	return nil
}

// fill puts the backup's rows into a database of the same schema.
func (r *Restoring) fill(ctx context.Context, db *store.DB) error {
	tables, err := db.Tables(ctx)
	if err != nil {
		return err
	}
	byName := map[string]store.Table{}
	for _, t := range tables {
		byName[t.Name] = t
	}
	return db.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		if err := empty(ctx, tx, tables); err != nil {
			return err
		}
		var w *writer
		err := walk(r.path, func(h *tar.Header, content io.Reader) error {
			rest, ok := strings.CutPrefix(h.Name, tablesFolder)
			if !ok {
				return nil
			}
			name, _, _ := strings.Cut(rest, "/")
			if w == nil || w.table.Name != name {
				t, ok := byName[name]
				if !ok {
					return damaged("the schema of its version has no table %s", name)
				}
				if w != nil {
					if err := w.finish(ctx); err != nil {
						return err
					}
				}
				w = newWriter(tx, t)
			}
			return lines(ctx, w, content)
		})
		if err != nil {
			return err
		}
		if w != nil {
			if err := w.finish(ctx); err != nil {
				return err
			}
		}
		return compare(ctx, tx, db, r.Manifest.Tables)
	})
}

// lines writes rows, of which each is a line.
func lines(ctx context.Context, w *writer, content io.Reader) error {
	reader := bufio.NewReader(content)
	for {
		line, err := reader.ReadBytes('\n')
		if errors.Is(err, io.EOF) && len(line) == 0 {
			return nil
		}
		if err != nil {
			return err
		}
		row, err := decode(w.table, bytes.TrimSuffix(line, []byte("\n")))
		if err != nil {
			return damaged("table %s: %s", w.table.Name, err)
		}
		if err := w.add(ctx, row); err != nil {
			return err
		}
	}
}

// files writes the state directory's files beside those that are there.
func (r *Restoring) files() error {
	return walk(r.path, func(h *tar.Header, content io.Reader) error {
		name, ok := strings.CutPrefix(h.Name, filesFolder)
		if !ok {
			return nil
		}
		data, err := io.ReadAll(content)
		if err != nil {
			return err
		}
		if name == "settings.json" {
			if data, err = WithDatabase(data, r.target.Database); err != nil {
				return err
			}
		}
		// The name is one of a few, or in one of two folders: entryName.
		path := filepath.Join(r.at(stagedFolder), filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return err
		}
		return write(path, data, os.FileMode(h.Mode)&0o644|0o600)
	})
}

func write(path string, data []byte, mode os.FileMode) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	if err != nil {
		return err
	}
	_, err = file.Write(data)
	return errors.Join(err, file.Sync(), file.Close())
}

// WithDatabase are a state directory's settings with another database; the
// rest stays as it is.
func WithDatabase(settings []byte, dsn string) ([]byte, error) {
	var all map[string]json.RawMessage
	if err := json.Unmarshal(settings, &all); err != nil {
		return nil, damaged("its settings cannot be read: %s", err)
	}
	delete(all, "database")
	if dsn != "" {
		text, err := json.Marshal(dsn)
		if err != nil {
			return nil, fmt.Errorf("encode the settings: %w", err)
		}
		all["database"] = text
	}
	content, err := json.MarshalIndent(all, "", "  ")
	return append(content, '\n'), err
}

// Servers are the names of the instances that the backup knows, by id.
func (r *Restoring) Servers(ctx context.Context) (map[string]Instance, error) {
	if r.stage != nil {
		return servers(ctx, r.stage.DB)
	}
	return Servers(ctx, filepath.Join(r.at(stagedFolder), databaseFile), r.log)
}

// Instance is what is told of an instance.
type Instance struct {
	Name, Host string // Host is empty when it never had one
}

// Servers are the instances that a database knows, by id. There are none in
// one that is not there or has no tables.
func Servers(ctx context.Context, dsn string, log *slog.Logger) (map[string]Instance, error) {
	db, err := store.OpenUnchanged(ctx, dsn, log)
	if errs.Is(err, errs.NotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	found, err := servers(ctx, db)
	return found, errors.Join(err, db.Close())
}

func servers(ctx context.Context, db *store.DB) (map[string]Instance, error) {
	tables, err := db.Tables(ctx)
	if err != nil || !slices.ContainsFunc(tables, func(t store.Table) bool { return t.Name == "servers" }) {
		return nil, err
	}
	var rows []struct{ ID, Name, Host string }
	if err := db.Read().NewRaw("SELECT id, name, host FROM servers WHERE deleted_at IS NULL").Scan(ctx, &rows); err != nil {
		return nil, fmt.Errorf("list servers: %w", err)
	}
	found := map[string]Instance{}
	for _, row := range rows {
		found[row.ID] = Instance{row.Name, row.Host}
	}
	return found, nil
}

// Settings are the backup's settings for the target; nil when it has none.
func (r *Restoring) Settings() ([]byte, error) {
	content, err := os.ReadFile(filepath.Join(r.at(stagedFolder), "settings.json"))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	return content, err
}

// Images puts the images' data into a store. They are under keys that nobody
// else has; should the restore fail after it, the store's owner removes them.
func (r *Restoring) Images(ctx context.Context, blobs Blobs) error {
	return walk(r.path, func(h *tar.Header, content io.Reader) error {
		key, ok := strings.CutPrefix(h.Name, imagesFolder)
		if !ok {
			return nil
		}
		return blobs.Put(ctx, key, content)
	})
}

// Commit puts what was written in its place. What a file's place had before is
// in the folder before-restore then; a PostgreSQL database's tables are gone.
//
// The database comes first: who is interrupted between the two has the cloud
// that was saved under the settings that were there, and can restore again.
func (r *Restoring) Commit(ctx context.Context) error {
	if r.stage != nil {
		if err := r.stage.Take(ctx); err != nil {
			return err
		}
	}
	if err := os.RemoveAll(r.at(asideFolder)); err != nil {
		return err
	}
	if err := os.Rename(r.at(stagedFolder), r.at(committedFolder)); err != nil {
		return err
	}
	return Finish(r.target.StateDir)
}

// Close removes what was not committed.
func (r *Restoring) Close(ctx context.Context) error {
	var err error
	if r.stage != nil {
		err = r.stage.Close(ctx)
	}
	return errors.Join(err, os.RemoveAll(r.at(stagedFolder)))
}
