/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Parsing: Ethernet, ARP is left to arp.h, IPv4, IPv6 with extension headers,
 * the first bytes of TCP, UDP, SCTP and ICMP. */
#ifndef WISP_PARSE_H
#define WISP_PARSE_H

#include "maps.h"

struct ethhdr_ {
	__u8 dst[6];
	__u8 src[6];
	__u16 type;
};

struct ip4 {
	__u8 vihl;
	__u8 tos;
	__u16 len;
	__u16 id;
	__u16 frag;
	__u8 ttl;
	__u8 proto;
	__u16 check;
	__u32 src;
	__u32 dst;
};

struct ip6 {
	__u32 flow;
	__u16 len;
	__u8 next;
	__u8 hops;
	struct addr src;
	struct addr dst;
};

#define IP4_CHECK (ETH_HLEN + offsetof(struct ip4, check))
#define IP4_SRC (ETH_HLEN + offsetof(struct ip4, src))
#define IP4_DST (ETH_HLEN + offsetof(struct ip4, dst))
#define IP4_TTL (ETH_HLEN + offsetof(struct ip4, ttl))

#define V4_PREFIX bpf_htonl(0xffff)

INLINE void addr_v4(struct addr *a, __u32 v4)
{
	a->w[0] = 0;
	a->w[1] = 0;
	a->w[2] = V4_PREFIX;
	a->w[3] = v4;
}

INLINE int addr_is_v4(const struct addr *a) { return !a->w[0] && !a->w[1] && a->w[2] == V4_PREFIX; }

INLINE int addr_eq(const struct addr *a, const struct addr *b)
{
	return a->w[0] == b->w[0] && a->w[1] == b->w[1] && a->w[2] == b->w[2] && a->w[3] == b->w[3];
}

INLINE int addr_zero(const struct addr *a) { return !(a->w[0] | a->w[1] | a->w[2] | a->w[3]); }

INLINE int addr_multicast(const struct addr *a)
{
	if (addr_is_v4(a))
		return bpf_ntohl(a->w[3]) >= 0xe0000000 || !a->w[3];
	return (a->w[0] & bpf_htonl(0xff000000)) == bpf_htonl(0xff000000);
}

INLINE int addr_link_local6(const struct addr *a)
{
	return (a->w[0] & bpf_htonl(0xffc00000)) == bpf_htonl(0xfe800000);
}

/* fold makes the checksum of RFC 1071 of a sum. */
INLINE __u16 fold(__u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}

INLINE int mac_multicast(const __u8 *mac) { return mac[0] & 1; }

INLINE int mac_eq(const __u8 *a, const __u8 *b)
{
	return a[0] == b[0] && a[1] == b[1] && a[2] == b[2] && a[3] == b[3] && a[4] == b[4] && a[5] == b[5];
}

typedef __u32 word __attribute__((may_alias));

/* macs_copy copies both MACs of a frame, in three words. */
INLINE void macs_copy(__u8 *to, const __u8 *from)
{
	((word *)to)[0] = ((const word *)from)[0];
	((word *)to)[1] = ((const word *)from)[1];
	((word *)to)[2] = ((const word *)from)[2];
}

INLINE void mac_copy(__u8 *to, const __u8 *from) { __builtin_memcpy(to, from, 6); }

/* icmp_request and icmp_reply: the ICMP messages that come in pairs with an
 * identifier. RFC 792, RFC 950, RFC 4443. */
INLINE int icmp_request(const struct pkt *p)
{
	if (p->proto == PROTO_ICMP)
		return p->icmp_type == 8 || p->icmp_type == 13 || p->icmp_type == 15 || p->icmp_type == 17;
	return p->proto == PROTO_ICMPV6 && p->icmp_type == 128;
}

INLINE int icmp_reply(const struct pkt *p)
{
	if (p->proto == PROTO_ICMP)
		return p->icmp_type == 0 || p->icmp_type == 14 || p->icmp_type == 16 || p->icmp_type == 18;
	return p->proto == PROTO_ICMPV6 && p->icmp_type == 129;
}

/* icmp_error: messages that quote the packet that they are about. */
INLINE int icmp_error(const struct pkt *p)
{
	if (p->proto == PROTO_ICMP)
		return p->icmp_type == 3 || p->icmp_type == 11 || p->icmp_type == 12;
	return p->proto == PROTO_ICMPV6 && p->icmp_type >= 1 && p->icmp_type <= 4;
}

INLINE int has_ports(__u8 proto)
{
	return proto == PROTO_TCP || proto == PROTO_UDP || proto == PROTO_SCTP || proto == 136 || proto == 33;
}

/* FIRST is how far into a frame the headers are expected. */
#define FIRST 256

/* load reads *to_ from off: right from the frame where it lies in the frame's
 * first piece, which takes no call, and the words of it as words. */
#define load(skb_, off_, to_)                                                                                          \
	({                                                                                                             \
		void *data_ = (void *)(long)(skb_)->data;                                                              \
		void *end_ = (void *)(long)(skb_)->data_end;                                                           \
		__u64 at_ = (off_);                                                                                    \
		int err_ = 0;                                                                                          \
                                                                                                                       \
		if (at_ < FIRST && data_ + at_ + sizeof(*(to_)) <= end_)                                               \
			*(to_) = *(typeof(to_))(data_ + at_);                                                          \
		else                                                                                                   \
			err_ = bpf_skb_load_bytes((skb_), (off_), (to_), sizeof(*(to_)));                              \
		err_;                                                                                                  \
	})

/* parse_l4 reads ports, or type and identifier. Of a fragment that is not the
 * first, they are what the first one had. */
INLINE int parse_l4(struct __sk_buff *skb, struct pkt *p, __u32 ctx)
{
	struct frag_key fk = {};
	struct {
		__u16 from;
		__u16 to;
	} ports;
	__u8 head[8];

	if (p->flags & (PKT_FRAG_FIRST | PKT_FRAG_LATER)) {
		fk.src = p->src;
		fk.dst = p->dst;
		fk.id = p->frag_id;
		fk.ctx = ctx;
		fk.proto = p->proto;
	}
	if (p->flags & PKT_FRAG_LATER) {
		struct frag *f = bpf_map_lookup_elem(&frags, &fk);

		if (!f)
			return REASON_FRAGMENT;
		p->sport = f->sport;
		p->dport = f->dport;
		p->icmp_type = f->icmp_type;
		p->icmp_code = f->icmp_code;
		return 0;
	}
	if (has_ports(p->proto)) {
		if (load(skb, p->l4, &ports))
			return REASON_MALFORMED;
		p->sport = ports.from;
		p->dport = ports.to;
		if (p->proto == PROTO_TCP && load(skb, p->l4 + 13, &p->tcp_flags))
			return REASON_MALFORMED;
	} else if (p->proto == PROTO_ICMP || p->proto == PROTO_ICMPV6) {
		if (bpf_skb_load_bytes(skb, p->l4, head, 8))
			return REASON_MALFORMED;
		p->icmp_type = head[0];
		p->icmp_code = head[1];
		if (icmp_request(p) || icmp_reply(p))
			__builtin_memcpy(&p->sport, head + 4, 2);
	}
	if (p->flags & PKT_FRAG_FIRST) {
		struct frag f = {
			.sport = p->sport, .dport = p->dport, .icmp_type = p->icmp_type, .icmp_code = p->icmp_code};

		bpf_map_update_elem(&frags, &fk, &f, BPF_ANY);
	}
	return 0;
}

INLINE int parse_ip4(struct __sk_buff *skb, struct pkt *p)
{
	struct ip4 ip;
	__u16 frag;
	__u32 ihl;

	if (load(skb, ETH_HLEN, &ip))
		return REASON_MALFORMED;
	ihl = (ip.vihl & 15) * 4;
	p->l3_len = bpf_ntohs(ip.len);
	if (ip.vihl >> 4 != 4 || ihl < sizeof(ip) || p->l3_len < ihl || p->l3_len + ETH_HLEN > skb->len)
		return REASON_MALFORMED;
	frag = bpf_ntohs(ip.frag);
	if (frag & 0x4000)
		p->flags |= PKT_DF;
	if (frag & 0x1fff)
		p->flags |= PKT_FRAG_LATER;
	else if (frag & 0x2000)
		p->flags |= PKT_FRAG_FIRST;
	p->frag_id = ip.id;
	p->ttl = ip.ttl;
	p->proto = ip.proto;
	p->l4 = ETH_HLEN + ihl;
	addr_v4(&p->src, ip.src);
	addr_v4(&p->dst, ip.dst);
	return 0;
}

/* MAX_EXTENSIONS bounds the extension headers of IPv6 that are walked; a
 * packet with more is dropped. */
#define MAX_EXTENSIONS 6

INLINE int parse_ip6(struct __sk_buff *skb, struct pkt *p)
{
	struct ip6 ip;
	__u8 next;
	__u32 off = ETH_HLEN + sizeof(ip);
	int i;

	if (load(skb, ETH_HLEN, &ip))
		return REASON_MALFORMED;
	p->l3_len = bpf_ntohs(ip.len) + sizeof(ip);
	if ((bpf_ntohl(ip.flow) >> 28) != 6 || p->l3_len + ETH_HLEN > skb->len)
		return REASON_MALFORMED;
	p->flags |= PKT_V6 | PKT_DF;
	p->ttl = ip.hops;
	p->src = ip.src;
	p->dst = ip.dst;
	if (addr_is_v4(&p->src) || addr_is_v4(&p->dst))
		return REASON_MALFORMED; /* would pass for the IPv4 address */
	next = ip.next;
	for (i = 0; i < MAX_EXTENSIONS; i++) {
		__u8 ext[8];

		if (next != 0 && next != 43 && next != 44 && next != 60)
			goto done;
		if (p->flags & PKT_FRAG_LATER)
			goto done;
		if (bpf_skb_load_bytes(skb, off, ext, 8))
			return REASON_MALFORMED;
		if (next == 44) {
			__u16 frag = ext[2] << 8 | ext[3];

			__builtin_memcpy(&p->frag_id, ext + 4, 4);
			if (frag & 0xfff8)
				p->flags |= PKT_FRAG_LATER;
			else if (frag & 1)
				p->flags |= PKT_FRAG_FIRST;
			off += 8;
		} else {
			off += (ext[1] + 1) * 8;
		}
		next = ext[0];
	}
	return REASON_MALFORMED;
done:
	p->proto = next;
	p->l4 = off;
	return 0;
}

/* parse fills p from the frame. Returns 0 or the reason to drop. ctx tells
 * apart the places where fragments of one packet pass. */
GLOBAL int parse(struct __sk_buff *skb, struct pkt *p, __u32 ctx)
{
	struct {
		__u8 macs[12];
		__u16 type;
	} eth __attribute__((aligned(4)));
	int err;

	if (!p || load(skb, 0, &eth))
		return REASON_MALFORMED;
	macs_copy(p->dmac, eth.macs);
	p->ethertype = bpf_ntohs(eth.type);
	p->flags = 0;
	p->left = 0;
	p->sport = 0;
	p->dport = 0;
	p->tcp_flags = 0;
	p->proto = 0;
	p->icmp_type = 0;
	p->icmp_code = 0;
	if (p->ethertype == ETHERTYPE_IPV4)
		err = parse_ip4(skb, p);
	else if (p->ethertype == ETHERTYPE_IPV6)
		err = parse_ip6(skb, p);
	else
		return 0;
	return err ? err : parse_l4(skb, p, ctx);
}

#endif
