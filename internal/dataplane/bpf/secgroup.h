/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Security group rules and the check of source addresses. */
#ifndef WISP_SECGROUP_H
#define WISP_SECGROUP_H

#include "parse.h"

struct rule_search {
	const struct pkt *pkt;
	struct rule_key key;
	__u32 found;
};

INLINE int rule_matches(const struct rule *r, const struct pkt *p, __u32 direction)
{
	/* Egress rules speak of the destination, ingress rules of the source. */
	const struct addr *remote = direction == DIR_EGRESS ? &p->dst : &p->src;

	if (!(r->flags & RULE_V6) != !(p->flags & PKT_V6))
		return 0;
	if (r->proto && r->proto != p->proto)
		return 0;
	if (r->flags & RULE_PORTS) {
		__u16 port = bpf_ntohs(p->dport);

		if (!has_ports(p->proto) || port < r->min || port > r->max)
			return 0;
	}
	if ((r->flags & RULE_TYPE) && p->icmp_type != r->min)
		return 0;
	if ((r->flags & RULE_CODE) && p->icmp_code != r->max)
		return 0;
	if (r->flags & RULE_PREFIX) {
		if ((remote->w[0] & r->mask.w[0]) != r->addr.w[0] || (remote->w[1] & r->mask.w[1]) != r->addr.w[1] ||
		    (remote->w[2] & r->mask.w[2]) != r->addr.w[2] || (remote->w[3] & r->mask.w[3]) != r->addr.w[3])
			return 0;
	}
	if (r->flags & RULE_GROUP) {
		struct member_key mk = {.prefixlen = 160, .group = r->group, .addr = *remote};

		if (!bpf_map_lookup_elem(&members, &mk))
			return 0;
	}
	return 1;
}

static long rule_step(__u32 i, void *ctx)
{
	struct rule_search *s = ctx;
	struct rule_key key = s->key;
	struct rule *r;

	key.index = i;
	r = bpf_map_lookup_elem(&rules, &key);
	if (!r || !rule_matches(r, s->pkt, key.direction))
		return 0;
	s->found = 1;
	return 1;
}

/* allowed tells whether a rule of the set allows the packet. */
INLINE int allowed(const struct pkt *p, __u32 set, const struct ruleset *rs, __u32 direction)
{
	struct rule_search s = {
		.pkt = p,
		.key = {.ruleset = set, .version = rs->version, .direction = direction},
	};

	bpf_loop(rs->count[direction & 1], rule_step, &s, 0);
	return s.found;
}

/* source_ok: may the port send from this MAC and address? */
INLINE int source_ok(__u32 port, const __u8 *mac, const struct addr *a)
{
	struct source_key exact = {.port = port, .addr = *a};
	struct pair_key pair = {.prefixlen = 32 + 64 + 128, .port = port, .addr = *a};

	mac_copy(exact.mac, mac);
	if (bpf_map_lookup_elem(&sources, &exact))
		return 1;
	mac_copy(pair.mac, mac);
	return bpf_map_lookup_elem(&pairs, &pair) != 0;
}

INLINE int mac_ok(__u32 port, const __u8 *mac)
{
	struct source_key key = {.port = port};

	mac_copy(key.mac, mac);
	return bpf_map_lookup_elem(&sources, &key) != 0;
}

/* neighbour_ok checks a neighbour solicitation or advertisement: what it says
 * about link-layer addresses must be about the port itself. RFC 4861 4.3, 4.4. */
INLINE int neighbour_ok(struct __sk_buff *skb, const struct pkt *p)
{
	__u8 want = p->icmp_type == 135 ? 1 : 2;
	struct {
		__u8 type;
		__u8 len;
		__u8 mac[6];
	} option;

	if (p->icmp_type == 136) {
		struct addr target;

		if (bpf_skb_load_bytes(skb, p->l4 + 8, &target, sizeof(target)) ||
		    !source_ok(p->port, p->smac, &target))
			return 0;
	}
	if (p->l4 + 24 >= ETH_HLEN + p->l3_len)
		return 1; /* no option */
	if (bpf_skb_load_bytes(skb, p->l4 + 24, &option, 8))
		return 0;
	if (option.type == 14) /* nonce of duplicate detection, RFC 7527 */
		return p->icmp_type == 135;
	return option.type == want && option.len == 1 && mac_eq(option.mac, p->smac) &&
	       p->l4 + 32 == ETH_HLEN + p->l3_len;
}

/* antispoof judges what a guest sends, except ARP; own tells that it is from
 * the port's own MAC, which needs no look. Returns 0 or the reason to drop. */
GLOBAL int antispoof(struct __sk_buff *skb, struct pkt *p, int own)
{
	if (!p)
		return REASON_MALFORMED;
	if (!own && !mac_ok(p->port, p->smac))
		return REASON_SPOOFED_MAC;
	if (p->ethertype != ETHERTYPE_IPV4 && p->ethertype != ETHERTYPE_IPV6)
		return REASON_ETHERTYPE;
	if (p->ethertype == ETHERTYPE_IPV4 && p->proto == PROTO_UDP) {
		if (p->sport == bpf_htons(67))
			return REASON_DHCP_SERVER;
		if (!p->src.w[3] && p->sport == bpf_htons(68) && p->dport == bpf_htons(67))
			return 0;
	}
	if (p->ethertype == ETHERTYPE_IPV6) {
		if (p->proto == PROTO_UDP && p->sport == bpf_htons(547) && p->dport == bpf_htons(546))
			return REASON_DHCP_SERVER;
		if (p->proto == PROTO_ICMPV6 && p->icmp_type == 134)
			return REASON_ROUTER_ADVERT;
		if (p->proto == PROTO_ICMPV6 && p->icmp_type == 137)
			return REASON_ROUTER_ADVERT; /* redirects are a router's too */
		if (p->proto == PROTO_ICMPV6 && (p->icmp_type == 135 || p->icmp_type == 136) && !neighbour_ok(skb, p))
			return REASON_SPOOFED_ND;
		/* Without an address yet: duplicate detection, router search, MLD. */
		if (addr_zero(&p->src)) {
			if (p->proto == PROTO_ICMPV6 &&
			    (p->icmp_type == 135 || p->icmp_type == 133 || p->icmp_type == 143))
				return 0;
			return REASON_SPOOFED_IP;
		}
	}
	if (!source_ok(p->port, p->smac, &p->src))
		return REASON_SPOOFED_IP;
	return 0;
}

#endif
