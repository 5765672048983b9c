package identity

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/uptrace/bun"
	"golang.org/x/crypto/bcrypt"

	"wisp/internal/errs"
	"wisp/internal/store"
)

// topic is signalled by every change.
const topic = "identity"

// DefaultDomain is the id of the domain that every cloud has.
const DefaultDomain = "default"

// Service is the identity service. Make it with New, then run Bootstrap.
type Service struct {
	db       *store.DB
	log      *slog.Logger
	now      func() time.Time
	cost     int           // of bcrypt
	lifetime time.Duration // of tokens
	rules    PasswordRules
	poll     time.Duration // how old knowledge of another server's changes may be

	hashing chan struct{} // bounds password hashing, which is slow on purpose
	dummy   func() []byte // a hash that no password has, for users that aren't
	compare func(hashed, password []byte) error

	revision atomic.Int64  // the newest that is known
	polled   atomic.Int64  // when the database was asked, Unix nanoseconds
	signals  *atomic.Int64 // of changes, by any server
	heard    atomic.Int64  // how many there were when the database was asked
	asking   sync.Mutex
	facts    atomic.Pointer[facts]
	learning sync.Mutex
	revoked  revoked
	resolved cache
}

// Option changes a Service from its defaults.
type Option func(*Service)

// WithHashCost sets bcrypt's cost, 12 by default, as Keystone has it.
func WithHashCost(cost int) Option { return func(s *Service) { s.cost = cost } }

// WithTokenLifetime sets how long tokens are valid, one hour by default.
func WithTokenLifetime(d time.Duration) Option { return func(s *Service) { s.lifetime = d } }

// WithPasswordRules sets what holds for passwords; by default nothing.
func WithPasswordRules(r PasswordRules) Option { return func(s *Service) { s.rules = r } }

// WithClock replaces time.Now, for tests of expiry.
func WithClock(now func() time.Time) Option { return func(s *Service) { s.now = now } }

// WithPoll sets how often the database is asked whether another server
// changed something although the store told of nothing; 250 ms by default.
// Changes made by this Service are known at once.
func WithPoll(d time.Duration) Option { return func(s *Service) { s.poll = d } }

// New returns the service on a database. Tokens can be issued and checked
// after Bootstrap, which makes the keys.
func New(db *store.DB, log *slog.Logger, options ...Option) *Service {
	s := &Service{
		db: db, log: log, now: time.Now, cost: 12, lifetime: time.Hour, poll: 250 * time.Millisecond,
		hashing: make(chan struct{}, max(1, runtime.NumCPU())), compare: bcrypt.CompareHashAndPassword,
	}
	for _, option := range options {
		option(s)
	}
	s.signals = db.Signals(topic)
	s.dummy = sync.OnceValue(func() []byte { return dummyHash(s.cost) })
	return s
}

// time returns now as it is stored: UTC, microseconds.
func (s *Service) time() time.Time { return s.now().UTC().Truncate(time.Microsecond) }

// change runs fn in a transaction that counts the revision up, so that what
// any server has cached is out of date once it is committed.
func (s *Service) change(ctx context.Context, fn func(ctx context.Context, tx *store.Tx) error) error {
	return s.db.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		if err := fn(ctx, tx); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, "UPDATE identity_revision SET revision = revision + 1 WHERE id = 1"); err != nil {
			return fmt.Errorf("count identity revision: %w", err)
		}
		revision, err := readRevision(ctx, tx)
		if err != nil {
			return err
		}
		tx.Signal(topic)
		tx.AfterCommit(func() { s.learn(revision) })
		return nil
	}, "identity")
}

func readRevision(ctx context.Context, db bun.IDB) (int64, error) {
	var revision int64
	err := db.NewSelect().ColumnExpr("revision").TableExpr("identity_revision").Where("id = 1").Scan(ctx, &revision)
	if err != nil {
		return 0, fmt.Errorf("read identity revision: %w", err)
	}
	return revision, nil
}

// learn notes a revision, unless a newer one is known.
func (s *Service) learn(revision int64) {
	for {
		known := s.revision.Load()
		if known >= revision || s.revision.CompareAndSwap(known, revision) {
			return
		}
	}
}

// current returns the newest revision: this server's own changes at once,
// those of others as soon as the store tells of them, and at most one poll
// interval late when it tells nothing.
func (s *Service) current(ctx context.Context) (int64, error) {
	due := func() bool {
		return s.signals.Load() != s.heard.Load() || time.Now().UnixNano()-s.polled.Load() >= int64(s.poll)
	}
	if !due() {
		return s.revision.Load(), nil
	}
	s.asking.Lock()
	defer s.asking.Unlock()
	if !due() {
		return s.revision.Load(), nil
	}
	start, heard := time.Now().UnixNano(), s.signals.Load()
	revision, err := readRevision(ctx, s.db.Read())
	if err != nil {
		return 0, err
	}
	s.learn(revision)
	s.polled.Store(start)
	s.heard.Store(heard)
	return s.revision.Load(), nil
}

// newID returns an id in Keystone's form: 32 hexadecimal digits.
func newID() string { return strings.ReplaceAll(uuid.NewString(), "-", "") }

// Extra are the attributes that the API keeps for its users without knowing
// them, such as a user's e-mail address. Stored as JSON.
type Extra map[string]any

// Value implements driver.Valuer.
func (e Extra) Value() (driver.Value, error) {
	if e == nil {
		return "{}", nil
	}
	content, err := json.Marshal(map[string]any(e))
	return string(content), err
}

// Scan implements sql.Scanner.
func (e *Extra) Scan(from any) error {
	switch v := from.(type) {
	case string:
		return json.Unmarshal([]byte(v), (*map[string]any)(e))
	case []byte:
		return json.Unmarshal(v, (*map[string]any)(e))
	}
	return fmt.Errorf("extra attributes are stored as %T", from)
}

// merge lays newer attributes over older ones, into a new map. Null removes.
func (e Extra) merge(newer Extra) Extra {
	all := Extra{}
	for _, set := range []Extra{e, newer} {
		for name, value := range set {
			if value == nil {
				delete(all, name)
			} else {
				all[name] = value
			}
		}
	}
	return all
}

// notFound is Keystone's answer for what isn't there: "Could not find user: x."
func notFound(what, id string) error {
	return errs.New(errs.NotFound, "Could not find %s: %s.", what, id)
}

// missingIsInvalid is an error about what a request's body names: that it isn't
// there is a fault of the body.
func missingIsInvalid(err error) error {
	if public, ok := errors.AsType[*errs.Error](err); ok && public.Kind == errs.NotFound {
		return errs.New(errs.Invalid, "%s", public.Message)
	}
	return err
}

// one scans a single row, and says notFound when there is none.
func one(ctx context.Context, q *bun.SelectQuery, what, id string) error {
	err := q.Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return notFound(what, id)
	}
	if err != nil {
		return fmt.Errorf("read %s: %w", what, err)
	}
	return nil
}

// write runs an insert or update, and says in Keystone's words when a name is
// taken.
func write(ctx context.Context, q interface {
	Exec(ctx context.Context, dest ...any) (sql.Result, error)
}, what, duplicate string) error {
	_, err := q.Exec(ctx)
	if store.IsDuplicate(err) {
		return errs.Wrap(err, errs.Conflict, "Conflict occurred attempting to store %s - %s.", what, duplicate)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", what, err)
	}
	return nil
}

func duplicateName(name, domainID string) string {
	return fmt.Sprintf("Duplicate entry found with name %s at domain ID %s", name, domainID)
}
