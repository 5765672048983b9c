package dhcp

import (
	"log/slog"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/insomniacslk/dhcp/dhcpv6"
	"github.com/insomniacslk/dhcp/iana"

	"wisp/internal/nodeapi"
)

var address6 = netip.MustParseAddr("2001:db8::5")

func lease6() nodeapi.Lease {
	l := lease()
	l.IPv6 = &nodeapi.IPv6{DHCP: true, Address: address6, DNS: []netip.Addr{netip.MustParseAddr("2001:db8::53")}}
	return l
}

type modify = func(*dhcpv6.Message)

func request6(kind dhcpv6.MessageType, change ...modify) *dhcpv6.Message {
	m := &dhcpv6.Message{MessageType: kind, TransactionID: dhcpv6.TransactionID{1, 2, 3}}
	m.AddOption(dhcpv6.OptClientID(&dhcpv6.DUIDLL{HWType: iana.HWTypeEthernet, LinkLayerAddr: guestMAC}))
	for _, f := range change {
		f(m)
	}
	return m
}

func asks(id byte, addresses ...string) modify {
	return func(m *dhcpv6.Message) {
		ia := &dhcpv6.OptIANA{IaId: [4]byte{id}}
		for _, a := range addresses {
			ia.Options.Add(&dhcpv6.OptIAAddress{IPv6Addr: net.ParseIP(a)})
		}
		m.AddOption(ia)
	}
}

func choose(mac net.HardwareAddr) modify {
	return func(m *dhcpv6.Message) {
		m.AddOption(dhcpv6.OptServerID(&dhcpv6.DUIDLL{HWType: iana.HWTypeEthernet, LinkLayerAddr: mac}))
	}
}

func TestConversation6(t *testing.T) {
	t.Parallel()
	const (
		none, advertise, reply = dhcpv6.MessageTypeNone, dhcpv6.MessageTypeAdvertise, dhcpv6.MessageTypeReply
		solicit, ask, renew    = dhcpv6.MessageTypeSolicit, dhcpv6.MessageTypeRequest, dhcpv6.MessageTypeRenew
		rebind, confirm        = dhcpv6.MessageTypeRebind, dhcpv6.MessageTypeConfirm
		inform, release        = dhcpv6.MessageTypeInformationRequest, dhcpv6.MessageTypeRelease
	)
	anonymous := func(m *dhcpv6.Message) { m.Options.Del(dhcpv6.OptionClientID) }
	rapid := func(m *dhcpv6.Message) { m.AddOption(&dhcpv6.OptionGeneric{OptionCode: dhcpv6.OptionRapidCommit}) }
	stateless := func(l *nodeapi.Lease) { l.IPv6.Address = netip.Addr{} }
	for name, c := range map[string]struct {
		kind    dhcpv6.MessageType
		change  []modify
		lease   func(*nodeapi.Lease)
		want    dhcpv6.MessageType
		address bool
		status  iana.StatusCode
	}{
		"solicit":                                 {kind: solicit, change: []modify{asks(1)}, want: advertise, address: true},
		"solicit in a hurry":                      {kind: solicit, change: []modify{asks(1), rapid}, want: reply, address: true},
		"solicit without a name":                  {kind: solicit, change: []modify{asks(1), anonymous}, want: none},
		"solicit of a server":                     {kind: solicit, change: []modify{asks(1), choose(serverMAC)}, want: none},
		"solicit where addresses are made":        {kind: solicit, change: []modify{asks(1)}, lease: stateless, want: none},
		"request":                                 {kind: ask, change: []modify{asks(1, "2001:db8::5"), choose(serverMAC)}, want: reply, address: true},
		"request of another address":              {kind: ask, change: []modify{asks(1, "2001:db8::6"), choose(serverMAC)}, want: reply, address: true},
		"request to another server":               {kind: ask, change: []modify{asks(1), choose(guestMAC)}, want: none},
		"request to nobody":                       {kind: ask, change: []modify{asks(1)}, want: none},
		"renew":                                   {kind: renew, change: []modify{asks(1, "2001:db8::5"), choose(serverMAC)}, want: reply, address: true},
		"rebind":                                  {kind: rebind, change: []modify{asks(1, "2001:db8::5")}, want: reply, address: true},
		"rebind of a server":                      {kind: rebind, change: []modify{asks(1), choose(serverMAC)}, want: none},
		"confirm":                                 {kind: confirm, change: []modify{asks(1, "2001:db8::5")}, want: reply, status: iana.StatusSuccess},
		"confirm an address of another link":      {kind: confirm, change: []modify{asks(1, "2001:db8:9::5")}, want: reply, status: iana.StatusNotOnLink},
		"confirm nothing":                         {kind: confirm, change: []modify{asks(1)}, want: none},
		"inform":                                  {kind: inform, want: reply},
		"inform without a name":                   {kind: inform, change: []modify{anonymous}, want: reply},
		"inform where addresses are made":         {kind: inform, lease: stateless, want: reply},
		"inform of another server":                {kind: inform, change: []modify{choose(guestMAC)}, want: none},
		"inform that wants an address":            {kind: inform, change: []modify{asks(1)}, want: none},
		"release":                                 {kind: release, change: []modify{asks(1, "2001:db8::5"), choose(serverMAC)}, want: reply, status: iana.StatusSuccess},
		"release to another server":               {kind: release, change: []modify{choose(guestMAC)}, want: none},
		"an advertisement":                        {kind: advertise, want: none},
		"a port that is told nothing over IPv6":   {kind: inform, lease: func(l *nodeapi.Lease) { l.IPv6 = nil }, want: none},
		"a port with routers and without DHCPv6":  {kind: inform, lease: func(l *nodeapi.Lease) { l.IPv6.DHCP = false }, want: none},
		"a port whose lease lasts for ever":       {kind: solicit, change: []modify{asks(1)}, lease: func(l *nodeapi.Lease) { l.Seconds = 0 }, want: advertise, address: true},
		"a second association gets no address":    {kind: solicit, change: []modify{asks(1), asks(2)}, want: advertise, address: true},
		"a client without an address asks to DNS": {kind: solicit, want: advertise},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := lease6()
			if c.lease != nil {
				c.lease(&l)
			}
			got := Answer6(request6(c.kind, c.change...), l)
			if got == nil {
				if c.want != none {
					t.Fatalf("silence, want %v", c.want)
				}
				return
			}
			if got.MessageType != c.want || got.TransactionID != (dhcpv6.TransactionID{1, 2, 3}) || got.Options.ServerID() == nil {
				t.Fatalf("%v, want %v", got, c.want)
			}
			var given []net.IP
			for _, ia := range got.Options.IANA() {
				for _, a := range ia.Options.Addresses() {
					if a.ValidLifetime > 0 {
						given = append(given, a.IPv6Addr)
					}
				}
			}
			if (len(given) == 1) != c.address || c.address && !given[0].Equal(address6.AsSlice()) {
				t.Errorf("gives %v", given)
			}
			if s := got.Options.Status(); s != nil && s.StatusCode != c.status || s == nil && (c.kind == confirm || c.kind == release) {
				t.Errorf("status %v, want %v", s, c.status)
			}
			if c.kind != confirm && c.kind != release && (len(got.Options.DNS()) != 1 || got.Options.DomainSearchList().Labels[0] != "example.org") {
				t.Errorf("parameters of %v", got)
			}
		})
	}
}

// An address that the client has and that is not its port's any more is taken
// back.
func TestOldAddressEnds(t *testing.T) {
	t.Parallel()
	got := Answer6(request6(dhcpv6.MessageTypeRenew, asks(1, "2001:db8::77"), choose(serverMAC)), lease6())
	lifetimes := map[string]time.Duration{}
	for _, a := range got.Options.OneIANA().Options.Addresses() {
		lifetimes[a.IPv6Addr.String()] = a.ValidLifetime
	}
	if lifetimes["2001:db8::77"] != 0 || lifetimes["2001:db8::5"] != 24*time.Hour || len(lifetimes) != 2 {
		t.Errorf("lifetimes %v", lifetimes)
	}
}

func TestServerAnswers6(t *testing.T) {
	t.Parallel()
	s := NewServer(newPipe(), func(port string) (nodeapi.Lease, bool) { return lease6(), port == "p" }, slog.New(slog.DiscardHandler))
	ask := Frame{
		SrcMAC: guestMAC, DstMAC: net.HardwareAddr{0x33, 0x33, 0, 1, 0, 2}, Src: netip.MustParseAddr("fe80::2"), Dst: netip.MustParseAddr("ff02::1:2"),
		SrcPort: clientPort6, DstPort: serverPort6, Payload: request6(dhcpv6.MessageTypeSolicit, asks(1)).ToBytes(),
	}
	got := s.answer(t.Context(), "p", ask.Bytes())
	if got == nil || got.final || got.address != address6 {
		t.Fatalf("%+v", got)
	}
	p := gopacket.NewPacket(got.frame, layers.LinkTypeEthernet, gopacket.Default)
	udp, _ := p.Layer(layers.LayerTypeUDP).(*layers.UDP)
	ip, _ := p.Layer(layers.LayerTypeIPv6).(*layers.IPv6)
	if udp == nil || udp.SrcPort != 547 || udp.DstPort != 546 || ip.DstIP.String() != "fe80::2" || ip.SrcIP.String() != "fe80::57:ff:fe00:0" {
		t.Fatalf("%v", p)
	}
	if err := udp.SetNetworkLayerForChecksum(ip); err != nil {
		t.Fatal(err)
	}
	was, buffer := udp.Checksum, gopacket.NewSerializeBuffer()
	if err := gopacket.SerializeLayers(buffer, gopacket.SerializeOptions{ComputeChecksums: true}, udp, gopacket.Payload(udp.Payload)); err != nil || udp.Checksum != was {
		t.Errorf("checksum %x, want %x (%v)", was, udp.Checksum, err)
	}
	for name, change := range map[string]func(f *Frame){
		"from another port": func(f *Frame) { f.SrcPort = 1 },
		"garbage":           func(f *Frame) { f.Payload = []byte{1, 2} },
		"asks nothing":      func(f *Frame) { f.Payload = request6(dhcpv6.MessageTypeAdvertise).ToBytes() },
	} {
		other := ask
		change(&other)
		if got := s.answer(t.Context(), "p", other.Bytes()); got != nil {
			t.Errorf("a message %s is answered", name)
		}
	}
	if got := s.answer(t.Context(), "stranger", ask.Bytes()); got != nil {
		t.Error("a port without a lease is answered")
	}
}

func FuzzAnswer6(f *testing.F) {
	f.Add(request6(dhcpv6.MessageTypeSolicit, asks(1, "2001:db8::5")).ToBytes())
	f.Fuzz(func(_ *testing.T, b []byte) {
		if m, err := dhcpv6.MessageFromBytes(b); err == nil {
			if reply := Answer6(m, lease6()); reply != nil {
				reply.ToBytes()
			}
		}
	})
}

func TestOwnOptions6(t *testing.T) {
	t.Parallel()
	l := lease6()
	l.IPv6.Options = []nodeapi.Option6{{Code: 59, Value: []byte("tftp://[2001:db8::9]/x")}, {Code: 23, Value: address6.AsSlice()}, {Code: 2, Value: []byte("someone else")}}
	got, err := dhcpv6.MessageFromBytes(Answer6(request6(dhcpv6.MessageTypeInformationRequest), l).ToBytes())
	if err != nil {
		t.Fatal(err)
	}
	if url := got.Options.BootFileURL(); url != "tftp://[2001:db8::9]/x" {
		t.Errorf("boot file %q", url)
	}
	if dns := got.Options.DNS(); len(dns) != 1 || !dns[0].Equal(address6.AsSlice()) {
		t.Errorf("the port's own servers of names do not win: %v", dns)
	}
	if string(got.Options.ServerID().ToBytes()) != string(serverID.ToBytes()) {
		t.Error("a port's option replaced the server's name")
	}
}
