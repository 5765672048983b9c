package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/uptrace/bun/dialect/pgdialect"
)

// How what other servers commit reaches this one.
const (
	NoticesLocal  = "local"  // there are no others: SQLite
	NoticesListen = "listen" // at once, by LISTEN
	NoticesPoll   = "poll"   // by asking the database again and again
)

const (
	channel = "wisp_notices"
	// maxPayload is how many bytes a NOTIFY carries; PostgreSQL takes less than
	// 8000. What is longer is read from its row.
	maxPayload = 7900

	pollEvery   = 200 * time.Millisecond // while nothing is heard
	verifyEvery = 3 * time.Second        // while all should be heard
	probeWait   = 3 * time.Second        // until what we told ourselves counts as not heard
	askTimeout  = 10 * time.Second

	noticesKept = 10 * time.Minute
	pruneEvery  = time.Minute
	// missedAfter: who could not ask for so long may have missed what is
	// pruned by now.
	missedAfter = noticesKept / 2

	listenFirst = 100 * time.Millisecond
	listenLast  = 10 * time.Second
)

// notice is what one transaction tells.
type notice struct {
	Topics  []string `json:"topics,omitempty"`
	Changes []Change `json:"changes,omitempty"`
}

// noticeKey names a notice: a transaction has one at most. The origin is there
// because a restored database may count its transactions from less.
type noticeKey struct {
	xact   int64
	origin string
}

// notices is how servers on one PostgreSQL tell each other what they commit.
//
// A transaction that has something to tell writes it to a row and sends it by
// NOTIFY, both of which take effect with its commit. One connection of each
// server listens. Whatever that misses is found in the table: it is read all
// the time while the connection is down, and every few seconds besides.
//
// Rows are read by the transactions that wrote them, not by a sequence, whose
// numbers become visible out of order: below low, the oldest transaction that
// was running at the last look, everything had been committed by then and was
// read; what is known of those above is in seen.
type notices struct {
	db     *DB
	log    *slog.Logger
	config *pgx.ConnConfig
	origin string
	own    string // the channel of probes, which nobody else listens to
	stop   context.CancelFunc
	done   sync.WaitGroup
	kick   chan struct{} // holds one: read the table now
	heard  atomic.Bool   // whether LISTEN works

	tried    chan struct{} // closed when the first attempt to listen has come to something
	tryOnce  sync.Once
	sessions atomic.Bool // whether connections keep what was said on them, as far as is known

	looking sync.Mutex // one reads the table at a time

	mu     sync.Mutex
	low    int64
	seen   map[noticeKey]struct{}
	looked time.Time // the last time that the table was read
}

// beginNotices learns where the table ends, and starts to listen.
func (d *DB) beginNotices(ctx context.Context, dsn string) error {
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		return err
	}
	config.RuntimeParams["application_name"] = channel
	config.ConnectTimeout = askTimeout
	n := &notices{db: d, log: d.log, config: config, origin: uuid.NewString(), kick: make(chan struct{}, 1), tried: make(chan struct{}), seen: map[noticeKey]struct{}{}, looked: time.Now()}
	n.own = "wisp_" + strings.ReplaceAll(n.origin, "-", "")
	if err := d.write.NewRaw("SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint").Scan(ctx, &n.low); err != nil {
		return fmt.Errorf("begin to listen: %w", err)
	}
	ctx, n.stop = context.WithCancel(context.WithoutCancel(ctx))
	n.done.Go(func() { n.listen(ctx) })
	n.done.Go(func() { n.read(ctx) })
	d.notices = n
	return nil
}

func (n *notices) close() {
	n.stop()
	n.done.Wait()
}

// Notices tells how the commits of other servers are heard of.
func (d *DB) Notices() string {
	switch {
	case d.notices == nil:
		return NoticesLocal
	case d.notices.heard.Load():
		return NoticesListen
	}
	return NoticesPoll
}

// notify makes the transaction tell the other servers, in one round trip.
func (t *Tx) notify(ctx context.Context, origin string) error {
	if len(t.topics)+len(t.noted.list) == 0 {
		return nil
	}
	body, err := json.Marshal(notice{Topics: t.topics, Changes: t.noted.list})
	if err != nil {
		return fmt.Errorf("encode a notice: %w", err)
	}
	told := string(body)
	if len(told)+len(origin)+len(" 18446744073709551615 ") > maxPayload {
		told = ""
	}
	_, err = t.ExecContext(ctx, `WITH n AS (
		INSERT INTO notices (xact, origin, body, made_at) VALUES (pg_current_xact_id()::text::bigint, ?, ?, clock_timestamp()) RETURNING xact
	) SELECT pg_notify(?, xact::text || ?) FROM n`, origin, string(body), channel, " "+origin+" "+told)
	if err != nil {
		return fmt.Errorf("tell the other servers: %w", err)
	}
	return nil
}

// listen keeps the listening connection until ctx ends.
func (n *notices) listen(ctx context.Context) {
	defer n.settle()
	wait := listenFirst
	for ctx.Err() == nil {
		began := time.Now()
		err := n.session(ctx)
		if errors.Is(err, errDeaf) {
			n.sessions.Store(false)
		}
		n.settle()
		if n.heard.Swap(false) {
			n.log.WarnContext(ctx, "the database tells nothing by itself any more; it is asked instead", "error", err)
		} else {
			n.log.DebugContext(ctx, "the database tells nothing by itself", "error", err)
		}
		n.readNow()
		if time.Since(began) > listenLast {
			wait = listenFirst
		}
		pause(ctx, wait/2+rand.N(wait/2))
		wait = min(2*wait, listenLast)
	}
}

func (n *notices) settle() { n.tryOnce.Do(func() { close(n.tried) }) }

// keepsSessions tells whether what belongs to a connection stays with it: not
// so behind a pooler that gives a connection for each transaction. It waits for
// the first attempt to find that out.
func (n *notices) keepsSessions(ctx context.Context) bool {
	select {
	case <-n.tried:
	case <-ctx.Done():
	}
	return n.sessions.Load()
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// errDeaf is what happens behind a pooler that gives LISTEN to a connection
// which it then gives to others.
var errDeaf = errors.New("what was told is not heard: LISTEN does not work on this connection")

// session listens on one connection until it fails.
func (n *notices) session(ctx context.Context) error {
	conn, err := pgx.ConnectConfig(ctx, n.config)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = conn.Close(ctx) // nothing more can be done for it
	}()
	if _, err := conn.Exec(ctx, "LISTEN "+channel+"; LISTEN "+n.own); err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	echo := make(chan struct{}, 1)
	var probing sync.WaitGroup
	probing.Go(func() { cancel(n.probe(ctx, echo)) })
	defer probing.Wait()
	defer cancel(nil)
	for {
		got, err := conn.WaitForNotification(ctx)
		if err != nil {
			return errors.Join(context.Cause(ctx), err)
		}
		if got.Channel == n.own {
			select {
			case echo <- struct{}{}:
			default:
			}
			continue
		}
		n.hear(ctx, got.Payload)
	}
}

// probe tells this server something now and then, through other connections,
// and fails when it does not come back.
func (n *notices) probe(ctx context.Context, echo <-chan struct{}) error {
	for {
		err := n.ask(ctx, func(ctx context.Context) error {
			_, err := n.db.write.DB.ExecContext(ctx, "NOTIFY "+n.own)
			return err
		})
		if err != nil {
			return fmt.Errorf("probe: %w", err)
		}
		late := time.NewTimer(probeWait)
		select {
		case <-ctx.Done():
			late.Stop()
			return ctx.Err()
		case <-echo:
			late.Stop()
		case <-late.C:
			return errDeaf
		}
		n.sessions.Store(true)
		n.settle()
		if !n.heard.Swap(true) {
			n.log.DebugContext(ctx, "the database tells what other servers commit")
			n.readNow() // what was committed before we heard
		}
		pause(ctx, verifyEvery)
	}
}

// hear takes what came by NOTIFY: the transaction, who told, and what, or
// nothing when that is too long.
func (n *notices) hear(ctx context.Context, payload string) {
	number, rest, _ := strings.Cut(payload, " ")
	origin, body, _ := strings.Cut(rest, " ")
	xact, err := strconv.ParseInt(number, 10, 64)
	switch {
	case err != nil:
		n.log.WarnContext(ctx, "something that is not a notice was heard", "error", err)
	case origin == n.origin:
	case body == "":
		n.readNow()
	default:
		n.deliver(ctx, noticeKey{xact, origin}, body)
	}
}

func (n *notices) readNow() {
	select {
	case n.kick <- struct{}{}:
	default:
	}
}

// deliver tells this server's subscribers, each notice once.
func (n *notices) deliver(ctx context.Context, key noticeKey, body string) {
	n.mu.Lock()
	_, again := n.seen[key]
	if again = again || key.xact < n.low; !again {
		n.seen[key] = struct{}{}
	}
	n.mu.Unlock()
	if again {
		return
	}
	var told notice
	if err := json.Unmarshal([]byte(body), &told); err != nil {
		n.log.ErrorContext(ctx, "a notice cannot be read", "origin", key.origin, "error", err)
		n.db.missed()
		return
	}
	for _, topic := range told.Topics {
		n.db.signal(topic)
	}
	if len(told.Changes) > 0 {
		n.db.feed.publish(told.Changes)
	}
}

// read reads the table until ctx ends, and keeps it short.
func (n *notices) read(ctx context.Context) {
	failing := false
	prune := time.Now().Add(rand.N(pruneEvery)) // servers that start together take turns
	for {
		every := pollEvery
		if n.heard.Load() {
			every = verifyEvery
		}
		timer := time.NewTimer(every)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-n.kick:
			timer.Stop()
		case <-timer.C:
		}
		err := n.ask(ctx, n.look)
		if err == nil && time.Now().After(prune) {
			prune = time.Now().Add(pruneEvery)
			err = n.ask(ctx, n.prune)
		}
		switch {
		case ctx.Err() != nil:
			return
		case err != nil && !failing:
			n.log.WarnContext(ctx, "what other servers commit cannot be read", "error", err)
		case err == nil && failing:
			n.log.InfoContext(ctx, "what other servers commit can be read again")
		}
		if failing = err != nil; failing {
			pause(ctx, pollEvery)
		}
	}
}

func (n *notices) ask(ctx context.Context, fn func(ctx context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	return fn(ctx)
}

// look delivers what is in the table and not known yet.
func (n *notices) look(ctx context.Context) error {
	n.looking.Lock()
	defer n.looking.Unlock()
	n.mu.Lock()
	low := n.low
	n.mu.Unlock()
	began := time.Now()
	// One statement is one snapshot: what has committed below its xmin is in it.
	var rows []struct {
		Low    int64   `bun:"low"`
		Xact   *int64  `bun:"xact"`
		Origin *string `bun:"origin"`
	}
	err := n.db.write.NewRaw(`SELECT s.low, n.xact, n.origin
		FROM (SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS low) s LEFT JOIN notices n ON n.xact >= ? AND n.origin <> ?
		ORDER BY n.xact`, low, n.origin).Scan(ctx, &rows)
	if err != nil {
		return fmt.Errorf("read notices: %w", err)
	}
	next := rows[0].Low
	unknown := map[noticeKey]bool{}
	n.mu.Lock()
	for _, row := range rows {
		if row.Xact == nil {
			continue
		}
		key := noticeKey{*row.Xact, *row.Origin}
		if _, known := n.seen[key]; !known {
			unknown[key] = true
		}
	}
	n.mu.Unlock()
	if err := n.fetch(ctx, low, unknown); err != nil {
		return err
	}
	n.mu.Lock()
	missed := next < low || began.Sub(n.looked) > missedAfter // a database that counts from less is another, or an older one
	n.low, n.looked = next, began
	for key := range n.seen {
		if key.xact < next {
			delete(n.seen, key)
		}
	}
	n.mu.Unlock()
	if missed {
		n.log.WarnContext(ctx, "what other servers committed may have been missed")
		n.db.missed()
	}
	return nil
}

// fetch reads and delivers notices, those of older transactions first.
func (n *notices) fetch(ctx context.Context, low int64, unknown map[noticeKey]bool) error {
	if len(unknown) == 0 {
		return nil
	}
	xacts := make([]int64, 0, len(unknown))
	for key := range unknown {
		xacts = append(xacts, key.xact)
	}
	rows, err := n.db.write.NewSelect().Table("notices").Column("xact", "origin", "body").
		Where("xact >= ? AND xact = ANY(?)", low, pgdialect.Array(xacts)).OrderExpr("xact").Rows(ctx)
	if err != nil {
		return fmt.Errorf("read notices: %w", err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var key noticeKey
		var body string
		if err := rows.Scan(&key.xact, &key.origin, &body); err != nil {
			return fmt.Errorf("read notices: %w", err)
		}
		if unknown[key] {
			n.deliver(ctx, key, body)
		}
	}
	return rows.Err()
}

// prune drops old notices. Outside of a serializable transaction, as all
// reading here: it gets in nobody's way.
func (n *notices) prune(ctx context.Context) error {
	_, err := n.db.write.ExecContext(ctx, "DELETE FROM notices WHERE made_at < clock_timestamp() - ? * INTERVAL '1 second'", int64(noticesKept/time.Second))
	if err != nil {
		return fmt.Errorf("drop old notices: %w", err)
	}
	return nil
}
