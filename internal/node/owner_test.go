package node

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"wisp/internal/nodeapi"
)

// lines is a log that tests read while it is written.
type lines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *lines) count(part string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.buf.String(), part)
}

// problem is what the newest report says of the cloud.
func (c *cloud) problem() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.reports) == 0 {
		return ""
	}
	return c.reports[len(c.reports)-1].Problems[problemCloud]
}

func (w *world) saved() (s savedState) {
	w.t.Helper()
	encoded, err := os.ReadFile(w.dir + "/state.json")
	if err == nil {
		err = json.Unmarshal(encoded, &s)
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

// A server whose database was lost, or a host that was renamed, names none of
// the machines: they stay.
func TestWordOfAnother(t *testing.T) {
	t.Parallel()
	for _, one := range []struct {
		name      string
		lose      func(w *world)
		restore   func(w *world)
		restarted bool // the node too
		part      string
	}{
		{"another database", func(w *world) { w.cloud.id = "cloud-2" }, func(w *world) { w.cloud.id = "cloud-1" }, true, "was lost or replaced"},
		{"another database meanwhile", func(w *world) { w.cloud.id = "cloud-2" }, func(w *world) { w.cloud.id = "cloud-1" }, false, "cloud-2"},
		{
			"another name", func(w *world) { w.change = func(c *Config) { c.Host = "other" } },
			func(w *world) { w.change = nil }, true, `"other"`,
		},
	} {
		t.Run(one.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			ours := instance(nil)
			w.cloud.put(ours)
			n, stop := w.start()
			eventually(t, "it runs", w.cloud.is(ours.ID, nodeapi.PhaseRunning))
			if s := w.saved(); s.Cloud != "cloud-1" || s.Host != "h1" {
				t.Fatalf("saved are cloud %q, host %q", s.Cloud, s.Host)
			}

			restart := func(change func(w *world)) {
				w.stopServe()
				if one.restarted {
					stop()
				}
				change(w)
				w.serve()
				if one.restarted {
					n, stop = w.start()
				}
			}
			restart(func(w *world) {
				one.lose(w)
				w.cloud.mu.Lock()
				defer w.cloud.mu.Unlock()
				w.cloud.state = nodeapi.State{}
			})
			eventually(t, "the server learns why", func() bool { return strings.Contains(w.cloud.problem(), one.part) })
			if text := w.cloud.problem(); !strings.Contains(text, "wisp purge") {
				t.Errorf("the problem does not say what to do: %s", text)
			}
			w.cloud.put(instance(nil)) // not taken either, being a change of what was refused
			stays(t, "the machine stays, alone", func() bool { return slices.Equal(w.ids(), []string{ours.ID}) })
			if s := w.saved(); s.Cloud != "cloud-1" || s.Host != "h1" || len(s.State.Instances) != 1 {
				t.Errorf("the other's word was saved: cloud %q, host %q, instances %v", s.Cloud, s.Host, s.State.Instances)
			}

			restart(func(w *world) {
				one.restore(w)
				w.cloud.mu.Lock()
				defer w.cloud.mu.Unlock()
				w.cloud.state = nodeapi.State{Instances: map[string]nodeapi.Instance{ours.ID: ours}}
				w.cloud.reports = nil
			})
			eventually(t, "the right one is heard", func() bool {
				n.mu.Lock()
				defer n.mu.Unlock()
				return n.current && n.book.refusal == ""
			})
			w.cloud.drop(ours.ID)
			eventually(t, "its word is done", func() bool { return len(w.ids()) == 0 })
		})
	}
}

// What is refused again and again is logged once.
func TestRefusalIsLoggedOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	log := &lines{}
	w.change = func(c *Config) { c.Log = slog.New(slog.NewTextHandler(log, nil)) }
	w.cloud.put(instance(nil))
	n, stop := w.start()
	eventually(t, "the first word is taken", func() bool { n.mu.Lock(); defer n.mu.Unlock(); return n.current })
	stop()
	w.cloud.id = "cloud-2"
	w.start()
	eventually(t, "the server learns why", func() bool { return w.cloud.problem() != "" })
	w.cloud.put(instance(nil))
	stays(t, "one line", func() bool { return log.count("the word of the server is not taken") == 1 })
}

// A stranger that cannot be removed does not keep the others.
func TestStrangersOneStays(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var all []string
	for range 4 {
		spec := hypervisorSpec()
		all = append(all, spec.ID)
		if _, err := w.machines.Driver().Ensure(t.Context(), spec); err != nil {
			t.Fatal(err)
		}
	}
	slices.Sort(all)
	w.setFault(func(op, id string) error {
		if op == "remove" && id == all[0] {
			return errors.New("busy")
		}
		return nil
	})
	w.start()
	eventually(t, "all others are removed", func() bool { return slices.Equal(w.ids(), all[:1]) })
}

// What is read of an instance first is also sent first: a heartbeat must not
// bring back a status after the newer one was sent.
func TestReportsInOrder(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	cfg := Config{Host: "h1", StateDir: w.dir, Driver: w.machines.Driver(), Dataplane: w.dataplane, Log: quiet(), Server: nodeapi.ClientConfig{URL: "https://192.0.2.1:1"}}
	n, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	id := uuid.NewString()
	n.desired.Instances = map[string]nodeapi.Instance{id: {ID: id}}
	n.book.set(nodeapi.InstanceStatus{ID: id, Phase: nodeapi.PhasePreparing})
	var sent []string // phases
	var mu sync.Mutex
	told := make(chan struct{})
	n.send = func(r nodeapi.Report) {
		if r.Whole {
			// Meanwhile the machine has come up.
			go func() {
				defer close(told)
				n.tell(nodeapi.InstanceStatus{ID: id, Phase: nodeapi.PhaseRunning})
			}()
			select {
			case <-told:
			case <-time.After(100 * time.Millisecond): // it waits for us, as it should
			}
		}
		mu.Lock()
		defer mu.Unlock()
		for _, status := range r.Instances {
			sent = append(sent, status.Phase)
		}
	}
	n.beatOnce(true)
	<-told
	if want := []string{nodeapi.PhasePreparing, nodeapi.PhaseRunning}; !slices.Equal(sent, want) {
		t.Errorf("sent %v, want %v", sent, want)
	}
}
