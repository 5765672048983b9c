package image

import (
	"context"
	"errors"
	"io"
	"time"

	"wisp/internal/policy"
	"wisp/internal/store"
)

// SignEvery makes uploads give signs of life that often.
func (s *Service) SignEvery(d time.Duration) { s.alive = d }

// CacheEvery makes the cache look at its queue that often.
func (s *Service) CacheEvery(d time.Duration) { s.cache.every = d }

// LookEvery makes uploads look at the free space every so many bytes.
func (s *Service) LookEvery(bytes int64) { s.look = bytes }

// SpaceFrom makes a function the source of what the file system has.
func (s *Service) SpaceFrom(f func() (free, total int64, err error)) {
	s.stores[0].Blobs.space = func(string) (space, error) {
		free, total, err := f()
		return space{free, total}, err
	}
}

// Last is what a test does as the last step of an upload's last transaction.
type Last func(tx *store.Tx) error

func (u *upload) last(do Last) {
	settle := u.settle
	u.settle = func(ctx context.Context, tx *store.Tx, i *Image, key string) error {
		if err := errors.Join(settle(ctx, tx, i, key), u.write(ctx, tx, *i)); err != nil {
			return err
		}
		return do(tx)
	}
}

// UploadThen is Upload with a last step.
func (s *Service) UploadThen(ctx context.Context, c *policy.Caller, id string, data io.Reader, last Last) error {
	u := s.newUpload(Saving, -1)
	u.settle = u.activate
	u.last(last)
	return u.run(ctx, c, "upload_image", id, data)
}

// UploadTelling is Upload with a step in the transaction of each sign of life.
func (s *Service) UploadTelling(ctx context.Context, c *policy.Caller, id string, data io.Reader, step func() error) error {
	u := s.newUpload(Saving, -1)
	u.settle = u.activate
	u.alive = func(context.Context, *store.Tx) error { return step() }
	return u.run(ctx, c, "upload_image", id, data)
}

// StageThen is Stage with a last step.
func (s *Service) StageThen(ctx context.Context, c *policy.Caller, id string, data io.Reader, last Last) error {
	u := s.newUpload(Uploading, -1)
	u.settle = u.hold
	u.last(last)
	return u.run(ctx, c, "modify_image", id, data)
}

// UploadPartThen is UploadPart with a last step.
func (s *Service) UploadPartThen(ctx context.Context, c *policy.Caller, id string, part Part, data io.Reader, last Last) error {
	p := s.newParts(part)
	p.last(last)
	_, err := p.run(ctx, c, id, data)
	return err
}
