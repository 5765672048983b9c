/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* ARP (RFC 826): answers from what the cloud knows, and the neighbours that
 * only the physical network knows. */
#ifndef WISP_ARP_H
#define WISP_ARP_H

#include "forward.h"
#include "secgroup.h"

struct arp {
	__u16 htype;
	__u16 ptype;
	__u8 hlen;
	__u8 plen;
	__u16 op;
	__u8 sha[6];
	__u8 spa[4];
	__u8 tha[6];
	__u8 tpa[4];
};

#define ARP_LEN 28
#define ARP_REQUEST 1
#define ARP_REPLY 2

#define METADATA4 bpf_htonl(0xa9fea9fe) /* 169.254.169.254 */

/* The node's own MAC; the last four bytes of a port's service MAC are the
 * port's number, and here 0. */
#define SERVICE_MAC_0 0x02
#define SERVICE_MAC_1 0x57

INLINE void service_mac(__u8 *mac, __u32 port)
{
	mac[0] = SERVICE_MAC_0;
	mac[1] = SERVICE_MAC_1;
	mac[2] = port >> 24;
	mac[3] = port >> 16;
	mac[4] = port >> 8;
	mac[5] = port;
}

#define NEIGH_STALE (30ULL * 1000000000)
#define NEIGH_DEAD (180ULL * 1000000000)
#define NEIGH_ASK (1ULL * 1000000000)

/* learn keeps a neighbour that this host asked about, or that asks for one
 * of ours; never one that the cloud knows better. */
INLINE void learn(__u32 net, __u32 spa, const __u8 *mac, int create)
{
	struct neigh_key key = {.net = net};
	struct dyn fresh = {};
	struct dyn *old;
	struct dest *d;

	if (!spa || mac_multicast(mac))
		return;
	addr_v4(&key.addr, spa);
	d = bpf_map_lookup_elem(&neigh, &key);
	if (d && d->kind != DEST_VIP)
		return;
	old = bpf_map_lookup_elem(&dyns, &key);
	if (!old && !create)
		return;
	fresh.seen = bpf_ktime_get_ns();
	fresh.asked = fresh.seen;
	mac_copy(fresh.mac, mac);
	bpf_map_update_elem(&dyns, &key, &fresh, BPF_ANY);
}

/* stray is where an address is that has left its port's MAC. */
INLINE struct stray *stray(const struct dest *d, const struct neigh_key *key)
{
	struct stray *s;

	if (!(d->flags & DEST_LOOSE))
		return 0;
	s = bpf_map_lookup_elem(&strays, key);
	return s && s->remote == d->remote && mac_eq(s->port, d->mac) ? s : 0;
}

INLINE int same_place(const struct dest *a, const struct dest *b)
{
	return a->kind == b->kind && a->id == b->id && a->remote == b->remote;
}

/* keep_stray_mac learns that a guest is at a MAC, and forgets the one at which
 * it was longest ago, so that nobody pushes out the MACs of others. */
INLINE int keep_stray_mac(const struct fdb_key *mac, const struct dest *d)
{
	struct dest at = *d, *was = bpf_map_lookup_elem(&straymacs, mac);
	struct stray_list fresh = {}, *l;
	struct fdb_key key = {.net = mac->net};
	__u64 now = 0, old = 0;
	__u32 i, known = 0;

	if (!was || !same_place(was, d)) {
		mac_copy(key.mac, d->mac);
		l = bpf_map_lookup_elem(&straylists, &key);
		if (!l) {
			bpf_map_update_elem(&straylists, &key, &fresh, BPF_NOEXIST);
			l = bpf_map_lookup_elem(&straylists, &key);
			if (!l)
				return 0;
		}
		__builtin_memcpy(&now, mac->mac, 6);
		bpf_spin_lock(&l->lock);
		for (i = 0; i < STRAY_MACS; i++)
			known |= l->macs[i] == now;
		if (!known) {
			i = l->next++ & (STRAY_MACS - 1);
			old = l->macs[i];
			l->macs[i] = now;
		}
		bpf_spin_unlock(&l->lock);
		__builtin_memcpy(key.mac, &old, 6);
		was = old ? bpf_map_lookup_elem(&straymacs, &key) : 0;
		if (was && same_place(was, d))
			bpf_map_delete_elem(&straymacs, &key);
	}
	mac_copy(at.mac, mac->mac);
	bpf_map_update_elem(&straymacs, mac, &at, BPF_ANY);
	return 1;
}

/* note_stray learns, from a frame, the MAC at which a guest without port
 * security has an address of its port, when that is not the port's; spa is the
 * sender of an ARP frame, or 0. Nobody has another's MAC in that way. Returns
 * whether it is so, or was lately: neighbours have to hear of both. */
GLOBAL int note_stray(struct pkt *p, __u32 spa)
{
	struct neigh_key key = {};
	struct fdb_key fk = {};
	struct stray fresh = {};
	__u64 now = bpf_ktime_get_ns();
	struct dest *d;
	struct stray *s;

	if (!p || mac_multicast(p->smac))
		return 0;
	key.net = p->net;
	if (spa)
		addr_v4(&key.addr, spa);
	else
		key.addr = p->src;
	d = bpf_map_lookup_elem(&neigh, &key);
	if (!d || !(d->flags & DEST_LOOSE))
		return 0;
	if (p->origin == FROM_GUEST ? d->kind != DEST_LOCAL || d->id != p->port : d->kind != DEST_REMOTE || d->remote != p->tun_remote)
		return 0;
	if (mac_eq(d->mac, p->smac)) {
		s = stray(d, &key);
		if (!s)
			return 0;
		if (!mac_eq(s->mac, p->smac)) {
			mac_copy(s->mac, p->smac);
			s->seen = now;
		} else if (now - s->seen > NEIGH_DEAD) {
			bpf_map_delete_elem(&strays, &key);
			return 0;
		}
		return 1;
	}
	fk.net = p->net;
	mac_copy(fk.mac, p->smac);
	if (bpf_map_lookup_elem(&fdb, &fk) || !keep_stray_mac(&fk, d))
		return 0;
	fresh.seen = now;
	fresh.remote = d->remote;
	mac_copy(fresh.port, d->mac);
	mac_copy(fresh.mac, p->smac);
	bpf_map_update_elem(&strays, &key, &fresh, BPF_ANY);
	return 1;
}

/* stray_at finds the port of a MAC that no port has, as long as that port has no
 * port security. */
INLINE struct dest *stray_at(const struct fdb_key *key)
{
	struct dest *d = bpf_map_lookup_elem(&straymacs, key);
	struct port *port;

	if (!d || d->kind != DEST_LOCAL)
		return d;
	port = bpf_map_lookup_elem(&ports, &d->id);
	return port && port->net == key->net && port->ifindex == d->ifindex && !(port->flags & PORT_SECURITY) ? d : 0;
}

/* joined: do hosts share the network? Ports of a local one are reached by a
 * router alone when they are elsewhere. */
INLINE int joined(__u32 net)
{
	struct net *n = net_of(net);

	return n && n->type != NET_LOCAL;
}

INLINE int arp_answer(struct __sk_buff *skb, struct pkt *p, const struct arp *in, const __u8 *mac)
{
	struct arp out = *in;

	out.op = bpf_htons(ARP_REPLY);
	mac_copy(out.sha, mac);
	__builtin_memcpy(out.spa, in->tpa, 4);
	mac_copy(out.tha, in->sha);
	__builtin_memcpy(out.tpa, in->spa, 4);
	write_macs(skb, in->sha, mac);
	bpf_skb_store_bytes(skb, ETH_HLEN, &out, ARP_LEN, 0);
	return bounce(skb, p);
}

/* yielded: another host has taken over the router's gateway. */
INLINE struct yield *yielded(__u32 router) { return bpf_map_lookup_elem(&yields, &router); }

/* take_yield is told, in the transit network, that another host carries a
 * router's gateway since it has moved so often. This host may have nobody left
 * who would tell it. Who can write into the tunnels can write anything into
 * every network; nobody on the external network can. A host that was asleep
 * during a move knows of fewer, and nobody gives way to it. */
GLOBAL int take_yield(struct pkt *p, __u32 moves)
{
	struct fdb_key key = {};
	struct yield y = {};
	struct router *r;
	struct dest *d;

	if (!p)
		return TC_ACT_SHOT;
	key.net = p->net;
	mac_copy(key.mac, p->dmac);
	d = bpf_map_lookup_elem(&fdb, &key);
	if (!d || d->kind != DEST_ROUTER)
		return TC_ACT_SHOT;
	r = router_of(d->id);
	if (!r || !(r->flags & ROUTER_GW_LOCAL) || moves <= r->moves)
		return TC_ACT_SHOT;
	y.moves = moves;
	y.seen = bpf_ktime_get_ns();
	y.remote = p->tun_remote;
	bpf_map_update_elem(&yields, &d->id, &y, BPF_ANY);
	return TC_ACT_SHOT;
}

/* still_speaks: does this host answer for a router's address on a wire? Where
 * another one has taken over the gateway, only for the floating addresses that
 * are at this host's own MAC. */
INLINE int still_speaks(const struct pkt *p, const struct dest *d)
{
	struct net *n = net_of(p->net);

	return (d->flags & DEST_SPEAKS) && (!yielded(d->id) || (n && mac_eq(d->mac, n->mac)));
}

/* not_ours: somebody on the wire says to have an address of a router. As the
 * router's other host it has the router's MAC, and both go on; with another
 * MAC it is a stranger, whom the guests must not hear. A question or an answer
 * on a wire proves nothing, so this host does not give way to it: it counts,
 * and the agent reports. */
INLINE int not_ours(struct __sk_buff *skb, struct pkt *p, const struct arp *arp, __u32 spa)
{
	struct neigh_key key = {.net = p->net};
	struct dyn seen = {};
	struct dest *d;
	int same;

	if (p->origin != FROM_WIRE || !spa)
		return 0;
	addr_v4(&key.addr, spa);
	d = bpf_map_lookup_elem(&neigh, &key);
	if (!d || d->kind != DEST_ROUTER)
		return 0;
	same = mac_eq(arp->sha, d->mac);
	if (same && !still_speaks(p, d))
		return 0; /* the host that speaks for it */
	seen.seen = bpf_ktime_get_ns();
	mac_copy(seen.mac, arp->sha);
	bpf_map_update_elem(&conflicts, &key, &seen, BPF_ANY);
	drop(skb, 0, REASON_CONFLICT); /* counts */
	return !same;
}

/* handle_arp answers, learns from or drops an ARP frame. -1 means that the
 * frame is to be switched as any other. */
GLOBAL int handle_arp(struct __sk_buff *skb, struct pkt *p, int secure)
{
	struct neigh_key key = {};
	struct fdb_key fk = {};
	struct arp arp;
	struct conf *c;
	struct dest *d;
	__u32 spa, tpa;
	int left;

	if (!p)
		return TC_ACT_SHOT;
	if (bpf_skb_load_bytes(skb, ETH_HLEN, &arp, ARP_LEN) || arp.htype != bpf_htons(1) ||
	    arp.ptype != bpf_htons(ETHERTYPE_IPV4) || arp.hlen != 6 || arp.plen != 4)
		return p->origin == FROM_GUEST ? drop(skb, p->port, REASON_MALFORMED) : -1;
	__builtin_memcpy(&spa, arp.spa, 4);
	__builtin_memcpy(&tpa, arp.tpa, 4);
	if (secure) {
		addr_v4(&key.addr, spa);
		if (!mac_eq(arp.sha, p->smac) || !mac_ok(p->port, p->smac))
			return drop(skb, p->port, REASON_SPOOFED_ARP);
		/* An address of zero probes whether one is free, RFC 5227. */
		if ((spa || arp.op != bpf_htons(ARP_REQUEST)) && !source_ok(p->port, arp.sha, &key.addr))
			return drop(skb, p->port, REASON_SPOOFED_ARP);
	}
	c = config();
	if (p->origin == FROM_TUNNEL && c && c->transit && p->net == c->transit)
		return arp.op == bpf_htons(ARP_REPLY) ? take_yield(p, bpf_ntohl(tpa)) : TC_ACT_SHOT;
	if (not_ours(skb, p, &arp, spa))
		return TC_ACT_UNSPEC;
	left = spa && mac_eq(arp.sha, p->smac) && (p->origin == FROM_TUNNEL || (p->origin == FROM_GUEST && !secure)) && note_stray(p, spa);
	key.net = p->net;
	if (arp.op == bpf_htons(ARP_REQUEST)) {
		addr_v4(&key.addr, tpa);
		d = bpf_map_lookup_elem(&neigh, &key);
		learn(p->net, spa, arp.sha, d && d->kind == DEST_ROUTER);
		if (p->origin == FROM_GUEST && tpa == METADATA4) {
			__u8 mac[6];

			service_mac(mac, 0);
			return arp_answer(skb, p, &arp, mac);
		}
		if (!d || d->kind == DEST_VIP || p->origin == FROM_TUNNEL)
			return -1;
		if (d->kind == DEST_LOCAL && p->origin == FROM_GUEST && d->id == p->port)
			return -1;
		if (d->kind == DEST_REMOTE && (p->origin == FROM_WIRE || p->origin == FROM_HOST || (d->remote && !joined(p->net))))
			return -1;
		/* Who is asked, or asks, with another MAC than this host knows,
		 * settles it with the other. */
		if ((d->kind == DEST_LOCAL || d->kind == DEST_REMOTE) && !(d->flags & DEST_NODE) && (left || stray(d, &key)))
			return -1;
		/* The asker's own host answers, and to strangers one of all. */
		if (d->kind == DEST_ROUTER && p->origin == FROM_WIRE && !still_speaks(p, d))
			return -1;
		return arp_answer(skb, p, &arp, d->mac);
	}
	fk.net = p->net;
	mac_copy(fk.mac, p->dmac);
	d = bpf_map_lookup_elem(&fdb, &fk);
	learn(p->net, spa, arp.sha, d && d->kind == DEST_ROUTER);
	return d && d->kind == DEST_ROUTER ? TC_ACT_SHOT : -1;
}

struct question {
	struct ethhdr_ eth;
	struct arp arp;
	__u8 zero[6];
} __attribute__((packed));

/* arp_ask turns a packet into a question for p->hop on p->out_net, from the
 * router's leg there, and sends it. The question is put before the rest of
 * the packet, not over it: a checksum that a device has yet to fill in lies
 * in that rest, which is zero padding now. */
GLOBAL int arp_ask(struct __sk_buff *skb, struct pkt *p)
{
	struct question *q;
	__u32 keep;

	if (!p)
		return TC_ACT_SHOT;
	keep = p->l4 + 20;
	if (keep < 60)
		keep = 60;
	if (shorten(skb, keep) || bpf_skb_change_head(skb, sizeof(*q), 0))
		return drop(skb, p->port, REASON_UNRESOLVED);
	__builtin_memset(p->buf, 0, ICMP_KEEP);
	bpf_skb_store_bytes(skb, sizeof(*q), p->buf, 60, 0);
	q = (struct question *)p->buf;
	__builtin_memset(q->eth.dst, 0xff, 6);
	mac_copy(q->eth.src, p->leg_mac);
	q->eth.type = bpf_htons(ETHERTYPE_ARP);
	q->arp.htype = bpf_htons(1);
	q->arp.ptype = bpf_htons(ETHERTYPE_IPV4);
	q->arp.hlen = 6;
	q->arp.plen = 4;
	q->arp.op = bpf_htons(ARP_REQUEST);
	mac_copy(q->arp.sha, p->leg_mac);
	__builtin_memcpy(q->arp.spa, &p->leg.w[3], 4);
	__builtin_memcpy(q->arp.tpa, &p->hop.w[3], 4);
	bpf_skb_store_bytes(skb, 0, p->buf, sizeof(*q), 0);
	return flood_net(skb, p->out_net, 0, 0);
}

#endif
