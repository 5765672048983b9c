package computeapi

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"

	"github.com/google/uuid"

	"wisp/internal/api"
	"wisp/internal/compute"
	"wisp/internal/errs"
	"wisp/internal/nodeapi"
)

func (f *face) hostRoutes() []api.Route {
	services, hypervisors := base+"os-services:", base+"os-hypervisors:"
	return []api.Route{
		{Method: "GET", Path: "/os-services", Policy: services + "list", Handler: f.listServices},
		{Method: "PUT", Path: "/os-services/{id}", Policy: services + "update", Handler: f.updateService},
		{Method: "DELETE", Path: "/os-services/{id}", Policy: services + "delete", Status: http.StatusNoContent, Handler: f.deleteService},
		{Method: "GET", Path: "/os-hypervisors", Policy: hypervisors + "list", Handler: f.listHypervisors},
		{Method: "GET", Path: "/os-hypervisors/detail", Policy: hypervisors + "list-detail", Handler: f.detailHypervisors},
		{Method: "GET", Path: "/os-hypervisors/statistics", Policy: hypervisors + "statistics", Max: 87, Handler: f.hypervisorStatistics},
		{Method: "GET", Path: "/os-hypervisors/{id}", Policy: hypervisors + "show", Handler: f.showHypervisor},
		{Method: "GET", Path: "/os-hypervisors/{id}/uptime", Policy: hypervisors + "uptime", Max: 87, Handler: f.hypervisorUptime},
		{Method: "GET", Path: "/os-hypervisors/{id}/search", Policy: hypervisors + "search", Max: 52, Handler: f.searchHypervisors},
		{Method: "GET", Path: "/os-hypervisors/{id}/servers", Policy: hypervisors + "servers", Max: 52, Handler: f.hypervisorServers},
		{Method: "GET", Path: "/os-availability-zone", Policy: base + "os-availability-zone:list", Handler: f.listZones},
		{Method: "GET", Path: "/os-availability-zone/detail", Policy: base + "os-availability-zone:detail", Handler: f.detailZones},
	}
}

type serviceView struct {
	ID             any     `json:"id"`
	Binary         string  `json:"binary"`
	Host           string  `json:"host"`
	Zone           string  `json:"zone"`
	Status         string  `json:"status"`
	State          string  `json:"state"`
	UpdatedAt      any     `json:"updated_at"`
	DisabledReason *string `json:"disabled_reason"`
	ForcedDown     *bool   `json:"forced_down,omitempty"` // 2.11
}

func enabled(disabled bool) string {
	if disabled {
		return "disabled"
	}
	return "enabled"
}

func upDown(up bool) string {
	if up {
		return "up"
	}
	return "down"
}

// ident is the id that a version shows: a number, and from 2.53 a UUID.
func ident(r *api.Request, number int64, id string) any {
	if r.Version >= 53 {
		return id
	}
	return number
}

func viewService(r *api.Request, h compute.Host) serviceView {
	v := serviceView{
		ID: ident(r, h.Number, h.ServiceID), Binary: compute.Binary, Host: h.Name, Zone: h.Zone, Status: enabled(h.Disabled), State: upDown(h.Up),
		UpdatedAt: micro(h.UpdatedAt), DisabledReason: h.DisabledReason,
	}
	if r.Version >= 11 {
		v.ForcedDown = &h.ForcedDown
	}
	return v
}

func (f *face) listServices(r *api.Request) (any, error) {
	if err := noUnknown(r, "host", "binary"); err != nil {
		return nil, err
	}
	views := []serviceView{}
	q := r.Query()
	if binary := q.Get("binary"); binary == "" || binary == compute.Binary {
		hosts, err := f.svc.ListHosts(r.Context(), compute.HostFilter{Name: q.Get("host")})
		if err != nil {
			return nil, err
		}
		for _, h := range hosts {
			views = append(views, viewService(r, h))
		}
	}
	return map[string]any{"services": views}, nil
}

var (
	oldServiceBody = object(map[string]*schema{
		"host": &fqdnString, "binary": {types: []string{"string"}, minLength: 1, maxLength: 255}, "disabled_reason": {types: []string{"string"}, minLength: 1, maxLength: 255},
		"forced_down": booleans.since(11),
	}, "host", "binary")
	serviceBody = object(map[string]*schema{
		"status": {types: []string{"string"}, enum: []any{"enabled", "disabled"}}, "disabled_reason": {types: []string{"string"}, minLength: 1, maxLength: 255},
		"forced_down": &booleans,
	})
)

// updateService serves both forms: before 2.53 the path names what to do and
// the body names the host; later the path names the service.
func (f *face) updateService(r *api.Request) (any, error) {
	if r.Version < 53 {
		return f.updateServiceByHost(r)
	}
	if err := serviceID(r); err != nil {
		return nil, err
	}
	var body struct {
		Status     *string
		Reason     *string `json:"disabled_reason"`
		ForcedDown *truth  `json:"forced_down"`
	}
	if err := bind(r, serviceBody, &body); err != nil {
		return nil, err
	}
	change := compute.HostUpdate{Reason: body.Reason, ForcedDown: (*bool)(body.ForcedDown)}
	if body.Status != nil {
		disabled := *body.Status == "disabled"
		change.Disabled = &disabled
	}
	switch {
	case body.Status == nil && body.ForcedDown == nil:
		return nil, errs.New(errs.Invalid, "No updates were requested. Fields 'status' or 'forced_down' should be specified.")
	case body.Reason != nil && (change.Disabled == nil || !*change.Disabled):
		return nil, errs.New(errs.Invalid, "Specifying 'disabled_reason' when status is 'enabled' is invalid.")
	}
	host, err := f.svc.UpdateHost(r.Context(), compute.HostFilter{Service: r.Param("id")}, change)
	if err != nil {
		return nil, err
	}
	return map[string]any{"service": viewService(r, host)}, nil
}

func (f *face) updateServiceByHost(r *api.Request) (any, error) {
	action := r.Param("id")
	if !slices.Contains([]string{"enable", "disable", "disable-log-reason", "force-down"}, action) || action == "force-down" && r.Version < 11 {
		return nil, errs.New(errs.NotFound, "Unknown action")
	}
	var body struct {
		Host, Binary string
		Reason       *string `json:"disabled_reason"`
		ForcedDown   *truth  `json:"forced_down"`
	}
	if err := bind(r, oldServiceBody, &body); err != nil {
		return nil, err
	}
	if body.Binary != compute.Binary {
		return nil, errs.New(errs.Invalid, "Updating a %s service is not supported. Only nova-compute services can be updated.", body.Binary)
	}
	view := map[string]any{"host": body.Host, "binary": body.Binary}
	var change compute.HostUpdate
	disabled := action != "enable"
	switch action {
	case "force-down":
		if body.ForcedDown == nil {
			return nil, errs.New(errs.Invalid, "Missing forced_down field")
		}
		change.ForcedDown = (*bool)(body.ForcedDown)
		view["forced_down"] = body.ForcedDown
	case "disable-log-reason":
		if body.Reason == nil {
			return nil, errs.New(errs.Invalid, "Missing disabled reason field")
		}
		change.Disabled, change.Reason = &disabled, body.Reason
		view["status"], view["disabled_reason"] = enabled(disabled), body.Reason
	default:
		change.Disabled = &disabled
		view["status"] = enabled(disabled)
	}
	if _, err := f.svc.UpdateHost(r.Context(), compute.HostFilter{Name: body.Host}, change); err != nil {
		return nil, err
	}
	return map[string]any{"service": view}, nil
}

// serviceID refuses what is no id of a service at the version: a number, and
// from 2.53 a UUID.
func serviceID(r *api.Request) error {
	id := r.Param("id")
	if r.Version >= 53 {
		if uuid.Validate(id) != nil {
			return errs.New(errs.Invalid, "Invalid uuid %s", id)
		}
		return nil
	}
	if _, err := strconv.ParseUint(id, 10, 31); err != nil {
		return errs.New(errs.Invalid, "Invalid input received: id must be an integer")
	}
	return nil
}

func (f *face) deleteService(r *api.Request) (any, error) {
	if err := serviceID(r); err != nil {
		return nil, err
	}
	return nil, f.svc.DeleteHost(r.Context(), r.Param("id"))
}

// hypervisorView is a hypervisor; what is nil or absent depends on the version.
type hypervisorView struct {
	ID       any                 `json:"id"`
	Hostname string              `json:"hypervisor_hostname"`
	State    string              `json:"state"`
	Status   string              `json:"status"`
	Servers  []map[string]string `json:"servers,omitzero"`
	*hypervisorDetail
	*hypervisorStock
	Uptime any `json:"uptime,omitempty"` // 2.88
}

type hypervisorDetail struct {
	HostIP  string         `json:"host_ip"`
	Type    string         `json:"hypervisor_type"`
	Version int            `json:"hypervisor_version"`
	Service map[string]any `json:"service"`
}

// hypervisorStock is what 2.88 left to the placement API.
type hypervisorStock struct {
	CPUInfo            any   `json:"cpu_info,omitempty"`
	Count              int   `json:"count,omitempty"` // of statistics
	CurrentWorkload    int64 `json:"current_workload"`
	DiskAvailableLeast int64 `json:"disk_available_least"`
	FreeDiskGB         int64 `json:"free_disk_gb"`
	FreeRAMMB          int64 `json:"free_ram_mb"`
	LocalGB            int64 `json:"local_gb"`
	LocalGBUsed        int64 `json:"local_gb_used"`
	MemoryMB           int64 `json:"memory_mb"`
	MemoryMBUsed       int64 `json:"memory_mb_used"`
	RunningVMs         int64 `json:"running_vms"`
	VCPUs              int64 `json:"vcpus"`
	VCPUsUsed          int64 `json:"vcpus_used"`
}

type cpuInfo struct {
	Arch     string         `json:"arch"`
	Model    string         `json:"model"`
	Vendor   string         `json:"vendor"`
	Topology map[string]int `json:"topology"`
	Features []string       `json:"features"`
}

func stock(h compute.Host) *hypervisorStock {
	c := h.Capacity
	return &hypervisorStock{
		DiskAvailableLeast: int64(c.DiskGiB) - h.DiskUsedGiB, FreeDiskGB: int64(c.DiskGiB) - h.DiskHeldGiB, FreeRAMMB: int64(c.MemoryMiB) - h.MemoryHeldMiB,
		LocalGB: int64(c.DiskGiB), LocalGBUsed: h.DiskHeldGiB, MemoryMB: int64(c.MemoryMiB), MemoryMBUsed: h.MemoryHeldMiB,
		RunningVMs: h.Running, VCPUs: int64(c.VCPUs), VCPUsUsed: h.VCPUsUsed,
	}
}

func viewHypervisor(r *api.Request, h compute.Host, detail bool) (hypervisorView, error) {
	v := hypervisorView{ID: ident(r, h.Number, h.ID), Hostname: h.Name, State: upDown(h.Up), Status: enabled(h.Disabled)}
	if !detail {
		return v, nil
	}
	v.hypervisorDetail = &hypervisorDetail{
		HostIP: h.Address, Type: h.Capacity.Hypervisor, Version: h.Capacity.HypervisorVersion,
		Service: map[string]any{"id": ident(r, h.Number, h.ServiceID), "host": h.Name, "disabled_reason": h.DisabledReason},
	}
	if r.Version >= 88 {
		v.Uptime = uptime(h)
		return v, nil
	}
	v.hypervisorStock = stock(h)
	info := cpuOf(h.Capacity)
	v.CPUInfo = info
	if r.Version < 28 {
		text, err := json.Marshal(info)
		if err != nil {
			return v, err
		}
		v.CPUInfo = string(text)
	}
	return v, nil
}

// cpuOf describes a host's processors. A node that does not know how they are
// arranged has them in one socket.
func cpuOf(c nodeapi.Capacity) cpuInfo {
	info := cpuInfo{
		Arch: c.Arch, Model: c.CPUModel, Vendor: c.CPUVendor, Features: c.CPUFeatures,
		Topology: map[string]int{"sockets": c.Sockets, "cores": c.Cores, "threads": c.Threads},
	}
	if c.Sockets*c.Cores*c.Threads == 0 {
		info.Topology = map[string]int{"sockets": 1, "cores": c.VCPUs, "threads": 1}
	}
	if info.Features == nil {
		info.Features = []string{}
	}
	return info
}

// uptime is how long the machine is up, in the words of uptime(1), as of the
// last sign of life of its node; null when that is down. Nobody logs in to a
// host through the cloud, so there are no users.
func uptime(h compute.Host) *string {
	since := h.BootedAt
	if since.IsZero() {
		since = h.StartedAt // a node that does not know its machine's age
	}
	if !h.Up || since.IsZero() {
		return nil
	}
	age := max(0, h.LastSeenAt.Sub(since))
	days, hours, minutes := int(age.Hours())/24, int(age.Hours())%24, int(age.Minutes())%60
	two := func(n int) string { return strconv.Itoa(n/10) + strconv.Itoa(n%10) }
	text := " " + h.LastSeenAt.UTC().Format("15:04:05") + " up " + strconv.Itoa(days) + " days, " + strconv.Itoa(hours) + ":" + two(minutes) +
		",  0 users,  load average: " + strconv.FormatFloat(h.Load, 'f', 2, 64)
	return &text
}

func hypervisorServersOf(h compute.Host) []map[string]string {
	list := []map[string]string{}
	for _, s := range h.Servers {
		list = append(list, map[string]string{"name": s.Name, "uuid": s.ID})
	}
	return list
}

func (f *face) hypervisorPage(r *api.Request, detail bool) (any, error) {
	if err := noUnknownFrom(r, 53, "limit", "marker", "hypervisor_hostname_pattern", "with_servers"); err != nil {
		return nil, err
	}
	filter := compute.HostFilter{Load: detail}
	limit := 0
	if r.Version >= 33 {
		var err error
		if limit, filter.Marker, err = page(r); err != nil {
			return nil, err
		}
		filter.Limit = limit
	}
	with := false
	if r.Version >= 53 {
		filter.Pattern = r.Query().Get("hypervisor_hostname_pattern")
		var err error
		if with, err = flag(r, "with_servers"); err != nil {
			return nil, err
		}
		if filter.Pattern != "" && (r.Query().Has("limit") || r.Query().Has("marker")) {
			return nil, errs.New(errs.Invalid, "Paging over hypervisors with the hypervisor_hostname_pattern query parameter is not supported.")
		}
		filter.Servers = with
	}
	if r.Version >= 33 && none(r) {
		return map[string]any{"hypervisors": []any{}}, nil
	}
	hosts, err := f.svc.ListHosts(r.Context(), filter)
	if err != nil {
		return nil, err
	}
	if filter.Pattern != "" && len(hosts) == 0 {
		return nil, errs.New(errs.NotFound, "No hypervisor matching '%s' could be found.", filter.Pattern)
	}
	views := make([]hypervisorView, len(hosts))
	for i, h := range hosts {
		if views[i], err = viewHypervisor(r, h, detail); err != nil {
			return nil, err
		}
		if with && (len(h.Servers) > 0 || r.Version >= 75) {
			views[i].Servers = hypervisorServersOf(h)
		}
	}
	body := map[string]any{"hypervisors": views}
	if len(hosts) > 0 && r.Query().Has("limit") {
		if more := next(r, len(hosts), limit, fmt.Sprint(views[len(hosts)-1].ID)); more != nil {
			body["hypervisors_links"] = more
		}
	}
	return body, nil
}

func (f *face) listHypervisors(r *api.Request) (any, error)   { return f.hypervisorPage(r, false) }
func (f *face) detailHypervisors(r *api.Request) (any, error) { return f.hypervisorPage(r, true) }

// hypervisor finds the one in the path by the id that the version shows.
func (f *face) hypervisor(r *api.Request, servers bool) (compute.Host, error) {
	id := r.Param("id")
	switch isID := uuid.Validate(id) == nil; {
	case r.Version >= 53 && !isID:
		return compute.Host{}, errs.New(errs.Invalid, "Invalid uuid %s", id)
	case r.Version < 53 && isID:
		return compute.Host{}, errs.New(errs.NotFound, "Hypervisor with ID '%s' could not be found.", id)
	}
	host, err := f.svc.GetHypervisor(r.Context(), id, servers)
	if errs.Is(err, errs.NotFound) {
		err = errs.Wrap(err, errs.NotFound, "Hypervisor with ID '%s' could not be found.", id)
	}
	return host, err
}

func (f *face) showHypervisor(r *api.Request) (any, error) {
	if err := noUnknownFrom(r, 53, "with_servers"); err != nil {
		return nil, err
	}
	with := false
	if r.Version >= 53 {
		var err error
		if with, err = flag(r, "with_servers"); err != nil {
			return nil, err
		}
	}
	host, err := f.hypervisor(r, with)
	if err != nil {
		return nil, err
	}
	view, err := viewHypervisor(r, host, true)
	if err != nil {
		return nil, err
	}
	if with && (len(host.Servers) > 0 || r.Version >= 75) {
		view.Servers = hypervisorServersOf(host)
	}
	return map[string]any{"hypervisor": view}, nil
}

func (f *face) hypervisorUptime(r *api.Request) (any, error) {
	host, err := f.hypervisor(r, false)
	if err != nil {
		return nil, err
	}
	text := uptime(host)
	if text == nil {
		return nil, errs.New(errs.Invalid, "Unable to get the uptime: host %s is down.", host.Name)
	}
	view, err := viewHypervisor(r, host, false)
	view.Uptime = text
	return map[string]any{"hypervisor": view}, err
}

func (f *face) hypervisorStatistics(r *api.Request) (any, error) {
	hosts, err := f.svc.ListHosts(r.Context(), compute.HostFilter{Load: true})
	if err != nil {
		return nil, err
	}
	sum := struct {
		Count int `json:"count"`
		*hypervisorStock
	}{len(hosts), &hypervisorStock{}}
	for _, h := range hosts {
		one := stock(h)
		sum.DiskAvailableLeast += one.DiskAvailableLeast
		sum.FreeDiskGB += one.FreeDiskGB
		sum.FreeRAMMB += one.FreeRAMMB
		sum.LocalGB += one.LocalGB
		sum.LocalGBUsed += one.LocalGBUsed
		sum.MemoryMB += one.MemoryMB
		sum.MemoryMBUsed += one.MemoryMBUsed
		sum.RunningVMs += one.RunningVMs
		sum.VCPUs += one.VCPUs
		sum.VCPUsUsed += one.VCPUsUsed
	}
	return map[string]any{"hypervisor_statistics": sum}, nil
}

func (f *face) matchingHosts(r *api.Request, servers bool) ([]compute.Host, error) {
	hosts, err := f.svc.ListHosts(r.Context(), compute.HostFilter{Pattern: r.Param("id"), Servers: servers})
	if err == nil && len(hosts) == 0 {
		err = errs.New(errs.NotFound, "No hypervisor matching '%s' could be found.", r.Param("id"))
	}
	return hosts, err
}

func (f *face) searchHypervisors(r *api.Request) (any, error) {
	hosts, err := f.matchingHosts(r, false)
	if err != nil {
		return nil, err
	}
	views := make([]hypervisorView, len(hosts))
	for i, h := range hosts {
		if views[i], err = viewHypervisor(r, h, false); err != nil {
			return nil, err
		}
	}
	return map[string]any{"hypervisors": views}, nil
}

func (f *face) hypervisorServers(r *api.Request) (any, error) {
	hosts, err := f.matchingHosts(r, true)
	if err != nil {
		return nil, err
	}
	views := make([]hypervisorView, len(hosts))
	for i, h := range hosts {
		if views[i], err = viewHypervisor(r, h, false); err != nil {
			return nil, err
		}
		if len(h.Servers) > 0 {
			views[i].Servers = hypervisorServersOf(h)
		}
	}
	return map[string]any{"hypervisors": views}, nil
}

type zoneView struct {
	Name  string          `json:"zoneName"`
	State map[string]bool `json:"zoneState"`
	Hosts any             `json:"hosts"`
}

func (f *face) zones(r *api.Request, detail bool) (any, error) {
	zones, err := f.svc.Zones(r.Context())
	if err != nil {
		return nil, err
	}
	views := []zoneView{}
	for _, name := range slices.Sorted(maps.Keys(zones)) {
		available := len(zones[name]) == 0
		hosts := map[string]any{}
		for _, h := range zones[name] {
			available = available || !h.Disabled
			hosts[h.Name] = map[string]any{compute.Binary: map[string]any{"active": !h.Disabled, "available": h.Up, "updated_at": micro(h.UpdatedAt)}}
		}
		view := zoneView{Name: name, State: map[string]bool{"available": available}}
		if detail {
			view.Hosts = hosts
		}
		views = append(views, view)
	}
	return map[string]any{"availabilityZoneInfo": views}, nil
}

func (f *face) listZones(r *api.Request) (any, error)   { return f.zones(r, false) }
func (f *face) detailZones(r *api.Request) (any, error) { return f.zones(r, true) }
