package metadef

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/uptrace/bun"

	"wisp/internal/errs"
	"wisp/internal/policy"
	"wisp/internal/store"
)

// Who sees a namespace and what is in it.
const (
	Public  = "public"
	Private = "private" // the owner
)

// Visibilities are all of them.
var Visibilities = []string{Public, Private}

// Namespace is a named set of definitions. What is nil nobody said.
type Namespace struct {
	bun.BaseModel `bun:"table:metadef_namespaces,alias:n"`

	ID          string `bun:",pk"`
	Name        string `bun:"namespace"` // unique in the cloud
	DisplayName *string
	Description *string
	Visibility  string
	Protected   bool   // neither it nor what is in it can be deleted
	Owner       string // project id
	CreatedAt   time.Time
	UpdatedAt   time.Time
}

// Content is a namespace with what is in it.
type Content struct {
	Namespace
	Objects      []Object
	Properties   []Property
	Tags         []Tag
	Associations []Association
}

// Query is which namespaces are asked for.
type Query struct {
	Visibility    string   // "" is any
	ResourceTypes []string // for one of them; none is any
	Sort          store.Order
	Limit         int    // 0 is none at all
	Marker        string // name of the last namespace of the page before
}

var namespaceColumns = store.Columns{
	"id": "n.id", "namespace": "n.namespace", "display_name": "n.display_name", "description": "n.description", "visibility": "n.visibility",
	"protected": "n.protected", "owner": "n.owner", "created_at": "n.created_at", "updated_at": "n.updated_at",
}

func (n *Namespace) change(action string) store.Change {
	return store.Change{Resource: "metadef_namespace", ID: n.Name, Action: action, ProjectID: n.Owner, Public: n.Visibility == Public}
}

func noNamespace(name string) error { return errs.New(errs.NotFound, "Namespace %s not found", name) }

// check checks a rule for what is in a namespace that the caller sees. What is
// public counts as everyone's own.
func (n *Namespace) check(rule string, c *policy.Caller) error {
	target := policy.Target{ProjectID: n.Owner}
	if n.Visibility == Public {
		target = policy.Own(c)
	}
	return rules.Check(rule, c, target)
}

// find finds a namespace that the caller sees, for what the rule is about. One
// that the caller doesn't see is NotFound.
func find(ctx context.Context, db bun.IDB, c *policy.Caller, rule, name string) (Namespace, error) {
	var n Namespace
	err := db.NewSelect().Model(&n).Where("n.namespace = ?", name).Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return n, noNamespace(name)
	}
	if err != nil {
		return n, fmt.Errorf("find namespace: %w", err)
	}
	if c == nil || !c.IsAdmin() && n.Visibility != Public && (c.ProjectID == "" || c.ProjectID != n.Owner) {
		return Namespace{}, noNamespace(name)
	}
	return n, n.check(rule, c)
}

// edit runs change on a namespace in a transaction, and notes that it was changed.
func (s *Service) edit(ctx context.Context, c *policy.Caller, rule, name string, change func(ctx context.Context, tx *store.Tx, n *Namespace) error) error {
	return s.db.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		n, err := find(ctx, tx, c, rule, name)
		if err != nil {
			return err
		}
		tx.Changed(n.change(store.Update))
		return change(ctx, tx, &n)
	})
}

// List lists the namespaces that the caller sees, each with what it is for, the
// newest first if not asked otherwise.
func (s *Service) List(ctx context.Context, c *policy.Caller, query Query) ([]Content, error) {
	if err := rules.Check("get_metadef_namespaces", c, policy.Own(c)); err != nil {
		return nil, err
	}
	if query.Visibility != "" && !slices.Contains(Visibilities, query.Visibility) {
		return nil, errs.New(errs.Invalid, "Invalid visibility value: %s", query.Visibility)
	}
	db := s.db.Read()
	found := []Namespace{}
	q := db.NewSelect().Model(&found)
	if !c.IsAdmin() {
		q = q.Where("(n.visibility = ? OR n.owner = ? AND n.owner <> '')", Public, c.ProjectID)
	}
	if query.Visibility != "" {
		q = q.Where("n.visibility = ?", query.Visibility)
	}
	if len(query.ResourceTypes) > 0 {
		q = q.Where("EXISTS (?)", db.NewSelect().Model((*Association)(nil)).ColumnExpr("1").
			Where("a.namespace_id = n.id").Where("a.name IN (?)", bun.List(query.ResourceTypes)))
	}
	list := store.List{Sort: []store.Order{query.Sort}, Limit: min(query.Limit, MaxPage)}
	if query.Sort.Key == "" {
		list.Sort = []store.Order{{Key: "created_at", Desc: true}}
	}
	if query.Marker != "" {
		marker, err := find(ctx, db, c, "get_metadef_namespace", query.Marker)
		if err != nil {
			return nil, err
		}
		list.Marker = marker.ID
	}
	q, err := list.Apply(ctx, db, q, "metadef_namespaces", namespaceColumns)
	if err != nil || query.Limit == 0 {
		return nil, err
	}
	if err := q.Scan(ctx); err != nil {
		return nil, fmt.Errorf("list namespaces: %w", err)
	}
	return withAssociations(ctx, db, found)
}

func withAssociations(ctx context.Context, db bun.IDB, namespaces []Namespace) ([]Content, error) {
	all, ids, at := make([]Content, len(namespaces)), make([]string, len(namespaces)), map[string]*Content{}
	for i, n := range namespaces {
		all[i].Namespace, ids[i], at[n.ID] = n, n.ID, &all[i]
	}
	if len(ids) == 0 {
		return all, nil
	}
	var associations []Association
	if err := db.NewSelect().Model(&associations).Where("a.namespace_id IN (?)", store.Set(ids)).Order("a.created_at", "a.name").Scan(ctx); err != nil {
		return nil, fmt.Errorf("list associations: %w", err)
	}
	for _, a := range associations {
		at[a.NamespaceID].Associations = append(at[a.NamespaceID].Associations, a)
	}
	return all, nil
}

// Show finds a namespace with all that is in it. For a kind of resource that it
// is for, its properties have the prefix that they have there.
func (s *Service) Show(ctx context.Context, c *policy.Caller, name, resourceType string) (Content, error) {
	db := s.db.Read()
	n, err := find(ctx, db, c, "get_metadef_namespace", name)
	if err != nil {
		return Content{}, err
	}
	for _, rule := range []string{"list_metadef_resource_types", "get_metadef_objects", "get_metadef_properties", "get_metadef_tags"} {
		if err := n.check(rule, c); err != nil {
			return Content{}, err
		}
	}
	content := Content{Namespace: n}
	if content.Objects, err = objects(ctx, db, n.ID); err != nil {
		return content, err
	}
	if content.Properties, err = properties(ctx, db, n.ID); err != nil {
		return content, err
	}
	if content.Associations, err = associations(ctx, db, n.ID); err != nil {
		return content, err
	}
	if err := db.NewSelect().Model(&content.Tags).Where("t.namespace_id = ?", n.ID).OrderExpr("t.created_at DESC, t.id DESC").Scan(ctx); err != nil {
		return content, fmt.Errorf("list tags: %w", err)
	}
	content.prefix(resourceType)
	return content, nil
}

// prefix gives the properties the names that they have on a kind of resource.
func (content *Content) prefix(resourceType string) {
	i := slices.IndexFunc(content.Associations, func(a Association) bool { return a.Name == resourceType })
	if i < 0 || content.Associations[i].Prefix == nil {
		return
	}
	prefix := *content.Associations[i].Prefix
	for i := range content.Properties {
		content.Properties[i].Name = prefix + content.Properties[i].Name
	}
	for i := range content.Objects {
		o := &content.Objects[i]
		named := map[string]Type{}
		for name, t := range o.Properties {
			named[prefix+name] = t
		}
		o.Properties = named
		for i, name := range o.Required {
			o.Required[i] = prefix + name
		}
	}
}

func (n *Namespace) defaults(c *policy.Caller) {
	if n.Visibility == "" {
		n.Visibility = Private
	}
	if n.Owner == "" {
		n.Owner = c.ProjectID
	}
}

// Create makes a namespace and what is in it, all or nothing. It is the
// caller's project's unless another owner is given. A name that is taken is a
// Conflict.
func (s *Service) Create(ctx context.Context, c *policy.Caller, content Content) (Content, error) {
	needed := map[string]bool{
		"add_metadef_namespace": true, "add_metadef_resource_type_association": len(content.Associations) > 0, "add_metadef_object": len(content.Objects) > 0,
		"add_metadef_property": len(content.Properties) > 0, "add_metadef_tag": len(content.Tags) > 0,
	}
	for rule, is := range needed {
		if !is {
			continue // nothing of that is made
		}
		if err := rules.Check(rule, c, policy.Own(c)); err != nil {
			return Content{}, err
		}
	}
	n := &content.Namespace
	n.ID, n.CreatedAt = uuid.NewString(), now()
	n.UpdatedAt = n.CreatedAt
	n.defaults(c)
	err := s.db.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.NewInsert().Model(n).Exec(ctx)
		if store.IsDuplicate(err) {
			return errs.Wrap(err, errs.Conflict, "The metadata definition namespace=%s already exists.", n.Name)
		}
		if err != nil {
			return fmt.Errorf("insert namespace: %w", err)
		}
		tx.Changed(n.change(store.Create))
		return content.insert(ctx, tx)
	})
	return content, err
}

func (content *Content) insert(ctx context.Context, tx *store.Tx) error {
	n := &content.Namespace
	if err := associate(ctx, tx, n, content.Associations); err != nil {
		return err
	}
	if err := addObjects(ctx, tx, n, content.Objects); err != nil {
		return err
	}
	if err := addProperties(ctx, tx, n, content.Properties); err != nil {
		return err
	}
	return addTags(ctx, tx, n, content.Tags)
}

// Update replaces what a namespace says of itself, and leaves what is in it.
// What is not given becomes what it is by default. A name that is taken is a
// Conflict.
func (s *Service) Update(ctx context.Context, c *policy.Caller, name string, to Namespace) (Namespace, error) {
	err := s.edit(ctx, c, "modify_metadef_namespace", name, func(ctx context.Context, tx *store.Tx, n *Namespace) error {
		to.ID, to.CreatedAt, to.UpdatedAt = n.ID, n.CreatedAt, now()
		to.defaults(c)
		tx.Changed(to.change(store.Update))
		if _, err := tx.NewUpdate().Model(&to).WherePK().Exec(ctx); err != nil {
			return fmt.Errorf("update namespace: %w", err)
		}
		return nil
	})
	if store.IsDuplicate(err) {
		err = errs.Wrap(err, errs.Conflict, "Invalid update. It would result in a duplicate metadata definition namespace with the same name of %s", to.Name)
	}
	return to, err
}

func protected(noun, name string) error {
	return errs.New(errs.Forbidden, "Metadata definition %s %s is protected and cannot be deleted.", noun, name)
}

// Delete deletes a namespace with all that is in it. A protected one is
// Forbidden.
func (s *Service) Delete(ctx context.Context, c *policy.Caller, name string) error {
	return s.db.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		n, err := find(ctx, tx, c, "delete_metadef_namespace", name)
		if err != nil {
			return err
		}
		if n.Protected {
			return protected("namespace", name)
		}
		tx.Changed(n.change(store.Delete))
		if _, err := tx.NewDelete().Model(&n).WherePK().Exec(ctx); err != nil {
			return fmt.Errorf("delete namespace: %w", err)
		}
		return nil
	})
}

// clear deletes all rows of a kind that a namespace has. One that is protected
// is Forbidden.
func (s *Service) clear(ctx context.Context, c *policy.Caller, name string, model any, rules ...string) error {
	return s.edit(ctx, c, "delete_metadef_namespace", name, func(ctx context.Context, tx *store.Tx, n *Namespace) error {
		for _, rule := range rules {
			if err := n.check(rule, c); err != nil {
				return err
			}
		}
		if n.Protected {
			return protected("namespace", name)
		}
		if _, err := tx.NewDelete().Model(model).Where("namespace_id = ?", n.ID).Exec(ctx); err != nil {
			return fmt.Errorf("empty namespace: %w", err)
		}
		return nil
	})
}
