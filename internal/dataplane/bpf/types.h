/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Keys and values of the maps, and the parsed packet. Go has the same
 * structures, generated from the BTF of these. No structure has padding that
 * is not named. */
#ifndef WISP_TYPES_H
#define WISP_TYPES_H

#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <stddef.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define GLOBAL __attribute__((noinline))
#define INLINE static __always_inline

#define ETH_HLEN 14
#define ETHERTYPE_IPV4 0x0800
#define ETHERTYPE_ARP 0x0806
#define ETHERTYPE_IPV6 0x86dd

#define PROTO_ICMP 1
#define PROTO_TCP 6
#define PROTO_UDP 17
#define PROTO_ICMPV6 58
#define PROTO_SCTP 132

/* Marks of packets that these programs sent on. They exist only between two
 * programs of one host: every way out of the dataplane clears them. */
#define MARK_FORWARDED 0x77697301 /* "wis" and a number */
#define MARK_SERVICE 0x77697302	  /* from the node itself: no security groups */
#define MARK_UNDERLAY 0x77697303  /* has its outer headers: on to the underlay */
#define MARK_JUDGED 0x77697304	  /* the receiver's security groups have their say already */

/* An address in network order; IPv4 is mapped: ::ffff:a.b.c.d. */
struct addr {
	__u32 w[4];
};

/* dev: what a device of this host is. */
enum dev_kind {
	DEV_GUEST = 1,
	DEV_PHYS = 2,
	DEV_TUNNEL = 3,
	DEV_SERVICE = 4,
};

#define PORT_ENABLED 1
#define PORT_SECURITY 2
#define PORT_LIMIT_OUT 4 /* what the guest sends has a rate */
#define PORT_LIMIT_IN 8
#define PORT_DSCP 16 /* what it sends gets the mark of its port */

struct port {
	__u32 net;
	__u32 ifindex;
	__u32 ruleset;
	__u8 mac[6];
	__u8 flags;
	__u8 dscp;
};

struct dev {
	__u32 kind;
	__u32 id;	  /* port or network */
	__u32 mtu;	  /* of a guest's network */
	struct port port; /* of a guest: all that each packet asks for, in one look */
};

enum net_type {
	NET_LOCAL = 1,
	NET_FLAT = 2,
	NET_VXLAN = 3,
	NET_VLAN = 4,
	NET_GRE = 5,
};

struct net {
	__u32 type;
	__u32 vni; /* or the VLAN's tag, or the key of GRE */
	__u32 ifindex; /* physical interface or tunnel device, 0 when none */
	__u32 mtu;
	__u32 nflood;
	__u8 mac[6]; /* of the physical interface, or this host's own in a tunnel */
	__u8 pad[2];
	__u32 carrier; /* a host that has the physical interface, where this one has not */
	__u32 scope4; /* address scopes, 0: none */
	__u32 scope6;
};

/* DEST_SPEAKS: this host answers for the router to the wire. DEST_NODE: the
 * address is the node's own, on every host. DEST_LOOSE: the port has no port
 * security, so that its guest may have its address at another MAC. */
#define DEST_SPEAKS 1
#define DEST_NODE 2
#define DEST_LOOSE 4

/* dest: where an address or a MAC is. */
enum dest_kind {
	DEST_LOCAL = 1,	 /* port on this host */
	DEST_REMOTE = 2, /* port on another host */
	DEST_ROUTER = 3, /* leg of a router */
	DEST_VIP = 4,	 /* an address that some port may take: ask by ARP */
};

struct dest {
	__u32 id;      /* port or router */
	__u32 ifindex; /* of a local port */
	__u32 remote;  /* tunnel address, network order */
	__u8 kind;
	__u8 flags;
	__u8 mac[6];
};

struct vlan_key {
	__u32 ifindex;
	__u32 tag;
};

struct fdb_key {
	__u32 net;
	__u8 mac[6];
	__u8 pad[2];
};

struct neigh_key {
	__u32 net;
	struct addr addr;
};

struct flood_key {
	__u32 net;
	__u32 index;
};

/* source: exact source addresses that a port may use; an all-zero address
 * stands for the MAC alone. */
struct source_key {
	__u32 port;
	__u8 mac[6];
	__u8 pad[2];
	struct addr addr;
};

struct pair_key { /* LPM: allowed address pairs */
	__u32 prefixlen;
	__u32 port;
	__u8 mac[6];
	__u8 pad[2];
	struct addr addr;
};

/* Security groups. */
enum direction {
	DIR_INGRESS = 0,
	DIR_EGRESS = 1,
};

struct ruleset {
	__u32 version; /* which rules are in force */
	__u32 generation; /* flows that were judged by another are judged again */
	__u32 count[2];	  /* by direction */
	__u32 flags;
};

#define RULESET_STATELESS 1 /* each packet is judged for itself */

struct rule_key {
	__u32 ruleset;
	__u32 version;
	__u32 direction;
	__u32 index;
};

#define RULE_V6 1
#define RULE_PORTS 2
#define RULE_TYPE 4
#define RULE_CODE 8
#define RULE_PREFIX 16
#define RULE_GROUP 32

struct rule {
	struct addr addr;
	struct addr mask;
	__u32 group;
	__u16 min; /* host order; ICMP type */
	__u16 max; /* ICMP code */
	__u8 proto;
	__u8 flags;
	__u8 pad[2];
};

struct member_key { /* LPM: addresses of a group's members */
	__u32 prefixlen;
	__u32 group;
	struct addr addr;
};

/* Connection tracking: one entry per port and connection, whoever began. */
struct ct_key {
	struct addr local;
	struct addr remote;
	__u32 port;
	__u16 lport;
	__u16 rport;
	__u8 proto;
	__u8 pad[3];
};

enum ct_state {
	CT_NEW = 0,
	CT_REPLIED = 1,
	CT_CLOSING = 2,
	CT_CLOSED = 3,
	CT_DENIED = 4, /* was allowed once; the rule is gone */
};

struct ct {
	__u64 seen; /* ns, monotonic */
	__u32 generation;
	__u8 direction; /* of who began */
	__u8 state;
	__u8 pad[2];
};

/* flow: what the long way does with the packets of a flow, see flow.h. */
struct flow {
	struct addr src;
	struct addr dst;
	__u8 dmac[6];
	__u8 smac[6];
	__u32 in_ifindex; /* of the sender's device, or where tunnels end */
	__u16 sport;
	__u16 dport;
	__u32 proto;
	__u32 epoch;
	__u32 mtu;
	__u64 until;	  /* ns, monotonic */
	__u32 to_ifindex; /* of the receiver's device; 0: on another host */
	__u32 remote;	  /* that host's tunnel address, network order */
	__u32 net;
	__u32 pad;
};

struct frag_key {
	struct addr src;
	struct addr dst;
	__u32 id;
	__u32 ctx; /* device and direction */
	__u8 proto;
	__u8 pad[3];
};

struct frag {
	__u16 sport;
	__u16 dport;
	__u8 icmp_type;
	__u8 icmp_code;
	__u8 pad[2];
};

/* Routers. */
#define ROUTER_ENABLED 1
#define ROUTER_SNAT 2
#define ROUTER_GW_LOCAL 4
#define ROUTER_HAS_GW 8
#define ROUTER_LIMITED 16 /* what shares its address has a rate */

struct router {
	__u32 flags;
	__u32 ext_net;
	__u32 gw4;	 /* shared address, network order; 0 when none */
	__u32 gw_remote; /* host that carries the gateway, network order */
	__u8 mac[6];	 /* in the transit network */
	__u8 pad[2];
	__u32 moves; /* of the gateway, as far as this host knows */
	__u32 nmeters;
};

/* meter: one rule of a label that counts what passes a router's gateway. Those
 * of a label follow each other, the excluded ones first. */
#define METER_V6 1
#define METER_EGRESS 2
#define METER_EXCLUDED 4

struct meter_key {
	__u32 router;
	__u32 index;
};

struct meter_rule {
	struct addr src;
	struct addr smask;
	struct addr dst;
	struct addr dmask;
	__u32 label;
	__u32 flags;
};

struct metered_key {
	__u32 label;
	__u32 direction;
};

struct route_key { /* LPM */
	__u32 prefixlen;
	__u32 router;
	struct addr addr;
};

/* ROUTE_HOST_MAC: another host speaks for the router there, so that this one
 * must not show the leg's MAC to a switch. */
#define ROUTE_HOST_MAC 1

struct route {
	struct addr via; /* zero: on the link */
	struct addr leg; /* the router's own address there */
	__u32 net;
	__u8 mac[6];
	__u8 flags;
	__u8 pad;
};

enum raddr_kind {
	RADDR_LEG = 1,	 /* own address on a tenant network */
	RADDR_GW = 2,	 /* own address on the external network */
	RADDR_FIP = 3,	 /* floating address; other is the fixed one */
	RADDR_FIXED = 4, /* fixed address; other is the floating one */
	RADDR_AWAY = 5,	 /* the same, but another host translates */
};

struct raddr_key {
	__u32 router;
	__u32 outbound; /* 1 for RADDR_FIXED: a fixed address is no own address */
	struct addr addr;
};

struct raddr {
	struct addr other;
	__u32 kind;
	__u32 remote; /* of RADDR_AWAY: the host that translates, network order */
	__u32 limit;  /* whose rates hold for a floating address; 0: none */
};

/* Rates. Whose, of bytes or packets, and the direction in one number. */
#define RATE_PORT 0
#define RATE_FLOATING 4
#define RATE_GATEWAY 8
#define RATE_PACKETS 2

struct rate_key {
	__u32 id;    /* port, floating address or router */
	__u32 which; /* RATE_*, and enum direction */
};

/* rate: what something costs is how long the rate takes for it, in ns:
 * amount * unit / per. */
struct rate {
	__u64 unit;
	__u64 burst; /* ns */
	__u32 per;   /* kbit or 1000 packets a second */
	__u32 pad;
};

/* level is full again at a time, in ns, at the rate per. */
struct level {
	__u64 full;
	__u32 per;
	__u32 pad;
};

/* bucket is what both rates of one direction have left; its key is that of the
 * rate of bytes. */
struct bucket {
	struct bpf_spin_lock lock;
	__u32 pad;
	struct level bytes;
	struct level packets;
};

/* Port-translating NAT. Two entries per connection. */
struct nat_key {
	__u32 router;
	__u32 src; /* network order */
	__u32 dst;
	__u16 sport;
	__u16 dport;
	__u8 proto;
	__u8 reply; /* 1: src is the outside's, dst the shared address */
	__u8 pad[2];
};

struct nat {
	__u64 seen;
	__u32 addr; /* forward: unused; reply: inside address */
	__u16 port; /* forward: outside port; reply: inside port */
	__u8 state;
	__u8 pad;
};

/* Neighbours that the cloud does not know, learned from ARP. */
struct dyn {
	__u64 seen;  /* 0: asked and not answered yet */
	__u64 asked;
	__u8 mac[6];
	__u8 pad[2];
};

/* Where a guest without port security has an address of its port: it is of that
 * port alone, and of its guest on that host alone. */
struct stray {
	__u64 seen;
	__u32 remote; /* the port's then, as its MAC */
	__u8 port[6];
	__u8 mac[6];
};

/* The MACs that no port has at which a guest was last. */
#define STRAY_MACS 8

struct stray_list {
	struct bpf_spin_lock lock;
	__u32 next;
	__u64 macs[STRAY_MACS];
};

/* A router whose gateway another host has taken over, as that host said. */
struct yield {
	__u64 seen;
	__u32 remote; /* its tunnel address, network order */
	__u32 moves;  /* of the gateway, as that host knows */
};

/* Connections of guests to the node's own services. */
struct svc_key {
	__u32 port;
	__u16 sport;
	__u16 pad;
};

struct svc {
	struct addr src;
	__u8 smac[6];
	__u8 dmac[6];
};

struct conf {
	__u32 svc_ifindex;
	__u32 tun_ifindex;
	__u32 tun_local; /* network order */
	__u32 transit;	 /* network in which hosts hand packets of routers over */
	__u32 tun_mtu;	 /* of a packet in a tunnel; 0 when not known */
	__u32 epoch;	 /* another after each change of what Go writes; never 0 once it wrote */
};

struct count_key {
	__u32 port;
	__u32 reason;
};

struct count {
	__u64 packets;
	__u64 bytes;
};

/* ids: stable small numbers for the cloud's long names. */
struct id_key {
	__u32 kind;
	__u8 name[60];
};

enum reason {
	REASON_NONE = 0,
	REASON_MALFORMED,
	REASON_PORT_DOWN,
	REASON_SPOOFED_MAC,
	REASON_SPOOFED_IP,
	REASON_SPOOFED_ARP,
	REASON_SPOOFED_ND,
	REASON_DHCP_SERVER,
	REASON_ROUTER_ADVERT,
	REASON_ETHERTYPE,
	REASON_NO_RULE_OUT,
	REASON_NO_RULE_IN,
	REASON_RULE_REMOVED,
	REASON_INVALID_STATE,
	REASON_UNKNOWN_MAC,
	REASON_NO_DEVICE,
	REASON_ROUTER_DOWN,
	REASON_TTL,
	REASON_NO_ROUTE,
	REASON_NO_HOST,
	REASON_TOO_BIG,
	REASON_NOT_TRANSLATED,
	REASON_NAT_FULL,
	REASON_UNRESOLVED,
	REASON_LOOP,
	REASON_STRANGER,
	REASON_FRAGMENT,
	REASON_ROUTER_LOCAL,
	REASON_TUNNEL,
	REASON_CONFLICT,
	REASON_SCOPE,
	REASON_OVER_LIMIT,
};

enum origin {
	FROM_GUEST = 1,
	FROM_WIRE,
	FROM_HOST,
	FROM_TUNNEL,
	FROM_SERVICE,
};

#define PKT_V6 1
#define PKT_DF 2
#define PKT_FRAG_FIRST 4
#define PKT_FRAG_LATER 8

/* How a packet is translated in one direction. */
enum nat_kind {
	NAT_NONE = 0,
	NAT_FLOATING = 1,
	NAT_SHARED = 2,
};

/* How a packet came that another host handed over. */
enum transit {
	TRANSIT_NONE = 0,
	TRANSIT_ROUTE = 1,   /* the router's gateway is here: do what the router does */
	TRANSIT_DELIVER = 2, /* all is done but the last network, which only this host has */
};

#define ICMP_KEEP 96

/* pkt is one packet on its way through one program; offsets in bytes from
 * the start of the frame, ports and addresses in network order. */
struct pkt {
	struct addr src;
	struct addr dst;
	struct addr ndst; /* routing: destination after translation */
	struct addr hop;  /* routing: next hop */
	struct addr leg;  /* routing: own address on the way out */
	__u32 port;	  /* of the sender (or, leaving, of the receiver); 0 none */
	__u32 net;	  /* on which the packet is */
	__u32 out_net;
	__u32 router;
	__u32 origin;
	__u32 in_ifindex;
	__u32 tun_remote; /* network order */
	__u32 frag_id;
	__u32 pass;
	__u32 epoch;   /* when the packet came */
	__u32 to_port;	 /* port of this host that a guest's frame was switched to */
	__u32 to_remote; /* or the other host, network order */
	__u32 nsrc; /* translation: new source, network order */
	__u32 nat_remote; /* translation: who does it, 0 for the gateway's host */
	__u8 dmac[6]; /* both MACs together, at a word's place: see macs_copy */
	__u8 smac[6];
	__u16 ethertype; /* host order */
	__u16 l4;
	__u16 l3_len;
	__u16 sport;
	__u16 dport;
	__u16 nport;  /* translation: new destination port (inwards) */
	__u16 nsport; /* translation: new source port (outwards) */
	__u8 leg_mac[6];
	__u8 proto;
	__u8 ttl;
	__u8 flags;
	__u8 icmp_type;
	__u8 icmp_code;
	__u8 tcp_flags;
	__u8 nat_in; /* enum nat_kind */
	__u8 nat_out;
	__u8 nat_away; /* another host translates */
	__u8 transit;  /* enum transit */
	__u8 route_flags;
	__u8 left; /* the sender is at another MAC than its port's */
	__u32 limit; /* whose rates hold for the floating address */
	__u8 buf[ICMP_KEEP];
};

#endif
