package image

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"
)

// A bucket's blobs cannot grow. There an upload in parts makes a blob of each
// part, and in the end an index that lists them, which is the image's data.
// Segments have names of their own, so that a writer which was taken for dead
// can never write over another's: only those that are listed count.

// segment is a blob that is a part of another.
type segment struct {
	Key  string `json:"key"`
	Size int64  `json:"size"`
}

func indexKey(key string) string { return key + ".index" }

// maxIndex is how large an index is at most: some hundred thousand parts.
const maxIndex = 32 << 20

func decodeSegments(text []byte) ([]segment, error) {
	var list []segment
	if err := json.Unmarshal(text, &list); err != nil {
		return nil, fmt.Errorf("decode a list of segments: %w", err)
	}
	return list, nil
}

// index makes the segments the data of a blob.
func (b *Blobs) index(ctx context.Context, key string, segments []segment) error {
	text, err := json.Marshal(segments)
	if err != nil {
		return fmt.Errorf("encode a list of segments: %w", err)
	}
	err = b.bucket.WriteAll(ctx, indexKey(key), text, &blob.WriterOptions{ContentType: "application/json"})
	if err != nil {
		return b.away(fmt.Errorf("write the index of blob %s: %w", key, err))
	}
	return nil
}

// indexed reads the list of a blob's segments. One that has none is NotFound
// to gcerrors.
func (b *Blobs) indexed(ctx context.Context, key string) ([]segment, error) {
	r, err := b.bucket.NewReader(ctx, indexKey(key), nil)
	if err != nil {
		return nil, b.away(fmt.Errorf("open blob %s: %w", key, err))
	}
	text, err := io.ReadAll(io.LimitReader(r, maxIndex))
	if err := errors.Join(err, r.Close()); err != nil {
		return nil, b.away(fmt.Errorf("read the index of blob %s: %w", key, err))
	}
	return decodeSegments(text)
}

// prune removes segments that an index does not list: of parts that were given
// up and came again.
func (b *Blobs) prune(ctx context.Context, key string, segments []segment) error {
	keys, err := b.under(ctx, key+".")
	if err != nil {
		return err
	}
	for _, k := range keys {
		if k == indexKey(key) || slices.ContainsFunc(segments, func(s segment) bool { return s.Key == k }) {
			continue
		}
		if err := b.bucket.Delete(ctx, k); err != nil && !missing(err) {
			return b.away(fmt.Errorf("delete blob %s: %w", k, err))
		}
	}
	return nil
}

// segmentReader reads segments one after another, each opened when it is its
// turn.
type segmentReader struct {
	ctx    context.Context
	blobs  *Blobs
	rest   []segment
	offset int64 // in the first of them
	left   int64
	now    io.ReadCloser
	due    int64 // bytes that it has yet to give
}

// openSegments reads length bytes of segments from offset on; a negative length
// is the rest. Segments that are not there are NotFound to gcerrors.
func (b *Blobs) openSegments(ctx context.Context, segments []segment, offset, length int64) (io.ReadCloser, error) {
	r := &segmentReader{ctx: ctx, blobs: b, rest: segments, offset: offset}
	for len(r.rest) > 0 && r.offset >= r.rest[0].Size {
		r.offset -= r.rest[0].Size
		r.rest = r.rest[1:]
	}
	for _, s := range r.rest {
		r.left += s.Size
	}
	if r.left -= r.offset; length >= 0 {
		r.left = min(r.left, length)
	}
	if len(r.rest) == 0 || r.left <= 0 {
		r.left = 0
		return r, nil
	}
	return r, r.next()
}

func (r *segmentReader) next() error {
	s := r.rest[0]
	r.due = min(s.Size-r.offset, r.left)
	data, err := r.blobs.bucket.NewRangeReader(r.ctx, s.Key, r.offset, r.due, nil)
	if err != nil {
		return r.blobs.away(fmt.Errorf("open blob %s: %w", s.Key, err))
	}
	r.now, r.rest, r.offset = data, r.rest[1:], 0
	return nil
}

func (r *segmentReader) Read(p []byte) (int, error) {
	if r.left == 0 {
		return 0, io.EOF
	}
	if r.due == 0 {
		if err := errors.Join(r.Close(), r.next()); err != nil {
			return 0, err
		}
	}
	n, err := r.now.Read(p[:min(int64(len(p)), r.due)])
	r.due, r.left = r.due-int64(n), r.left-int64(n)
	if errors.Is(err, io.EOF) {
		err = nil
		if r.due > 0 {
			err = io.ErrUnexpectedEOF
		}
	}
	return n, err
}

func (r *segmentReader) Close() error {
	if r.now == nil {
		return nil
	}
	now := r.now
	r.now = nil
	return now.Close()
}

// openHeld reads held data, as open does.
func (b *Blobs) openHeld(ctx context.Context, h held, offset, length int64) (io.ReadCloser, error) {
	segments, err := h.segments()
	if err != nil {
		return nil, err
	}
	if len(segments) == 0 {
		return b.open(ctx, h.Blob, offset, length)
	}
	return b.openSegments(ctx, segments, offset, length)
}

// segmentWriter takes one part. It counts what it took.
type segmentWriter struct {
	*writer
	key  string
	size int64
}

func (w *segmentWriter) Write(p []byte) (int, error) {
	n, err := w.writer.Write(p)
	w.size += int64(n)
	return n, err
}

// Close makes the segment appear, if anything was written.
func (w *segmentWriter) Close() error {
	if w.size == 0 {
		w.abort()
		return nil
	}
	return w.commit()
}

func missing(err error) bool { return gcerrors.Code(err) == gcerrors.NotFound }
