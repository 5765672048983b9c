package physnet_test

import (
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"testing"

	"wisp/internal/errs"
	"wisp/internal/netlinkx"
	"wisp/internal/physnet"
)

// inNamespace runs the test's body in a network namespace of its own.
func inNamespace(t *testing.T, body func() error) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("network namespaces need root")
	}
	name := fmt.Sprintf("wispphys%d", os.Getpid())
	if err := netlinkx.EnsureNetns(name); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := netlinkx.DeleteNetns(name); err != nil {
			t.Error(err)
		}
	})
	if err := netlinkx.In(netlinkx.NetnsPath(name), body); err != nil {
		t.Fatal(err)
	}
}

func TestEnsureAndRemove(t *testing.T) {
	network := physnet.Network{Prefix: "wtst", Gateway: netip.MustParsePrefix("172.24.4.1/24"), MTU: 1500, StateDir: t.TempDir()}
	inNamespace(t, func() error {
		before, err := os.ReadFile("/proc/sys/net/ipv4/ip_forward")
		if err != nil {
			return err
		}
		for range 2 { // the second time changes nothing and fails at nothing
			if err := network.Ensure(); err != nil {
				return err
			}
		}
		h, err := netlinkx.Open()
		if err != nil {
			return err
		}
		defer h.Close()
		addresses, err := h.Addresses()
		if err != nil {
			return err
		}
		if got := fmt.Sprint(addresses); !strings.Contains(got, "wtstext 172.24.4.1/24") {
			return fmt.Errorf("addresses %s lack the gateway", got)
		}
		if _, err := h.Link(network.Device()); err != nil {
			return err
		}
		if rules, err := exec.Command("nft", "list", "table", "ip", "wisp_wtst").CombinedOutput(); err == nil {
			if !strings.Contains(string(rules), `ip saddr 172.24.4.0/24 oifname != "wtstext" masquerade`) {
				return fmt.Errorf("rules are %s", rules)
			}
		}
		other := physnet.Network{Prefix: "woth", Gateway: netip.MustParsePrefix("172.24.0.1/16"), MTU: 1500, StateDir: t.TempDir()}
		if err := other.Ensure(); !errs.Is(err, errs.Conflict) {
			return fmt.Errorf("a range that is in use gave %w", err)
		}
		for range 2 {
			if err := network.Remove(); err != nil {
				return err
			}
		}
		after, err := os.ReadFile("/proc/sys/net/ipv4/ip_forward")
		if err != nil {
			return err
		}
		if string(before) != string(after) {
			return fmt.Errorf("forwarding was %q and is %q", before, after)
		}
		if _, err := h.Link(network.HostDevice()); !errs.Is(err, errs.NotFound) {
			return fmt.Errorf("the device is still there: %w", err)
		}
		return nil
	})
}
