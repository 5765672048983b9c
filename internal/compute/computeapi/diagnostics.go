package computeapi

import (
	"strconv"

	"wisp/internal/api"
	"wisp/internal/compute"
)

func (f *face) diagnosticsRoutes() []api.Route {
	return []api.Route{
		{Method: "GET", Path: "/servers/{id}/diagnostics", Policy: base + "os-server-diagnostics", Handler: f.diagnose},
	}
}

// diagnosticsView is the form since 2.48 (API ref: Servers diagnostics).
// What is null is not known.
type diagnosticsView struct {
	State        string        `json:"state"`
	Driver       string        `json:"driver"`
	Hypervisor   string        `json:"hypervisor"`
	HypervisorOS string        `json:"hypervisor_os"`
	Uptime       int64         `json:"uptime"` // seconds
	ConfigDrive  bool          `json:"config_drive"`
	CPUs         int           `json:"num_cpus"`
	NICs         int           `json:"num_nics"`
	Disks        int           `json:"num_disks"`
	CPUDetails   []cpuDetails  `json:"cpu_details"`
	NICDetails   []nicDetails  `json:"nic_details"`
	DiskDetails  []diskDetails `json:"disk_details"`
	Memory       memoryDetails `json:"memory_details"`
}

type cpuDetails struct {
	ID          int    `json:"id"`
	Time        int64  `json:"time"` // nanoseconds
	Utilisation *int64 `json:"utilisation"`
}

type nicDetails struct {
	MAC       string `json:"mac_address"`
	RxOctets  int64  `json:"rx_octets"`
	RxErrors  int64  `json:"rx_errors"`
	RxDrop    int64  `json:"rx_drop"`
	RxPackets int64  `json:"rx_packets"`
	RxRate    *int64 `json:"rx_rate"`
	TxOctets  int64  `json:"tx_octets"`
	TxErrors  int64  `json:"tx_errors"`
	TxDrop    int64  `json:"tx_drop"`
	TxPackets int64  `json:"tx_packets"`
	TxRate    *int64 `json:"tx_rate"`
}

type diskDetails struct {
	ReadBytes     int64 `json:"read_bytes"`
	ReadRequests  int64 `json:"read_requests"`
	WriteBytes    int64 `json:"write_bytes"`
	WriteRequests int64 `json:"write_requests"`
	Errors        int64 `json:"errors_count"`
}

type memoryDetails struct {
	Maximum int64 `json:"maximum"` // MiB
	Used    int64 `json:"used"`    // MiB; what the hypervisor itself needs is not the guest's
}

func (f *face) diagnose(r *api.Request) (any, error) {
	d, err := f.svc.Diagnose(r.Context(), r.Caller, r.Param("id"))
	if err != nil {
		return nil, err
	}
	if r.Version < 48 {
		return oldDiagnostics(d), nil
	}
	// The driver is one of a closed list of names, of which libvirt's is the
	// one for QEMU.
	view := diagnosticsView{
		State: "running", Driver: "libvirt", Hypervisor: "qemu", HypervisorOS: "linux", Uptime: d.Stats.UptimeSeconds, ConfigDrive: d.Server.ConfigDrive,
		CPUs: len(d.Stats.CPUTimes), NICs: len(d.Stats.Ports), Disks: len(d.Stats.Disks),
		CPUDetails: []cpuDetails{}, NICDetails: []nicDetails{}, DiskDetails: []diskDetails{},
		Memory: memoryDetails{Maximum: d.Server.MemoryMiB, Used: min(d.Stats.MemoryBytes>>20, d.Server.MemoryMiB)},
	}
	if d.Stats.Accelerator == "kvm" {
		view.Hypervisor = "kvm"
	}
	for i, t := range d.Stats.CPUTimes {
		view.CPUDetails = append(view.CPUDetails, cpuDetails{ID: i, Time: t.Nanoseconds()})
	}
	macs := map[string]string{}
	for _, port := range d.Server.Ports {
		macs[port.PortID] = port.MAC
	}
	for _, p := range d.Stats.Ports {
		view.NICDetails = append(view.NICDetails, nicDetails{
			MAC: macs[p.PortID], RxOctets: p.RxBytes, RxErrors: p.RxErrors, RxDrop: p.RxDropped, RxPackets: p.RxPackets,
			TxOctets: p.TxBytes, TxErrors: p.TxErrors, TxDrop: p.TxDropped, TxPackets: p.TxPackets,
		})
	}
	for _, one := range d.Stats.Disks {
		view.DiskDetails = append(view.DiskDetails, diskDetails{
			ReadBytes: one.ReadBytes, ReadRequests: one.ReadRequests, WriteBytes: one.WriteBytes, WriteRequests: one.WriteRequests, Errors: one.Errors,
		})
	}
	return view, nil
}

// oldDiagnostics is the form before 2.48: what Nova's driver for QEMU has,
// with the names of devices in the names of fields.
func oldDiagnostics(d compute.Diagnostics) map[string]int64 {
	view := map[string]int64{
		"memory":        d.Server.MemoryMiB << 10, // KiB, as the two below
		"memory-actual": d.Server.MemoryMiB << 10,
		"memory-rss":    d.Stats.MemoryBytes >> 10,
	}
	for i, t := range d.Stats.CPUTimes {
		view["cpu"+strconv.Itoa(i)+"_time"] = t.Nanoseconds()
	}
	for _, one := range d.Stats.Disks {
		view[one.Device+"_read"], view[one.Device+"_read_req"] = one.ReadBytes, one.ReadRequests
		view[one.Device+"_write"], view[one.Device+"_write_req"] = one.WriteBytes, one.WriteRequests
		view[one.Device+"_errors"] = one.Errors
	}
	for _, p := range d.Stats.Ports {
		view[p.Device+"_rx"], view[p.Device+"_rx_packets"] = p.RxBytes, p.RxPackets
		view[p.Device+"_rx_errors"], view[p.Device+"_rx_drop"] = p.RxErrors, p.RxDropped
		view[p.Device+"_tx"], view[p.Device+"_tx_packets"] = p.TxBytes, p.TxPackets
		view[p.Device+"_tx_errors"], view[p.Device+"_tx_drop"] = p.TxErrors, p.TxDropped
	}
	return view
}
