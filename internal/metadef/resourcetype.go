package metadef

import (
	"context"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"wisp/internal/errs"
	"wisp/internal/policy"
	"wisp/internal/store"
)

// ResourceType is a kind of resource that metadata can be for, by the name that
// Heat has for it: "OS::Nova::Flavor".
type ResourceType struct {
	bun.BaseModel `bun:"table:metadef_resource_types,alias:r"`

	Name      string `bun:",pk"`
	CreatedAt time.Time
	UpdatedAt time.Time
}

// Association says that a namespace is for a kind of resource. What is nil
// nobody said.
type Association struct {
	bun.BaseModel `bun:"table:metadef_associations,alias:a"`

	NamespaceID      string  `bun:",pk"`
	Name             string  `bun:",pk"` // of the kind
	Prefix           *string // of the properties' names on such a resource: "hw_"
	PropertiesTarget *string // which of several sets of metadata is meant: "image"
	CreatedAt        time.Time
	UpdatedAt        time.Time
}

// ResourceTypes lists the kinds of resources, by name.
func (s *Service) ResourceTypes(ctx context.Context, c *policy.Caller) ([]ResourceType, error) {
	if err := rules.Check("list_metadef_resource_types", c, policy.Own(c)); err != nil {
		return nil, err
	}
	found := []ResourceType{}
	if err := s.db.Read().NewSelect().Model(&found).Order("r.name").Scan(ctx); err != nil {
		return nil, fmt.Errorf("list resource types: %w", err)
	}
	return found, nil
}

func associations(ctx context.Context, db bun.IDB, namespaceID string) ([]Association, error) {
	found := []Association{}
	if err := db.NewSelect().Model(&found).Where("a.namespace_id = ?", namespaceID).Order("a.created_at", "a.name").Scan(ctx); err != nil {
		return nil, fmt.Errorf("list associations: %w", err)
	}
	return found, nil
}

// associate inserts associations, and the kinds that were not known before.
func associate(ctx context.Context, tx *store.Tx, n *Namespace, add []Association) error {
	if len(add) == 0 {
		return nil
	}
	t := now()
	kinds := make([]ResourceType, len(add))
	for i := range add {
		add[i].NamespaceID, add[i].CreatedAt = n.ID, t.Add(time.Duration(i)*time.Microsecond)
		add[i].UpdatedAt = add[i].CreatedAt
		kinds[i] = ResourceType{Name: add[i].Name, CreatedAt: t, UpdatedAt: t}
	}
	if _, err := tx.NewInsert().Model(&kinds).On("CONFLICT DO NOTHING").Exec(ctx); err != nil {
		return fmt.Errorf("insert resource types: %w", err)
	}
	_, err := tx.NewInsert().Model(&add).Exec(ctx)
	if store.IsDuplicate(err) {
		return errs.Wrap(err, errs.Conflict, "The metadata definition resource-type association of resource-type=%s to namespace=%s already exists.",
			twice(add, func(a Association) string { return a.Name }), n.Name)
	}
	if err != nil {
		return fmt.Errorf("insert associations: %w", err)
	}
	return nil
}

// Associations lists the kinds of resources that a namespace is for.
func (s *Service) Associations(ctx context.Context, c *policy.Caller, namespace string) ([]Association, error) {
	db := s.db.Read()
	n, err := find(ctx, db, c, "get_metadef_resource_type", namespace)
	if err != nil {
		return nil, err
	}
	return associations(ctx, db, n.ID)
}

// Associate makes a namespace be for a kind of resource, which is made known
// when it isn't. One that it is for already is a Conflict.
func (s *Service) Associate(ctx context.Context, c *policy.Caller, namespace string, a Association) (Association, error) {
	add := []Association{a}
	err := s.edit(ctx, c, "add_metadef_resource_type_association", namespace, func(ctx context.Context, tx *store.Tx, n *Namespace) error {
		return associate(ctx, tx, n, add)
	})
	return add[0], err
}

// Dissociate makes a namespace be no more for a kind of resource. A protected
// namespace is Forbidden.
func (s *Service) Dissociate(ctx context.Context, c *policy.Caller, namespace, name string) error {
	return s.remove(ctx, c, "remove_metadef_resource_type_association", namespace, "resource-type-association", name, (*Association)(nil),
		errs.New(errs.NotFound, "Failed to find resource type %s to delete", name))
}
