/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Connection tracking for security groups, in a zone of each port. A
 * connection that was judged once passes by one look-up, until the port's
 * rules have another generation: then it is judged again. */
#ifndef WISP_CONNTRACK_H
#define WISP_CONNTRACK_H

#include "secgroup.h"

#define SECOND 1000000000ULL

/* TCP_TURNS are the flags of segments with which a connection's state changes:
 * RST, SYN, FIN. */
#define TCP_TURNS 7

/* Linux's own defaults (nf_conntrack-sysctl), but a day for TCP. */
INLINE __u64 ct_timeout(__u8 proto, __u8 state)
{
	if (state == CT_DENIED)
		return 60 * SECOND;
	if (proto == PROTO_TCP) {
		if (state == CT_REPLIED)
			return 86400 * SECOND;
		return state == CT_CLOSED ? 10 * SECOND : 120 * SECOND;
	}
	if (proto == PROTO_UDP)
		return state == CT_REPLIED ? 120 * SECOND : 30 * SECOND;
	if (proto == PROTO_ICMP || proto == PROTO_ICMPV6)
		return 30 * SECOND;
	return 600 * SECOND;
}

/* ct_expired: a connection that was silent for too long. Another clock may have
 * written when it was seen, a little ahead of this one. */
INLINE int ct_expired(const struct ct *c, __u8 proto, __u64 now)
{
	return (__s64)(now - c->seen) >= (__s64)ct_timeout(proto, c->state);
}

/* tcp_next is the state after a segment; reply tells that it came from the
 * side that did not begin. */
INLINE __u8 tcp_next(__u8 state, __u8 flags, int reply)
{
	if (flags & 4) /* RST */
		return CT_CLOSED;
	if (flags & 1) /* FIN */
		return CT_CLOSING;
	if (state == CT_NEW && reply)
		return CT_REPLIED;
	return state;
}

INLINE void ct_key_of(struct ct_key *k, const struct pkt *p, __u32 direction)
{
	__builtin_memset(k, 0, sizeof(*k));
	k->port = p->port;
	k->proto = p->proto;
	if (direction == DIR_EGRESS) {
		k->local = p->src;
		k->remote = p->dst;
		k->lport = p->sport;
		k->rport = p->dport;
	} else {
		k->local = p->dst;
		k->remote = p->src;
		k->lport = p->dport;
		k->rport = p->sport;
	}
	if (p->proto == PROTO_ICMP || p->proto == PROTO_ICMPV6) {
		/* The identifier, and which side asks: two pings with one
		 * identifier in opposite directions are two connections. */
		k->lport = p->sport;
		k->rport = (direction == DIR_EGRESS) == !!icmp_request(p);
	}
}

/* ct_key_quoted makes the key of the connection that an ICMP error quotes.
 * The quoted packet went the other way than the error. */
INLINE int ct_key_quoted(struct __sk_buff *skb, const struct pkt *p, __u32 direction, struct ct_key *k)
{
	struct addr src, dst;
	__u16 ports[2];
	__u8 head[8];
	__u32 l4 = p->l4 + 8;
	int v6 = p->flags & PKT_V6;

	__builtin_memset(k, 0, sizeof(*k));
	if (v6) {
		struct ip6 ip;

		if (bpf_skb_load_bytes(skb, l4, &ip, sizeof(ip)))
			return -1;
		src = ip.src;
		dst = ip.dst;
		k->proto = ip.next;
		l4 += sizeof(ip);
	} else {
		struct ip4 ip;

		if (bpf_skb_load_bytes(skb, l4, &ip, sizeof(ip)))
			return -1;
		addr_v4(&src, ip.src);
		addr_v4(&dst, ip.dst);
		k->proto = ip.proto;
		l4 += (ip.vihl & 15) * 4;
	}
	if (bpf_skb_load_bytes(skb, l4, head, 8))
		return -1;
	__builtin_memcpy(ports, head, 4);
	k->port = p->port;
	if (direction == DIR_INGRESS) {
		k->local = src;
		k->remote = dst;
		k->lport = ports[0];
		k->rport = ports[1];
	} else {
		k->local = dst;
		k->remote = src;
		k->lport = ports[1];
		k->rport = ports[0];
	}
	if (k->proto == PROTO_ICMP || k->proto == PROTO_ICMPV6) {
		int request = head[0] == 8 || head[0] == 128;

		__builtin_memcpy(&k->lport, head + 4, 2);
		k->rport = (direction == DIR_INGRESS) == request;
	} else if (!has_ports(k->proto)) {
		k->lport = 0;
		k->rport = 0;
	}
	return 0;
}

/* ct_always: what every instance may send and receive without a rule, as the
 * provider rules of Neutron: the neighbour and group messages of IPv6 that a
 * network does not work without, and asking for an address. */
INLINE int ct_always(const struct pkt *p, __u32 direction)
{
	if (p->proto == PROTO_ICMPV6) {
		__u8 t = p->icmp_type;

		if (t == 135 || t == 136 || (t >= 130 && t <= 132) || t == 143)
			return 1;
		return t == (direction == DIR_EGRESS ? 133 : 134);
	}
	if (p->proto == PROTO_UDP && direction == DIR_EGRESS) {
		if (p->flags & PKT_V6)
			return p->sport == bpf_htons(546) && p->dport == bpf_htons(547);
		return p->sport == bpf_htons(68) && p->dport == bpf_htons(67);
	}
	return 0;
}

INLINE int ct_new(const struct pkt *p, __u32 direction, const struct ruleset *rs, __u32 set, const struct ct_key *k,
		  __u64 now)
{
	struct ct fresh = {.seen = now, .generation = rs->generation, .direction = direction};

	if (icmp_reply(p))
		return REASON_INVALID_STATE;
	if (!allowed(p, set, rs, direction))
		return direction == DIR_EGRESS ? REASON_NO_RULE_OUT : REASON_NO_RULE_IN;
	/* A connection taken up in the middle, after this host forgot it or
	 * the instance moved here, is an established one. */
	if (p->proto == PROTO_TCP)
		fresh.state = tcp_next(p->tcp_flags & 2 ? CT_NEW : CT_REPLIED, p->tcp_flags, 0);
	bpf_map_update_elem(&cts, k, &fresh, BPF_ANY);
	return 0;
}

/* judge_again looks whether a running connection is still allowed, by the
 * rules of the direction in which it began. */
INLINE int judge_again(struct pkt *p, struct ct *c, __u32 direction, const struct ruleset *rs, __u32 set)
{
	int ok;

	if (c->direction == direction) {
		ok = allowed(p, set, rs, direction);
	} else {
		/* A reply: judge the packet that it answers. */
		struct addr a = p->src;
		__u16 port = p->sport;
		__u8 type = p->icmp_type;

		p->src = p->dst;
		p->dst = a;
		if (has_ports(p->proto)) {
			p->sport = p->dport;
			p->dport = port;
		} else if (p->proto == PROTO_ICMPV6) {
			p->icmp_type = 128;
		} else if (p->proto == PROTO_ICMP) {
			p->icmp_type = type ? type - 1 : 8;
		}
		ok = allowed(p, set, rs, c->direction);
		p->dst = p->src;
		p->src = a;
		if (has_ports(p->proto)) {
			p->dport = p->sport;
			p->sport = port;
		}
		p->icmp_type = type;
	}
	if (ok) {
		c->generation = rs->generation;
		if (c->state == CT_DENIED)
			c->state = CT_REPLIED;
	} else {
		c->generation = rs->generation;
		c->state = CT_DENIED;
	}
	return ok;
}

/* ct_steady tells whether a packet is one more of a running connection: it is
 * not judged again, nor does it change the connection's state. */
INLINE int ct_steady(const struct pkt *p, const struct ct *c, __u32 direction, __u64 now)
{
	if (c->state > CT_REPLIED || ct_expired(c, p->proto, now))
		return 0;
	if (p->proto == PROTO_TCP && p->tcp_flags & TCP_TURNS)
		return 0;
	return c->state == CT_REPLIED || c->direction == direction;
}

/* conntrack judges an IP packet of p->port. Returns 0 or the reason to drop. */
GLOBAL int conntrack(struct __sk_buff *skb, struct pkt *p, __u32 direction, __u32 set)
{
	struct ct_key k;
	struct ruleset *rs;
	struct ct *c;
	__u64 now;
	__u8 next;
	int err;

	if (!p)
		return REASON_MALFORMED;
	if (ct_always(p, direction))
		return 0;
	err = direction == DIR_EGRESS ? REASON_NO_RULE_OUT : REASON_NO_RULE_IN;
	rs = bpf_map_lookup_elem(&rulesets, &set);
	if (!rs)
		return err;
	if (rs->flags & RULESET_STATELESS)
		return allowed(p, set, rs, direction) ? 0 : err;
	now = bpf_ktime_get_coarse_ns(); /* the same clock, some milliseconds late */
	if (icmp_error(p) && !(p->flags & PKT_FRAG_LATER)) {
		if (ct_key_quoted(skb, p, direction, &k))
			return REASON_MALFORMED;
		c = bpf_map_lookup_elem(&cts, &k);
		if (c && c->state != CT_DENIED && !ct_expired(c, k.proto, now))
			return 0;
		/* Nothing that it belongs to: it needs a rule of its own. */
		return allowed(p, set, rs, direction) ? 0 : err;
	}
	if ((p->proto == PROTO_ICMP || p->proto == PROTO_ICMPV6) && !icmp_request(p) && !icmp_reply(p))
		return allowed(p, set, rs, direction) ? 0 : err;

	ct_key_of(&k, p, direction);
	c = bpf_map_lookup_elem(&cts, &k);
	if (!c || ct_expired(c, p->proto, now))
		return ct_new(p, direction, rs, set, &k, now);
	/* A new connection that uses the ports of an old one. */
	if (p->proto == PROTO_TCP && (p->tcp_flags & 0x12) == 2 && c->direction != direction &&
	    (c->state == CT_DENIED || c->state >= CT_CLOSING))
		return ct_new(p, direction, rs, set, &k, now);
	if (c->generation != rs->generation) {
		__u8 was = c->state;

		if (!judge_again(p, c, direction, rs, set)) {
			if (was != CT_DENIED)
				c->seen = now;
			return REASON_RULE_REMOVED;
		}
	}
	if (c->state == CT_DENIED)
		return REASON_RULE_REMOVED;
	next = c->state;
	if (p->proto == PROTO_TCP) {
		if (c->state >= CT_CLOSING && (p->tcp_flags & 0x12) == 2)
			return ct_new(p, direction, rs, set, &k, now);
		next = tcp_next(c->state, p->tcp_flags, c->direction != direction);
	} else if (c->direction != direction) {
		next = CT_REPLIED;
	}
	if (next != c->state)
		c->state = next;
	/* The processors of both sides look at the entry for each packet: it is
	 * written when something is new, so that they do not take it from each
	 * other. */
	if (now - c->seen >= SECOND / 8)
		c->seen = now;
	return 0;
}

#endif
