package dataplane

import (
	"maps"
	"slices"
	"strings"

	"wisp/internal/dataplane/intent"
	"wisp/internal/errs"
)

// ruleList is what is in force of one ruleset.
type ruleList struct {
	version    uint32
	generation uint32
	rules      [2][]bpfRule // by direction
	remotes    map[uint32]bool
	stateless  bool
}

// groupCompiler turns security groups into rulesets. Ports with the same
// groups share a ruleset. A change writes the rules under a new version,
// which the ruleset then names: at no moment is half of a change in force.
type groupCompiler struct {
	lists   map[uint32]*ruleList // by ruleset
	members map[bpfMemberKey]uint32
	asked   map[uint32][]string // ruleset -> groups, of this compilation
}

// newGroupCompiler takes over what is in the kernel.
func newGroupCompiler(t *tables) *groupCompiler {
	g := &groupCompiler{lists: map[uint32]*ruleList{}, members: maps.Clone(t.members.held), asked: map[uint32][]string{}}
	for set, rs := range t.rulesets.held {
		l := &ruleList{version: rs.Version, generation: rs.Generation, remotes: map[uint32]bool{}, stateless: rs.Flags&rulesetStateless != 0}
		for dir := range l.rules {
			for i := range rs.Count[dir] {
				r := t.rules.held[bpfRuleKey{Ruleset: set, Version: rs.Version, Direction: uint32(dir), Index: i}]
				l.rules[dir] = append(l.rules[dir], r)
				if r.Group != 0 {
					l.remotes[r.Group] = true
				}
			}
		}
		g.lists[set] = l
	}
	return g
}

// rulesetOf is the number of the ruleset for a port's groups.
func (g *groupCompiler) rulesetOf(groups []string, names *ids) (uint32, error) {
	sorted := slices.Compact(slices.Sorted(slices.Values(groups)))
	set, err := names.get(kindRuleset, shortName(strings.Join(sorted, ",")))
	if err != nil {
		return 0, err
	}
	g.asked[set] = sorted
	return set, nil
}

// compile fills rulesets, rules and members. Returns what was refused, by
// the id of the rule or group.
func (g *groupCompiler) compile(state intent.State, names *ids, want *wanted) map[string]error {
	refused := map[string]error{}
	compiled := map[string]*ruleList{}
	for _, groups := range g.asked {
		for _, id := range groups {
			if compiled[id] != nil {
				continue
			}
			group, ok := state.SecurityGroups[id]
			if !ok {
				refused[id] = errs.New(errs.NotFound, "security group %s is not known", id)
			}
			compiled[id] = g.group(group, state, names, refused)
		}
	}
	g.wantMembers(state, names, want)
	lost := g.lostMembers(want.members)
	g.members = want.members
	for set, groups := range g.asked {
		fresh := &ruleList{remotes: map[uint32]bool{}}
		for _, id := range groups {
			for dir, rules := range compiled[id].rules {
				fresh.rules[dir] = append(fresh.rules[dir], rules...)
			}
			maps.Copy(fresh.remotes, compiled[id].remotes)
			fresh.stateless = fresh.stateless || compiled[id].stateless // of two kinds, the one that allows less
		}
		for dir := range fresh.rules {
			fresh.rules[dir] = unique(fresh.rules[dir])
		}
		g.enforce(set, fresh, lost, names, want)
	}
	for set := range g.lists {
		if g.asked[set] == nil {
			delete(g.lists, set)
		}
	}
	g.asked = map[uint32][]string{}
	return refused
}

// unique drops rules that say the same, keeping order.
func unique(rules []bpfRule) []bpfRule {
	seen := make(map[bpfRule]bool, len(rules))
	return slices.DeleteFunc(rules, func(r bpfRule) bool {
		was := seen[r]
		seen[r] = true
		return was
	})
}

func (g *groupCompiler) enforce(set uint32, fresh *ruleList, lost map[uint32]bool, names *ids, want *wanted) {
	old := g.lists[set]
	switch {
	case old == nil:
		fresh.version, fresh.generation = 1, names.next(kindGeneration)
	case old.stateless == fresh.stateless && slices.Equal(old.rules[0], fresh.rules[0]) && slices.Equal(old.rules[1], fresh.rules[1]):
		fresh.version, fresh.generation = old.version, old.generation
		for group := range fresh.remotes {
			if lost[group] {
				fresh.generation = names.next(kindGeneration)
				break
			}
		}
	default:
		fresh.version, fresh.generation = old.version+1, names.next(kindGeneration)
	}
	g.lists[set] = fresh
	rs := bpfRuleset{Version: fresh.version, Generation: fresh.generation}
	if fresh.stateless {
		rs.Flags |= rulesetStateless
	}
	for dir, rules := range fresh.rules {
		rs.Count[dir] = uint32(len(rules))
		for i, r := range rules {
			want.rules[bpfRuleKey{Ruleset: set, Version: fresh.version, Direction: uint32(dir), Index: uint32(i)}] = r
		}
	}
	want.rulesets[set] = rs
}

// wantMembers lists the members of every group that some rule names; the
// groups have numbers by now.
func (g *groupCompiler) wantMembers(state intent.State, names *ids, want *wanted) {
	for id, group := range state.SecurityGroups {
		key, err := idKey(kindGroup, id)
		if err != nil {
			continue
		}
		idx, named := names.wanted[key]
		if !named {
			continue
		}
		for _, m := range group.Members {
			for _, part := range apart(m) {
				want.members[bpfMemberKey{Prefixlen: 32 + bitsOf(part), Group: idx, Addr: addrOf(part.Masked().Addr())}] = 1
			}
		}
	}
}

// lostMembers are the groups that have fewer members than before: flows of
// those must be judged again.
func (g *groupCompiler) lostMembers(now map[bpfMemberKey]uint32) map[uint32]bool {
	lost := map[uint32]bool{}
	for k := range g.members {
		if _, ok := now[k]; !ok {
			lost[k.Group] = true
		}
	}
	return lost
}

func (g *groupCompiler) group(group intent.SecurityGroup, state intent.State, names *ids, refused map[string]error) *ruleList {
	l := &ruleList{remotes: map[uint32]bool{}, stateless: group.Stateless}
	for _, r := range group.Rules {
		out, err := compileRule(r)
		if err == nil && r.RemoteGroup != "" {
			if _, ok := state.SecurityGroups[r.RemoteGroup]; !ok {
				err = errs.New(errs.NotFound, "remote group %s is not known", r.RemoteGroup)
			} else if out.Group, err = names.get(kindGroup, r.RemoteGroup); err == nil {
				l.remotes[out.Group] = true
			}
		}
		if err != nil {
			refused[r.ID] = err
			continue
		}
		dir := dirIngress
		if r.Direction == intent.Egress {
			dir = dirEgress
		}
		l.rules[dir] = append(l.rules[dir], out)
	}
	return l
}

// compileRule refuses what the programs cannot express exactly: a rule that
// is half understood would allow too much.
func compileRule(r intent.Rule) (bpfRule, error) {
	out := bpfRule{Proto: r.Protocol}
	if r.Direction != intent.Ingress && r.Direction != intent.Egress {
		return out, errs.New(errs.Invalid, "direction %q is neither ingress nor egress", r.Direction)
	}
	if r.IPv6 {
		out.Flags |= ruleV6
		if out.Proto == protoICMP {
			out.Proto = protoICMPv6 // Neutron's "icmp" with ethertype IPv6
		}
	} else if out.Proto == protoICMPv6 {
		return out, errs.New(errs.Invalid, "ICMPv6 is no protocol of IPv4")
	}
	if r.RemotePrefix.IsValid() && r.RemoteGroup != "" {
		return out, errs.New(errs.Invalid, "a rule has a remote prefix or a remote group, not both")
	}
	if p := r.RemotePrefix; p.IsValid() {
		if p.Addr().Is4() == r.IPv6 {
			return out, errs.New(errs.Invalid, "remote prefix %s is not of the rule's ethertype", p)
		}
		out.Flags |= rulePrefix
		out.Addr, out.Mask = addrOf(p.Masked().Addr()), maskOf(p)
	}
	if r.RemoteGroup != "" {
		out.Flags |= ruleGroup
	}
	return out, rulePorts(&out, r.PortMin, r.PortMax)
}

func rulePorts(out *bpfRule, low, high *uint16) error {
	if low == nil && high == nil {
		return nil
	}
	switch out.Proto {
	case protoICMP, protoICMPv6:
		if low == nil || *low > 255 || (high != nil && *high > 255) {
			return errs.New(errs.Invalid, "an ICMP rule with a code needs a type, both up to 255")
		}
		out.Flags |= ruleType
		out.Min = *low
		if high != nil {
			out.Flags |= ruleCode
			out.Max = *high
		}
	case protoTCP, protoUDP, protoSCTP, protoUDPLite, protoDCCP:
		if low == nil || high == nil || *low > *high {
			return errs.New(errs.Invalid, "a range of ports needs both ends, the lower one first")
		}
		out.Flags |= rulePortRange
		out.Min, out.Max = *low, *high
	default:
		return errs.New(errs.Invalid, "protocol %d has no ports", out.Proto)
	}
	return nil
}
