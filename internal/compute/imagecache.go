package compute

import (
	"context"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"wisp/internal/errs"
	"wisp/internal/nodeapi"
	"wisp/internal/policy"
	"wisp/internal/store"
)

// atHandFor is how long a host keeps an image that was asked for and that
// nothing boots from.
const atHandFor = 24 * time.Hour

// hostImage is an image that a host shall have at hand.
type hostImage struct {
	bun.BaseModel `bun:"table:compute_host_images,alias:hi"`

	Host    string        `bun:"host,pk"`
	ImageID string        `bun:"image_id,pk"`
	Image   nodeapi.Image `bun:"image,type:text"`
	AskedAt time.Time     `bun:"asked_at"`
}

// CacheImages has the hosts of an aggregate fetch images before servers need
// them there (API ref: Request Image Pre-caching for Aggregate). They keep
// them for a day. An image that is not there or not active is Invalid.
func (s *Service) CacheImages(ctx context.Context, caller *policy.Caller, number string, ids []string) error {
	return s.db.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		target, err := aggregate(ctx, tx, number)
		if err != nil {
			return err
		}
		var rows []hostImage
		for _, id := range ids {
			image, err := s.images.GetTx(ctx, tx, caller, id)
			if err != nil {
				return asInvalid(err, "Image %s could not be found.", id)
			}
			if image.Status != "active" {
				return errs.New(errs.Invalid, "Image %s is not active.", id)
			}
			bootable, err := s.bootable(ctx, tx, caller, image)
			if err != nil {
				return err
			}
			for _, host := range target.Hosts {
				rows = append(rows, hostImage{Host: host, ImageID: id, Image: bootable, AskedAt: s.now()})
			}
		}
		if _, err := tx.NewDelete().Model((*hostImage)(nil)).Where("asked_at <= ?", s.now().Add(-atHandFor)).Exec(ctx); err != nil {
			return fmt.Errorf("forget images that were asked for long ago: %w", err)
		}
		if len(rows) == 0 {
			return nil
		}
		_, err = tx.NewInsert().Model(&rows).On("CONFLICT (host, image_id) DO UPDATE").Set("image = EXCLUDED.image, asked_at = EXCLUDED.asked_at").Exec(ctx)
		if err != nil {
			return fmt.Errorf("ask hosts for images: %w", err)
		}
		for _, host := range target.Hosts {
			tx.Signal(HostTopic(host))
		}
		return nil
	})
}

// imagesAtHand are the images that a host shall have at hand now, by id; nil
// when there are none.
func (s *Service) imagesAtHand(ctx context.Context, db bun.IDB, host string) (map[string]nodeapi.Image, error) {
	var rows []hostImage
	if err := db.NewSelect().Model(&rows).Where("hi.host = ? AND hi.asked_at > ?", host, s.now().Add(-atHandFor)).Scan(ctx); err != nil {
		return nil, fmt.Errorf("list the images that a host shall have at hand: %w", err)
	}
	if len(rows) == 0 {
		return nil, nil
	}
	images := make(map[string]nodeapi.Image, len(rows))
	for _, row := range rows {
		images[row.ImageID] = row.Image
	}
	return images, nil
}
