package image

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"

	"wisp/internal/errs"
	"wisp/internal/policy"
	"wisp/internal/qcow2"
	"wisp/internal/store"
)

// Part is a part of an image's data: the bytes from First to Last, of Total.
type Part struct{ First, Last, Total int64 }

// Progress is how far an upload in parts is.
type Progress struct {
	Held int64 // bytes that are there, from the first on
	Done bool  // that is all; the image is active
}

// ErrGap is that a part does not begin where the one before it ended. The
// progress beside it says where that is.
var ErrGap = errors.New("the part does not begin where the last one ended")

// UploadPart takes the next part of an image's data. The first one makes the
// image saving, the last one active, after all were judged as Upload does. A
// part that is cut off is kept as far as it came. One that is there already is
// compared and changes nothing. Errors besides those of Upload: ErrGap; of kind
// Conflict when another part is coming, the total is not that of the parts
// before, or bytes are not those that are there.
func (s *Service) UploadPart(ctx context.Context, c *policy.Caller, id string, part Part, data io.Reader) (Progress, error) {
	return s.UploadPartTo(ctx, c, id, "", part, data)
}

// UploadPartTo is UploadPart into a store that CheckStoreName accepts. The first
// part decides: the others go where it is.
func (s *Service) UploadPartTo(ctx context.Context, c *policy.Caller, id, store string, part Part, data io.Reader) (Progress, error) {
	if err := s.CheckStoreName(store); err != nil {
		return Progress{}, err
	}
	if part.First < 0 || part.Last < part.First || part.Total <= part.Last {
		return Progress{}, errs.New(errs.Invalid, "The range of the part is not valid.")
	}
	p := s.newParts(part)
	p.in(store)
	return p.run(ctx, c, id, data)
}

func (s *Service) newParts(part Part) *parts {
	p := &parts{upload: s.newUpload(Saving, part.Last+1), part: part}
	p.settle = func(ctx context.Context, tx *store.Tx, i *Image, key string) error {
		return errors.Join(p.activate(ctx, tx, i, key), dropHeld(ctx, tx, i.ID))
	}
	return p
}

// run is the whole of one part.
func (p *parts) run(ctx context.Context, c *policy.Caller, id string, data io.Reader) (Progress, error) {
	ctx, end := p.register(ctx)
	defer end()
	if err := p.begin(ctx, c, id); err != nil || p.repeated != "" {
		held := p.held.Size
		if err == nil {
			err = p.compare(ctx, data)
		}
		return Progress{Held: held, Done: err == nil && p.done}, err
	}
	err := p.take(ctx, data)
	if err == nil && p.total == p.part.Total {
		if err = p.complete(ctx); err == nil {
			return Progress{Held: p.total, Done: true}, nil
		}
		p.half = true // the last part must come again, to complete the image then
	}
	if err != nil {
		err = caused(ctx, err)
	}
	return p.pause(context.WithoutCancel(ctx), err)
}

// PartProgress tells how far an upload of so many bytes is. Conflict when the
// image has other data, or they are coming in another way.
func (s *Service) PartProgress(ctx context.Context, c *policy.Caller, id string, total int64) (Progress, error) {
	i, err := s.Get(ctx, c, id)
	if err != nil {
		return Progress{}, err
	}
	if err := allow("upload_image", c, &i); err != nil {
		return Progress{}, err
	}
	if i.Status == Queued {
		return Progress{}, nil
	}
	if complete(&i, total) {
		return Progress{Held: total, Done: true}, nil
	}
	h, err := findHeld(ctx, s.db.Read(), id)
	if err != nil {
		return Progress{}, err
	}
	if err := ofParts(&i, h, total); err != nil {
		return Progress{}, err
	}
	return Progress{Held: h.Size}, nil
}

// complete tells whether an image has as many bytes as an upload would bring.
func complete(i *Image, total int64) bool {
	return (i.Status == Active || i.Status == Deactivated) && i.Blob != "" && i.Size != nil && *i.Size == total
}

// ofParts refuses what is no upload in parts of so many bytes.
func ofParts(i *Image, h held, total int64) error {
	if i.Status != Saving || h.Blob == "" {
		return noTransition(i.Status, Saving)
	}
	if h.Total != total {
		return errs.New(errs.Conflict, "The parts before were of %d bytes in all, this one is of %d.", h.Total, total)
	}
	return nil
}

// parts is an upload in parts while one of them comes.
type parts struct {
	*upload
	part     Part
	held     held     // before the part
	taken    *segment // of the part, where it is a blob of its own
	repeated string   // the blob that has the part already; empty when it is new
	done     bool     // the image is active already
}

// begin makes the part the one that the image takes, or finds that it is there.
func (p *parts) begin(ctx context.Context, c *policy.Caller, id string) error {
	s := p.s
	err := s.db.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		p.held, p.repeated, p.done = held{}, "", false
		i, err := s.GetTx(ctx, tx, c, id)
		if err != nil {
			return err
		}
		if err := allow("upload_image", c, &i); err != nil {
			return err
		}
		if complete(&i, p.part.Total) {
			p.image, p.repeated, p.done, p.held = i, i.Blob, true, held{Size: p.part.Total, Store: i.storedIn()[0]}
			return nil
		}
		if i.Status == Queued {
			if err := s.within(ctx, tx, c.ProjectID, map[string]int64{SizeTotal: 0, CountUploading: 1}); err != nil {
				return err
			}
			return p.first(ctx, tx, &i)
		}
		h, err := findHeld(ctx, tx, id)
		if err != nil {
			return err
		}
		if err := ofParts(&i, h, p.part.Total); err != nil {
			return err
		}
		p.held, p.image = h, i
		p.in(h.Store)
		switch {
		case p.part.Last < h.Size:
			p.repeated = h.Blob
			return nil
		case i.UploadID != "":
			return errs.New(errs.Conflict, "Another part of the data of image %s is coming.", id)
		case p.part.First != h.Size:
			return ErrGap
		}
		return p.enter(ctx, tx, &i, h.Total)
	}, quotaLock(c.ProjectID))
	if err != nil || p.repeated != "" {
		return err
	}
	return p.resume(p.held)
}

// first begins with an image that is queued. The quota is taken for all parts.
func (p *parts) first(ctx context.Context, tx *store.Tx, i *Image) error {
	if err := declares(i); err != nil {
		return err
	}
	if p.part.First != 0 {
		return ErrGap
	}
	if p.part.Total > p.s.options.MaxSize {
		return tooLarge()
	}
	p.held = held{ImageID: i.ID, Blob: blobKey(i.ID, p.id), Total: p.part.Total, Store: p.store}
	if err := p.held.save(ctx, tx); err != nil {
		return err
	}
	return p.enter(ctx, tx, i, p.part.Total)
}

// compare reads a part that is there already, and refuses other bytes.
func (p *parts) compare(ctx context.Context, data io.Reader) error {
	length := p.part.Last - p.part.First + 1
	from, err := p.s.store(p.held.Store)
	if err != nil {
		return err
	}
	there, err := from.openHeld(ctx, held{Blob: p.repeated, Segments: p.held.Segments}, p.part.First, length)
	if err != nil {
		return err
	}
	defer func() { _ = there.Close() }()
	wrong := errs.New(errs.Invalid, "The part is of %d bytes by its range, and others came.", length)
	n, has := int64(0), make([]byte, chunkSize)
	quiet := func(context.Context) error { return nil } // the image is not this upload's
	err = p.feed(ctx, io.LimitReader(data, length+1), quiet, func(comes []byte) error {
		if n += int64(len(comes)); n > length {
			return wrong
		}
		if _, err := io.ReadFull(there, has[:len(comes)]); err != nil {
			return fmt.Errorf("read what is there: %w", err)
		}
		if !bytes.Equal(has[:len(comes)], comes) {
			return errs.New(errs.Conflict, "The part is there already, with other bytes.")
		}
		return nil
	})
	if err == nil && n != length {
		return wrong
	}
	return err
}

// take writes the part behind what is held.
func (p *parts) take(ctx context.Context, data io.Reader) error {
	to, err := p.s.store(p.store)
	if err != nil {
		return err
	}
	if err := p.s.room(to, p.held.Total-p.held.Size); err != nil {
		return err
	}
	w, err := p.grow(ctx, to)
	if err != nil {
		return written(err)
	}
	length := p.part.Last - p.part.First + 1
	if length < math.MaxInt64 {
		length++ // one more shows that there are too many
	}
	err = p.copy(ctx, w, io.LimitReader(data, length))
	if closed := w.Close(); closed != nil {
		p.half = true
		return errors.Join(err, written(closed))
	}
	if s, ok := w.(*segmentWriter); ok && s.size > 0 {
		p.taken = &segment{s.key, s.size}
	}
	return err
}

// all is what is held with this part.
func (p *parts) all() (held, error) {
	h := p.held
	if p.taken == nil {
		return h, nil
	}
	return h, h.extend(*p.taken)
}

// grow opens where the part is written: behind the others, or beside them. A
// client that leaves cancels ctx, and what came of it is kept.
func (p *parts) grow(ctx context.Context, to *Blobs) (io.WriteCloser, error) {
	if to.dir != "" {
		return to.grow(p.held.Blob, p.held.Size)
	}
	key := p.held.Blob + "." + p.id
	w, err := to.create(context.WithoutCancel(ctx), key)
	return &segmentWriter{writer: w, key: key}, err
}

// complete judges all parts and makes the image active.
func (p *parts) complete(ctx context.Context) error {
	h, err := p.all()
	if err != nil {
		return err
	}
	in, err := p.s.store(p.store)
	if err != nil {
		return err
	}
	info, err := qcow2.Inspect(at{ctx, in, h}, p.total)
	if err != nil {
		return err
	}
	if err := p.judge(info); err != nil {
		return err
	}
	if p.taken == nil {
		return p.end(ctx, h.Blob)
	}
	segments, err := h.segments()
	if err != nil {
		return err
	}
	if err := in.index(ctx, h.Blob, segments); err != nil {
		return err
	}
	if err := p.end(ctx, h.Blob); err != nil {
		return err
	}
	if err := in.prune(context.WithoutCancel(ctx), h.Blob, segments); err != nil {
		p.s.log.WarnContext(ctx, "parts that were given up stay with their image", "image", p.image.ID, "error", err)
	}
	return nil
}

// pause keeps what came until the next part, whatever ended this one. Data that
// are refused are not kept, and nothing is when there is nothing.
func (p *parts) pause(ctx context.Context, why error) (Progress, error) {
	if errs.Is(why, errs.UnsupportedMedia) || errs.Is(why, errs.Gone) {
		return Progress{}, errors.Join(why, p.drop(ctx))
	}
	h := p.held
	if !p.half && p.total <= p.declared {
		var err error
		if h, err = p.all(); err == nil {
			err = p.keep(&h)
		}
		if err != nil {
			return Progress{}, errors.Join(why, err)
		}
	}
	if h.Size == 0 {
		return Progress{}, errors.Join(why, p.drop(ctx))
	}
	err := p.s.db.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		i, err := p.mine(ctx, tx)
		if err != nil {
			return err
		}
		i.UploadID, i.UploadServer, i.UploadSeenAt = "", "", now()
		if err := h.save(ctx, tx); err != nil {
			return err
		}
		return p.write(ctx, tx, i)
	}, quotaLock(p.image.Owner))
	if errs.Is(err, errs.Gone) {
		return Progress{}, errors.Join(err, p.drop(ctx))
	}
	return Progress{Held: h.Size}, errors.Join(why, err)
}

// drop gives the image back without any part. One that this upload has no more
// is left alone: it is deleted, another server's now, or active after all.
func (p *parts) drop(ctx context.Context) error {
	err := p.s.db.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		i, err := p.mine(ctx, tx)
		if errs.Is(err, errs.Gone) {
			return nil
		}
		if err != nil {
			return err
		}
		return errors.Join(dropHeld(ctx, tx, i.ID), p.write(ctx, tx, i.requeued()))
	}, quotaLock(p.image.Owner))
	if err != nil {
		return err
	}
	return p.s.free(ctx, p.held.Blob, p.store)
}
