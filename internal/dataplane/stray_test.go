package dataplane

import (
	"fmt"
	"maps"
	"net/netip"
	"testing"

	"github.com/gopacket/gopacket/layers"

	"wisp/internal/dataplane/intent"
)

// TestGuestMovesToAnotherMAC follows a guest without port security that takes
// another MAC, as pairs of routers do, and comes back to its own.
func TestGuestMovesToAnotherMAC(t *testing.T) {
	t.Parallel()
	const other, theirs = "00:00:00:00:00:01", "00:00:00:00:00:02"
	b := newBench(t, benchState())
	macs := func(to string) (verdict uint32, dst string) {
		t.Helper()
		v, p := b.run("from_guest", "c", 0, udp4("fa:16:3e:00:00:0c", macS, "10.0.1.12", to, 5, 6))
		return v, p.Layer(layers.LayerTypeEthernet).(*layers.Ethernet).DstMAC.String()
	}
	asked := func(addr string) bool { // whether the host answers itself
		t.Helper()
		v, p := b.run("from_guest", "a", 0, arp(macA, everyone, 1, macA, "10.0.0.10", nobody, addr))
		l, ok := p.Layer(layers.LayerTypeARP).(*layers.ARP)
		return v == actRedirect && ok && l.Operation == 2
	}
	if v, dst := macs("10.0.0.11"); v != actRedirect || dst != macB || !asked("10.0.0.11") {
		t.Fatalf("before: verdict %d, to %s", v, dst)
	}
	if v, _ := b.run("from_guest", "a", 0, ping4(macA, other, "10.0.0.10", "10.0.0.11")); v != actShot {
		t.Errorf("nobody has the MAC, and the verdict is %d", v)
	}

	// Its question goes to who is asked, who learns the MAC from it.
	if v, p := b.run("from_guest", "b", 0, arp(other, everyone, 1, other, "10.0.0.11", nobody, "10.0.0.10")); v != actShot {
		t.Errorf("the question is answered here: %v", p)
	}
	if v, p := b.run("from_guest", "b", 0, arp(other, everyone, 1, other, "10.0.0.11", nobody, "10.0.0.1")); v != actRedirect {
		t.Errorf("the router does not answer: %v", p)
	}
	if v, _ := b.run("from_guest", "a", 0, ping4(macA, other, "10.0.0.10", "10.0.0.11")); v != actRedirect {
		t.Errorf("to the MAC: verdict %d", v)
	}
	if v, dst := macs("10.0.0.11"); v != actRedirect || dst != other {
		t.Errorf("routed: verdict %d, to %s", v, dst)
	}
	if asked("10.0.0.11") {
		t.Error("the host answers for an address whose guest has moved")
	}

	// A packet tells it as well, of IPv6 too; another's MAC cannot be had.
	b.run("from_guest", "b", 0, udp4(theirs, macA, "10.0.0.11", "10.0.0.10", 5, 6))
	if v, dst := macs("10.0.0.11"); v != actRedirect || dst != theirs {
		t.Errorf("moved on: verdict %d, to %s", v, dst)
	}
	b.run("from_guest", "b", 0, udp4(macA, macR, "10.0.0.11", "10.0.1.12", 5, 6))
	if _, dst := macs("10.0.0.11"); dst != theirs {
		t.Errorf("with the MAC of another it is at %s", dst)
	}
	b.run("from_guest", "b", 0, udp4(other, macA, "10.0.0.99", "10.0.0.10", 5, 6))
	if _, dst := macs("10.0.0.11"); dst != theirs {
		t.Errorf("a packet that it passes on moved it to %s", dst)
	}
	solicit := nd(other, "33:33:ff:00:00:10", "fd00::11", "ff02::1:ff00:10", 135, ndBody("fd00::10", 1, other)...)
	if v, p := b.run("from_guest", "b", 0, solicit); v != actShot {
		t.Errorf("the solicitation is answered here: %v", p)
	}
	if v, p := b.run("from_guest", "a", 0, nd(macA, "33:33:ff:00:00:11", "fd00::10", "ff02::1:ff00:11", 135, ndBody("fd00::11", 1, macA)...)); v != actShot {
		t.Errorf("the host answers for an address of IPv6 whose guest has moved: %v", p)
	}

	b.run("from_guest", "b", 0, udp4(macB, macA, "10.0.0.11", "10.0.0.10", 5, 6))
	if v, dst := macs("10.0.0.11"); v != actRedirect || dst != macB {
		t.Errorf("back: verdict %d, to %s", v, dst)
	}
	if v, p := b.run("from_guest", "b", 0, arp(macB, everyone, 1, macB, "10.0.0.11", nobody, "10.0.0.10")); v != actShot || asked("10.0.0.11") {
		t.Errorf("neighbours do not hear that it is back: %v", p)
	}

	// With port security, what was learned counts no more.
	b.run("from_guest", "b", 0, udp4(other, macA, "10.0.0.11", "10.0.0.10", 5, 6))
	state := benchState()
	secure := state.Ports["b"]
	secure.PortSecurity, secure.SecurityGroups = true, []string{"g"}
	state.Ports["b"] = secure
	b.apply(state)
	if v, dst := macs("10.0.0.11"); v != actRedirect || dst != macB || !asked("10.0.0.11") {
		t.Errorf("with port security: verdict %d, to %s", v, dst)
	}
	if v, _ := b.run("from_guest", "a", 0, ping4(macA, other, "10.0.0.10", "10.0.0.11")); v != actShot {
		t.Errorf("to the other MAC, with port security: verdict %d", v)
	}
}

// TestGuestAtManyMACs has a guest without port security send from a thousand
// MACs: the last ones are known, and others keep theirs.
func TestGuestAtManyMACs(t *testing.T) {
	t.Parallel()
	const theirs = "00:00:00:00:00:02"
	state := benchState()
	state.Ports = maps.Clone(state.Ports)
	state.Ports["quiet"] = intent.Port{ID: "quiet", NetworkID: "n", MAC: "fa:16:3e:00:00:1a", Addresses: []netip.Addr{netip.MustParseAddr("10.0.0.26")}, Local: true, Enabled: true}
	b := newBench(t, state)
	says := func(port, mac, addr string) {
		t.Helper()
		b.run("from_guest", port, 0, udp4(mac, macA, addr, "10.0.0.10", 5, 6))
	}
	reaches := func(mac string) bool {
		t.Helper()
		v, _ := b.run("from_guest", "a", 0, ping4(macA, mac, "10.0.0.10", "10.0.0.11"))
		return v == actRedirect
	}
	mac := func(i int) string { return fmt.Sprintf("00:00:00:01:%02x:%02x", i>>8, i&0xff) }
	says("quiet", theirs, "10.0.0.26")
	const many, room = 1000, 8
	for i := range many {
		says("b", mac(i), "10.0.0.11")
	}
	for range 100 { // between two of its own it changes nothing
		says("b", mac(many-1), "10.0.0.11")
		says("b", mac(many-2), "10.0.0.11")
	}
	for i := range many {
		if got, want := reaches(mac(i)), i >= many-room; got != want {
			t.Errorf("after %d MACs, number %d is reached: %v", many, i, got)
		}
	}
	if !reaches(theirs) {
		t.Error("another guest's MAC was pushed out")
	}
	if n := b.entries("straymacs"); n != room+1 {
		t.Errorf("%d MACs are kept, want %d and one", n, room)
	}

	// Who takes another's MAC does not take it away by moving on.
	says("b", theirs, "10.0.0.11")
	says("quiet", theirs, "10.0.0.26")
	for i := range room {
		says("b", mac(i), "10.0.0.11")
	}
	if !reaches(theirs) {
		t.Error("moving on from a MAC that is another's again has removed it")
	}

	// What is known ends with the port, and with port security.
	delete(state.Ports, "quiet")
	b.apply(state)
	if n, lists := b.entries("straymacs"), b.entries("straylists"); n != room || lists != 1 {
		t.Errorf("%d MACs are kept in %d lists when a port is gone", n, lists)
	}
	secure := state.Ports["b"]
	secure.PortSecurity, secure.SecurityGroups = true, []string{"g"}
	state.Ports["b"] = secure
	b.apply(state)
	if n, lists := b.entries("straymacs"), b.entries("straylists"); n != 0 || lists != 0 {
		t.Errorf("%d MACs are kept in %d lists of ports with port security", n, lists)
	}
	for name, prune := range map[string]func() error{"straylists": b.dp.tables.pruneStrays, "buckets": b.dp.tables.pruneBuckets} {
		if err := b.dp.mapNamed(name).Close(); err != nil {
			t.Fatal(err)
		}
		if err := prune(); err == nil {
			t.Errorf("a map %s that cannot be read is pruned", name)
		}
	}
}
