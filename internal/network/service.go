package network

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"

	"wisp/internal/store"
)

// Config is what an operator chooses.
type Config struct {
	// Types are the types of networks that the hosts can carry; empty is all
	// five. Others are refused as unknown ones are.
	Types []string
	// TenantType is the type of networks that name none: "vxlan" when empty.
	// It may be "vlan" where VLANs has a range, never "flat".
	TenantType string
	// VNIs and GREKeys are the segmentation ids that are given out; zero is
	// 1 to 16777215, and 1 to 4294967295 for GRE.
	VNIs, GREKeys Range
	// PhysicalNetworks are the names that flat and vlan networks may use.
	PhysicalNetworks []string
	// FlatNetworks are those of them that flat networks may use; nil is all.
	FlatNetworks []string
	// VLANs are the tags that are given out, by physical network; one that
	// is not here has 1 to 4094 for whoever names a tag.
	VLANs map[string]Range
	// MTU of the underlay in bytes; zero is 1500.
	MTU int
	// PhysicalMTUs are those of physical networks that have another.
	PhysicalMTUs map[string]int
	// DNS are the servers that leases name when a subnet names none.
	DNS []netip.Addr
	// Domain of host names in leases; empty is "openstacklocal".
	Domain string
	// LeaseSeconds is how long a DHCP lease holds; zero is 86400.
	LeaseSeconds int
	// AvailabilityZone of all agents that name none; empty is "nova".
	AvailabilityZone string
	// Quotas overrides default limits by resource; -1 is unlimited.
	Quotas map[string]int
}

// Range is an inclusive range of segmentation ids.
type Range struct{ First, Last uint32 }

// Check tells what is wrong with a configuration that New would take: types
// and ranges that no network could have.
func (c Config) Check() error {
	kinds := []string{TypeLocal, TypeFlat, TypeVLAN, TypeGRE, TypeVXLAN}
	offered := c.Types
	if len(offered) == 0 {
		offered = kinds
	}
	for _, kind := range offered {
		if !slices.Contains(kinds, kind) {
			return fmt.Errorf("%q is not a type of network: it is one of %s", kind, strings.Join(kinds, ", "))
		}
	}
	if c.TenantType == TypeFlat {
		return errors.New("flat networks cannot be the tenants' default: there is one for each physical network")
	}
	if c.TenantType != "" && !slices.Contains(offered, c.TenantType) {
		return fmt.Errorf("the tenants' type of network %q is not offered: it is one of %s", c.TenantType, strings.Join(offered, ", "))
	}
	if c.TenantType == TypeVLAN && len(c.VLANs) == 0 {
		return errors.New("VLANs as the tenants' type of network need a range of tags on a physical network")
	}
	for what, r := range map[string]struct {
		given Range
		last  uint32
	}{"VXLAN identifiers": {c.VNIs, lastVNI}, "GRE keys": {c.GREKeys, lastGREKey}} {
		if r.given != (Range{}) && !r.given.within(r.last) {
			return fmt.Errorf("the range of %s %d to %d is not within 1 to %d", what, r.given.First, r.given.Last, r.last)
		}
	}
	for name, r := range c.VLANs {
		if !slices.Contains(c.PhysicalNetworks, name) {
			return fmt.Errorf("the physical network %q with a range of VLAN tags is not one of the configured ones", name)
		}
		if !r.within(lastVLAN) {
			return fmt.Errorf("the range of VLAN tags %d to %d of the physical network %q is not within 1 to %d", r.First, r.Last, name, lastVLAN)
		}
	}
	for _, name := range c.FlatNetworks {
		if !slices.Contains(c.PhysicalNetworks, name) {
			return fmt.Errorf("the physical network %q for flat networks is not one of the configured ones", name)
		}
	}
	for name, mtu := range c.PhysicalMTUs {
		if !slices.Contains(c.PhysicalNetworks, name) || mtu < leastMTU {
			return fmt.Errorf("the MTU %d of the physical network %q: the network must be configured, and the MTU at least %d", mtu, name, leastMTU)
		}
	}
	if c.MTU != 0 && c.MTU < leastMTU+vxlanOverhead {
		return fmt.Errorf("the MTU %d of the underlay is too small: at least %d", c.MTU, leastMTU+vxlanOverhead)
	}
	return nil
}

// leastMTU is what every IPv6 link carries (RFC 8200, section 5).
const leastMTU = 1280

func (r Range) within(last uint32) bool { return r.First >= 1 && r.First <= r.Last && r.Last <= last }

// Service is the Networking service.
type Service struct {
	db     *store.DB
	log    *slog.Logger
	config Config
	nodes  NodeCaller
	traces turns
	stuck  stuck
}

// New makes the service on an open database.
func New(db *store.DB, log *slog.Logger, config Config) *Service {
	if config.TenantType == "" {
		config.TenantType = "vxlan"
	}
	if config.VNIs == (Range{}) {
		config.VNIs = Range{1, lastVNI}
	}
	if config.GREKeys == (Range{}) {
		config.GREKeys = Range{1, lastGREKey}
	}
	if config.MTU == 0 {
		config.MTU = 1500
	}
	if config.Domain == "" {
		config.Domain = "openstacklocal"
	}
	if config.LeaseSeconds == 0 {
		config.LeaseSeconds = 86400
	}
	if config.AvailabilityZone == "" {
		config.AvailabilityZone = "nova"
	}
	return &Service{db: db, log: log, config: config, nodes: nobody{}}
}

// Domain is the domain of host names.
func (s *Service) Domain() string { return s.config.Domain }

// PhysicalNetworks are the names that flat and vlan networks may use.
func (s *Service) PhysicalNetworks() []string { return s.config.PhysicalNetworks }

// flatNetworks are the names that flat networks may use.
func (s *Service) flatNetworks() []string {
	if s.config.FlatNetworks != nil {
		return s.config.FlatNetworks
	}
	return s.config.PhysicalNetworks
}
