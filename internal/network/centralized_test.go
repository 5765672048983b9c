package network_test

import (
	"testing"

	"wisp/internal/network"
)

// Floating IPs of a router that is not distributed are where its gateway is,
// also when the port's own host could serve them.
func TestFloatingIPsOfCentralizedRouter(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		f.heartbeat("host-1", "public")
		f.heartbeat("host-2", "public")
		external, inner, _, router := f.topology()
		away := "host-1"
		if f.gatewayHost(router.ID) == away {
			away = "host-2"
		}
		port := must1(f.plug("vm-1", away, network.PortRequest{NetworkID: inner.ID}))[0].PortID
		must2(f.CreateFloatingIPs(t.Context(), f.member, []network.FloatingIPSpec{{NetworkID: network.Some(external.ID), PortID: network.Some(port)}}))
		served := func() (by []string) {
			for _, host := range []string{"host-1", "host-2"} {
				state, _ := f.state(host)
				if ip := state.Routers[router.ID].FloatingIPs[0]; ip.Served != !ip.Endpoint.IsValid() {
					t.Errorf("%s is told %+v", host, ip)
				} else if ip.Served {
					by = append(by, host)
				}
			}
			return by
		}
		if by := served(); len(by) != 1 || by[0] != away {
			t.Errorf("a distributed router's floating IP is served by %v, not by %s", by, away)
		}
		for _, spec := range []network.RouterSpec{{AdminStateUp: network.Some(false)}, {Distributed: network.Some(false)}, {AdminStateUp: network.Some(true)}} {
			must1(f.UpdateRouter(t.Context(), f.admin, router.ID, spec, nil))
		}
		if by := served(); len(by) != 1 || by[0] != f.gatewayHost(router.ID) {
			t.Errorf("a centralized router's floating IP is served by %v, not by %s", by, f.gatewayHost(router.ID))
		}
	})
}
