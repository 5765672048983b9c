package compute

import (
	"encoding/base64"
	"net/netip"
	"slices"

	"wisp/internal/metadata"
	"wisp/internal/network"
	"wisp/internal/nodeapi"
)

// instance is the server as its host should make it. Ports must be loaded.
func (s *Server) instance() nodeapi.Instance {
	image := s.Image
	power := s.Power
	if power == powerOffloaded {
		power = nodeapi.PowerDeleted
	}
	instance := nodeapi.Instance{
		ID: s.ID, Name: s.InstanceName(), ProjectID: s.ProjectID, UserID: s.UserID, Power: power,
		BootGeneration: s.BootGeneration, ResetGeneration: s.ResetGeneration,
		VCPUs: int(s.VCPUs), MemoryMiB: int(s.MemoryMiB), RootGiB: int(s.Size.RootGiB), EphemeralGiB: int(s.Size.EphemeralGiB), SwapMiB: int(s.Size.SwapMiB),
		Image: &image, ConfigDrive: s.ConfigDrive, Metadata: s.document(),
		DiskGeneration: s.DiskGeneration, Rescue: s.Rescue,
	}
	if s.Resize != nil {
		if instance.KeepDisks = s.Resize.ID; s.Resize.Reverting {
			instance.KeepDisks, instance.RestoreDisks = "", s.Resize.ID
		}
	}
	for _, one := range s.snapshots {
		instance.Snapshots = append(instance.Snapshots, nodeapi.Snapshot{ImageID: one.ImageID, Off: one.Kind == snapshotShelved})
	}
	for _, port := range s.Ports {
		instance.Ports = append(instance.Ports, nodeapi.InstancePort{PortID: port.PortID, MAC: port.MAC, MTU: port.MTU})
	}
	return instance
}

// document is what the server is told about itself.
func (s *Server) document() metadata.Document {
	doc := metadata.Document{
		UUID: s.ID, Name: s.Name, Hostname: s.Hostname, ProjectID: s.ProjectID, AvailabilityZone: s.Zone, LaunchIndex: int(s.LaunchIndex),
		Meta: s.Metadata, AdminPass: s.AdminPass, Password: s.Password, ReservationID: s.ReservationID, InstanceType: s.Size.Name, ImageID: s.ImageID,
	}
	if s.KeyPair != nil {
		doc.Keys = []metadata.Key{*s.KeyPair}
	}
	if s.UserData != nil {
		// The text was checked when it came in; what is broken is left out.
		doc.UserData, _ = base64.StdEncoding.DecodeString(*s.UserData)
	}
	if s.Image.Kernel != nil {
		doc.KernelID = s.Image.Kernel.ID
	}
	if s.Image.Ramdisk != nil {
		doc.RamdiskID = s.Image.Ramdisk.ID
	}
	for _, port := range s.Ports {
		doc.Network.Interfaces = append(doc.Network.Interfaces, interfaceOf(port))
		for _, name := range port.SecurityGroupNames {
			if !slices.Contains(doc.SecurityGroups, name) {
				doc.SecurityGroups = append(doc.SecurityGroups, name)
			}
		}
		for _, fixed := range port.FixedIPs {
			for _, floating := range fixed.FloatingIPs {
				if doc.PublicIPv4 == "" && floating.Is4() {
					doc.PublicIPv4 = floating.String()
				}
			}
		}
	}
	return doc
}

func interfaceOf(port network.PluggedPort) metadata.Interface {
	result := metadata.Interface{PortID: port.PortID, NetworkID: port.NetworkID, MAC: port.MAC, MTU: port.MTU}
	for _, fixed := range port.FixedIPs {
		address := metadata.InterfaceAddr{
			SubnetID: fixed.SubnetID, Prefix: netip.PrefixFrom(fixed.Address, fixed.Prefix.Bits()), Gateway: fixed.Gateway, DNS: fixed.DNS, DHCP: fixed.DHCP,
		}
		for _, route := range fixed.Routes {
			address.Routes = append(address.Routes, metadata.Route{Destination: route.Destination, NextHop: route.NextHop})
		}
		result.Addresses = append(result.Addresses, address)
	}
	return result
}
