package archive_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"gocloud.dev/blob"
	"gocloud.dev/blob/memblob"

	"wisp/internal/archive"
	"wisp/internal/errs"
	"wisp/internal/store"
	"wisp/internal/store/storetest"
)

// bucket is a store of images' data.
type bucket struct{ *blob.Bucket }

func (b bucket) Open(ctx context.Context, key string) (io.ReadCloser, error) {
	return b.NewReader(ctx, key, nil)
}

func (b bucket) Put(ctx context.Context, key string, data io.Reader) error {
	return b.Upload(ctx, key, data, &blob.WriterOptions{ContentType: "application/octet-stream"})
}

func newBucket(t *testing.T) bucket {
	t.Helper()
	b := bucket{memblob.OpenBucket(nil)}
	t.Cleanup(func() { _ = b.Close() })
	return b
}

// stateDir is the state directory of a cloud with its database elsewhere.
func stateDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	put(t, filepath.Join(dir, "settings.json"), `{"listen": "127.0.0.1:5000", "database": "postgres://old", "future": {"a": 1}}`)
	put(t, filepath.Join(dir, "admin-password"), "secret\n")
	put(t, filepath.Join(dir, "keys", "0"), "key")
	put(t, filepath.Join(dir, "tls", "ca.pem"), "pem")
	put(t, filepath.Join(dir, "wisp.log"), "not saved")
	return dir
}

func put(t *testing.T, path, content string) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(content), 0o600)); err != nil {
		t.Fatal(err)
	}
}

func content(t *testing.T, parts ...string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(parts...))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// save makes a backup of a cloud.
func save(t *testing.T, db *store.DB, blobs archive.Blobs) (path string, m archive.Manifest) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "backup")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	m, err = archive.Save(t.Context(), db, archive.SaveConfig{Version: "1.2", StateDir: stateDir(t), Blobs: blobs}, file)
	if err := errors.Join(err, file.Close()); err != nil {
		t.Fatal(err)
	}
	return path, m
}

func restore(t *testing.T, path string, target archive.Target) error {
	t.Helper()
	m, err := archive.Verify(path)
	if err != nil {
		return err
	}
	r, err := archive.Restore(t.Context(), path, m, target, quiet)
	if err != nil {
		return err
	}
	return errors.Join(r.Commit(t.Context()), r.Close(t.Context()))
}

// target is where a test restores to; dsn names the database there.
func target(t *testing.T, engine string) (to archive.Target, dsn string) {
	t.Helper()
	to.StateDir = t.TempDir()
	if engine == store.SQLite {
		return to, filepath.Join(to.StateDir, "wisp.db")
	}
	to.Database = storetest.Empty(t)
	return to, to.Database
}

func TestSaveAndRestore(t *testing.T) {
	t.Parallel()
	engines(t, func(t *testing.T, from, to string) {
		source := filled(t, open(t, from))
		before := stats(t, source)
		path, m := save(t, source, nil)
		if m.Engine != source.Engine() || m.Schema != store.Newest() || m.Cloud == "" || m.Wisp != "1.2" || m.Images {
			t.Errorf("manifest %+v", m)
		}
		engine := store.SQLite
		if store.IsPostgreSQL(to) {
			engine = store.PostgreSQL
		}
		target, dsn := target(t, engine)
		if err := restore(t, path, target); err != nil {
			t.Fatal(err)
		}
		db := open(t, dsn)
		same(t, db, before)
		if v, err := db.Version(t.Context()); err != nil || v != store.Newest() {
			t.Errorf("version %d, %v", v, err)
		}
		dir := target.StateDir
		if content(t, dir, "admin-password") != "secret\n" || content(t, dir, "keys", "0") != "key" || content(t, dir, "tls", "ca.pem") != "pem" {
			t.Error("files differ")
		}
		settings := content(t, dir, "settings.json")
		if strings.Contains(settings, "postgres://old") || !strings.Contains(settings, `"future"`) || (target.Database != "") != strings.Contains(settings, `"database"`) {
			t.Errorf("settings %s", settings)
		}
		if names := list(t, dir); strings.Contains(names, "restor") || strings.Contains(names, "wisp.log") {
			t.Errorf("the state directory has %s", names)
		}
		if err := restore(t, path, target); errs.Of(err) != errs.Conflict {
			t.Errorf("over a cloud: %v", err)
		}
		same(t, db, before)
	})
}

func list(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return strings.Join(names, " ")
}

// A backup of an older schema comes in as it was, and is migrated then.
func TestRestoreOlderSchema(t *testing.T) {
	t.Parallel()
	engines(t, func(t *testing.T, from, to string) {
		source := openAt(t, from, oldSchema)
		run(t, source, "rows-0008.sql")
		had, before := columns(t, source), stats(t, source)
		path, m := save(t, source, nil)
		if m.Schema != oldSchema {
			t.Errorf("schema %d", m.Schema)
		}
		engine := store.SQLite
		if store.IsPostgreSQL(to) {
			engine = store.PostgreSQL
		}
		target, dsn := target(t, engine)
		if err := restore(t, path, target); err != nil {
			t.Fatal(err)
		}
		upgraded(t, open(t, dsn), had, before)
	})
}

func TestReplace(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, source *store.DB) {
		filled(t, source)
		before := stats(t, source)
		path, _ := save(t, source, nil)
		for _, engine := range []string{store.SQLite, store.PostgreSQL} {
			if engine != source.Engine() {
				continue
			}
			target, dsn := target(t, engine)
			old := filled(t, open(t, dsn))
			query(t, old, "UPDATE cloud SET id = 'another'; DELETE FROM servers")
			if err := old.Close(); err != nil {
				t.Fatal(err)
			}
			put(t, filepath.Join(target.StateDir, "settings.json"), "{}")
			put(t, filepath.Join(target.StateDir, "tls", "other.pem"), "pem")
			put(t, filepath.Join(target.StateDir, "images", "i1_u1"), "image")
			if err := restore(t, path, target); errs.Of(err) != errs.Conflict {
				t.Errorf("without asking: %v", err)
			}
			target.Replace = true
			for range 2 {
				if err := restore(t, path, target); err != nil {
					t.Fatal(err)
				}
			}
			db := open(t, dsn)
			same(t, db, before)
			if engine == store.PostgreSQL { // open above uses it
				if err := restore(t, path, target); errs.Of(err) != errs.Conflict {
					t.Errorf("a database in use: %v", err)
				}
			}
			if list(t, filepath.Join(target.StateDir, "tls")) != "ca.pem" || content(t, target.StateDir, "images", "i1_u1") != "image" {
				t.Error("other files than those of the backup, or none of the images")
			}
			if !strings.Contains(list(t, filepath.Join(target.StateDir, "before-restore")), "settings.json") {
				t.Error("what was there is lost")
			}
		}
	})
}

// A restore that is killed after its commit is finished later.
func TestInterruptedRestore(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	put(t, filepath.Join(dir, "settings.json"), "old")
	put(t, filepath.Join(dir, "wisp.db"), "old")
	put(t, filepath.Join(dir, "wisp.db-wal"), "old")
	put(t, filepath.Join(dir, "restored", "settings.json"), "new")
	put(t, filepath.Join(dir, "restored", "wisp.db"), "new")
	put(t, filepath.Join(dir, "restored", "keys", "1"), "new")
	if !archive.Interrupted(dir) {
		t.Error("it is not seen")
	}
	// Killed in the middle of putting aside.
	put(t, filepath.Join(dir, "before-restore", "settings.json"), "old")
	if err := os.Remove(filepath.Join(dir, "settings.json")); err != nil {
		t.Fatal(err)
	}
	// And in the middle of putting in place.
	if err := archive.Finish(dir); err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(dir, "restored", ".aside"), "")
	put(t, filepath.Join(dir, "restored", "openrc"), "new")
	if err := archive.Finish(dir); err != nil {
		t.Fatal(err)
	}
	if err := archive.Finish(dir); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"settings.json", "wisp.db", "keys/1", "openrc"} {
		if content(t, dir, name) != "new" {
			t.Errorf("%s is old", name)
		}
	}
	if names := list(t, dir); names != "before-restore keys openrc settings.json wisp.db" {
		t.Errorf("there are %s", names)
	}
	if names := list(t, filepath.Join(dir, "before-restore")); names != "settings.json wisp.db wisp.db-wal" {
		t.Errorf("aside are %s", names)
	}
}

func TestImages(t *testing.T) {
	t.Parallel()
	source, blobs, other := filled(t, storetest.SQLite(t)), newBucket(t), newBucket(t)
	if _, m := save(t, source, blobs); len(m.Missing) != 1 || m.Missing[0] != "i1_u1" {
		t.Errorf("missing %v", m.Missing)
	}
	if err := blobs.Put(t.Context(), "i1_u1", strings.NewReader("0123456789")); err != nil {
		t.Fatal(err)
	}
	path, m := save(t, source, blobs)
	if len(m.Missing) != 0 || !m.Images {
		t.Errorf("manifest %+v", m)
	}
	target, _ := target(t, store.SQLite)
	r, err := archive.Restore(t.Context(), path, m, target, quiet)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(r.Images(t.Context(), other), r.Close(t.Context())); err != nil {
		t.Fatal(err)
	}
	if got, err := other.ReadAll(t.Context(), "i1_u1"); err != nil || string(got) != "0123456789" {
		t.Errorf("%q, %v", got, err)
	}
	if names := list(t, target.StateDir); names != "" {
		t.Errorf("a restore that was given up left %s", names)
	}
	// Data that are shorter than their image are no backup.
	if err := blobs.Put(t.Context(), "i1_u1", strings.NewReader("012345678")); err != nil {
		t.Fatal(err)
	}
	if _, err := archive.Save(t.Context(), source, archive.SaveConfig{StateDir: t.TempDir(), Blobs: blobs}, io.Discard); err == nil {
		t.Error("an image that was cut off was saved")
	}
}

// A backup of a cloud that is at work is of one moment.
func TestSaveWhileRunning(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		filled(t, db)
		query(t, db, "INSERT INTO network_tags (object_id, tag) VALUES ('n2', '0')")
		ctx, stop := context.WithCancel(t.Context())
		var writing sync.WaitGroup
		writing.Go(func() { // two rows that always come to the same
			for n := 1; ctx.Err() == nil; n++ {
				_ = db.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
					if _, err := tx.ExecContext(ctx, "UPDATE network_tags SET tag = ? WHERE object_id = 'n2'", n); err != nil {
						return err
					}
					_, err := tx.ExecContext(ctx, "UPDATE server_tags SET tag = ?", n)
					return err
				})
			}
		})
		var paths []string
		for range 5 {
			path, _ := save(t, db, nil)
			paths = append(paths, path)
		}
		stop()
		writing.Wait()
		for _, path := range paths {
			target, dsn := target(t, store.SQLite)
			if err := restore(t, path, target); err != nil {
				t.Fatal(err)
			}
			var tags []string
			if err := open(t, dsn).Read().NewRaw("SELECT tag FROM network_tags WHERE object_id = 'n2' UNION SELECT tag FROM server_tags").Scan(t.Context(), &tags); err != nil {
				t.Fatal(err)
			}
			if two := len(tags) == 2 && tags[0] == "0"; len(tags) != 1 && !two {
				t.Errorf("of two moments: %v", tags)
			}
		}
	})
}

// entry is one of a forged backup.
type entry struct {
	name, content string
	kind          byte
}

// forge makes a file as Save would, from any entries.
func forge(t *testing.T, entries ...entry) string {
	t.Helper()
	var b bytes.Buffer
	packed := gzip.NewWriter(&b)
	to := tar.NewWriter(packed)
	for _, e := range entries {
		if e.kind == 0 {
			e.kind = tar.TypeReg
		}
		h := &tar.Header{Name: e.name, Size: int64(len(e.content)), Mode: 0o777, Typeflag: e.kind}
		if e.kind != tar.TypeReg {
			h.Size, h.Linkname, e.content = 0, e.content, ""
		}
		if err := to.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(to, e.content); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(to.Close(), packed.Close()); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "forged")
	put(t, path, b.String())
	return path
}

func TestVerifyRefuses(t *testing.T) {
	t.Parallel()
	head := entry{name: "FORMAT", content: "wisp backup 1\n"}
	manifest := func(entries string) entry {
		return entry{name: "manifest.json", content: `{"schema": 1, "tables": {"cloud": {}}, "entries": [` + entries + `]}`}
	}
	cases := map[string][]entry{
		"nothing":                {},
		"another tar":            {{name: "a", content: "b"}},
		"another format":         {{name: "FORMAT", content: "wisp backup 2\n"}, manifest("")},
		"no manifest":            {head},
		"a manifest that is bad": {head, {name: "manifest.json", content: "{"}},
		"no cloud":               {head, {name: "manifest.json", content: `{"schema": 1}`}},
		"a newer schema":         {head, {name: "manifest.json", content: `{"schema": 99999, "tables": {"cloud": {}}}`}},
		"a missing entry":        {head, manifest(`{"name": "files/openrc"}`)},
		"an entry too many":      {head, {name: "files/openrc", content: "x"}, manifest("")},
		"other bytes":            {head, {name: "files/openrc", content: "x"}, manifest(`{"name": "files/openrc", "size": 1, "sha256": "00"}`)},
		"an entry twice":         {head, {name: "files/openrc"}, {name: "files/openrc"}, manifest("")},
		"more behind the end":    {head, manifest(""), {name: "files/openrc"}},
	}
	for _, name := range []string{
		"../x", "/etc/passwd", "files/../../x", "files/keys/../x", "files/keys/..", "files/keys/.x", "files/other", "files/keys/a/b", "tables/../000001",
		"tables/x", "images/..", "images/.x", "images/a/b", "files\\x", "FORMAT", "",
	} {
		cases["the name "+name] = []entry{head, {name: name, content: "x"}, manifest("")}
	}
	for _, kind := range []byte{tar.TypeSymlink, tar.TypeLink, tar.TypeDir, tar.TypeFifo} {
		cases["an entry of type "+string(kind)] = []entry{head, {name: "files/openrc", kind: kind, content: "/etc/passwd"}, manifest("")}
	}
	for name, entries := range cases {
		t.Run(strings.ReplaceAll(name, "/", "|"), func(t *testing.T) {
			t.Parallel()
			if _, err := archive.Verify(forge(t, entries...)); errs.Of(err) != errs.Invalid && errs.Of(err) != errs.Conflict {
				t.Errorf("got %v", err)
			}
		})
	}
	if _, err := archive.Verify("/nowhere/at/all"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

// Whichever byte is lost or wrong, the backup is refused and nothing changes.
func TestDamagedBackup(t *testing.T) {
	t.Parallel()
	path, _ := save(t, filled(t, storetest.SQLite(t)), nil)
	whole := content(t, path)
	if _, err := archive.Verify(path); err != nil {
		t.Fatal(err)
	}
	refuse := func(what, bytes string) {
		t.Helper()
		path := filepath.Join(t.TempDir(), "damaged")
		put(t, path, bytes)
		target, _ := target(t, store.SQLite)
		if err := restore(t, path, target); errs.Of(err) != errs.Invalid {
			t.Errorf("%s: %v", what, err)
		}
		if names := list(t, target.StateDir); names != "" {
			t.Errorf("%s: the target has %s", what, names)
		}
	}
	plain, err := inflate(whole)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(whole); i += 1 + len(whole)/40 {
		refuse("cut off", whole[:i])
		wrong := whole[:i] + string([]byte{whole[i] ^ 0x10}) + whole[i+1:]
		if same, err := inflate(wrong); err == nil && same == plain {
			continue // gzip's padding, its time, codes that no byte uses
		}
		refuse("a wrong byte", wrong)
	}
	refuse("text", "hello")
}

// inflate is what gzip has packed.
func inflate(packed string) (string, error) {
	r, err := gzip.NewReader(strings.NewReader(packed))
	if err != nil {
		return "", err
	}
	content, err := io.ReadAll(r)
	return string(content), err
}

// A backup whose checksums are right and whose rows are not what its tables
// were is refused, too, and so is one with tables that its schema has not.
func TestRowsThatDiffer(t *testing.T) {
	t.Parallel()
	path, m := save(t, filled(t, storetest.SQLite(t)), nil)
	for name, change := range map[string]func(m archive.Manifest) archive.Manifest{
		"a sum": func(m archive.Manifest) archive.Manifest {
			m.Tables = map[string]archive.Stat{}
			return m
		},
		"a schema": func(m archive.Manifest) archive.Manifest {
			m.Schema = 1
			return m
		},
	} {
		to, _ := target(t, store.SQLite)
		if _, err := archive.Restore(t.Context(), path, change(m), to, quiet); err == nil {
			t.Errorf("%s: restored", name)
		}
		if names := list(t, to.StateDir); names != "" {
			t.Errorf("%s: the target has %s", name, names)
		}
	}
}

// Whatever a file has in it, it is refused or a backup, and nothing worse.
func FuzzVerify(f *testing.F) {
	f.Add([]byte("FORMAT"), "manifest.json", byte(tar.TypeReg))
	f.Add([]byte(`{"schema": 1, "tables": {"cloud": {}}, "entries": []}`), "manifest.json", byte(tar.TypeReg))
	f.Add([]byte("[1]\n"), "tables/cloud/000001", byte(tar.TypeReg))
	f.Fuzz(func(t *testing.T, content []byte, name string, kind byte) {
		raw := filepath.Join(t.TempDir(), "raw")
		put(t, raw, string(content))
		if _, err := archive.Verify(raw); err == nil {
			t.Error("a backup without a tar")
		}
		var b bytes.Buffer
		packed := gzip.NewWriter(&b)
		to := tar.NewWriter(packed)
		_ = to.WriteHeader(&tar.Header{Name: "FORMAT", Size: 14, Typeflag: tar.TypeReg})
		_, _ = io.WriteString(to, "wisp backup 1\n")
		if err := to.WriteHeader(&tar.Header{Name: name, Size: int64(len(content)), Typeflag: kind}); err != nil {
			return
		}
		_, _ = to.Write(content)
		_ = errors.Join(to.Close(), packed.Close())
		put(t, raw, b.String())
		if _, err := archive.Verify(raw); err == nil && name != "manifest.json" {
			t.Errorf("a backup of one entry, %q", name)
		}
	})
}
