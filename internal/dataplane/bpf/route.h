/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Routers. The host of the sender does all that a router does, up to the
 * delivery on the last network. */
#ifndef WISP_ROUTE_H
#define WISP_ROUTE_H

#include "meter.h"
#include "nat.h"
#include "qos.h"

/* Between hosts, a router's packets go by the transit network: a tunnel with
 * VNI 0, which no network of the cloud has. The destination MAC there says
 * which router, the last byte of the source MAC how far the packet is. */
INLINE void transit_mac(__u8 *mac, __u8 how)
{
	mac[0] = 0x02;
	mac[1] = 0x58;
	mac[2] = 0;
	mac[3] = 0;
	mac[4] = 0;
	mac[5] = how;
}

/* hand_over gives the packet to another host of its router. */
INLINE int hand_over(struct __sk_buff *skb, struct pkt *p, __u32 remote, __u32 how)
{
	struct conf *c = config();
	struct router *r;
	__u8 mac[6];

	if (!p)
		return TC_ACT_SHOT;
	r = router_of(p->router);
	if (!r || !c || !c->transit || !remote)
		return drop(skb, p->port, REASON_TUNNEL);
	transit_mac(mac, how);
	write_macs(skb, r->mac, mac);
	return send_remote(skb, p, c->transit, remote);
}

/* came_by tells how a packet came that another host handed over. */
INLINE __u8 came_by(const struct pkt *p)
{
	struct conf *c = config();

	if (p->origin != FROM_TUNNEL || !c || !c->transit || p->net != c->transit)
		return TRANSIT_NONE;
	return p->smac[5] == TRANSIT_DELIVER ? TRANSIT_DELIVER : TRANSIT_ROUTE;
}

/* own_mac is the source of frames to a wire: two hosts never show a switch
 * one MAC. */
INLINE const __u8 *own_mac(const struct pkt *p, const struct net *n)
{
	return p->route_flags & ROUTE_HOST_MAC ? n->mac : p->leg_mac;
}

/* ask_hop says to ask for p->hop. Where another host answers for the router's address
 * this one asks without it, as RFC 5227 probes, or from the floating address
 * that the packet has: neighbours shall not learn that the router's address is
 * at this host's MAC, and answer to that MAC all the same. */
INLINE int ask_hop(struct pkt *p, const struct net *n)
{
	if (p->route_flags & ROUTE_HOST_MAC) {
		mac_copy(p->leg_mac, n->mac);
		p->leg.w[3] = p->nat_out == NAT_FLOATING && p->src.w[3] == p->nsrc ? p->nsrc : 0;
	}
	return ASK;
}

/* deliver_asked sends to an address whose MAC only ARP tells. */
INLINE int deliver_asked(struct __sk_buff *skb, struct pkt *p, const struct net *n)
{
	struct neigh_key key = {.net = p->out_net, .addr = p->hop};
	__u64 now = bpf_ktime_get_ns();
	struct fdb_key fk = {.net = p->out_net};
	struct dyn fresh = {.asked = now};
	struct dyn *d = bpf_map_lookup_elem(&dyns, &key);
	struct dest *at;

	if (on_wire(n) && !n->ifindex) {
		/* Who has the wire asks. */
		if (p->transit == TRANSIT_DELIVER || !n->carrier)
			return drop(skb, p->port, REASON_NO_DEVICE);
		return hand_over(skb, p, n->carrier, TRANSIT_DELIVER);
	}
	if (p->flags & PKT_V6)
		return drop(skb, p->port, REASON_UNRESOLVED);
	if (!d || !d->seen || now - d->seen > NEIGH_DEAD) {
		if (d && now - d->asked < NEIGH_ASK)
			return drop(skb, p->port, REASON_UNRESOLVED);
		bpf_map_update_elem(&dyns, &key, &fresh, BPF_ANY);
		drop(skb, p->port, REASON_UNRESOLVED); /* counts */
		return ask_hop(p, n);
	}
	mac_copy(fk.mac, d->mac);
	at = bpf_map_lookup_elem(&fdb, &fk);
	if (at && at->kind == DEST_LOCAL) {
		write_macs(skb, d->mac, p->leg_mac);
		return send_port(skb, p, at->ifindex, MARK_FORWARDED);
	}
	write_macs(skb, d->mac, on_wire(n) ? own_mac(p, n) : p->leg_mac);
	if (!on_wire(n)) {
		if (!at || at->kind == DEST_ROUTER)
			return drop(skb, p->port, REASON_UNKNOWN_MAC);
		return send_remote(skb, p, p->out_net, at->remote);
	}
	if (now - d->seen > NEIGH_STALE && now - d->asked > NEIGH_ASK) {
		/* The packet goes as a copy, the original becomes a question. */
		d->asked = now;
		set_mark(skb, MARK_FORWARDED);
		if (tag(skb, n))
			return TC_ACT_SHOT;
		bpf_clone_redirect(skb, n->ifindex, n->type == NET_FLAT && mac_eq(d->mac, n->mac) ? BPF_F_INGRESS : 0);
		if (n->type == NET_VLAN && bpf_skb_vlan_pop(skb))
			return TC_ACT_SHOT;
		return ask_hop(p, n);
	}
	return send_wire(skb, p->port, p->out_net);
}

/* deliver sends the packet to p->hop on p->out_net, from the leg p->leg_mac. */
GLOBAL int deliver(struct __sk_buff *skb, struct pkt *p)
{
	struct neigh_key key = {};
	struct stray *elsewhere;
	const __u8 *mac;
	struct dest *d;
	struct net *n;

	if (!p)
		return TC_ACT_SHOT;
	n = net_of(p->out_net);
	if (!n)
		return drop(skb, p->port, REASON_NO_ROUTE);
	key.net = p->out_net;
	key.addr = p->hop;
	d = bpf_map_lookup_elem(&neigh, &key);
	if (!d || d->kind == DEST_VIP)
		return deliver_asked(skb, p, n);
	if (d->kind == DEST_ROUTER) {
		p->net = p->out_net;
		p->router = d->id;
		mac_copy(p->dmac, d->mac);
		mac_copy(p->smac, p->leg_mac);
		return REROUTE;
	}
	if (d->flags & DEST_NODE && echo_request(p))
		return REPLY;
	elsewhere = stray(d, &key);
	mac = elsewhere ? elsewhere->mac : d->mac;
	if (d->kind == DEST_LOCAL) {
		write_macs(skb, mac, p->leg_mac);
		return send_port(skb, p, d->ifindex, MARK_FORWARDED);
	}
	if (on_wire(n) && n->ifindex) {
		write_macs(skb, mac, own_mac(p, n));
		return send_wire(skb, p->port, p->out_net);
	}
	if (p->transit == TRANSIT_DELIVER)
		return drop(skb, p->port, REASON_LOOP);
	/* No tunnel has the frames of a wire or of a local network. */
	if (on_wire(n) || n->type == NET_LOCAL)
		return hand_over(skb, p, d->remote, TRANSIT_DELIVER);
	write_macs(skb, mac, p->leg_mac);
	return send_remote(skb, p, p->out_net, d->remote);
}

/* deliver_last does what only this host can with a packet that another one
 * has routed and translated. */
INLINE int deliver_last(struct __sk_buff *skb, struct pkt *p)
{
	struct route *rt;

	if (!p)
		return TC_ACT_SHOT;
	rt = find_route(p->router, &p->dst);
	if (!rt)
		return drop(skb, p->port, REASON_NO_ROUTE);
	p->out_net = rt->net;
	p->hop = addr_zero(&rt->via) ? p->dst : rt->via;
	p->leg = rt->leg;
	p->route_flags = rt->flags;
	mac_copy(p->leg_mac, rt->mac);
	return DELIVER;
}

/* own_address handles what is for the router itself; -1: nothing is. */
INLINE int own_address(struct __sk_buff *skb, struct pkt *p, int outside)
{
	struct raddr_key key = {.router = p->router, .addr = p->dst};
	struct raddr *ra = bpf_map_lookup_elem(&raddrs, &key);
	int echo, v;

	if (!ra || ra->kind == RADDR_FIP)
		return -1;
	echo = echo_request(p);
	if (ra->kind == RADDR_GW && !outside && !echo)
		return -1; /* the shared address, from a neighbour behind this router */
	if (outside && ra->kind == RADDR_LEG)
		return drop(skb, p->port, REASON_ROUTER_LOCAL);
	if (echo)
		v = echo_reply(skb, p);
	else if (p->proto == PROTO_UDP)
		v = complain(skb, p, ICMP_UNREACHABLE << 8 | CODE_PORT, 0, REASON_ROUTER_LOCAL);
	else
		return drop(skb, p->port, REASON_ROUTER_LOCAL);
	return v;
}

INLINE void count_hop(struct __sk_buff *skb, struct pkt *p)
{
	__u8 ttl = p->ttl - 1;

	if (p->flags & PKT_V6) {
		bpf_skb_store_bytes(skb, ETH_HLEN + offsetof(struct ip6, hops), &ttl, 1, 0);
	} else {
		bpf_l3_csum_replace(skb, IP4_CHECK, bpf_htons(p->ttl << 8), bpf_htons(ttl << 8), 2);
		bpf_skb_store_bytes(skb, IP4_TTL, &ttl, 1, 0);
	}
	p->ttl = ttl;
}

/* mtu_info is the MTU as ICMPv4 (RFC 1191) and ICMPv6 errors carry it. */
INLINE __u32 mtu_info(const struct pkt *p, __u32 mtu) { return bpf_htonl(p->flags & PKT_V6 ? mtu : mtu & 0xffff); }

/* link_mtu is how long a packet may be on its way to the network n. What a
 * guest sends learns how much a tunnel holds, when one leads there; what comes
 * from elsewhere does not depend on an error message: the kernel cuts its
 * outer packet. */
INLINE __u32 link_mtu(const struct pkt *p, const struct net *n, int tunneled)
{
	struct conf *c = config();

	if (tunneled && c && c->tun_mtu && p->origin == FROM_GUEST && (p->flags & PKT_DF) && c->tun_mtu < n->mtu)
		return c->tun_mtu;
	return n->mtu;
}

/* away tells that another host does the rest, with the packet as it is: it
 * translates, or, with the router's gateway, it alone leads outside. */
INLINE int away(const struct pkt *p, const struct net *n, __u32 remote)
{
	return p->nat_away || (p->nat_out != NAT_FLOATING && (!n->ifindex || !on_wire(n)) && remote);
}

/* scope_of is the address scope that a network is in, for the packet's version
 * of IP; 0 is none. */
INLINE __u32 scope_of(const struct pkt *p, const struct net *n)
{
	if (!n)
		return 0;
	return p->flags & PKT_V6 ? n->scope6 : n->scope4;
}

/* scope_from is the scope that a packet comes from. One that another host handed
 * over entered the router where its sender is. */
GLOBAL int scope_from(struct pkt *p)
{
	struct route *rt;

	if (!p)
		return 0;
	if (p->transit != TRANSIT_ROUTE)
		return scope_of(p, net_of(p->net));
	rt = find_route(p->router, &p->src);
	return rt ? scope_of(p, net_of(rt->net)) : 0;
}

/* over_gateway tells whether a packet that is translated here is more than the
 * rates of its address allow. */
INLINE int over_gateway(struct __sk_buff *skb, const struct pkt *p, const struct router *r, __u32 direction)
{
	if (p->limit)
		return over_limit(skb, p->limit, RATE_FLOATING | direction);
	if (r->flags & ROUTER_LIMITED && (p->nat_in == NAT_SHARED || p->nat_out == NAT_SHARED))
		return over_limit(skb, p->router, RATE_GATEWAY | direction);
	return 0;
}

/* route_once passes the packet through p->router, which it entered from
 * p->net. All checks come before any change, so that an error quotes the
 * packet as its sender made it. */
GLOBAL int route_once(struct __sk_buff *skb, struct pkt *p)
{
	struct neigh_key nk = {};
	struct router *r;
	struct route *rt;
	struct dest *d;
	struct yield *y;
	struct net *n;
	int outside, outward, gone, v;
	__u32 mtu, remote, scope;

	if (!p)
		return TC_ACT_SHOT;
	r = router_of(p->router);
	if (!r || !(r->flags & ROUTER_ENABLED))
		return drop(skb, p->port, REASON_ROUTER_DOWN);
	p->transit = came_by(p);
	if (p->transit == TRANSIT_DELIVER)
		return deliver_last(skb, p);
	outside = (r->flags & ROUTER_HAS_GW) && p->net == r->ext_net;
	p->nat_in = NAT_NONE;
	p->nat_out = NAT_NONE;
	p->nat_away = 0;
	p->limit = 0;
	p->ndst = p->dst;
	scope = scope_from(p);
	if (outside && plan_in(skb, p, r->gw4))
		return TC_ACT_SHOT;
	if (p->nat_in == NAT_NONE) {
		v = own_address(skb, p, outside);
		if (v != -1)
			return v;
		if (addr_multicast(&p->dst) || addr_link_local6(&p->dst))
			return drop(skb, p->port, REASON_ROUTER_LOCAL);
		if (outside && (r->flags & ROUTER_SNAT) && !(p->flags & PKT_V6) && !scope)
			return drop(skb, p->port, REASON_NOT_TRANSLATED);
	}
	if (p->ttl <= 1)
		return complain(skb, p, ICMP_EXCEEDED << 8, 0, REASON_TTL);
	rt = find_route(p->router, &p->ndst);
	if (!rt)
		return complain(skb, p, ICMP_UNREACHABLE << 8 | CODE_NET, 0, REASON_NO_ROUTE);
	n = net_of(rt->net);
	if (!n)
		return complain(skb, p, ICMP_UNREACHABLE << 8 | CODE_NET, 0, REASON_NO_ROUTE);
	p->out_net = rt->net;
	p->hop = addr_zero(&rt->via) ? p->ndst : rt->via;
	nk.net = p->out_net;
	nk.addr = p->hop;
	d = bpf_map_lookup_elem(&neigh, &nk);
	gone = 0;
	y = 0;
	remote = 0;
	outward = !outside && (r->flags & ROUTER_HAS_GW) && rt->net == r->ext_net;
	if (outward) {
		y = r->flags & ROUTER_GW_LOCAL ? yielded(p->router) : 0;
		v = plan_out(skb, p, r, (r->flags & ROUTER_GW_LOCAL) && !y, scope && scope == scope_of(p, n));
		if (v)
			return drop(skb, p->port, v);
		if (p->nat_away && p->nat_remote)
			remote = p->nat_remote;
		else if (y)
			remote = y->remote;
		else if (!(r->flags & ROUTER_GW_LOCAL))
			remote = r->gw_remote;
		gone = away(p, n, remote);
	}
	if (p->nat_in == NAT_NONE && p->nat_out == NAT_NONE && scope != scope_of(p, n))
		return drop(skb, p->port, REASON_SCOPE);
	if (!gone && !d && !(on_wire(n) && (n->ifindex || n->carrier)))
		return complain(skb, p, ICMP_UNREACHABLE << 8 | CODE_HOST, 0, REASON_NO_HOST);
	mtu = link_mtu(p, n, gone || (on_wire(n) && !n->ifindex) || (n->type == NET_LOCAL && d && d->kind == DEST_REMOTE));
	if (mtu && wire_size(skb, p) > mtu)
		return complain(skb, p, ICMP_UNREACHABLE << 8 | CODE_FRAG, mtu_info(p, mtu), REASON_TOO_BIG);
	if (gone) {
		/* Two hosts that each believe in the other must not play ball. */
		if (p->origin == FROM_TUNNEL || !remote)
			return drop(skb, p->port, REASON_NOT_TRANSLATED);
		return hand_over(skb, p, remote, TRANSIT_ROUTE);
	}
	p->leg = rt->leg;
	p->route_flags = y ? ROUTE_HOST_MAC : rt->flags;
	mac_copy(p->leg_mac, rt->mac);
	if (over_gateway(skb, p, r, outside ? DIR_INGRESS : DIR_EGRESS))
		return drop(skb, p->port, REASON_OVER_LIMIT);
	if (r->nmeters && (outside || outward))
		meter(skb, p, r->nmeters, outside ? 0 : METER_EGRESS);
	count_hop(skb, p);
	apply_in(skb, p);
	v = apply_out(skb, p);
	if (v)
		return drop(skb, p->port, v);
	return DELIVER;
}

/* reply_routed answers for the node on p->out_net. The reply goes to the router
 * that the request came by. */
GLOBAL int reply_routed(struct __sk_buff *skb, struct pkt *p)
{
	struct neigh_key key = {};
	struct dest *d;

	if (!p)
		return TC_ACT_SHOT;
	key.net = p->out_net;
	key.addr = p->hop;
	d = bpf_map_lookup_elem(&neigh, &key);
	if (!d || node_echo(skb, p, p->out_net))
		return drop(skb, p->port, REASON_NO_DEVICE);
	p->net = p->out_net;
	mac_copy(p->dmac, p->leg_mac);
	mac_copy(p->smac, d->mac);
	return REROUTE;
}

/* MAX_ROUTERS is how many routers of this cloud a packet passes on one host. */
#define MAX_ROUTERS 4

INLINE int route_frame(struct __sk_buff *skb, struct pkt *p)
{
	int i, v;

	if (!p)
		return TC_ACT_SHOT;
	if (p->ethertype != ETHERTYPE_IPV4 && p->ethertype != ETHERTYPE_IPV6)
		return drop(skb, p->port, REASON_ETHERTYPE);
	for (i = 0; i < MAX_ROUTERS; i++) {
		p->pass = i;
		v = route_once(skb, p);
		if (v == DELIVER)
			v = deliver(skb, p);
		if (v == REPLY)
			v = reply_routed(skb, p);
		if (v == ASK)
			return arp_ask(skb, p);
		if (v == BOUNCE)
			return bounce(skb, p);
		if (v != REROUTE)
			return v;
	}
	return drop(skb, p->port, REASON_LOOP);
}

#endif
