// Package metadef keeps definitions of metadata: which properties and tags
// images, flavors, volumes and others can have, what they mean, and which values
// they take. They are read by people and by clients; no service is bound by them.
//
// The nouns are Namespace and what is in one: Object (a group of properties),
// Property, Tag, and Association (the kind of resource that it is for). It
// implements the metadata definitions of the Image API v2 reference. It must
// not import net/http nor any other slice.
package metadef

import (
	"time"

	"wisp/internal/policy"
	"wisp/internal/store"
)

// Limits of lists, as Glance has them.
const (
	DefaultPage = 25
	MaxPage     = 1000
)

// MaxName is the most characters of any name.
const MaxName = 80

// Service is the slice.
type Service struct{ db *store.DB }

// New returns the slice on a database.
func New(db *store.DB) *Service { return &Service{db: db} }

// Rules are the policy rules by Glance's names. Whether a namespace is one that
// the caller may see is checked beside them, by the slice.
func Rules() policy.Rules {
	reader := policy.Or(policy.Admin, policy.Project("reader"))
	rules := policy.Rules{}
	for _, name := range []string{
		"get_metadef_namespace", "get_metadef_namespaces", "get_metadef_object", "get_metadef_objects", "get_metadef_property", "get_metadef_properties",
		"get_metadef_tag", "get_metadef_tags", "list_metadef_resource_types", "get_metadef_resource_type",
	} {
		rules[name] = reader
	}
	for _, name := range []string{
		"add_metadef_namespace", "modify_metadef_namespace", "delete_metadef_namespace",
		"add_metadef_object", "modify_metadef_object", "delete_metadef_object",
		"add_metadef_property", "modify_metadef_property", "remove_metadef_property",
		"add_metadef_tag", "add_metadef_tags", "modify_metadef_tag", "delete_metadef_tag", "delete_metadef_tags",
		"add_metadef_resource_type_association", "remove_metadef_resource_type_association",
	} {
		rules[name] = policy.Admin
	}
	return rules
}

var rules = Rules()

func now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }
