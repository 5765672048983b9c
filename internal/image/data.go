package image

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/uptrace/bun"
	"gocloud.dev/gcerrors"

	"wisp/internal/errs"
	"wisp/internal/policy"
	"wisp/internal/store"
)

// Downloadable finds an image whose data the caller may have. It may have none
// yet: then Size is nil. A deactivated one is Forbidden to all but admins.
func (s *Service) Downloadable(ctx context.Context, c *policy.Caller, id string) (Image, error) {
	i, err := s.Get(ctx, c, id)
	if err != nil {
		return i, err
	}
	if i.Status == Deactivated && !c.IsAdmin() {
		return i, errs.New(errs.Forbidden, "The requested image has been deactivated. Image data download is forbidden.")
	}
	return i, nil
}

// Data reads an image's data from offset on; a negative length is the rest.
// Data that were deleted since the image was found are NotFound.
func (s *Service) Data(ctx context.Context, i Image, offset, length int64) (io.ReadCloser, error) {
	if !i.HasData() {
		return nil, errs.New(errs.NotFound, "Image %s has no data.", i.ID)
	}
	if s.cache != nil && i.Blob != "" {
		if kept := s.cache.open(i.Blob, offset, length); kept != nil {
			return kept, nil
		}
	}
	data, err := s.openAny(ctx, &i, offset, length)
	if err == nil && s.cache != nil && i.Status == Active && i.Blob != "" {
		s.cache.want(i.ID)
	}
	if gcerrors.Code(err) == gcerrors.NotFound {
		return nil, errs.Wrap(err, errs.NotFound, "The data of image %s are not there.", i.ID)
	}
	return data, err
}

// Open reads the data of an image for a host, and tells how many bytes there
// are. It asks nobody's permission: who may boot from an image was decided
// when the server was created, even if the image was deactivated since. An image
// without data is a Conflict; one that is deleted, just now perhaps, is NotFound.
func (s *Service) Open(ctx context.Context, id string) (data io.ReadCloser, size int64, err error) {
	i, err := s.whole(ctx, id)
	if err != nil {
		return nil, 0, err
	}
	if !i.HasData() {
		return nil, 0, errs.New(errs.Conflict, "Image %s has no data: its status is %s.", id, i.Status)
	}
	if data, err = s.Data(ctx, i, 0, -1); err != nil {
		return nil, 0, err
	}
	return data, *i.Size, nil
}

// Recover compares what images say with what the blob store has, and mends:
// uploads that died (this server's from before a restart, others' that are
// silent) give their images back, or wait for the next part when they come in
// parts; those that waited too long are given up; blobs that no image knows are
// deleted. It can run at any time.
func (s *Service) Recover(ctx context.Context) error {
	// The blobs come first: whatever appears after this is not looked at, and
	// whatever was here and has no image then never gets one. A store that does
	// not answer waits for the next time.
	there := map[string][]string{} // keys by store
	var failed error
	for _, one := range s.stores {
		keys, err := one.Blobs.list(ctx)
		if err != nil {
			failed = errors.Join(failed, err)
			continue
		}
		there[one.Name] = keys
	}
	s.mu.Lock()
	running := make([]string, 0, len(s.uploads)+1)
	for id := range s.uploads {
		running = append(running, id)
	}
	s.mu.Unlock()
	var known map[string]owner // by key
	err := s.db.Tx(ctx, func(ctx context.Context, tx *store.Tx) (err error) {
		for _, step := range []func() error{
			func() error { return s.releaseDead(ctx, tx, running) },
			func() error { return s.requeueDead(ctx, tx, running) },
			func() error { return s.requeueAbandoned(ctx, tx) },
			func() error { return dropExpiredTasks(ctx, tx) },
		} {
			if err := step(); err != nil {
				return err
			}
		}
		known, err = knownBlobs(ctx, tx)
		return err
	})
	if err != nil {
		return fmt.Errorf("recover images: %w", err)
	}
	if s.cache != nil {
		_, err := s.cache.drop(func(kept *Cached) bool { _, is := known[kept.key]; return !is })
		if err != nil {
			return err
		}
	}
	for name, keys := range there {
		failed = errors.Join(failed, s.mend(ctx, name, keys, known))
	}
	return failed
}

// owner is whose a blob is, and in which stores it must be. An upload's may be
// anywhere yet.
type owner struct {
	imageID string // empty for an upload and for what is held
	stores  []string
	coming  []string // stores that it is being copied to
}

// mend removes from a store what nobody has there, and says what is lost.
func (s *Service) mend(ctx context.Context, name string, keys []string, known map[string]owner) error {
	blobs, there := s.stores.find(name), map[string]bool{}
	for _, key := range keys {
		final := finalKey(key)
		of, has := known[final]
		stray := has && of.imageID != "" && !slices.Contains(of.stores, name)
		switch {
		case stray && slices.Contains(of.coming, name):
			continue
		case stray:
			if err := s.removeStray(ctx, of.imageID, final, name); err != nil {
				return err
			}
			continue
		case has && (!there[final] || blobs.dir == ""):
			there[final] = there[final] || key == final || key == indexKey(final)
			continue
		}
		if err := blobs.remove(ctx, key); err != nil {
			return err
		}
		s.log.InfoContext(ctx, "data without an image are deleted", "store", name, "blob", key)
	}
	for key, of := range known {
		if there[key] || !slices.Contains(of.stores, name) {
			continue
		}
		is, err := blobs.exists(ctx, key)
		if err != nil {
			return err
		}
		if !is {
			s.log.ErrorContext(ctx, "the data of an image are lost: delete it and upload it again", "image", of.imageID, "store", name, "blob", key)
		}
	}
	return nil
}

func placesLock(imageID string) store.Lock { return store.Lock("image-places:" + imageID) }

// removeStray removes a copy that a store has and its image does not know of:
// of a copy that was broken off. The lock keeps a new copy from being begun
// until it is gone, which would have the same key.
func (s *Service) removeStray(ctx context.Context, imageID, key, name string) error {
	return s.db.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		i, err := find(ctx, tx, imageID)
		if errs.Is(err, errs.NotFound) {
			return nil // the next time, as that of a deleted one
		}
		if err != nil {
			return err
		}
		found := []Image{i}
		if err := children(ctx, tx, found); err != nil {
			return err
		}
		if i.Blob == key && slices.Contains(found[0].storedIn(), name) || slices.Contains(splitStores(i.ImportingStores), name) {
			return nil
		}
		if i.Blob == key {
			held, err := s.heldElsewhere(ctx, key, found[0].storedIn())
			if err != nil {
				return err
			}
			if !held {
				s.log.ErrorContext(ctx, "a store has the data of an image that names only others, and those do not: nothing is deleted; was the store renamed?",
					"image", imageID, "store", name, "named", found[0].storedIn(), "blob", key)
				return nil
			}
		}
		s.log.InfoContext(ctx, "data that a broken copy left are deleted", "store", name, "blob", key)
		return s.remove(ctx, key, name)
	}, placesLock(imageID))
}

// heldElsewhere tells whether one of the stores, of those that this server has,
// has a blob.
func (s *Service) heldElsewhere(ctx context.Context, key string, names []string) (bool, error) {
	for _, name := range names {
		if b := s.stores.find(name); b != nil {
			if is, err := b.exists(ctx, key); err != nil || is {
				return is, err
			}
		}
	}
	return false, nil
}

// Absent counts the images whose data should be in one of the stores and are
// not, as far as this server has the store at all.
func (s *Service) Absent(ctx context.Context) (int, error) {
	there := map[string]map[string]bool{}
	for _, one := range s.stores {
		keys, err := one.Blobs.list(ctx)
		if err != nil {
			return 0, err
		}
		there[one.Name] = map[string]bool{}
		for _, key := range keys {
			there[one.Name][finalKey(key)] = true
		}
	}
	var places []struct{ Blob, Store string }
	err := s.db.Read().NewRaw("SELECT i.blob, l.store FROM image_locations AS l JOIN images AS i ON i.id = l.image_id WHERE l.url = ''").Scan(ctx, &places)
	if err != nil {
		return 0, fmt.Errorf("list images with data: %w", err)
	}
	absent := map[string]bool{}
	for _, p := range places {
		if !there[p.Store][p.Blob] {
			absent[p.Blob] = true
		}
	}
	return len(absent), nil
}

// knownBlobs are the keys that images have, with whose they are.
func knownBlobs(ctx context.Context, tx *store.Tx) (map[string]owner, error) {
	known := map[string]owner{}
	var images []Image
	if err := tx.NewSelect().Model(&images).Column("id", "blob", "upload_id", "import_task", "importing_stores").
		Where("i.blob <> ''").WhereOr("i.upload_id <> ''").WhereOr("i.import_task <> ''").Scan(ctx); err != nil {
		return nil, fmt.Errorf("list images with data: %w", err)
	}
	keys := map[string]string{} // by image
	for _, i := range images {
		if i.Blob != "" {
			keys[i.ID] = i.Blob
			known[i.Blob] = owner{imageID: i.ID, coming: splitStores(i.ImportingStores)}
		}
		if i.UploadID != "" {
			known[blobKey(i.ID, i.UploadID)] = owner{}
		}
		if i.ImportTask != "" && i.Blob == "" { // a copy from a URL
			known[blobKey(i.ID, i.ImportTask)] = owner{}
		}
	}
	var places []Location
	if err := tx.NewSelect().Model(&places).Where("l.url = ''").Scan(ctx); err != nil {
		return nil, fmt.Errorf("list the places of data: %w", err)
	}
	for _, l := range places {
		of := known[keys[l.ImageID]]
		of.stores = append(of.stores, l.Store)
		known[keys[l.ImageID]] = of
	}
	var all []held
	if err := tx.NewSelect().Model(&all).Column("blob").Scan(ctx); err != nil {
		return nil, fmt.Errorf("list held data: %w", err)
	}
	for _, h := range all {
		known[h.Blob] = owner{}
	}
	return known, nil
}

const (
	deadUpload = "upload_id NOT IN (?) AND (upload_server = ? OR upload_seen_at < ?)"
	hasHeld    = "EXISTS (SELECT 1 FROM image_held AS h WHERE h.image_id = i.id)"
)

// releaseDead lets uploads whose part was cut off wait for the next one.
func (s *Service) releaseDead(ctx context.Context, tx *store.Tx, running []string) error {
	_, err := tx.NewUpdate().Model((*Image)(nil)).Set("upload_id = ''").Set("upload_server = ''").Where("status = ?", Saving).Where(hasHeld).
		Where(deadUpload, bun.List(append(running, "")), s.options.Server, now().Add(-deadAfter)).Exec(ctx)
	if err != nil {
		return fmt.Errorf("release interrupted parts: %w", err)
	}
	return nil
}

func (s *Service) requeueDead(ctx context.Context, tx *store.Tx, running []string) error {
	var dead []Image
	err := tx.NewSelect().Model(&dead).Column("id", "owner", "visibility").Where("i.status IN (?, ?)", Saving, Uploading).Where("NOT "+hasHeld).
		Where(deadUpload, bun.List(append(running, "")), s.options.Server, now().Add(-deadAfter)).Scan(ctx)
	if err != nil {
		return fmt.Errorf("list interrupted uploads: %w", err)
	}
	return s.requeueAll(ctx, tx, dead, "interrupted uploads are cleared")
}

// requeueAbandoned gives up uploads in parts whose next part does not come.
func (s *Service) requeueAbandoned(ctx context.Context, tx *store.Tx) error {
	var dead []Image
	err := tx.NewSelect().Model(&dead).Column("id", "owner", "visibility").Where("i.status = ?", Saving).Where("i.upload_id = ''").Where(hasHeld).
		Where("i.upload_seen_at < ?", now().Add(-s.options.PartsKept)).Scan(ctx)
	if err != nil {
		return fmt.Errorf("list abandoned uploads: %w", err)
	}
	return s.requeueAll(ctx, tx, dead, "abandoned uploads are cleared")
}

func (s *Service) requeueAll(ctx context.Context, tx *store.Tx, dead []Image, why string) error {
	if len(dead) == 0 {
		return nil
	}
	ids := make([]string, len(dead))
	for n, i := range dead {
		ids[n] = i.ID
		tx.Changed(i.change(store.Update))
	}
	if err := dropHeld(ctx, tx, ids...); err != nil {
		return err
	}
	_, err := tx.NewUpdate().Model((*Image)(nil)).Set("status = ?", Queued).Set("size = NULL").Set("virtual_size = NULL").
		Set("upload_id = ''").Set("upload_server = ''").Set("reserved = 0").Set("updated_at = ?", now()).
		Where("id IN (?)", bun.List(ids)).Exec(ctx)
	if err != nil {
		return fmt.Errorf("give images back: %w", err)
	}
	tx.AfterCommit(func() { s.log.InfoContext(ctx, "images are given back", "why", why, "images", ids) })
	return nil
}

// Run recovers at once and then every interval, until the context ends.
func (s *Service) Run(ctx context.Context, interval time.Duration) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		if err := s.Recover(ctx); err != nil && ctx.Err() == nil {
			s.log.ErrorContext(ctx, "images could not be recovered", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}
