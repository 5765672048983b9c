package image

import (
	"context"
	"database/sql"
	"encoding"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"hash"

	"github.com/uptrace/bun"

	"wisp/internal/store"
)

// held is what came for an image and isn't its data yet: what is staged, or
// the parts of an upload so far. The digests go on from their states, so that
// no byte is read twice.
type held struct {
	bun.BaseModel `bun:"table:image_held,alias:h"`

	ImageID string `bun:",pk"`
	Blob    string // key
	Size    int64  // bytes that are there; more in the blob do not count
	Total   int64  // bytes that there will be
	MD5     string `bun:"md5"`
	SHA512  string `bun:"sha512"`

	Segments string // JSON: where the bytes are, if not in the blob itself
	Store    string // that has the blob
}

// segments are the blobs that the data are in, in their order; none when they
// are in one.
func (h *held) segments() ([]segment, error) {
	if h.Segments == "" {
		return nil, nil
	}
	return decodeSegments([]byte(h.Segments))
}

// extend adds the bytes of a blob.
func (h *held) extend(s segment) error {
	list, err := h.segments()
	if err != nil {
		return err
	}
	text, err := json.Marshal(append(list, s))
	if err != nil {
		return fmt.Errorf("encode a list of segments: %w", err)
	}
	h.Segments = string(text)
	return nil
}

// findHeld finds what is held for an image; none is empty.
func findHeld(ctx context.Context, db bun.IDB, imageID string) (held, error) {
	var h held
	err := db.NewSelect().Model(&h).Where("h.image_id = ?", imageID).Scan(ctx)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return h, fmt.Errorf("find held data: %w", err)
	}
	return h, nil
}

func (h *held) save(ctx context.Context, tx *store.Tx) error {
	if h.Segments == "" {
		h.Segments = "[]"
	}
	_, err := tx.NewInsert().Model(h).On("CONFLICT (image_id) DO UPDATE").
		Set("blob = EXCLUDED.blob").Set("size = EXCLUDED.size").Set("total = EXCLUDED.total").Set("md5 = EXCLUDED.md5").Set("sha512 = EXCLUDED.sha512").Set("segments = EXCLUDED.segments").
		Set("store = EXCLUDED.store").Exec(ctx)
	if err != nil {
		return fmt.Errorf("note held data: %w", err)
	}
	return nil
}

func dropHeld(ctx context.Context, tx *store.Tx, imageIDs ...string) error {
	if _, err := tx.NewDelete().Model((*held)(nil)).Where("image_id IN (?)", bun.List(imageIDs)).Exec(ctx); err != nil {
		return fmt.Errorf("forget held data: %w", err)
	}
	return nil
}

func state(h hash.Hash) (string, error) {
	b, err := h.(encoding.BinaryMarshaler).MarshalBinary()
	if err != nil {
		return "", fmt.Errorf("keep the state of a digest: %w", err)
	}
	return base64.StdEncoding.EncodeToString(b), nil
}

func restore(h hash.Hash, text string) error {
	b, err := base64.StdEncoding.DecodeString(text)
	if err == nil {
		err = h.(encoding.BinaryUnmarshaler).UnmarshalBinary(b)
	}
	if err != nil {
		return fmt.Errorf("restore the state of a digest: %w", err)
	}
	return nil
}

// keep fills in what the upload has taken so far.
func (u *upload) keep(h *held) (err error) {
	h.Size = u.total
	if h.MD5, err = state(u.md5); err != nil {
		return err
	}
	h.SHA512, err = state(u.sha)
	return err
}

// resume makes the upload go on behind what is held.
func (u *upload) resume(h held) error {
	u.total, u.looked = h.Size, h.Size
	if h.Size == 0 {
		return nil
	}
	return errors.Join(restore(u.md5, h.MD5), restore(u.sha, h.SHA512))
}

// hold keeps all data for an import to come. They count in the quota by the
// size that the image shows.
func (u *upload) hold(ctx context.Context, tx *store.Tx, i *Image, key string) error {
	h := held{ImageID: i.ID, Blob: key, Total: u.total, Store: u.store}
	if err := u.keep(&h); err != nil {
		return err
	}
	size := u.total
	i.Size, i.Reserved, i.UploadSeenAt = &size, 0, now()
	return h.save(ctx, tx)
}
