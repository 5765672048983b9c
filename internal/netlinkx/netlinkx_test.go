package netlinkx_test

import (
	"crypto/rand"
	"errors"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"

	"wisp/internal/errs"
	"wisp/internal/netlinkx"
)

// inside makes a namespace and runs f in it.
func inside(t *testing.T, f func(h *netlinkx.Handle)) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root: makes network namespaces")
	}
	name := "nx" + strings.ToLower(rand.Text()[:6])
	if err := netlinkx.EnsureNetns(name); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for range 2 { // deleting what is gone is no error
			if err := netlinkx.DeleteNetns(name); err != nil {
				t.Error(err)
			}
		}
	})
	if err := netlinkx.EnsureNetns(name); err != nil {
		t.Errorf("a second time: %v", err)
	}
	err := netlinkx.In(netlinkx.NetnsPath(name), func() error {
		h, err := netlinkx.Open()
		if err != nil {
			return err
		}
		defer h.Close()
		f(h)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func self(t *testing.T) int {
	t.Helper()
	f, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return int(f.Fd())
}

func TestDevices(t *testing.T) {
	t.Parallel()
	inside(t, func(h *netlinkx.Handle) {
		if err := h.AddVeth("left", "right", 1400, self(t)); err != nil {
			t.Fatal(err)
		}
		left, err := h.Link("left")
		if err != nil {
			t.Fatal(err)
		}
		mac := net.HardwareAddr{2, 0, 0, 0, 0, 9}
		for name, do := range map[string]func() error{
			"mtu":         func() error { return h.SetMTU(left.Index, 1300) },
			"mac":         func() error { return h.SetMAC(left.Index, mac) },
			"arp":         func() error { return h.SetARP(left.Index, false) },
			"promiscuous": func() error { return h.SetPromiscuous(left.Index, true) },
			"link local":  func() error { return h.SetNoLinkLocal(left.Index) },
		} {
			if err := do(); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		if err := h.SetUp(left.Index); err != nil {
			t.Fatal(err)
		}
		for range 2 { // an address or a route that is there is no error
			if err := h.AddAddress(left.Index, netip.MustParsePrefix("192.0.2.1/24")); err != nil {
				t.Error(err)
			}
			if err := h.AddRoute(left.Index, netip.MustParsePrefix("198.51.100.0/24"), netip.MustParseAddr("192.0.2.9")); err != nil {
				t.Error(err)
			}
			if err := h.AddRoute(left.Index, netip.MustParsePrefix("203.0.113.0/24"), netip.Addr{}); err != nil {
				t.Error(err)
			}
		}
		if way, err := h.RouteTo(netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("198.51.100.7")); err != nil || way != left.Index {
			t.Errorf("the way by device %d: %d, %v", left.Index, way, err)
		}
		left, err = h.Link("left")
		if err != nil || left.Kind != "veth" || left.MTU != 1300 || left.MAC.String() != mac.String() || !left.Up ||
			!left.NoARP || !left.Promiscuous {
			t.Errorf("%+v, %v", left, err)
		}
		if err := h.SetARP(left.Index, true); err != nil {
			t.Error(err)
		}
		if err := h.SetPromiscuous(left.Index, false); err != nil {
			t.Error(err)
		}
		if left, err = h.Link("left"); err != nil || left.NoARP || left.Promiscuous {
			t.Errorf("%+v, %v", left, err)
		}
		if err := h.AddVXLAN("tun", netip.MustParseAddr("192.0.2.1"), 4789, 1450); err != nil {
			t.Error(err)
		}
		all, err := h.Links()
		if err != nil || len(all) < 4 {
			t.Errorf("%+v, %v", all, err)
		}
		if err := h.Delete(left.Index); err != nil {
			t.Error(err)
		}
		if _, err := h.Link("right"); !errs.Is(err, errs.NotFound) {
			t.Errorf("the other end is left: %v", err)
		}
	})
}

func TestFailures(t *testing.T) {
	t.Parallel()
	inside(t, func(h *netlinkx.Handle) {
		const none = 4711
		for name, do := range map[string]func() error{
			"delete":      func() error { return h.Delete(none) },
			"up":          func() error { return h.SetUp(none) },
			"mtu":         func() error { return h.SetMTU(none, 1500) },
			"mac":         func() error { return h.SetMAC(none, net.HardwareAddr{2, 0, 0, 0, 0, 1}) },
			"arp":         func() error { return h.SetARP(none, true) },
			"promiscuous": func() error { return h.SetPromiscuous(none, true) },
			"link local":  func() error { return h.SetNoLinkLocal(none) },
			"address":     func() error { return h.AddAddress(none, netip.MustParsePrefix("192.0.2.1/24")) },
			"route":       func() error { return h.AddRoute(none, netip.MustParsePrefix("192.0.2.0/24"), netip.Addr{}) },
			"veth":        func() error { return h.AddVeth("lo", "right", 1500, self(t)) },
			"vxlan":       func() error { return h.AddVXLAN("lo", netip.Addr{}, 4789, 1500) },
			"no way": func() error {
				_, err := h.RouteTo(netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2"))
				return err
			},
			"clsact":    func() error { return h.AttachClsact(none, true, 0, "x") },
			"program":   func() error { return h.AttachClsact(1, true, 0, "x") },
			"namespace": func() error { return netlinkx.In("/run/netns/wisp-none", func() error { return nil }) },
			"no namespace": func() error {
				return netlinkx.In("/dev/null", func() error { return nil })
			},
		} {
			if err := do(); err == nil {
				t.Errorf("%s: no error", name)
			}
		}
		if _, err := h.Link("none"); !errs.Is(err, errs.NotFound) {
			t.Errorf("a device that is not there: %v", err)
		}
		if id, err := h.ClsactProgram(1, true, "x"); err != nil || id != 0 {
			t.Errorf("a program that is not there: %d, %v", id, err)
		}
		if err := h.DetachClsact(1, true, "x"); err != nil {
			t.Errorf("detaching nothing: %v", err)
		}
	})
	sentinel := errors.New("sentinel")
	if err := netlinkx.In("", func() error { return sentinel }); !errors.Is(err, sentinel) {
		t.Errorf("the function's error is lost: %v", err)
	}
}

func TestStaleNamespaceNameIsReplaced(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("needs root: makes network namespaces")
	}
	name := "nx" + strings.ToLower(rand.Text()[:6])
	if err := os.MkdirAll("/run/netns", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(netlinkx.NetnsPath(name), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := netlinkx.DeleteNetns(name); err != nil {
			t.Error(err)
		}
	})
	if err := netlinkx.EnsureNetns(name); err != nil {
		t.Fatal(err)
	}
	if err := netlinkx.In(netlinkx.NetnsPath(name), func() error { return nil }); err != nil {
		t.Errorf("the name has no namespace: %v", err)
	}
}
