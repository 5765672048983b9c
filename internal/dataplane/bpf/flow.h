/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* The short way of packets between ports, of this host and of others. The long
 * way asks for the sender's addresses, its rules, where the frame goes, and the
 * receiver's rules; what it answered holds for the flow's next packets, as long as the host's state is of
 * the same epoch, and for FLOW_NS: then one packet goes the long way again, and
 * the connections' entries learn that they live. Segments that begin or end a
 * connection always take the long way. */
#ifndef WISP_FLOW_H
#define WISP_FLOW_H

#include "conntrack.h"
#include "forward.h"

#define FLOW_NS (SECOND / 8)

/* flow_of is the place of a packet's flow on this processor; another flow may
 * have it. */
INLINE struct flow *flow_of(const struct pkt *p)
{
	__u64 h = (__u64)(p->src.w[3] ^ p->in_ifindex) << 32 | (p->dst.w[3] ^ p->net << 8 ^ p->proto);
	__u32 at;

	h ^= ((__u64)p->sport << 16 | p->dport) * 0x9e3779b1;
	at = h * 0x9e3779b97f4a7c15 >> (64 - FLOW_BITS);
	return bpf_map_lookup_elem(&flows, &at);
}

/* flow_is compares field by field: reading wider than was written just before
 * would wait for it. */
INLINE int flow_is(const struct flow *f, const struct pkt *p)
{
	const word *a = (const word *)f->dmac, *b = (const word *)p->dmac;

	return !((f->src.w[0] ^ p->src.w[0]) | (f->src.w[1] ^ p->src.w[1]) | (f->src.w[2] ^ p->src.w[2]) |
		 (f->src.w[3] ^ p->src.w[3]) | (f->dst.w[0] ^ p->dst.w[0]) | (f->dst.w[1] ^ p->dst.w[1]) |
		 (f->dst.w[2] ^ p->dst.w[2]) | (f->dst.w[3] ^ p->dst.w[3]) | (a[0] ^ b[0]) | (a[1] ^ b[1]) |
		 (a[2] ^ b[2]) | (f->sport ^ p->sport) | (f->dport ^ p->dport) | (f->proto ^ p->proto) |
		 (f->in_ifindex ^ p->in_ifindex) | (f->net ^ p->net));
}

/* flow_fits tells whether a packet can be one more of a flow. */
INLINE int flow_fits(const struct pkt *p)
{
	return p->epoch && has_ports(p->proto) && !(p->proto == PROTO_TCP && p->tcp_flags & TCP_TURNS);
}

/* flow_keep remembers what the long way did with a frame; secure tells that the
 * sender has rules, which are another host's affair when it comes from there. */
GLOBAL int flow_keep(struct pkt *p, __u32 secure, __u32 mtu)
{
	struct port *port = 0;
	struct ruleset *rs;
	struct ct_key ck;
	struct flow *f;
	struct ct *c;
	__u32 to, set;
	__u64 now;

	if (!p || !flow_fits(p))
		return 0;
	now = bpf_ktime_get_coarse_ns();
	if (secure) {
		ct_key_of(&ck, p, DIR_EGRESS);
		c = bpf_map_lookup_elem(&cts, &ck);
		if (!c || !ct_steady(p, c, DIR_EGRESS, now))
			return 0;
	}
	if (p->to_port) {
		to = p->to_port;
		port = bpf_map_lookup_elem(&ports, &to);
		if (!port || !(port->flags & PORT_ENABLED) || port->flags & PORT_LIMIT_IN)
			return 0; /* the receiver's program counts what comes */
	}
	if (port && port->flags & PORT_SECURITY) {
		ct_key_of(&ck, p, DIR_INGRESS);
		ck.port = to;
		set = port->ruleset;
		rs = bpf_map_lookup_elem(&rulesets, &set);
		c = bpf_map_lookup_elem(&cts, &ck);
		if (!rs || !c || c->generation != rs->generation || !ct_steady(p, c, DIR_INGRESS, now))
			return 0;
	}
	f = flow_of(p);
	if (!f)
		return 0;
	f->src = p->src;
	f->dst = p->dst;
	macs_copy(f->dmac, p->dmac);
	f->sport = p->sport;
	f->dport = p->dport;
	f->in_ifindex = p->in_ifindex;
	f->proto = p->proto;
	f->until = now + FLOW_NS;
	f->epoch = p->epoch;
	f->mtu = mtu;
	f->to_ifindex = port ? port->ifindex : 0;
	f->remote = p->to_remote;
	f->net = p->net;
	return 0;
}

/* flow_on sends a packet of a flow on that is remembered. Returns -1 when it
 * must go the long way. */
GLOBAL int flow_on(struct __sk_buff *skb, struct pkt *p)
{
	struct flow *f;

	if (!p || !flow_fits(p))
		return -1;
	f = flow_of(p);
	if (!f || f->epoch != p->epoch || !flow_is(f, p) || bpf_ktime_get_coarse_ns() >= f->until ||
	    oversize(skb, p, f->mtu))
		return -1;
	if (!f->to_ifindex)
		return send_remote(skb, p, f->net, f->remote);
	set_mark(skb, MARK_JUDGED);
	return bpf_redirect(f->to_ifindex, 0);
}

#endif
