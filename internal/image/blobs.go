package image

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"gocloud.dev/blob"
	"gocloud.dev/blob/fileblob"
	"gocloud.dev/gcerrors"
	"golang.org/x/sys/unix"

	"wisp/internal/errs"
)

// Blobs is where the data of images are: a folder, or any other bucket that
// gocloud.dev/blob can open. A blob appears whole or not at all.
type Blobs struct {
	bucket *blob.Bucket
	dir    string // "" when it is no folder
	url    string // of what it is, without a slash at its end or credentials
	space  func(dir string) (space, error)

	// Of a store that keeps what came of uploads that did not end.
	unfinished func(ctx context.Context) (keys []string, err error)
	abandon    func(ctx context.Context, key string) error
}

// OpenStore opens what CheckStore names: a folder, or a bucket of an S3 store.
func OpenStore(_ context.Context, location string) (*Blobs, error) {
	if strings.HasPrefix(location, s3Scheme) {
		return openS3(location)
	}
	return OpenFolder(location)
}

func absolute(dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("find the image folder: %w", err)
	}
	return dir, nil
}

// OpenFolder keeps blobs as files in a folder, which is made when it is not
// there. Only the owner of the process can read them.
func OpenFolder(dir string) (*Blobs, error) {
	dir, err := absolute(dir)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the image folder: %w", err)
	}
	bucket, err := fileblob.OpenBucket(dir, &fileblob.Options{NoTempDir: true, Metadata: fileblob.MetadataDontWrite})
	if err != nil {
		return nil, fmt.Errorf("open the image folder: %w", err)
	}
	return &Blobs{bucket: bucket, dir: dir, url: (&url.URL{Scheme: "file", Path: dir}).String(), space: statfs}, nil
}

// OpenBucket keeps blobs in a bucket that the caller opened, an S3 one for
// example. Close closes it.
func OpenBucket(bucket *blob.Bucket) *Blobs { return &Blobs{bucket: bucket, url: "bucket://"} }

// Close closes the store.
func (b *Blobs) Close() error { return b.bucket.Close() }

// away gives errors of a bucket their kind: a store elsewhere that does not do
// what it is asked is Unavailable, unless it has not what is asked for, the disk
// is full, or nobody asks any more.
func (b *Blobs) away(err error) error {
	if err == nil || b.dir != "" || errs.Of(err) != errs.Internal || errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) || errors.Is(err, context.Canceled) {
		return err
	}
	if code := gcerrors.Code(err); code == gcerrors.NotFound || code == gcerrors.Canceled {
		return err
	}
	return errs.Wrap(err, errs.Unavailable, "The image store does not answer; try again later.")
}

// Open reads a blob. One that is not there is NotFound to gcerrors.
func (b *Blobs) Open(ctx context.Context, key string) (io.ReadCloser, error) {
	return b.open(ctx, key, 0, -1)
}

// Put writes a blob, which appears when all data are there.
func (b *Blobs) Put(ctx context.Context, key string, data io.Reader) error {
	w, err := b.create(ctx, key)
	if err != nil {
		return err
	}
	if _, err := io.Copy(w, data); err != nil {
		w.abort()
		return fmt.Errorf("write blob %s: %w", key, err)
	}
	return w.commit()
}

// writer takes one blob. Commit makes it appear, after what was written is on
// the disk; Abort leaves no trace.
type writer struct {
	*blob.Writer
	blobs  *Blobs
	file   *os.File // of a folder
	cancel context.CancelFunc
}

func (w *writer) Write(p []byte) (int, error) {
	n, err := w.Writer.Write(p)
	return n, w.blobs.away(err)
}

func (b *Blobs) create(ctx context.Context, key string) (*writer, error) {
	ctx, cancel := context.WithCancel(ctx)
	w := &writer{cancel: cancel, blobs: b}
	var err error
	w.Writer, err = b.bucket.NewWriter(ctx, key, &blob.WriterOptions{
		ContentType: "application/octet-stream",
		BeforeWrite: func(as func(any) bool) error {
			as(&w.file) // not a file elsewhere, which is fine
			return nil
		},
	})
	if err != nil {
		cancel()
		return nil, b.away(fmt.Errorf("create blob %s: %w", key, err))
	}
	return w, nil
}

func (w *writer) commit() error {
	defer w.cancel()
	if w.file != nil {
		if err := w.file.Sync(); err != nil {
			w.abort()
			return fmt.Errorf("sync blob: %w", err)
		}
	}
	if err := w.Close(); err != nil {
		return w.blobs.away(fmt.Errorf("close blob: %w", err))
	}
	if w.blobs.dir == "" {
		return nil
	}
	return syncFolder(w.blobs.dir)
}

// growing is a blob in a folder that is written behind what it has. Unlike
// others it is there before it is whole; who reads it must know how much counts.
// Only one writer at a time has it, whichever process that is in.
type growing struct {
	file *os.File
	dir  string
}

// errGrowing is that another writer has the blob.
var errGrowing = errs.New(errs.Conflict, "Another part of the data is being written.")

// grow opens a blob of a folder, which is made when it is not there, to be
// written from offset on. What it has behind that is cut off: nobody counted it.
func (b *Blobs) grow(key string, offset int64) (*growing, error) {
	file, err := os.OpenFile(filepath.Join(b.dir, key), os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open blob %s: %w", key, err)
	}
	fail := func(err error) (*growing, error) { return nil, errors.Join(err, file.Close()) }
	if err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		if errors.Is(err, unix.EWOULDBLOCK) {
			return fail(errGrowing)
		}
		return fail(fmt.Errorf("lock blob %s: %w", key, err))
	}
	info, err := file.Stat()
	if err != nil {
		return fail(fmt.Errorf("look at blob %s: %w", key, err))
	}
	if info.Size() < offset {
		return fail(errs.Wrap(fmt.Errorf("blob %s has %d bytes of %d", key, info.Size(), offset), errs.Gone, "The parts that came before are lost: begin again."))
	}
	if err := file.Truncate(offset); err != nil {
		return fail(fmt.Errorf("cut blob %s: %w", key, err))
	}
	if _, err := file.Seek(offset, io.SeekStart); err != nil {
		return fail(fmt.Errorf("find the end of blob %s: %w", key, err))
	}
	return &growing{file, b.dir}, nil
}

func (g *growing) Write(p []byte) (int, error) { return g.file.Write(p) }

// Close returns when what was written is on the disk.
func (g *growing) Close() error {
	return errors.Join(g.file.Sync(), g.file.Close(), syncFolder(g.dir))
}

// syncFolder makes a rename in the folder last through a loss of power.
func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("open the image folder: %w", err)
	}
	return errors.Join(d.Sync(), d.Close())
}

func (w *writer) abort() {
	w.cancel()
	_ = w.Close() // it fails because of the cancel, and removes what was written
}

// open reads length bytes from offset on; a negative length is the rest. A
// blob that is not there is NotFound to gcerrors.
func (b *Blobs) open(ctx context.Context, key string, offset, length int64) (io.ReadCloser, error) {
	r, err := b.bucket.NewRangeReader(ctx, key, offset, length, nil)
	if b.dir == "" && missing(err) {
		segments, err := b.indexed(ctx, key)
		if err != nil {
			return nil, err
		}
		return b.openSegments(ctx, segments, offset, length)
	}
	if err != nil {
		return nil, b.away(fmt.Errorf("open blob %s: %w", key, err))
	}
	return r, nil
}

// exists tells whether a blob is there.
func (b *Blobs) exists(ctx context.Context, key string) (bool, error) {
	there, err := b.bucket.Exists(ctx, key)
	if err == nil && !there && b.dir == "" {
		there, err = b.bucket.Exists(ctx, indexKey(key))
	}
	if err != nil {
		return false, b.away(fmt.Errorf("look for blob %s: %w", key, err))
	}
	return there, nil
}

// at reads held data at any place. It is for a few reads, not for all of it.
type at struct {
	ctx   context.Context
	blobs *Blobs
	held  held
}

func (a at) ReadAt(p []byte, offset int64) (int, error) {
	r, err := a.blobs.openHeld(a.ctx, a.held, offset, int64(len(p)))
	if err != nil {
		return 0, err
	}
	n, err := io.ReadFull(r, p)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = io.EOF
	}
	return n, errors.Join(err, r.Close())
}

// remove deletes a blob and what it is made of; none is fine.
func (b *Blobs) remove(ctx context.Context, key string) error {
	keys := []string{key}
	if b.dir == "" {
		parts, err := b.under(ctx, key+".")
		if err != nil {
			return err
		}
		keys = append(keys, parts...)
	}
	for _, key := range keys {
		if err := b.bucket.Delete(ctx, key); err != nil && !missing(err) {
			return b.away(fmt.Errorf("delete blob %s: %w", key, err))
		}
	}
	if b.abandon != nil {
		return b.away(b.abandon(ctx, key))
	}
	return nil
}

// list returns all keys, those of unfinished files and uploads among them.
func (b *Blobs) list(ctx context.Context) ([]string, error) {
	keys, err := b.under(ctx, "")
	if err != nil || b.unfinished == nil {
		return keys, err
	}
	more, err := b.unfinished(ctx)
	return append(keys, more...), b.away(err)
}

func (b *Blobs) under(ctx context.Context, prefix string) ([]string, error) {
	var keys []string
	for it := b.bucket.List(&blob.ListOptions{Prefix: prefix}); ; {
		object, err := it.Next(ctx)
		if errors.Is(err, io.EOF) {
			return keys, nil
		}
		if err != nil {
			return nil, b.away(fmt.Errorf("list blobs: %w", err))
		}
		keys = append(keys, object.Key)
	}
}

// blobKey names an upload's blob. Each upload has its own, so that one which
// was given up can never touch the data of the one after it.
func blobKey(imageID, uploadID string) string { return imageID + "_" + uploadID }

// finalKey is the key that an unfinished file would get, or a segment is of: it
// carries that name and a suffix after the first dot.
func finalKey(key string) string {
	final, _, _ := strings.Cut(key, ".")
	return final
}
