package image

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"gocloud.dev/blob"
	"gocloud.dev/blob/fileblob"
	"gocloud.dev/gcerrors"
)

// Blobs is where the data of images are: a folder, or any other bucket that
// gocloud.dev/blob can open. A blob appears whole or not at all.
type Blobs struct {
	bucket *blob.Bucket
	dir    string // "" when it is no folder
	space  func(dir string) (space, error)
}

// OpenFolder keeps blobs as files in a folder, which is made when it is not
// there. Only the owner of the process can read them.
func OpenFolder(dir string) (*Blobs, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("find the image folder: %w", err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the image folder: %w", err)
	}
	bucket, err := fileblob.OpenBucket(dir, &fileblob.Options{NoTempDir: true, Metadata: fileblob.MetadataDontWrite})
	if err != nil {
		return nil, fmt.Errorf("open the image folder: %w", err)
	}
	return &Blobs{bucket: bucket, dir: dir, space: statfs}, nil
}

// OpenBucket keeps blobs in a bucket that the caller opened, an S3 one for
// example. Close closes it.
func OpenBucket(bucket *blob.Bucket) *Blobs { return &Blobs{bucket: bucket} }

// Close closes the store.
func (b *Blobs) Close() error { return b.bucket.Close() }

// writer takes one blob. Commit makes it appear, after what was written is on
// the disk; Abort leaves no trace.
type writer struct {
	*blob.Writer
	file   *os.File // of a folder
	dir    string
	cancel context.CancelFunc
}

func (b *Blobs) create(ctx context.Context, key string) (*writer, error) {
	ctx, cancel := context.WithCancel(ctx)
	w := &writer{cancel: cancel, dir: b.dir}
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
		return nil, fmt.Errorf("create blob %s: %w", key, err)
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
		return fmt.Errorf("close blob: %w", err)
	}
	if w.dir == "" {
		return nil
	}
	return syncFolder(w.dir)
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
	if err != nil {
		return nil, fmt.Errorf("open blob %s: %w", key, err)
	}
	return r, nil
}

// at reads a blob at any place. It is for a few reads, not for all of it.
type at struct {
	ctx   context.Context
	blobs *Blobs
	key   string
}

func (a at) ReadAt(p []byte, offset int64) (int, error) {
	r, err := a.blobs.open(a.ctx, a.key, offset, int64(len(p)))
	if err != nil {
		return 0, err
	}
	n, err := io.ReadFull(r, p)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = io.EOF
	}
	return n, errors.Join(err, r.Close())
}

// remove deletes a blob; none is fine.
func (b *Blobs) remove(ctx context.Context, key string) error {
	if err := b.bucket.Delete(ctx, key); err != nil && gcerrors.Code(err) != gcerrors.NotFound {
		return fmt.Errorf("delete blob %s: %w", key, err)
	}
	return nil
}

// list returns all keys, those of unfinished files among them.
func (b *Blobs) list(ctx context.Context) ([]string, error) {
	var keys []string
	for it := b.bucket.List(nil); ; {
		object, err := it.Next(ctx)
		if errors.Is(err, io.EOF) {
			return keys, nil
		}
		if err != nil {
			return nil, fmt.Errorf("list blobs: %w", err)
		}
		keys = append(keys, object.Key)
	}
}

// blobKey names an upload's blob. Each upload has its own, so that one which
// was given up can never touch the data of the one after it.
func blobKey(imageID, uploadID string) string { return imageID + "_" + uploadID }

// finalKey is the key that an unfinished file would get: it carries that
// name and a suffix after the first dot.
func finalKey(key string) string {
	final, _, _ := strings.Cut(key, ".")
	return final
}
