// Package cluster knows the servers of one cloud: those that share its
// database. Each keeps a row there, with its name, which no other has, and
// where the others reach it. On SQLite a server is alone and keeps none.
// Its main types are Cluster and Member. It imports errs and store.
package cluster

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/uptrace/bun"

	"wisp/internal/errs"
	"wisp/internal/store"
)

const (
	beat = 2 * time.Second
	// life is how long after its last sign of life a server counts as running.
	life       = 7 * time.Second
	lookEvery  = 500 * time.Millisecond // at who has our name
	askTimeout = 5 * time.Second
)

// Member is a server of the cloud.
type Member struct {
	bun.BaseModel `bun:"table:cloud_servers,alias:m"`

	Name      string    `bun:"name,pk"`
	Run       string    `bun:"run"` // which start of it
	URL       string    `bun:"url"` // of its node API; empty where others cannot reach it
	Version   string    `bun:"version"`
	StartedAt time.Time `bun:"started_at"`
	SeenAt    time.Time `bun:"seen_at"` // by the database's clock

	Alive bool `bun:"alive,scanonly"`
}

// Cluster is this server among the others.
type Cluster struct {
	db    *store.DB
	log   *slog.Logger
	self  Member
	alone bool
	stop  context.CancelFunc
	done  sync.WaitGroup

	displaced atomic.Bool
	skew      atomic.Int64 // of this machine's clock against the database's, nanoseconds
}

// Join makes this server one of the cloud until Close. It fails with Conflict
// when a server of the same name is running; one that was killed a moment ago
// is waited for.
func Join(ctx context.Context, db *store.DB, self Member, log *slog.Logger) (*Cluster, error) {
	c := &Cluster{db: db, log: log, self: self, alone: db.Engine() == store.SQLite}
	c.self.Run = uuid.NewString()
	var background context.Context
	background, c.stop = context.WithCancel(context.WithoutCancel(ctx))
	if c.alone {
		return c, nil
	}
	if self.Name == "" {
		c.stop()
		return nil, errs.New(errs.Invalid, "A server that shares its database needs a name.")
	}
	if err := c.enter(ctx); err != nil {
		c.stop()
		return nil, err
	}
	c.done.Go(func() { c.live(background) })
	return c, nil
}

// Close makes this server one of the cloud no more.
func (c *Cluster) Close() error {
	c.stop()
	c.done.Wait()
	if c.alone {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), askTimeout)
	defer cancel()
	return c.db.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.NewDelete().Model((*Member)(nil)).Where("name = ? AND run = ?", c.self.Name, c.self.Run).Exec(ctx)
		return err
	})
}

// find returns who has a name, with Alive.
func (c *Cluster) find(ctx context.Context, db bun.IDB, name string) (m Member, found bool, err error) {
	err = db.NewSelect().Model(&m).ColumnExpr("m.*").ColumnExpr(alive).Where("name = ?", name).Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return m, false, nil
	}
	if err != nil {
		return m, false, fmt.Errorf("find server %s: %w", name, err)
	}
	return m, true, nil
}

// alive compares by the database's clock alone.
var alive = fmt.Sprintf("seen_at > clock_timestamp() - INTERVAL '%d milliseconds' AS alive", life.Milliseconds())

// enter waits until the name is free, and takes it.
func (c *Cluster) enter(ctx context.Context) error {
	var first Member
	for {
		var holder Member
		var held bool
		err := c.db.Tx(ctx, func(ctx context.Context, tx *store.Tx) (err error) {
			if holder, held, err = c.find(ctx, tx, c.self.Name); err != nil || held && holder.Alive {
				return err
			}
			held = false
			return c.write(ctx, tx)
		})
		if err != nil || !held {
			return err
		}
		if first.Run == "" {
			first = holder
		}
		if holder.Run != first.Run || holder.SeenAt.After(first.SeenAt) {
			return errs.New(errs.Conflict, "A server named %q is running already on this database; give each its own name.", c.self.Name)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(lookEvery):
		}
	}
}

func (c *Cluster) write(ctx context.Context, tx *store.Tx) error {
	c.self.StartedAt = time.Now().UTC().Truncate(time.Microsecond)
	_, err := tx.NewInsert().Model(&c.self).Value("seen_at", "clock_timestamp()").
		On("CONFLICT (name) DO UPDATE").Set("run = EXCLUDED.run").Set("url = EXCLUDED.url").Set("version = EXCLUDED.version").
		Set("started_at = EXCLUDED.started_at").Set("seen_at = EXCLUDED.seen_at").Exec(ctx)
	if err != nil {
		return fmt.Errorf("write this server down: %w", err)
	}
	return nil
}

// live says every now and then that this server is there.
func (c *Cluster) live(ctx context.Context) {
	tick := time.NewTicker(beat)
	defer tick.Stop()
	for {
		if err := c.tell(ctx); err != nil && ctx.Err() == nil {
			c.log.WarnContext(ctx, "this server's sign of life could not be written", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (c *Cluster) tell(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	displaced := false
	err := c.db.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		displaced = false
		var told []Member
		began := time.Now()
		_, err := tx.NewUpdate().Model((*Member)(nil)).Set("seen_at = clock_timestamp()").
			Where("name = ? AND run = ?", c.self.Name, c.self.Run).Returning("seen_at").Exec(ctx, &told)
		if err != nil {
			return err
		}
		if len(told) == 1 {
			c.skew.Store(int64(began.Add(time.Since(began) / 2).Sub(told[0].SeenAt)))
			return nil
		}
		holder, held, err := c.find(ctx, tx, c.self.Name)
		if err != nil {
			return err
		}
		if displaced = held && holder.Alive; displaced {
			return nil
		}
		return c.write(ctx, tx)
	})
	if err != nil {
		return err
	}
	if c.displaced.Swap(displaced) != displaced && displaced {
		c.log.ErrorContext(ctx, "another server runs under this server's name: give each its own", "name", c.self.Name)
	}
	return nil
}

// Members are the servers that are running, by name; this one alone on SQLite.
func (c *Cluster) Members(ctx context.Context) ([]Member, error) {
	if c.alone {
		return []Member{c.self}, nil
	}
	var members []Member
	err := c.db.Read().NewSelect().Model(&members).ColumnExpr("m.*").ColumnExpr(alive).Order("name").Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("list servers: %w", err)
	}
	var running []Member
	for _, m := range members {
		if m.Alive {
			running = append(running, m)
		}
	}
	return running, nil
}

// URL is where another server that is running listens for nodes and servers:
// empty when there is none of that name, when it is this one, or when others
// cannot reach it.
func (c *Cluster) URL(ctx context.Context, name string) (string, error) {
	if c.alone || name == c.self.Name {
		return "", nil
	}
	m, found, err := c.find(ctx, c.db.Read(), name)
	if err != nil || !found || !m.Alive {
		return "", err
	}
	return m.URL, nil
}

// Displaced tells whether another server runs under this one's name.
func (c *Cluster) Displaced() bool { return c.displaced.Load() }

// Skew is how far this machine's clock is ahead of the database's.
func (c *Cluster) Skew() time.Duration { return time.Duration(c.skew.Load()) }

// Others tells whether there can be other servers.
func (c *Cluster) Others() bool { return !c.alone }
