package dataplane_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cilium/ebpf"

	"wisp/internal/dataplane"
	"wisp/internal/dataplane/intent"
	"wisp/internal/errs"
	"wisp/internal/netlinkx"
)

func TestForwardsWhileProcessIsDead(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	a, _ := l.pair(egressOnly, intent.Rule{ID: "icmp", Direction: intent.Ingress, Protocol: 1})
	l.applyClean()
	mac, _ := l.dp.ServiceMAC("b")
	done := make(chan string, 1)
	go func() {
		out, _ := l.try(a, "ping -n -c 20 -i 0.1 -W 1 10.0.0.2")
		done <- out
	}()
	if err := l.dp.Close(); err != nil {
		t.Fatal(err)
	}
	l.ping(a, "10.0.0.2")
	l.dp = l.open()
	if report := l.applyClean(); report.Changed != 0 || report.Drift != 0 {
		t.Errorf("the same state changed something: %+v", report)
	}
	if again, ok := l.dp.ServiceMAC("b"); !ok || again.String() != mac.String() {
		t.Errorf("the port's number moved: %v, %v", mac, again)
	}
	if out := <-done; !strings.Contains(out, " 0% packet loss") {
		t.Error(out)
	}
}

func TestResyncMendsDrift(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	a, _ := l.pair(egressOnly, intent.Rule{ID: "icmp", Direction: intent.Ingress, Protocol: 1})
	if _, err := l.dp.Resync(t.Context()); !errs.Is(err, errs.Conflict) {
		t.Errorf("resync without a state: %v", err)
	}
	l.applyClean()
	resync := func() int {
		t.Helper()
		r, err := l.dp.Resync(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return r.Drift
	}
	if n := resync(); n != 0 {
		t.Errorf("drift of %d without a cause", n)
	}
	for name, damage := range map[string]func(){
		"map entry": func() {
			m, err := ebpf.LoadPinnedMap(filepath.Join(l.cfg.PinDir, "maps", "fdb"), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer m.Close()
			var key [12]byte
			if err := m.NextKey(nil, &key); err != nil {
				t.Fatal(err)
			}
			if err := m.Delete(&key); err != nil {
				t.Fatal(err)
			}
		},
		"link": func() {
			err := os.Remove(filepath.Join(l.cfg.PinDir, "links", l.dp.DeviceName("b")+"_in"))
			if errors.Is(err, fs.ErrNotExist) {
				err = l.detachFilter(l.dp.DeviceName("b"), "from_guest")
			}
			if err != nil {
				t.Fatal(err)
			}
		},
		"device down":       func() { l.run(l.name, "ip link set "+l.dp.DeviceName("b")+" down") },
		"service device":    func() { l.run(l.name, "ip link del "+l.cfg.Prefix+"svc0") },
		"service namespace": func() { l.run(l.name, "ip netns exec "+l.cfg.Prefix+"svc ip link set svc down") },
	} {
		damage()
		if n := resync(); n == 0 {
			t.Errorf("%s: no drift seen", name)
		}
		if n := resync(); n != 0 {
			t.Errorf("%s: drift of %d remains", name, n)
		}
		l.ping(a, "10.0.0.2")
	}
}

// detachFilter takes off what clsact runs for what enters a device.
func (l *lab) detachFilter(device, program string) error {
	return netlinkx.In(l.cfg.Netns, func() error {
		nl, err := netlinkx.Open()
		if err != nil {
			return err
		}
		defer nl.Close()
		link, err := nl.Link(device)
		if err != nil {
			return err
		}
		return nl.DetachClsact(link.Index, true, program)
	})
}

func TestPrunesWhatIsNotInTheState(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.localNet("net")
	p := l.port("tap", "net", "fa:16:3e:00:00:07", "10.0.0.7")
	p.Local, p.Enabled = true, true
	l.state.Ports["tap"] = p
	a := l.guest(l.port("a", "net", "fa:16:3e:00:00:01", "10.0.0.1"), 24, "")
	l.guest(l.port("b", "net", "fa:16:3e:00:00:02", "10.0.0.2"), 24, "")
	l.applyClean()
	l.ping(a, "10.0.0.2")
	tap, err := l.dp.OpenTap("tap")
	if err != nil {
		t.Fatal(err)
	}
	tap.Close()
	if out := l.run(l.name, "ip -d link show "+l.dp.DeviceName("tap")); !strings.Contains(out, "persist on") ||
		!strings.Contains(out, "vnet_hdr on") || !strings.Contains(out, "addrgenmode none") {
		t.Error(out)
	}
	delete(l.state.Ports, "tap")
	delete(l.state.Ports, "b")
	l.applyClean()
	if out, err := l.try(l.name, "ip link show "+l.dp.DeviceName("tap")); err == nil {
		t.Errorf("the tap is left: %s", out)
	}
	l.run(l.name, "ip link show "+l.dp.DeviceName("b")) // adopted: stays
	if _, err := l.dp.OpenTap("tap"); !errs.Is(err, errs.NotFound) {
		t.Errorf("a tap of no port: %v", err)
	}
	l.noPing(a, "10.0.0.2")
}

func TestPurgeLeavesNothing(t *testing.T) {
	t.Parallel()
	l := newLab(t, physical)
	l.outside()
	l.localNet("net")
	p := l.port("tap", "net", "fa:16:3e:00:00:07", "10.0.0.7")
	p.Local, p.Enabled = true, true
	l.state.Ports["tap"] = p
	before := l.run(l.name, "ip -o link show phys0")
	l.applyClean()
	if err := l.dp.Purge(context.Background()); err != nil {
		t.Fatal(err)
	}
	if out := l.run(l.name, "ip -o link"); strings.Contains(out, ": "+l.cfg.Prefix) {
		t.Errorf("devices are left:\n%s", out)
	}
	if after := l.run(l.name, "ip -o link show phys0"); strings.Contains(after, "PROMISC") || before != after {
		t.Errorf("the physical interface is not as before:\n%s%s", before, after)
	}
	for _, path := range []string{l.cfg.PinDir, "/run/netns/" + l.cfg.Prefix + "svc"} {
		if _, err := os.Stat(path); !os.IsNotExist(err) {
			t.Errorf("%s is left", path)
		}
	}
	if _, err := l.dp.Apply(t.Context(), l.state); !errs.Is(err, errs.Gone) {
		t.Errorf("apply after purge: %v", err)
	}
}

func TestOpenRefusesBadConfig(t *testing.T) {
	t.Parallel()
	for name, cfg := range map[string]dataplane.Config{
		"no prefix":      {PinDir: "/sys/fs/bpf/x"},
		"long prefix":    {Prefix: "abcdef", PinDir: "/sys/fs/bpf/x"},
		"no pin folder":  {Prefix: "a"},
		"tunnel over v6": {Prefix: "a", PinDir: "/sys/fs/bpf/x", TunnelAddress: addrs("fd00::1")[0]},
	} {
		if _, err := dataplane.Open(t.Context(), cfg); !errs.Is(err, errs.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestOneMorePortIsCheap(t *testing.T) {
	l := newLab(t)
	l.localNet("net")
	for i := range 200 {
		id := "p" + strings.Repeat("0", 2) + string(rune('a'+i/26)) + string(rune('a'+i%26))
		p := l.port(id, "net", macOf(i), ipOf(i))
		p.Local, p.Enabled = true, true
		l.state.Ports[id] = p
	}
	l.applyClean()
	p := l.port("more", "net", macOf(999), ipOf(999))
	p.Local, p.Enabled = true, true
	l.state.Ports["more"] = p
	begin := time.Now()
	l.applyClean()
	took := time.Since(begin)
	t.Logf("one more port of 200: %v", took)
	begin = time.Now()
	l.applyClean()
	t.Logf("nothing new: %v", time.Since(begin))
	if took > time.Second {
		t.Errorf("one more port took %v", took)
	}
}
