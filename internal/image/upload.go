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
	"time"

	"github.com/google/uuid"
	"github.com/uptrace/bun"

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

// ErrSilent is that the client of an upload has stopped to send. Its connection
// can be given up.
var ErrSilent = errors.New("the client of an upload is silent")

func errDeleted(id string) error {
	return errs.New(errs.Gone, "Image %s could not be found after upload. The image may have been deleted during the upload, cleaning up the chunks uploaded.", id)
}

// Upload takes the data of an image that has none, size bytes or, when it is
// negative, however many there are. They are checked while they come in. On
// failure the image has no data as before and nothing of them is kept. Errors
// are of kind Conflict (the image has data, or they are coming), Invalid (no
// format is declared, fewer bytes than promised, ErrSilent), UnsupportedMedia (not what was
// declared, or dangerous), TooLarge (more than an image or the project may
// have, or than there is place for), Gone (it was deleted meanwhile). After a
// delete, the end of the context or ErrSilent a Read of data can still be under
// way when Upload returns: who gave the reader ends it.
func (s *Service) Upload(ctx context.Context, c *policy.Caller, id string, data io.Reader, size int64) error {
	return s.UploadTo(ctx, c, id, "", data, size)
}

// UploadTo is Upload into a store that CheckStoreName accepts.
func (s *Service) UploadTo(ctx context.Context, c *policy.Caller, id, store string, data io.Reader, size int64) error {
	if err := s.CheckStoreName(store); err != nil {
		return err
	}
	u := s.newUpload(Saving, size)
	u.in(store)
	u.settle = u.activate
	return u.run(ctx, c, "upload_image", id, data)
}

// Stage takes the data of an image to be imported: they are held, and the image
// is uploading, until Import. What they are is looked at then. Errors are those
// of Upload, but that nothing needs to be declared.
func (s *Service) Stage(ctx context.Context, c *policy.Caller, id string, data io.Reader, size int64) error {
	u := s.newUpload(Uploading, size)
	u.settle = u.hold
	return u.run(ctx, c, "modify_image", id, data)
}

func (s *Service) newUpload(status string, size int64) *upload {
	u := &upload{s: s, id: uuid.NewString(), status: status, declared: size, md5: md5.New(), sha: sha512.New()}
	u.in("")
	return u
}

// in makes the upload one into a store; empty is the default.
func (u *upload) in(store string) {
	if store == "" {
		store = u.s.options.DefaultStore
	}
	u.store, u.places = store, []string{store}
}

// run is the whole of an upload that comes at once.
func (u *upload) run(ctx context.Context, c *policy.Caller, rule, id string, data io.Reader) error {
	ctx, end := u.register(ctx)
	defer end()
	if err := u.begin(ctx, c, rule, id); err != nil {
		return err
	}
	err := u.transfer(ctx, data)
	if err != nil {
		err = caused(ctx, err)
		if undo := u.undo(context.WithoutCancel(ctx)); undo != nil {
			u.s.log.ErrorContext(ctx, "a failed upload is left for later", "image", id, "error", undo)
		}
	}
	return err
}

// register notes that the upload runs here, for a delete to break it off.
func (u *upload) register(ctx context.Context) (running context.Context, end func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	u.s.mu.Lock()
	u.s.uploads[u.id] = cancel
	u.s.mu.Unlock()
	return ctx, func() {
		u.s.mu.Lock()
		delete(u.s.uploads, u.id)
		u.s.mu.Unlock()
		cancel(nil)
	}
}

// caused is why the context ended, where it is more than that its client left.
func caused(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) {
		return cause
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
	status   string // of the image meanwhile
	image    Image
	declared int64 // bytes promised; negative when nobody said
	reserved int64 // bytes set aside in the quota

	store  string   // that the data are written to
	places []string // the stores that have them in the end
	plan   *plan    // of an import

	// settle makes the image what it becomes with all data in the blob of
	// that key. Alive, when set, is told of signs of life in their transaction.
	settle func(ctx context.Context, tx *store.Tx, i *Image, key string) error
	alive  func(ctx context.Context, tx *store.Tx) error

	total     int64
	half      bool  // total counts bytes that were not written
	looked    int64 // total when the free space was looked at last
	md5       hash.Hash
	sha       hash.Hash
	inspector qcow2.Inspector
	info      qcow2.Info // once it was judged
}

func quotaLock(owner string) store.Lock { return store.Lock("image-quota:" + owner) }

// begin moves the image to the status of the upload.
func (u *upload) begin(ctx context.Context, c *policy.Caller, rule, id string) error {
	s := u.s
	if u.declared > s.options.MaxSize {
		return tooLarge()
	}
	return s.db.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		i, err := s.GetTx(ctx, tx, c, id)
		if err != nil {
			return err
		}
		if err := allow(rule, c, &i); err != nil {
			return err
		}
		if i.Status != Queued {
			return noTransition(i.Status, u.status)
		}
		room := SizeTotal
		if u.status == Uploading {
			room = StageTotal
		}
		if err := s.within(ctx, tx, c.ProjectID, map[string]int64{room: 0, CountUploading: 1}); err != nil {
			return err
		}
		if u.status == Saving {
			if err := declares(&i); err != nil {
				return err
			}
		}
		return u.enter(ctx, tx, &i, max(0, u.declared))
	}, quotaLock(c.ProjectID))
}

// enter makes the upload the one that the image has, with so many bytes set
// aside.
func (u *upload) enter(ctx context.Context, tx *store.Tx, i *Image, need int64) (err error) {
	i.Status, i.UploadID, i.UploadServer, i.UploadSeenAt, i.UpdatedAt = u.status, u.id, u.s.options.Server, now(), now()
	if u.reserved, err = u.s.reserve(ctx, tx, i, need, need); err != nil {
		return err
	}
	u.image = *i
	return u.write(ctx, tx, *i)
}

func noTransition(from, to string) error {
	return errs.New(errs.Conflict, "Image status transition from %s to %s is not allowed", from, to)
}

// declares refuses data for an image that does not say what they will be.
func declares(i *Image) error {
	switch {
	case i.DiskFormat == "" && i.ContainerFormat == "":
		return errs.New(errs.Invalid, "Properties disk_format, container_format must be set prior to saving data.")
	case i.DiskFormat == "":
		return errs.New(errs.Invalid, "Property disk_format must be set prior to saving data.")
	case i.ContainerFormat == "":
		return errs.New(errs.Invalid, "Property container_format must be set prior to saving data.")
	}
	return nil
}

func (u *upload) write(ctx context.Context, tx *store.Tx, i Image) error {
	tx.Changed(i.change(store.Update))
	_, err := tx.NewUpdate().Model(&i).WherePK().Column("status", "size", "virtual_size", "checksum", "hash_algo", "hash_value", "blob",
		"upload_id", "upload_server", "upload_seen_at", "reserved", "import_task", "import_state", "importing_stores", "failed_stores", "updated_at").Exec(ctx)
	if err != nil {
		return fmt.Errorf("update image: %w", err)
	}
	return nil
}

// copies is in how many stores an image's data are: what is staged is in one.
const copies = "(CASE WHEN EXISTS (SELECT 1 FROM image_locations AS l WHERE l.image_id = i.id)" +
	" THEN (SELECT COUNT(*) FROM image_locations AS l WHERE l.image_id = i.id AND l.url = '') ELSE 1 END)"

// reserve finds how many bytes an upload may have so far: wish if the owner's
// quota has so many left, less if not, but never less than need. It notes them
// on the image, for others to count.
func (s *Service) reserve(ctx context.Context, tx *store.Tx, i *Image, need, wish int64) (int64, error) {
	if s.options.ProjectBytes == 0 {
		return math.MaxInt64, nil
	}
	var used int64
	err := tx.NewSelect().Model((*Image)(nil)).Where("i.owner = ?", i.Owner).Where("i.id <> ?", i.ID).
		ColumnExpr("CAST(COALESCE(SUM(COALESCE(i.size, 0) * "+copies+" + i.reserved), 0) AS BIGINT)").Scan(ctx, &used)
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
	if errs.Is(err, errs.NotFound) || err == nil && (i.Status != u.status || i.UploadID != u.id) {
		return i, errDeleted(u.image.ID)
	}
	return i, err
}

// keepAlive tells the others that the upload goes on, learns whether its image
// is still there, and sets aside what the upload needs.
func (u *upload) keepAlive(ctx context.Context) error {
	var reserved int64
	err := u.s.db.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		reserved = u.reserved // each run begins with what was committed
		i, err := u.mine(ctx, tx)
		if err != nil {
			return err
		}
		if u.total > reserved {
			if reserved, err = u.s.reserve(ctx, tx, &i, u.total, u.total+reserveStep); err != nil {
				return err
			}
		}
		i.UploadSeenAt = now()
		if u.alive != nil {
			if err := u.alive(ctx, tx); err != nil {
				return err
			}
		}
		return u.write(ctx, tx, i)
	}, quotaLock(u.image.Owner))
	if err == nil {
		u.reserved = reserved
	}
	return err
}

// transfer copies the data into a blob and settles the image.
func (u *upload) transfer(ctx context.Context, data io.Reader) error {
	// Not earlier: nobody waits in a transaction for a file system, and who may
	// not upload learns nothing of the disk.
	to, err := u.s.store(u.store)
	if err != nil {
		return written(err)
	}
	if err := u.s.room(to, max(0, u.declared)); err != nil {
		return written(err)
	}
	key := blobKey(u.image.ID, u.id)
	w, err := to.create(ctx, key)
	if err != nil {
		return written(err)
	}
	if err := u.copy(ctx, w, data); err != nil {
		w.abort()
		return err
	}
	if u.status != Uploading {
		if err := u.judge(u.inspector.Info()); err != nil {
			w.abort()
			return err
		}
	}
	if err := w.commit(); err != nil {
		return written(fmt.Errorf("keep image data: %w", err))
	}
	if u.plan != nil {
		if err := u.spread(ctx, key, u.plan); err != nil {
			return err
		}
	}
	return u.end(ctx, key)
}

// end settles the image, whose data are all in the blob. A client that leaves
// now changes nothing any more: all that it had to send is here.
func (u *upload) end(ctx context.Context, key string) error {
	return u.s.db.Tx(context.WithoutCancel(ctx), func(ctx context.Context, tx *store.Tx) error {
		i, err := u.mine(ctx, tx)
		if err != nil {
			return err
		}
		i.UploadID, i.UploadServer, i.UpdatedAt = "", "", now()
		if err := u.settle(ctx, tx, &i, key); err != nil {
			return err
		}
		return u.write(ctx, tx, i)
	}, quotaLock(u.image.Owner))
}

// activate gives the image its data.
func (u *upload) activate(ctx context.Context, tx *store.Tx, i *Image, key string) error {
	i.Status, i.Blob, i.Reserved = Active, key, 0
	u.describe(i)
	i.Locations = nil
	for _, name := range u.places {
		i.Locations = append(i.Locations, Location{Store: name})
	}
	return i.saveLocations(ctx, tx)
}

// describe makes the image say which data it has.
func (u *upload) describe(i *Image) {
	size := u.total
	i.Size = &size
	if u.info.VirtualSize > 0 {
		virtual := u.info.VirtualSize
		i.VirtualSize = &virtual
	}
	i.Checksum, i.HashAlgo, i.HashValue = hex.EncodeToString(u.md5.Sum(nil)), HashAlgo, hex.EncodeToString(u.sha.Sum(nil))
}

type chunk struct {
	data []byte
	err  error
}

// copy takes the data to their end.
func (u *upload) copy(ctx context.Context, w io.Writer, data io.Reader) error {
	looked := u.total > 0 || u.status == Uploading // what is staged is judged when it is imported
	err := u.feed(ctx, data, u.keepAlive, func(p []byte) error {
		if err := u.take(ctx, w, p); err != nil {
			return err
		}
		if looked || u.total <= 1<<20 || !bare(&u.image) {
			return nil
		}
		looked = true
		if err := u.inspector.Early(); err != nil {
			return refused(err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return u.complete()
}

// feed hands on data as they come, and tells now and then that it is alive. It
// reads in a goroutine of its own, so that an upload whose client sends nothing
// can be broken off, and is after a while. Only then is the reader still in use
// when feed returns: the goroutine ends with the read.
func (u *upload) feed(ctx context.Context, data io.Reader, tell func(ctx context.Context) error, take func(p []byte) error) error {
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
	limit := u.s.options.Silence
	silence := time.NewTimer(limit)
	defer silence.Stop()
	for came := int64(0); ; {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-alive.C:
			if err := tell(ctx); err != nil {
				return err
			}
		case <-silence.C:
			return errs.Wrap(ErrSilent, errs.Invalid, "The client sent nothing for %s.", limit)
		case c, ok := <-full:
			if !ok {
				return context.Cause(ctx)
			}
			came += int64(len(c.data))
			if err := take(c.data); err != nil {
				return err
			}
			if errors.Is(c.err, io.EOF) {
				return nil
			}
			if public, ok := errors.AsType[*errs.Error](c.err); ok {
				return public
			}
			if c.err != nil {
				return errs.Wrap(c.err, errs.Invalid, "The image data could not be read to their end: %d bytes came.", came)
			}
			if len(c.data) > 0 {
				silence.Reset(limit) // now: the client is not silent while this server writes
			}
			empty <- c.data[:chunkSize]
		}
	}
}

func (u *upload) take(ctx context.Context, w io.Writer, p []byte) error {
	u.half = true
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
		to, err := u.s.store(u.store)
		if err == nil {
			err = u.s.room(to, int64(len(p)))
		}
		if err != nil {
			return written(err)
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
	u.half = false
	return nil
}

func (u *upload) complete() error {
	if u.declared >= 0 && u.total != u.declared {
		return errs.New(errs.Invalid, "%d bytes of image data were promised, and %d came.", u.declared, u.total)
	}
	return nil
}

// undo gives the image back as it was before the upload. When that fails, its
// blob stays: Recover does both later.
func (u *upload) undo(ctx context.Context) error {
	err := u.s.db.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		i, err := u.mine(ctx, tx)
		if errs.Is(err, errs.Gone) {
			return nil
		}
		if err != nil {
			return err
		}
		return u.write(ctx, tx, i.requeued())
	})
	if err != nil {
		return err
	}
	return u.s.free(ctx, blobKey(u.image.ID, u.id), u.store)
}

// free removes the blob of an upload that failed, unless an image has or holds
// it after all: a commit can succeed and its answer be lost on the way. It is
// to be called after a transaction on the image, which waits for such a commit.
// Where nobody can say whose the blob is it stays, and Recover looks again.
func (s *Service) free(ctx context.Context, key string, stores ...string) error {
	db := s.db.Read()
	for _, owner := range []*bun.SelectQuery{
		db.NewSelect().Model((*Image)(nil)).Where("i.blob = ?", key), db.NewSelect().Model((*held)(nil)).Where("h.blob = ?", key),
	} {
		has, err := owner.Exists(ctx)
		if err != nil {
			return fmt.Errorf("look whose blob %s is: %w", key, err)
		}
		if has {
			return nil
		}
	}
	return s.remove(ctx, key, stores...)
}

// remove deletes a blob from stores; none is fine. One that this server does
// not have is left to those that have it.
func (s *Service) remove(ctx context.Context, key string, stores ...string) error {
	if key == "" {
		return nil
	}
	var failed error
	for _, name := range stores {
		if b := s.stores.find(name); b != nil {
			failed = errors.Join(failed, b.remove(ctx, key))
		}
	}
	return failed
}

// requeued is the image without its upload.
func (i Image) requeued() Image {
	i.Status, i.Size, i.VirtualSize, i.UploadID, i.UploadServer, i.Reserved, i.UpdatedAt = Queued, nil, nil, "", "", 0, now()
	return i
}
