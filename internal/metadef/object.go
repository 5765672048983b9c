package metadef

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/uptrace/bun"

	"wisp/internal/errs"
	"wisp/internal/policy"
	"wisp/internal/store"
)

// Object is a group of properties that belong together.
type Object struct {
	bun.BaseModel `bun:"table:metadef_objects,alias:o"`

	ID          string `bun:",pk"`
	NamespaceID string
	Name        string // unique in its namespace
	Description *string
	Required    []string        `bun:"-"` // names of properties
	Properties  map[string]Type `bun:"-"`
	CreatedAt   time.Time
	UpdatedAt   time.Time

	RequiredJSON   string `bun:"required"`
	PropertiesJSON string `bun:"properties"`
}

func noObject(name string) error {
	return errs.New(errs.NotFound, "Could not find metadata object %s", name)
}

// encode fills in what the row has, and refuses names that are too long.
func (o *Object) encode() error {
	for name := range o.Properties {
		if err := checkName(name); err != nil {
			return err
		}
	}
	required, err := json.Marshal(append([]string{}, o.Required...))
	if err != nil {
		return fmt.Errorf("encode names: %w", err)
	}
	types := o.Properties
	if types == nil {
		types = map[string]Type{}
	}
	properties, err := json.Marshal(types)
	if err != nil {
		return fmt.Errorf("encode properties: %w", err)
	}
	o.RequiredJSON, o.PropertiesJSON = string(required), string(properties)
	return nil
}

func (o *Object) decode() error {
	if err := json.Unmarshal([]byte(o.RequiredJSON), &o.Required); err != nil {
		return fmt.Errorf("decode names: %w", err)
	}
	if err := json.Unmarshal([]byte(o.PropertiesJSON), &o.Properties); err != nil {
		return fmt.Errorf("decode properties: %w", err)
	}
	return nil
}

func objects(ctx context.Context, db bun.IDB, namespaceID string) ([]Object, error) {
	found := []Object{}
	if err := db.NewSelect().Model(&found).Where("o.namespace_id = ?", namespaceID).Order("o.created_at", "o.id").Scan(ctx); err != nil {
		return nil, fmt.Errorf("list objects: %w", err)
	}
	for i := range found {
		if err := found[i].decode(); err != nil {
			return nil, err
		}
	}
	return found, nil
}

func findObject(ctx context.Context, db bun.IDB, n *Namespace, name string) (Object, error) {
	var o Object
	if err := findIn(ctx, db.NewSelect().Model(&o), n, name, noObject(name)); err != nil {
		return o, err
	}
	return o, o.decode()
}

// addObjects inserts the objects of a namespace, the first one as the oldest.
func addObjects(ctx context.Context, tx *store.Tx, n *Namespace, add []Object) error {
	if len(add) == 0 {
		return nil
	}
	t := now()
	for i := range add {
		o := &add[i]
		o.ID, o.NamespaceID, o.CreatedAt = uuid.NewString(), n.ID, t.Add(time.Duration(i)*time.Microsecond)
		o.UpdatedAt = o.CreatedAt
		if err := o.encode(); err != nil {
			return err
		}
	}
	_, err := tx.NewInsert().Model(&add).Exec(ctx)
	if store.IsDuplicate(err) {
		return errs.Wrap(err, errs.Conflict, "A metadata definition object with name=%s already exists in namespace=%s.", twice(add, func(o Object) string { return o.Name }), n.Name)
	}
	if err != nil {
		return fmt.Errorf("insert objects: %w", err)
	}
	return nil
}

// Objects lists the objects of a namespace, the oldest first.
func (s *Service) Objects(ctx context.Context, c *policy.Caller, namespace string) ([]Object, error) {
	db := s.db.Read()
	n, err := find(ctx, db, c, "get_metadef_objects", namespace)
	if err != nil {
		return nil, err
	}
	return objects(ctx, db, n.ID)
}

// Object finds one.
func (s *Service) Object(ctx context.Context, c *policy.Caller, namespace, name string) (Object, error) {
	db := s.db.Read()
	n, err := find(ctx, db, c, "get_metadef_object", namespace)
	if err != nil {
		return Object{}, err
	}
	return findObject(ctx, db, &n, name)
}

// AddObject puts an object into a namespace. A name that is taken there is a
// Conflict.
func (s *Service) AddObject(ctx context.Context, c *policy.Caller, namespace string, o Object) (Object, error) {
	add := []Object{o}
	err := s.edit(ctx, c, "add_metadef_object", namespace, func(ctx context.Context, tx *store.Tx, n *Namespace) error {
		return addObjects(ctx, tx, n, add)
	})
	return add[0], err
}

// UpdateObject replaces an object, its name too. A name that is taken is a
// Conflict.
func (s *Service) UpdateObject(ctx context.Context, c *policy.Caller, namespace, name string, to Object) (Object, error) {
	err := s.edit(ctx, c, "modify_metadef_object", namespace, func(ctx context.Context, tx *store.Tx, n *Namespace) error {
		o, err := findObject(ctx, tx, n, name)
		if err != nil {
			return err
		}
		to.ID, to.NamespaceID, to.CreatedAt, to.UpdatedAt = o.ID, n.ID, o.CreatedAt, now()
		if err := to.encode(); err != nil {
			return err
		}
		if _, err := tx.NewUpdate().Model(&to).WherePK().Exec(ctx); err != nil {
			return fmt.Errorf("update object: %w", err)
		}
		return nil
	})
	return to, renamed(err, "object", to.Name, namespace)
}

// RemoveObject deletes an object. One of a protected namespace is Forbidden.
func (s *Service) RemoveObject(ctx context.Context, c *policy.Caller, namespace, name string) error {
	return s.remove(ctx, c, "delete_metadef_object", namespace, "object", name, (*Object)(nil), noObject(name))
}

// ClearObjects deletes all objects of a namespace.
func (s *Service) ClearObjects(ctx context.Context, c *policy.Caller, namespace string) error {
	return s.clear(ctx, c, namespace, (*Object)(nil))
}
