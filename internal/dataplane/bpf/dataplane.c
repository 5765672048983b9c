// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/* The programs: one for each kind of device and direction. */
#include "flow.h"
#include "nd.h"
#include "qos.h"
#include "route.h"
#include "service.h"

/* too_big answers a guest's packet that no device of its network takes. */
GLOBAL int too_big(struct __sk_buff *skb, struct pkt *p, __u32 mtu)
{
	int v;

	if (!p)
		return TC_ACT_SHOT;
	if (p->ethertype != ETHERTYPE_IPV4 && p->ethertype != ETHERTYPE_IPV6)
		return drop(skb, p->port, REASON_TOO_BIG);
	v = complain(skb, p, ICMP_UNREACHABLE << 8 | CODE_FRAG, mtu_info(p, mtu), REASON_TOO_BIG);
	return v == BOUNCE ? bounce(skb, p) : TC_ACT_SHOT;
}

/* switch_frame sends a frame on by its destination MAC. */
GLOBAL int switch_frame(struct __sk_buff *skb, struct pkt *p)
{
	struct fdb_key key = {};
	struct dest *d;
	struct net *n;
	int flat, outside;

	if (!p)
		return TC_ACT_SHOT;
	n = net_of(p->net);
	if (!n)
		return drop(skb, p->port, REASON_UNKNOWN_MAC);
	if (mac_multicast(p->dmac)) {
		if (p->origin == FROM_GUEST && oversize(skb, p, n->mtu))
			return drop(skb, p->port, REASON_TOO_BIG);
		return flood_net(skb, p->net, p->port, p->origin);
	}
	flat = on_wire(n) && n->ifindex;
	outside = p->origin == FROM_WIRE || p->origin == FROM_HOST;
	key.net = p->net;
	mac_copy(key.mac, p->dmac);
	d = bpf_map_lookup_elem(&fdb, &key);
	if (!d && p->ethertype == ETHERTYPE_IPV4 && mac_eq(p->dmac, n->mac)) {
		/* Floating addresses of ports on this host answer with its own
		 * MAC: they stay when the gateway moves. */
		struct neigh_key nk = {.net = p->net, .addr = p->dst};

		d = bpf_map_lookup_elem(&neigh, &nk);
		if (d && d->kind != DEST_ROUTER)
			d = 0;
	}
	/* On a wire a MAC that no port has is whoever's is there. */
	if (!d && !flat)
		d = stray_at(&key);
	/* A router has its own say, by the network that it sends to. */
	if (p->origin == FROM_GUEST && (!d || d->kind != DEST_ROUTER) && oversize(skb, p, n->mtu))
		return too_big(skb, p, n->mtu);
	if (d && d->flags & DEST_NODE && p->origin == FROM_GUEST && !node_echo(skb, p, p->net)) {
		write_macs(skb, p->smac, d->mac);
		return bounce(skb, p);
	}
	if (!d || d->kind == DEST_REMOTE) {
		if (outside)
			return TC_ACT_UNSPEC;
		if (flat)
			return send_wire(skb, p->port, p->net);
		if (!d)
			return drop(skb, p->port, REASON_UNKNOWN_MAC);
		if (p->origin == FROM_TUNNEL)
			return drop(skb, p->port, REASON_LOOP);
		p->to_remote = d->remote;
		return send_remote(skb, p, p->net, d->remote);
	}
	if (d->kind == DEST_ROUTER) {
		/* A switch that does not know where a router is gives its
		 * frames to every host: one of them routes. */
		if (p->origin == FROM_WIRE && !still_speaks(p, d))
			return TC_ACT_UNSPEC;
		p->router = d->id;
		return route_frame(skb, p);
	}
	if (d->id == p->port)
		return drop(skb, p->port, REASON_LOOP);
	p->to_port = d->id;
	return send_port(skb, p, d->ifindex, MARK_FORWARDED);
}

/* arrive is what all frames do that are not a guest's. */
INLINE int arrive(struct __sk_buff *skb, struct pkt *p)
{
	int v;

	if (p->ethertype == ETHERTYPE_ARP)
		v = handle_arp(skb, p, 0);
	else if (p->proto == PROTO_ICMPV6)
		v = answer_nd(skb, p);
	else
		v = -1;
	return v == -1 ? switch_frame(skb, p) : v;
}

INLINE struct dev *this_dev(struct __sk_buff *skb, __u32 kind)
{
	__u32 ifindex = skb->ifindex;
	struct dev *d = bpf_map_lookup_elem(&devs, &ifindex);

	return d && d->kind == kind ? d : 0;
}

SEC("tc")
int from_guest(struct __sk_buff *skb)
{
	struct dev *dev = this_dev(skb, DEV_GUEST);
	struct pkt *p = scratch_pkt(0);
	struct port *port;
	struct net *n;
	int err, secure;

	if (!dev || !p)
		return TC_ACT_SHOT;
	set_mark(skb, 0);
	p->port = dev->id;
	p->origin = FROM_GUEST;
	p->in_ifindex = skb->ifindex;
	p->epoch = epoch();
	port = &dev->port;
	if (!(port->flags & PORT_ENABLED))
		return drop(skb, p->port, REASON_PORT_DOWN);
	p->net = port->net;
	secure = port->flags & PORT_SECURITY;
	err = parse(skb, p, p->port << 1);
	if (err)
		return drop(skb, p->port, err);
	if (port->flags & PORT_LIMIT_OUT && over_limit(skb, p->port, RATE_PORT | DIR_EGRESS))
		return drop(skb, p->port, REASON_OVER_LIMIT);
	if (port->flags & PORT_DSCP)
		mark_dscp(skb, p, port->dscp);
	if (p->ethertype == ETHERTYPE_ARP) {
		err = handle_arp(skb, p, secure);
		return err == -1 ? switch_frame(skb, p) : err;
	}
	err = flow_on(skb, p);
	if (err != -1)
		return err;
	if (secure) {
		err = antispoof(skb, p, mac_eq(p->smac, port->mac));
		if (err)
			return drop(skb, p->port, err);
	} else {
		p->left = note_stray(p, 0);
	}
	if (asks_service(p)) {
		n = net_of(p->net);
		err = to_service(skb, p, n && on_wire(n));
		if (err != -1)
			return err;
	}
	if (asks_metadata(p))
		return to_metadata(skb, p);
	if (secure) {
		err = conntrack(skb, p, DIR_EGRESS, port->ruleset);
		if (err)
			return drop(skb, p->port, err);
	}
	if (p->proto == PROTO_ICMPV6) {
		err = answer_nd(skb, p);
		if (err != -1)
			return err;
	}
	err = switch_frame(skb, p);
	if (p->to_port || p->to_remote)
		flow_keep(p, secure, dev->mtu);
	return err;
}

/* to_guest sees all that any program sends to a guest: the one place where
 * ingress rules are. What the host's own stack sends is stopped. */
SEC("tc")
int to_guest(struct __sk_buff *skb)
{
	__u32 mark = skb->mark;
	struct port *port;
	struct dev *dev;
	struct pkt *p;
	int err;

	if (mark == MARK_JUDGED) {
		set_mark(skb, 0);
		return TC_ACT_OK;
	}
	dev = this_dev(skb, DEV_GUEST);
	p = scratch_pkt(1);
	if (!dev || !p)
		return TC_ACT_SHOT;
	if (mark != MARK_FORWARDED && mark != MARK_SERVICE)
		return drop(skb, dev->id, REASON_STRANGER);
	set_mark(skb, 0);
	p->port = dev->id;
	p->epoch = epoch();
	port = &dev->port;
	if (!(port->flags & PORT_ENABLED))
		return drop(skb, p->port, REASON_PORT_DOWN);
	err = 0;
	if (mark != MARK_SERVICE && port->flags & PORT_SECURITY) {
		err = parse(skb, p, p->port << 1 | 1);
		if (!err && p->ethertype != ETHERTYPE_ARP) {
			if (p->ethertype != ETHERTYPE_IPV4 && p->ethertype != ETHERTYPE_IPV6)
				err = REASON_ETHERTYPE;
			else
				err = conntrack(skb, p, DIR_INGRESS, port->ruleset);
		}
	}
	if (!err && port->flags & PORT_LIMIT_IN && over_limit(skb, p->port, RATE_PORT | DIR_INGRESS))
		err = REASON_OVER_LIMIT;
	return err ? drop(skb, p->port, err) : TC_ACT_OK;
}

/* untag takes the 802.1Q tag off a frame of one of our VLANs. Returns the
 * network; 0 when the frame is none of them, -1 when it has no tag. */
GLOBAL int untag(struct __sk_buff *skb)
{
	struct vlan_key key = {.ifindex = skb->ifindex, .tag = skb->vlan_tci & 0xfff};
	__u32 *net;

	if (!skb->vlan_present)
		return -1;
	net = bpf_map_lookup_elem(&vlans, &key);
	return !net || bpf_skb_vlan_pop(skb) ? 0 : *net;
}

/* emerge goes on with a frame that came out of a tunnel. */
INLINE int emerge(struct __sk_buff *skb, struct pkt *p)
{
	int err;

	set_mark(skb, 0);
	p->origin = FROM_TUNNEL;
	p->in_ifindex = skb->ifindex;
	p->epoch = epoch();
	err = parse(skb, p, 0xffffffff);
	if (err)
		return drop(skb, 0, err);
	err = flow_on(skb, p);
	if (err != -1)
		return err;
	if (p->proto == PROTO_ICMPV6)
		note_stray(p, 0);
	err = arrive(skb, p);
	if (p->to_port)
		flow_keep(p, 0, 0);
	return err;
}

INLINE int physical(struct __sk_buff *skb, __u32 origin)
{
	struct dev *dev = this_dev(skb, DEV_PHYS);
	struct pkt *p = scratch_pkt(0);
	int tagged, v;

	if (skb->mark == MARK_FORWARDED) {
		set_mark(skb, 0);
		return TC_ACT_UNSPEC;
	}
	if (!p)
		return TC_ACT_UNSPEC;
	if (origin == FROM_WIRE) {
		v = gre_unwrap(skb, p);
		if (v < 0)
			return drop(skb, 0, REASON_TUNNEL);
		if (v > 0)
			return emerge(skb, p);
	}
	/* Tagged frames of the host's own stack are its own affair. */
	tagged = origin == FROM_WIRE ? untag(skb) : -1;
	if (tagged > 0)
		p->net = tagged;
	else if (!tagged || !dev)
		return TC_ACT_UNSPEC;
	else
		p->net = dev->id;
	p->origin = origin;
	p->in_ifindex = skb->ifindex;
	if (parse(skb, p, p->in_ifindex << 1 | 0x80000000))
		v = TC_ACT_UNSPEC; /* not for this program to judge */
	else
		v = arrive(skb, p);
	/* Without its tag, the host must not see a frame. */
	return tagged > 0 && v == TC_ACT_UNSPEC ? TC_ACT_SHOT : v;
}

/* from_wire and from_host: what enters a physical interface, or one that leads
 * to other hosts, and what the host's own stack sends out of it. */
SEC("tc")
int from_wire(struct __sk_buff *skb) { return physical(skb, FROM_WIRE); }

SEC("tc")
int from_host(struct __sk_buff *skb) { return physical(skb, FROM_HOST); }

/* from_tunnel: what VXLAN brings, and frames in GRE on their way out that the
 * kernel had to read anew. */
SEC("tc")
int from_tunnel(struct __sk_buff *skb)
{
	struct bpf_tunnel_key key = {};
	struct pkt *p = scratch_pkt(0);
	__u32 *net, vni, remote;

	if (!p)
		return TC_ACT_SHOT;
	if (bpf_skb_get_tunnel_key(skb, &key, sizeof(key), 0))
		return skb->mark == MARK_UNDERLAY ? to_underlay(skb) : TC_ACT_SHOT;
	remote = bpf_htonl(key.remote_ipv4);
	if (!bpf_map_lookup_elem(&hosts, &remote))
		return drop(skb, 0, REASON_STRANGER);
	vni = key.tunnel_id;
	net = bpf_map_lookup_elem(&vnis, &vni);
	if (!net)
		return drop(skb, 0, REASON_TUNNEL);
	p->net = *net;
	p->tun_remote = remote;
	return emerge(skb, p);
}

/* from_service: what the node's services say to guests. */
SEC("tc")
int from_service(struct __sk_buff *skb)
{
	struct pkt *p = scratch_pkt(0);

	if (!p)
		return TC_ACT_SHOT;
	set_mark(skb, 0);
	if (parse(skb, p, 0xfffffffe))
		return drop(skb, 0, REASON_MALFORMED);
	p->origin = FROM_SERVICE;
	if (p->dmac[0] == SERVICE_MAC_0 && p->dmac[1] == SERVICE_MAC_1 &&
	    (p->dmac[2] | p->dmac[3] | p->dmac[4] | p->dmac[5]))
		return from_frames(skb, p);
	if (p->ethertype == ETHERTYPE_IPV4)
		return from_metadata(skb, p);
	return drop(skb, 0, REASON_STRANGER);
}

char _license[] SEC("license") = "Dual MIT/GPL";
