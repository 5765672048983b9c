package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"wisp/internal/archive"
	"wisp/internal/policy"
	"wisp/internal/server"
	"wisp/internal/store"
	"wisp/internal/store/storetest"
)

// cloud makes a state directory with a cloud that is down, in which an image
// has data.
func cloud(t *testing.T) (s *settings, imageID string) {
	t.Helper()
	s = &settings{StateDir: t.TempDir(), Listen: defaultListen, Hypervisor: hypervisorQEMU, Host: "node-1"}
	if err := s.save(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.password(); err != nil {
		t.Fatal(err)
	}
	at := running(t, s)
	i, err := at.Image.Create(t.Context(), admin, map[string]any{"name": "i", "disk_format": "raw", "container_format": "bare"})
	if err == nil {
		err = at.Image.Upload(t.Context(), admin, i.ID, strings.NewReader("data"), 4)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := at.Close(); err != nil {
		t.Fatal(err)
	}
	return s, i.ID
}

var admin = &policy.Caller{ProjectID: "p", UserID: "u", Roles: []string{"admin", "member", "reader"}}

// running is the server of a state directory, as `wisp up` starts it.
func running(t *testing.T, s *settings) *server.Server {
	t.Helper()
	at, err := server.New(t.Context(), server.Config{
		Name: s.Host, StateDir: s.StateDir, Database: s.Database, URL: "http://127.0.0.1:5000", Region: region, AdminPassword: "secret", HashCost: 4, ImageStore: s.ImageStore,
	}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// has checks that a state directory's cloud is the one that cloud made.
func has(t *testing.T, s *settings, imageID, data string) {
	t.Helper()
	again := &settings{StateDir: s.StateDir}
	if err := again.load(); err != nil {
		t.Fatal(err)
	}
	at := running(t, again)
	defer func() { _ = at.Close() }()
	if i, err := at.Image.Get(t.Context(), admin, imageID); err != nil || i.Name != "i" {
		t.Errorf("image %+v, %v", i, err)
	}
	r, _, err := at.Image.Open(t.Context(), imageID)
	if err != nil {
		if data != "" {
			t.Error(err)
		}
		return
	}
	defer func() { _ = r.Close() }()
	var got bytes.Buffer
	if _, err := got.ReadFrom(r); err != nil || got.String() != data {
		t.Errorf("data %q, %v", got.String(), err)
	}
}

// wisp runs a command line.
func wisp(t *testing.T, args ...string) (string, error) {
	t.Helper()
	command := root()
	var out bytes.Buffer
	command.SetOut(&out)
	command.SetArgs(args)
	err := command.ExecuteContext(context.WithoutCancel(t.Context()))
	return out.String(), err
}

func mustWisp(t *testing.T, args ...string) string {
	t.Helper()
	out, err := wisp(t, args...)
	if err != nil {
		t.Fatalf("wisp %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

func refusedWisp(t *testing.T, why string, args ...string) {
	t.Helper()
	out, err := wisp(t, args...)
	if err == nil || !strings.Contains(err.Error(), why) {
		t.Errorf("wisp %s: %v, want %s\n%s", strings.Join(args, " "), err, why, out)
	}
}

func TestBackupAndRestore(t *testing.T) {
	t.Parallel()
	s, id := cloud(t)
	file := filepath.Join(t.TempDir(), "backup")
	at := running(t, s) // it runs meanwhile
	out := mustWisp(t, "backup", "--state-dir", s.StateDir, "--output", file, "--images")
	if err := at.Close(); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 || !strings.Contains(out, file) {
		t.Errorf("%v, %v: %s", info, err, out)
	}
	refusedWisp(t, "there already", "backup", "--state-dir", s.StateDir, "--output", file)
	refusedWisp(t, "there is no cloud", "backup", "--state-dir", t.TempDir(), "--output", file+"2")

	other := &settings{StateDir: filepath.Join(t.TempDir(), "new")}
	mustWisp(t, "restore", file, "--state-dir", other.StateDir)
	has(t, other, id, "data")
	password, err := os.ReadFile(other.path("admin-password"))
	was, _ := os.ReadFile(s.path("admin-password"))
	if err != nil || !bytes.Equal(password, was) {
		t.Errorf("password %q of %q, %v", password, was, err)
	}

	refusedWisp(t, "there is a cloud", "restore", file, "--state-dir", other.StateDir)
	mustWisp(t, "restore", file, "--state-dir", other.StateDir, "--replace")
	has(t, other, id, "data")
	if err := os.WriteFile(other.path("settings.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	refusedWisp(t, "settings.json", "restore", file, "--state-dir", other.StateDir)
	mustWisp(t, "restore", file, "--state-dir", other.StateDir, "--replace")
	has(t, other, id, "data")

	content, err := os.ReadFile(file)
	if err == nil {
		err = os.WriteFile(file, content[:len(content)/2], 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	refusedWisp(t, "damaged", "restore", file, "--state-dir", other.StateDir, "--replace")
	has(t, other, id, "data")
}

func TestBackupWithoutImages(t *testing.T) {
	t.Parallel()
	s, id := cloud(t)
	file := filepath.Join(t.TempDir(), "backup")
	if out := mustWisp(t, "backup", "--state-dir", s.StateDir, "-o", file); !strings.Contains(out, "--images") {
		t.Errorf("it says %s", out)
	}
	mustWisp(t, "restore", file, "--state-dir", s.StateDir, "--replace")
	has(t, s, id, "data") // the folder was left alone
	other := &settings{StateDir: t.TempDir()}
	mustWisp(t, "restore", file, "--state-dir", other.StateDir)
	has(t, other, id, "")
}

// An instance that is newer than the backup would be removed with its disk:
// nobody does that by accident.
func TestRestoreForgetsNoInstances(t *testing.T) {
	t.Parallel()
	s, id := cloud(t)
	file := filepath.Join(t.TempDir(), "backup")
	mustWisp(t, "backup", "--state-dir", s.StateDir, "-o", file)
	db, err := store.Open(t.Context(), s.database(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	err = db.Tx(t.Context(), func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO servers (id, project_id, user_id, name, hostname, vm_state, task_state, power_state, power, boot_generation, reset_generation, host, zone, flavor_id, flavor, vcpus, memory_mb, disk_gb, image_id, image, admin_pass, config_drive, metadata, locked_by, disk_config, access_ipv4, access_ipv6, reservation_id, launch_index, created_at, updated_at)
			VALUES ('v1', 'p', 'u', 'newer', 'newer', 'active', '', 1, 'running', 1, 0, 'node-1', 'nova', '1', '{}', 1, 512, 1, '', '{}', '', FALSE, '{}', '', 'MANUAL', '', '', 'r-1', 0, '2026-01-02 03:04:05+00:00', '2026-01-02 03:04:05+00:00')`)
		return err
	})
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	refusedWisp(t, "v1 (newer)", "restore", file, "--state-dir", s.StateDir, "--replace")
	if found, err := archive.Servers(t.Context(), s.database(), slog.New(slog.DiscardHandler)); err != nil || len(found) != 1 {
		t.Errorf("there are %v, %v", found, err)
	}
	newer := file + "2"
	mustWisp(t, "backup", "--state-dir", s.StateDir, "-o", newer)
	mustWisp(t, "restore", newer, "--state-dir", s.StateDir, "--replace")
	// One that was moved since is a stranger where it is now.
	db, err = store.Open(t.Context(), s.database(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	err = db.Tx(t.Context(), func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.ExecContext(ctx, "UPDATE servers SET host = 'node-2' WHERE id = 'v1'")
		return err
	})
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	refusedWisp(t, "v1 (newer, on host node-2 since)", "restore", newer, "--state-dir", s.StateDir, "--replace")
	mustWisp(t, "restore", file, "--state-dir", s.StateDir, "--replace", "--forget-newer")
	has(t, s, id, "data")
	// A database that cannot be read keeps nobody from restoring.
	if err := os.WriteFile(s.path("wisp.db"), []byte("this is no database at all, whatever its name says"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out := mustWisp(t, "restore", file, "--state-dir", s.StateDir, "--replace"); !strings.Contains(out, "cannot be said") {
		t.Errorf("it says %s", out)
	}
	has(t, s, id, "data")
}

// A cloud's process holds the lock of its state directory: POSIX's, which is
// another process's. Here it is the test program itself, started again.
func TestRunningCloudIsLeftAlone(t *testing.T) {
	t.Parallel()
	s, id := cloud(t)
	file := filepath.Join(t.TempDir(), "backup")
	mustWisp(t, "backup", "--state-dir", s.StateDir, "-o", file)
	free := holdElsewhere(t, s)
	refusedWisp(t, "wisp down", "restore", file, "--state-dir", s.StateDir, "--replace")
	refusedWisp(t, "wisp down", "db", "migrate", "--state-dir", s.StateDir, "--to", "postgres://x@127.0.0.1:1/x")
	free()
	has(t, s, id, "data")
}

func TestMigrateDatabase(t *testing.T) {
	t.Parallel()
	s, id := cloud(t)
	refusedWisp(t, "postgres://", "db", "migrate", "--state-dir", s.StateDir, "--to", "mysql://x")
	refusedWisp(t, "required", "db", "migrate", "--state-dir", s.StateDir)
	away := "postgres://wisp:hidden@127.0.0.1:1/wisp?sslmode=disable"
	out, err := wisp(t, "db", "migrate", "--state-dir", s.StateDir, "--to", away)
	if err == nil || strings.Contains(out+err.Error(), "hidden") {
		t.Errorf("a server that is away: %v\n%s", err, out)
	}
	has(t, s, id, "data")
	if os.Getenv(storetest.Postgres) == "" {
		t.Skip("no PostgreSQL: " + storetest.Postgres)
	}
	dsn := storetest.Empty(t)
	out = mustWisp(t, "db", "migrate", "--state-dir", s.StateDir, "--to", dsn)
	again := &settings{StateDir: s.StateDir}
	if err := again.load(); err != nil || again.Database != dsn || again.Host != "node-1" {
		t.Errorf("settings %+v, %v", again, err)
	}
	if old, _ := filepath.Glob(s.path("wisp.db.moved-*")); len(old) != 1 || !strings.Contains(out, old[0]) {
		t.Errorf("aside are %v; it says %s", old, out)
	}
	if _, err := os.Stat(s.path("wisp.db")); err == nil {
		t.Error("the old database is in its place")
	}
	has(t, s, id, "data")
	refusedWisp(t, "on PostgreSQL already", "db", "migrate", "--state-dir", s.StateDir, "--to", dsn)

	// Another cloud does not get the same database.
	second, _ := cloud(t)
	refusedWisp(t, "holds a cloud already", "db", "migrate", "--state-dir", second.StateDir, "--to", dsn)
	has(t, s, id, "data")

	// And back, by a backup.
	file := filepath.Join(t.TempDir(), "backup")
	mustWisp(t, "backup", "--state-dir", s.StateDir, "-o", file, "--images")
	refusedWisp(t, "want a postgres:// URL or sqlite", "restore", file, "--state-dir", t.TempDir(), "--database", "mysql://x")
	mustWisp(t, "restore", file, "--state-dir", s.StateDir, "--database", store.SQLite, "--replace")
	if err := again.load(); err != nil {
		t.Fatal(err)
	}
	var kept map[string]any
	content, err := os.ReadFile(s.path("settings.json"))
	if err == nil {
		err = json.Unmarshal(content, &kept)
	}
	if _, named := kept["database"]; err != nil || named {
		t.Errorf("settings %s, %v", content, err)
	}
	has(t, s, id, "data")
}

// A restore that died between its commit and its end is ended by the next
// command.
func TestInterruptedRestoreIsFinished(t *testing.T) {
	t.Parallel()
	s, id := cloud(t)
	if err := os.Mkdir(s.path("restored"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"wisp.db", "settings.json"} {
		if err := os.Rename(s.path(name), s.path("restored", name)); err != nil {
			t.Fatal(err)
		}
	}
	has(t, s, id, "data")
	if archive.Interrupted(s.StateDir) {
		t.Error("it is not finished")
	}
}
