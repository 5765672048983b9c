/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Neighbour discovery (RFC 4861): answers from what the cloud knows. */
#ifndef WISP_ND_H
#define WISP_ND_H

#include "icmp.h"

#define ND_SOLICIT 135
#define ND_ADVERT 136
#define ND_SOLICITED 0x40
#define ND_OVERRIDE 0x20
#define ND_ROUTER 0x80

struct nd_advert {
	__u8 type;
	__u8 code;
	__u16 check;
	__u32 flags;
	struct addr target;
	__u8 opt_type;
	__u8 opt_len;
	__u8 mac[6];
};

/* answer_nd answers a solicitation whose target the cloud knows. -1 means
 * that the packet is to be switched as any other: so is duplicate detection,
 * which has no address to answer to. */
GLOBAL int answer_nd(struct __sk_buff *skb, struct pkt *p)
{
	struct nd_advert a = {};
	struct neigh_key key = {};
	struct dest *d;
	__u32 pseudo[2];
	__u64 sum;

	if (!p || p->icmp_type != ND_SOLICIT || p->l4 != ETH_HLEN + sizeof(struct ip6) || addr_zero(&p->src) ||
	    p->l3_len != sizeof(struct ip6) + sizeof(a) || p->origin == FROM_TUNNEL)
		return -1;
	if (bpf_skb_load_bytes(skb, p->l4 + 8, &key.addr, sizeof(key.addr)))
		return -1;
	key.net = p->net;
	d = bpf_map_lookup_elem(&neigh, &key);
	if (!d || d->kind == DEST_VIP || (d->kind == DEST_LOCAL && d->id == p->port))
		return -1;
	if (d->kind == DEST_REMOTE && (p->origin == FROM_WIRE || p->origin == FROM_HOST || (d->remote && !joined(p->net))))
		return -1;
	if (d->kind == DEST_ROUTER && p->origin == FROM_WIRE && !still_speaks(p, d))
		return -1;
	if ((d->kind == DEST_LOCAL || d->kind == DEST_REMOTE) && !(d->flags & DEST_NODE) && (p->left || stray(d, &key)))
		return -1;
	a.type = ND_ADVERT;
	a.flags = bpf_htonl((ND_SOLICITED | ND_OVERRIDE | (d->kind == DEST_ROUTER ? ND_ROUTER : 0)) << 24);
	a.target = key.addr;
	a.opt_type = 2;
	a.opt_len = 1;
	mac_copy(a.mac, d->mac);
	pseudo[0] = bpf_htonl(sizeof(a));
	pseudo[1] = bpf_htonl(PROTO_ICMPV6);
	sum = bpf_csum_diff(0, 0, pseudo, 8, 0);
	sum = bpf_csum_diff(0, 0, (__be32 *)&p->src, 16, sum);
	sum = bpf_csum_diff(0, 0, (__be32 *)&key.addr, 16, sum);
	a.check = fold(bpf_csum_diff(0, 0, (__be32 *)&a, sizeof(a), sum));
	bpf_skb_store_bytes(skb, ETH_HLEN + offsetof(struct ip6, src), &key.addr, 16, 0);
	bpf_skb_store_bytes(skb, ETH_HLEN + offsetof(struct ip6, dst), &p->src, 16, 0);
	bpf_skb_store_bytes(skb, p->l4, &a, sizeof(a), 0);
	write_macs(skb, p->smac, d->mac);
	return bounce(skb, p);
}

#endif
