package network

import (
	"log/slog"
	"net/netip"

	"wisp/internal/store"
)

// Config is what an operator chooses.
type Config struct {
	// Types are the types of networks that the hosts can carry; empty is all
	// five. Others are refused as unknown ones are.
	Types []string
	// TenantType is the type of networks that name none: "vxlan" when empty.
	TenantType string
	// VNIs and GREKeys are the segmentation ids that are given out; zero is
	// 1 to 16777215, and 1 to 4294967295 for GRE.
	VNIs, GREKeys Range
	// PhysicalNetworks are the names that flat and vlan networks may use.
	PhysicalNetworks []string
	// VLANs are the tags that are given out, by physical network; one that
	// is not here has 1 to 4094 for whoever names a tag.
	VLANs map[string]Range
	// MTU of the underlay in bytes; zero is 1500.
	MTU int
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

// Service is the Networking service.
type Service struct {
	db     *store.DB
	log    *slog.Logger
	config Config
	nodes  NodeCaller
	traces turns
}

// New makes the service on an open database.
func New(db *store.DB, log *slog.Logger, config Config) *Service {
	if config.TenantType == "" {
		config.TenantType = "vxlan"
	}
	if config.VNIs == (Range{}) {
		config.VNIs = Range{1, 16777215}
	}
	if config.GREKeys == (Range{}) {
		config.GREKeys = Range{1, 4294967295}
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
