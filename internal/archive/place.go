package archive

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// Folders of a state directory during a restore, and after it.
const (
	stagedFolder    = "restoring"      // what is written, and counts for nothing
	committedFolder = "restored"       // what is on its way to its place
	asideFolder     = "before-restore" // what had the places before
	asideMark       = ".aside"         // in committedFolder: that all of it is there
	databaseFile    = "wisp.db"
)

// Folders are the entries that a restore makes in a state directory.
func Folders() []string { return []string{stagedFolder, committedFolder, asideFolder} }

// Interrupted tells whether a restore was committed and is not finished.
func Interrupted(stateDir string) bool {
	_, err := os.Lstat(filepath.Join(stateDir, committedFolder))
	return err == nil
}

// Finish puts the files of a committed restore in their places, whether it is
// the first time or a process died over it. The state directory must be locked.
func Finish(stateDir string) error {
	in := func(parts ...string) string { return filepath.Join(append([]string{stateDir}, parts...)...) }
	if !Interrupted(stateDir) {
		return nil
	}
	if _, err := os.Lstat(in(committedFolder, asideMark)); errors.Is(err, fs.ErrNotExist) {
		if err := aside(stateDir); err != nil {
			return err
		}
		if err := write(in(committedFolder, asideMark), nil, 0o600); err != nil {
			return err
		}
	}
	entries, err := os.ReadDir(in(committedFolder))
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Name() == asideMark {
			continue
		}
		if err := os.Rename(in(committedFolder, e.Name()), in(e.Name())); err != nil {
			return err
		}
	}
	if err := syncFolder(stateDir); err != nil {
		return err
	}
	return os.RemoveAll(in(committedFolder))
}

// aside moves what a restore replaces out of its way.
func aside(stateDir string) error {
	names := slices.Concat(keptFiles, keptFolders, []string{databaseFile + "-wal", databaseFile + "-shm", databaseFile})
	for _, name := range names {
		from := filepath.Join(stateDir, name)
		if _, err := os.Lstat(from); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err := os.MkdirAll(filepath.Join(stateDir, asideFolder), 0o700); err != nil {
			return err
		}
		if err := os.Rename(from, filepath.Join(stateDir, asideFolder, name)); err != nil {
			return err
		}
	}
	return syncFolder(stateDir)
}

// syncFolder makes renames last through a loss of power.
func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
