package network

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/uptrace/bun"

	"wisp/internal/dataplane/intent"
	"wisp/internal/errs"
	"wisp/internal/store"
)

// Network types, as provider:network_type has them.
const (
	TypeLocal = intent.TypeLocal
	TypeFlat  = intent.TypeFlat
	TypeVLAN  = intent.TypeVLAN
	TypeGRE   = intent.TypeGRE
	TypeVXLAN = intent.TypeVXLAN
)

// Bytes that a tunnel adds to a packet over IPv4: outer Ethernet frame's
// payload is IP (20) + UDP and VXLAN (16) + the inner Ethernet header (14), or
// IP + GRE with key (8) + Ethernet.
const (
	vxlanOverhead = 50
	greOverhead   = 42
)

// The largest segmentation ids: 12 bits without 0 and 4095 (IEEE 802.1Q), 24
// bits (RFC 7348), 32 bits (RFC 2890).
const (
	lastVLAN   = 4094
	lastVNI    = 1<<24 - 1
	lastGREKey = 1<<32 - 1
)

// segmentMTU is the largest MTU of a network: what its segment carries.
func (s *Service) segmentMTU(n *Network) int {
	switch n.NetworkType {
	case TypeVXLAN:
		return s.config.MTU - vxlanOverhead
	case TypeGRE:
		return s.config.MTU - greOverhead
	case TypeFlat, TypeVLAN:
		if mtu := s.config.PhysicalMTUs[n.PhysicalNetwork]; mtu > 0 {
			return mtu
		}
	}
	return s.config.MTU
}

// segmentLock makes transactions that take segments wait for each other: two
// that choose from the last few free ids at once would choose the same.
const segmentLock store.Lock = "network segments"

// chooseSegment fills the provider attributes of a new network: what the
// spec gives, checked, or the tenants' type with a free segmentation id.
func (s *Service) chooseSegment(ctx context.Context, tx *store.Tx, n *Network, spec NetworkSpec) error {
	n.NetworkType, n.PhysicalNetwork = spec.NetworkType.Value, spec.PhysicalNetwork.Value
	wanted := spec.SegmentationID.Value
	tenants := n.NetworkType == ""
	if tenants {
		if n.PhysicalNetwork != "" || wanted != nil {
			return invalid("network_type required")
		}
		n.NetworkType = s.config.TenantType
	}
	if len(s.config.Types) > 0 && !slices.Contains(s.config.Types, n.NetworkType) {
		return unsupportedType(n.NetworkType)
	}
	switch n.NetworkType {
	case TypeLocal:
		if n.PhysicalNetwork != "" {
			return invalid("physical_network prohibited for local provider network")
		}
		if wanted != nil {
			return invalid("segmentation_id prohibited for local provider network")
		}
		return nil
	case TypeFlat:
		if tenants { // a physical network is never given to whoever comes first
			return noSegment()
		}
		if n.PhysicalNetwork == "" {
			return invalid("physical_network required for flat provider network")
		}
		if wanted != nil {
			return invalid("segmentation_id prohibited for flat provider network")
		}
		if !slices.Contains(s.flatNetworks(), n.PhysicalNetwork) {
			return invalid("physical_network '%s' unknown for flat provider network", n.PhysicalNetwork)
		}
		return takeSegment(ctx, tx, n, Range{}, new(int64))
	case TypeVLAN:
		return s.chooseVLAN(ctx, tx, n, wanted)
	case TypeGRE, TypeVXLAN:
		if n.PhysicalNetwork != "" {
			return invalid("provider:physical_network specified for %s network", n.NetworkType)
		}
		last, from := int64(lastVNI), s.config.VNIs
		if n.NetworkType == TypeGRE {
			last, from = lastGREKey, s.config.GREKeys
		}
		if wanted != nil && (*wanted < 1 || *wanted > last) {
			return invalid("segmentation_id out of range (1 through %d)", last)
		}
		return takeSegment(ctx, tx, n, from, wanted)
	}
	return unsupportedType(n.NetworkType)
}

// chooseVLAN takes the tag that is wanted on a physical network, or a free one
// of its range; when no physical network is named, of the first one that has
// one left.
func (s *Service) chooseVLAN(ctx context.Context, tx *store.Tx, n *Network, wanted *int64) error {
	if n.PhysicalNetwork != "" {
		if !slices.Contains(s.config.PhysicalNetworks, n.PhysicalNetwork) {
			return invalid("physical_network '%s' unknown for VLAN provider network", n.PhysicalNetwork)
		}
		if wanted != nil && (*wanted < 1 || *wanted > lastVLAN) {
			return invalid("segmentation_id out of range (1 through %d)", lastVLAN)
		}
		return takeSegment(ctx, tx, n, s.config.VLANs[n.PhysicalNetwork], wanted)
	}
	if wanted != nil {
		return invalid("segmentation_id requires physical_network for VLAN provider network")
	}
	for _, physical := range s.config.PhysicalNetworks {
		n.PhysicalNetwork = physical
		err := takeSegment(ctx, tx, n, s.config.VLANs[physical], nil)
		if !errs.Is(err, errs.Unavailable) {
			return err
		}
	}
	return noSegment()
}

func unsupportedType(kind string) error {
	return errs.New(errs.Invalid, "Invalid input for operation: network_type value '%s' not supported.", kind).WithType("InvalidInput")
}

func noSegment() error {
	return errs.New(errs.Unavailable, "Unable to create the network. No project network is available for allocation.").WithType("NoNetworkAvailable")
}

// takeSegment gives the network the segmentation id that is wanted, whether or
// not it is in the range, or a random free one of the range. The unique index
// has the last word.
func takeSegment(ctx context.Context, tx *store.Tx, n *Network, from Range, wanted *int64) error {
	taken := func(candidates []int64) ([]int64, error) {
		q := tx.NewSelect().Model((*Network)(nil)).Column("segmentation_id").Where("network_type = ? AND physical_network = ?", n.NetworkType, n.PhysicalNetwork)
		if candidates != nil {
			q = q.Where("segmentation_id IN (?)", bun.List(candidates))
		}
		ids, err := columnOf[int64](ctx, q)
		if err != nil {
			return nil, fmt.Errorf("look for used segments: %w", err)
		}
		return ids, nil
	}
	if wanted != nil {
		n.SegmentationID = *wanted
		used, err := taken([]int64{*wanted})
		if err == nil && len(used) > 0 {
			err = n.segmentInUse()
		}
		return err
	}
	if from.First == 0 || from.Last < from.First {
		return noSegment()
	}
	size := int64(from.Last) - int64(from.First) + 1
	candidates := make([]int64, 8)
	for i := range candidates {
		candidates[i] = int64(from.First) + rand.Int64N(size)
	}
	used, err := taken(candidates)
	if err != nil {
		return err
	}
	for _, c := range candidates {
		if !slices.Contains(used, c) {
			n.SegmentationID = c
			return nil
		}
	}
	if used, err = taken(nil); err != nil {
		return err
	}
	slices.Sort(used)
	next := int64(from.First)
	for _, id := range used {
		if id == next {
			next++
		}
	}
	if next > int64(from.Last) {
		return noSegment()
	}
	n.SegmentationID = next
	return nil
}

// segmentInUse is the error of a network whose segment another one has.
func (n *Network) segmentInUse() error {
	switch n.NetworkType {
	case TypeFlat:
		return conflict("FlatNetworkInUse", "Unable to create the flat network. Physical network %s is in use.", n.PhysicalNetwork)
	case TypeVLAN:
		return conflict("VlanIdInUse", "Unable to create the network. The VLAN %d on physical network %s is in use.", n.SegmentationID, n.PhysicalNetwork)
	}
	return conflict("TunnelIdInUse", "Unable to create the network. The tunnel ID %d is in use.", n.SegmentationID)
}
