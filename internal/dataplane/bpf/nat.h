/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Translation at a router's gateway: floating addresses one to one, without
 * state, and the shared address with ports. IPv4 only. RFC 3022, RFC 5508. */
#ifndef WISP_NAT_H
#define WISP_NAT_H

#include "conntrack.h"
#include "icmp.h"

INLINE int l4_check_offset(__u8 proto)
{
	if (proto == PROTO_TCP)
		return 16;
	if (proto == PROTO_UDP || proto == 136)
		return 6;
	return 0;
}

/* nat_addr replaces the source or destination address in the packet. */
GLOBAL int nat_addr(struct __sk_buff *skb, struct pkt *p, int is_src, __u32 fresh)
{
	__u32 old;
	int off;

	if (!p)
		return -1;
	old = is_src ? p->src.w[3] : p->dst.w[3];
	off = l4_check_offset(p->proto);
	if (off && !(p->flags & PKT_FRAG_LATER)) {
		__u64 flags = BPF_F_PSEUDO_HDR | 4;

		if (p->proto == PROTO_UDP)
			flags |= BPF_F_MARK_MANGLED_0;
		bpf_l4_csum_replace(skb, p->l4 + off, old, fresh, flags);
	}
	bpf_l3_csum_replace(skb, IP4_CHECK, old, fresh, 4);
	bpf_skb_store_bytes(skb, is_src ? IP4_SRC : IP4_DST, &fresh, 4, 0);
	if (is_src)
		p->src.w[3] = fresh;
	else
		p->dst.w[3] = fresh;
	return 0;
}

/* nat_port replaces the source or destination port, or the identifier. */
GLOBAL int nat_port(struct __sk_buff *skb, struct pkt *p, int is_src, __u16 fresh)
{
	__u16 old;
	__u32 at;
	int off;

	if (!p)
		return -1;
	if (p->proto == PROTO_ICMP) {
		old = p->sport;
		at = p->l4 + 4;
		off = 2;
		p->sport = fresh;
	} else {
		old = is_src ? p->sport : p->dport;
		at = p->l4 + (is_src ? 0 : 2);
		off = l4_check_offset(p->proto);
		if (is_src)
			p->sport = fresh;
		else
			p->dport = fresh;
	}
	if (old == fresh || (p->flags & PKT_FRAG_LATER))
		return 0;
	if (off)
		bpf_l4_csum_replace(skb, p->l4 + off, old, fresh, 2 | (p->proto == PROTO_UDP ? BPF_F_MARK_MANGLED_0 : 0));
	bpf_skb_store_bytes(skb, at, &fresh, 2, 0);
	return 0;
}

/* nat_quoted replaces an address, and a port unless it is 0, in the packet
 * that an ICMP error quotes. The address cancels out in the ICMP checksum,
 * since the quoted header's own checksum moves against it; the port does not. */
GLOBAL int nat_quoted(struct __sk_buff *skb, struct pkt *p, int is_src, __u32 fresh, __u16 port)
{
	__u32 l3, at;
	struct ip4 ip;

	if (!p)
		return -1;
	l3 = p->l4 + 8;
	if (bpf_skb_load_bytes(skb, l3, &ip, sizeof(ip)))
		return -1;
	bpf_l3_csum_replace(skb, l3 + offsetof(struct ip4, check), is_src ? ip.src : ip.dst, fresh, 4);
	bpf_skb_store_bytes(skb, l3 + (is_src ? offsetof(struct ip4, src) : offsetof(struct ip4, dst)), &fresh, 4, 0);
	if (!port)
		return 0;
	at = l3 + (ip.vihl & 15) * 4;
	if (ip.proto == PROTO_ICMP)
		at += 4;
	else if (!is_src)
		at += 2;
	{
		__u16 old;

		if (bpf_skb_load_bytes(skb, at, &old, 2))
			return -1;
		bpf_l4_csum_replace(skb, p->l4 + 2, old, port, 2);
		bpf_skb_store_bytes(skb, at, &port, 2, 0);
	}
	return 0;
}

INLINE int nat_translatable(const struct pkt *p)
{
	return p->proto == PROTO_TCP || p->proto == PROTO_UDP || (p->proto == PROTO_ICMP && icmp_request(p));
}

/* nat_expired: an entry which nothing used for as long as a connection of
 * its kind may be silent. */
INLINE int nat_expired(const struct nat *n, __u8 proto, __u64 now) { return now - n->seen >= ct_timeout(proto, n->state); }

/* nat_in_reply finds what a packet to the shared address belongs to. */
INLINE struct nat *nat_in_find(struct __sk_buff *skb, const struct pkt *p)
{
	struct nat_key key = {.router = p->router, .src = p->src.w[3], .dst = p->dst.w[3], .reply = 1};
	struct ct_key quoted;
	struct nat *n;

	if (icmp_error(p)) {
		if (ct_key_quoted(skb, p, DIR_INGRESS, &quoted))
			return 0;
		key.src = quoted.remote.w[3];
		key.dst = quoted.local.w[3];
		key.sport = quoted.rport;
		key.dport = quoted.lport;
		key.proto = quoted.proto;
		if (key.proto == PROTO_ICMP)
			key.sport = 0;
		if (key.dst != p->dst.w[3])
			return 0;
	} else {
		if (p->proto != PROTO_TCP && p->proto != PROTO_UDP && !(p->proto == PROTO_ICMP && icmp_reply(p)))
			return 0;
		key.proto = p->proto;
		key.sport = p->sport;
		key.dport = p->dport;
		if (p->proto == PROTO_ICMP) {
			key.sport = 0;
			key.dport = p->sport;
		}
	}
	n = bpf_map_lookup_elem(&nats, &key);
	if (!n || nat_expired(n, key.proto, bpf_ktime_get_ns()))
		return 0;
	return n;
}

/* plan_in decides what a packet from the outside is translated to: p->nat_in,
 * p->ndst and p->nport. The packet is not changed yet. */
GLOBAL int plan_in(struct __sk_buff *skb, struct pkt *p, __u32 gw4)
{
	struct raddr_key key = {};
	struct raddr *ra;
	struct nat *n;

	if (!p)
		return -1;
	p->nat_in = NAT_NONE;
	if (p->flags & PKT_V6)
		return 0;
	key.router = p->router;
	key.addr = p->dst;
	ra = bpf_map_lookup_elem(&raddrs, &key);
	if (ra && ra->kind == RADDR_FIP) {
		p->nat_in = NAT_FLOATING;
		p->ndst = ra->other;
		p->limit = ra->limit;
		return 0;
	}
	if (!gw4 || p->dst.w[3] != gw4)
		return 0;
	n = nat_in_find(skb, p);
	if (n) {
		p->nat_in = NAT_SHARED;
		addr_v4(&p->ndst, n->addr);
		p->nport = n->port;
		n->seen = bpf_ktime_get_ns();
		if (p->proto == PROTO_TCP)
			n->state = tcp_next(n->state, p->tcp_flags, 1);
		else if (!icmp_error(p))
			n->state = CT_REPLIED;
	}
	return 0;
}

/* apply_in changes the packet as plan_in decided. */
INLINE void apply_in(struct __sk_buff *skb, struct pkt *p)
{
	int quoted;

	if (p->nat_in == NAT_NONE)
		return;
	quoted = icmp_error(p) && !(p->flags & PKT_FRAG_LATER);
	if (quoted)
		nat_quoted(skb, p, 1, p->ndst.w[3], p->nat_in == NAT_SHARED ? p->nport : 0);
	nat_addr(skb, p, 0, p->ndst.w[3]);
	if (p->nat_in == NAT_SHARED && !quoted)
		nat_port(skb, p, 0, p->nport);
}

struct nat_search {
	struct nat_key reply;
	struct nat value;
	__u32 random;
	__u16 want; /* host order */
	__u16 found;
	__u64 now;
};

/* NAT_TRIES ports are tried for a new connection. Ports are free per outside
 * address and port, so they run out only towards one and the same. */
#define NAT_TRIES 64

static long nat_try(__u32 i, void *ctx)
{
	struct nat_search *s = ctx;
	__u32 port = i || s->want < 1024 ? 1024 + (s->random + i * 7919) % 64512 : s->want;
	struct nat_key key = s->reply;
	struct nat value = s->value;
	struct nat *old;

	key.dport = bpf_htons(port);
	old = bpf_map_lookup_elem(&nats, &key);
	if (old) {
		if ((old->addr != value.addr || old->port != value.port) && !nat_expired(old, key.proto, s->now))
			return 0;
		value.state = old->addr == value.addr && old->port == value.port ? old->state : CT_NEW;
	}
	if (bpf_map_update_elem(&nats, &key, &value, old ? BPF_ANY : BPF_NOEXIST))
		return 0;
	s->found = bpf_htons(port);
	return 1;
}

/* nat_out_port finds or makes the translation of an outgoing connection:
 * p->nsport. Returns 0 or the reason to drop. */
GLOBAL int nat_out_port(struct pkt *p, __u32 gw4)
{
	struct nat_search s = {};
	struct nat_key fk = {};
	struct nat *f, *r;

	if (!p)
		return REASON_MALFORMED;
	if (!nat_translatable(p))
		return REASON_NOT_TRANSLATED;
	s.now = bpf_ktime_get_ns();
	fk.router = p->router;
	fk.src = p->src.w[3];
	fk.dst = p->dst.w[3];
	fk.sport = p->sport;
	fk.dport = p->dport;
	fk.proto = p->proto;
	s.reply.router = p->router;
	s.reply.src = p->dst.w[3];
	s.reply.dst = gw4;
	s.reply.sport = p->dport;
	s.reply.proto = p->proto;
	s.reply.reply = 1;
	s.value.seen = s.now;
	s.value.addr = p->src.w[3];
	s.value.port = p->sport;
	s.want = bpf_ntohs(p->sport);
	f = bpf_map_lookup_elem(&nats, &fk);
	if (f) {
		s.reply.dport = f->port;
		r = bpf_map_lookup_elem(&nats, &s.reply);
		if (r && r->addr == s.value.addr && r->port == s.value.port) {
			r->seen = s.now;
			if (p->proto == PROTO_TCP)
				r->state = r->state >= CT_CLOSING && (p->tcp_flags & 2)
						   ? CT_NEW
						   : tcp_next(r->state, p->tcp_flags, 0);
			p->nsport = f->port;
			return 0;
		}
		s.want = bpf_ntohs(f->port);
	}
	s.random = bpf_get_prandom_u32() & 0xffff;
	bpf_loop(NAT_TRIES, nat_try, &s, 0);
	if (!s.found)
		return REASON_NAT_FULL;
	p->nsport = s.found;
	s.value.port = s.found;
	bpf_map_update_elem(&nats, &fk, &s.value, BPF_ANY);
	return 0;
}

/* nat_out_quoted finds the translation of the connection that an outgoing
 * ICMP error is about. */
GLOBAL int nat_out_quoted(struct __sk_buff *skb, struct pkt *p)
{
	struct nat_key fk = {};
	struct ct_key quoted;
	struct nat *f;

	if (!p || ct_key_quoted(skb, p, DIR_EGRESS, &quoted))
		return REASON_MALFORMED;
	fk.router = p->router;
	fk.src = quoted.local.w[3];
	fk.dst = quoted.remote.w[3];
	fk.sport = quoted.lport;
	fk.dport = quoted.rport;
	fk.proto = quoted.proto;
	if (fk.proto == PROTO_ICMP)
		fk.dport = 0;
	f = bpf_map_lookup_elem(&nats, &fk);
	if (!f)
		return REASON_NOT_TRANSLATED;
	p->nsport = f->port;
	return 0;
}

/* plan_out decides what a packet to the outside is translated to: p->nat_out,
 * p->nsrc and p->nsport, and whether another host does it: p->nat_away and
 * p->nat_remote. here: this host carries the gateway; plain: the outside is in the
 * sender's address scope, so that only a floating address is translated. Returns
 * 0 or the reason to drop. */
INLINE int plan_out(struct __sk_buff *skb, struct pkt *p, const struct router *r, int here, int plain)
{
	struct raddr_key key = {.router = p->router, .outbound = 1, .addr = p->src};
	struct raddr *ra;

	p->nat_out = NAT_NONE;
	p->nat_away = 0;
	p->nat_remote = 0;
	if (p->flags & PKT_V6)
		return 0;
	ra = bpf_map_lookup_elem(&raddrs, &key);
	if (ra) {
		p->nat_out = NAT_FLOATING;
		p->nat_away = ra->kind == RADDR_AWAY;
		p->nat_remote = ra->remote;
		p->nsrc = ra->other.w[3];
		p->limit = ra->limit;
		return 0;
	}
	if (plain || !(r->flags & ROUTER_SNAT))
		return 0;
	if (!r->gw4)
		return REASON_NOT_TRANSLATED;
	p->nat_out = NAT_SHARED;
	p->nat_away = !here;
	p->nsrc = r->gw4;
	return 0;
}

/* apply_out changes the packet as plan_out decided. */
INLINE int apply_out(struct __sk_buff *skb, struct pkt *p)
{
	int quoted, err;

	if (p->nat_out == NAT_NONE)
		return 0;
	quoted = icmp_error(p) && !(p->flags & PKT_FRAG_LATER);
	p->nsport = 0;
	if (p->nat_out == NAT_SHARED) {
		err = quoted ? nat_out_quoted(skb, p) : nat_out_port(p, p->nsrc);
		if (err)
			return err;
	}
	if (quoted)
		nat_quoted(skb, p, 0, p->nsrc, p->nsport);
	nat_addr(skb, p, 1, p->nsrc);
	if (p->nat_out == NAT_SHARED && !quoted)
		nat_port(skb, p, 1, p->nsport);
	return 0;
}

#endif
