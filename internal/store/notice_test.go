package store_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"wisp/internal/store"
	"wisp/internal/store/storetest"
)

// patience is how long anything may take on a busy machine.
const patience = 60 * time.Second

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !is() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("never: %s", what)
		}
	}
}

// ear counts the changes that a database tells of, by their ids.
type ear struct {
	mu     sync.Mutex
	times  map[string]int
	missed int
	news   chan string // ids, while there is room
}

func listen(t *testing.T, db *store.DB) *ear {
	t.Helper()
	e := &ear{times: map[string]int{}, news: make(chan string, 1024)}
	t.Cleanup(db.Changes(func(changes []store.Change) {
		e.mu.Lock()
		defer e.mu.Unlock()
		if len(changes) == 0 {
			e.missed++
		}
		for _, c := range changes {
			e.times[c.ID]++
			select {
			case e.news <- c.ID:
			default:
			}
		}
	}))
	return e
}

func (e *ear) count() (heard, twice int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, n := range e.times {
		if n > 1 {
			twice++
		}
	}
	return len(e.times), twice
}

// tell commits a change of each id, and a signal.
func tell(ctx context.Context, db *store.DB, ids ...string) error {
	return db.Tx(ctx, func(_ context.Context, tx *store.Tx) error {
		for _, id := range ids {
			tx.Changed(store.Change{Resource: "thing", ID: id, Action: store.Update, ProjectID: "p", UserID: "u", Projects: []string{"q"}, Public: true})
		}
		tx.Signal("things")
		return nil
	})
}

func listens(t *testing.T, dbs ...*store.DB) {
	t.Helper()
	eventually(t, "LISTEN works", func() bool {
		return !slices.ContainsFunc(dbs, func(db *store.DB) bool { return db.Notices() != store.NoticesListen })
	})
}

func TestNoticesReachTheOtherServer(t *testing.T) {
	t.Parallel()
	a, b := storetest.Two(t)
	listens(t, a, b)
	here, there := listen(t, a), listen(t, b)
	wake, cancel := b.Subscribe("things")
	defer cancel()
	count := b.Signals("things")
	const rounds = 100
	var took []time.Duration
	for i := range rounds {
		id := fmt.Sprint(i)
		if err := tell(t.Context(), a, id); err != nil {
			t.Fatal(err)
		}
		committed := time.Now()
		select {
		case got := <-there.news:
			if got != id {
				t.Fatalf("heard of %s, want %s", got, id)
			}
			took = append(took, time.Since(committed))
		case <-time.After(patience):
			t.Fatalf("nothing was heard of change %d", i)
		}
		<-wake
	}
	slices.Sort(took)
	t.Logf("from the commit to the other server: median %s, 99%% %s, longest %s", took[rounds/2], took[rounds*99/100], took[rounds-1])
	if took[rounds/2] > 100*time.Millisecond {
		t.Errorf("half of the changes took longer than %s", took[rounds/2])
	}
	if n := count.Load(); n != rounds {
		t.Errorf("the other server counts %d signals", n)
	}
	// Nothing is told twice, also not by the table, which has it all.
	if err := tell(t.Context(), b, "last"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the last is heard", func() bool { n, _ := here.count(); return n == rounds+1 })
	store.ReadNotices(a)
	store.ReadNotices(b)
	for name, e := range map[string]*ear{"the teller": here, "the other": there} {
		if heard, twice := e.count(); heard != rounds+1 || twice != 0 {
			t.Errorf("%s heard of %d changes, %d of them twice", name, heard, twice)
		}
	}
}

// What is rolled back is told to nobody, whoever hears.
func TestNoticesFollowTheCommit(t *testing.T) {
	t.Parallel()
	a, b := storetest.Two(t)
	listens(t, a, b)
	there := listen(t, b)
	failure := errors.New("no")
	err := a.Tx(t.Context(), func(_ context.Context, tx *store.Tx) error {
		tx.Changed(store.Change{Resource: "thing", ID: "never"})
		return failure
	})
	if !errors.Is(err, failure) {
		t.Fatal(err)
	}
	if err := tell(t.Context(), a, "then"); err != nil {
		t.Fatal(err)
	}
	if got := <-there.news; got != "then" {
		t.Errorf("heard of %s", got)
	}
}

// NOTIFY carries less than 8000 bytes; a transaction may change thousands.
func TestNoticesOfAnySize(t *testing.T) {
	t.Parallel()
	a, b := storetest.Two(t)
	listens(t, a, b)
	there := listen(t, b)
	total := 0
	for _, size := range []int{1, 50, 60, 70, 80, 3000} {
		var ids []string
		for i := range size {
			ids = append(ids, fmt.Sprintf("größe '%d' \\ ? \x00 of %d", i, size))
		}
		if err := tell(t.Context(), a, ids...); err != nil {
			t.Fatal(err)
		}
		total += size
		eventually(t, fmt.Sprintf("%d changes are heard", size), func() bool { n, _ := there.count(); return n == total })
	}
	if _, twice := there.count(); twice != 0 {
		t.Errorf("%d were heard twice", twice)
	}
}

// The listening connection is killed again and again while both servers
// commit, some of it in transactions that last: nothing is lost or doubled.
func TestNoticesSurviveTheirConnection(t *testing.T) {
	t.Parallel()
	a, b := storetest.Two(t)
	listens(t, a, b)
	ears := map[*store.DB]*ear{a: listen(t, a), b: listen(t, b)}
	const writers, each = 4, 100
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var writing, killing sync.WaitGroup
	for i := range writers {
		db := []*store.DB{a, b}[i%2]
		writing.Go(func() {
			for j := range each {
				err := db.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
					if j%10 == 0 {
						if _, err := tx.ExecContext(ctx, "SELECT pg_current_xact_id(), pg_sleep(0.05)"); err != nil {
							return err
						}
					}
					tx.Changed(store.Change{Resource: "thing", ID: fmt.Sprintf("%d-%d", i, j)})
					return nil
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	ended, kills := make(chan struct{}), 0
	killing.Go(func() {
		tick := time.NewTicker(30 * time.Millisecond)
		defer tick.Stop()
		for {
			var killed []bool
			if err := a.Read().NewRaw("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'wisp_notices' AND datname = current_database()").Scan(ctx, &killed); err != nil {
				t.Error(err)
				return
			}
			kills += len(killed)
			select {
			case <-ended:
				return
			case <-tick.C:
			}
		}
	})
	writing.Wait()
	close(ended)
	killing.Wait()
	for _, e := range ears {
		eventually(t, "everything is heard", func() bool { n, _ := e.count(); return n == writers*each })
	}
	listens(t, a, b) // it comes back by itself
	for _, e := range ears {
		if heard, twice := e.count(); heard != writers*each || twice != 0 || e.missed != 0 {
			t.Errorf("%d heard, %d twice, %d times something was missed", heard, twice, e.missed)
		}
	}
	t.Logf("%d connections were killed", kills)
	if kills == 0 {
		t.Error("no connection was killed")
	}
}

// A NOTIFY that never came is made up for by the table, also when its
// transaction began before others that were heard.
func TestNoticesWithoutNotify(t *testing.T) {
	t.Parallel()
	a, b := storetest.Two(t)
	listens(t, a, b)
	there := listen(t, b)
	err := a.Tx(t.Context(), func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO notices VALUES (pg_current_xact_id()::text::bigint, 'somebody', '{"changes":[{"resource":"thing","id":"silent","action":"update"}]}', now())`)
		if err != nil {
			return err
		}
		if err := tell(ctx, a, "loud"); err != nil {
			return err
		}
		eventually(t, "what was committed later is heard", func() bool { n, _ := there.count(); return n == 1 })
		store.ReadNotices(b)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the silent one is found", func() bool { n, _ := there.count(); return n == 2 })
	store.ReadNotices(b)
	if _, twice := there.count(); twice != 0 || there.missed != 0 {
		t.Errorf("%d were heard twice, %d times something was missed", twice, there.missed)
	}
}

// A pooler hands each statement to any connection: what one listens to is
// heard by nobody. It costs time, and nothing else.
func TestNoticesBehindAPooler(t *testing.T) {
	t.Parallel()
	storetest.NeedPostgreSQL(t)
	dsn := storetest.PostgreSQLURL(t)
	direct, pooled := reopen(t, dsn), reopen(t, deafPooler(t, dsn))
	there := listen(t, pooled)
	for i := range 5 {
		began := time.Now()
		if err := tell(t.Context(), direct, fmt.Sprint(i)); err != nil {
			t.Fatal(err)
		}
		select {
		case <-there.news:
			t.Logf("heard after %s", time.Since(began))
		case <-time.After(patience):
			t.Fatal("nothing was heard")
		}
	}
	if got := pooled.Notices(); got != store.NoticesPoll {
		t.Errorf("notices come by %q", got)
	}
	// What locks a connection holds, the pooler gives to somebody else.
	for db, want := range map[*store.DB]int{direct: 1, pooled: 0} {
		var locks int
		err := db.Tx(t.Context(), func(ctx context.Context, tx *store.Tx) error {
			return tx.NewRaw("SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database WHERE l.locktype = 'advisory' AND d.datname = current_database()").Scan(ctx, &locks)
		}, "things")
		if err != nil || locks != want {
			t.Errorf("%d locks are held, want %d; %v", locks, want, err)
		}
	}
}

func reopen(t *testing.T, dsn string) *store.DB {
	t.Helper()
	db, err := store.Open(t.Context(), dsn, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

// deafPooler answers LISTEN and does nothing about it.
func deafPooler(t *testing.T, dsn string) string {
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	behind := u.Host
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer client.Close()
				server, err := net.Dial("tcp4", behind)
				if err != nil {
					return
				}
				defer server.Close()
				go func() {
					_, _ = io.Copy(client, server)
					_ = client.Close()
				}()
				_ = withoutListen(server, client)
			}()
		}
	}()
	u.Host = listener.Addr().String()
	return u.String()
}

// withoutListen copies what a client says, the messages of PostgreSQL's
// protocol 3, with a harmless query in the place of each LISTEN.
func withoutListen(to io.Writer, from io.Reader) error {
	for first := true; ; first = false {
		head := make([]byte, 5) // the first message has no kind
		if first {
			head = head[:4]
		}
		if _, err := io.ReadFull(from, head); err != nil {
			return err
		}
		size := head[len(head)-4:]
		body := make([]byte, binary.BigEndian.Uint32(size)-4)
		if _, err := io.ReadFull(from, body); err != nil {
			return err
		}
		if !first && head[0] == 'Q' && strings.HasPrefix(string(body), "LISTEN ") {
			body = []byte("SELECT 1\x00")
			binary.BigEndian.PutUint32(size, uint32(len(body)+4))
		}
		if _, err := to.Write(append(head, body...)); err != nil {
			return err
		}
	}
}

// A database that counts its transactions from less than before is not the one
// that was listened to: it is said that anything may have changed.
func TestNoticesOfAnotherDatabase(t *testing.T) {
	t.Parallel()
	a, b := storetest.Two(t)
	there := listen(t, b)
	wake, cancel := b.Subscribe("things")
	defer cancel()
	count := b.Signals("things").Load()
	store.ExpectTransaction(b, 1<<60)
	store.ReadNotices(b)
	<-wake
	if there.missed != 1 || b.Signals("things").Load() == count {
		t.Errorf("%d times something was missed", there.missed)
	}
	if err := tell(t.Context(), a, "then"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the next is heard", func() bool { n, _ := there.count(); return n == 1 })
}

// Old rows go.
func TestNoticesArePruned(t *testing.T) {
	t.Parallel()
	a, b := storetest.Two(t)
	if err := tell(t.Context(), a, "new"); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Read().NewRaw("INSERT INTO notices VALUES (1, 'somebody', '{}', now() - interval '20 minutes')").Exec(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := store.PruneNotices(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	if n, err := a.Read().NewSelect().Table("notices").Count(t.Context()); err != nil || n != 1 {
		t.Errorf("%d rows are left, %v", n, err)
	}
}

func TestNoticesOfOneServer(t *testing.T) {
	t.Parallel()
	db := storetest.SQLite(t)
	if got := db.Notices(); got != store.NoticesLocal {
		t.Errorf("notices come by %q", got)
	}
	count := db.Signals("things")
	if err := tell(t.Context(), db, "a"); err != nil {
		t.Fatal(err)
	}
	if n, err := db.Read().NewSelect().Table("notices").Count(t.Context()); err != nil || n != 0 || count.Load() != 1 {
		t.Errorf("%d rows, %d signals, %v", n, count.Load(), err)
	}
}

// BenchmarkNotices shows what telling costs.
func BenchmarkNotices(b *testing.B) {
	storetest.NeedPostgreSQL(b)
	for _, told := range []bool{false, true} {
		b.Run(fmt.Sprintf("told %t", told), func(b *testing.B) {
			db := storetest.PostgreSQL(b)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					err := db.Tx(b.Context(), func(ctx context.Context, tx *store.Tx) error {
						if told {
							tx.Changed(store.Change{Resource: "thing", ID: "x"})
						}
						_, err := tx.ExecContext(ctx, "SELECT pg_current_xact_id()")
						return err
					})
					if err != nil {
						b.Error(err)
					}
				}
			})
		})
	}
}
