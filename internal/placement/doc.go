// Package placement knows which host has how much of what, and who uses it.
// A Provider is a host or a part of one; its Inventory says how much of a
// resource class it has; a Consumer (a server) holds allocations. The scheduler
// claims here, in its own transaction, so that two servers never get the same
// resource. A Search finds which providers together have what is wanted.
//
// It implements the model of the Placement API reference. It must not import
// net/http nor any slice but identity.
package placement

import (
	"log/slog"
	"time"

	"github.com/google/uuid"

	"wisp/internal/store"
)

// Service is the placement slice.
type Service struct {
	db  *store.DB
	log *slog.Logger
}

// New returns the slice on a database.
func New(db *store.DB, log *slog.Logger) *Service {
	return &Service{db: db, log: log}
}

// DB returns where reads run that need no transaction.
func (s *Service) DB() *store.DB { return s.db }

func now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }

func newID() string { return uuid.NewString() }

// The codes that the API's error bodies carry since 1.23, beside the default.
const (
	CodeConcurrentUpdate = "placement.concurrent_update"
	CodeInventoryInUse   = "placement.inventory.inuse"
	CodeDuplicateName    = "placement.duplicate_name"
	CodeProviderInUse    = "placement.resource_provider.inuse"
	CodeProviderIsParent = "placement.resource_provider.cannot_delete_parent"
	CodeProviderNotFound = "placement.resource_provider.not_found"
	CodeBadQuery         = "placement.query.bad_value"
	CodeMissingQuery     = "placement.query.missing_value"
	CodeDuplicateQuery   = "placement.query.duplicate_key"
)
