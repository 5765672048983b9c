package network_test

import (
	"fmt"
	"testing"

	"wisp/internal/network"
	"wisp/internal/store"
	"wisp/internal/store/storetest"
)

func BenchmarkCreateNetwork(b *testing.B) {
	f := newFixture(b, storetest.SQLite(b))
	f.setQuota("network", -1)
	for b.Loop() {
		f.network(f.member, network.NetworkSpec{Name: network.Some("n")})
	}
}

func BenchmarkCreatePort(b *testing.B) {
	f := newFixture(b, storetest.SQLite(b))
	f.setQuota("port", -1)
	n := f.network(f.member, network.NetworkSpec{})
	f.subnet(f.member, n.ID, "10.0.0.0/8")
	for b.Loop() {
		must2(f.CreatePorts(b.Context(), f.member, []network.PortSpec{{NetworkID: network.Some(n.ID)}}))
	}
}

func BenchmarkList1000Ports(b *testing.B) {
	f := newFixture(b, storetest.SQLite(b))
	n := f.network(f.member, network.NetworkSpec{})
	f.subnet(f.member, n.ID, "10.0.0.0/16")
	specs := make([]network.PortSpec, 999)
	for i := range specs {
		specs[i] = network.PortSpec{NetworkID: network.Some(n.ID)}
	}
	must1(f.CreatePorts(b.Context(), f.member, specs))
	for b.Loop() {
		if rows := must1(f.Ports(b.Context(), f.member, store.List{})); len(rows) != 1000 {
			b.Fatalf("%d ports", len(rows))
		}
	}
}

func BenchmarkHostState200Ports(b *testing.B) {
	f := newFixture(b, storetest.SQLite(b))
	_, inner, _, _ := f.topology()
	for i := range 200 {
		must1(f.plug(fmt.Sprintf("vm-%d", i), fmt.Sprintf("host-%d", i%2+1), network.PortRequest{NetworkID: inner.ID}))
	}
	for b.Loop() {
		if state, _ := f.state("host-1"); len(state.Ports) != 203 {
			b.Fatalf("%d ports", len(state.Ports))
		}
	}
}

func BenchmarkHostStateOfHundredHosts(b *testing.B) {
	f := newFixture(b, storetest.SQLite(b))
	n, _ := f.wide()
	f.crowd(n.ID, 1, 100)
	for b.Loop() {
		if state, _, err := f.HostState(b.Context(), f.db.Read(), "host-1"); err != nil || len(state.Ports) < 1000 {
			b.Fatalf("%d ports, %v", len(state.Ports), err)
		}
	}
}
