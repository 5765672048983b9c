package operator_test

import (
	"context"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"wisp/internal/compute"
	"wisp/internal/compute/computetest"
	"wisp/internal/errs"
	"wisp/internal/join"
	"wisp/internal/membership"
	"wisp/internal/network"
	"wisp/internal/operator"
	"wisp/internal/pki"
	"wisp/internal/store"
	"wisp/internal/store/storetest"
)

// cloud is a cloud with two hosts that joined, and its operator.
type cloud struct {
	*computetest.Cloud
	*operator.Operator
	t     *testing.T
	nodes map[string]*computetest.Node
}

// gateways moves none, and remembers whose it was to move.
type gateways struct{ asked []string }

func (g *gateways) MoveGateways(_ context.Context, _ *store.Tx, lost []string) (int, error) {
	g.asked = append(g.asked, lost...)
	return 3, nil
}

func newCloud(t *testing.T, db *store.DB, g operator.Gateways) *cloud {
	t.Helper()
	c := &cloud{Cloud: computetest.New(t, db), t: t, nodes: map[string]*computetest.Node{}}
	authority, err := membership.Authority(t.Context(), db, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	members := membership.New(db, authority, membership.Config{Host: func(context.Context, string) (known, works bool, err error) { return false, false, nil }})
	if g == nil {
		g = c.Network
	}
	c.Operator = operator.New(operator.Config{
		DB: db, Members: members, Compute: c.Service, Network: c.Network, Gateways: g, Server: "server-1", NodeURL: "https://192.0.2.1:5001", Log: slog.New(slog.DiscardHandler),
	})
	for _, host := range []string{"host-1", "host-2"} {
		token, _, err := members.CreateToken(t.Context(), host, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		_, csr, err := pki.NewRequest()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := members.Join(t.Context(), join.Request{TokenID: token.ID, Secret: token.Secret, Host: host, CSR: csr}); err != nil {
			t.Fatal(err)
		}
	}
	c.nodes["host-1"] = c.Cloud.Node("host-1", 8, 16384, 100)
	return c
}

func (c *cloud) instance() compute.Server {
	c.t.Helper()
	member := computetest.Caller("member", "demo")
	made, err := c.CreateServers(c.t.Context(), member, compute.CreateRequest{
		Name: "one", ImageID: c.Image(nil), FlavorID: c.Flavor("m1", 1, 512, 1), Networks: []network.PortRequest{{NetworkID: c.Subnetwork(member, "private", "10.1.0.0/24")}},
	})
	if err != nil {
		c.t.Fatal(err)
	}
	return made.Servers[0]
}

func refused(t *testing.T, err error, kind errs.Kind, says string) {
	t.Helper()
	if !errs.Is(err, kind) || !strings.Contains(err.Error(), says) {
		t.Errorf("error %v, want kind %s with %q", err, kind, says)
	}
}

func TestNodes(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		c := newCloud(t, db, nil)
		server := c.instance()
		nodes, err := c.Nodes(t.Context(), "")
		if err != nil || len(nodes) != 2 {
			t.Fatalf("nodes %+v, error %v", nodes, err)
		}
		up, joined := nodes[0], nodes[1]
		if up.Host != "host-1" || up.State != operator.StateUp || up.Server != "server-1" || up.Tunnel != "10.0.0.1" || up.Certificate.IsZero() ||
			len(up.Instances) != 1 || up.Instances[0].ID != server.ID {
			t.Errorf("the host that is up is %+v", up)
		}
		if joined.Host != "host-2" || joined.State != operator.StateJoined || joined.Server != "" {
			t.Errorf("the host that only joined is %+v", joined)
		}
		c.Clock.Advance(time.Hour)
		if n, err := c.Operator.Node(t.Context(), "host-1"); err != nil || n.State != operator.StateDown {
			t.Errorf("after an hour: %+v, error %v", n, err)
		}
		_, err = c.Operator.Node(t.Context(), "mars")
		refused(t, err, errs.NotFound, "mars")
	})
}

func TestDrain(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		g := &gateways{}
		c := newCloud(t, db, g)
		n, moved, err := c.Drain(t.Context(), "host-1", "new memory")
		if err != nil || moved != 3 || !n.Disabled || n.Reason != "new memory" || len(g.asked) != 1 || g.asked[0] != "host-1" {
			t.Errorf("%+v, %d moved, asked for %v, error %v", n, moved, g.asked, err)
		}
		if s := c.instance(); s.Host != "" {
			t.Errorf("an instance is on a drained host: %s", s.Host)
		}
		enabled := func() bool {
			t.Helper()
			agents, err := c.Network.Agents(t.Context(), computetest.Admin(), store.List{})
			if err != nil {
				t.Fatal(err)
			}
			for _, a := range agents {
				if a.AgentType == network.AgentL3 {
					return a.AdminStateUp
				}
			}
			t.Fatal("no L3 agent")
			return false
		}
		if enabled() {
			t.Error("a drained host may be given gateways")
		}
		if n, err := c.Undrain(t.Context(), "host-1"); err != nil || n.Disabled || !enabled() {
			t.Errorf("%+v, error %v", n, err)
		}
		for _, host := range []string{"host-2", "mars"} {
			if _, _, err := c.Drain(t.Context(), host, ""); err == nil {
				t.Errorf("%s was drained", host)
			}
			if _, err := c.Undrain(t.Context(), host); err == nil {
				t.Errorf("%s was undrained", host)
			}
		}
	})
}

func TestRemove(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		c := newCloud(t, db, nil)
		server := c.instance()
		remove := func(host string, force bool) error {
			_, err := c.Remove(t.Context(), host, force)
			return err
		}
		refused(t, remove("mars", false), errs.NotFound, "mars")
		refused(t, remove("host-1", false), errs.Conflict, "--force")
		refused(t, remove("host-1", true), errs.Conflict, "is up")
		if members, err := c.Members.Nodes(t.Context()); err != nil || len(members) != 2 {
			t.Errorf("a refused removal shut somebody out: %+v, error %v", members, err)
		}
		c.Clock.Advance(time.Hour)
		refused(t, remove("host-1", false), errs.Conflict, "--force")
		if err := remove("host-1", true); err != nil {
			t.Fatal(err)
		}
		n, err := c.Operator.Node(t.Context(), "host-1")
		if err != nil || n.State != operator.StateDown || !n.Disabled || len(n.Instances) != 1 || !n.Certificate.IsZero() {
			t.Errorf("shut out, it is %+v, error %v", n, err)
		}
		hosts, err := c.ListHosts(t.Context(), compute.HostFilter{})
		if err != nil || len(hosts) != 1 || !hosts[0].ForcedDown {
			t.Errorf("hosts %+v, error %v", hosts, err)
		}
		if err := c.DeleteServer(t.Context(), computetest.Caller("member", "demo"), server.ID); err != nil {
			t.Fatal(err)
		}
		if err := c.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := remove("host-1", false); err != nil {
			t.Fatal(err)
		}
		if hosts, err := c.ListHosts(t.Context(), compute.HostFilter{}); err != nil || len(hosts) != 0 {
			t.Errorf("hosts %+v, error %v", hosts, err)
		}
		agents, err := c.Network.Agents(t.Context(), computetest.Admin(), store.List{})
		if err != nil || len(agents) != 0 {
			t.Errorf("agents %+v, error %v", agents, err)
		}
		// One that only joined has nothing to lose.
		if err := remove("host-2", false); err != nil {
			t.Error(err)
		}
		refused(t, remove("host-2", false), errs.NotFound, "host-2")
	})
}

// late does something just before a host is closed for instances.
type late struct {
	operator.Compute
	before func()
}

func (l late) UpdateHost(ctx context.Context, filter compute.HostFilter, change compute.HostUpdate) (compute.Host, error) {
	l.before()
	return l.Compute.UpdateHost(ctx, filter, change)
}

// An instance that comes while its host is removed is not lost with it.
func TestRemoveWhileInstancesCome(t *testing.T) {
	t.Parallel()
	c := newCloud(t, storetest.SQLite(t), nil)
	c.Compute = late{c.Compute, func() { c.instance() }}
	_, err := c.Remove(t.Context(), "host-1", false)
	refused(t, err, errs.Conflict, "while it was being removed")
	if n, err := c.Operator.Node(t.Context(), "host-1"); err != nil || n.Certificate.IsZero() || !n.Disabled {
		t.Errorf("the host is %+v, error %v", n, err)
	}
}

// fragile fails to forget hosts as often as is said.
type fragile struct {
	operator.Network
	fails int
}

func (f *fragile) ForgetHost(ctx context.Context, tx *store.Tx, host string) error {
	if f.fails > 0 {
		f.fails--
		return errs.New(errs.Unavailable, "Not now.")
	}
	return f.Network.ForgetHost(ctx, tx, host)
}

// What is left of a host that could not be removed whole is removed with the
// next attempt.
func TestRemoveAgain(t *testing.T) {
	t.Parallel()
	c := newCloud(t, storetest.SQLite(t), nil)
	c.Config.Network = &fragile{c.Config.Network, 1}
	c.Clock.Advance(time.Hour)
	_, err := c.Remove(t.Context(), "host-1", false)
	refused(t, err, errs.Unavailable, "Not now.")
	if _, err := c.Remove(t.Context(), "host-1", false); err != nil {
		t.Fatal(err)
	}
	agents, err := c.Network.Agents(t.Context(), computetest.Admin(), store.List{})
	if err != nil || len(agents) != 0 {
		t.Errorf("agents %+v, error %v", agents, err)
	}
}

// A node in a server's own process has no certificate that could be refused.
func TestRemoveAServersOwnHost(t *testing.T) {
	t.Parallel()
	c := newCloud(t, storetest.SQLite(t), nil)
	c.Cloud.Node("host-3", 1, 1024, 10)
	_, err := c.Remove(t.Context(), "host-3", false)
	refused(t, err, errs.Conflict, "in the process of a server")
	c.Clock.Advance(time.Hour)
	if _, err := c.Remove(t.Context(), "host-3", false); err != nil {
		t.Error(err)
	}
}

// serve answers on the socket of a state directory until the test ends.
func serve(t *testing.T, o *operator.Operator, dir string) *operator.Client {
	t.Helper()
	listener, err := operator.Listen(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: o.Handler()}
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(listener) }() // it ends by Close
	client := operator.NewClient(dir)
	t.Cleanup(func() { client.Close(); _ = server.Close(); <-done })
	return client
}

func TestSocket(t *testing.T) {
	t.Parallel()
	c := newCloud(t, storetest.SQLite(t), &gateways{})
	dir := filepath.Join(t.TempDir(), strings.Repeat("long", 40)) // more than a socket's path may have
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	nobody := operator.NewClient(dir)
	defer nobody.Close()
	_, err := nobody.Nodes(t.Context())
	refused(t, err, errs.Unavailable, "No server runs on")
	// What a process left that was killed is no obstacle.
	if err := os.WriteFile(filepath.Join(dir, operator.SocketName), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	client := serve(t, c.Operator, dir)
	if info, err := os.Stat(filepath.Join(dir, operator.SocketName)); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the socket's mode is %v (%v)", info.Mode(), err)
	}
	made, err := client.CreateToken(t.Context(), "host-9", time.Minute)
	if err != nil || made.NodeURL != "https://192.0.2.1:5001" || made.Row.Host != "host-9" {
		t.Fatalf("%+v, error %v", made, err)
	}
	token, err := join.ParseToken(made.Token)
	if err != nil || token.ID != made.Row.ID {
		t.Errorf("token %+v, error %v", token, err)
	}
	tokens, err := client.Tokens(t.Context())
	if err != nil || len(tokens) != 3 {
		t.Errorf("tokens %+v, error %v", tokens, err)
	}
	if err := client.RevokeToken(t.Context(), made.Row.ID); err != nil {
		t.Error(err)
	}
	refused(t, client.RevokeToken(t.Context(), made.Row.ID), errs.NotFound, made.Row.ID)
	_, err = client.CreateToken(t.Context(), "a b", time.Minute)
	refused(t, err, errs.Invalid, "not a name")
	if nodes, err := client.Nodes(t.Context()); err != nil || len(nodes) != 2 {
		t.Errorf("nodes %+v, error %v", nodes, err)
	}
	if n, err := client.Node(t.Context(), "host-1"); err != nil || n.Host != "host-1" {
		t.Errorf("node %+v, error %v", n, err)
	}
	if d, err := client.Drain(t.Context(), "host-1", ""); err != nil || d.Moved != 3 || d.Node.Reason != operator.DefaultReason {
		t.Errorf("drained %+v, error %v", d, err)
	}
	if n, err := client.Undrain(t.Context(), "host-1"); err != nil || n.Disabled {
		t.Errorf("undrained %+v, error %v", n, err)
	}
	if _, err := client.Remove(t.Context(), "host-2", false); err != nil {
		t.Error(err)
	}
	_, err = client.Remove(t.Context(), "host-2", false)
	refused(t, err, errs.NotFound, "host-2")
}

// A server without a node API makes no tokens that nobody can use.
func TestNoTokensWithoutANodeAPI(t *testing.T) {
	t.Parallel()
	c := newCloud(t, storetest.SQLite(t), nil)
	c.NodeURL = ""
	_, err := serve(t, c.Operator, t.TempDir()).CreateToken(t.Context(), "", time.Minute)
	refused(t, err, errs.Conflict, "--node-listen")
}
