package hosts

import (
	"runtime"
	"slices"
	"strings"
	"testing"

	"wisp/test/fleet"
	"wisp/test/postgres"
	"wisp/test/world"
)

// TestGrow takes a running all-in-one to PostgreSQL and to two more nodes. Its
// instance runs on, and is reached from the outside, all the while.
func TestGrow(t *testing.T) {
	runtime.LockOSThread() // PostgreSQL dies with the thread that started it
	db, err := postgres.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Stop(); err != nil {
			t.Error(err)
		}
	})
	f := fleet.New(t)
	first := f.AllInOne(1)
	c := first.Caller(t)
	hostsUp(t, c, 1)
	out, ext, router := outside(t, f, c)
	n := f.Network(c, "net", "10.1.0.0/24", "")
	attach(t, c, router, n)
	kit := f.Kit(c)
	old := kit.Boot(t, c, n, "server1")
	address := floating(t, c, ext, old.PortID)
	ping := func() error {
		_, err := f.Try(out, "ping", "-n", "-c", "1", "-W", "1", address)
		return err
	}
	world.Eventually(t, world.BootLimit, ping)
	process := old.Machines(t)

	losses := f.Losses(out, address)
	if said, err := first.TryWisp("db", "migrate", "--to", db.SocketURL("postgres")); err == nil {
		t.Errorf("a running cloud was moved:\n%s", said)
	}
	first.Stop()
	t.Logf("wisp db migrate says:\n%s", first.Wisp(t, "db", "migrate", "--to", db.SocketURL("postgres")))
	first.Start(t)
	first.Answers(t)
	if _, err := c.Get("/compute/v2.1/servers/"+old.ID, "server"); err != nil {
		t.Errorf("a token from before the move: %v", err)
	}
	hostsUp(t, c, 1)

	nodes := []*fleet.Node{f.Node(1, []*fleet.Server{first}, []string{fleet.External}), f.Node(2, []*fleet.Server{first}, nil)}
	hostsUp(t, c, 3)
	far := kit.Boot(t, c, n, "node1")
	near := f.GuestOn(c, nodes[1], n)
	near.Reaches(t, old.Address)
	world.Eventually(t, world.BootLimit, func() error { return near.Ping(far.Address) })
	sent, lost := losses()
	t.Logf("%d of %d pings to the old instance were lost meanwhile", lost, sent)
	if lost > 2 {
		t.Errorf("the old instance could not be reached while its cloud moved")
	}
	if now := old.Machines(t); !slices.Equal(now, process) || len(now) != 1 {
		t.Errorf("the old instance was process %v and is %v", process, now)
	}
	if said := first.Wisp(t, "node", "list"); !strings.Contains(said, "node1") || !strings.Contains(said, "node2") || !strings.Contains(said, "server1") {
		t.Errorf("wisp node list says:\n%s", said)
	}
}
