// Package image keeps the images that servers boot from: who owns and sees
// them, what they say of themselves, and their data in a blob store. What is
// uploaded is inspected while it streams by: an image is what it was declared
// to be and refers to nothing outside of itself, or it is refused.
//
// The nouns are Image, Member, the upload (at once or in parts) and the Task
// that imports. It implements version 2 of the
// Image API reference. It must not import net/http nor any slice but identity.
package image

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/uptrace/bun"

	"wisp/internal/store"
)

// Limits of the service, as Glance has them where it has one.
const (
	DefaultMaxSize = 1 << 40 // bytes of one image
	MaxProperties  = 128     // of an image, and as many tags and members
	MaxPage        = 1000    // images in one answer
	DefaultPage    = 25

	DefaultPartsKept = 24 * time.Hour // since the last part of an upload
	DefaultSilence   = 5 * time.Minute
)

// Options are what an operator can choose. The zero value has the defaults.
type Options struct {
	// Server is the name of this server among those that share the database,
	// the same after a restart. Its interrupted uploads are cleared at once
	// when it comes back; those of others when they were silent for a while.
	Server string
	// MaxSize is the most bytes that one image may have; 0 is DefaultMaxSize.
	MaxSize int64
	// ProjectBytes is the most bytes that the images of one project may have
	// together; 0 is no limit.
	ProjectBytes int64
	// Limits are the unified limits of a project, by the names of what is
	// counted; -1 is no bound, as is one that is not there. nil has none.
	Limits func(ctx context.Context, db bun.IDB, projectID string) (map[string]int64, error)
	// KeepFree is how many bytes of the blob folder's file system uploads
	// leave free, for what else is on it: the database, often. 0 is one
	// twentieth of it, and no less than 1 GiB, or 256 MiB when the whole is
	// smaller than 10 GiB.
	KeepFree int64
	// PartsKept is how long the parts of an upload wait for the next one; 0 is
	// DefaultPartsKept.
	PartsKept time.Duration
	// Silence is how long the client of an upload may send nothing until the
	// upload is ended; 0 is DefaultSilence.
	Silence time.Duration
	// Source fetches what is imported from the web; nil offers no such import.
	Source Source
	// Cache is a folder for copies of data that are read, of this server alone;
	// "" is none. Its copies have CacheBytes together at most.
	Cache      string
	CacheBytes int64
	// Remote reads images of other regions; nil offers no such import.
	Remote Remote
	// Stores are those besides the local one; DefaultStore is the one that has
	// what names none, "" is the local one.
	Stores       []NamedStore
	DefaultStore string
	// Locations lets owners see where their images' data are and say that they
	// are at URLs, DirectURL shows the first of these places alone. Both are off
	// where nobody asks for them, as in Glance: who may set locations decides
	// what others' instances boot, until the data are verified.
	Locations bool
	DirectURL bool
}

// Service is the image slice.
type Service struct {
	db      *store.DB
	stores  stores
	cache   *cache // nil when there is none
	log     *slog.Logger
	options Options
	alive   time.Duration // between two signs of life of an upload
	look    int64         // bytes of an upload between two looks at the free space

	mu      sync.Mutex
	uploads map[string]context.CancelCauseFunc // that run here, by upload id
	imports map[string]string                  // owners of the tasks that are worked on here, by id
	tokens  map[string]credential              // of the tasks that were asked for here, by id
}

// New returns the slice on a database and the local store. Call Recover before
// the first request, and now and then; imports happen while Work runs. With a
// cache, OpenCache comes before all.
func New(db *store.DB, blobs *Blobs, log *slog.Logger, options Options) *Service {
	if options.MaxSize == 0 {
		options.MaxSize = DefaultMaxSize
	}
	if options.PartsKept == 0 {
		options.PartsKept = DefaultPartsKept
	}
	if options.Silence == 0 {
		options.Silence = DefaultSilence
	}
	if options.DefaultStore == "" {
		options.DefaultStore = LocalStore
	}
	return &Service{
		db: db, stores: append(stores{{LocalStore, blobs}}, options.Stores...), log: log, options: options, alive: aliveEvery, look: lookStep,
		uploads: map[string]context.CancelCauseFunc{}, imports: map[string]string{}, tokens: map[string]credential{},
	}
}

// OpenCache opens the cache that the options name; it does nothing where they
// name none.
func (s *Service) OpenCache() (err error) {
	if s.options.Cache != "" {
		s.cache, err = openCache(s.options.Cache, s.options.CacheBytes, s.log)
	}
	return err
}

func now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }
