/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* The way to the node's own services and back. The sender is told by what a
 * guest cannot write: its service MAC for frames, an address out of
 * 198.18.0.0/15 (RFC 2544) for the metadata service. */
#ifndef WISP_SERVICE_H
#define WISP_SERVICE_H

#include "nat.h"

#define SERVICE_NET 0xc6120000 /* 198.18.0.0 */
#define SERVICE_MASK 0xfffe0000

/* to_service sends the frame to the node; copy keeps the original. */
INLINE int to_service(struct __sk_buff *skb, struct pkt *p, int copy)
{
	struct conf *c = config();
	__u8 mac[6];

	if (!c || !c->svc_ifindex)
		return drop(skb, p->port, REASON_NO_DEVICE);
	service_mac(mac, p->port);
	bpf_skb_store_bytes(skb, MAC_SRC, mac, 6, 0);
	if (copy) {
		bpf_clone_redirect(skb, c->svc_ifindex, 0);
		bpf_skb_store_bytes(skb, MAC_SRC, p->smac, 6, 0);
		return -1;
	}
	return bpf_redirect(c->svc_ifindex, 0);
}

/* asks_service: a request for an address, or for a router of IPv6. */
INLINE int asks_service(const struct pkt *p)
{
	if (p->flags & PKT_FRAG_LATER)
		return 0;
	if (p->flags & PKT_V6)
		return (p->proto == PROTO_UDP && p->sport == bpf_htons(546) && p->dport == bpf_htons(547)) ||
		       (p->proto == PROTO_ICMPV6 && p->icmp_type == 133);
	return p->proto == PROTO_UDP && p->sport == bpf_htons(68) && p->dport == bpf_htons(67);
}

INLINE int asks_metadata(const struct pkt *p)
{
	return p->ethertype == ETHERTYPE_IPV4 && p->dst.w[3] == METADATA4 && p->proto == PROTO_TCP &&
	       p->dport == bpf_htons(80);
}

/* to_metadata gives the packet the address that stands for its port. */
GLOBAL int to_metadata(struct __sk_buff *skb, struct pkt *p)
{
	struct svc_key key = {};
	struct svc fresh = {};
	struct svc *s;
	__u8 mac[6];

	if (!p)
		return TC_ACT_SHOT;
	key.port = p->port;
	key.sport = p->sport;
	fresh.src = p->src;
	mac_copy(fresh.smac, p->smac);
	mac_copy(fresh.dmac, p->dmac);
	s = bpf_map_lookup_elem(&svcs, &key);
	if (!s || !addr_eq(&s->src, &p->src) || !mac_eq(s->smac, p->smac) || !mac_eq(s->dmac, p->dmac))
		bpf_map_update_elem(&svcs, &key, &fresh, BPF_ANY);
	nat_addr(skb, p, 1, bpf_htonl(SERVICE_NET + p->port));
	service_mac(mac, 0);
	bpf_skb_store_bytes(skb, MAC_DST, mac, 6, 0);
	return to_service(skb, p, 0);
}

/* from_metadata gives an answer of the metadata service its way back. */
GLOBAL int from_metadata(struct __sk_buff *skb, struct pkt *p)
{
	struct svc_key key = {};
	struct port *port;
	struct svc *s;
	__u32 dst;

	if (!p)
		return TC_ACT_SHOT;
	dst = bpf_ntohl(p->dst.w[3]);
	if ((dst & SERVICE_MASK) != SERVICE_NET || p->proto != PROTO_TCP || p->src.w[3] != METADATA4)
		return drop(skb, 0, REASON_STRANGER);
	key.port = dst - SERVICE_NET;
	key.sport = p->dport;
	s = bpf_map_lookup_elem(&svcs, &key);
	port = bpf_map_lookup_elem(&ports, &key.port);
	if (!s || !port)
		return drop(skb, key.port, REASON_STRANGER);
	p->port = key.port;
	nat_addr(skb, p, 0, s->src.w[3]);
	write_macs(skb, s->smac, s->dmac);
	return send_port(skb, p, port->ifindex, MARK_SERVICE);
}

/* from_frames gives a frame that the node wrote to the port in its
 * destination MAC. */
INLINE int from_frames(struct __sk_buff *skb, struct pkt *p)
{
	__u32 id = (__u32)p->dmac[2] << 24 | p->dmac[3] << 16 | p->dmac[4] << 8 | p->dmac[5];
	struct port *port = bpf_map_lookup_elem(&ports, &id);

	if (!port)
		return drop(skb, 0, REASON_STRANGER);
	bpf_skb_store_bytes(skb, MAC_DST, port->mac, 6, 0);
	return send_port(skb, p, port->ifindex, MARK_SERVICE);
}

#endif
