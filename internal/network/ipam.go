package network

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"

	"github.com/uptrace/bun"
)

// Pool is an inclusive range of addresses that a subnet gives out.
type Pool struct {
	Start netip.Addr `json:"start"`
	End   netip.Addr `json:"end"`
}

func (p Pool) contains(a netip.Addr) bool {
	return a.BitLen() == p.Start.BitLen() && p.Start.Compare(a) <= 0 && a.Compare(p.End) <= 0
}

// size is the number of addresses, or MaxInt64 when there are more.
func (p Pool) size() int64 {
	a, b := p.Start.As16(), p.End.As16()
	hi := binary.BigEndian.Uint64(b[:8]) - binary.BigEndian.Uint64(a[:8])
	lo, first := binary.BigEndian.Uint64(b[8:]), binary.BigEndian.Uint64(a[8:])
	if hi > 0 || lo-first >= math.MaxInt64 {
		return math.MaxInt64
	}
	return int64(lo-first) + 1
}

// count is the number of addresses.
func (p Pool) count() *big.Int {
	a, b := p.Start.As16(), p.End.As16()
	n := new(big.Int).Sub(new(big.Int).SetBytes(b[:]), new(big.Int).SetBytes(a[:]))
	return n.Add(n, big.NewInt(1))
}

// saturated adds without going over what fits.
func saturated(a, b int64) int64 {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}

// offset is the address n behind a.
func offset(a netip.Addr, n int64) netip.Addr {
	b := a.As16()
	hi, lo := binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])
	sum := lo + uint64(n)
	if sum < lo {
		hi++
	}
	binary.BigEndian.PutUint64(b[:8], hi)
	binary.BigEndian.PutUint64(b[8:], sum)
	out := netip.AddrFrom16(b)
	if a.Is4() {
		return out.Unmap()
	}
	return out
}

// lastOf is the highest address of a prefix: for IPv4 the broadcast address.
func lastOf(p netip.Prefix) netip.Addr {
	b := p.Masked().Addr().AsSlice()
	for i := p.Bits(); i < len(b)*8; i++ {
		b[i/8] |= 0x80 >> (i % 8)
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}

// hostsOf is the range of addresses of a prefix that hosts can have: without
// the first, and for IPv4 without the broadcast address, except where the
// prefix is too long to have them.
func hostsOf(p netip.Prefix) Pool {
	first, last := p.Masked().Addr(), lastOf(p)
	switch left := first.BitLen() - p.Bits(); {
	case left == 0, left == 1 && first.Is4():
		return Pool{first, last}
	case first.Is4():
		return Pool{first.Next(), last.Prev()}
	}
	return Pool{first.Next(), last}
}

// defaultPools are all hosts of a prefix without the gateway.
func defaultPools(p netip.Prefix, gateway netip.Addr) []Pool {
	all := hostsOf(p)
	if !gateway.IsValid() || !all.contains(gateway) {
		return []Pool{all}
	}
	var pools []Pool
	if all.Start != gateway {
		pools = append(pools, Pool{all.Start, gateway.Prev()})
	}
	if all.End != gateway {
		pools = append(pools, Pool{gateway.Next(), all.End})
	}
	return pools
}

// eui64 is the address that a host with the MAC gives itself in a /64.
func eui64(p netip.Prefix, mac string) netip.Addr {
	hw, err := net.ParseMAC(mac)
	if err != nil || len(hw) != 6 {
		return netip.Addr{}
	}
	b := p.Masked().Addr().As16()
	copy(b[8:], []byte{hw[0] ^ 2, hw[1], hw[2], 0xff, 0xfe, hw[3], hw[4], hw[5]})
	return netip.AddrFrom16(b)
}

// randomIn returns up to n random addresses of the pools.
func randomIn(pools []Pool, n int) []netip.Addr {
	var total int64
	for _, p := range pools {
		total = saturated(total, p.size())
	}
	var out []netip.Addr
	for range n {
		if total == 0 {
			break
		}
		at := rand.Int64N(total)
		for _, p := range pools {
			if size := p.size(); at >= size {
				at -= size
				continue
			}
			if a := offset(p.Start, at); !slices.Contains(out, a) {
				out = append(out, a)
			}
			break
		}
	}
	return out
}

// lowestFree is the first address of the pools that is not taken; zero when
// all are.
func lowestFree(pools []Pool, taken map[netip.Addr]bool) netip.Addr {
	pools = slices.Clone(pools)
	slices.SortFunc(pools, func(a, b Pool) int { return a.Start.Compare(b.Start) })
	for _, p := range pools {
		for a := p.Start; p.contains(a); a = a.Next() {
			if !taken[a] {
				return a
			}
		}
	}
	return netip.Addr{}
}

// FixedIP is an address of a port.
type FixedIP struct {
	bun.BaseModel `bun:"table:port_addresses,alias:a"`
	NetworkID     string `bun:",pk"`
	Address       string `bun:",pk"`
	SubnetID      string
	PortID        string
	Position      int
}

// FixedIPSpec asks for an address: of a subnet, a given one, or both.
type FixedIPSpec struct {
	SubnetID string
	Address  string
}

// takenOf returns which of the candidates are in use on the network, or
// with nil candidates all that are in use in the subnet.
func takenOf(ctx context.Context, db bun.IDB, networkID, subnetID string, candidates []netip.Addr) (map[netip.Addr]bool, error) {
	q := db.NewSelect().TableExpr("port_addresses").Column("address").Where("network_id = ?", networkID)
	if candidates == nil {
		q = q.Where("subnet_id = ?", subnetID)
	} else {
		names := make([]string, len(candidates))
		for i, c := range candidates {
			names[i] = c.String()
		}
		q = q.Where("address IN (?)", bun.List(names))
	}
	found, err := columnOf[string](ctx, q)
	if err != nil {
		return nil, fmt.Errorf("look for used addresses: %w", err)
	}
	taken := map[netip.Addr]bool{}
	for _, name := range found {
		if a, err := netip.ParseAddr(name); err == nil {
			taken[a] = true
		}
	}
	return taken, nil
}

// chooser picks the addresses of one port.
type chooser struct {
	tx      bun.IDB
	network string
	subnets []*Subnet
	mac     string
	// router allows given addresses in subnets whose hosts choose their own.
	router bool
	lowest bool // first free one instead of a random one
	chosen []FixedIP
}

func (c *chooser) add(sub *Subnet, a netip.Addr) {
	c.chosen = append(c.chosen, FixedIP{NetworkID: c.network, SubnetID: sub.ID, Address: a.String(), Position: len(c.chosen)})
}

// allocate takes a free address of the subnet's pools; ok is false when there
// is none.
func (c *chooser) allocate(ctx context.Context, sub *Subnet) (ok bool, err error) {
	own := map[netip.Addr]bool{}
	for _, ip := range c.chosen {
		own[netip.MustParseAddr(ip.Address)] = true
	}
	if candidates := randomIn(sub.Pools.V, 8); !c.lowest && len(candidates) > 0 {
		taken, err := takenOf(ctx, c.tx, c.network, sub.ID, candidates)
		if err != nil {
			return false, err
		}
		for _, a := range candidates {
			if !taken[a] && !own[a] {
				c.add(sub, a)
				return true, nil
			}
		}
	}
	taken, err := takenOf(ctx, c.tx, c.network, sub.ID, nil)
	if err != nil {
		return false, err
	}
	for a := range own {
		taken[a] = true
	}
	a := lowestFree(sub.Pools.V, taken)
	if !a.IsValid() {
		return false, nil
	}
	c.add(sub, a)
	return true, nil
}

// automatic picks what a port gets that asks for nothing: one IPv4 address,
// one IPv6 address of a subnet that gives them out, and those that the port
// gives itself in subnets with automatic addresses.
func (c *chooser) automatic(ctx context.Context) error {
	for _, version := range []int{4, 6} {
		some, done := false, false
		for _, sub := range c.subnets {
			if sub.IPVersion != version || done || sub.automatic() {
				continue
			}
			some = true
			var err error
			if done, err = c.allocate(ctx, sub); err != nil {
				return err
			}
		}
		if some && !done {
			return c.exhausted()
		}
	}
	return c.slaac(ctx)
}

// slaac adds the addresses of subnets in which hosts choose their own.
func (c *chooser) slaac(context.Context) error {
	for _, sub := range c.subnets {
		if sub.automatic() && !c.router && !slices.ContainsFunc(c.chosen, func(ip FixedIP) bool { return ip.SubnetID == sub.ID }) {
			c.add(sub, eui64(sub.prefix(), c.mac))
		}
	}
	return nil
}

func (c *chooser) exhausted() error {
	return conflict("IpAddressGenerationFailure", "No more IP addresses available on network %s.", c.network)
}

// given picks what a port asks for; a port that asks for some address has
// those too that it gives itself.
func (c *chooser) given(ctx context.Context, wanted []FixedIPSpec) error {
	if len(wanted) > 0 && len(c.subnets) == 0 {
		return invalid("IP allocation requires subnets for network")
	}
	var explicit []netip.Addr
	for _, w := range wanted {
		if w.SubnetID == "" && w.Address == "" {
			return invalid("IP allocation requires subnet_id or ip_address")
		}
		if w.Address == "" {
			continue
		}
		a, err := netip.ParseAddr(w.Address)
		if err != nil || a.Zone() != "" {
			return invalid("'%s' is not a valid IP address", w.Address)
		}
		if slices.Contains(explicit, a) {
			return invalid("Duplicate IP address '%s'", w.Address)
		}
		explicit = append(explicit, a)
	}
	taken := map[netip.Addr]bool{}
	if len(explicit) > 0 {
		var err error
		if taken, err = takenOf(ctx, c.tx, c.network, "", explicit); err != nil {
			return err
		}
	}
	// The given addresses come first, so that none of them is handed out to
	// an entry that takes any.
	for _, w := range wanted {
		if w.Address == "" {
			continue
		}
		a := netip.MustParseAddr(w.Address)
		sub, err := c.subnetFor(w, a)
		if err != nil {
			return err
		}
		if taken[a] {
			return conflict("IpAddressAlreadyAllocated", "IP address %s already allocated in subnet %s", a, sub.ID)
		}
		c.add(sub, a)
	}
	for _, w := range wanted {
		if w.Address != "" {
			continue
		}
		sub, err := c.subnetFor(w, netip.Addr{})
		if err != nil {
			return err
		}
		if sub.automatic() && !c.router {
			continue // comes with the others of its kind
		}
		ok, err := c.allocate(ctx, sub)
		if err != nil {
			return err
		}
		if !ok {
			return c.exhausted()
		}
	}
	if len(wanted) == 0 {
		return nil
	}
	return c.slaac(ctx)
}

// subnetFor finds the subnet of a wanted address, and checks that it fits.
func (c *chooser) subnetFor(w FixedIPSpec, a netip.Addr) (*Subnet, error) {
	for _, sub := range c.subnets {
		if w.SubnetID != "" && sub.ID != w.SubnetID {
			continue
		}
		if !a.IsValid() {
			return sub, nil
		}
		if !sub.prefix().Contains(a) {
			continue
		}
		if !hostsOf(sub.prefix()).contains(a) && !c.router {
			return nil, refuse("InvalidIpForSubnet", "IP address %s is not a valid IP for the specified subnet.", a)
		}
		if sub.automatic() && !c.router && a != eui64(sub.prefix(), c.mac) {
			return nil, refuse("AllocationOnAutoAddressSubnet", "IPv6 address %s cannot be directly assigned to a port on subnet %s as the subnet is configured for automatic addresses", a, sub.ID)
		}
		return sub, nil
	}
	if w.SubnetID == "" {
		return nil, refuse("InvalidIpForNetwork", "IP address %s is not a valid IP for any of the subnets on the specified network.", a)
	}
	if slices.ContainsFunc(c.subnets, func(sub *Subnet) bool { return sub.ID == w.SubnetID }) {
		return nil, refuse("InvalidIpForSubnet", "IP address %s is not a valid IP for the specified subnet.", a)
	}
	return nil, invalid("Failed to create port on network %s, because fixed_ips included invalid subnet %s", c.network, w.SubnetID)
}
