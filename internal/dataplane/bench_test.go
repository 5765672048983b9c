package dataplane_test

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"wisp/internal/dataplane/intent"
)

// TestThroughput compares this dataplane with a Linux bridge in the same
// run, and logs both. It fails only when the dataplane is much slower: the
// figures of a shared machine swing.
func TestThroughput(t *testing.T) {
	if testing.Short() {
		t.Skip("measures for some seconds")
	}
	if _, err := exec.LookPath("iperf3"); err != nil {
		t.Skip("needs the iperf3 command")
	}
	l := newLab(t)
	l.localNet("net")
	a := l.guest(l.port("a", "net", "fa:16:3e:00:00:01", "10.0.0.1"), 24, "")
	b := l.guest(l.port("b", "net", "fa:16:3e:00:00:02", "10.0.0.2"), 24, "")
	group := l.state.SecurityGroups["open"]
	for i := range uint16(1000) {
		group.Rules = append([]intent.Rule{{
			ID: fmt.Sprint("r", i), Direction: intent.Ingress, Protocol: 6, PortMin: &i, PortMax: &i,
		}}, group.Rules...)
	}
	l.state.SecurityGroups["open"] = group
	l.applyClean()

	l.netns(l.cfg.Prefix + "br")
	br := l.cfg.Prefix + "br"
	l.run(br, "ip link add br0 type bridge")
	l.run(br, "ip link set br0 up")
	for i, ns := range []string{a, b} {
		l.run(br, fmt.Sprintf("ip link add p%d type veth peer name eth1 netns %s", i, ns))
		l.run(br, fmt.Sprintf("ip link set p%d master br0 up", i))
		l.run(ns, "ip link set eth1 up")
		l.run(ns, fmt.Sprintf("ip addr add 10.9.0.%d/24 dev eth1", i+1))
	}
	l.iperfServer(b)
	ours, bridge := l.iperf(a, "10.0.0.2"), l.iperf(a, "10.9.0.2")
	t.Logf("dataplane with 1000 rules %.1f Gbit/s, Linux bridge %.1f Gbit/s", ours, bridge)
	if ours < bridge/2 {
		t.Errorf("the dataplane has less than half of the bridge's throughput")
	}
}

// iperfServer runs iperf3's server in a namespace until the test ends.
func (l *lab) iperfServer(ns string) {
	l.t.Helper()
	server := exec.CommandContext(l.t.Context(), "ip", "netns", "exec", ns, "iperf3", "-s")
	if err := server.Start(); err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() {
		_ = server.Process.Kill()
		_ = server.Wait()
	})
}

// iperf measures one TCP stream from a namespace, in Gbit/s.
func (l *lab) iperf(ns, addr string) float64 {
	l.t.Helper()
	var last string
	l.eventually("the server listens", func() bool {
		out, err := l.try(ns, "iperf3 -J -t 3 -c "+addr)
		last = out
		return err == nil && strings.Contains(out, "sum_received")
	})
	var result struct {
		End struct {
			Sum struct {
				BitsPerSecond float64 `json:"bits_per_second"`
			} `json:"sum_received"`
		} `json:"end"`
	}
	if err := json.Unmarshal([]byte(last), &result); err != nil {
		l.t.Fatal(err)
	}
	return result.End.Sum.BitsPerSecond / 1e9
}

// TestTunnelThroughput compares tunnels with the kernel's VXLAN device on a
// Linux bridge, between the same namespaces and over the same cable, in turns.
func TestTunnelThroughput(t *testing.T) {
	if testing.Short() {
		t.Skip("measures for some seconds")
	}
	if _, err := exec.LookPath("iperf3"); err != nil {
		t.Skip("needs the iperf3 command")
	}
	for _, kind := range []string{intent.TypeVXLAN, intent.TypeGRE} {
		one, two, a, b := joined(t, kind)
		for i, x := range []struct {
			l  *lab
			ns string
		}{{one, a}, {two, b}} {
			l, own, other := x.l, underAddr(i), underAddr(1-i)
			l.run(l.name, "ip link add br9 type bridge")
			l.run(l.name, "ip link set br9 up mtu 1450")
			l.run(l.name, "ip link add vx9 mtu 1450 type vxlan id 9 local "+own+" remote "+other+" dstport 14789")
			l.run(l.name, "ip link set vx9 master br9 up")
			l.run(l.name, "ip link add g9 mtu 1450 type veth peer name eth1 netns "+x.ns)
			l.run(l.name, "ip link set g9 master br9 up")
			l.run(x.ns, "ip link set eth1 up mtu 1450")
			l.run(x.ns, fmt.Sprintf("ip addr add 10.9.0.%d/24 dev eth1", i+1))
		}
		one.iperfServer(b)
		var ratios []float64
		for range 3 {
			ours, kernel := one.iperf(a, "10.0.1.2"), one.iperf(a, "10.9.0.2")
			t.Logf("%s %.1f Gbit/s, the kernel's VXLAN on a bridge %.1f Gbit/s", kind, ours, kernel)
			ratios = append(ratios, ours/kernel)
		}
		slices.Sort(ratios)
		t.Logf("%s: %.2f of the kernel's", kind, ratios[1])
		if ratios[1] < 0.5 {
			t.Errorf("%s has less than half of the throughput of the kernel's VXLAN", kind)
		}
	}
}
