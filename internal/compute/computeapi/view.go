package computeapi

import (
	"net/netip"
	"slices"

	"wisp/internal/api"
	"wisp/internal/compute"
	"wisp/internal/network"
)

// serverView is a server in detail. A field of type any is absent when it is
// nil, and null when it holds a nil pointer: which of both depends on the
// version.
type serverView struct {
	ID           string                   `json:"id"`
	Name         string                   `json:"name"`
	Status       string                   `json:"status"`
	TenantID     string                   `json:"tenant_id"`
	UserID       string                   `json:"user_id"`
	Metadata     map[string]string        `json:"metadata"`
	HostID       string                   `json:"hostId"`
	Image        any                      `json:"image"`
	Flavor       any                      `json:"flavor"`
	Created      string                   `json:"created"`
	Updated      string                   `json:"updated"`
	Addresses    map[string][]addressView `json:"addresses"`
	AccessIPv4   string                   `json:"accessIPv4"`
	AccessIPv6   string                   `json:"accessIPv6"`
	Links        []link                   `json:"links"`
	DiskConfig   string                   `json:"OS-DCF:diskConfig"`
	Fault        any                      `json:"fault,omitempty"`
	Progress     any                      `json:"progress,omitempty"`
	Zone         string                   `json:"OS-EXT-AZ:availability_zone"`
	ConfigDrive  string                   `json:"config_drive"`
	KeyName      *string                  `json:"key_name"`
	LaunchedAt   any                      `json:"OS-SRV-USG:launched_at"`
	TerminatedAt any                      `json:"OS-SRV-USG:terminated_at"`
	Groups       []map[string]string      `json:"security_groups,omitempty"`
	TaskState    *string                  `json:"OS-EXT-STS:task_state"`
	VMState      string                   `json:"OS-EXT-STS:vm_state"`
	PowerState   int64                    `json:"OS-EXT-STS:power_state"`
	Volumes      []any                    `json:"os-extended-volumes:volumes_attached"`

	*serverAttributes

	Hostname     any `json:"OS-EXT-SRV-ATTR:hostname,omitempty"` // 2.3 for admins, 2.90 for all
	Locked       any `json:"locked,omitempty"`                   // 2.9
	HostStatus   any `json:"host_status,omitempty"`              // 2.16
	Description  any `json:"description,omitempty"`              // 2.19
	Tags         any `json:"tags,omitempty"`                     // 2.26
	TrustedCerts any `json:"trusted_image_certificates,omitempty"`
	ServerGroups any `json:"server_groups,omitempty"` // 2.71, not in lists
	LockedReason any `json:"locked_reason,omitempty"` // 2.73
	PinnedZone   any `json:"pinned_availability_zone,omitempty"`
}

// serverAttributes are OS-EXT-SRV-ATTR, for admins.
type serverAttributes struct {
	Host         *string `json:"OS-EXT-SRV-ATTR:host"`
	InstanceName string  `json:"OS-EXT-SRV-ATTR:instance_name"`
	Hypervisor   *string `json:"OS-EXT-SRV-ATTR:hypervisor_hostname"`

	KernelID      any `json:"OS-EXT-SRV-ATTR:kernel_id,omitempty"` // these since 2.3
	RamdiskID     any `json:"OS-EXT-SRV-ATTR:ramdisk_id,omitempty"`
	LaunchIndex   any `json:"OS-EXT-SRV-ATTR:launch_index,omitempty"`
	ReservationID any `json:"OS-EXT-SRV-ATTR:reservation_id,omitempty"`
	RootDevice    any `json:"OS-EXT-SRV-ATTR:root_device_name,omitempty"`
	UserData      any `json:"OS-EXT-SRV-ATTR:user_data,omitempty"`
}

type addressView struct {
	Version int    `json:"version"`
	Addr    string `json:"addr"`
	Type    string `json:"OS-EXT-IPS:type,omitempty"`
	MAC     string `json:"OS-EXT-IPS-MAC:mac_addr,omitempty"`
}

type faultView struct {
	Code    int    `json:"code"`
	Created string `json:"created"`
	Message string `json:"message"`
	Details string `json:"details,omitempty"`
}

type embeddedFlavor struct {
	VCPUs      int64             `json:"vcpus"`
	RAM        int64             `json:"ram"`
	Disk       int64             `json:"disk"`
	Ephemeral  int64             `json:"ephemeral"`
	Swap       int64             `json:"swap"`
	Name       string            `json:"original_name"`
	ExtraSpecs map[string]string `json:"extra_specs,omitzero"`
}

type refView struct {
	ID    string `json:"id"`
	Links []link `json:"links"`
}

// viewing is what does not differ between the servers of one answer.
type viewing struct {
	r                              *api.Request
	base                           string // of bookmarks
	admin, extended, status, specs bool
	list                           bool // server_groups are not shown
	version                        int
	hosts                          map[string]string // host ids by project and host
}

func newViewing(r *api.Request, list bool) *viewing {
	own := ownTarget(r)
	return &viewing{
		r: r, base: r.ServiceURL(), admin: r.Caller.IsAdmin(), list: list, version: r.Version, hosts: map[string]string{},
		extended: r.Can(ruleExtended, own), status: r.Can(ruleHostStatus, own), specs: r.Can(ruleExtraSpecs, own),
	}
}

// load is what must be loaded for the view.
func (v *viewing) load() compute.Load {
	return compute.Load{Ports: true, Tags: v.version >= 26, HostStatus: v.status && v.version >= 16, Data: v.extended && v.version >= 3}
}

func (v *viewing) reference(kind, id string) refView {
	return refView{ID: id, Links: []link{{"bookmark", v.base + "/" + kind + "/" + id}}}
}

func (v *viewing) server(s *compute.Server) serverView {
	view := serverView{
		ID: s.ID, Name: s.Name, Status: s.Status(), TenantID: s.ProjectID, UserID: s.UserID, Metadata: s.Metadata,
		HostID: v.hostID(s), Image: v.reference("images", s.ImageID), Flavor: v.flavor(s),
		Created: iso(s.CreatedAt), Updated: iso(s.UpdatedAt), Addresses: addresses(s.Ports, true), AccessIPv4: s.AccessIPv4, AccessIPv6: s.AccessIPv6,
		Links: []link{{"self", v.base + "/v2.1/servers/" + s.ID}, {"bookmark", v.base + "/servers/" + s.ID}}, DiskConfig: s.DiskConfig,
		Zone: s.Zone, KeyName: s.KeyName, LaunchedAt: micro(s.LaunchedAt), TerminatedAt: micro(s.TerminatedAt),
		VMState: s.VMState, PowerState: s.PowerState, Volumes: []any{}, Groups: groupNames(s.Ports),
	}
	if s.Metadata == nil {
		view.Metadata = map[string]string{}
	}
	if s.ConfigDrive {
		view.ConfigDrive = "True"
	}
	if s.TaskState != "" {
		view.TaskState = &s.TaskState
	}
	switch view.Status {
	case "ERROR", "DELETED":
		if s.Fault != nil {
			view.Fault = v.fault(s.Fault)
		}
	}
	switch view.Status {
	case "ACTIVE", "BUILD", "REBUILD", "RESIZE", "VERIFY_RESIZE", "MIGRATING":
		view.Progress = 0 // as Nova shows it for all drivers that do not count
	}
	if v.extended {
		view.serverAttributes = v.attributes(s)
		if v.version >= 3 {
			view.Hostname = s.Hostname
		}
	}
	v.later(s, &view)
	return view
}

// later adds what came with microversions.
func (v *viewing) later(s *compute.Server, view *serverView) {
	if v.version >= 9 {
		view.Locked = s.LockedBy != ""
	}
	if v.version >= 16 && v.status {
		view.HostStatus = s.HostUp
	}
	if v.version >= 19 {
		view.Description = s.Description
	}
	if v.version >= 26 {
		view.Tags = append([]string{}, s.Tags...)
	}
	if v.version >= 63 {
		view.TrustedCerts = (*string)(nil)
	}
	if v.version >= 71 && !v.list {
		view.ServerGroups = []string{}
		if s.GroupID != nil {
			view.ServerGroups = []string{*s.GroupID}
		}
	}
	if v.version >= 73 {
		view.LockedReason = s.LockedReason
	}
	if v.version >= 90 {
		view.Hostname = s.Hostname
	}
	if v.version >= 96 {
		view.PinnedZone = s.PinnedZone
	}
}

// hostID hashes once for all servers of a project on a host.
func (v *viewing) hostID(s *compute.Server) string {
	key := s.ProjectID + "/" + s.Host
	id, known := v.hosts[key]
	if !known {
		id = compute.HostID(s.ProjectID, s.Host)
		v.hosts[key] = id
	}
	return id
}

func (v *viewing) flavor(s *compute.Server) any {
	if v.version < 47 {
		return v.reference("flavors", s.FlavorID)
	}
	f := s.Size
	view := embeddedFlavor{VCPUs: f.VCPUs, RAM: f.MemoryMiB, Disk: f.RootGiB, Ephemeral: f.EphemeralGiB, Swap: f.SwapMiB, Name: f.Name}
	if v.specs {
		view.ExtraSpecs = f.ExtraSpecs
		if view.ExtraSpecs == nil {
			view.ExtraSpecs = map[string]string{}
		}
	}
	return view
}

// fault shows details of what the cloud itself did wrong to admins only.
func (v *viewing) fault(f *compute.Fault) faultView {
	view := faultView{Code: f.Code, Created: iso(f.Created), Message: f.Message}
	if v.admin || f.Code != 500 {
		view.Details = f.Details
	}
	return view
}

func (v *viewing) attributes(s *compute.Server) *serverAttributes {
	a := &serverAttributes{InstanceName: s.InstanceName()}
	if s.Host != "" {
		a.Host, a.Hypervisor = &s.Host, &s.Host
	}
	if v.version >= 3 {
		kernel, ramdisk := "", ""
		if s.Image.Kernel != nil {
			kernel = s.Image.Kernel.ID
		}
		if s.Image.Ramdisk != nil {
			ramdisk = s.Image.Ramdisk.ID
		}
		a.KernelID, a.RamdiskID = kernel, ramdisk
		a.LaunchIndex, a.ReservationID, a.RootDevice, a.UserData = s.LaunchIndex, s.ReservationID, "/dev/vda", s.UserData
	}
	return a
}

func groupNames(ports []network.PluggedPort) []map[string]string {
	var names []map[string]string
	for i := range ports {
		for _, name := range ports[i].SecurityGroupNames {
			if !slices.ContainsFunc(names, func(group map[string]string) bool { return group["name"] == name }) {
				names = append(names, map[string]string{"name": name})
			}
		}
	}
	return names
}

// addresses are a server's addresses by the name of their network.
func addresses(ports []network.PluggedPort, extended bool) map[string][]addressView {
	all := map[string][]addressView{}
	add := func(port *network.PluggedPort, address netip.Addr, kind string) {
		view := addressView{Version: 4, Addr: address.String()}
		if address.Is6() {
			view.Version = 6
		}
		if extended {
			view.Type, view.MAC = kind, port.MAC
		}
		all[port.NetworkName] = append(all[port.NetworkName], view)
	}
	for i := range ports {
		for _, fixed := range ports[i].FixedIPs {
			add(&ports[i], fixed.Address, "fixed")
		}
		for _, fixed := range ports[i].FixedIPs {
			for _, floating := range fixed.FloatingIPs {
				add(&ports[i], floating, "floating")
			}
		}
	}
	return all
}
