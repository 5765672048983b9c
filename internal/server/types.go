package server

import "wisp/internal/network"

// Types are the types of networks, and their segments. Zero values are
// network.Config's defaults.
type Types struct {
	Tenant        string // type of networks that name none
	VNIs, GREKeys Range
	VLANs         map[string]Range // tags that are given out, by physical network
	MTU           int              // between the hosts, bytes
}

// Range is an inclusive range of segmentation ids.
type Range = network.Range

// DefaultMTU is that between hosts where nobody says otherwise, in bytes.
const DefaultMTU = 1500

func (c Config) network() network.Config {
	return network.Config{
		Types: carried, PhysicalNetworks: c.PhysicalNetworks, DNS: c.DNS,
		TenantType: c.Types.Tenant, VNIs: c.Types.VNIs, GREKeys: c.Types.GREKeys, VLANs: c.Types.VLANs, MTU: c.Types.MTU,
	}
}

// Carried are the types of networks that tenants' networks may have without
// naming one.
func Carried() []string {
	return []string{network.TypeLocal, network.TypeVLAN, network.TypeGRE, network.TypeVXLAN}
}
