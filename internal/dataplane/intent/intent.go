// Package intent describes what the network of one host should be: networks,
// ports, routers and security groups, as plain values. It is the language
// between whoever knows the cloud and the dataplane that makes the kernel
// forward so. It holds types only and imports nothing of the project.
package intent

import (
	"encoding/hex"
	"hash/fnv"
	"net/netip"
	"strings"
)

// Network types, with their OpenStack names (provider:network_type).
const (
	TypeLocal = "local"
	TypeFlat  = "flat"
	TypeVLAN  = "vlan"
	TypeGRE   = "gre"
	TypeVXLAN = "vxlan"
)

// State is everything that the dataplane of one host needs to know. It is
// always whole: what is not in it must not exist in the kernel. Objects are
// keyed by their ids; the order of slices carries no meaning unless said.
type State struct {
	Networks       map[string]Network       `json:"networks,omitempty"`
	Ports          map[string]Port          `json:"ports,omitempty"`
	Routers        map[string]Router        `json:"routers,omitempty"`
	SecurityGroups map[string]SecurityGroup `json:"security_groups,omitempty"`
	// Hosts are all that may send to this one by tunnels, by name. Frames from
	// elsewhere than their endpoints, and those of ports, are a stranger's.
	Hosts map[string]Host `json:"hosts,omitempty"`
	// Meters count what passes between routers and the outside.
	Meters map[string]Meter `json:"meters,omitempty"`
}

// Host is another host of the cloud.
type Host struct {
	Endpoint netip.Addr `json:"endpoint"` // of tunnels
}

// Network is one layer-2 segment.
type Network struct {
	ID              string `json:"id"`
	Type            string `json:"type"`                       // one of the Type constants
	SegmentationID  uint32 `json:"segmentation_id,omitempty"`  // VNI, GRE key or VLAN tag
	PhysicalNetwork string `json:"physical_network,omitempty"` // flat and vlan
	MTU             int    `json:"mtu"`                        // bytes of IP
	// Scope4 and Scope6 are the address scopes of the two versions of IP, empty
	// where there is none. Routers pass no packet from one scope to another, or to
	// where is none, unless they translate it; within a scope only floating IPs
	// are translated.
	Scope4 string `json:"scope4,omitempty"`
	Scope6 string `json:"scope6,omitempty"`
}

// Port is an address on a network: of an instance on this host, of an
// instance on another host, or of a router.
type Port struct {
	ID        string       `json:"id"`
	NetworkID string       `json:"network_id"`
	MAC       string       `json:"mac"`       // aa:bb:cc:dd:ee:ff
	Addresses []netip.Addr `json:"addresses"` // fixed IPs, v4 and v6

	// Local says that the port's device is on this host; the device's name
	// is DeviceName(ID). A port that is not local is reached at Endpoint.
	Local    bool       `json:"local,omitempty"`
	Endpoint netip.Addr `json:"endpoint,omitzero"` // tunnel address of the port's host

	// Service says that the node of every host answers at the port's
	// addresses (DHCP, and the way to metadata where no router is): ARP for
	// them is answered, pings are, and what is no such question is dropped.
	Service bool `json:"service,omitempty"`

	// Enabled is false when admin_state_up is: no packet enters or leaves.
	Enabled bool `json:"enabled"`

	// PortSecurity turns anti-spoofing and security groups on.
	PortSecurity        bool          `json:"port_security"`
	AllowedAddressPairs []AddressPair `json:"allowed_address_pairs,omitempty"`
	SecurityGroups      []string      `json:"security_groups,omitempty"`

	QoS *QoS `json:"qos,omitempty"` // nil: no limits and no mark
}

// QoS is how much may pass, and how it is marked.
type QoS struct {
	Limits []Limit `json:"limits,omitempty"`
	DSCP   *uint8  `json:"dscp,omitempty"` // mark of what a port sends, 0 to 63 (RFC 2474)
}

// Limit is the rate of one direction: what is more is dropped. There is one of
// bytes and one of packets in each direction at most.
type Limit struct {
	Direction string `json:"direction"` // Ingress is to the instance
	// Packets says that packets are counted and not the bits of frames.
	Packets bool   `json:"packets,omitempty"`
	Rate    uint32 `json:"rate"`  // kbit, or thousands of packets, a second; 0 is no limit
	Burst   uint32 `json:"burst"` // kbit, or thousands of packets, at once
}

// AddressPair is one more source address that a port may use. An empty MAC
// stands for the port's own.
type AddressPair struct {
	Prefix netip.Prefix `json:"prefix"`
	MAC    string       `json:"mac,omitempty"`
}

// Directions of a security group rule, as the instance sees it.
const (
	Ingress = "ingress"
	Egress  = "egress"
)

// SecurityGroup is a set of rules that allow; what no rule allows is dropped.
type SecurityGroup struct {
	ID    string `json:"id"`
	Rules []Rule `json:"rules,omitempty"`
	// Stateless says that each packet is judged for itself: answers need a rule
	// as all others do. The groups of a port are all of one kind.
	Stateless bool `json:"stateless,omitempty"`
	// Members are the addresses, with prefix for allowed address pairs, of
	// all ports in the cloud that are in this group; present when a rule of
	// any group in the State names this group as its remote.
	Members []netip.Prefix `json:"members,omitempty"`
}

// Rule allows one kind of traffic. Zero values widen: Protocol 0 is any
// protocol, PortMin == PortMax == nil any port. For ICMP and ICMPv6, PortMin
// is the type and PortMax the code; nil is any.
type Rule struct {
	ID           string       `json:"id"`
	Direction    string       `json:"direction"`
	IPv6         bool         `json:"ipv6,omitempty"` // ethertype
	Protocol     uint8        `json:"protocol,omitempty"`
	PortMin      *uint16      `json:"port_min,omitempty"`
	PortMax      *uint16      `json:"port_max,omitempty"`
	RemotePrefix netip.Prefix `json:"remote_prefix,omitzero"`
	RemoteGroup  string       `json:"remote_group,omitempty"`
	// Addresses says that RemoteGroup is a list of addresses and no group of
	// ports; to packets that is the same.
	Addresses bool `json:"addresses,omitempty"`
}

// Router joins networks. It is distributed: the host of the sender routes,
// with the help of others for what it has not got itself. The networks may be
// of any types: hosts hand packets over in a tunnel of their own where the
// receiver's network is on a wire that the sender's host has not, is local to
// another host, or where the gateway is elsewhere. For that, ports that are
// not Local need their Endpoint on networks of every type.
type Router struct {
	ID         string            `json:"id"`
	Enabled    bool              `json:"enabled"`
	Interfaces []RouterInterface `json:"interfaces,omitempty"`
	Gateway    *Gateway          `json:"gateway,omitempty"`
	Routes     []Route           `json:"routes,omitempty"`
	// FloatingIPs are those of ports behind this router.
	FloatingIPs []FloatingIP `json:"floating_ips,omitempty"`
}

// RouterInterface is a router's leg on a network.
type RouterInterface struct {
	PortID    string         `json:"port_id"`
	NetworkID string         `json:"network_id"`
	MAC       string         `json:"mac"`
	Addresses []netip.Prefix `json:"addresses"` // address with the subnet's length
}

// Gateway is a router's leg on its external network. One host has it Local and
// is the only one that answers for its Addresses; the Endpoint of the port
// PortID tells the others which. When Local becomes true on a host, it tells
// the external network; when it becomes false, the host answers no more and
// forgets the translations.
type Gateway struct {
	PortID    string         `json:"port_id"`
	NetworkID string         `json:"network_id"`
	MAC       string         `json:"mac"`
	Addresses []netip.Prefix `json:"addresses"`
	NextHops  []netip.Addr   `json:"next_hops,omitempty"` // gateway_ip of the external subnets
	// SNAT lets ports without a floating IP share the gateway's address.
	SNAT bool `json:"snat"`
	// Local says that this host carries the router's shared SNAT.
	Local bool `json:"local"`
	// Moves counts on which host the gateway is: it grows with every move. A
	// host whose agent is dead, and which nobody tells that the gateway has
	// moved away, believes a host that knows of more moves, and one only that
	// speaks to it by tunnel. 0 for all: hosts believe nobody but the cloud.
	Moves uint32 `json:"moves,omitempty"`
	// Former is the tunnel address of the host that carried the gateway before
	// the last move, when there was one.
	Former netip.Addr `json:"former,omitzero"`
	// QoS holds for what shares the gateway's address. It has no mark.
	QoS *QoS `json:"qos,omitempty"`
}

// Meter counts the packets that pass between the inside of some routers and
// their external networks: each packet once, on the host that translates it,
// with the address that it has inside.
type Meter struct {
	ID      string      `json:"id"`
	Routers []string    `json:"routers"`
	Rules   []MeterRule `json:"rules,omitempty"`
}

// MeterRule says what a Meter counts. A packet counts when a rule matches and
// no excluded one does. A prefix that is not valid is any address.
type MeterRule struct {
	Direction   string       `json:"direction"` // Ingress is from the external network
	Excluded    bool         `json:"excluded,omitempty"`
	Source      netip.Prefix `json:"source,omitzero"`
	Destination netip.Prefix `json:"destination,omitzero"`
}

// Route is an extra route of a router.
type Route struct {
	Destination netip.Prefix `json:"destination"`
	NextHop     netip.Addr   `json:"next_hop"`
}

// FloatingIP maps an external address to one port's fixed address, one to one.
// One host serves it: the port's own where it has the external network, else
// the router's gateway host, or none while there is no such host.
type FloatingIP struct {
	ID      string     `json:"id"`
	Address netip.Addr `json:"address"`
	Fixed   netip.Addr `json:"fixed"`
	PortID  string     `json:"port_id"`

	// Served says that this host serves the address: it answers for it
	// outside and translates. Where another host does, Endpoint is that
	// host's tunnel address, to which packets of Fixed are handed over. With
	// neither, the host of the port serves it if it can.
	Served   bool       `json:"served,omitempty"`
	Endpoint netip.Addr `json:"endpoint,omitzero"`

	QoS *QoS `json:"qos,omitempty"` // it has no mark
}

// DeviceName is the name of a local port's tap device within one cloud. The
// prefix tells clouds on one machine apart; the rest is the start of the
// port's id, as OpenStack's own tap names are. At most 15 bytes (IFNAMSIZ-1).
func DeviceName(prefix, portID string) string {
	if id := strings.ReplaceAll(portID, "-", ""); len(id) >= 10 {
		return prefix + id[:10]
	}
	h := fnv.New64a()
	_, _ = h.Write([]byte(portID))
	return prefix + hex.EncodeToString(h.Sum(nil))[:10]
}
