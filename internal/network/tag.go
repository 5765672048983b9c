package network

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/uptrace/bun"

	"wisp/internal/errs"
	"wisp/internal/policy"
	"wisp/internal/store"
)

const maxTags, maxTagLength = 50, 60

type tagRow struct {
	bun.BaseModel `bun:"table:network_tags,alias:tag"`
	ObjectID      string `bun:",pk"`
	Tag           string `bun:",pk"`
}

// taggedRow is a row of a resource that has tags.
type taggedRow interface {
	changer
	standard() *Standard
}

// taggable are the resources that have tags, by the collection in the URL.
var taggable = map[string]struct {
	res *resource
	row func() taggedRow
}{
	"networks":        {networks, func() taggedRow { return new(Network) }},
	"subnets":         {subnets, func() taggedRow { return new(Subnet) }},
	"ports":           {ports, func() taggedRow { return new(Port) }},
	"routers":         {routers, func() taggedRow { return new(Router) }},
	"floatingips":     {floatingIPs, func() taggedRow { return new(FloatingIP) }},
	"security_groups": {securityGroups, func() taggedRow { return new(SecurityGroup) }},
	"subnetpools":     {subnetPools, func() taggedRow { return new(SubnetPool) }},
	"policies":        {qosPolicies, func() taggedRow { return new(QoSPolicy) }},
}

// Tags returns the tags of an object of a collection ("networks", …,
// "security_groups" or "security-groups"; "policies" are those of QoS).
func (s *Service) Tags(ctx context.Context, caller *policy.Caller, collection, id string) ([]string, error) {
	object, err := s.tagged(ctx, s.db.Read(), caller, "get", collection, id)
	if err != nil {
		return nil, err
	}
	return object.standard().Tags, nil
}

// HasTag fails with NotFound unless the object has the tag.
func (s *Service) HasTag(ctx context.Context, caller *policy.Caller, collection, id, tag string) error {
	tags, err := s.Tags(ctx, caller, collection, id)
	if err == nil && !slices.Contains(tags, tag) {
		err = missing("TagNotFound", "Tag %s could not be found.", tag)
	}
	return err
}

// SetTags replaces the tags of an object.
func (s *Service) SetTags(ctx context.Context, caller *policy.Caller, collection, id string, tags []string) ([]string, error) {
	return s.changeTags(ctx, caller, "update", collection, id, func([]string) ([]string, error) { return tags, nil })
}

// AddTag adds one tag; having it already is no error.
func (s *Service) AddTag(ctx context.Context, caller *policy.Caller, collection, id, tag string) error {
	_, err := s.changeTags(ctx, caller, "update", collection, id, func(have []string) ([]string, error) {
		if slices.Contains(have, tag) {
			return have, nil
		}
		return append(have, tag), nil
	})
	return err
}

// DeleteTag takes one tag away: NotFound when the object does not have it.
func (s *Service) DeleteTag(ctx context.Context, caller *policy.Caller, collection, id, tag string) error {
	_, err := s.changeTags(ctx, caller, "delete", collection, id, func(have []string) ([]string, error) {
		i := slices.Index(have, tag)
		if i < 0 {
			return nil, missing("TagNotFound", "Tag %s could not be found.", tag)
		}
		return slices.Delete(have, i, i+1), nil
	})
	return err
}

// DeleteTags takes all tags away.
func (s *Service) DeleteTags(ctx context.Context, caller *policy.Caller, collection, id string) error {
	_, err := s.changeTags(ctx, caller, "delete", collection, id, func([]string) ([]string, error) { return nil, nil })
	return err
}

func (s *Service) tagged(ctx context.Context, db bun.IDB, caller *policy.Caller, verb, collection, id string) (taggedRow, error) {
	collection = strings.ReplaceAll(collection, "-", "_")
	kind, ok := taggable[collection]
	if !ok {
		return nil, missing("HTTPNotFound", "The resource could not be found.")
	}
	row := kind.row()
	if err := kind.res.find(ctx, db, caller, id, row); err != nil {
		return nil, err
	}
	object := row.standard()
	// The name is built from the collection as the table of rules builds it:
	// one that is not there denies.
	if err := allow(verb+"_"+collection+"_tags", caller, object.ProjectID); err != nil && (verb != "get" || caller.ProjectID == object.ProjectID) {
		return nil, err
	}
	return row, loadTags(ctx, db, []taggedRow{row})
}

func (s *Service) changeTags(ctx context.Context, caller *policy.Caller, verb, collection, id string, change func([]string) ([]string, error)) ([]string, error) {
	var tags []string
	err := s.db.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		row, err := s.tagged(ctx, tx, caller, verb, collection, id)
		if err != nil {
			return err
		}
		object := row.standard()
		if tags, err = change(slices.Clone(object.Tags)); err != nil {
			return err
		}
		tags = slices.Compact(slices.Sorted(slices.Values(tags)))
		if err := checkTags(tags); err != nil {
			return err
		}
		if slices.Equal(tags, object.Tags) {
			return nil
		}
		if err := writeTags(ctx, tx, id, tags); err != nil {
			return err
		}
		return touchRow(ctx, tx, taggable[strings.ReplaceAll(collection, "-", "_")].res.table, row)
	})
	return nonNil(tags), err
}

func writeTags(ctx context.Context, tx bun.IDB, id string, tags []string) error {
	if _, err := tx.NewDelete().Model((*tagRow)(nil)).Where("object_id = ?", id).Exec(ctx); err != nil {
		return fmt.Errorf("delete tags: %w", err)
	}
	if len(tags) == 0 {
		return nil
	}
	rows := make([]tagRow, len(tags))
	for i, tag := range tags {
		rows[i] = tagRow{ObjectID: id, Tag: tag}
	}
	if _, err := tx.NewInsert().Model(&rows).Exec(ctx); err != nil {
		return fmt.Errorf("insert tags: %w", err)
	}
	return nil
}

func checkTags(tags []string) error {
	if len(tags) > maxTags {
		return errs.New(errs.Invalid, "The number of tags exceed the per-resource limit of %d", maxTags).WithType("BadRequest")
	}
	for _, tag := range tags {
		if tag == "" || utf8.RuneCountInString(tag) > maxTagLength || strings.ContainsFunc(tag, func(r rune) bool { return r < ' ' }) {
			return errs.New(errs.Invalid, "Invalid input for tags. Reason: '%s' is not a valid tag of 1 to %d characters.", tag, maxTagLength).WithType("HTTPBadRequest")
		}
	}
	return nil
}

// loadTags fills the tags of rows in one query.
func loadTags[T interface{ standard() *Standard }](ctx context.Context, db bun.IDB, rows []T) error {
	if len(rows) == 0 {
		return nil
	}
	byID := make(map[string]*Standard, len(rows))
	for _, row := range rows {
		s := row.standard()
		s.Tags = []string{}
		byID[s.ID] = s
	}
	var tags []tagRow
	if err := db.NewSelect().Model(&tags).Where("object_id IN (?)", bun.List(keys(byID))).Order("tag").Scan(ctx); err != nil {
		return fmt.Errorf("load tags: %w", err)
	}
	for _, t := range tags {
		byID[t.ObjectID].Tags = append(byID[t.ObjectID].Tags, t.Tag)
	}
	return nil
}
