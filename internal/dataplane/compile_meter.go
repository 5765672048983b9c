package dataplane

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"

	"wisp/internal/dataplane/intent"
	"wisp/internal/errs"
)

// meters lists for each router what is counted there: the rules of a label
// follow each other, those first that exclude.
func (c *compilation) meters() {
	for _, id := range slices.Sorted(maps.Keys(c.state.Meters)) {
		c.refuse(id, c.meter(id, c.state.Meters[id]))
	}
}

func (c *compilation) meter(id string, m intent.Meter) error {
	label, err := c.ids.get(kindLabel, id)
	if err != nil {
		return err
	}
	rules := slices.Clone(m.Rules)
	slices.SortStableFunc(rules, func(a, b intent.MeterRule) int {
		return -cmp.Compare(btoi(a.Excluded), btoi(b.Excluded))
	})
	for _, name := range m.Routers {
		router, known := c.ids.find(kindRouter, name)
		out, made := c.want.routers[router]
		if !known || !made {
			return errs.New(errs.NotFound, "router %s is not on this host", name)
		}
		for _, r := range rules {
			for _, v6 := range []bool{false, true} {
				if rule, ok := meterRule(r, v6); ok {
					rule.Label = label
					c.want.meters[bpfMeterKey{Router: router, Index: out.Nmeters}] = rule
					out.Nmeters++
				}
			}
		}
		c.want.routers[router] = out
	}
	return nil
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// meterRule is the rule for one version of IP; one that nothing of the version
// matches is not ok.
func meterRule(r intent.MeterRule, v6 bool) (bpfMeterRule, bool) {
	var out bpfMeterRule
	for _, side := range []struct {
		prefix     netip.Prefix
		addr, mask *bpfAddr
	}{{r.Source, &out.Src, &out.Smask}, {r.Destination, &out.Dst, &out.Dmask}} {
		if !side.prefix.IsValid() {
			continue
		}
		if side.prefix.Addr().Is6() != v6 {
			return out, false
		}
		*side.addr, *side.mask = addrOf(side.prefix.Masked().Addr()), maskOf(side.prefix)
	}
	if v6 {
		out.Flags |= meterV6
	}
	if r.Direction == intent.Egress {
		out.Flags |= meterEgress
	}
	if r.Excluded {
		out.Flags |= meterExcluded
	}
	return out, true
}

// Metered is what a label has counted in one direction, in bytes of IP.
type Metered struct {
	Label     string
	Direction string // intent.Ingress or intent.Egress
	Count
}

// Meters reads what was counted since the maps were made; what is left of
// labels that are gone is forgotten.
func (d *Dataplane) Meters() ([]Metered, error) {
	if err := d.lock(); err != nil {
		return nil, err
	}
	defer d.mu.Unlock()
	var out []Metered
	var gone []bpfMeteredKey
	m := d.mapNamed("metered")
	err := each(m, func(key bpfMeteredKey, cpus []bpfCount) {
		name := d.ids.name(kindLabel, key.Label)
		if name == "" {
			gone = append(gone, key)
			return
		}
		out = append(out, Metered{Label: name, Direction: directionName(key.Direction), Count: sumOf(cpus)})
	})
	if err != nil {
		return nil, err
	}
	for _, key := range gone {
		if err := forget(m, key); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(out, func(a, b Metered) int {
		return cmp.Or(cmp.Compare(a.Label, b.Label), cmp.Compare(a.Direction, b.Direction))
	})
	return out, nil
}
