/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* The maps. All that is keyed by an address is keyed by the network, router
 * or port too: equal addresses of two projects never meet. */
#ifndef WISP_MAPS_H
#define WISP_MAPS_H

#include "types.h"

#define MAP(name_, type_, key_, value_, max_, flags_)                                                                  \
	struct {                                                                                                       \
		__uint(type, type_);                                                                                   \
		__type(key, key_);                                                                                     \
		__type(value, value_);                                                                                 \
		__uint(max_entries, max_);                                                                             \
		__uint(map_flags, flags_);                                                                             \
	} name_ SEC(".maps")

#define FLOW_BITS 12
#define FLOWS (1 << FLOW_BITS)

/* What Go writes. */
MAP(ids, BPF_MAP_TYPE_HASH, struct id_key, __u32, 262144, BPF_F_NO_PREALLOC);
MAP(devs, BPF_MAP_TYPE_HASH, __u32, struct dev, 65536, BPF_F_NO_PREALLOC);
MAP(ports, BPF_MAP_TYPE_HASH, __u32, struct port, 65536, BPF_F_NO_PREALLOC);
MAP(nets, BPF_MAP_TYPE_HASH, __u32, struct net, 65536, BPF_F_NO_PREALLOC);
MAP(vnis, BPF_MAP_TYPE_HASH, __u32, __u32, 65536, BPF_F_NO_PREALLOC);
MAP(gre_keys, BPF_MAP_TYPE_HASH, __u32, __u32, 65536, BPF_F_NO_PREALLOC);
MAP(hosts, BPF_MAP_TYPE_HASH, __u32, __u32, 65536, BPF_F_NO_PREALLOC);
MAP(vlans, BPF_MAP_TYPE_HASH, struct vlan_key, __u32, 65536, BPF_F_NO_PREALLOC);
MAP(fdb, BPF_MAP_TYPE_HASH, struct fdb_key, struct dest, 262144, BPF_F_NO_PREALLOC);
MAP(neigh, BPF_MAP_TYPE_HASH, struct neigh_key, struct dest, 262144, BPF_F_NO_PREALLOC);
MAP(flood, BPF_MAP_TYPE_HASH, struct flood_key, struct dest, 262144, BPF_F_NO_PREALLOC);
MAP(sources, BPF_MAP_TYPE_HASH, struct source_key, __u32, 262144, BPF_F_NO_PREALLOC);
MAP(pairs, BPF_MAP_TYPE_LPM_TRIE, struct pair_key, __u32, 262144, BPF_F_NO_PREALLOC);
MAP(rulesets, BPF_MAP_TYPE_HASH, __u32, struct ruleset, 65536, BPF_F_NO_PREALLOC);
MAP(rules, BPF_MAP_TYPE_HASH, struct rule_key, struct rule, 1048576, BPF_F_NO_PREALLOC);
MAP(members, BPF_MAP_TYPE_LPM_TRIE, struct member_key, __u32, 1048576, BPF_F_NO_PREALLOC);
MAP(routers, BPF_MAP_TYPE_HASH, __u32, struct router, 65536, BPF_F_NO_PREALLOC);
MAP(routes, BPF_MAP_TYPE_LPM_TRIE, struct route_key, struct route, 262144, BPF_F_NO_PREALLOC);
MAP(raddrs, BPF_MAP_TYPE_HASH, struct raddr_key, struct raddr, 262144, BPF_F_NO_PREALLOC);
MAP(meters, BPF_MAP_TYPE_HASH, struct meter_key, struct meter_rule, 262144, BPF_F_NO_PREALLOC);
MAP(rates, BPF_MAP_TYPE_HASH, struct rate_key, struct rate, 262144, BPF_F_NO_PREALLOC);
MAP(confs, BPF_MAP_TYPE_ARRAY, __u32, struct conf, 1, 0);

/* What the programs write. */
MAP(cts, BPF_MAP_TYPE_LRU_HASH, struct ct_key, struct ct, 262144, 0);
MAP(nats, BPF_MAP_TYPE_LRU_HASH, struct nat_key, struct nat, 262144, 0);
MAP(frags, BPF_MAP_TYPE_LRU_HASH, struct frag_key, struct frag, 8192, 0);
MAP(dyns, BPF_MAP_TYPE_LRU_HASH, struct neigh_key, struct dyn, 16384, 0);
MAP(strays, BPF_MAP_TYPE_LRU_HASH, struct neigh_key, struct stray, 16384, 0);
MAP(straymacs, BPF_MAP_TYPE_LRU_HASH, struct fdb_key, struct dest, 16384, 0);
MAP(straylists, BPF_MAP_TYPE_HASH, struct fdb_key, struct stray_list, 65536, BPF_F_NO_PREALLOC);
MAP(conflicts, BPF_MAP_TYPE_LRU_HASH, struct neigh_key, struct dyn, 1024, 0);
MAP(yields, BPF_MAP_TYPE_HASH, __u32, struct yield, 65536, BPF_F_NO_PREALLOC);
MAP(svcs, BPF_MAP_TYPE_LRU_HASH, struct svc_key, struct svc, 65536, 0);
MAP(counts, BPF_MAP_TYPE_PERCPU_HASH, struct count_key, struct count, 65536, BPF_F_NO_PREALLOC);
MAP(metered, BPF_MAP_TYPE_PERCPU_HASH, struct metered_key, struct count, 65536, BPF_F_NO_PREALLOC);
MAP(buckets, BPF_MAP_TYPE_HASH, struct rate_key, struct bucket, 262144, BPF_F_NO_PREALLOC);

/* What each processor remembers of flows, by their hash. */
MAP(flows, BPF_MAP_TYPE_PERCPU_ARRAY, __u32, struct flow, FLOWS, 0);

/* Room for parsed packets: 0 for what enters, 1 for what leaves towards a
 * guest, since copying a frame to a guest runs that program inside this one. */
MAP(scratch, BPF_MAP_TYPE_PERCPU_ARRAY, __u32, struct pkt, 2, 0);

INLINE struct pkt *scratch_pkt(__u32 which)
{
	struct pkt *p = bpf_map_lookup_elem(&scratch, &which);

	if (p)
		__builtin_memset(p, 0, offsetof(struct pkt, buf));
	return p;
}

INLINE struct conf *config(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&confs, &zero);
}

/* epoch tells what this host's state is the same in. */
INLINE __u32 epoch(void)
{
	struct conf *c = config();

	return c ? c->epoch : 0;
}

/* net_of and router_of look up by a copy of the number: before 6.2 the verifier
 * takes no key that lies in the argument of a global function. */
INLINE struct net *net_of(__u32 id) { return bpf_map_lookup_elem(&nets, &id); }

INLINE struct router *router_of(__u32 id) { return bpf_map_lookup_elem(&routers, &id); }

/* set_mark writes skb->mark by its offset: a compiler that keeps a pointer to
 * the field, for reading and writing, makes what the verifier refuses. */
INLINE void set_mark(struct __sk_buff *skb, __u32 mark)
{
	asm volatile("*(u32 *)(%[skb] + %[off]) = %[mark]"
		     :
		     : [skb] "r"(skb), [off] "i"(offsetof(struct __sk_buff, mark)), [mark] "r"(mark)
		     : "memory");
}

/* drop counts a packet and gives it up. */
GLOBAL int drop(struct __sk_buff *skb, __u32 port, enum reason reason)
{
	struct count_key key = {.port = port, .reason = reason};
	struct count *c = bpf_map_lookup_elem(&counts, &key);

	if (c) {
		c->packets++;
		c->bytes += skb->len;
	} else {
		struct count first = {.packets = 1, .bytes = skb->len};

		bpf_map_update_elem(&counts, &key, &first, BPF_ANY);
	}
	return TC_ACT_SHOT;
}

#endif
