package image

import (
	"context"
	"crypto/sha512"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"

	"github.com/google/uuid"

	"wisp/internal/errs"
	"wisp/internal/policy"
	"wisp/internal/qcow2"
	"wisp/internal/store"
)

// Data that a location leads to were never inspected, and who has them can
// change them at any time. So they are read once, looked at as an upload is,
// and the image says from then on which they are. Until then no server boots
// from it: hosts take nothing without a digest.

// LocationCheck is the method of the tasks that do so.
const LocationCheck = "location"

// verifyLater makes a task that looks at the data of a location, where nobody
// said which they are.
func (s *Service) verifyLater(ctx context.Context, tx *store.Tx, c *policy.Caller, i *Image) error {
	if i.Status != Active || i.HashValue != "" {
		return nil
	}
	for _, l := range i.Locations {
		if l.URL == "" {
			continue
		}
		input, err := json.Marshal(map[string]any{"image_id": i.ID, "loc_url": l.URL, "validation_data": map[string]any{}})
		if err != nil {
			return fmt.Errorf("write the task's input: %w", err)
		}
		t := Task{
			ID: uuid.NewString(), ImageID: i.ID, Owner: c.ProjectID, UserID: c.UserID, RequestID: c.RequestID, Status: TaskPending, Method: LocationCheck, URI: l.URL,
			Input: string(input), CreatedAt: now(), UpdatedAt: now(), SeenAt: now(),
		}
		if _, err := tx.NewInsert().Model(&t).Exec(ctx); err != nil {
			return fmt.Errorf("insert task: %w", err)
		}
		tx.Signal(importsTopic)
		return nil
	}
	return nil
}

var errOtherLocation = errs.New(errs.Conflict, "The image has other locations now.")

// verify reads what a location leads to, and makes the image say what it is.
func (s *Service) verify(ctx context.Context, u *upload, t Task) error {
	if s.options.Source == nil {
		return errs.New(errs.Unavailable, "The locations of images are not read here.")
	}
	i, err := s.whole(ctx, t.ImageID)
	if errs.Is(err, errs.NotFound) {
		return errImageDeleted
	}
	if err != nil {
		return err
	}
	if !i.leadsTo(t.URI) {
		return errOtherLocation
	}
	u.image = i
	data, size, err := s.fetch(ctx, t, func(ctx context.Context) (io.ReadCloser, int64, error) { return s.options.Source.Fetch(ctx, t.URI) })
	if err != nil {
		return err
	}
	defer func() { _ = data.Close() }()
	if size >= 0 && size != *i.Size {
		return otherData(&i)
	}
	tell := func(ctx context.Context) error {
		return s.db.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
			return t.tell(ctx, tx, fmt.Sprintf("Read %d MiB", u.total>>20))
		})
	}
	to := io.MultiWriter(u.md5, u.sha, &u.inspector)
	err = u.feed(ctx, data, tell, func(p []byte) error {
		if u.total += int64(len(p)); u.total > *i.Size {
			return otherData(&i)
		}
		_, err := to.Write(p)
		return err
	})
	if err != nil {
		return err
	}
	if u.total != *i.Size {
		return otherData(&i)
	}
	if err := u.judge(u.inspector.Info()); err != nil {
		return err
	}
	return s.db.Tx(context.WithoutCancel(ctx), func(ctx context.Context, tx *store.Tx) error {
		i, err := find(ctx, tx, t.ImageID)
		if errs.Is(err, errs.NotFound) {
			return errImageDeleted
		}
		if err != nil {
			return err
		}
		found := []Image{i}
		if err := children(ctx, tx, found); err != nil {
			return err
		}
		if i = found[0]; !i.leadsTo(t.URI) {
			return errOtherLocation
		}
		u.describe(&i)
		tx.Changed(i.change(store.Update))
		i.UpdatedAt = now()
		if _, err := tx.NewUpdate().Model(&i).WherePK().Column("checksum", "hash_algo", "hash_value", "virtual_size", "updated_at").Exec(ctx); err != nil {
			return fmt.Errorf("update image: %w", err)
		}
		return t.succeed(ctx, tx)
	})
}

// leadsTo tells whether the image's data are at the URL and it does not say yet
// which they are.
func (i *Image) leadsTo(uri string) bool {
	if i.HashValue != "" || i.Size == nil {
		return false
	}
	for _, l := range i.Locations {
		if l.URL == uri {
			return true
		}
	}
	return false
}

func otherData(i *Image) error {
	return errs.New(errs.Unavailable, "The location of image %s has not the data that the image says it has.", i.ID)
}

// checked reads an image's data from where they may have become others, or
// where only a digest was said of them. What is not what the image says, or is
// none that an upload may be, breaks off before the last bytes.
type checked struct {
	io.ReadCloser
	image     *Image
	sha       hash.Hash
	inspector qcow2.Inspector
	seen      int64
}

func newChecked(data io.ReadCloser, i *Image) *checked {
	return &checked{ReadCloser: data, image: i, sha: sha512.New()}
}

func (r *checked) Read(p []byte) (int, error) {
	n, err := r.ReadCloser.Read(p)
	r.seen += int64(n)
	_, _ = r.sha.Write(p[:n])
	_, _ = r.inspector.Write(p[:n])
	end := errors.Is(err, io.EOF)
	switch size := *r.image.Size; {
	case r.seen > size, end && r.seen < size:
		return 0, otherData(r.image)
	case n > 0 && r.seen == size && r.image.HashAlgo == HashAlgo && hex.EncodeToString(r.sha.Sum(nil)) != r.image.HashValue:
		return 0, otherData(r.image)
	case n > 0 && r.seen == size:
		if err := r.image.judge(r.inspector.Info()); err != nil {
			return 0, err
		}
	}
	return n, err
}
