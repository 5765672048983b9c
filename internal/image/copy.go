package image

import (
	"context"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"wisp/internal/errs"
	"wisp/internal/store"
)

// source is where a copy is made from.
type source struct {
	open func(ctx context.Context) (io.ReadCloser, error)
	size int64
	sum  string // SHA-512, in hex, which the data must have
}

// copyTo copies data into a store, as the blob of that key. Errors of the store
// are store faults.
func (u *upload) copyTo(ctx context.Context, from source, key, name string, tell func(ctx context.Context) error) error {
	to, err := u.s.store(name)
	if err == nil {
		err = u.s.room(to, from.size)
	}
	if err != nil {
		return written(err)
	}
	data, err := from.open(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = data.Close() }()
	w, err := to.create(ctx, key)
	if err != nil {
		return written(err)
	}
	digest := sha512.New()
	err = u.feed(ctx, data, tell, func(p []byte) error {
		if _, err := digest.Write(p); err != nil {
			return err
		}
		if _, err := w.Write(p); err != nil {
			return written(fmt.Errorf("write image data: %w", err))
		}
		return nil
	})
	if err == nil && hex.EncodeToString(digest.Sum(nil)) != from.sum {
		err = errs.New(errs.Unavailable, "The store has not the data that image %s should have.", u.image.ID)
	}
	if err != nil {
		w.abort()
		return err
	}
	return written(w.commit())
}

// spread copies what came in, in the upload's store under that key, to the
// stores that the import is for. Where all must have it one that fails ends it;
// else the first one is enough to make the image active, and the rest follows.
func (u *upload) spread(ctx context.Context, key string, plan *plan) error {
	from := source{size: u.total, sum: hex.EncodeToString(u.sha.Sum(nil)), open: func(ctx context.Context) (io.ReadCloser, error) {
		return u.s.openIn(ctx, key, []string{u.store}, 0, -1)
	}}
	u.places = nil
	if slices.Contains(plan.left, u.store) {
		u.places = []string{u.store}
	}
	for _, name := range plan.left {
		if len(u.places) > 0 && !plan.all {
			break
		}
		if name == u.store {
			continue
		}
		if err := u.s.affords(ctx, &u.image, len(u.places)+1, u.total); err != nil {
			return err
		}
		if err := u.copyTo(ctx, from, key, name, u.keepAlive); err != nil {
			if plan.all || !isStoreFault(err) {
				plan.failed = []string{name}
				return err
			}
			u.s.log.WarnContext(ctx, "an image could not be copied to a store", "image", u.image.ID, "store", name, "error", err)
			plan.failed = append(plan.failed, name)
			continue
		}
		u.places = append(u.places, name)
	}
	if len(u.places) == 0 {
		return errs.New(errs.Unavailable, "None of the stores takes the data.")
	}
	plan.left = without(without(plan.left, plan.failed...), u.places...)
	return nil
}

// affords refuses what would be more than the owner's quota with so many copies.
func (s *Service) affords(ctx context.Context, i *Image, places int, size int64) error {
	return s.db.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		scratch := *i
		_, err := s.reserve(ctx, tx, &scratch, size*int64(places), 0)
		return err
	}, quotaLock(i.Owner))
}

// plan is which stores an import is for.
type plan struct {
	all    bool     // or none
	stores []string // all of them
	left   []string // those that do not have the data yet
	failed []string
}

// finish is the rest of an import whose image is active: it copies the data to
// the stores that are left.
func (s *Service) finish(ctx context.Context, u *upload, t Task) error {
	i, err := s.whole(ctx, t.ImageID)
	if errs.Is(err, errs.NotFound) || err == nil && i.ImportTask != t.ID {
		return errImageDeleted
	}
	if err != nil {
		return err
	}
	u.image = i
	p, err := t.plan()
	if err != nil {
		return err
	}
	p.left, p.failed = splitStores(i.ImportingStores), splitStores(i.FailedStores)
	tell := func(ctx context.Context) error {
		return s.db.Tx(ctx, func(ctx context.Context, tx *store.Tx) error { return t.tell(ctx, tx, "") })
	}
	from := source{size: *i.Size, sum: i.HashValue, open: func(ctx context.Context) (io.ReadCloser, error) { return s.openAny(ctx, &i, 0, -1) }}
	key := t.key(&i)
	var copied []string
	for _, name := range slices.Clone(p.left) {
		err := s.affords(ctx, &i, len(i.storedIn())+len(copied)+1, *i.Size)
		if err == nil {
			err = u.copyTo(ctx, from, key, name, tell)
		}
		switch {
		case err == nil && p.all:
			copied = append(copied, name)
			continue
		case err == nil:
			p.left = without(p.left, name)
			err = s.place(ctx, t, p, name)
		case ctx.Err() != nil || p.all:
			u.places = append(copied, name)
			return err
		default:
			s.log.WarnContext(ctx, "an image could not be copied to a store", "image", i.ID, "store", name, "error", err)
			p.left, p.failed = without(p.left, name), append(p.failed, name)
			if len(p.left) == 0 && len(p.failed) == len(p.stores) {
				u.places = p.stores
				return err
			}
			err = s.place(ctx, t, p)
		}
		if err != nil {
			return err
		}
	}
	if p.all {
		p.left = nil
		return s.place(ctx, t, p, copied...)
	}
	return nil
}

// key is that of the image's blob, which the task makes where the image has none:
// its data are at a URL then.
func (t *Task) key(i *Image) string {
	if i.Blob != "" {
		return i.Blob
	}
	return blobKey(i.ID, t.ID)
}

// place writes down which stores have the data besides, and which are left; the
// task is done when none is.
func (s *Service) place(ctx context.Context, t Task, p plan, names ...string) error {
	return s.db.Tx(context.WithoutCancel(ctx), func(ctx context.Context, tx *store.Tx) error {
		i, err := find(ctx, tx, t.ImageID)
		if errs.Is(err, errs.NotFound) || err == nil && i.ImportTask != t.ID {
			return errImageDeleted
		}
		if err != nil {
			return err
		}
		found := []Image{i}
		if err := children(ctx, tx, found); err != nil {
			return err
		}
		i = found[0]
		if len(names) > 0 {
			i.Blob = t.key(&i)
		}
		for _, name := range names {
			if !slices.Contains(i.storedIn(), name) {
				i.Locations = append(i.Locations, Location{Store: name})
			}
		}
		p.show(&i, t)
		i.UpdatedAt = now()
		tx.Changed(i.change(store.Update))
		_, err = tx.NewUpdate().Model(&i).WherePK().Column("blob", "import_task", "import_state", "importing_stores", "failed_stores", "updated_at").Exec(ctx)
		if err != nil {
			return fmt.Errorf("update image: %w", err)
		}
		if len(p.left) == 0 {
			if err := t.succeed(ctx, tx); err != nil {
				return err
			}
		}
		return i.saveLocations(ctx, tx)
	})
}

// show makes the image say how the import stands.
func (p *plan) show(i *Image, t Task) {
	i.ImportTask, i.ImportState = t.ID, Running
	if len(p.left) == 0 {
		i.ImportTask, i.ImportState = "", Done
	}
	i.ImportingStores, i.FailedStores = strings.Join(p.left, ","), strings.Join(p.failed, ",")
}

// giveUpCopy ends an import whose image is active and stays so, and removes what
// it had copied.
func (s *Service) giveUpCopy(ctx context.Context, tx *store.Tx, u *upload, t Task, i Image) error {
	p, err := t.plan()
	if err != nil {
		return err
	}
	failed := splitStores(i.FailedStores)
	for _, name := range splitStores(i.ImportingStores) {
		if !slices.Contains(failed, name) && (p.all || slices.Contains(u.places, name)) {
			failed = append(failed, name)
		}
	}
	stray := splitStores(i.ImportingStores)
	i.ImportTask, i.ImportState, i.ImportingStores, i.FailedStores = "", Failed, "", strings.Join(failed, ",")
	key := t.key(&i)
	tx.AfterCommit(func() {
		var failed error
		for _, name := range stray {
			failed = errors.Join(failed, s.removeStray(ctx, i.ID, key, name))
		}
		if failed != nil {
			s.log.WarnContext(ctx, "what a copy left is left for later", "image", i.ID, "error", failed)
		}
	})
	return u.write(ctx, tx, i)
}
