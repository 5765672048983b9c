package network_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"wisp/internal/network"
	"wisp/internal/store"
)

// A device's ports come in the order of NICs, with the addresses of each in
// their order, every address with its own floating IPs, and groups by id.
func TestDevicePorts(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		external, inner, _, _ := f.topology()
		groups := must1(f.CreateSecurityGroups(t.Context(), f.member, []network.SecurityGroupSpec{
			{Name: network.Some("web")}, {Name: network.Some("db")}, {Name: network.Some("ssh")},
		}))
		var ids []string
		names := map[string]string{}
		for _, g := range groups {
			ids = append(ids, g.ID)
			names[g.ID] = g.Name
		}
		many := must2(f.CreatePorts(t.Context(), f.member, []network.PortSpec{{
			NetworkID: network.Some(inner.ID), SecurityGroups: network.Some(ids),
			FixedIPs: network.Some([]network.FixedIPSpec{{Address: "10.0.0.70"}, {Address: "10.0.0.60"}, {Address: "10.0.0.80"}}),
		}}))
		bare := must2(f.CreatePorts(t.Context(), f.member, []network.PortSpec{{
			NetworkID: network.Some(inner.ID), SecurityGroups: network.Some([]string{}), FixedIPs: network.Some([]network.FixedIPSpec{}),
		}}))
		floating := map[string]string{}
		for _, fixed := range []string{"10.0.0.60", "10.0.0.80"} {
			fip := must2(f.CreateFloatingIPs(t.Context(), f.member, []network.FloatingIPSpec{{
				NetworkID: network.Some(external.ID), PortID: network.Some(many.ID), FixedAddress: network.Some(fixed),
			}}))
			floating[fixed] = "[" + fip.Address + "]"
		}
		must1(f.plug("vm-1", "host-1", network.PortRequest{PortID: bare.ID}, network.PortRequest{PortID: many.ID}, network.PortRequest{NetworkID: inner.ID}))
		must1(f.plug("vm-2", "host-1", network.PortRequest{NetworkID: inner.ID}))
		devices := []string{"vm-2", "vm-1"}
		for i := range 20 { // so many that they are passed as one value
			devices = append(devices, fmt.Sprintf("none-%d", i))
		}
		all := must1(f.DevicePorts(t.Context(), f.db.Read(), devices))
		if len(all) != 2 || len(all["vm-1"]) != 3 || len(all["vm-2"]) != 1 {
			t.Fatalf("ports: %+v", all)
		}
		first, second, third := all["vm-1"][0], all["vm-1"][1], all["vm-1"][2]
		if first.PortID != bare.ID || second.PortID != many.ID || !third.CreatedByCompute || third.Order != 2 {
			t.Errorf("NICs: %+v", all["vm-1"])
		}
		if len(first.FixedIPs) != 0 || len(first.SecurityGroupNames) != 0 {
			t.Errorf("a port without addresses and groups: %+v", first)
		}
		got, want := "", ""
		for _, ip := range second.FixedIPs {
			got += fmt.Sprintln(ip.Address, ip.FloatingIPs)
		}
		for _, ip := range many.FixedIPs {
			floats, ok := floating[ip.Address]
			if !ok {
				floats = "[]"
			}
			want += fmt.Sprintln(ip.Address, floats)
		}
		if got != want || len(second.FixedIPs) != 3 {
			t.Errorf("addresses are %s, want %s", got, want)
		}
		slices.Sort(ids)
		for i, id := range ids {
			if len(second.SecurityGroupNames) != len(ids) || second.SecurityGroupNames[i] != names[id] {
				t.Errorf("groups are %v", second.SecurityGroupNames)
			}
		}
		if fmt.Sprint(third.SecurityGroupNames) != "[default]" || third.FixedIPs[0].FloatingIPs != nil {
			t.Errorf("the port that was made: %+v", third)
		}
		if none := must1(f.DevicePorts(t.Context(), f.db.Read(), nil)); none == nil || len(none) != 0 {
			t.Errorf("ports of no devices: %v", none)
		}
	})
}

// Every table that ports are read from is needed.
func TestDevicePortsFail(t *testing.T) {
	t.Parallel()
	for _, table := range []string{"floating_ips", "networks", "subnets", "security_groups"} {
		t.Run(table, func(t *testing.T) {
			each(t, func(t *testing.T, f *fixture) {
				_, inner, _, _ := f.topology()
				must1(f.plug("vm-1", "host-1", network.PortRequest{NetworkID: inner.ID}))
				if err := f.tx(func(ctx context.Context, tx *store.Tx) error {
					_, err := tx.ExecContext(ctx, "ALTER TABLE "+table+" RENAME TO gone")
					return err
				}); err != nil {
					t.Fatal(err)
				}
				if ports, err := f.DevicePorts(t.Context(), f.db.Read(), []string{"vm-1"}); err == nil {
					t.Errorf("without %s: %v", table, ports)
				}
			})
		})
	}
}
