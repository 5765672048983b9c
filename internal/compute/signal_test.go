package compute_test

import (
	"net/netip"
	"testing"
	"time"

	"wisp/internal/compute"
	"wisp/internal/nodeapi"
	"wisp/internal/store"
	"wisp/internal/store/storetest"
)

// What concerns one host wakes that host alone: the states of a hundred others
// are not computed for it.
func TestWhoIsWoken(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		c := newCloud(t, db)
		other := c.Node("node-2", 1, 1024, 10)
		id := c.create(t, "one").ID
		all, cancelAll := db.Subscribe(compute.HostsTopic)
		defer cancelAll()
		topics := map[string]<-chan struct{}{}
		for _, host := range []string{"node-1", "node-2"} {
			wake, cancel := db.Subscribe(compute.HostTopic(host))
			defer cancel()
			topics[host] = wake
		}
		woken := func(wake <-chan struct{}) bool {
			select {
			case <-wake:
				return true
			default:
				return false
			}
		}
		for _, one := range []struct {
			name string
			do   func(t *testing.T)
			all  bool // otherwise node-1 alone
			none bool
		}{
			{name: "runs", do: func(*testing.T) { c.node.Step() }, none: true},
			{name: "stop", do: func(t *testing.T) { must(t)(c.Stop(t.Context(), c.member, id)) }},
			{name: "stopped", do: func(*testing.T) { c.node.Step() }, none: true},
			{name: "start", do: func(t *testing.T) { must(t)(c.Start(t.Context(), c.member, id)) }},
			{name: "its guest stops", do: func(*testing.T) {
				c.node.Step()
				c.node.Shutdown(id)
				c.node.Step()
			}},
			{name: "metadata", do: func(t *testing.T) {
				must(t)(c.ChangeMetadata(t.Context(), c.member, id, "update metadata", func(map[string]string) (map[string]string, error) { return map[string]string{"a": "b"}, nil }))
			}},
			{name: "another node comes back", do: func(*testing.T) { other.Connect() }, none: true},
			{name: "another node is new", do: func(*testing.T) { c.Node("node-3", 1, 1024, 10) }, all: true},
			{name: "delete", do: func(t *testing.T) {
				if err := c.DeleteServer(t.Context(), c.member, id); err != nil {
					t.Fatal(err)
				}
			}},
			{name: "its ports go", do: func(*testing.T) { c.node.Step() }, all: true},
		} {
			one.do(t)
			gotAll, got1, got2 := woken(all), woken(topics["node-1"]), woken(topics["node-2"])
			if gotAll != one.all || !one.all && got1 == one.none || got2 {
				t.Errorf("%s: all %t, node-1 %t, node-2 %t", one.name, gotAll, got1, got2)
			}
		}
	})
}

// A host hears of both topics.
func TestSubscribeHost(t *testing.T) {
	t.Parallel()
	c := newCloud(t, storetest.SQLite(t))
	wake, cancel := c.SubscribeHost("node-1")
	defer cancel()
	hears := func(what string, do func()) {
		t.Helper()
		do()
		select {
		case <-wake:
		case <-time.After(20 * time.Second):
			t.Fatalf("nothing is heard of %s", what)
		}
	}
	id := c.create(t, "one").ID
	hears("a new port", func() {})
	c.node.Step()
	hears("its own server", func() { must(t)(c.Stop(t.Context(), c.member, id)) })
	hears("another host's address", func() {
		if err := c.Hello(t.Context(), nodeapi.Hello{Host: "node-9", Endpoint: netip.MustParseAddr("10.0.0.9")}); err != nil {
			t.Fatal(err)
		}
	})
}
