/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* What routers and the node say themselves: echo replies and errors, RFC 792
 * and 4443. */
#ifndef WISP_ICMP_H
#define WISP_ICMP_H

#include "arp.h"

#define ICMP_UNREACHABLE 3
#define ICMP_EXCEEDED 11
#define CODE_NET 0
#define CODE_HOST 1
#define CODE_PORT 3
#define CODE_FRAG 4

INLINE struct route *find_route(__u32 router, const struct addr *a)
{
	struct route_key key = {.prefixlen = 160, .router = router, .addr = *a};
	struct route *rt = bpf_map_lookup_elem(&routes, &key);

	/* The addresses of IPv4 are within short prefixes of IPv6. */
	if (rt && addr_is_v4(a) && !addr_is_v4(&rt->leg))
		return 0;
	return rt;
}

/* speak tells how what a router said gets to p->dst: back where the question
 * came from; when the question had passed another router already, on p->net; when
 * another host handed it over, on the network where its sender is. */
INLINE int speak(struct __sk_buff *skb, struct pkt *p)
{
	struct route *rt;

	if (p->transit) {
		rt = find_route(p->router, &p->dst);
		if (!rt)
			return TC_ACT_SHOT;
		p->out_net = rt->net;
		p->hop = addr_zero(&rt->via) ? p->dst : rt->via;
		p->route_flags = rt->flags;
		mac_copy(p->leg_mac, rt->mac);
		return DELIVER;
	}
	if (!p->pass) {
		write_macs(skb, p->smac, p->dmac);
		return BOUNCE;
	}
	p->out_net = p->net;
	p->hop = p->dst;
	p->route_flags = 0;
	mac_copy(p->leg_mac, p->dmac);
	return DELIVER;
}

INLINE int echo_request(const struct pkt *p)
{
	return (p->icmp_type == 8 && p->proto == PROTO_ICMP) || (p->icmp_type == 128 && p->proto == PROTO_ICMPV6);
}

/* turn_echo makes a reply of an echo request. */
INLINE void turn_echo(struct __sk_buff *skb, struct pkt *p)
{
	struct addr a;

	if (p->flags & PKT_V6) {
		bpf_skb_store_bytes(skb, ETH_HLEN + offsetof(struct ip6, src), &p->dst, 16, 0);
		bpf_skb_store_bytes(skb, ETH_HLEN + offsetof(struct ip6, dst), &p->src, 16, 0);
	} else {
		__u16 old = bpf_htons(p->ttl << 8), fresh = bpf_htons(64 << 8);
		__u8 ttl = 64;

		bpf_skb_store_bytes(skb, IP4_SRC, &p->dst.w[3], 4, 0);
		bpf_skb_store_bytes(skb, IP4_DST, &p->src.w[3], 4, 0);
		bpf_l3_csum_replace(skb, IP4_CHECK, old, fresh, 2);
		bpf_skb_store_bytes(skb, IP4_TTL, &ttl, 1, 0);
		p->ttl = ttl;
	}
	if (!(p->flags & PKT_FRAG_LATER)) {
		__u8 type = p->flags & PKT_V6 ? 129 : 0;

		bpf_l4_csum_replace(skb, p->l4 + 2, bpf_htons(p->icmp_type << 8), bpf_htons(type << 8), 2);
		bpf_skb_store_bytes(skb, p->l4, &type, 1, 0);
	}
	a = p->src;
	p->src = p->dst;
	p->dst = a;
	p->icmp_type = p->flags & PKT_V6 ? 129 : 0;
}

/* echo_reply answers an echo request to a router's own address. */
GLOBAL int echo_reply(struct __sk_buff *skb, struct pkt *p)
{
	if (!p)
		return TC_ACT_SHOT;
	turn_echo(skb, p);
	return speak(skb, p);
}

/* node_echo makes a reply of an echo request to an address of the node's own on
 * a network. -1 means that the packet is nothing to answer. */
GLOBAL int node_echo(struct __sk_buff *skb, struct pkt *p, __u32 net)
{
	struct neigh_key key = {};
	struct dest *d;

	if (!p || !echo_request(p))
		return -1;
	key.net = net;
	key.addr = p->dst;
	d = bpf_map_lookup_elem(&neigh, &key);
	if (!d || !(d->flags & DEST_NODE))
		return -1;
	turn_echo(skb, p);
	return 0;
}

/* may_complain keeps the rules of RFC 1122 3.2.2 and RFC 4443 2.4(e). */
INLINE int may_complain(const struct pkt *p)
{
	if (icmp_error(p) || (p->flags & PKT_FRAG_LATER))
		return 0;
	if (p->proto == PROTO_ICMPV6 && p->icmp_type == 137)
		return 0;
	return !addr_multicast(&p->src) && !addr_multicast(&p->dst) && !addr_zero(&p->src) &&
	       !mac_multicast(p->dmac);
}

struct icmp_head4 {
	struct ip4 ip;
	__u8 type;
	__u8 code;
	__u16 check;
	__u32 info;
};

struct icmp_head6 {
	struct ip6 ip;
	__u8 type;
	__u8 code;
	__u16 check;
	__u32 info;
};

INLINE int complain4(struct __sk_buff *skb, struct pkt *p, __u8 type, __u8 code, __u32 info, __u32 keep)
{
	struct icmp_head4 h = {};
	struct addr a;

	if (bpf_skb_adjust_room(skb, sizeof(h), BPF_ADJ_ROOM_MAC, BPF_F_ADJ_ROOM_NO_CSUM_RESET))
		return -1;
	h.ip.vihl = 0x45;
	h.ip.tos = 0xc0;
	h.ip.len = bpf_htons(sizeof(h) + keep);
	h.ip.ttl = 64;
	h.ip.proto = PROTO_ICMP;
	h.ip.src = p->leg.w[3];
	h.ip.dst = p->src.w[3];
	h.ip.check = fold(bpf_csum_diff(0, 0, (__be32 *)&h.ip, sizeof(h.ip), 0));
	h.type = type;
	h.code = code;
	h.info = info;
	h.check = fold(bpf_csum_diff(0, 0, (__be32 *)p->buf, ICMP_KEEP,
				     bpf_csum_diff(0, 0, (__be32 *)&h.type, 8, 0)));
	bpf_skb_store_bytes(skb, ETH_HLEN, &h, sizeof(h), 0);
	a = p->src;
	p->src = p->leg;
	p->dst = a;
	p->l4 = ETH_HLEN + sizeof(struct ip4);
	p->l3_len = sizeof(h) + keep;
	return 0;
}

INLINE int complain6(struct __sk_buff *skb, struct pkt *p, __u8 type, __u8 code, __u32 info, __u32 keep)
{
	struct icmp_head6 h = {};
	__u32 pseudo[2];
	__u64 sum;
	struct addr a;

	if (bpf_skb_adjust_room(skb, sizeof(h), BPF_ADJ_ROOM_MAC, BPF_F_ADJ_ROOM_NO_CSUM_RESET))
		return -1;
	h.ip.flow = bpf_htonl(0x60000000);
	h.ip.len = bpf_htons(8 + keep);
	h.ip.next = PROTO_ICMPV6;
	h.ip.hops = 64;
	h.ip.src = p->leg;
	h.ip.dst = p->src;
	h.type = type;
	h.code = code;
	h.info = info;
	pseudo[0] = bpf_htonl(8 + keep);
	pseudo[1] = bpf_htonl(PROTO_ICMPV6);
	sum = bpf_csum_diff(0, 0, pseudo, 8, 0);
	sum = bpf_csum_diff(0, 0, (__be32 *)&h.ip.src, 32, sum);
	sum = bpf_csum_diff(0, 0, (__be32 *)&h.type, 8, sum);
	h.check = fold(bpf_csum_diff(0, 0, (__be32 *)p->buf, ICMP_KEEP, sum));
	bpf_skb_store_bytes(skb, ETH_HLEN, &h, sizeof(h), 0);
	a = p->src;
	p->src = p->leg;
	p->dst = a;
	p->l4 = ETH_HLEN + sizeof(struct ip6);
	p->l3_len = sizeof(h) + keep;
	return 0;
}

/* complain turns the packet into an ICMP error about itself, from the
 * router's address on the side of the sender; on a packet that is at no
 * router, from its receiver. type, code and info are those of ICMPv4. Returns
 * what is left to do. */
GLOBAL int complain(struct __sk_buff *skb, struct pkt *p, __u32 typecode, __u32 info, __u32 reason)
{
	__u8 type = typecode >> 8, code = typecode;
	__u32 keep, size;
	struct route *rt;
	int err;

	if (!p)
		return TC_ACT_SHOT;
	drop(skb, p->port, reason); /* counts */
	if (!may_complain(p))
		return TC_ACT_SHOT;
	if (p->router) {
		rt = find_route(p->router, &p->src);
		if (!rt || addr_zero(&rt->leg))
			return TC_ACT_SHOT;
		p->leg = rt->leg;
	} else {
		p->leg = p->dst; /* no router there: in the name of the receiver */
	}
	keep = p->l3_len;
	size = (p->l4 - ETH_HLEN) + 32;
	if (keep > size)
		keep = size;
	if (keep > ICMP_KEEP)
		keep = ICMP_KEEP;
	if (keep < 28)
		return TC_ACT_SHOT;
	if (shorten(skb, ETH_HLEN + keep))
		return TC_ACT_SHOT;
	__builtin_memset(p->buf, 0, ICMP_KEEP);
	if (bpf_skb_load_bytes(skb, ETH_HLEN, p->buf, keep & 127))
		return TC_ACT_SHOT;
	if (p->flags & PKT_V6) {
		if (type == ICMP_EXCEEDED) {
			type = 3;
		} else if (code == CODE_FRAG) {
			type = 2;
			code = 0;
		} else {
			type = 1;
			code = code == CODE_HOST ? 3 : code == CODE_PORT ? 4 : 0;
		}
		err = complain6(skb, p, type, code, info, keep);
		p->proto = PROTO_ICMPV6;
	} else {
		err = complain4(skb, p, type, code, info, keep);
		p->proto = PROTO_ICMP;
	}
	if (err)
		return TC_ACT_SHOT;
	p->icmp_type = type;
	p->icmp_code = code;
	p->ttl = 64;
	p->flags &= PKT_V6;
	return speak(skb, p);
}

#endif
