package hosts

import (
	"fmt"
	"strings"
	"testing"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"

	"wisp/test/fleet"
	"wisp/test/world"
)

// kind is a type of network and how its frames look on the wire.
type kind struct {
	name     string
	provider string // attributes of the network
	network  string // of the fleet, that carries it; "" is none
	carries  func(n fleet.Network, mac string, frame gopacket.Packet) bool
}

var kinds = []kind{
	{"vxlan", `"provider:network_type": "vxlan"`, fleet.Tunnel, func(n fleet.Network, mac string, frame gopacket.Packet) bool {
		udp, _ := frame.Layer(layers.LayerTypeUDP).(*layers.UDP)
		vxlan, _ := frame.Layer(layers.LayerTypeVXLAN).(*layers.VXLAN)
		return udp != nil && vxlan != nil && udp.DstPort == 4789 && int(vxlan.VNI) == n.Segment && from(frame, mac)
	}},
	{"gre", `"provider:network_type": "gre"`, fleet.Tunnel, func(n fleet.Network, mac string, frame gopacket.Packet) bool {
		gre, _ := frame.Layer(layers.LayerTypeGRE).(*layers.GRE)
		return gre != nil && gre.KeyPresent && !gre.ChecksumPresent && int(gre.Key) == n.Segment && gre.Protocol == layers.EthernetTypeTransparentEthernetBridging && from(frame, mac)
	}},
	{"vlan", `"provider:network_type": "vlan", "provider:physical_network": "physnet1", "provider:segmentation_id": 100`, fleet.Physical, func(n fleet.Network, mac string, frame gopacket.Packet) bool {
		return fleet.Tag(frame) == n.Segment && from(frame, mac)
	}},
	{"flat", `"provider:network_type": "flat", "provider:physical_network": "physnet1"`, fleet.Physical, func(_ fleet.Network, mac string, frame gopacket.Packet) bool {
		return fleet.Tag(frame) == 0 && from(frame, mac)
	}},
	{"local", `"provider:network_type": "local"`, "", nil},
}

// from tells whether the innermost Ethernet frame is of a sender.
func from(frame gopacket.Packet, mac string) bool {
	sender := ""
	for _, layer := range frame.Layers() {
		if ethernet, ok := layer.(*layers.Ethernet); ok {
			sender = ethernet.SrcMAC.String()
		}
	}
	return sender == mac
}

// TestTypes carries packets of all types of networks between three nodes, of
// which the third has no external network.
func TestTypes(t *testing.T) {
	f := fleet.New(t)
	server := f.Server(1, "--physical-network", "public", "--physical-network", "physnet1", "--vlan-range", "physnet1:200:299")
	var nodes []*fleet.Node
	for i := range 3 {
		networks := []string{fleet.Physical, fleet.External}
		if i == 2 {
			networks = networks[:1]
		}
		nodes = append(nodes, f.Node(i+1, []*fleet.Server{server}, networks, "--hypervisor", "fake"))
	}
	c := server.Caller(t)
	hostsUp(t, c, 3)
	t.Run("agents", func(t *testing.T) { testAgents(t, c.In(t)) })
	for i, k := range kinds {
		t.Run(k.name, func(t *testing.T) { testKind(t, f.In(t), c.In(t), nodes, k, i) })
	}
	t.Run("segments", func(t *testing.T) { testSegments(t, c.In(t)) })
	t.Run("IPv6", func(t *testing.T) { testIPv6(t, f.In(t), c.In(t), nodes) })
	t.Run("routed", func(t *testing.T) { testRouted(t, f.In(t), c.In(t), nodes) })
}

// hostsUp waits until nodes are connected.
func hostsUp(t *testing.T, c *world.Caller, want int) {
	t.Helper()
	world.Eventually(t, world.Short, func() error {
		up := 0
		for _, s := range c.List("/compute/v2.1/os-services", "services") {
			if s["state"] == "up" {
				up++
			}
		}
		if up != want {
			return fmt.Errorf("%d hosts are up", up)
		}
		return nil
	})
}

func testAgents(t *testing.T, c *world.Caller) {
	for _, agent := range c.List("/network/v2.0/agents?agent_type=wisp%20dataplane%20agent", "agents") {
		configurations, _ := agent["configurations"].(map[string]any)
		mappings, _ := configurations["bridge_mappings"].(map[string]any)
		if configurations["tunneling_ip"] == "" || mappings["physnet1"] != fleet.Physical {
			t.Errorf("%v: %v", agent["host"], configurations)
		}
		if _, has := mappings["public"]; has == (agent["host"] == "node3") {
			t.Errorf("%v: %v", agent["host"], mappings)
		}
	}
}

func testKind(t *testing.T, f *fleet.Fleet, c *world.Caller, nodes []*fleet.Node, k kind, number int) {
	n := f.Network(c, k.name, fmt.Sprintf("10.%d.0.0/24", 10+number), k.provider)
	// The same addresses in a network beside it must not be seen.
	other := f.Network(c, k.name+"-other", fmt.Sprintf("10.%d.0.0/24", 10+number), "")
	f.GuestOn(c, nodes[0], other)
	var guests []*fleet.Guest
	places := nodes
	if k.network == "" {
		places = []*fleet.Node{nodes[0], nodes[0]}
	}
	for _, node := range places {
		guests = append(guests, f.GuestOn(c, node, n))
	}
	var captures []*fleet.Capture
	for _, node := range nodes {
		for _, network := range []string{fleet.Tunnel, fleet.Physical} {
			captures = append(captures, f.Capture(t, node.Ports[network]))
		}
	}
	for _, a := range guests {
		for _, b := range guests {
			if a != b {
				a.Reaches(t, b.Address)
			}
		}
	}
	if k.network == "" {
		for _, capture := range captures {
			for _, frame := range capture.Frames() {
				if from(frame, guests[0].MAC) || from(frame, guests[1].MAC) {
					t.Errorf("a frame of a local network is on the wire: %v", frame)
				}
			}
		}
		far := f.GuestOn(c, nodes[1], n)
		if err := far.Ping(guests[0].Address); err == nil {
			t.Error("a port of a local network on another host is reached")
		}
	} else {
		first := captures[0]
		if k.network == fleet.Physical {
			first = captures[1]
		}
		frame := first.Await(t, "a frame of a "+k.name+" network", func(frame gopacket.Packet) bool { return k.carries(n, guests[0].MAC, frame) })
		t.Logf("on the wire: %v", layersOf(frame))
		if k.network == fleet.Tunnel {
			for _, frame := range first.Frames() {
				if frame.Layer(layers.LayerTypeARP) != nil && inner(frame) {
					t.Errorf("an ARP frame for a known address is in the tunnel: %v", frame)
				}
			}
		}
	}
	for _, capture := range captures {
		capture.Stop()
	}
	took := fleet.Download(t, guests[0].Netns, guests[1].Netns, guests[0].Address, 50<<20)
	t.Logf("50 MB in %s, MTU %d", took.Round(1e6), n.MTU)
}

// inner tells whether a frame is in a tunnel.
func inner(frame gopacket.Packet) bool {
	return frame.Layer(layers.LayerTypeVXLAN) != nil || frame.Layer(layers.LayerTypeGRE) != nil
}

func layersOf(frame gopacket.Packet) string {
	text := ""
	for _, layer := range frame.Layers() {
		text += layer.LayerType().String() + " "
	}
	if tag := fleet.Tag(frame); tag != 0 {
		text += fmt.Sprintf("(tag %d)", tag)
	}
	return text
}

// testSegments proves that segmentation ids and physical networks have one
// user each.
func testSegments(t *testing.T, c *world.Caller) {
	for _, refused := range []struct{ provider, status string }{
		{`"provider:network_type": "vlan", "provider:physical_network": "physnet1", "provider:segmentation_id": 100`, "409"},
		{`"provider:network_type": "flat", "provider:physical_network": "physnet1"`, "409"},
		{`"provider:network_type": "vlan", "provider:physical_network": "physnet1", "provider:segmentation_id": 4095`, "400"},
		{`"provider:network_type": "flat", "provider:physical_network": "nowhere"`, "400"},
	} {
		_, err := c.Request("POST", "/network/v2.0/networks", `{"network": {`+refused.provider+`}}`)
		if err == nil || !strings.Contains(err.Error(), refused.status) {
			t.Errorf("%s: %v, want %s", refused.provider, err, refused.status)
		}
	}
}

// testRouted joins networks of all types that leave a host with a router, and
// that with the outside.
func testRouted(t *testing.T, f *fleet.Fleet, c *world.Caller, nodes []*fleet.Node) {
	out, ext, router := outside(t, f, c)
	var guests []*fleet.Guest
	var names []string
	for i, k := range kinds[:4] {
		provider := k.provider
		switch k.name {
		case "vlan":
			provider = `"provider:network_type": "vlan", "provider:physical_network": "physnet1"` // a tag of the range
		case "flat":
			continue // its physical network is in use; its routing is that of an untagged VLAN
		}
		n := f.Network(c, "routed-"+k.name, fmt.Sprintf("10.%d.0.0/24", 30+i), provider)
		attach(t, c, router, n)
		for _, node := range nodes {
			guests = append(guests, f.GuestOn(c, node, n))
			names = append(names, k.name+" on "+node.Host)
		}
	}
	for i, a := range guests {
		for _, b := range guests {
			if a != b {
				a.Reaches(t, b.Address)
			}
		}
		if err := world.Within(world.Short, func() error { return a.Ping(beyond) }); err != nil {
			t.Errorf("%s does not reach the outside: %v", names[i], err)
		}
	}
	for i, g := range guests {
		address := floating(t, c, ext, g.PortID)
		ping := func() error {
			_, err := f.Try(out, "ping", "-n", "-c", "1", "-W", "1", address)
			return err
		}
		if err := world.Within(world.Short, ping); err != nil {
			t.Errorf("the floating IP of %s is not reached: %v", names[i], err)
		}
		if err := g.Ping(beyond); err != nil {
			t.Errorf("%s with a floating IP does not reach the outside: %v", names[i], err)
		}
	}
	took := fleet.Download(t, out, guests[2].Netns, beyond, 50<<20)
	t.Logf("50 MB from the outside to a node without the external network in %s", took.Round(1e6))
}
