package image

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/uptrace/bun"

	"wisp/internal/errs"
	"wisp/internal/policy"
	"wisp/internal/store"
)

// The states of an image.
const (
	Queued      = "queued"    // no data yet
	Saving      = "saving"    // data are coming
	Uploading   = "uploading" // data to be imported are coming, or are staged
	Importing   = "importing" // a task brings the data
	Active      = "active"
	Deactivated = "deactivated" // there, but not to be downloaded
)

// Who sees an image.
const (
	Public    = "public"
	Private   = "private"
	Shared    = "shared" // the owner and its members
	Community = "community"
)

// HashAlgo is the algorithm of HashValue.
const HashAlgo = "sha512"

// Image is one image. Empty strings are values that nobody set.
type Image struct {
	bun.BaseModel `bun:"table:images,alias:i"`

	ID              string `bun:",pk"`
	Name            string
	Owner           string // project id
	Status          string
	Visibility      string
	DiskFormat      string // what its bytes are: "raw", "qcow2", …
	ContainerFormat string // what is around them: "bare" for nothing
	Size            *int64 // bytes; nil without data
	VirtualSize     *int64 // bytes that a guest sees; nil when unknown
	Checksum        string // md5, hex
	HashAlgo        string // "sha512"
	HashValue       string // hex
	MinDisk         int64  // GiB
	MinRAM          int64  `bun:"min_ram"` // MiB
	Protected       bool
	Hidden          bool
	CreatedAt       time.Time
	UpdatedAt       time.Time

	Properties map[string]string `bun:"-"` // what else is said of it: kernel_id, hw_…, anything
	Tags       []string          `bun:"-"` // in order
	Locations  []Location        `bun:"-"` // of its data; none without

	Blob         string
	UploadID     string
	UploadServer string
	UploadSeenAt time.Time
	Reserved     int64

	ImportTask  string // id of the task that brings the data
	ImportState string // of its last import: empty, Running, Done or Failed

	ImportingStores string // those that it has yet to fill, with commas
	FailedStores    string // those that it could not fill
}

type property struct {
	bun.BaseModel `bun:"table:image_properties,alias:pr"`

	ImageID, Name, Value string
}

type tag struct {
	bun.BaseModel `bun:"table:image_tags,alias:t"`

	ImageID, Tag string
}

// Get finds an image that the caller may see; any other is NotFound.
func (s *Service) Get(ctx context.Context, c *policy.Caller, id string) (Image, error) {
	return s.GetTx(ctx, s.db.Read(), c, id)
}

// GetTx is Get on a transaction or elsewhere.
func (s *Service) GetTx(ctx context.Context, db bun.IDB, c *policy.Caller, id string) (Image, error) {
	if c == nil {
		return Image{}, notFound(id)
	}
	i, err := find(ctx, db, id)
	if err != nil {
		return Image{}, err
	}
	seen, err := visible(ctx, db, c, &i)
	if err != nil {
		return Image{}, err
	}
	if !seen {
		return Image{}, notFound(id)
	}
	found := []Image{i}
	if err := children(ctx, db, found); err != nil {
		return Image{}, err
	}
	return found[0], nil
}

func find(ctx context.Context, db bun.IDB, id string) (Image, error) {
	var i Image
	err := db.NewSelect().Model(&i).Where("i.id = ?", id).Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return i, notFound(id)
	}
	if err != nil {
		return i, fmt.Errorf("find image: %w", err)
	}
	return i, nil
}

// visible tells whether a caller may see an image. Its members see a shared
// one whatever they answered; their lists have it once they accepted.
func visible(ctx context.Context, db bun.IDB, c *policy.Caller, i *Image) (bool, error) {
	if c.IsAdmin() || i.Visibility == Public || i.Visibility == Community || c.ProjectID != "" && c.ProjectID == i.Owner {
		return true, nil
	}
	if i.Visibility != Shared || c.ProjectID == "" {
		return false, nil
	}
	is, err := db.NewSelect().Model((*Member)(nil)).Where("m.image_id = ?", i.ID).Where("m.member_id = ?", c.ProjectID).Exists(ctx)
	if err != nil {
		return false, fmt.Errorf("look for the image's member: %w", err)
	}
	return is, nil
}

// children loads the properties, tags and locations of images, in three queries.
func children(ctx context.Context, db bun.IDB, images []Image) error {
	if len(images) == 0 {
		return nil
	}
	ids, at := make([]string, len(images)), map[string]*Image{}
	for n := range images {
		ids[n], at[images[n].ID] = images[n].ID, &images[n]
		images[n].Properties, images[n].Tags, images[n].Locations = map[string]string{}, []string{}, nil
	}
	var properties []property
	if err := db.NewSelect().Model(&properties).Where("pr.image_id IN (?)", bun.List(ids)).Scan(ctx); err != nil {
		return fmt.Errorf("list properties: %w", err)
	}
	for _, p := range properties {
		at[p.ImageID].Properties[p.Name] = p.Value
	}
	var tags []tag
	if err := db.NewSelect().Model(&tags).Where("t.image_id IN (?)", bun.List(ids)).Order("t.tag").Scan(ctx); err != nil {
		return fmt.Errorf("list tags: %w", err)
	}
	for _, t := range tags {
		at[t.ImageID].Tags = append(at[t.ImageID].Tags, t.Tag)
	}
	var locations []Location
	if err := db.NewSelect().Model(&locations).Where("l.image_id IN (?)", bun.List(ids)).Order("l.position").Scan(ctx); err != nil {
		return fmt.Errorf("list locations: %w", err)
	}
	for _, l := range locations {
		at[l.ImageID].Locations = append(at[l.ImageID].Locations, l)
	}
	return nil
}

// saveChildren makes the rows of properties and tags those of the image.
func saveChildren(ctx context.Context, tx *store.Tx, i *Image) error {
	if len(i.Properties) > MaxProperties {
		return errs.New(errs.TooLarge, "The limit has been exceeded on the number of allowed image properties. Attempted: %d, Maximum: %d", len(i.Properties), MaxProperties)
	}
	if len(i.Tags) > MaxProperties {
		return errs.New(errs.TooLarge, "The limit has been exceeded on the number of allowed image tags. Attempted: %d, Maximum: %d", len(i.Tags), MaxProperties)
	}
	for _, model := range []any{(*property)(nil), (*tag)(nil)} {
		if _, err := tx.NewDelete().Model(model).Where("image_id = ?", i.ID).Exec(ctx); err != nil {
			return fmt.Errorf("delete properties and tags: %w", err)
		}
	}
	if len(i.Properties) > 0 {
		var rows []property
		for _, name := range slices.Sorted(maps.Keys(i.Properties)) {
			rows = append(rows, property{ImageID: i.ID, Name: name, Value: i.Properties[name]})
		}
		if _, err := tx.NewInsert().Model(&rows).Exec(ctx); err != nil {
			return fmt.Errorf("insert properties: %w", err)
		}
	}
	if len(i.Tags) > 0 {
		var rows []tag
		for _, t := range i.Tags {
			rows = append(rows, tag{ImageID: i.ID, Tag: t})
		}
		if _, err := tx.NewInsert().Model(&rows).Exec(ctx); err != nil {
			return fmt.Errorf("insert tags: %w", err)
		}
	}
	return nil
}

// Create makes an image without data from attributes by their API names. It is
// the caller's, unless an admin gives another owner. An id that any image ever
// had is a Conflict; one image more than the project's limit is TooLarge.
func (s *Service) Create(ctx context.Context, c *policy.Caller, attributes map[string]any) (Image, error) {
	t := now()
	i := Image{
		ID: uuid.NewString(), Owner: c.ProjectID, Status: Queued, Visibility: Shared, CreatedAt: t, UpdatedAt: t, UploadSeenAt: t,
		Properties: map[string]string{}, Tags: []string{},
	}
	for _, name := range slices.Sorted(maps.Keys(attributes)) {
		if err := i.initialize(name, attributes[name]); err != nil {
			return Image{}, err
		}
	}
	if i.Owner != c.ProjectID && !c.IsAdmin() {
		return Image{}, errs.New(errs.Forbidden, "You are not permitted to create images owned by '%s'.", i.Owner)
	}
	if err := allow("add_image", c, &i); err != nil {
		return Image{}, err
	}
	if err := allowVisibility(c, &i); err != nil {
		return Image{}, err
	}
	err := s.db.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		if err := s.within(ctx, tx, c.ProjectID, map[string]int64{CountTotal: 1}); err != nil {
			return err
		}
		result, err := tx.NewRaw("INSERT INTO image_ids (id, used_at) VALUES (?, ?) ON CONFLICT DO NOTHING", i.ID, t).Exec(ctx)
		if err != nil {
			return fmt.Errorf("take the image id: %w", err)
		}
		n, err := result.RowsAffected()
		if err != nil {
			return fmt.Errorf("take the image id: %w", err)
		}
		if n == 0 {
			return errs.New(errs.Conflict, "Image ID %s already exists!", i.ID)
		}
		if _, err := tx.NewInsert().Model(&i).Exec(ctx); err != nil {
			return fmt.Errorf("insert image: %w", err)
		}
		tx.Changed(i.change(store.Create))
		return saveChildren(ctx, tx, &i)
	}, quotaLock(c.ProjectID))
	return i, err
}

// Delete deletes an image and its data, and breaks off an upload. A protected
// one is Forbidden.
func (s *Service) Delete(ctx context.Context, c *policy.Caller, id string) error {
	return s.db.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		i, err := s.GetTx(ctx, tx, c, id)
		if err != nil {
			if errs.Is(err, errs.NotFound) {
				return errs.Wrap(err, errs.NotFound, "Failed to find image %s to delete", id)
			}
			return err
		}
		if err := allow("delete_image", c, &i); err != nil {
			return err
		}
		if i.Protected {
			return errs.New(errs.Forbidden, "Image %s is protected and cannot be deleted.", id)
		}
		h, err := findHeld(ctx, tx, id)
		if err != nil {
			return err
		}
		if _, err := tx.NewDelete().Model(&i).WherePK().Exec(ctx); err != nil {
			return fmt.Errorf("delete image: %w", err)
		}
		tx.Changed(i.change(store.Delete))
		tx.AfterCommit(func() { s.dropData(context.WithoutCancel(ctx), i, h) })
		return nil
	})
}

// dropData frees what a deleted image had and held. What fails here is found
// and freed by Recover.
func (s *Service) dropData(ctx context.Context, i Image, h held) {
	if i.UploadID != "" {
		s.cancelUpload(i.UploadID, errDeleted(i.ID))
	}
	if s.cache != nil {
		s.cache.unqueue(i.ID)
		if _, err := s.cache.drop(func(kept *Cached) bool { return kept.ImageID == i.ID }); err != nil {
			s.log.WarnContext(ctx, "the copy of a deleted image is left for later", "image", i.ID, "error", err)
		}
	}
	err := s.remove(ctx, i.Blob, append(i.storedIn(), splitStores(i.ImportingStores)...)...)
	if err := errors.Join(err, s.remove(ctx, h.Blob, h.Store)); err != nil {
		s.log.WarnContext(ctx, "data of a deleted image are left for later", "image", i.ID, "error", err)
	}
}

// SetActive deactivates or reactivates an image that has data. It is fine when
// it is so already; an image without data is Forbidden.
func (s *Service) SetActive(ctx context.Context, c *policy.Caller, id string, active bool) error {
	rule, status := "deactivate", Deactivated
	if active {
		rule, status = "reactivate", Active
	}
	return s.db.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		i, err := s.GetTx(ctx, tx, c, id)
		if err != nil {
			return err
		}
		if err := allow(rule, c, &i); err != nil {
			return err
		}
		if i.Status != Active && i.Status != Deactivated {
			return errs.New(errs.Forbidden, "Not allowed to %s image in status '%s'", rule, i.Status)
		}
		if i.Status == status {
			return nil
		}
		i.Status, i.UpdatedAt = status, now()
		if _, err := tx.NewUpdate().Model(&i).Column("status", "updated_at").WherePK().Exec(ctx); err != nil {
			return fmt.Errorf("update image's status: %w", err)
		}
		tx.Changed(i.change(store.Update))
		return nil
	})
}
