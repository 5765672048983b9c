package image

import (
	"context"
	"crypto/md5"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"wisp/internal/errs"
	"wisp/internal/policy"
	"wisp/internal/qcow2"
	"wisp/internal/store"
)

const (
	chunkSize = 256 << 10
	// reserveStep is how much of the quota an upload of unknown length sets
	// aside at a time.
	reserveStep = 64 << 20
	// An upload says this often that it is alive, and is taken for dead when
	// it has not for so long.
	aliveEvery = 5 * time.Second
	deadAfter  = 90 * time.Second
)

func errDeleted(id string) error {
	return errs.New(errs.Gone, "Image %s could not be found after upload. The image may have been deleted during the upload, cleaning up the chunks uploaded.", id)
}

// Upload takes the data of an image that has none, size bytes or, when it is
// negative, however many there are. They are checked while they come in. On
// failure the image has no data as before and nothing of them is kept. Errors
// are of kind Conflict (the image has data, or they are coming), Invalid (no
// format is declared, fewer bytes than promised), UnsupportedMedia (not what was
// declared, or dangerous), TooLarge (more than an image or the project may
// have, or than there is place for), Gone (it was deleted meanwhile). After a delete or the end of the context a
// Read of data can still be under way when Upload returns.
func (s *Service) Upload(ctx context.Context, c *policy.Caller, id string, data io.Reader, size int64) error {
	u := &upload{s: s, id: uuid.NewString(), declared: size}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	s.mu.Lock()
	s.uploads[u.id] = cancel
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		delete(s.uploads, u.id)
		s.mu.Unlock()
	}()
	if err := u.begin(ctx, c, id); err != nil {
		return err
	}
	err := u.transfer(ctx, data)
	if err != nil {
		if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) {
			err = cause
		}
		if undo := u.undo(context.WithoutCancel(ctx)); undo != nil {
			s.log.ErrorContext(ctx, "a failed upload is left for later", "image", id, "error", undo)
		}
	}
	return err
}

// cancelUpload breaks off an upload that runs here.
func (s *Service) cancelUpload(uploadID string, cause error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if cancel, ok := s.uploads[uploadID]; ok {
		cancel(cause)
	}
}

// upload is one that runs.
type upload struct {
	s        *Service
	id       string
	image    Image
	declared int64 // bytes promised; negative when nobody said
	reserved int64 // bytes set aside in the quota

	total     int64
	looked    int64 // total when the free space was looked at last
	md5       hash.Hash
	sha       hash.Hash
	inspector qcow2.Inspector
}

func quotaLock(owner string) store.Lock { return store.Lock("image-quota:" + owner) }

// begin moves the image to saving.
func (u *upload) begin(ctx context.Context, c *policy.Caller, id string) error {
	s := u.s
	if u.declared > s.options.MaxSize {
		return tooLarge()
	}
	return s.db.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		i, err := s.GetTx(ctx, tx, c, id)
		if err != nil {
			return err
		}
		if err := allow("upload_image", c, &i); err != nil {
			return err
		}
		if i.Status != Queued {
			return errs.New(errs.Conflict, "Image status transition from %s to saving is not allowed", i.Status)
		}
		switch {
		case i.DiskFormat == "" && i.ContainerFormat == "":
			return errs.New(errs.Invalid, "Properties disk_format, container_format must be set prior to saving data.")
		case i.DiskFormat == "":
			return errs.New(errs.Invalid, "Property disk_format must be set prior to saving data.")
		case i.ContainerFormat == "":
			return errs.New(errs.Invalid, "Property container_format must be set prior to saving data.")
		}
		i.Status, i.UploadID, i.UploadServer, i.UploadSeenAt, i.UpdatedAt = Saving, u.id, s.options.Server, now(), now()
		if u.reserved, err = s.reserve(ctx, tx, &i, max(0, u.declared), max(0, u.declared)); err != nil {
			return err
		}
		u.image = i
		tx.Changed(i.change(store.Update))
		return u.write(ctx, tx, i)
	}, quotaLock(c.ProjectID))
}

func (u *upload) write(ctx context.Context, tx *store.Tx, i Image) error {
	_, err := tx.NewUpdate().Model(&i).WherePK().Column("status", "size", "virtual_size", "checksum", "hash_algo", "hash_value", "blob",
		"upload_id", "upload_server", "upload_seen_at", "reserved", "updated_at").Exec(ctx)
	if err != nil {
		return fmt.Errorf("update image: %w", err)
	}
	return nil
}

// reserve finds how many bytes an upload may have so far: wish if the owner's
// quota has so many left, less if not, but never less than need. It notes them
// on the image, for others to count.
func (s *Service) reserve(ctx context.Context, tx *store.Tx, i *Image, need, wish int64) (int64, error) {
	if s.options.ProjectBytes == 0 {
		return math.MaxInt64, nil
	}
	var used int64
	err := tx.NewSelect().Model((*Image)(nil)).Where("i.owner = ?", i.Owner).Where("i.id <> ?", i.ID).
		ColumnExpr("CAST(COALESCE(SUM(COALESCE(i.size, 0) + i.reserved), 0) AS BIGINT)").Scan(ctx, &used)
	if err != nil {
		return 0, fmt.Errorf("sum the project's images: %w", err)
	}
	left := max(0, s.options.ProjectBytes-used)
	if need > left {
		return 0, errs.New(errs.TooLarge, "Image exceeds the storage quota: The size of the data %d will exceed the limit. %d bytes remaining.", need, left)
	}
	i.Reserved = min(left, wish)
	return i.Reserved, nil
}

func tooLarge() error {
	return errs.New(errs.TooLarge, "The incoming image is too large: The provided image is too large.")
}

// mine finds the image, as long as this upload is the one that it has.
func (u *upload) mine(ctx context.Context, tx *store.Tx) (Image, error) {
	i, err := find(ctx, tx, u.image.ID)
	if errs.Is(err, errs.NotFound) || err == nil && (i.Status != Saving || i.UploadID != u.id) {
		return i, errDeleted(u.image.ID)
	}
	return i, err
}

// keepAlive tells the others that the upload goes on, learns whether its image
// is still there, and sets aside what the upload needs.
func (u *upload) keepAlive(ctx context.Context) error {
	return u.s.db.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		i, err := u.mine(ctx, tx)
		if err != nil {
			return err
		}
		if u.total > u.reserved {
			if u.reserved, err = u.s.reserve(ctx, tx, &i, u.total, u.total+reserveStep); err != nil {
				return err
			}
		}
		i.UploadSeenAt = now()
		return u.write(ctx, tx, i)
	}, quotaLock(u.image.Owner))
}

// transfer copies the data into a blob and makes the image active.
func (u *upload) transfer(ctx context.Context, data io.Reader) error {
	// Not earlier: nobody waits in a transaction for a file system, and who may
	// not upload learns nothing of the disk.
	if err := u.s.room(max(0, u.declared)); err != nil {
		return err
	}
	key := blobKey(u.image.ID, u.id)
	w, err := u.s.blobs.create(ctx, key)
	if err != nil {
		return written(err)
	}
	u.md5, u.sha = md5.New(), sha512.New()
	if err := u.copy(ctx, w, data); err != nil {
		w.abort()
		return err
	}
	info := u.inspector.Info()
	if err := judge(info, &u.image); err != nil {
		w.abort()
		return err
	}
	if err := w.commit(); err != nil {
		return written(fmt.Errorf("keep image data: %w", err))
	}
	return u.s.db.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		i, err := u.mine(ctx, tx)
		if err != nil {
			return err
		}
		size := u.total
		i.Status, i.Size, i.Blob, i.UpdatedAt = Active, &size, key, now()
		if info.VirtualSize > 0 {
			virtual := info.VirtualSize
			i.VirtualSize = &virtual
		}
		i.Checksum, i.HashAlgo, i.HashValue = hex.EncodeToString(u.md5.Sum(nil)), HashAlgo, hex.EncodeToString(u.sha.Sum(nil))
		i.UploadID, i.UploadServer, i.Reserved = "", "", 0
		tx.Changed(i.change(store.Update))
		return u.write(ctx, tx, i)
	}, quotaLock(u.image.Owner))
}

type chunk struct {
	data []byte
	err  error
}

// copy reads in a goroutine of its own, so that an upload whose client sends
// nothing can be broken off. Only then is the reader still in use when copy
// returns: the goroutine ends with the read, which the server ends when the
// request is answered.
func (u *upload) copy(ctx context.Context, w io.Writer, data io.Reader) error {
	full, empty := make(chan chunk), make(chan []byte, 1)
	empty <- make([]byte, chunkSize)
	go func() {
		defer close(full)
		for {
			var buffer []byte
			select {
			case buffer = <-empty:
			case <-ctx.Done():
				return
			}
			n, err := data.Read(buffer)
			select {
			case full <- chunk{buffer[:n], err}:
			case <-ctx.Done():
				return
			}
			if err != nil {
				return
			}
		}
	}()
	alive := time.NewTicker(u.s.alive)
	defer alive.Stop()
	looked := false
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-alive.C:
			if err := u.keepAlive(ctx); err != nil {
				return err
			}
		case c, ok := <-full:
			if !ok {
				return context.Cause(ctx)
			}
			if err := u.take(ctx, w, c.data); err != nil {
				return err
			}
			if !looked && u.total > 1<<20 && bare(&u.image) {
				looked = true
				if err := u.inspector.Early(); err != nil {
					return refused(err)
				}
			}
			if errors.Is(c.err, io.EOF) {
				return u.complete()
			}
			if c.err != nil {
				return errs.Wrap(c.err, errs.Invalid, "The image data could not be read to their end: %d bytes came.", u.total)
			}
			empty <- c.data[:chunkSize]
		}
	}
}

func (u *upload) take(ctx context.Context, w io.Writer, p []byte) error {
	u.total += int64(len(p))
	if u.total > u.s.options.MaxSize {
		return tooLarge()
	}
	if u.total > u.reserved {
		if err := u.keepAlive(ctx); err != nil {
			return err
		}
	}
	if u.total >= u.looked+u.s.look {
		u.looked = u.total
		if err := u.s.room(int64(len(p))); err != nil {
			return err
		}
	}
	if _, err := w.Write(p); err != nil {
		return written(fmt.Errorf("write image data: %w", err))
	}
	for _, to := range []io.Writer{u.md5, u.sha, &u.inspector} {
		if _, err := to.Write(p); err != nil {
			return fmt.Errorf("digest image data: %w", err)
		}
	}
	return nil
}

func (u *upload) complete() error {
	if u.declared >= 0 && u.total != u.declared {
		return errs.New(errs.Invalid, "%d bytes of image data were promised, and %d came.", u.declared, u.total)
	}
	return nil
}

func bare(i *Image) bool {
	return !slices.Contains([]string{"ovf", "ova", "docker", "compressed"}, i.ContainerFormat)
}

// judge refuses data that are not what the image says. Archives are opaque:
// they are no disks, and a disk in their place must still be what is declared.
func judge(info qcow2.Info, i *Image) error {
	declared := i.DiskFormat
	switch {
	case slices.Contains([]string{"aki", "ari", "ami"}, i.ContainerFormat):
		declared = i.ContainerFormat
	case declared == "gpt" && info.Subformat == "gpt":
		declared = "raw"
	case !bare(i) && info.Format == qcow2.Raw:
		declared = ""
	}
	if err := info.Check(declared); err != nil {
		return refused(err)
	}
	return nil
}

func refused(err error) error {
	public, ok := errors.AsType[*errs.Error](err)
	if !ok {
		return err
	}
	return errs.Wrap(err, errs.UnsupportedMedia, "%s", strings.TrimSpace(public.Message))
}

// undo gives the image back as it was before the upload.
func (u *upload) undo(ctx context.Context) error {
	err := u.s.db.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		i, err := u.mine(ctx, tx)
		if errs.Is(err, errs.Gone) {
			return nil
		}
		if err != nil {
			return err
		}
		tx.Changed(i.change(store.Update))
		return u.write(ctx, tx, i.requeued())
	})
	return errors.Join(err, u.s.blobs.remove(ctx, blobKey(u.image.ID, u.id)))
}

// requeued is the image without its upload.
func (i Image) requeued() Image {
	i.Status, i.Size, i.VirtualSize, i.UploadID, i.UploadServer, i.Reserved, i.UpdatedAt = Queued, nil, nil, "", "", 0, now()
	return i
}
