package network_test

import (
	"testing"

	"wisp/internal/network"
	"wisp/internal/store"
)

// A network that is shared no more is news to those who saw it, and its
// subnets are seen by those who see the network.
func TestChangesOfSharing(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		public := map[string]bool{} // "resource action": whether everyone hears
		defer f.db.Changes(func(changes []store.Change) {
			for _, c := range changes {
				public[c.Resource+" "+c.Action] = c.Public
			}
		})()
		expect := func(doing, change string, want bool) {
			t.Helper()
			if got, told := public[change]; !told || got != want {
				t.Errorf("%s: %s is told %t, to everyone %t; want %t", doing, change, told, got, want)
			}
			clear(public)
		}
		n := f.network(f.admin, network.NetworkSpec{})
		expect("a network", "network create", false)
		share := func(to bool) {
			t.Helper()
			if _, err := f.UpdateNetwork(t.Context(), f.admin, n.ID, network.NetworkSpec{Shared: network.Some(to)}, nil); err != nil {
				t.Fatal(err)
			}
		}
		f.subnet(f.admin, n.ID, "10.1.0.0/24")
		expect("a subnet of a project's network", "subnet create", false)
		share(true)
		expect("sharing", "network update", true)
		f.subnet(f.admin, n.ID, "10.2.0.0/24")
		expect("a subnet of a shared network", "subnet create", true)
		share(false)
		expect("sharing no more", "network update", true)
		share(false)
		expect("a change of a project's network", "network update", false)
		if err := f.DeleteNetwork(t.Context(), f.admin, n.ID, nil); err != nil {
			t.Fatal(err)
		}
		expect("a network that is deleted", "subnet delete", false)
	})
}
