package dhcp

import (
	"bytes"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"

	"wisp/internal/dataplane/intent"
	"wisp/internal/nodeapi"
)

var guestMAC = net.HardwareAddr{0xfa, 0x16, 0x3e, 1, 2, 3}

func lease() nodeapi.Lease {
	return nodeapi.Lease{
		PortID: "p", MAC: "fa:16:3e:01:02:03", Address: netip.MustParsePrefix("10.0.0.5/20"), Server: netip.MustParseAddr("10.0.0.2"),
		Gateway: netip.MustParseAddr("10.0.0.1"), DNS: []netip.Addr{netip.MustParseAddr("192.0.2.53"), netip.MustParseAddr("2001:db8::53"), netip.MustParseAddr("192.0.2.54")},
		Routes: []intent.Route{{Destination: netip.MustParsePrefix("172.16.0.0/12"), NextHop: netip.MustParseAddr("10.0.0.9")}},
		MTU:    1450, Hostname: "my-web", Domain: "example.org", Seconds: 86400,
	}
}

func request(t testing.TB, kind dhcpv4.MessageType, change ...dhcpv4.Modifier) *dhcpv4.DHCPv4 {
	t.Helper()
	m, err := dhcpv4.New(append([]dhcpv4.Modifier{dhcpv4.WithHwAddr(guestMAC), dhcpv4.WithMessageType(kind), dhcpv4.WithTransactionID(dhcpv4.TransactionID{1, 2, 3, 4})}, change...)...)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func wants(address string) dhcpv4.Modifier {
	return dhcpv4.WithOption(dhcpv4.OptRequestedIPAddress(net.ParseIP(address)))
}

func chose(server string) dhcpv4.Modifier {
	return dhcpv4.WithOption(dhcpv4.OptServerIdentifier(net.ParseIP(server)))
}

func has(address string) dhcpv4.Modifier { return dhcpv4.WithClientIP(net.ParseIP(address)) }

func TestConversation(t *testing.T) {
	t.Parallel()
	const none = dhcpv4.MessageTypeNone
	const (
		discover, ask, inform    = dhcpv4.MessageTypeDiscover, dhcpv4.MessageTypeRequest, dhcpv4.MessageTypeInform
		offer, ack, nak          = dhcpv4.MessageTypeOffer, dhcpv4.MessageTypeAck, dhcpv4.MessageTypeNak
		release, decline, strang = dhcpv4.MessageTypeRelease, dhcpv4.MessageTypeDecline, dhcpv4.MessageType(13)
	)
	for name, c := range map[string]struct {
		kind   dhcpv4.MessageType
		change []dhcpv4.Modifier
		lease  func(*nodeapi.Lease)
		want   dhcpv4.MessageType
	}{
		"discover":                               {kind: discover, want: offer},
		"discover that wants another address":    {kind: discover, change: []dhcpv4.Modifier{wants("10.0.0.77")}, want: offer},
		"request chooses us":                     {kind: ask, change: []dhcpv4.Modifier{wants("10.0.0.5"), chose("10.0.0.2")}, want: ack},
		"request chooses us, wrong address":      {kind: ask, change: []dhcpv4.Modifier{wants("10.0.0.6"), chose("10.0.0.2")}, want: nak},
		"request chooses another server":         {kind: ask, change: []dhcpv4.Modifier{wants("10.0.0.5"), chose("10.0.0.3")}, want: none},
		"after a boot, same address":             {kind: ask, change: []dhcpv4.Modifier{wants("10.0.0.5")}, want: ack},
		"after a boot, address of another place": {kind: ask, change: []dhcpv4.Modifier{wants("192.168.1.5")}, want: nak},
		"renews":                                 {kind: ask, change: []dhcpv4.Modifier{has("10.0.0.5")}, want: ack},
		"renews what it does not have":           {kind: ask, change: []dhcpv4.Modifier{has("10.0.0.6")}, want: nak},
		"request for nothing":                    {kind: ask, want: none},
		"inform":                                 {kind: inform, change: []dhcpv4.Modifier{has("10.0.0.5")}, want: ack},
		"release":                                {kind: release, change: []dhcpv4.Modifier{has("10.0.0.5")}, want: none},
		"decline":                                {kind: decline, change: []dhcpv4.Modifier{wants("10.0.0.5")}, want: none},
		"a kind that servers do not know":        {kind: strang, want: none},
		"no kind":                                {kind: none, want: none},
		"a reply":                                {kind: discover, change: []dhcpv4.Modifier{func(m *dhcpv4.DHCPv4) { m.OpCode = dhcpv4.OpcodeBootReply }}, want: none},
		"through a relay":                        {kind: discover, change: []dhcpv4.Modifier{dhcpv4.WithGatewayIP(net.IPv4(10, 0, 0, 1))}, want: none},
		"another MAC":                            {kind: discover, change: []dhcpv4.Modifier{dhcpv4.WithHwAddr(net.HardwareAddr{2, 0, 0, 0, 0, 1})}, want: none},
		"a lease without address":                {kind: discover, lease: func(l *nodeapi.Lease) { l.Address = netip.Prefix{} }, want: none},
		"a lease of IPv6":                        {kind: discover, lease: func(l *nodeapi.Lease) { l.Address = netip.MustParsePrefix("2001:db8::1/64") }, want: none},
		"a lease without server":                 {kind: discover, lease: func(l *nodeapi.Lease) { l.Server = netip.Addr{} }, want: none},
		"a lease without MAC":                    {kind: discover, lease: func(l *nodeapi.Lease) { l.MAC = "" }, want: none},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := lease()
			if c.lease != nil {
				c.lease(&l)
			}
			reply := Answer(request(t, c.kind, c.change...), l)
			if reply == nil {
				if c.want != none {
					t.Fatalf("silence, want %v", c.want)
				}
				return
			}
			if reply.MessageType() != c.want {
				t.Fatalf("answered %v, want %v", reply.MessageType(), c.want)
			}
			if !reply.ServerIdentifier().Equal(net.IPv4(10, 0, 0, 2)) || reply.TransactionID != (dhcpv4.TransactionID{1, 2, 3, 4}) {
				t.Errorf("server %v, transaction %v", reply.ServerIdentifier(), reply.TransactionID)
			}
			switch {
			case c.want == nak:
				if !reply.YourIPAddr.Equal(net.IPv4zero) || reply.SubnetMask() != nil {
					t.Errorf("a NAK tells %v", reply)
				}
			case c.kind == inform:
				if !reply.YourIPAddr.Equal(net.IPv4zero) || reply.IPAddressLeaseTime(0) != 0 || !reply.ClientIPAddr.Equal(net.IPv4(10, 0, 0, 5)) {
					t.Errorf("an answer to INFORM leases: %v", reply)
				}
			default:
				if !reply.YourIPAddr.Equal(net.IPv4(10, 0, 0, 5)) {
					t.Errorf("offers %v", reply.YourIPAddr)
				}
			}
		})
	}
}

func TestOptions(t *testing.T) {
	t.Parallel()
	all := dhcpv4.WithRequestedOptions(dhcpv4.OptionRouter, dhcpv4.OptionClasslessStaticRoute, optionMSRoutes)
	reply := Answer(request(t, dhcpv4.MessageTypeDiscover, all, dhcpv4.WithGeneric(dhcpv4.OptionClientIdentifier, []byte("me"))), lease())
	day := 24 * time.Hour
	if got := reply.IPAddressLeaseTime(0); got != day {
		t.Errorf("lease time %v", got)
	}
	if t1, t2 := reply.IPAddressRenewalTime(0), reply.IPAddressRebindingTime(0); t1 != day/2 || t2 != day*7/8 {
		t.Errorf("T1 %v, T2 %v", t1, t2)
	}
	routes := []byte{12, 172, 16, 10, 0, 0, 9, 0, 10, 0, 0, 1}
	for name, c := range map[string]struct {
		code dhcpv4.OptionCode
		want []byte
	}{
		"mask":             {dhcpv4.OptionSubnetMask, []byte{255, 255, 240, 0}},
		"router":           {dhcpv4.OptionRouter, []byte{10, 0, 0, 1}},
		"DNS, IPv4 only":   {dhcpv4.OptionDomainNameServer, []byte{192, 0, 2, 53, 192, 0, 2, 54}},
		"domain":           {dhcpv4.OptionDomainName, []byte("example.org")},
		"host name":        {dhcpv4.OptionHostName, []byte("my-web")},
		"MTU":              {dhcpv4.OptionInterfaceMTU, []byte{1450 >> 8, 1450 & 0xff}},
		"routes":           {dhcpv4.OptionClasslessStaticRoute, routes},
		"Microsoft routes": {optionMSRoutes, routes},
		"client id":        {dhcpv4.OptionClientIdentifier, []byte("me")},
	} {
		if got := reply.Options.Get(c.code); !bytes.Equal(got, c.want) {
			t.Errorf("%s: % x, want % x", name, got, c.want)
		}
	}
}

func TestOptionsVary(t *testing.T) {
	t.Parallel()
	code := func(n uint8) dhcpv4.OptionCode { return dhcpv4.GenericOptionCode(n) }
	for name, c := range map[string]struct {
		lease  func(*nodeapi.Lease)
		change []dhcpv4.Modifier
		code   uint8
		want   []byte
	}{
		"no gateway, no router":            {lease: func(l *nodeapi.Lease) { l.Gateway = netip.Addr{} }, code: 3},
		"no gateway, metadata on the link": {lease: func(l *nodeapi.Lease) { l.Gateway, l.Routes = netip.Addr{}, nil }, code: 121, want: []byte{32, 169, 254, 169, 254, 0, 0, 0, 0}},
		"routes not asked for":             {change: []dhcpv4.Modifier{dhcpv4.WithRequestedOptions(dhcpv4.OptionRouter)}, code: 121},
		"no gateway, a route to metadata": {lease: func(l *nodeapi.Lease) {
			l.Gateway, l.Routes = netip.Addr{}, []intent.Route{{Destination: netip.MustParsePrefix("169.254.169.254/32"), NextHop: l.Server}}
		}, code: 121, want: []byte{32, 169, 254, 169, 254, 10, 0, 0, 2}},
		"routes without a list":          {lease: func(l *nodeapi.Lease) { l.Routes = nil }, code: 121, want: []byte{0, 10, 0, 0, 1}},
		"Microsoft routes not asked for": {code: 249},
		"IPv6 routes are left out": {lease: func(l *nodeapi.Lease) {
			l.Routes = []intent.Route{{Destination: netip.MustParsePrefix("::/0"), NextHop: netip.MustParseAddr("::1")}}
		}, code: 121, want: []byte{0, 10, 0, 0, 1}},
		"a route that is none is left out":   {lease: func(l *nodeapi.Lease) { l.Routes = []intent.Route{{}} }, code: 121, want: []byte{0, 10, 0, 0, 1}},
		"no MTU":                             {lease: func(l *nodeapi.Lease) { l.MTU = 0 }, code: 26},
		"no host name":                       {lease: func(l *nodeapi.Lease) { l.Hostname = "" }, code: 12},
		"no DNS":                             {lease: func(l *nodeapi.Lease) { l.DNS = nil }, code: 6},
		"for ever":                           {lease: func(l *nodeapi.Lease) { l.Seconds = -1 }, code: 51, want: []byte{255, 255, 255, 255}},
		"for ever, no renewal":               {lease: func(l *nodeapi.Lease) { l.Seconds = 0 }, code: 58},
		"the port's own option":              {lease: func(l *nodeapi.Lease) { l.Options = []nodeapi.Option{{Code: 42, Value: []byte{192, 0, 2, 1}}} }, code: 42, want: []byte{192, 0, 2, 1}},
		"the port's own option wins":         {lease: func(l *nodeapi.Lease) { l.Options = []nodeapi.Option{{Code: 26, Value: []byte{5, 0}}} }, code: 26, want: []byte{5, 0}},
		"the message type cannot be its own": {lease: func(l *nodeapi.Lease) { l.Options = []nodeapi.Option{{Code: 53, Value: []byte{6}}} }, code: 53, want: []byte{2}},
		"a long option is split": {lease: func(l *nodeapi.Lease) {
			l.Options = []nodeapi.Option{{Code: 43, Value: bytes.Repeat([]byte("x"), 600)}}
		}, code: 43, want: bytes.Repeat([]byte("x"), 600)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := lease()
			if c.lease != nil {
				c.lease(&l)
			}
			reply := Answer(request(t, dhcpv4.MessageTypeDiscover, c.change...), l)
			again, err := dhcpv4.FromBytes(reply.ToBytes())
			if err != nil {
				t.Fatal(err)
			}
			if got := again.Options.Get(code(c.code)); !bytes.Equal(got, c.want) {
				t.Errorf("option %d: % x, want % x", c.code, got, c.want)
			}
		})
	}
}

func TestNextServer(t *testing.T) {
	t.Parallel()
	l := lease()
	if got := Answer(request(t, dhcpv4.MessageTypeDiscover), l).ServerIPAddr; addr(got) != l.Server {
		t.Errorf("boots go on at %s without a port's own say", got)
	}
	l.NextServer = netip.MustParseAddr("192.0.2.9")
	reply := Answer(request(t, dhcpv4.MessageTypeDiscover), l)
	if addr(reply.ServerIPAddr) != l.NextServer || addr(reply.ServerIdentifier()) != l.Server {
		t.Errorf("boots go on at %s, the answer is from %s", reply.ServerIPAddr, reply.ServerIdentifier())
	}
}
