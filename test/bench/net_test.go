package bench

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"wisp/internal/netlinkx"
	"wisp/test/fleet"
	"wisp/test/world"
)

const (
	netRounds  = 15
	netSeconds = 1
)

// path is a way of packets between two namespaces.
type path struct {
	name    string
	from    string // namespaces
	to      string
	address string // of the far end
}

// flow is what a path carries.
type flow struct {
	tcp1, tcp8 float64 // Gbit/s
	packets    float64 // of UDP with 64 bytes, a second, that arrive
	exchange   float64 // µs of one request and its answer over TCP
}

// TestNetwork measures the ways between two ports on one host and on two, of
// each type of network, beside others of the same machine in the same run: a
// cable, a bare redirect from one cable to another, a Linux bridge, the
// kernel's VXLAN on a bridge, Open vSwitch in user space.
func TestNetwork(t *testing.T) {
	if !*wanted {
		t.Skip("figures are not wanted; `make bench-net` asks for them")
	}
	f := fleet.New(t)
	var one, two []path
	one = append(one, cable(f), redirect(t, f), bridge(f))
	two = append(two, kernelVXLAN(f))
	if at, ok := openVSwitch(t, f); ok {
		one, two = append(one, at[0]), append(two, at[1])
	}
	ours, far := clouds(t, f)
	one, two = append(one, ours...), append(two, far...)
	all := slices.Concat(one, two)
	figures := map[string][]flow{}
	for _, p := range all {
		figures[p.name] = make([]flow, netRounds)
	}
	for round := range netRounds {
		for _, k := range kinds { // of one kind, path by path: the machine's load is every path's
			for i := range all {
				p := all[(i+round)%len(all)]
				*k.of(&figures[p.name][round]) = k.measure(t, p)
			}
		}
	}
	report(t, "between two ports on one host", one, figures, "veth redirect")
	report(t, "between two ports on two hosts", two, figures, "kernel VXLAN on a bridge")
	report(t, "with many rules", ours, figures, ours[0].name)
}

// kinds are what is measured of each path.
var kinds = []struct {
	title, format string
	of            func(*flow) *float64
	measure       func(*testing.T, path) float64
}{
	{"TCP, 1 stream", "%.2f Gbit/s", func(f *flow) *float64 { return &f.tcp1 }, func(t *testing.T, p path) float64 {
		rate, _ := iperf(t, p)
		return rate
	}},
	{"TCP, 8 streams", "%.2f Gbit/s", func(f *flow) *float64 { return &f.tcp8 }, func(t *testing.T, p path) float64 {
		rate, _ := iperf(t, p, "-P", "8")
		return rate
	}},
	{"UDP packets/s", "%.0f", func(f *flow) *float64 { return &f.packets }, func(t *testing.T, p path) float64 {
		_, packets := iperf(t, p, "-u", "-b", "0", "-l", "64")
		return packets
	}},
	{"request, response", "%.1f µs", func(f *flow) *float64 { return &f.exchange }, exchange},
}

// report logs the medians of all rounds, and of the ratios to a path that was
// measured in the same round.
func report(t *testing.T, title string, paths []path, figures map[string][]flow, to string) {
	t.Helper()
	var text strings.Builder
	fmt.Fprintf(&text, "%s, and the ratio to %s\n| path ", title, to)
	for _, k := range kinds {
		fmt.Fprintf(&text, "| %s ", k.title)
	}
	text.WriteString("|\n|---" + strings.Repeat("|---", len(kinds)) + "|\n")
	for _, p := range paths {
		fmt.Fprintf(&text, "| %s ", p.name)
		for _, k := range kinds {
			values, ratios := make([]float64, netRounds), make([]float64, netRounds)
			for i := range netRounds {
				values[i] = *k.of(&figures[p.name][i])
				ratios[i] = values[i] / *k.of(&figures[to][i])
			}
			fmt.Fprintf(&text, "| "+k.format+" (%.2f) ", middle(values), middle(ratios))
		}
		text.WriteString("|\n")
	}
	t.Log("\n" + text.String())
}

func middle(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}

// serve runs an iperf3 server in a namespace until stop is called.
func serve(t *testing.T, netns string) (stop func()) {
	t.Helper()
	server := fleet.Command(t.Context(), netns, "iperf3", "-s")
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	return func() {
		_ = server.Process.Kill()
		_ = server.Wait()
	}
}

// iperf returns Gbit/s and datagrams a second, of what arrived.
func iperf(t *testing.T, p path, args ...string) (rate, packets float64) {
	t.Helper()
	type outcome struct {
		Error string `json:"error"`
		End   struct {
			Received struct {
				BitsPerSecond float64 `json:"bits_per_second"`
			} `json:"sum_received"`
			Sum struct {
				Seconds float64 `json:"seconds"`
				Packets float64 `json:"packets"`
				Lost    float64 `json:"lost_packets"`
			} `json:"sum"`
		} `json:"end"`
	}
	var result outcome
	// A server of its own for each: one that has met a failure may end.
	defer serve(t, p.to)()
	world.Eventually(t, world.Short, func() error {
		command := fleet.Command(t.Context(), p.from, append([]string{"iperf3", "-J", "-t", fmt.Sprint(netSeconds), "-c", p.address}, args...)...)
		out, err := command.Output() // its failure is in the JSON
		result = outcome{}
		if bad := json.Unmarshal(out, &result); bad != nil {
			return errors.Join(err, bad)
		}
		if result.Error != "" {
			return fmt.Errorf("%s: %s", p.name, result.Error)
		}
		return nil
	})
	if s := result.End.Sum; s.Seconds > 0 {
		packets = (s.Packets - s.Lost) / s.Seconds
	}
	return result.End.Received.BitsPerSecond / 1e9, packets
}

// exchange measures how long a byte to the other end and back takes.
func exchange(t *testing.T, p path) float64 {
	t.Helper()
	var listener net.Listener
	in := func(netns string, do func() error) {
		t.Helper()
		if err := netlinkx.In(netlinkx.NetnsPath(netns), do); err != nil {
			t.Fatal(err)
		}
	}
	in(p.to, func() (err error) {
		listener, err = new(net.ListenConfig).Listen(t.Context(), "tcp4", ":0")
		return err
	})
	defer listener.Close()
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		b := make([]byte, 1)
		for {
			if _, err := conn.Read(b); err != nil {
				return
			}
			if _, err := conn.Write(b); err != nil {
				return
			}
		}
	}()
	var conn net.Conn
	in(p.from, func() (err error) {
		conn, err = new(net.Dialer).DialContext(t.Context(), "tcp4", net.JoinHostPort(p.address, fmt.Sprint(listener.Addr().(*net.TCPAddr).Port)))
		return err
	})
	defer conn.Close()
	b, count := []byte{1}, 0
	began := time.Now()
	for time.Since(began) < netSeconds*time.Second {
		if _, err := conn.Write(b); err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Read(b); err != nil {
			t.Fatal(err)
		}
		count++
	}
	return float64(time.Since(began).Microseconds()) / float64(count)
}

// clouds makes a cloud of two nodes, and returns its ways on one host and
// between two.
func clouds(t *testing.T, f *fleet.Fleet) (one, two []path) {
	t.Helper()
	server := f.Server(1, "--physical-network", "public", "--physical-network", "physnet1")
	nodes := []*fleet.Node{
		f.Node(1, []*fleet.Server{server}, []string{fleet.Physical}, "--hypervisor", "fake"),
		f.Node(2, []*fleet.Server{server}, []string{fleet.Physical}, "--hypervisor", "fake"),
	}
	c := server.Caller(t)
	user, err := c.Get("/identity/v3/auth/tokens", "token", "X-Subject-Token", c.Token)
	if err != nil {
		t.Fatal(err)
	}
	project, _ := user["project"].(map[string]any)
	if _, err := c.Request("PUT", fmt.Sprintf("/network/v2.0/quotas/%s", project["id"]), `{"quota": {"security_group_rule": -1}}`); err != nil {
		t.Fatal(err)
	}
	groups := map[int]string{}
	for _, rules := range []int{5, 1000} {
		groups[rules] = c.Create("/network/v2.0/security-groups", "security_group", fmt.Sprintf(`{"security_group": {"name": "rules-%d"}}`, rules))
		var bodies []string
		for i := range rules - 4 { // beside the two for what leaves, and the two that let the measurement in
			bodies = append(bodies, fmt.Sprintf(`{"security_group_id": %q, "direction": "ingress", "protocol": "tcp", "port_range_min": %d, "port_range_max": %d}`, groups[rules], 1000+i, 1000+i))
		}
		for _, protocol := range []string{"tcp", "udp"} {
			bodies = append(bodies, fmt.Sprintf(`{"security_group_id": %q, "direction": "ingress", "protocol": %q, "port_range_min": 5000, "port_range_max": 65535}`, groups[rules], protocol))
		}
		for chunk := range slices.Chunk(bodies, 100) {
			if _, err := c.Request("POST", "/network/v2.0/security-group-rules", `{"security_group_rules": [`+strings.Join(chunk, ", ")+`]}`); err != nil {
				t.Fatal(err)
			}
		}
	}
	pair := func(name string, n fleet.Network, to *fleet.Node, rules int) path {
		a, b := f.GuestOn(c, nodes[0], n, groups[rules]), f.GuestOn(c, to, n, groups[rules])
		return path{name: name, from: a.Netns, to: b.Netns, address: b.Address}
	}
	local := f.Network(c, "local", "10.1.0.0/24", `"provider:network_type": "local"`)
	one = append(one, pair("wisp, 5 rules", local, nodes[0], 5), pair("wisp, 1,000 rules", local, nodes[0], 1000))
	for i, provider := range []struct{ name, attributes string }{
		{"vxlan", `"provider:network_type": "vxlan"`}, {"gre", `"provider:network_type": "gre"`},
		{"vlan", `"provider:network_type": "vlan", "provider:physical_network": "physnet1", "provider:segmentation_id": 10`},
		{"flat", `"provider:network_type": "flat", "provider:physical_network": "physnet1"`},
	} {
		n := f.Network(c, provider.name, fmt.Sprintf("10.%d.0.0/24", 2+i), provider.attributes)
		two = append(two, pair("wisp, "+provider.name, n, nodes[1], 5))
	}
	return one, two
}
