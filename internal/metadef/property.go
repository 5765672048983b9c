package metadef

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/uptrace/bun"

	"wisp/internal/errs"
	"wisp/internal/policy"
	"wisp/internal/store"
)

// Type is what a property can be, in the words of JSON Schema, as the API has
// it. What is nil nobody said.
type Type struct {
	// Name is that of the property, where the API shows it beside the others.
	Name        string    `json:"name,omitempty"`
	Type        string    `json:"type"`
	Title       string    `json:"title"`
	Description *string   `json:"description,omitempty"`
	Operators   *[]string `json:"operators,omitempty"`
	Default     *Default  `json:"default,omitempty"`
	ReadOnly    *bool     `json:"readonly,omitempty"`

	Minimum   *int64    `json:"minimum,omitempty"`
	Maximum   *int64    `json:"maximum,omitempty"`
	Enum      *[]string `json:"enum,omitempty"`
	Pattern   *string   `json:"pattern,omitempty"`
	MinLength *int64    `json:"minLength,omitempty"`
	MaxLength *int64    `json:"maxLength,omitempty"`

	// Of a list.
	Items           *Items `json:"items,omitempty"`
	UniqueItems     *bool  `json:"uniqueItems,omitempty"`
	MinItems        *int64 `json:"minItems,omitempty"`
	MaxItems        *int64 `json:"maxItems,omitempty"`
	AdditionalItems *bool  `json:"additionalItems,omitempty"`
}

// Items is what the elements of a list can be.
type Items struct {
	Type string    `json:"type"`
	Enum *[]string `json:"enum,omitempty"`
}

// Default is a value as text. Numbers and truth values can be given too, and
// become the text that Glance makes of them: 8, True.
type Default string

// UnmarshalJSON implements json.Unmarshaler.
func (d *Default) UnmarshalJSON(b []byte) error {
	switch text := string(bytes.TrimSpace(b)); {
	case text == "true":
		*d = "True"
	case text == "false":
		*d = "False"
	case strings.HasPrefix(text, `"`):
		return json.Unmarshal(b, (*string)(d))
	case strings.HasPrefix(text, "[") || strings.HasPrefix(text, "{"):
		return errs.New(errs.Invalid, "The default of a property must be a string, a number or a boolean.")
	default:
		*d = Default(text)
	}
	return nil
}

// Property is a property that a namespace defines.
type Property struct {
	bun.BaseModel `bun:"table:metadef_properties,alias:p"`

	ID          string `bun:",pk"`
	NamespaceID string
	Name        string // unique in its namespace
	Type        Type   `bun:"-"`
	CreatedAt   time.Time
	UpdatedAt   time.Time

	TypeJSON string `bun:"column:type"`
}

func noProperty(namespace, name string) error {
	return errs.New(errs.NotFound, "The metadata definition property with name=%s was not found in namespace=%s.", name, namespace)
}

func (p *Property) encode() error {
	if err := checkName(p.Name); err != nil {
		return err
	}
	text, err := json.Marshal(p.Type)
	if err != nil {
		return fmt.Errorf("encode property: %w", err)
	}
	p.TypeJSON = string(text)
	return nil
}

func (p *Property) decode() error {
	if err := json.Unmarshal([]byte(p.TypeJSON), &p.Type); err != nil {
		return fmt.Errorf("decode property: %w", err)
	}
	return nil
}

// Properties makes properties of types by name, in the order of the names.
func Properties(types map[string]Type) []Property {
	all := make([]Property, 0, len(types))
	for _, name := range slices.Sorted(maps.Keys(types)) {
		all = append(all, Property{Name: name, Type: types[name]})
	}
	return all
}

func properties(ctx context.Context, db bun.IDB, namespaceID string) ([]Property, error) {
	found := []Property{}
	if err := db.NewSelect().Model(&found).Where("p.namespace_id = ?", namespaceID).Order("p.created_at", "p.id").Scan(ctx); err != nil {
		return nil, fmt.Errorf("list properties: %w", err)
	}
	for i := range found {
		if err := found[i].decode(); err != nil {
			return nil, err
		}
	}
	return found, nil
}

func findProperty(ctx context.Context, db bun.IDB, n *Namespace, name string) (Property, error) {
	var p Property
	if err := findIn(ctx, db.NewSelect().Model(&p), n, name, noProperty(n.Name, name)); err != nil {
		return p, err
	}
	return p, p.decode()
}

func addProperties(ctx context.Context, tx *store.Tx, n *Namespace, add []Property) error {
	if len(add) == 0 {
		return nil
	}
	t := now()
	for i := range add {
		p := &add[i]
		p.ID, p.NamespaceID, p.CreatedAt = uuid.NewString(), n.ID, t.Add(time.Duration(i)*time.Microsecond)
		p.UpdatedAt = p.CreatedAt
		if err := p.encode(); err != nil {
			return err
		}
	}
	_, err := tx.NewInsert().Model(&add).Exec(ctx)
	if store.IsDuplicate(err) {
		return errs.Wrap(err, errs.Conflict, "A metadata definition property with name=%s already exists in namespace=%s.", twice(add, func(p Property) string { return p.Name }), n.Name)
	}
	if err != nil {
		return fmt.Errorf("insert properties: %w", err)
	}
	return nil
}

// Properties lists the properties of a namespace, the oldest first.
func (s *Service) Properties(ctx context.Context, c *policy.Caller, namespace string) ([]Property, error) {
	db := s.db.Read()
	n, err := find(ctx, db, c, "get_metadef_properties", namespace)
	if err != nil {
		return nil, err
	}
	return properties(ctx, db, n.ID)
}

// Property finds one. For a kind of resource, the name has the prefix that
// properties have there, and the answer does not.
func (s *Service) Property(ctx context.Context, c *policy.Caller, namespace, name, resourceType string) (Property, error) {
	db := s.db.Read()
	n, err := find(ctx, db, c, "get_metadef_property", namespace)
	if err != nil {
		return Property{}, err
	}
	if resourceType != "" {
		if name, err = unprefixed(ctx, db, c, &n, name, resourceType); err != nil {
			return Property{}, err
		}
	}
	return findProperty(ctx, db, &n, name)
}

func unprefixed(ctx context.Context, db bun.IDB, c *policy.Caller, n *Namespace, name, resourceType string) (string, error) {
	if err := n.check("get_metadef_resource_type", c); err != nil {
		return "", err
	}
	var a Association
	missing := errs.New(errs.NotFound, "The metadata definition resource-type association of resource-type=%s to namespace=%s, was not found.", resourceType, n.Name)
	if err := findIn(ctx, db.NewSelect().Model(&a), n, resourceType, missing); err != nil {
		return "", err
	}
	prefix := ""
	if a.Prefix != nil {
		prefix = *a.Prefix
	}
	rest, has := strings.CutPrefix(name, prefix)
	if prefix == "" || !has {
		return "", errs.New(errs.NotFound, "Property %s does not start with the expected resource type association prefix of '%s'.", name, prefix)
	}
	return rest, nil
}

// AddProperty puts a property into a namespace. A name that is taken there is a
// Conflict.
func (s *Service) AddProperty(ctx context.Context, c *policy.Caller, namespace string, p Property) (Property, error) {
	add := []Property{p}
	err := s.edit(ctx, c, "add_metadef_property", namespace, func(ctx context.Context, tx *store.Tx, n *Namespace) error {
		return addProperties(ctx, tx, n, add)
	})
	return add[0], err
}

// UpdateProperty replaces a property, its name too. A name that is taken is a
// Conflict.
func (s *Service) UpdateProperty(ctx context.Context, c *policy.Caller, namespace, name string, to Property) (Property, error) {
	err := s.edit(ctx, c, "modify_metadef_property", namespace, func(ctx context.Context, tx *store.Tx, n *Namespace) error {
		p, err := findProperty(ctx, tx, n, name)
		if err != nil {
			return err
		}
		to.ID, to.NamespaceID, to.CreatedAt, to.UpdatedAt = p.ID, n.ID, p.CreatedAt, now()
		if err := to.encode(); err != nil {
			return err
		}
		if _, err := tx.NewUpdate().Model(&to).WherePK().Exec(ctx); err != nil {
			return fmt.Errorf("update property: %w", err)
		}
		return nil
	})
	return to, renamed(err, "property", to.Name, namespace)
}

// RemoveProperty deletes a property. One of a protected namespace is Forbidden.
func (s *Service) RemoveProperty(ctx context.Context, c *policy.Caller, namespace, name string) error {
	return s.remove(ctx, c, "remove_metadef_property", namespace, "property", name, (*Property)(nil), noProperty(namespace, name))
}

// ClearProperties deletes all properties of a namespace.
func (s *Service) ClearProperties(ctx context.Context, c *policy.Caller, namespace string) error {
	return s.clear(ctx, c, namespace, (*Property)(nil))
}
