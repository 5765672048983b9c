package node

import (
	"errors"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/insomniacslk/dhcp/dhcpv4"

	"wisp/internal/dataplane"
	"wisp/internal/dhcp"
	"wisp/internal/errs"
	"wisp/internal/metadata"
	"wisp/internal/nodeapi"
)

func TestNetwork(t *testing.T) {
	t.Parallel()
	t.Run("is left alone without a word of the server", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.stopServe()
		n, _ := w.start()
		n.host.Signal(taskNetwork)
		stays(t, "nothing is applied", func() bool {
			applies := 0
			w.dataplane.set(func() { applies = w.dataplane.applies })
			return applies == 0
		})
	})
	t.Run("others have what should be here", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		mac := net.HardwareAddr{0xfa, 0x16, 0x3e, 0, 0, 9}
		w.dataplane.others = dataplane.Report{Yielded: []string{"r1"}, Conflicts: []dataplane.Conflict{
			{Network: "n1", Router: "r1", Address: netip.MustParseAddr("10.0.0.1"), MAC: mac}, {Network: "n1", Router: "r2", Address: netip.MustParseAddr("10.0.0.2"), MAC: mac},
		}}
		n, _ := w.start()
		says := func(id string, words ...string) bool {
			return !slices.ContainsFunc(words, func(word string) bool { return !strings.Contains(n.report().Problems[id], word) })
		}
		eventually(t, "the problems are known", func() bool {
			return says("r1", "carries the gateway", "10.0.0.1", mac.String(), "n1") && says("r2", "10.0.0.2") && !says("r2", "carries the gateway")
		})
		w.dataplane.set(func() { w.dataplane.others = dataplane.Report{} })
		n.host.Signal(taskNetwork)
		eventually(t, "they are over", func() bool { return len(n.report().Problems) == 0 })
	})
	t.Run("fails, then works", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.dataplane.applyErr = errors.New("no BPF")
		i := instance(nil)
		i.Ports = []nodeapi.InstancePort{{PortID: portID, MAC: "fa:16:3e:00:00:01"}}
		w.cloud.put(i)
		n, _ := w.start()
		eventually(t, "it failed", func() bool {
			s := w.cloud.status(i.ID)
			return s.Phase == nodeapi.PhaseFailed && strings.HasPrefix(s.Message, "The network of this host could not be made.")
		})
		if !strings.Contains(n.report().Problems[taskNetwork], "no BPF") {
			t.Errorf("problems %v", n.report().Problems)
		}
		w.dataplane.set(func() { w.dataplane.applyErr = nil })
		eventually(t, "it runs", w.cloud.is(i.ID, nodeapi.PhaseRunning))
		if len(n.report().Problems) != 0 {
			t.Errorf("problems left: %v", n.report().Problems)
		}
	})
	t.Run("refuses a part, and mends drift", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.dataplane.refused = map[string]error{"rule-1": errs.New(errs.Invalid, "The rule cannot be expressed.")}
		w.dataplane.drift = 3
		i := instance(nil)
		i.Ports = []nodeapi.InstancePort{{PortID: portID, MAC: "fa:16:3e:00:00:01"}}
		w.cloud.put(i)
		n, _ := w.start()
		eventually(t, "it runs all the same", w.cloud.is(i.ID, nodeapi.PhaseRunning))
		eventually(t, "the problem is reported", func() bool { return n.report().Problems["rule-1"] == "The rule cannot be expressed." })
		eventually(t, "the drift is counted", func() bool { return n.host.Drift() == 3 })
	})
	t.Run("has no device for a port", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		i := instance(nil)
		i.Ports = []nodeapi.InstancePort{{PortID: portID, MAC: "fa:16:3e:00:00:01"}}
		w.cloud.set(func(s *nodeapi.State) { s.Instances[i.ID] = i }) // without its port
		w.start()
		eventually(t, "it failed", func() bool {
			s := w.cloud.status(i.ID)
			return s.Phase == nodeapi.PhaseFailed && strings.Contains(s.Message, "has no device")
		})
	})
}

func TestServicesOutliveTheServer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	i := instance(nil)
	i.Ports = []nodeapi.InstancePort{{PortID: portID, MAC: "fa:16:3e:00:00:01"}}
	i.Metadata = metadata.Document{UUID: i.ID, Hostname: "first"}
	w.cloud.put(i)
	w.cloud.set(func(s *nodeapi.State) {
		s.Leases[portID] = nodeapi.Lease{PortID: portID, MAC: "fa:16:3e:00:00:01", Address: netip.MustParsePrefix("10.0.0.5/24"), Server: netip.MustParseAddr("10.0.0.2"), Seconds: 60}
	})
	w.start()
	eventually(t, "it runs", w.cloud.is(i.ID, nodeapi.PhaseRunning))
	w.stopServe()

	url := "http://" + w.dataplane.listener.Addr().String() + "/latest/meta-data/hostname"
	if status, _ := get(t, url, nil); status != http.StatusNotFound {
		t.Errorf("a stranger got status %d", status)
	}
	w.dataplane.set(func() { w.dataplane.ports[netip.MustParseAddr("127.0.0.1")] = portID })
	if status, body := get(t, url, nil); status != http.StatusOK || body != "first" {
		t.Errorf("metadata: %d %q", status, body)
	}
	discover, err := dhcpv4.New(dhcpv4.WithHwAddr([]byte{0xfa, 0x16, 0x3e, 0, 0, 1}), dhcpv4.WithMessageType(dhcpv4.MessageTypeDiscover))
	if err != nil {
		t.Fatal(err)
	}
	asked := dhcp.Frame{
		SrcMAC: discover.ClientHWAddr, DstMAC: discover.ClientHWAddr, Src: netip.IPv4Unspecified(), Dst: netip.MustParseAddr("255.255.255.255"),
		SrcPort: 68, DstPort: 67, Payload: discover.ToBytes(),
	}.Bytes()
	var said []byte
	// As a guest, it asks again: the one that advertises routers reads here, too.
	eventually(t, "an answer to DHCP", func() bool {
		select {
		case w.dataplane.frames.in <- asked:
		case said = <-w.dataplane.frames.out:
		default:
		}
		return said != nil
	})
	answer, err := dhcp.ParseFrame(said)
	if err != nil {
		t.Fatal(err)
	}
	if offer, err := dhcpv4.FromBytes(answer.Payload); err != nil || offer.YourIPAddr.String() != "10.0.0.5" {
		t.Errorf("offer %v, %v", offer, err)
	}
}

// A guest that claims in headers to be another one is told about itself.
func TestS46_MetadataIdentityIsThePorts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	victim, attacker := instance(nil), instance(nil)
	victim.Ports = []nodeapi.InstancePort{{PortID: "22222222-2222-4333-8444-555555555555", MAC: "fa:16:3e:00:00:02"}}
	victim.Metadata = metadata.Document{UUID: victim.ID, Hostname: "victim", ProjectID: "p"}
	attacker.Ports = []nodeapi.InstancePort{{PortID: portID, MAC: "fa:16:3e:00:00:01"}}
	attacker.Metadata = metadata.Document{UUID: attacker.ID, Hostname: "attacker"}
	w.cloud.put(victim, attacker)
	w.start()
	eventually(t, "both run", func() bool {
		return w.cloud.is(victim.ID, nodeapi.PhaseRunning)() && w.cloud.is(attacker.ID, nodeapi.PhaseRunning)()
	})
	w.dataplane.set(func() {
		w.dataplane.ports[netip.MustParseAddr("127.0.0.1")] = portID
		w.dataplane.ports[netip.MustParseAddr("198.18.0.2")] = victim.Ports[0].PortID
	})
	forged := http.Header{"X-Forwarded-For": {"198.18.0.2"}, "X-Instance-Id": {victim.ID}, "X-Tenant-Id": {"p"}, "X-Real-Ip": {"198.18.0.2"}}
	url := "http://" + w.dataplane.listener.Addr().String() + "/openstack/latest/meta_data.json"
	if status, body := get(t, url, forged); status != http.StatusOK || strings.Contains(body, "victim") || !strings.Contains(body, attacker.ID) {
		t.Errorf("%d %s", status, body)
	}
}
