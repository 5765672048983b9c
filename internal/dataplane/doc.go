// Package dataplane makes the kernel of one host forward as an intent.State
// says: switching, security groups, routers, floating IPs, shared addresses,
// tunnels, and the way to the node's own DHCP and metadata services. All of
// it is BPF on the devices of the guests and on the physical interfaces; the
// Go side fills maps, makes devices and attaches programs. Once it has, the
// process may die: packets do not need it.
//
// The main types are Dataplane, with Open, Apply and Resync; Report, which
// says what Apply could not make; ServiceConn, for DHCP. It knows nothing of
// OpenStack, of databases or of HTTP, and must not import the slices, the
// store or the node. Netlink is used through package netlinkx only.
//
// # Programs
//
// One for each kind of device and direction, in bpf/dataplane.c:
//
//	from_guest    tap, ingress: what a guest sends
//	to_guest      tap, egress: all that anybody sends to a guest
//	from_wire     physical interface, and one that leads to other hosts, ingress;
//	              takes off the tags of VLANs and the outer headers of GRE
//	from_host     physical interface, egress: what the host's own stack sends
//	from_tunnel   VXLAN device, ingress; also frames in GRE on their way out that
//	              the kernel must read anew
//	from_service  the veth from the services' namespace, ingress
//
// They are attached with tcx where the kernel has it (6.6) and with clsact
// elsewhere; links, programs and maps are pinned below Config.PinDir, and what
// clsact runs is noted there for the next process. Each
// version of the object has its own folder of programs. Open of a newer one
// loads it beside the old one; the first Apply fills what maps it adds,
// moves each link to its program in one step, then removes the old ones.
//
// # A packet's path
//
// from_guest finds the port by the device. With port security it checks the
// sender: MAC, IPv4 and IPv6 addresses, ARP, neighbour discovery; a guest
// that plays DHCP server or router is stopped. Requests for an address go to
// the service namespace; so do connections to 169.254.169.254 port 80, with
// the source translated to the port's own address in 198.18.0.0/15. Both are
// allowed whatever the security groups say: an instance without egress rules
// still gets its address and its metadata. Then come the egress rules.
//
// ARP and neighbour solicitations for addresses that the cloud knows are
// answered at once. Other frames are switched by destination MAC: to a local
// port's device, into the tunnel, to the wire, or, when the MAC is that of a
// router's leg, routed. Broadcasts are copied to the network's local ports
// and to the hosts with its other ports; on flat networks also to the wire
// and to the host itself, on VLANs to the wire. Unknown unicast leaves on
// these two only.
//
// # Tunnels
//
// A frame goes to another host by the transport of its network, and only to
// the host that has the port: nothing is learned from frames, and a MAC that
// is no port's and of no allowed pair is unknown even behind a host that was
// heard. Frames from other hosts are taken only when the outer source is the
// endpoint of a port in the State; others are counted as "stranger". VXLAN of
// strangers is dropped. GRE is left to the host's own stack when anything is
// not as this package sends it: it may be another's.
//
// VXLAN is the work of one kernel device. GRE (RFC 2784, 2890: with a key, no
// checksum, Ethernet inside, bpf/gre.h) is written and read by the programs.
// Its outer packets must not be fragmented: a network of this type is as wide
// as its MTU says or as the interface to the narrowest host allows. The
// interfaces are those that have the tunnel address or lead to another host;
// Resync looks for them again. IP frames leave by bpf_redirect_neigh, with
// segmentation offloads; what is not IP, and floods, go around by the ingress
// of the VXLAN device, where the kernel sees what they now are. Frames that a
// guest tagged do not cross GRE, nor does what came in fragments.
// The kernel keeps in mind that a frame came in GRE and has no helper to tell
// it otherwise: it cuts what arrived in one piece before it gives it to a
// device that cannot cut GRE itself, as taps cannot. That costs throughput to
// guests, which VXLAN's device does not.
//
// A guest's packet that is bigger than its network gets "fragmentation
// needed" or "packet too big" in the name of its receiver, also when it may be
// cut: a switch cannot cut, and the sender then does.
//
// A router is passed in one go (bpf/route.h): translation of the destination
// when the packet comes from outside, TTL, longest prefix, next hop, MTU,
// translation of the source when it leaves, new MACs. All that can fail is
// checked before anything is changed, so an ICMP error quotes the packet as
// it was sent. When the next hop is a leg of another router, the packet
// passes that one too, up to four. Networks may be in address scopes: from one
// to another only what is translated passes, and within one only floating
// addresses are translated. Next hops that the cloud does not know
// are asked by ARP: the packet that found no answer becomes the question, as
// a queue does not exist in BPF.
//
// # Routers on many hosts
//
// The host of the sender routes, whatever the types of the two networks are.
// What it cannot do itself it hands over in the transit network, a tunnel with
// VNI 0 that carries packets of all routers (compile_transit.go): to the host
// that serves a floating IP or has the gateway, which routes and translates;
// or, when all is done, to the host of a receiver whose network is on a wire
// that this host has not, or is local there. Answers take the same ways back,
// and an address is translated on one host only, so that every port and every
// tracked connection sees the same addresses. Packets that fit the receiver's
// network but not the tunnel are cut by the kernel on their way; guests are
// told the tunnel's MTU at once.
//
// A switch must not see one MAC come from two hosts. On each wire one host
// speaks for a router: the lowest tunnel address of those with ports there.
// It answers strangers' ARP, routes for them and shows the router's MAC. All
// other hosts send from the MAC of their interface, ask without the router's
// address (RFC 5227), and answer their own guests only. On the external
// network the gateway's host shows the gateway's MAC, and a floating IP that
// is served at the port's own host goes by that host's interface, so that it
// stays where it is when the gateway moves.
//
// A gateway that comes to a host is announced there, several times within
// some seconds, by gratuitous ARP and unsolicited advertisements. Others are
// told by the cloud. One whose agent is dead is told by the new host, in the
// transit network; its programs then answer no more and hand over (take_yield
// of bpf/arp.h). What somebody on a wire says about a router's address is
// counted, kept in the map conflicts and told in Report, and changes nothing:
// a stranger there could say it too.
//
// Every way to a guest ends in to_guest, the only place of ingress rules. It
// wants a mark that only these programs set, and so keeps out what the
// host's own stack would say.
//
// # Security groups
//
// Ports with the same groups share a ruleset: a list of rules per direction.
// A packet that belongs to a tracked connection passes by one look-up. The
// connection remembers the ruleset's generation; when that differs, because
// a rule changed or a remote group lost a member, it is judged again by the
// rules of the direction in which it began. If they do not allow it any more
// it stays as denied for a minute, so that the other side's packets do not
// begin it anew. Changed rules are written under a new version first, then
// the ruleset is switched to that version in one write. Of a stateless ruleset
// nothing is tracked: each packet is judged by the rules of its direction.
//
// # Meters
//
// A router with a gateway may have a list of rules that count what passes
// between its inside and the external network (bpf/meter.h). A packet is
// counted on the host that translates it, when nothing stops it any more, by
// the addresses that it has inside; once for each label.
//
// # Quality of service
//
// Ports, floating addresses and what shares a router's address may have rates
// of bits and of packets in both directions (bpf/qos.h): what is more than the
// bucket holds is dropped, and takes nothing of either. A port's are asked
// first of all of what it sends, and last of what it receives; those of
// addresses at the router, on the host that translates. One flag of the port
// says whether there are any. The mark of a port is written into what it sends.
//
// # The short way
//
// What the long way answered for a packet from one port to another, here or on
// another host, holds for the next ones of its flow: each processor remembers
// it (bpf/flow.h), with the sender's device, both MACs, addresses and ports. It
// holds in the epoch in which it was found, for an eighth of a second. Go begins
// a new epoch after it wrote anything, so that a change is in force as soon as
// it is written. Where the receiver's rules have been asked too, a mark lets the
// packet pass to_guest at once. What is for a port with a rate of its own is
// not remembered.
//
// # Maps
//
// What Go writes, all compared with the kernel by Resync:
//
//	ids                  names of objects -> their numbers, which outlive the process
//	devs                 interface -> port or network
//	ports, nets          properties
//	vnis, gre_keys, vlans    VNI, key, interface and tag -> network
//	hosts                tunnel address of another host -> interface, for GRE
//	fdb, neigh, flood    network and MAC, network and address -> place; places of broadcasts
//	sources, pairs       port, MAC and address (or prefix) that it may send from
//	rulesets, rules, members   security groups
//	routers, routes, raddrs    routers; their routes; their own and floating addresses
//	meters               what is counted at a router's gateway
//	rates                how much may pass, of ports, floating addresses and gateways
//	confs                interfaces of the host, and the epoch
//
// What the programs write:
//
//	cts      connections of each port (security groups)
//	nats     connections that share a router's address, two entries each
//	frags    ports of fragmented packets
//	dyns     neighbours that only ARP knows
//	strays   addresses of ports without port security that are at another MAC
//	         than their port's, and straymacs, which port has such a MAC
//	straylists   the last eight of those MACs of each port: no more are kept
//	conflicts   addresses of routers that somebody else on a wire says to have
//	yields   routers whose gateway another host has taken over
//	svcs     connections to the metadata service
//	counts   dropped packets by port and reason
//	metered  what labels have counted, by direction
//	buckets  what rates have left
//	flows    what is done with the next packets of a flow, on each processor
//	scratch  room for the packet at hand
//
// Every key that has an address also has a network, router or port: equal
// addresses of two projects never meet.
package dataplane
