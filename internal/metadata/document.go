// Package metadata renders what an instance may ask about itself: the
// OpenStack and EC2 forms of the metadata service, and the same tree for a
// config drive. A Document is everything it needs; the server fills it, the
// node serves it. It imports nothing of the project but errs.
package metadata

import (
	"encoding/json"
	"net/netip"
)

// Document is what one instance is told about itself.
type Document struct {
	UUID             string            `json:"uuid"`
	Name             string            `json:"name"`     // display name
	Hostname         string            `json:"hostname"` // short host name
	Domain           string            `json:"domain,omitempty"`
	ProjectID        string            `json:"project_id"`
	AvailabilityZone string            `json:"availability_zone"`
	LaunchIndex      int               `json:"launch_index"`
	Meta             map[string]string `json:"meta,omitempty"`
	Keys             []Key             `json:"keys,omitempty"`
	UserData         []byte            `json:"user_data,omitempty"`
	VendorData       json.RawMessage   `json:"vendor_data,omitempty"` // a JSON object
	AdminPass        string            `json:"admin_pass,omitempty"`  // config drive only
	Password         string            `json:"password,omitempty"`    // that the guest has told, not on the drive
	Network          Network           `json:"network"`

	// For the EC2 form.
	ReservationID  string   `json:"reservation_id,omitempty"` // r-…
	InstanceType   string   `json:"instance_type,omitempty"`  // flavor name
	ImageID        string   `json:"image_id,omitempty"`
	KernelID       string   `json:"kernel_id,omitempty"`
	RamdiskID      string   `json:"ramdisk_id,omitempty"`
	SecurityGroups []string `json:"security_groups,omitempty"` // names
	PublicIPv4     string   `json:"public_ipv4,omitempty"`
}

// Key is an SSH public key.
type Key struct {
	Name string `json:"name"`
	Type string `json:"type"` // ssh or x509
	Data string `json:"data"` // one line, authorized_keys form
}

// Network is the instance's side of its ports, from which
// network_data.json is made.
type Network struct {
	Interfaces []Interface `json:"interfaces,omitempty"`
}

// Interface is one port of the instance.
type Interface struct {
	PortID    string          `json:"port_id"`
	NetworkID string          `json:"network_id"`
	MAC       string          `json:"mac"`
	MTU       int             `json:"mtu"`
	Addresses []InterfaceAddr `json:"addresses,omitempty"`
}

// InterfaceAddr is one fixed address with what its subnet says.
type InterfaceAddr struct {
	SubnetID string       `json:"subnet_id"`
	Prefix   netip.Prefix `json:"prefix"` // the address, with the subnet's length
	Gateway  netip.Addr   `json:"gateway,omitzero"`
	DNS      []netip.Addr `json:"dns,omitempty"`
	Routes   []Route      `json:"routes,omitempty"`
	DHCP     bool         `json:"dhcp"` // the subnet has DHCP enabled
}

// Route is a host route of a subnet.
type Route struct {
	Destination netip.Prefix `json:"destination"`
	NextHop     netip.Addr   `json:"next_hop"`
}
