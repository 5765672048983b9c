package dataplane

import (
	"net/netip"
	"testing"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"

	"wisp/internal/dataplane/intent"
)

const macD = "fa:16:3e:00:00:0d"

// flowState is benchState with one more secure port on n, which lets in what
// comes from port 40 and TCP.
func flowState() intent.State {
	s := benchState()
	s.Ports["d"] = intent.Port{
		ID: "d", NetworkID: "n", MAC: macD, Addresses: []netip.Addr{netip.MustParseAddr("10.0.0.13"), netip.MustParseAddr("fd00::13")},
		Local: true, Enabled: true, PortSecurity: true, SecurityGroups: []string{"in"},
	}
	s.SecurityGroups["in"] = intent.SecurityGroup{ID: "in", Rules: []intent.Rule{
		{ID: "udp", Direction: intent.Ingress, Protocol: protoUDP}, {ID: "tcp", Direction: intent.Ingress, Protocol: protoTCP},
		{ID: "udp6", Direction: intent.Ingress, Protocol: protoUDP, IPv6: true},
	}}
	return s
}

// goes runs a frame of port a until it takes the short way on some processor,
// and tells whether it did. What takes the long way is judged at d, too.
func (b *bench) goes(frame []byte) (short bool, last uint32) {
	b.t.Helper()
	for range 64 { // each processor learns by itself
		v, p := b.run("from_guest", "a", 0, frame)
		if v != actRedirect {
			return false, v
		}
		if b.mark == markJudged {
			if v, _ := b.run("to_guest", "d", b.mark, p.Data()); v != actOK || b.mark != 0 {
				b.t.Fatalf("a judged packet: verdict %d, mark %#x", v, b.mark)
			}
			return true, actOK
		}
		if last, _ = b.run("to_guest", "d", b.mark, p.Data()); last != actOK {
			return false, last
		}
	}
	return false, last
}

func TestShortWay(t *testing.T) {
	t.Parallel()
	b := newBench(t, flowState())
	data := func(tcp *layers.TCP) { tcp.ACK = true }
	flows := map[string][]byte{
		"UDP": udp4(macA, macD, "10.0.0.10", "10.0.0.13", 40, 50),
		"TCP": tcp4(macA, macD, "10.0.0.10", "10.0.0.13", 40, 50, data),
		"UDP over IPv6": frame(eth(macA, macD, layers.EthernetTypeIPv6), ip6("fd00::10", "fd00::13", layers.IPProtocolUDP),
			&layers.UDP{SrcPort: 40, DstPort: 50}),
		"to an address of a pair": udp4(macV, macD, "10.0.0.99", "10.0.0.13", 40, 50),
	}
	for name, f := range flows {
		if short, v := b.goes(f); !short {
			t.Errorf("%s takes the long way, verdict %d", name, v)
		}
	}
	for name, f := range map[string][]byte{
		"another source port":   udp4(macA, macD, "10.0.0.10", "10.0.0.13", 41, 50),
		"another address":       udp4(macA, macD, "10.0.0.64", "10.0.0.13", 40, 50),
		"the end of TCP":        tcp4(macA, macD, "10.0.0.10", "10.0.0.13", 40, 50, func(tcp *layers.TCP) { tcp.ACK, tcp.FIN = true, true }),
		"a beginning of TCP":    tcp4(macA, macD, "10.0.0.10", "10.0.0.13", 40, 50, func(tcp *layers.TCP) { tcp.SYN = true }),
		"what is not TCP's own": ping4(macA, macD, "10.0.0.10", "10.0.0.13"),
	} {
		if v, _ := b.run("from_guest", "a", 0, f); v != actRedirect || b.mark != markForwarded {
			t.Errorf("%s: verdict %d, mark %#x", name, v, b.mark)
		}
	}
	for name, f := range map[string][]byte{
		"a stranger's MAC":    udp4(macB, macD, "10.0.0.10", "10.0.0.13", 40, 50),
		"a pair's MAC":        udp4(macV, macD, "10.0.0.10", "10.0.0.13", 40, 50),
		"an unknown receiver": udp4(macA, "fa:16:3e:00:00:77", "10.0.0.10", "10.0.0.13", 40, 50),
	} {
		for range 8 {
			if v, _ := b.run("from_guest", "a", 0, f); v != actShot {
				t.Fatalf("%s: verdict %d", name, v)
			}
		}
	}
	if v, _ := b.run("from_guest", "a", 0, udp4(macA, macB, "10.0.0.10", "10.0.0.13", 40, 50)); v != actRedirect || b.mark != markForwarded {
		t.Errorf("the same flow to another MAC: verdict %d, mark %#x", v, b.mark)
	}
	if short, _ := b.goes(flows["UDP"]); !short {
		t.Error("UDP has lost its way")
	}
	<-time.After(200 * time.Millisecond) // more than an answer holds
	if b.run("from_guest", "a", 0, flows["UDP"]); b.mark != markForwarded {
		t.Errorf("a way that is too old: mark %#x", b.mark)
	}
}

// What changes is in force for flows that had the short way.
func TestShortWayEnds(t *testing.T) {
	t.Parallel()
	udp := frame(eth(macA, macD, layers.EthernetTypeIPv4), ip4("10.0.0.10", "10.0.0.13", layers.IPProtocolUDP),
		&layers.UDP{SrcPort: 40, DstPort: 50}, gopacket.Payload(make([]byte, 100)))
	edit := func(port string, change func(*intent.Port)) func(*intent.State) {
		return func(s *intent.State) {
			p := s.Ports[port]
			change(&p)
			s.Ports[port] = p
		}
	}
	for name, change := range map[string]func(s *intent.State){
		"the receiver's rule is gone": func(s *intent.State) { s.SecurityGroups["in"] = intent.SecurityGroup{ID: "in"} },
		"the sender's rule is gone":   func(s *intent.State) { s.SecurityGroups["g"] = intent.SecurityGroup{ID: "g"} },
		"the receiver is gone":        func(s *intent.State) { delete(s.Ports, "d") },
		"the receiver is off":         edit("d", func(p *intent.Port) { p.Enabled = false }),
		"the receiver's MAC changes":  edit("d", func(p *intent.Port) { p.MAC = "fa:16:3e:00:00:dd" }),
		"the sender is off":           edit("a", func(p *intent.Port) { p.Enabled = false }),
		"the sender's address changes": edit("a", func(p *intent.Port) {
			p.Addresses = []netip.Addr{netip.MustParseAddr("10.0.0.20")}
		}),
		"the network is too small": func(s *intent.State) {
			n := s.Networks["n"]
			n.MTU = 100
			s.Networks["n"] = n
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, flowState())
			if short, v := b.goes(udp); !short {
				t.Fatalf("the long way before, verdict %d", v)
			}
			after := flowState()
			change(&after)
			b.apply(after)
			if after.Ports["d"].ID == "" { // there is no device to be judged at
				for range 8 {
					if v, _ := b.run("from_guest", "a", 0, udp); v != actShot {
						t.Fatalf("verdict %d", v)
					}
				}
				return
			}
			if short, v := b.goes(udp); short || v == actOK {
				t.Fatalf("it still goes: short %t, verdict %d", short, v)
			}
			b.apply(flowState())
			if short, v := b.goes(udp); !short {
				t.Errorf("the long way after, verdict %d", v)
			}
		})
	}
}

// Each process begins an epoch: the one before may have died between a change
// and telling of it.
func TestEpochs(t *testing.T) {
	t.Parallel()
	b := newBench(t, flowState())
	epoch := func() uint32 { return b.dp.tables.confs.held[0].Epoch }
	first := epoch()
	b.apply(flowState())
	if first == 0 || epoch() != first {
		t.Errorf("nothing changed, and the epoch went from %d to %d", first, epoch())
	}
	b.apply(benchState())
	second := epoch()
	if second == first {
		t.Error("the same epoch after a change")
	}
	cfg := b.dp.cfg
	if err := b.dp.Close(); err != nil {
		t.Fatal(err)
	}
	var err error
	if b.dp, err = Open(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	if b.apply(benchState()); epoch() == second {
		t.Error("a new process goes on with the epoch of the one before")
	}
	// An epoch that was lost is no earlier one.
	third := epoch()
	var zero uint32
	if err := b.dp.mapNamed("confs").Put(&zero, &bpfConf{}); err != nil {
		t.Fatal(err)
	}
	if _, err := b.dp.Resync(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := epoch(); got == 0 || got <= third && got > third-1000 {
		t.Errorf("epoch %d after %d was lost", got, third)
	}
}
