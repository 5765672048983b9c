/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Ethernet in GRE, RFC 2784 and 2890: a key, which is the network's number,
 * and no checksum, in IPv4 that must not be fragmented. No kernel device is
 * needed. The outer TOS is 0, so nobody on the way marks congestion outside
 * of the reach of the inner packet (RFC 6040, compatibility mode). */
#ifndef WISP_GRE_H
#define WISP_GRE_H

#include "parse.h"

#define PROTO_GRE 47
#define GRE_HAS_KEY 0x2000
#define ETHERTYPE_BRIDGED 0x6558 /* transparent Ethernet bridging */
#define IP4_DF 0x4000
#define IP4_FRAGMENT 0x3fff /* more of them, or not the first */
#define ETH_LEAST 60

struct gre {
	__u16 flags;
	__u16 proto;
	__u32 key;
};

struct gre_frame {
	struct ethhdr_ outer;
	struct ip4 ip;
	struct gre gre;
	struct ethhdr_ inner;
} __attribute__((packed));

/* GRE_ROOM is by how much a frame grows. */
#define GRE_ROOM (sizeof(struct gre_frame) - ETH_HLEN)

/* The size of segments stays: networks are smaller than what carries them. */
#define GRE_ENCAP                                                                                                      \
	(BPF_F_ADJ_ROOM_FIXED_GSO | BPF_F_ADJ_ROOM_ENCAP_L3_IPV4 | BPF_F_ADJ_ROOM_ENCAP_L4_GRE |                       \
	 BPF_F_ADJ_ROOM_ENCAP_L2_ETH | BPF_F_ADJ_ROOM_ENCAP_L2(ETH_HLEN))

/* gre_wrap puts the outer headers before a frame; they are made in p->buf,
 * since the stack is short where all callers end. Returns 0 when the kernel
 * now takes it for the IPv4 packet that it is, 1 when it does not, and -1
 * when it could not be done. */
INLINE int gre_wrap(struct __sk_buff *skb, struct pkt *p, __u32 key, __u32 local, __u32 remote)
{
	struct gre_frame *f = (struct gre_frame *)p->buf;
	struct ip4 ip = {};
	int around = 1, err;

	/* The kernel keeps a guest's tag beside the frame, and would put it on
	 * the outer one. */
	if (skb->vlan_present || bpf_skb_load_bytes(skb, 0, &f->inner, ETH_HLEN))
		return -1;
	if (f->inner.type == skb->protocol &&
	    (f->inner.type == bpf_htons(ETHERTYPE_IPV4) || f->inner.type == bpf_htons(ETHERTYPE_IPV6)))
		around = !!bpf_skb_adjust_room(skb, GRE_ROOM, BPF_ADJ_ROOM_MAC, GRE_ENCAP);
	if (around) {
		/* No IP, which the helper refuses; or it came out of GRE on
		 * this host and the kernel has it in mind as encapsulated
		 * still, at the places where it now is so again. */
		if (skb->gso_size)
			err = bpf_skb_adjust_room(skb, GRE_ROOM, BPF_ADJ_ROOM_MAC, BPF_F_ADJ_ROOM_FIXED_GSO);
		else
			err = bpf_skb_change_head(skb, GRE_ROOM, 0);
		if (err)
			return -1;
	}
	ip.vihl = 0x45;
	ip.len = bpf_htons(skb->len - ETH_HLEN);
	ip.frag = bpf_htons(IP4_DF);
	ip.ttl = 64;
	ip.proto = PROTO_GRE;
	ip.src = local;
	ip.dst = remote;
	ip.check = fold(bpf_csum_diff(0, 0, (__be32 *)&ip, sizeof(ip), 0));
	__builtin_memset(&f->outer, 0, sizeof(f->outer));
	f->outer.type = bpf_htons(ETHERTYPE_IPV4);
	f->ip = ip;
	f->gre.flags = bpf_htons(GRE_HAS_KEY);
	f->gre.proto = bpf_htons(ETHERTYPE_BRIDGED);
	f->gre.key = bpf_htonl(key);
	return bpf_skb_store_bytes(skb, 0, f, sizeof(*f), 0) ? -1 : around;
}

/* to_underlay sends an IPv4 packet to the host that it names; the kernel
 * writes the MACs. */
INLINE int to_underlay(struct __sk_buff *skb)
{
	__u32 remote = 0, *under;

	bpf_skb_load_bytes(skb, IP4_DST, &remote, 4);
	under = bpf_map_lookup_elem(&hosts, &remote);
	if (!under || !*under)
		return drop(skb, 0, REASON_TUNNEL);
	set_mark(skb, 0);
	return bpf_redirect_neigh(*under, 0, 0, 0);
}

/* send_gre sends a frame to another host. What the kernel does not take for
 * IPv4 goes around by the tunnel device, which reads the frame anew. */
INLINE int send_gre(struct __sk_buff *skb, struct pkt *p, __u32 key, __u32 remote)
{
	__u32 *under = bpf_map_lookup_elem(&hosts, &remote);
	struct conf *c = config();
	int around;

	if (!c || !c->tun_ifindex || !under || !*under)
		return drop(skb, p->port, REASON_TUNNEL);
	if (skb->vlan_present)
		return drop(skb, p->port, REASON_ETHERTYPE);
	around = gre_wrap(skb, p, key, c->tun_local, remote);
	if (around < 0)
		return drop(skb, p->port, REASON_TUNNEL);
	if (!around) {
		set_mark(skb, 0);
		return bpf_redirect_neigh(*under, 0, 0, 0);
	}
	set_mark(skb, MARK_UNDERLAY);
	return bpf_redirect(c->tun_ifindex, BPF_F_INGRESS);
}

/* retype makes the kernel read the type of a frame that came out of another:
 * taking off a tag that is in the frame does so. */
INLINE int retype(struct __sk_buff *skb)
{
	return bpf_skb_vlan_push(skb, bpf_htons(0x8100), 1) || bpf_skb_vlan_push(skb, bpf_htons(0x8100), 1) ||
	       bpf_skb_vlan_pop(skb) || bpf_skb_vlan_pop(skb);
}

/* gre_unwrap takes the outer headers off a frame from another host of the
 * cloud, and sets p->net and p->tun_remote. Returns 1 when it did, 0 when the
 * frame is no such frame and was not touched, -1 when it is lost. */
GLOBAL int gre_unwrap(struct __sk_buff *skb, struct pkt *p)
{
	struct conf *c = config();
	struct ethhdr_ inner;
	__u32 at, key, left, *net;
	struct ip4 ip;
	struct gre gre;

	if (!p || !c || skb->protocol != bpf_htons(ETHERTYPE_IPV4) || skb->pkt_type || skb->vlan_present)
		return 0;
	if (bpf_skb_load_bytes(skb, ETH_HLEN, &ip, sizeof(ip)) || ip.proto != PROTO_GRE || !c->tun_local ||
	    ip.dst != c->tun_local || (ip.frag & bpf_htons(IP4_FRAGMENT)))
		return 0;
	at = ETH_HLEN + (ip.vihl & 15) * 4;
	if (bpf_skb_load_bytes(skb, at, &gre, sizeof(gre)) || gre.flags != bpf_htons(GRE_HAS_KEY) ||
	    gre.proto != bpf_htons(ETHERTYPE_BRIDGED))
		return 0;
	key = bpf_ntohl(gre.key);
	net = bpf_map_lookup_elem(&gre_keys, &key);
	at += sizeof(gre);
	if (!net || bpf_skb_load_bytes(skb, at, &inner, sizeof(inner)))
		return 0;
	if (!bpf_map_lookup_elem(&hosts, &ip.src)) {
		drop(skb, 0, REASON_STRANGER); /* counts; the host's own affair */
		return 0;
	}
	if (!skb->gso_size) {
		left = ETH_HLEN + bpf_ntohs(ip.len);
		if (left < at + ETH_HLEN || left > skb->len)
			return -1;
		/* The kernel keeps room for an IP header: an inner frame that
		 * is shorter is padded, as on a cable. */
		if (left < at + ETH_HLEN + sizeof(ip) && bpf_skb_change_tail(skb, at + ETH_LEAST, 0))
			return -1;
	}
	if (bpf_skb_adjust_room(skb, -(__s32)at, BPF_ADJ_ROOM_MAC, BPF_F_ADJ_ROOM_FIXED_GSO) ||
	    bpf_skb_store_bytes(skb, 0, &inner, sizeof(inner), 0))
		return -1;
	if (inner.type != bpf_htons(ETHERTYPE_IPV4) && (retype(skb) || skb->vlan_present))
		return -1;
	p->net = *net;
	p->tun_remote = ip.src;
	return 1;
}

#endif
