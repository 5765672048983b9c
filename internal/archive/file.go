package archive

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/uptrace/bun"
	"gocloud.dev/gcerrors"

	"wisp/internal/errs"
	"wisp/internal/store"
)

// A backup is a compressed tar. Its first entry says what it is, the last one
// is the manifest, which has the checksums of those between: the tables' rows
// in pieces, the state directory's files, the images' data if they were wanted.
const (
	formatEntry   = "FORMAT"
	format        = "wisp backup 1\n"
	manifestEntry = "manifest.json"
	tablesFolder  = "tables/"
	filesFolder   = "files/"
	imagesFolder  = "images/"
)

// Manifest says what is in a backup.
type Manifest struct {
	Wisp    string          `json:"wisp"`   // version of the program
	Schema  int64           `json:"schema"` // version of the tables
	Engine  string          `json:"engine"`
	Cloud   string          `json:"cloud"` // empty when it never had a node
	Taken   time.Time       `json:"taken"`
	Images  bool            `json:"images"`            // their data are in it
	Missing []string        `json:"missing,omitempty"` // keys of images' data that were not there any more
	Tables  map[string]Stat `json:"tables"`
	Entries []Entry         `json:"entries"`
}

// Entry is what comes before the manifest, without the first.
type Entry struct {
	Name   string `json:"name"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// Blobs is where the data of images are. Open of a key that is not there is
// NotFound to gcerrors.
type Blobs interface {
	Open(ctx context.Context, key string) (io.ReadCloser, error)
	Put(ctx context.Context, key string, data io.Reader) error
}

// kept are the files of a state directory that a backup has besides the
// database, and folders of files.
var (
	keptFiles   = []string{"settings.json", "admin-password", "clouds.yaml", "openrc"}
	keptFolders = []string{"keys", "tls"}
)

// entryName is what an entry may be called: nothing that leads elsewhere.
var entryName = regexp.MustCompile(`^(tables/[a-z0-9_]+/[0-9]{6,}|files/(` + strings.ReplaceAll(strings.Join(keptFiles, "|"), ".", `\.`) + `|(` + strings.Join(keptFolders, "|") +
	`)/[A-Za-z0-9_][A-Za-z0-9._-]*)|images/[A-Za-z0-9_-][A-Za-z0-9._-]*)$`)

// SaveConfig is what is saved besides the database.
type SaveConfig struct {
	Version  string // of the program
	StateDir string
	Blobs    Blobs // nil leaves the images' data out
}

// Save writes a backup. The cloud can run meanwhile: the tables are those of
// one moment.
func Save(ctx context.Context, db *store.DB, c SaveConfig, to io.Writer) (Manifest, error) {
	packed, err := gzip.NewWriterLevel(to, gzip.BestSpeed)
	if err != nil {
		return Manifest{}, err
	}
	s := &saver{tar: tar.NewWriter(packed), manifest: Manifest{
		Wisp: c.Version, Engine: db.Engine(), Taken: time.Now().UTC().Truncate(time.Second), Images: c.Blobs != nil, Tables: map[string]Stat{},
	}}
	if err := s.save(ctx, db, c); err != nil {
		return Manifest{}, err
	}
	return s.manifest, errors.Join(s.tar.Close(), packed.Close())
}

type saver struct {
	tar      *tar.Writer
	manifest Manifest
}

type blob struct {
	Blob string
	Size int64
}

func (s *saver) save(ctx context.Context, db *store.DB, c SaveConfig) (err error) {
	if s.manifest.Schema, err = db.Version(ctx); err != nil {
		return err
	}
	tables, err := db.Tables(ctx)
	if err != nil {
		return err
	}
	if err := s.plain(formatEntry, []byte(format)); err != nil {
		return err
	}
	var blobs []blob
	err = db.Snapshot(ctx, func(ctx context.Context, tx bun.Tx) (err error) {
		if s.manifest.Cloud, err = cloudID(ctx, tx); err != nil {
			return err
		}
		for _, t := range tables {
			if s.manifest.Tables[t.Name], err = s.table(ctx, tx, t); err != nil {
				return err
			}
		}
		return tx.NewRaw("SELECT blob, size FROM images WHERE blob <> '' AND size IS NOT NULL ORDER BY blob").Scan(ctx, &blobs)
	})
	if err != nil {
		return err
	}
	if err := s.files(c.StateDir); err != nil {
		return err
	}
	if c.Blobs != nil {
		for _, b := range blobs {
			if err := s.image(ctx, c.Blobs, b); err != nil {
				return err
			}
		}
	}
	content, err := json.MarshalIndent(s.manifest, "", " ")
	if err != nil {
		return fmt.Errorf("encode the manifest: %w", err)
	}
	return s.plain(manifestEntry, content)
}

// maxEntry is how large an entry can be that is read into memory.
const maxEntry = 256 << 20

// piece is how many bytes of rows are one entry.
const piece = 1 << 20

func (s *saver) table(ctx context.Context, tx bun.IDB, t store.Table) (Stat, error) {
	var sum sum
	var lines bytes.Buffer
	number := 0
	flush := func() error {
		number++
		err := s.entry(fmt.Sprintf("%s%s/%06d", tablesFolder, t.Name, number), int64(lines.Len()), 0o600, &lines)
		lines.Reset()
		return err
	}
	err := read(ctx, tx, t, func(row []any) error {
		text, err := encode(row)
		if err != nil {
			return fmt.Errorf("table %s: %w", t.Name, err)
		}
		sum.add(text)
		lines.Write(text)
		lines.WriteByte('\n')
		if lines.Len() < piece {
			return nil
		}
		return flush()
	})
	if err == nil && lines.Len() > 0 {
		err = flush()
	}
	return sum.stat(), err
}

func (s *saver) files(dir string) error {
	names := slices.Clone(keptFiles)
	for _, folder := range keptFolders {
		entries, err := os.ReadDir(filepath.Join(dir, folder))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("list %s: %w", folder, err)
		}
		for _, e := range entries {
			if e.Type().IsRegular() && entryName.MatchString(filesFolder+folder+"/"+e.Name()) {
				names = append(names, folder+"/"+e.Name())
			}
		}
	}
	for _, name := range names {
		path := filepath.Join(dir, filepath.FromSlash(name))
		info, err := os.Stat(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		content, failed := os.ReadFile(path)
		if err := errors.Join(err, failed); err != nil {
			return err
		}
		if err := s.entry(filesFolder+name, int64(len(content)), int64(info.Mode().Perm()), bytes.NewReader(content)); err != nil {
			return err
		}
	}
	return nil
}

// image saves the data of an image. Those of one that was deleted since the
// tables were read are not there any more.
func (s *saver) image(ctx context.Context, blobs Blobs, b blob) error {
	data, err := blobs.Open(ctx, b.Blob)
	if gcerrors.Code(err) == gcerrors.NotFound {
		s.manifest.Missing = append(s.manifest.Missing, b.Blob)
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { _ = data.Close() }()
	return s.entry(imagesFolder+b.Blob, b.Size, 0o600, data)
}

func (s *saver) entry(name string, size, mode int64, content io.Reader) error {
	if !entryName.MatchString(name) {
		return fmt.Errorf("%q is no name for an entry of a backup", name)
	}
	if err := s.tar.WriteHeader(&tar.Header{Name: name, Size: size, Mode: mode, ModTime: s.manifest.Taken}); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	digest := sha256.New()
	if _, err := io.CopyN(io.MultiWriter(s.tar, digest), content, size); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	s.manifest.Entries = append(s.manifest.Entries, Entry{Name: name, Size: size, SHA256: hex.EncodeToString(digest.Sum(nil))})
	return nil
}

func (s *saver) plain(name string, content []byte) error {
	err := s.tar.WriteHeader(&tar.Header{Name: name, Size: int64(len(content)), Mode: 0o600, ModTime: s.manifest.Taken})
	if err == nil {
		_, err = s.tar.Write(content)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}

func damaged(format string, args ...any) error {
	return errs.New(errs.Invalid, "the backup is damaged: "+format, args...)
}

// Verify reads a whole backup and compares it with its checksums. What is no
// backup, or is damaged, or has anything in it that a backup has not, is
// Invalid; one of a newer schema than this program's is a Conflict.
func Verify(path string) (Manifest, error) {
	var m Manifest
	seen := map[string]Entry{}
	var last []byte
	err := walk(path, func(h *tar.Header, content io.Reader) error {
		if last != nil {
			return damaged("%s comes after the manifest", h.Name)
		}
		if h.Name == manifestEntry {
			var err error
			last, err = io.ReadAll(content)
			return err
		}
		if _, twice := seen[h.Name]; twice {
			return damaged("%s comes twice", h.Name)
		}
		digest := sha256.New()
		n, err := io.Copy(digest, content)
		seen[h.Name] = Entry{Name: h.Name, Size: n, SHA256: hex.EncodeToString(digest.Sum(nil))}
		return err
	})
	if err != nil {
		return m, err
	}
	if last == nil {
		return m, damaged("its end is missing")
	}
	if err := json.Unmarshal(last, &m); err != nil {
		return m, damaged("its manifest cannot be read: %s", err)
	}
	if len(m.Entries) != len(seen) {
		return m, damaged("it has %d entries, and its manifest %d", len(seen), len(m.Entries))
	}
	for _, e := range m.Entries {
		if seen[e.Name] != e {
			return m, damaged("%s is not what was saved", e.Name)
		}
	}
	if m.Schema < 1 || len(m.Tables) == 0 {
		return m, damaged("its manifest names no cloud")
	}
	if newest := store.Newest(); m.Schema > newest {
		return m, errs.New(errs.Conflict, "the backup's schema is version %d and this wisp knows no more than %d: restore it with wisp %s or a newer one", m.Schema, newest, m.Wisp)
	}
	return m, nil
}

// walk calls fn with each entry behind the first, to the end of the file. The
// names of entries are those that a backup has, and all are regular files.
func walk(path string, fn func(h *tar.Header, content io.Reader) error) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	foreign := errs.New(errs.Invalid, "%s is no backup of wisp's", path)
	unpacked, err := gzip.NewReader(file)
	if err != nil {
		return foreign
	}
	entries := tar.NewReader(unpacked)
	for first := true; ; first = false {
		h, err := entries.Next()
		if errors.Is(err, io.EOF) && !first {
			// What is behind the last entry has a checksum too.
			if _, err := io.Copy(io.Discard, unpacked); err != nil {
				return damaged("%s", err)
			}
			return nil
		}
		if err != nil && first {
			return foreign
		}
		if err != nil {
			return damaged("%s", err)
		}
		if first {
			head, err := io.ReadAll(io.LimitReader(entries, int64(len(format))+1))
			if err != nil || h.Name != formatEntry || string(head) != format {
				return foreign
			}
			continue
		}
		if h.Typeflag != tar.TypeReg || h.Name != manifestEntry && !entryName.MatchString(h.Name) {
			return damaged("%q is nothing that a backup has", h.Name)
		}
		if h.Size > maxEntry && !strings.HasPrefix(h.Name, imagesFolder) {
			return damaged("%s is too large", h.Name)
		}
		if err := fn(h, tagged{entries}); err != nil {
			if bad, ok := errors.AsType[unreadable](err); ok {
				return damaged("%s: %s", h.Name, bad.error)
			}
			return err
		}
	}
}

// tagged marks errors of reading, to tell them from others.
type tagged struct{ io.Reader }

type unreadable struct{ error }

func (u unreadable) Unwrap() error { return u.error }

func (t tagged) Read(p []byte) (int, error) {
	n, err := t.Reader.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = unreadable{err}
	}
	return n, err
}
