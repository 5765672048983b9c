package network_test

import (
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"wisp/internal/api/apitest"
	"wisp/internal/errs"
	"wisp/internal/network"
	"wisp/internal/policy"
	"wisp/internal/store"
	"wisp/internal/store/storetest"
)

// A type that the hosts cannot carry must not be promised.
func TestTypesThatAreNotCarried(t *testing.T) {
	t.Parallel()
	s := network.New(storetest.SQLite(t), slog.New(slog.DiscardHandler), network.Config{Types: []string{network.TypeLocal, network.TypeVXLAN}})
	admin := apitest.Standard()["admin"]
	for kind, offered := range map[string]bool{network.TypeLocal: true, network.TypeVXLAN: true, network.TypeGRE: false, network.TypeFlat: false, "geneve": false} {
		_, err := s.CreateNetworks(t.Context(), admin, []network.NetworkSpec{{Name: network.Some(kind), NetworkType: network.Some(kind)}})
		if offered && err != nil || !offered && (!errs.Is(err, errs.Invalid) || !strings.Contains(err.Error(), "not supported")) {
			t.Errorf("%s: %v", kind, err)
		}
	}
}

// with gives the fixture a service with another configuration.
func (f *fixture) with(c network.Config) *fixture {
	c.Quotas = map[string]int{"network": -1}
	f.Service = network.New(f.db, slog.New(slog.DiscardHandler), c)
	return f
}

// memberOf is a caller of a project of its own, so that nothing of a project
// makes requests wait for each other.
func (f *fixture) memberOf(project int) *policy.Caller {
	caller := *f.member
	caller.ProjectID = fmt.Sprintf("project-%d", project)
	return &caller
}

// The tenants' VLANs are the free tags of all physical networks that have a
// range, each given once, however many ask at once; the next one gets none.
func TestConcurrentSegments(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		f := newFixture(t, db).with(network.Config{
			TenantType: network.TypeVLAN, PhysicalNetworks: []string{"bare", "a", "b"}, VLANs: map[string]network.Range{"a": {First: 10, Last: 14}, "b": {First: 10, Last: 12}},
		})
		var mu sync.Mutex
		var wg sync.WaitGroup
		seen := map[string]string{}
		refused := 0
		for i := range 14 {
			wg.Go(func() {
				rows, err := f.CreateNetworks(t.Context(), f.memberOf(i), []network.NetworkSpec{{}})
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					if !errs.Is(err, errs.Unavailable) {
						t.Error(err)
					}
					refused++
					return
				}
				tag := fmt.Sprintf("%s %d", rows[0].PhysicalNetwork, rows[0].SegmentationID)
				if other, ok := seen[tag]; ok {
					t.Errorf("the tag %s was given to %s and %s", tag, other, rows[0].ID)
				}
				seen[tag] = rows[0].ID
			})
		}
		wg.Wait()
		if len(seen) != 8 || refused != 6 {
			t.Fatalf("%d tags and %d refusals, want 8 and 6", len(seen), refused)
		}
		// What is deleted is free again, and it is all that is.
		if err := f.DeleteNetwork(t.Context(), f.admin, seen["b 11"], nil); err != nil {
			t.Fatal(err)
		}
		if n := f.network(f.member, network.NetworkSpec{}); n.PhysicalNetwork != "b" || n.SegmentationID != 11 {
			t.Errorf("the free tag is b 11, not %s %d", n.PhysicalNetwork, n.SegmentationID)
		}
	})
}

// Of many that ask for the same segment at once, one gets it.
func TestConcurrentSameSegment(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		f := newFixture(t, db).with(network.Config{PhysicalNetworks: []string{"a"}})
		id := int64(4000)
		for _, x := range []struct{ kind, physical string }{{network.TypeVXLAN, ""}, {network.TypeGRE, ""}, {network.TypeVLAN, "a"}, {network.TypeFlat, "a"}} {
			spec := network.NetworkSpec{NetworkType: network.Some(x.kind), PhysicalNetwork: network.Some(x.physical)}
			if x.kind != network.TypeFlat {
				spec.SegmentationID = network.Some(&id)
			}
			var got, refused atomic.Int64
			var wg sync.WaitGroup
			for i := range 8 {
				wg.Go(func() {
					admin := *f.admin
					admin.ProjectID = fmt.Sprintf("project-%d", i)
					_, err := f.CreateNetworks(t.Context(), &admin, []network.NetworkSpec{spec})
					switch {
					case err == nil:
						got.Add(1)
					case errs.Is(err, errs.Conflict):
						refused.Add(1)
					default:
						t.Error(err)
					}
				})
			}
			wg.Wait()
			if got.Load() != 1 || refused.Load() != 7 {
				t.Errorf("%s: %d got it, %d were refused", x.kind, got.Load(), refused.Load())
			}
		}
	})
}

// What tenants get follows the configuration.
func TestTenantTypes(t *testing.T) {
	t.Parallel()
	for name, x := range map[string]struct {
		config network.Config
		want   string // type, physical network, segmentation id and MTU; or a part of the error
	}{
		"default": {network.Config{VNIs: network.Range{First: 7, Last: 7}}, "vxlan  7 1450"},
		"gre":     {network.Config{TenantType: network.TypeGRE, GREKeys: network.Range{First: 4294967295, Last: 4294967295}, MTU: 9000}, "gre  4294967295 8958"},
		"local":   {network.Config{TenantType: network.TypeLocal}, "local  0 1500"},
		"vlan": {network.Config{
			TenantType: network.TypeVLAN, PhysicalNetworks: []string{"a", "b"}, VLANs: map[string]network.Range{"b": {First: 9, Last: 9}}, PhysicalMTUs: map[string]int{"b": 9000},
		}, "vlan b 9 9000"},
		"vlan without a range": {network.Config{TenantType: network.TypeVLAN, PhysicalNetworks: []string{"a"}}, "No project network is available"},
		"flat":                 {network.Config{TenantType: network.TypeFlat, PhysicalNetworks: []string{"a"}}, "No project network is available"},
		"not offered":          {network.Config{TenantType: network.TypeGRE, Types: []string{network.TypeVXLAN}}, "'gre' not supported"},
	} {
		f := newFixture(t, storetest.SQLite(t)).with(x.config)
		rows, err := f.CreateNetworks(t.Context(), f.member, []network.NetworkSpec{{}})
		got := fmt.Sprint(err)
		if err == nil {
			got = fmt.Sprintf("%s %s %d %d", rows[0].NetworkType, rows[0].PhysicalNetwork, rows[0].SegmentationID, rows[0].MTU)
		}
		if err == nil && got != x.want || err != nil && !strings.Contains(got, x.want) {
			t.Errorf("%s: %s, want %s", name, got, x.want)
		}
	}
}

func TestFlatNetworks(t *testing.T) {
	t.Parallel()
	f := newFixture(t, storetest.SQLite(t)).with(network.Config{PhysicalNetworks: []string{"a", "b"}, FlatNetworks: []string{"b"}, PhysicalMTUs: map[string]int{"b": 1400}})
	for physical, offered := range map[string]bool{"a": false, "b": true} {
		rows, err := f.CreateNetworks(t.Context(), f.admin, []network.NetworkSpec{{NetworkType: network.Some("flat"), PhysicalNetwork: network.Some(physical)}})
		if offered && (err != nil || rows[0].MTU != 1400) || !offered && (err == nil || !strings.Contains(err.Error(), "'a' unknown for flat provider network")) {
			t.Errorf("%s: %v %v", physical, rows, err)
		}
	}
}

func TestConfigCheck(t *testing.T) {
	t.Parallel()
	physical := []string{"a"}
	for name, x := range map[string]struct {
		config network.Config
		want   string // a part of the error; "" is none
	}{
		"nothing": {network.Config{}, ""},
		"everything": {network.Config{
			Types: []string{"vxlan", "vlan", "flat"}, TenantType: "vlan", PhysicalNetworks: physical, FlatNetworks: physical, VLANs: map[string]network.Range{"a": {First: 1, Last: 4094}},
			VNIs: network.Range{First: 1, Last: 16777215}, GREKeys: network.Range{First: 1, Last: 4294967295}, MTU: 9000, PhysicalMTUs: map[string]int{"a": 1500},
		}, ""},
		"unknown type":     {network.Config{Types: []string{"geneve"}}, `"geneve" is not a type of network`},
		"flat for tenants": {network.Config{TenantType: "flat"}, "flat networks cannot be the tenants' default"},
		"not offered":      {network.Config{TenantType: "gre", Types: []string{"vxlan"}}, `"gre" is not offered`},
		"no tags":          {network.Config{TenantType: "vlan", PhysicalNetworks: physical}, "need a range of tags"},
		"reversed":         {network.Config{VNIs: network.Range{First: 9, Last: 1}}, "VXLAN identifiers 9 to 1"},
		"too large":        {network.Config{VNIs: network.Range{First: 1, Last: 16777216}}, "not within 1 to 16777215"},
		"zero":             {network.Config{GREKeys: network.Range{First: 0, Last: 5}}, "GRE keys 0 to 5"},
		"no such tag":      {network.Config{PhysicalNetworks: physical, VLANs: map[string]network.Range{"a": {First: 1, Last: 4095}}}, "VLAN tags 1 to 4095"},
		"elsewhere":        {network.Config{PhysicalNetworks: physical, VLANs: map[string]network.Range{"b": {First: 1, Last: 2}}}, `"b" with a range`},
		"flat elsewhere":   {network.Config{PhysicalNetworks: physical, FlatNetworks: []string{"b"}}, `"b" for flat networks`},
		"MTU elsewhere":    {network.Config{PhysicalNetworks: physical, PhysicalMTUs: map[string]int{"b": 1500}}, "must be configured"},
		"small MTU":        {network.Config{PhysicalNetworks: physical, PhysicalMTUs: map[string]int{"a": 576}}, "at least 1280"},
		"small underlay":   {network.Config{MTU: 1300}, "too small"},
	} {
		err := x.config.Check()
		if x.want == "" && err != nil || x.want != "" && (err == nil || !strings.Contains(err.Error(), x.want)) {
			t.Errorf("%s: %v, want %q", name, err, x.want)
		}
	}
}
