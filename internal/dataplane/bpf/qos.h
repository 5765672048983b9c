/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Rates of ports, of floating addresses and of what shares a router's address,
 * and marks of ports. */
#ifndef WISP_QOS_H
#define WISP_QOS_H

#include "maps.h"
#include "parse.h"

/* charge is what a packet takes of one rate. */
struct charge {
	__u64 cost;
	__u64 burst;
	__u32 per; /* 0: there is no such rate, and nothing is too much */
};

/* charge_of looks up what amount costs. What is more than a whole bucket, as
 * one big segment may be, needs a full one: it passes, and the rate holds. */
INLINE struct charge charge_of(const struct rate_key *key, __u64 amount)
{
	struct charge c = {.burst = ~0ULL};
	struct rate *r = bpf_map_lookup_elem(&rates, key);

	if (!r || !r->per)
		return c;
	c.per = r->per;
	c.cost = amount * r->unit / c.per;
	c.burst = r->burst > c.cost ? r->burst : c.cost;
	return c;
}

/* full_after is when a level is full again after a packet. Another rate begins
 * with a full one. */
INLINE __u64 full_after(const struct level *l, const struct charge *c, __u64 now)
{
	return (l->per == c->per && l->full > now ? l->full : now) + c->cost;
}

/* segments is how many packets a big one will be. Of what comes from a guest's
 * tap, only how big each is is known. */
INLINE __u32 segments(const struct __sk_buff *skb)
{
	__u32 size = skb->gso_size;

	if (skb->gso_segs)
		return skb->gso_segs;
	return size ? (skb->len + size - 1) / size : 1;
}

/* Bytes of the headers that each further segment has, at least. */
#define SEGMENT_HEADERS 54

/* over_limit tells whether a packet is more than its rates allow. One that is
 * takes nothing of either: what is dropped by one rate costs nothing of the
 * other. */
GLOBAL int over_limit(struct __sk_buff *skb, __u32 id, __u32 which)
{
	struct rate_key key = {.id = id, .which = which};
	struct bucket fresh = {}, *b;
	__u64 now = bpf_ktime_get_ns();
	__u32 n = segments(skb);
	struct charge bytes, packets;
	__u64 after, behind;
	int over;

	bytes = charge_of(&key, skb->len + (n - 1) * SEGMENT_HEADERS);
	key.which = which | RATE_PACKETS;
	packets = charge_of(&key, n);
	if (!bytes.per && !packets.per)
		return 0;
	key.which = which;
	b = bpf_map_lookup_elem(&buckets, &key);
	if (!b) {
		bpf_map_update_elem(&buckets, &key, &fresh, BPF_NOEXIST);
		b = bpf_map_lookup_elem(&buckets, &key);
		if (!b)
			return 0;
	}
	bpf_spin_lock(&b->lock);
	after = full_after(&b->bytes, &bytes, now);
	behind = full_after(&b->packets, &packets, now);
	over = after - now > bytes.burst || behind - now > packets.burst;
	if (!over) {
		b->bytes.full = after;
		b->bytes.per = bytes.per;
		b->packets.full = behind;
		b->packets.per = packets.per;
	}
	bpf_spin_unlock(&b->lock);
	return over;
}

/* mark_dscp writes the differentiated services codepoint (RFC 2474) and leaves
 * what tells of congestion (RFC 3168). */
GLOBAL int mark_dscp(struct __sk_buff *skb, struct pkt *p, __u32 dscp)
{
	__u8 old[2], fresh[2], class;

	if (!p || (p->ethertype != ETHERTYPE_IPV4 && p->ethertype != ETHERTYPE_IPV6) ||
	    bpf_skb_load_bytes(skb, ETH_HLEN, old, 2))
		return 0;
	if (p->ethertype == ETHERTYPE_IPV4) {
		fresh[0] = old[0];
		fresh[1] = dscp << 2 | (old[1] & 3);
		bpf_l3_csum_replace(skb, IP4_CHECK, bpf_htons(old[0] << 8 | old[1]), bpf_htons(fresh[0] << 8 | fresh[1]), 2);
	} else {
		class = dscp << 2 | (old[1] >> 4 & 3);
		fresh[0] = (old[0] & 0xf0) | class >> 4;
		fresh[1] = (class & 15) << 4 | (old[1] & 15);
	}
	bpf_skb_store_bytes(skb, ETH_HLEN, fresh, 2, 0);
	return 0;
}

#endif
