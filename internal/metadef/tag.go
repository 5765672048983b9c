package metadef

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/uptrace/bun"

	"wisp/internal/errs"
	"wisp/internal/policy"
	"wisp/internal/store"
)

// Tag is a word that resources can be marked with.
type Tag struct {
	bun.BaseModel `bun:"table:metadef_tags,alias:t"`

	ID          string `bun:",pk"`
	NamespaceID string
	Name        string // unique in its namespace
	CreatedAt   time.Time
	UpdatedAt   time.Time
}

// TagQuery is which tags of a namespace are asked for.
type TagQuery struct {
	Sort   store.Order
	Limit  int    // 0 is no limit
	Marker string // name of the last tag of the page before
}

var tagColumns = store.Columns{"id": "t.id", "name": "t.name", "created_at": "t.created_at", "updated_at": "t.updated_at"}

func noTag(namespace, name string) error {
	return errs.New(errs.NotFound, "The metadata definition tag with name=%s was not found in namespace=%s.", name, namespace)
}

// addTags inserts the tags of a namespace, the first one as the oldest.
func addTags(ctx context.Context, tx *store.Tx, n *Namespace, add []Tag) error {
	if len(add) == 0 {
		return nil
	}
	t := now()
	for i := range add {
		add[i].ID, add[i].NamespaceID, add[i].CreatedAt = uuid.NewString(), n.ID, t.Add(time.Duration(i)*time.Microsecond)
		add[i].UpdatedAt = add[i].CreatedAt
	}
	_, err := tx.NewInsert().Model(&add).Exec(ctx)
	if store.IsDuplicate(err) {
		return errs.Wrap(err, errs.Conflict, "A metadata tag with name=%s already exists in namespace=%s.", twice(add, func(t Tag) string { return t.Name }), n.Name)
	}
	if err != nil {
		return fmt.Errorf("insert tags: %w", err)
	}
	return nil
}

// Tags lists tags of a namespace, the newest first if not asked otherwise.
func (s *Service) Tags(ctx context.Context, c *policy.Caller, namespace string, query TagQuery) ([]Tag, error) {
	db := s.db.Read()
	n, err := find(ctx, db, c, "get_metadef_tags", namespace)
	if err != nil {
		return nil, err
	}
	list := store.List{Sort: []store.Order{query.Sort}, Limit: query.Limit}
	if query.Sort.Key == "" {
		list.Sort = []store.Order{{Key: "created_at", Desc: true}}
	}
	if query.Marker != "" {
		var marker Tag
		if err := findIn(ctx, db.NewSelect().Model(&marker), &n, query.Marker, noTag(namespace, query.Marker)); err != nil {
			return nil, err
		}
		list.Marker = marker.ID
	}
	found := []Tag{}
	q, err := list.Apply(ctx, db, db.NewSelect().Model(&found).Where("t.namespace_id = ?", n.ID), "metadef_tags", tagColumns)
	if err != nil {
		return nil, err
	}
	if err := q.Scan(ctx); err != nil {
		return nil, fmt.Errorf("list tags: %w", err)
	}
	return found, nil
}

// Tag finds one.
func (s *Service) Tag(ctx context.Context, c *policy.Caller, namespace, name string) (Tag, error) {
	var t Tag
	db := s.db.Read()
	n, err := find(ctx, db, c, "get_metadef_tag", namespace)
	if err != nil {
		return t, err
	}
	return t, findIn(ctx, db.NewSelect().Model(&t), &n, name, noTag(namespace, name))
}

// AddTag puts a tag into a namespace. One that is there is a Conflict.
func (s *Service) AddTag(ctx context.Context, c *policy.Caller, namespace, name string) (Tag, error) {
	add := []Tag{{Name: name}}
	err := s.edit(ctx, c, "add_metadef_tag", namespace, func(ctx context.Context, tx *store.Tx, n *Namespace) error {
		return addTags(ctx, tx, n, add)
	})
	return add[0], err
}

// AddTags puts tags into a namespace, in the place of those that it has or
// beside them. Without any, those that are there stay, as in Glance.
func (s *Service) AddTags(ctx context.Context, c *policy.Caller, namespace string, names []string, beside bool) ([]Tag, error) {
	add := make([]Tag, len(names))
	for i, name := range names {
		add[i].Name = name
	}
	err := s.edit(ctx, c, "add_metadef_tags", namespace, func(ctx context.Context, tx *store.Tx, n *Namespace) error {
		if len(add) > 0 && !beside {
			if _, err := tx.NewDelete().Model((*Tag)(nil)).Where("namespace_id = ?", n.ID).Exec(ctx); err != nil {
				return fmt.Errorf("delete tags: %w", err)
			}
		}
		return addTags(ctx, tx, n, add)
	})
	return add, err
}

// RenameTag gives a tag another name. One that is taken is a Conflict.
func (s *Service) RenameTag(ctx context.Context, c *policy.Caller, namespace, name, to string) (Tag, error) {
	var t Tag
	err := s.edit(ctx, c, "modify_metadef_tag", namespace, func(ctx context.Context, tx *store.Tx, n *Namespace) error {
		t = Tag{}
		if err := findIn(ctx, tx.NewSelect().Model(&t), n, name, noTag(namespace, name)); err != nil {
			return err
		}
		t.Name, t.UpdatedAt = to, now()
		if _, err := tx.NewUpdate().Model(&t).WherePK().Exec(ctx); err != nil {
			return fmt.Errorf("update tag: %w", err)
		}
		return nil
	})
	return t, renamed(err, "tag", to, namespace)
}

// RemoveTag deletes a tag. One of a protected namespace is Forbidden.
func (s *Service) RemoveTag(ctx context.Context, c *policy.Caller, namespace, name string) error {
	return s.remove(ctx, c, "delete_metadef_tag", namespace, "tag", name, (*Tag)(nil), noTag(namespace, name))
}

// ClearTags deletes all tags of a namespace.
func (s *Service) ClearTags(ctx context.Context, c *policy.Caller, namespace string) error {
	return s.clear(ctx, c, namespace, (*Tag)(nil), "delete_metadef_tags")
}
