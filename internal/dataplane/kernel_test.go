package dataplane

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/cilium/ebpf"

	"wisp/internal/errs"
	"wisp/internal/netlinkx"
)

// vnetHeader is what precedes each frame on a tap, struct virtio_net_hdr.
const vnetHeader = 10

// ask sends an ARP question into a port's tap, as its guest would, and waits
// for the answer.
func (b *bench) ask(port string, question []byte) []byte {
	b.t.Helper()
	f, err := b.dp.OpenTap(port)
	if err != nil {
		b.t.Fatal(err)
	}
	defer f.Close()
	buf := make([]byte, 2048)
	for range 50 {
		// A tap that was just opened has no carrier yet.
		if _, err := f.Write(append(make([]byte, vnetHeader), question...)); err != nil {
			b.t.Fatal(err)
		}
		if err := f.SetReadDeadline(time.Now().Add(100 * time.Millisecond)); err != nil {
			b.t.Fatal(err)
		}
		n, err := f.Read(buf)
		if err == nil {
			return buf[vnetHeader:n]
		}
	}
	b.t.Fatal("no answer from the tap")
	return nil
}

func (b *bench) answers(what string) {
	b.t.Helper()
	got := b.ask("a", arp(macA, everyone, 1, macA, "10.0.0.10", nobody, "10.0.0.11"))
	want := arp(macB, macA, 2, macB, "10.0.0.11", macA, "10.0.0.10")
	if !bytes.HasPrefix(got, want[:42]) {
		b.t.Errorf("%s: the tap gives %x, want %x", what, got, want)
	}
}

func TestTapWithTCXAndClsact(t *testing.T) {
	t.Parallel()
	b := newBench(t, benchState())
	b.answers("tcx")
	// The same with the way of kernels before 6.6.
	if _, err := b.dp.attacher.prune(nil); err != nil {
		t.Fatal(err)
	}
	b.dp.attacher.clsact = true
	resync := func() int {
		t.Helper()
		r, err := b.dp.Resync(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return r.Drift
	}
	if resync() == 0 {
		t.Error("missing programs are no drift")
	}
	b.answers("clsact")
	if n := resync(); n != 0 {
		t.Errorf("drift of %d without a cause", n)
	}
	err := b.dp.inHost(func() error {
		l, err := b.dp.nl.Link(b.dp.DeviceName("a"))
		if err != nil {
			return err
		}
		return b.dp.nl.DetachClsact(l.Index, true, "from_guest")
	})
	if err != nil {
		t.Fatal(err)
	}
	if n := resync(); n != 1 {
		t.Errorf("a detached program is drift of %d", n)
	}
	b.answers("clsact, mended")
	if _, err := exec.LookPath("tc"); err == nil {
		out, err := exec.CommandContext(t.Context(), "ip", "netns", "exec", filepath.Base(b.dp.cfg.Netns), "tc", "qdisc", "del", "dev", b.dp.DeviceName("a"), "clsact").CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		if n := resync(); n != 2 {
			t.Errorf("a device without its filters is drift of %d", n)
		}
		b.answers("clsact, made anew")
	}
	if got, err := b.dp.Traffic("a"); err != nil || got.Device != b.dp.DeviceName("a") || got.TxPackets == 0 || got.TxBytes == 0 {
		t.Errorf("the guest's traffic is %+v, %v", got, err)
	}
	if _, err := b.dp.Traffic("nobody"); !errs.Is(err, errs.NotFound) {
		t.Errorf("the traffic of a port that is not here: %v", err)
	}
}

// What clsact runs has no pin that would go with this dataplane: a process
// that did not attach it must find it.
func TestLaterProcessTakesOffFilters(t *testing.T) {
	t.Parallel()
	state := asksState()
	b := newBench(t, state, wired(t))
	wire := func(want bool) {
		t.Helper()
		err := b.dp.inHost(func() error {
			nl, err := netlinkx.Open()
			if err != nil {
				return err
			}
			defer nl.Close()
			l, err := nl.Link("eth9")
			if err != nil {
				return err
			}
			for name, ingress := range map[string]bool{"from_wire": true, "from_host": false} {
				id, err := nl.ClsactProgram(l.Index, ingress, name)
				if err != nil {
					return err
				}
				if id != 0 != want {
					t.Errorf("%s is program %d", name, id)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, err := b.dp.attacher.prune(nil); err != nil {
		t.Fatal(err)
	}
	wire(false)
	b.dp.attacher.clsact = true
	if _, err := b.dp.Resync(t.Context()); err != nil {
		t.Fatal(err)
	}
	wire(true)
	b.restart()
	b.dp.attacher.clsact = true
	b.apply(benchState()) // nothing on the wire
	wire(false)
	b.apply(state)
	wire(true)
	b.restart()
	if err := b.dp.Purge(t.Context()); err != nil {
		t.Fatal(err)
	}
	wire(false)
	b.restart()
}

func TestOpenReplacesOtherVersion(t *testing.T) {
	t.Parallel()
	b := newBench(t, benchState())
	b.answers("before")
	progs := filepath.Join(b.dp.cfg.PinDir, progsDir)
	old := b.dp.kernel.version
	if err := os.Rename(filepath.Join(progs, old), filepath.Join(progs, "other")); err != nil {
		t.Fatal(err)
	}
	// And a map of another shape, as a newer object may have.
	frags := filepath.Join(b.dp.cfg.PinDir, mapsDir, "frags")
	if err := os.Remove(frags); err != nil {
		t.Fatal(err)
	}
	m, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.Hash, KeySize: 4, ValueSize: 4, MaxEntries: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if err := m.Pin(frags); err != nil {
		t.Fatal(err)
	}
	b.restart()
	if !b.dp.kernel.fresh {
		t.Error("programs of another version were adopted")
	}
	b.answers("with the old programs, before Apply")
	b.apply(benchState())
	b.answers("after")
	all, err := os.ReadDir(progs)
	if err != nil || len(all) != 1 || all[0].Name() != old {
		t.Errorf("versions %v, %v", all, err)
	}
	b.restart()
	if b.dp.kernel.fresh {
		t.Error("programs of this version were not adopted")
	}
	b.apply(benchState())
	b.answers("adopted")
}

// The verifier gives up at a million instructions, and each kernel counts
// differently.
func TestVerifierHasRoom(t *testing.T) {
	t.Parallel()
	b := newBench(t, benchState())
	for name, prog := range b.dp.kernel.progs {
		info, err := prog.Info()
		if err != nil {
			t.Fatal(err)
		}
		n, ok := info.VerifiedInstructions()
		t.Logf("%s: %d", name, n)
		if ok && n > 500_000 {
			t.Errorf("%s takes the verifier %d instructions", name, n)
		}
	}
}

func TestOpenFailsWithoutNamespace(t *testing.T) {
	t.Parallel()
	_, err := Open(t.Context(), Config{Prefix: "x", PinDir: "/sys/fs/bpf/wisp-test-none", Netns: netlinkx.NetnsPath("wisp-none")})
	if err == nil {
		t.Error("a namespace that is not there was entered")
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Open(gone, Config{Prefix: "x", PinDir: "/sys/fs/bpf/wisp-test-none"}); err == nil {
		t.Error("a cancelled Open succeeds")
	}
}

func TestNumbersAreStableAndNotReused(t *testing.T) {
	t.Parallel()
	s := newIDs(nil)
	get := func(name string) uint32 {
		t.Helper()
		id, err := s.get(kindPort, name)
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	s.begin()
	one, two := get("one"), get("two")
	held := s.end()
	s = newIDs(held) // another process
	s.begin()
	if get("two") != two || one == two {
		t.Error("a number moved")
	}
	held = s.end()
	s = newIDs(held)
	s.begin()
	if three := get("three"); three == one || three == two {
		t.Errorf("the number %d was given again at once", three)
	}
	for _, bad := range []string{"", string(make([]byte, 61))} {
		if _, err := s.get(kindPort, bad); err == nil {
			t.Errorf("a name of %d bytes was taken", len(bad))
		}
	}
	s = newIDs(nil)
	s.begin()
	for i := range maxID {
		s.use(kindPort, uint32(i+1), "x")
	}
	if _, err := s.get(kindPort, "last"); err == nil {
		t.Error("a number beyond the last was given")
	}
}
