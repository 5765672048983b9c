/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Labels that count what passes between the inside of a router and its
 * external network, by the addresses that packets have inside. */
#ifndef WISP_METER_H
#define WISP_METER_H

#include "maps.h"
#include "qos.h"

struct meter_walk {
	struct addr src;
	struct addr dst;
	__u32 router;
	__u32 flags;   /* those that a rule must have */
	__u32 settled; /* the label that has counted the packet, or shall not */
	__u32 packets;
	__u32 bytes;
};

INLINE int within(const struct addr *a, const struct addr *prefix, const struct addr *mask)
{
	return !(((a->w[0] & mask->w[0]) ^ prefix->w[0]) | ((a->w[1] & mask->w[1]) ^ prefix->w[1]) |
		 ((a->w[2] & mask->w[2]) ^ prefix->w[2]) | ((a->w[3] & mask->w[3]) ^ prefix->w[3]));
}

static long meter_step(__u32 i, void *ctx)
{
	struct meter_walk *w = ctx;
	struct meter_key key = {.router = w->router, .index = i};
	struct meter_rule *m = bpf_map_lookup_elem(&meters, &key);
	struct metered_key at = {};
	struct count *c;

	if (!m || m->label == w->settled || (m->flags & ~METER_EXCLUDED) != w->flags ||
	    !within(&w->src, &m->src, &m->smask) || !within(&w->dst, &m->dst, &m->dmask))
		return 0;
	w->settled = m->label;
	if (m->flags & METER_EXCLUDED)
		return 0;
	at.label = m->label;
	at.direction = w->flags & METER_EGRESS ? DIR_EGRESS : DIR_INGRESS;
	c = bpf_map_lookup_elem(&metered, &at);
	if (c) {
		c->packets += w->packets;
		c->bytes += w->bytes;
	} else {
		struct count first = {.packets = w->packets, .bytes = w->bytes};

		bpf_map_update_elem(&metered, &at, &first, BPF_ANY);
	}
	return 0;
}

/* meter counts a packet that a router is about to pass: of those that are one
 * big one now, what they will be. */
GLOBAL int meter(struct __sk_buff *skb, struct pkt *p, __u32 rules, __u32 flags)
{
	struct meter_walk w = {};

	if (!p)
		return 0;
	w.src = p->src;
	w.dst = p->ndst;
	w.router = p->router;
	w.flags = flags | (p->flags & PKT_V6 ? METER_V6 : 0);
	w.packets = segments(skb);
	w.bytes = skb->len > ETH_HLEN ? skb->len - ETH_HLEN + (w.packets - 1) * (SEGMENT_HEADERS - ETH_HLEN) : 0;
	bpf_loop(rules, meter_step, &w, 0);
	return 0;
}

#endif
