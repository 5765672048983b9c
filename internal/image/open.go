package image

import (
	"context"
	"errors"
	"io"

	"gocloud.dev/gcerrors"

	"wisp/internal/errs"
)

// whole finds an image with what belongs to it, for the cloud itself.
func (s *Service) whole(ctx context.Context, id string) (Image, error) {
	i, err := find(ctx, s.db.Read(), id)
	if err != nil {
		return i, err
	}
	found := []Image{i}
	err = children(ctx, s.db.Read(), found)
	return found[0], err
}

// openStored reads an image's blob from the first store that has it.
func (s *Service) openStored(ctx context.Context, i *Image, offset, length int64) (io.ReadCloser, error) {
	return s.openIn(ctx, i.Blob, i.storedIn(), offset, length)
}

func (s *Service) openIn(ctx context.Context, key string, names []string, offset, length int64) (io.ReadCloser, error) {
	failed := error(errs.New(errs.NotFound, "No store has the data."))
	for n, name := range names {
		from, err := s.store(name)
		if err == nil {
			var data io.ReadCloser
			if data, err = from.open(ctx, key, offset, length); err == nil {
				return data, nil
			}
		}
		if n == 0 || gcerrors.Code(failed) == gcerrors.NotFound {
			failed = err
		}
	}
	return nil, failed
}

// openAny reads an image's data from its first location that answers.
func (s *Service) openAny(ctx context.Context, i *Image, offset, length int64) (io.ReadCloser, error) {
	failed := error(errs.New(errs.NotFound, "No location has the data.")) // there may be none any more
	for n, l := range i.Locations {
		var data io.ReadCloser
		var err error
		if l.URL == "" {
			data, err = s.openIn(ctx, i.Blob, []string{l.Store}, offset, length)
		} else {
			data, err = s.openURL(ctx, i, l.URL, offset, length)
		}
		if err == nil {
			return data, nil
		}
		if n == 0 || gcerrors.Code(failed) == gcerrors.NotFound {
			failed = err
		}
	}
	return nil, failed
}

// openURL downloads what a location leads to. What is not what the image says
// fails before its end.
func (s *Service) openURL(ctx context.Context, i *Image, uri string, offset, length int64) (io.ReadCloser, error) {
	if s.options.Source == nil {
		return nil, errs.New(errs.Unavailable, "The locations of images are not read here.")
	}
	data, size, err := s.options.Source.Fetch(ctx, uri)
	if err != nil {
		return nil, err
	}
	if size >= 0 && size != *i.Size {
		return nil, errors.Join(errs.New(errs.Unavailable, "The location of image %s has %d bytes, and the image %d.", i.ID, size, *i.Size), data.Close())
	}
	checked := newChecked(data, i)
	if offset > 0 {
		if _, err := io.CopyN(io.Discard, checked, offset); err != nil {
			return nil, errors.Join(errs.Wrap(err, errs.Unavailable, "The location of image %s breaks off.", i.ID), data.Close())
		}
	}
	if length < 0 {
		return checked, nil
	}
	return section{io.LimitReader(checked, length), data}, nil
}
