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

/* handle_arp answers, learns from or drops an ARP frame. -1 means that the
 * frame is to be switched as any other. */
GLOBAL int handle_arp(struct __sk_buff *skb, struct pkt *p, int secure)
{
	struct neigh_key key = {};
	struct fdb_key fk = {};
	struct arp arp;
	struct dest *d;
	__u32 spa, tpa;

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
		if (d->kind == DEST_REMOTE && (p->origin == FROM_WIRE || p->origin == FROM_HOST))
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
