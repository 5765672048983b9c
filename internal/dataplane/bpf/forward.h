/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Ways out of a program: a port, a tunnel, the wire, the host's own stack,
 * back where the packet came from, and all of a network at once. */
#ifndef WISP_FORWARD_H
#define WISP_FORWARD_H

#include "gre.h"

/* What is left to do with a packet that a router has seen to. route_frame does
 * it when these functions are back: one inside of the other they would take
 * more than the 512 bytes of stack that a program has. Old kernels count the
 * part of each in steps of 32. */
#define REROUTE 100 /* it now is at another router's leg */
#define DELIVER 101 /* to p->hop on p->out_net */
#define ASK 102	    /* turn it into a question for p->hop */
#define BOUNCE 103  /* back to where it came from */
#define REPLY 104   /* the node answers on p->out_net */

#define MAC_DST 0
#define MAC_SRC 6

INLINE void write_macs(struct __sk_buff *skb, const __u8 *dst, const __u8 *src)
{
	bpf_skb_store_bytes(skb, MAC_DST, dst, 6, 0);
	bpf_skb_store_bytes(skb, MAC_SRC, src, 6, 0);
}

/* UNCUT is how long a frame may be to go on with a rest that is not its own:
 * what is put before it still fits a network of 1280 bytes. */
#define UNCUT 1200

/* shorten cuts a frame that is written anew to len bytes. The kernel does not
 * cut what it has in mind as encapsulated, as it does frames that came in GRE
 * from another namespace of this machine: what is left then looks to receivers
 * like padding. */
INLINE int shorten(struct __sk_buff *skb, __u32 len)
{
	if (skb->len == len || !bpf_skb_change_tail(skb, len, 0))
		return 0;
	return skb->gso_size || skb->len > UNCUT;
}

/* wire_size is how long the packet, or the segments it will be cut to, are. */
INLINE __u32 wire_size(struct __sk_buff *skb, const struct pkt *p)
{
	__u8 doff = 0x80; /* UDP: 8 bytes */

	if (!skb->gso_size)
		return p->l3_len;
	if (p->proto == PROTO_TCP)
		bpf_skb_load_bytes(skb, p->l4 + 12, &doff, 1);
	else
		doff = 0x20;
	return skb->gso_size + p->l4 - ETH_HLEN + (doff >> 4) * 4;
}

/* oversize tells whether a frame is bigger than its network is for. */
INLINE int oversize(struct __sk_buff *skb, const struct pkt *p, __u32 mtu)
{
	if (!mtu)
		return 0;
	if (p->ethertype == ETHERTYPE_IPV4 || p->ethertype == ETHERTYPE_IPV6)
		return wire_size(skb, p) > mtu;
	return skb->len > mtu + ETH_HLEN + 4;
}

INLINE int send_port(struct __sk_buff *skb, const struct pkt *p, __u32 ifindex, __u32 mark)
{
	if (!ifindex)
		return drop(skb, p->port, REASON_NO_DEVICE);
	set_mark(skb, mark);
	return bpf_redirect(ifindex, 0);
}

INLINE int tunnel_to(struct __sk_buff *skb, const struct conf *c, __u32 vni, __u32 remote)
{
	struct bpf_tunnel_key key = {};

	key.tunnel_id = vni;
	key.remote_ipv4 = bpf_ntohl(remote);
	key.local_ipv4 = bpf_ntohl(c->tun_local);
	key.tunnel_ttl = 64;
	set_mark(skb, 0);
	return bpf_skb_set_tunnel_key(skb, &key, sizeof(key), BPF_F_ZERO_CSUM_TX);
}

/* send_remote sends a frame of a network to another host, by the transport
 * that the network's type says. */
GLOBAL int send_remote(struct __sk_buff *skb, struct pkt *p, __u32 net, __u32 remote)
{
	struct conf *c = config();
	struct net *n;

	if (!p)
		return TC_ACT_SHOT;
	n = net_of(net);
	if (n && n->type == NET_GRE)
		return send_gre(skb, p, n->vni, remote);
	if (!n || !c || !c->tun_ifindex || !remote || tunnel_to(skb, c, n->vni, remote))
		return drop(skb, p->port, REASON_TUNNEL);
	return bpf_redirect(c->tun_ifindex, 0);
}

/* on_wire: does a physical interface of this host carry the network? */
INLINE int on_wire(const struct net *n) { return n->type == NET_FLAT || n->type == NET_VLAN; }

/* tag puts the network's 802.1Q tag on a frame that leaves to the wire. */
INLINE int tag(struct __sk_buff *skb, const struct net *n)
{
	return n->type == NET_VLAN ? bpf_skb_vlan_push(skb, bpf_htons(0x8100), n->vni) : 0;
}

/* send_wire sends a unicast frame to a physical network; what is for the
 * host's own address there enters its stack. */
GLOBAL int send_wire(struct __sk_buff *skb, __u32 port, __u32 net)
{
	struct net *n = net_of(net);
	__u8 mac[6];

	if (!n || !n->ifindex || !on_wire(n) || bpf_skb_load_bytes(skb, MAC_DST, mac, 6) || tag(skb, n))
		return drop(skb, port, REASON_NO_DEVICE);
	set_mark(skb, MARK_FORWARDED);
	return bpf_redirect(n->ifindex, n->type == NET_FLAT && mac_eq(mac, n->mac) ? BPF_F_INGRESS : 0);
}

/* bounce sends the frame back to where it came from. */
GLOBAL int bounce(struct __sk_buff *skb, struct pkt *p)
{
	struct net *n;

	if (!p)
		return TC_ACT_SHOT;
	switch (p->origin) {
	case FROM_GUEST:
		return send_port(skb, p, p->in_ifindex, MARK_FORWARDED);
	case FROM_WIRE:
		n = net_of(p->net);
		if (!n || tag(skb, n))
			return TC_ACT_SHOT;
		set_mark(skb, MARK_FORWARDED);
		return bpf_redirect(p->in_ifindex, 0);
	case FROM_HOST:
		set_mark(skb, MARK_FORWARDED);
		return bpf_redirect(p->in_ifindex, BPF_F_INGRESS);
	case FROM_TUNNEL:
		return send_remote(skb, p, p->net, p->tun_remote);
	}
	return TC_ACT_SHOT;
}

struct flood_walk {
	struct __sk_buff *skb;
	__u32 net;
	__u32 sender;
	__u32 vni;
	__u32 tunnels;
	__u32 remote; /* where the frame in GRE was sent last */
};

static long flood_step(__u32 i, void *ctx)
{
	struct flood_walk *w = ctx;
	struct flood_key key = {.net = w->net, .index = i};
	struct dest *d = bpf_map_lookup_elem(&flood, &key);
	struct __sk_buff *skb = w->skb;
	struct conf *c;

	if (!d)
		return 0;
	if (d->kind == DEST_LOCAL) {
		if (d->id == w->sender || !d->ifindex)
			return 0;
		set_mark(skb, MARK_FORWARDED);
		bpf_clone_redirect(skb, d->ifindex, 0);
	} else if (d->kind == DEST_REMOTE && w->tunnels) {
		c = config();
		if (c && c->tun_ifindex && !tunnel_to(skb, c, w->vni, d->remote))
			bpf_clone_redirect(skb, c->tun_ifindex, 0);
	}
	return 0;
}

/* flood_gre_step sends a frame with outer headers on to one more host. */
static long flood_gre_step(__u32 i, void *ctx)
{
	struct flood_walk *w = ctx;
	struct flood_key key = {.net = w->net, .index = i};
	struct dest *d = bpf_map_lookup_elem(&flood, &key);
	struct __sk_buff *skb = w->skb;
	struct conf *c = config();

	if (!d || !c || d->kind != DEST_REMOTE)
		return 0;
	bpf_l3_csum_replace(skb, IP4_CHECK, w->remote, d->remote, 4);
	bpf_skb_store_bytes(skb, IP4_DST, &d->remote, 4, 0);
	w->remote = d->remote;
	set_mark(skb, MARK_UNDERLAY);
	bpf_clone_redirect(skb, c->tun_ifindex, BPF_F_INGRESS);
	return 0;
}

/* flood_gre sends a frame to all other hosts of a network. Nothing is left
 * of the original. */
INLINE int flood_gre(struct flood_walk *w, const struct net *n)
{
	struct __sk_buff *skb = w->skb;
	struct conf *c = config();
	__u32 zero = 0;
	struct pkt *p = bpf_map_lookup_elem(&scratch, &zero);

	if (!p || !c || !c->tun_ifindex)
		return TC_ACT_SHOT;
	if (skb->vlan_present)
		return drop(skb, w->sender, REASON_ETHERTYPE);
	if (gre_wrap(skb, p, n->vni, c->tun_local, 0) < 0)
		return drop(skb, w->sender, REASON_TUNNEL);
	bpf_loop(n->nflood, flood_gre_step, w, 0);
	return TC_ACT_SHOT;
}

/* flood_net copies a frame to every place of a network but the one that it
 * came from. */
GLOBAL int flood_net(struct __sk_buff *skb, __u32 net, __u32 sender, __u32 origin)
{
	struct net *n = net_of(net);
	struct flood_walk w = {
		.skb = skb,
		.net = net,
		.sender = sender,
	};
	__u32 mark = skb->mark;

	if (!n)
		return TC_ACT_SHOT;
	w.vni = n->vni;
	w.tunnels = origin != FROM_TUNNEL && n->type == NET_VXLAN;
	bpf_loop(n->nflood, flood_step, &w, 0);
	if (origin != FROM_TUNNEL && n->type == NET_GRE)
		return flood_gre(&w, n);
	if (origin == FROM_WIRE || origin == FROM_HOST) {
		/* The host's stack, or the wire, has its own copy coming. */
		set_mark(skb, mark);
		return TC_ACT_UNSPEC;
	}
	if (on_wire(n) && n->ifindex) {
		set_mark(skb, MARK_FORWARDED);
		if (n->type == NET_FLAT)
			bpf_clone_redirect(skb, n->ifindex, BPF_F_INGRESS);
		if (tag(skb, n))
			return TC_ACT_SHOT;
		set_mark(skb, MARK_FORWARDED);
		return bpf_redirect(n->ifindex, 0);
	}
	return TC_ACT_SHOT; /* the original; its copies are on their way */
}

#endif
