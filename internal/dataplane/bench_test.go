package dataplane_test

import (
	"encoding/json"
	"fmt"
	"os/exec"
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
	server := exec.CommandContext(t.Context(), "ip", "netns", "exec", b, "iperf3", "-s")
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = server.Process.Kill()
		_ = server.Wait()
	})
	measure := func(addr string) float64 {
		var last string
		l.eventually("the server listens", func() bool {
			out, err := l.try(a, "iperf3 -J -t 3 -c "+addr)
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
			t.Fatal(err)
		}
		return result.End.Sum.BitsPerSecond / 1e9
	}
	ours, bridge := measure("10.0.0.2"), measure("10.9.0.2")
	t.Logf("dataplane with 1000 rules %.1f Gbit/s, Linux bridge %.1f Gbit/s", ours, bridge)
	if ours < bridge/2 {
		t.Errorf("the dataplane has less than half of the bridge's throughput")
	}
}
