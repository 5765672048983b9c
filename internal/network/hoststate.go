package network

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/uptrace/bun"

	"wisp/internal/dataplane/intent"
	"wisp/internal/nodeapi"
)

// metadataAddress is where instances ask about themselves.
var metadataAddress = netip.MustParsePrefix("169.254.169.254/32")

// HostState returns what the network of one host should be, and what DHCP
// answers on its ports, by port id: the networks of the host's ports, those
// that a router joins to them, and those of routers whose shared address the
// host carries; all ports of these networks, as local or as reached at their
// host's endpoint, as that host said last. It takes a constant number of
// queries.
func (s *Service) HostState(ctx context.Context, db bun.IDB, host string) (intent.State, map[string]nodeapi.Lease, error) {
	h := &hostView{service: s, db: db, host: host}
	h.state = intent.State{
		Networks: map[string]intent.Network{}, Ports: map[string]intent.Port{}, Routers: map[string]intent.Router{}, SecurityGroups: map[string]intent.SecurityGroup{},
	}
	h.leases = map[string]nodeapi.Lease{}
	for _, step := range []func(context.Context) error{h.reach, h.loadPorts, h.loadHosts, h.loadPeers, h.loadGroups, h.loadRouters, h.loadQoS} {
		if err := step(ctx); err != nil {
			return intent.State{}, nil, fmt.Errorf("state of host %s: %w", host, err)
		}
		if len(h.networks) == 0 {
			break
		}
	}
	h.answer()
	return h.state, h.leases, nil
}

// hostView collects the state of one host.
type hostView struct {
	service *Service
	db      bun.IDB
	host    string

	networks map[string]*Network
	subnets  map[string]*Subnet
	ports    []*Port // of all roles but floating
	byID     map[string]*Port
	servers  map[string]netip.Addr
	silent   map[string]bool       // networks on which this host does not answer DHCP
	facts    map[string]*hostFacts // of the hosts that ports are on
	routers  map[string]*Router
	floating []FloatingIP // of the routers

	state  intent.State
	leases map[string]nodeapi.Lease
}

// reach finds the networks. A router's external network belongs to them, but
// nothing behind it does: all routers of the cloud meet there.
func (h *hostView) reach(ctx context.Context) error {
	var ids []string
	err := h.db.NewRaw(`WITH RECURSIVE reach (network_id) AS (
		SELECT p.network_id FROM ports AS p WHERE p.host = ? AND NOT p.binding_failed AND p.role IN ('compute', 'attached', '')
		UNION
		SELECT i.network_id FROM routers AS r JOIN ports AS i ON i.router_id = r.id WHERE r.gateway_host = ? AND r.gateway_host <> ''
		  AND EXISTS (SELECT 1 FROM ports AS g WHERE g.router_id = r.id AND g.role = 'gateway')
		UNION
		SELECT there.network_id FROM reach JOIN ports AS here ON here.network_id = reach.network_id AND here.role = 'interface'
		  JOIN ports AS there ON there.router_id = here.router_id AND there.role IN ('interface', 'gateway')
	) SELECT network_id FROM reach`, h.host, h.host).Scan(ctx, &ids)
	if err != nil {
		return fmt.Errorf("find the networks: %w", err)
	}
	h.networks, h.subnets = map[string]*Network{}, map[string]*Subnet{}
	if len(ids) == 0 {
		return nil
	}
	var rows []*Network
	if err := h.db.NewSelect().Model(&rows).Where("id IN (?)", bun.List(ids)).Scan(ctx); err != nil {
		return fmt.Errorf("read the networks: %w", err)
	}
	for _, n := range rows {
		h.networks[n.ID] = n
	}
	subs, err := subnetsOf(ctx, h.db, ids...)
	if err != nil {
		return err
	}
	for _, sub := range subs {
		h.subnets[sub.ID] = sub
	}
	if slices.ContainsFunc(subs, func(sub *Subnet) bool { return sub.PoolID != "" }) {
		if err := loadScopes(ctx, h.db, h.networks); err != nil {
			return err
		}
	}
	for _, n := range rows {
		h.state.Networks[n.ID] = intent.Network{ID: n.ID, Type: n.NetworkType, SegmentationID: uint32(n.SegmentationID), PhysicalNetwork: n.PhysicalNetwork, MTU: n.MTU, Scope4: n.Scopes[4], Scope6: n.Scopes[6]}
	}
	if h.servers, err = dhcpServers(ctx, h.db, ids); err != nil {
		return err
	}
	silent, err := columnOf[string](ctx, h.db.NewSelect().Model((*leases)(nil)).Column("network_id").Where("host = ? AND NOT answered", h.host))
	if err != nil {
		return fmt.Errorf("read where DHCP is not answered: %w", err)
	}
	h.silent = make(map[string]bool, len(silent))
	for _, id := range silent {
		h.silent[id] = true
	}
	return nil
}

func (h *hostView) loadPorts(ctx context.Context) error {
	ids := bun.List(keys(h.networks))
	if err := h.db.NewSelect().Model(&h.ports).Where("network_id IN (?) AND role <> ?", ids, roleFloating).Order("id").Scan(ctx); err != nil {
		return fmt.Errorf("read the ports: %w", err)
	}
	h.byID = make(map[string]*Port, len(h.ports))
	for _, p := range h.ports {
		h.byID[p.ID] = p
	}
	var ips []FixedIP
	if err := h.db.NewSelect().Model(&ips).Where("network_id IN (?)", ids).Order("position", "address").Scan(ctx); err != nil {
		return fmt.Errorf("read the addresses: %w", err)
	}
	for _, ip := range ips {
		// What was made between two queries is left for the next time, which
		// its own signal brings.
		if p := h.byID[ip.PortID]; p != nil && h.subnets[ip.SubnetID] != nil {
			p.FixedIPs = append(p.FixedIPs, ip)
		}
	}
	for _, p := range h.ports {
		if !h.reachable(p) {
			continue
		}
		out := intent.Port{
			ID: p.ID, NetworkID: p.NetworkID, MAC: p.MAC, Addresses: p.addresses(), Local: h.local(p), Enabled: p.AdminStateUp && h.networks[p.NetworkID].AdminStateUp,
			PortSecurity: p.PortSecurityEnabled, Service: p.Role == roleDHCP,
		}
		for _, pair := range p.AddressPairs.V {
			if prefix, err := parsePrefix(pair.IPAddress); err == nil {
				out.AllowedAddressPairs = append(out.AllowedAddressPairs, intent.AddressPair{Prefix: prefix, MAC: pair.MACAddress})
			}
		}
		h.state.Ports[p.ID] = out
	}
	return nil
}

// reachable tells whether packets can go to the port from this host. A local
// network ends at its host.
func (h *hostView) reachable(p *Port) bool {
	switch p.Role {
	case roleNone, roleCompute, roleAttached:
		return p.Host != "" && !p.BindingFailed && (p.Host == h.host || h.networks[p.NetworkID].NetworkType != TypeLocal)
	}
	return true
}

// loadHosts adds where the ports on other hosts are reached.
func (h *hostView) loadHosts(ctx context.Context) error {
	names := map[string]bool{}
	for _, p := range h.ports {
		if p.Host != "" {
			names[p.Host] = true
		}
	}
	var err error
	if h.facts, err = factsOf(ctx, h.db, keys(names)); err != nil {
		return err
	}
	for id, out := range h.state.Ports {
		p := h.byID[id]
		if !out.Local && p.Host != h.host && h.networks[p.NetworkID].NetworkType != TypeLocal {
			out.Endpoint = h.endpoint(p.Host)
			h.state.Ports[id] = out
		}
	}
	return nil
}

// endpoint is where tunnels to a host end; zero is that it is not known.
func (h *hostView) endpoint(host string) netip.Addr {
	if f := h.facts[host]; f != nil {
		if a, err := netip.ParseAddr(f.endpoint); err == nil {
			return a
		}
	}
	return netip.Addr{}
}

// local tells whether the port's device is on this host. Ports of routers and
// of DHCP have no device.
func (h *hostView) local(p *Port) bool {
	switch p.Role {
	case roleNone, roleCompute, roleAttached:
		return p.Host == h.host && !p.BindingFailed
	}
	return false
}

func (p *Port) addresses() []netip.Addr {
	out := make([]netip.Addr, 0, len(p.FixedIPs))
	for _, ip := range p.FixedIPs {
		if a, err := netip.ParseAddr(ip.Address); err == nil {
			out = append(out, a)
		}
	}
	return out
}

// loadPeers adds the other hosts, from which tunnels may come.
func (h *hostView) loadPeers(ctx context.Context) error {
	if len(h.networks) == 0 {
		return nil
	}
	var rows []struct{ Host, Endpoint string }
	err := h.db.NewSelect().TableExpr("network_hosts").Column("host", "endpoint").Where("endpoint <> '' AND host <> ?", h.host).Scan(ctx, &rows)
	if err != nil {
		return fmt.Errorf("read the endpoints of hosts: %w", err)
	}
	h.state.Hosts = make(map[string]intent.Host, len(rows))
	for _, row := range rows {
		if a, err := netip.ParseAddr(row.Endpoint); err == nil {
			h.state.Hosts[row.Host] = intent.Host{Endpoint: a}
		}
	}
	return nil
}

// loadGroups adds the security groups of the local ports, with the members of
// the groups that their rules name.
func (h *hostView) loadGroups(ctx context.Context) error {
	var bindings []struct {
		PortID, GroupID string
		Stateful        bool
	}
	err := h.db.NewSelect().TableExpr("port_security_groups AS pg").Join("JOIN security_groups AS g ON g.id = pg.group_id").Column("pg.port_id", "pg.group_id", "g.stateful").
		Where("pg.port_id IN (SELECT id FROM ports WHERE host = ? AND port_security_enabled)", h.host).Order("pg.group_id").Scan(ctx, &bindings)
	if err != nil {
		return fmt.Errorf("read the security groups: %w", err)
	}
	groups := map[string]bool{} // whether they are stateful
	for _, b := range bindings {
		if p, ok := h.state.Ports[b.PortID]; ok && p.Local {
			p.SecurityGroups = append(p.SecurityGroups, b.GroupID)
			h.state.Ports[b.PortID] = p
			groups[b.GroupID] = b.Stateful
		}
	}
	if len(groups) == 0 {
		return nil
	}
	var rows []Rule
	if err := h.db.NewSelect().Model(&rows).Where("group_id IN (?)", bun.List(keys(groups))).Order("id").Scan(ctx); err != nil {
		return fmt.Errorf("read the rules: %w", err)
	}
	for id, stateful := range groups {
		h.state.SecurityGroups[id] = intent.SecurityGroup{ID: id, Stateless: !stateful}
	}
	remotes, addressed := map[string]bool{}, map[string]bool{}
	for _, r := range rows {
		g := h.state.SecurityGroups[r.GroupID]
		rule, ok := r.intent()
		if !ok {
			h.service.log.ErrorContext(ctx, "a security group rule cannot be expressed and allows nothing", "rule", r.ID)
			continue
		}
		g.Rules = append(g.Rules, rule)
		h.state.SecurityGroups[r.GroupID] = g
		if r.RemoteGroupID != "" {
			remotes[r.RemoteGroupID] = true
		}
		if r.RemoteAddresses != "" {
			addressed[r.RemoteAddresses] = true
		}
	}
	if err := h.loadAddressGroups(ctx, keys(addressed)); err != nil {
		return err
	}
	return h.loadMembers(ctx, keys(remotes))
}

// loadAddressGroups adds the address groups that rules name: to the dataplane
// they are groups with members and without rules.
func (h *hostView) loadAddressGroups(ctx context.Context, ids []string) error {
	if len(ids) == 0 {
		return nil
	}
	var rows []AddressGroup
	if err := h.db.NewSelect().Model(&rows).Where("id IN (?)", bun.List(ids)).Scan(ctx); err != nil {
		return fmt.Errorf("read the address groups: %w", err)
	}
	for _, g := range rows {
		h.state.SecurityGroups[g.ID] = intent.SecurityGroup{ID: g.ID, Members: g.Addresses.V}
	}
	return nil
}

func (h *hostView) loadMembers(ctx context.Context, remotes []string) error {
	if len(remotes) == 0 {
		return nil
	}
	var members []struct{ GroupID, Address string }
	err := h.db.NewSelect().TableExpr("port_security_groups AS pg").Join("JOIN port_addresses AS a ON a.port_id = pg.port_id").
		ColumnExpr("pg.group_id, a.address").Where("pg.group_id IN (?)", bun.List(remotes)).OrderExpr("a.address").Scan(ctx, &members)
	if err != nil {
		return fmt.Errorf("read the members of security groups: %w", err)
	}
	var paired []struct {
		GroupID      string
		AddressPairs JSON[[]AddressPair]
	}
	err = h.db.NewSelect().TableExpr("port_security_groups AS pg").Join("JOIN ports AS p ON p.id = pg.port_id").
		ColumnExpr("pg.group_id, p.address_pairs").Where("pg.group_id IN (?) AND p.address_pairs <> '[]'", bun.List(remotes)).Scan(ctx, &paired)
	if err != nil {
		return fmt.Errorf("read the address pairs of members: %w", err)
	}
	add := func(group string, text string) {
		g := h.state.SecurityGroups[group]
		g.ID = group
		if prefix, err := parsePrefix(text); err == nil && !slices.Contains(g.Members, prefix) {
			g.Members = append(g.Members, prefix)
		}
		h.state.SecurityGroups[group] = g
	}
	for _, m := range members {
		add(m.GroupID, m.Address)
	}
	for _, m := range paired {
		for _, pair := range m.AddressPairs.V {
			// One port with a pair of all addresses would let everybody in to the
			// others of its group, as it does in Neutron (Launchpad bug 1867119).
			if prefix, err := parsePrefix(pair.IPAddress); err == nil && prefix.Bits() > 0 {
				add(m.GroupID, pair.IPAddress)
			}
		}
	}
	for _, id := range remotes { // a group without members is still one
		if _, ok := h.state.SecurityGroups[id]; !ok {
			h.state.SecurityGroups[id] = intent.SecurityGroup{ID: id}
		}
	}
	return nil
}

// intent is the rule in the dataplane's language. What it has no words for is
// not ok, and must allow nothing rather than too much.
func (r *Rule) intent() (intent.Rule, bool) {
	out := intent.Rule{ID: r.ID, Direction: r.Direction, IPv6: r.Ethertype == IPv6, RemoteGroup: r.RemoteGroupID}
	if r.RemoteAddresses != "" {
		out.RemoteGroup, out.Addresses = r.RemoteAddresses, true
	}
	number, some := protocolNumber(r.Protocol)
	if r.Protocol != "" && !some && r.Protocol != "ip" {
		return out, false
	}
	out.Protocol = number
	for _, bound := range []struct {
		from *int
		to   **uint16
	}{{r.PortMin, &out.PortMin}, {r.PortMax, &out.PortMax}} {
		if bound.from == nil {
			continue
		}
		if *bound.from < 0 || *bound.from > 65535 {
			return out, false
		}
		v := uint16(*bound.from)
		*bound.to = &v
	}
	if r.RemotePrefix != "" {
		prefix, err := netip.ParsePrefix(r.RemotePrefix)
		if err != nil {
			return out, false
		}
		out.RemotePrefix = prefix.Masked()
	}
	return out, r.Direction == Ingress || r.Direction == Egress
}

func (h *hostView) loadRouters(ctx context.Context) error {
	legs := map[string][]*Port{}
	for _, p := range h.ports {
		if p.Role == roleInterface || p.Role == roleGateway {
			legs[p.RouterID] = append(legs[p.RouterID], p)
		}
	}
	// Routers that only share an external network with this host are not
	// its business.
	for id, of := range legs {
		if !slices.ContainsFunc(of, func(p *Port) bool { return p.Role == roleInterface }) {
			delete(legs, id)
		}
	}
	if len(legs) == 0 {
		return nil
	}
	ids := bun.List(keys(legs))
	var rows []*Router
	if err := h.db.NewSelect().Model(&rows).Where("id IN (?)", ids).Scan(ctx); err != nil {
		return fmt.Errorf("read the routers: %w", err)
	}
	var floating []FloatingIP
	if err := h.db.NewSelect().Model(&floating).Where("router_id IN (?)", ids).Order("id").Scan(ctx); err != nil {
		return fmt.Errorf("read the floating IPs: %w", err)
	}
	routers := make(map[string]*Router, len(rows))
	for _, r := range rows {
		routers[r.ID] = r
		out := intent.Router{ID: r.ID, Enabled: r.AdminStateUp}
		for _, p := range legs[r.ID] {
			prefixes := h.prefixes(p)
			if p.Role == roleInterface {
				out.Interfaces = append(out.Interfaces, intent.RouterInterface{PortID: p.ID, NetworkID: p.NetworkID, MAC: p.MAC, Addresses: prefixes})
				continue
			}
			out.Gateway = &intent.Gateway{
				PortID: p.ID, NetworkID: p.NetworkID, MAC: p.MAC, Addresses: prefixes, SNAT: r.EnableSNAT, Local: r.GatewayHost == h.host,
				Moves: uint32(r.GatewayMoves),
			}
			if r.GatewayFormer != "" {
				out.Gateway.Former = h.state.Hosts[r.GatewayFormer].Endpoint
			}
			for _, ip := range p.FixedIPs {
				if g := h.subnets[ip.SubnetID].gateway(); g.IsValid() {
					out.Gateway.NextHops = append(out.Gateway.NextHops, g)
				}
			}
		}
		for _, route := range r.Routes.V {
			d, err := netip.ParsePrefix(route.Destination)
			if err != nil {
				continue
			}
			if hop, err := netip.ParseAddr(route.NextHop); err == nil {
				out.Routes = append(out.Routes, intent.Route{Destination: d, NextHop: hop})
			}
		}
		h.state.Routers[r.ID] = out
	}
	for _, f := range floating {
		r, ok := h.state.Routers[f.RouterID]
		external, err := netip.ParseAddr(f.Address)
		if !ok || err != nil {
			continue
		}
		if fixed, err := netip.ParseAddr(f.FixedAddress); err == nil {
			out := intent.FloatingIP{ID: f.ID, Address: external, Fixed: fixed, PortID: f.PortID}
			switch by := h.carrier(&f, routers[f.RouterID]); by {
			case "":
			case h.host:
				out.Served = true
			default:
				out.Endpoint = h.endpoint(by)
			}
			r.FloatingIPs = append(r.FloatingIPs, out)
			h.state.Routers[f.RouterID] = r
		}
	}
	h.routers, h.floating = routers, floating
	return h.loadMeters(ctx, routers)
}

// carrier is the host that serves a floating IP; "" is that none can.
func (h *hostView) carrier(f *FloatingIP, r *Router) string {
	external, p := h.networks[f.NetworkID], h.byID[f.PortID]
	if external == nil || p == nil {
		return ""
	}
	return carrier(external, h.networks[p.NetworkID], p, h.facts[p.Host], r)
}

// carrier is the host that serves a floating IP of a port: the port's own,
// where it has the external network and the router is distributed, else the
// host of the router's gateway. An
// address of a port that is bound nowhere (one that others answer for, as a
// virtual router's) is the gateway host's. A port in a local network can only
// be served where it is.
func carrier(external, inner *Network, p *Port, own *hostFacts, r *Router) string {
	bound := p.Host != "" && !p.BindingFailed
	switch {
	case bound && (p.Host == r.GatewayHost || r.Distributed && external.NetworkType != TypeLocal && own.has(external)):
		return p.Host
	case bound && inner.NetworkType == TypeLocal:
		return ""
	}
	return r.GatewayHost
}

// prefixes are a port's addresses with the lengths of their subnets.
func (h *hostView) prefixes(p *Port) []netip.Prefix {
	out := []netip.Prefix{}
	for _, ip := range p.FixedIPs {
		if a, err := netip.ParseAddr(ip.Address); err == nil {
			out = append(out, netip.PrefixFrom(a, h.subnets[ip.SubnetID].prefix().Bits()))
		}
	}
	return out
}

// answer makes the leases of the local ports: one each, of the first IPv4
// address in a subnet with DHCP.
func (h *hostView) answer() {
	routed := map[netip.Addr]string{} // router addresses, with their network
	for _, p := range h.ports {
		if p.Role == roleInterface {
			for _, a := range p.addresses() {
				routed[a] = p.NetworkID
			}
		}
	}
	for _, p := range h.ports {
		if !h.local(p) || h.silent[p.NetworkID] {
			continue
		}
		for _, ip := range p.FixedIPs {
			sub := h.subnets[ip.SubnetID]
			a, err := netip.ParseAddr(ip.Address)
			if err != nil || !a.Is4() || !sub.EnableDHCP {
				continue
			}
			h.leases[p.ID] = h.lease(p, sub, a, sub.gateway().IsValid() && routed[sub.gateway()] == p.NetworkID)
			break
		}
	}
	h.answerIPv6()
	for _, p := range h.ports {
		if lease, has := h.leases[p.ID]; has {
			addOptions(&lease, p.DHCPOpts.V)
			h.leases[p.ID] = lease
		}
	}
}

// domain is that of the host names on a port's network.
func (h *hostView) domain(p *Port) string {
	if domain := strings.TrimSuffix(h.networks[p.NetworkID].DNSDomain, "."); domain != "" {
		return domain
	}
	return h.service.config.Domain
}

func (h *hostView) lease(p *Port, sub *Subnet, a netip.Addr, routed bool) nodeapi.Lease {
	config := h.service.config
	l := nodeapi.Lease{
		PortID: p.ID, MAC: p.MAC, Address: netip.PrefixFrom(a, sub.prefix().Bits()), Server: h.servers[sub.ID], Gateway: sub.gateway(),
		DNS: addresses(sub.DNS.V), MTU: h.networks[p.NetworkID].MTU, Hostname: p.Hostname(a.String()), Domain: h.domain(p), Seconds: config.LeaseSeconds,
	}
	if !l.Server.IsValid() { // the subnet was too full for a server of its own
		l.Server = sub.gateway()
		if !l.Server.IsValid() {
			l.Server = sub.prefix().Addr().Next()
		}
	}
	if len(l.DNS) == 0 {
		l.DNS = slices.DeleteFunc(slices.Clone(config.DNS), func(a netip.Addr) bool { return !a.Is4() })
	}
	for _, r := range hostRoutes(sub) {
		l.Routes = append(l.Routes, intent.Route{Destination: r.Destination, NextHop: r.NextHop})
	}
	if !routed { // no router leads to the metadata service
		l.Routes = append(l.Routes, intent.Route{Destination: metadataAddress, NextHop: l.Server})
	}
	return l
}
