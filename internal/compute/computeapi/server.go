package computeapi

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"wisp/internal/api"
	"wisp/internal/compute"
	"wisp/internal/errs"
	"wisp/internal/policy"
	"wisp/internal/store"
)

func (f *face) serverRoutes() []api.Route {
	rule := base + "servers:"
	return []api.Route{
		{Method: "GET", Path: "/servers", Policy: rule + "index", Handler: f.listServers},
		{Method: "GET", Path: "/servers/detail", Policy: rule + "detail", Handler: f.detailServers},
		// Files and user data make this body larger than others may be.
		{Method: "POST", Path: "/servers", Policy: rule + "create", Status: http.StatusAccepted, MaxBody: 1 << 20, Handler: f.createServer},
		{Method: "GET", Path: "/servers/{id}", Policy: rule + "show", Handler: f.showServer},
		{Method: "PUT", Path: "/servers/{id}", Policy: rule + "update", Handler: f.updateServer},
		{Method: "DELETE", Path: "/servers/{id}", Policy: rule + "delete", Status: http.StatusNoContent, Handler: f.deleteServer},
		{Method: "POST", Path: "/servers/{id}/action", Policy: rule + "action", Status: http.StatusAccepted, Handler: f.serverAction},
	}
}

func ownTarget(r *api.Request) policy.Target { return policy.Own(r.Caller) }

type serverBrief struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	Links []link `json:"links"`
}

func (f *face) listServers(r *api.Request) (any, error) {
	servers, limit, err := f.readServers(r, compute.Load{Brief: true})
	if err != nil {
		return nil, err
	}
	views := make([]serverBrief, len(servers))
	for i := range servers {
		views[i] = serverBrief{ID: servers[i].ID, Name: servers[i].Name, Links: links(r, "servers", servers[i].ID)}
	}
	return serverPage(r, views, servers, limit), nil
}

func (f *face) detailServers(r *api.Request) (any, error) {
	viewing := newViewing(r, true)
	servers, limit, err := f.readServers(r, viewing.load())
	if err != nil {
		return nil, err
	}
	views := make([]serverView, len(servers))
	for i := range servers {
		views[i] = viewing.server(&servers[i])
	}
	return serverPage(r, views, servers, limit), nil
}

type serversBody struct {
	Servers any    `json:"servers"`
	Links   []link `json:"servers_links,omitempty"`
}

func serverPage(r *api.Request, views any, servers []compute.Server, limit int) serversBody {
	body := serversBody{Servers: views}
	if len(servers) > 0 {
		body.Links = next(r, len(servers), limit, servers[len(servers)-1].ID)
	}
	return body
}

func (f *face) showServer(r *api.Request) (any, error) {
	viewing := newViewing(r, false)
	server, err := f.svc.GetServer(r.Context(), r.Caller, r.Param("id"), viewing.load())
	if err != nil {
		return nil, err
	}
	return map[string]any{"server": viewing.server(&server)}, nil
}

func (f *face) deleteServer(r *api.Request) (any, error) {
	return nil, f.svc.DeleteServer(r.Context(), r.Caller, r.Param("id"))
}

var updateServerBody = wrapped("server", object(map[string]*schema{
	"name": &nameString, "OS-DCF:diskConfig": &diskConfig, "accessIPv4": &ipv4OrEmpty, "accessIPv6": &ipv6OrEmpty,
	"description": described.since(19), "hostname": hostnameField.since(90),
}))

// hostnameField lets a label pass, and from 2.94 on a full name; hostnameFits
// tells which.
var hostnameField = fqdnString

func hostnameFits(r *api.Request, name string) error {
	if r.Version >= 94 || hostString.findString(name) == "" {
		return nil
	}
	return errs.New(errs.Invalid, "Invalid input for field/attribute hostname. Value: %s. %s", name, hostString.findString(name))
}

func (f *face) updateServer(r *api.Request) (any, error) {
	var body struct {
		Server struct {
			Name        *string
			DiskConfig  *string `json:"OS-DCF:diskConfig"`
			AccessIPv4  *string
			AccessIPv6  *string
			Description optional[*string]
			Hostname    *string
		}
	}
	if err := bind(r, updateServerBody, &body); err != nil {
		return nil, err
	}
	in := body.Server
	change := compute.ServerUpdate{Name: in.Name, Hostname: in.Hostname, AccessIPv4: in.AccessIPv4, AccessIPv6: in.AccessIPv6, DiskConfig: in.DiskConfig}
	if in.Description.given {
		change.Description = &in.Description.value
	}
	if in.Hostname != nil {
		if err := hostnameFits(r, *in.Hostname); err != nil {
			return nil, err
		}
	}
	if _, err := f.svc.UpdateServer(r.Context(), r.Caller, r.Param("id"), change); err != nil {
		return nil, err
	}
	viewing := newViewing(r, false)
	server, err := f.svc.GetServer(r.Context(), r.Caller, r.Param("id"), viewing.load())
	if err != nil {
		return nil, err
	}
	view := viewing.server(&server)
	if r.Version < 75 {
		return map[string]any{"server": trimUpdated(view, &server)}, nil
	}
	return map[string]any{"server": view}, nil
}

// updatedView is what answers a change before 2.75: less than a show.
type updatedView struct {
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
	Locked       any                      `json:"locked,omitempty"`
	Description  any                      `json:"description,omitempty"`
	Tags         any                      `json:"tags,omitempty"`
	TrustedCerts any                      `json:"trusted_image_certificates,omitempty"`
	ServerGroups any                      `json:"server_groups,omitempty"`
	LockedReason any                      `json:"locked_reason,omitempty"`
}

func trimUpdated(v serverView, s *compute.Server) updatedView {
	return updatedView{
		ID: v.ID, Name: v.Name, Status: v.Status, TenantID: v.TenantID, UserID: v.UserID, Metadata: v.Metadata, HostID: v.HostID,
		Image: v.Image, Flavor: v.Flavor, Created: v.Created, Updated: v.Updated, Addresses: addresses(s.Ports, false), AccessIPv4: v.AccessIPv4,
		AccessIPv6: v.AccessIPv6, Links: v.Links, DiskConfig: v.DiskConfig, Fault: v.Fault, Progress: v.Progress, Locked: v.Locked,
		Description: v.Description, Tags: v.Tags, TrustedCerts: v.TrustedCerts, ServerGroups: v.ServerGroups, LockedReason: v.LockedReason,
	}
}

// The filters of servers that everybody may use, by the microversion from which
// on; others need admin, and are ignored from whoever is not, as Nova does.
var (
	userFilters = map[string]int{
		"reservation_id": 1, "name": 1, "status": 1, "image": 1, "flavor": 1, "ip": 1, "changes-since": 1, "all_tenants": 1, "ip6": 5,
		"tags": 26, "tags-any": 26, "not-tags": 26, "not-tags-any": 26, "changes-before": 66, "locked": 73,
		"availability_zone": 83, "config_drive": 83, "key_name": 83, "created_at": 83, "launched_at": 83, "terminated_at": 83, "power_state": 83,
		"task_state": 83, "vm_state": 83, "progress": 83, "user_id": 83, "hostname": 90,
	}
	paging       = []string{"limit", "marker", "sort_key", "sort_dir"}
	knownFilters = []string{
		"reservation_id", "name", "status", "image", "flavor", "ip", "changes-since", "all_tenants", "ip6", "access_ip_v4", "access_ip_v6",
		"availability_zone", "config_drive", "key_name", "created_at", "launched_at", "terminated_at", "power_state", "vm_state", "task_state",
		"user_id", "description", "hostname", "display_name", "display_description", "uuid", "launch_index", "auto_disk_config", "progress", "root_device_name",
		"host", "node", "project_id", "tenant_id", "deleted", "locked_by", "kernel_id", "ramdisk_id", "soft_deleted", "image_ref",
	}
)

// permitted are the parameters of a list of servers that the caller may use at
// this microversion.
func permitted(r *api.Request) url.Values {
	q := maps.Clone(r.Query())
	if r.Caller.IsAdmin() {
		return q
	}
	maps.DeleteFunc(q, func(name string, _ []string) bool {
		since, known := userFilters[name]
		return (!known || r.Version < since) && !slices.Contains(paging, name)
	})
	return q
}

func filtersAt(version int) []string {
	known := slices.Concat(paging, knownFilters)
	if version >= 26 {
		known = append(known, "tags", "tags-any", "not-tags", "not-tags-any")
	}
	if version >= 66 {
		known = append(known, "changes-before")
	}
	if version >= 73 {
		known = append(known, "locked")
	}
	return known
}

// Filters that Nova knows and that match nothing here: no server of this
// cloud has another value than one.
var constantFilters = map[string]string{"progress": "0", "root_device_name": "/dev/vda"}

func (f *face) readServers(r *api.Request, load compute.Load) ([]compute.Server, int, error) {
	if err := noUnknown(r, filtersAt(r.Version)...); err != nil {
		return nil, 0, err
	}
	filter, possible, err := serverFilter(r)
	if err != nil || !possible {
		return nil, 0, err
	}
	servers, err := f.svc.ListServers(r.Context(), r.Caller, filter, load)
	return servers, filter.Limit, err
}

func serverFilter(r *api.Request) (filter compute.ServerFilter, possible bool, err error) {
	q := permitted(r)
	list, err := r.List(pageLimit)
	if err != nil {
		return filter, false, err
	}
	filter.List = list
	if filter.Sort, err = serverOrder(r, list.Sort); err != nil {
		return filter, false, err
	}
	if q.Get("limit") == "0" {
		return filter, false, nil
	}
	for name := range q {
		if strings.HasPrefix(name, "_") || joined[name] {
			return filter, false, errs.New(errs.Invalid, "Invalid filter field: %s.", name)
		}
	}
	if err := scopeFilter(r, q, &filter); err != nil {
		return filter, false, err
	}
	for name, value := range constantFilters {
		if q.Has(name) && !strings.EqualFold(q.Get(name), value) {
			return filter, false, nil
		}
	}
	return filter, true, timeAndTags(r, q, &filter)
}

// serverOrder is the order that a list of servers is asked for. Directions that
// are missing are the first one, or else descending, and the newest or the
// oldest comes first among equals, by the same direction.
func serverOrder(r *api.Request, asked []store.Order) ([]store.Order, error) {
	keys, dirs := r.Query()["sort_key"], r.Query()["sort_dir"]
	desc := len(dirs) == 0 || strings.EqualFold(dirs[0], "desc")
	if len(dirs) > max(len(keys), 1) {
		return nil, errs.New(errs.Invalid, "Invalid input received: Sort direction size exceeds sort key size")
	}
	if len(keys) == 0 && len(dirs) == 1 {
		if !desc && !strings.EqualFold(dirs[0], "asc") {
			return nil, errs.New(errs.Invalid, "Invalid input received: Unknown sort direction, must be 'desc' or 'asc'")
		}
		return []store.Order{{Key: "created_at", Desc: desc}}, nil
	}
	var order []store.Order
	dated := false
	for i, one := range asked {
		_, known := compute.ServerColumns[one.Key]
		switch {
		case (one.Key == "host" || one.Key == "node") && !r.Caller.IsAdmin():
			return nil, errs.New(errs.Forbidden, "Only administrators can sort servers by %s", one.Key)
		case constantFilters[one.Key] != "":
			continue // all are the same
		case one.Key == "id" && r.Version < 75, one.Key == "locked" && r.Version < 73, ignoredSort[one.Key] && r.Version < 75:
			continue
		case !known || one.Key == "id":
			return nil, errs.New(errs.Invalid, "Invalid input for query parameters sort_key. Value: %s. '%s' is not a sort key", one.Key, one.Key)
		}
		if i >= len(dirs) {
			one.Desc = desc
		}
		order, dated = append(order, one), dated || one.Key == "created_at"
	}
	if len(order) > 0 && !dated {
		order = append(order, store.Order{Key: "created_at", Desc: desc})
	}
	return order, nil
}

// joined are names of Nova's tables, which are no filters.
var joined = map[string]bool{
	"block_device_mapping": true, "services": true, "metadata": true, "system_metadata": true, "info_cache": true, "security_groups": true, "pci_devices": true,
}

// ignoredSort are keys that older clients may send without effect.
var ignoredSort = map[string]bool{
	"architecture": true, "cell_name": true, "cleaned": true, "default_ephemeral_device": true, "default_swap_device": true, "deleted": true,
	"deleted_at": true, "disable_terminate": true, "ephemeral_gb": true, "ephemeral_key_uuid": true, "key_data": true, "launched_on": true,
	"memory_mb": true, "os_type": true, "reservation_id": true, "root_gb": true, "shutdown_terminate": true, "user_data": true, "vcpus": true,
	"vm_mode": true, "kernel_id": true, "ramdisk_id": true,
}

func scopeFilter(r *api.Request, q url.Values, filter *compute.ServerFilter) error {
	admin := r.Caller.IsAdmin()
	if q.Has("all_tenants") {
		word := q.Get("all_tenants")
		if word != "" && !isTrue(word) && !isFalse(word) {
			return errs.New(errs.Invalid, "Invalid value '%s' for all_tenants: it must be a boolean.", word)
		}
		if word == "" || isTrue(word) {
			if err := r.Allow(ruleAllProjects, policy.Target{}); err != nil {
				return err
			}
			filter.AllProjects = true
			filter.ProjectID = q.Get("project_id")
			if filter.ProjectID == "" {
				filter.ProjectID = q.Get("tenant_id")
			}
		}
	}
	pick := func(names ...string) []string {
		for _, name := range names {
			if values := q[name]; len(values) > 0 {
				return values
			}
		}
		return nil
	}
	filter.UserID = q.Get("user_id")
	filter.Images, filter.Flavors = refs(pick("image", "image_ref")), refs(pick("flavor"))
	filter.IDs, filter.Keys, filter.Zones = pick("uuid"), pick("key_name"), pick("availability_zone")
	filter.Reservations, filter.LaunchIndex, filter.DiskConfig = pick("reservation_id"), pick("launch_index"), pick("auto_disk_config")
	filter.States, filter.Tasks, filter.Powers = pick("vm_state"), pick("task_state"), pick("power_state")
	filter.AccessIPv4, filter.AccessIPv6 = pick("access_ip_v4"), pick("access_ip_v6")
	filter.IP, filter.IP6 = q.Get("ip"), q.Get("ip6")
	if admin {
		filter.Hosts = pick("host", "node")
		filter.Deleted = isTrue(q.Get("deleted"))
		filter.NotDeleted = q.Has("deleted") && !filter.Deleted
		if q.Has("soft_deleted") {
			soft := isTrue(q.Get("soft_deleted"))
			filter.SoftDeleted = &soft
		}
	}
	if q.Has("config_drive") {
		drive := isTrue(q.Get("config_drive"))
		filter.ConfigDrive = &drive
	}
	filter.Patterns = map[string]string{}
	for name, column := range map[string]string{"display_name": "name", "name": "name", "display_description": "description", "description": "description", "hostname": "hostname", "locked_by": "locked_by"} {
		if pattern := q.Get(name); pattern != "" {
			filter.Patterns[column] = pattern
		}
	}
	filter.Kernel, filter.Ramdisk = q.Get("kernel_id"), q.Get("ramdisk_id")
	filter.Moments = map[string]time.Time{}
	for _, name := range []string{"created_at", "launched_at", "terminated_at"} {
		text := q.Get(name)
		if when, err := parseTime(text); err == nil && strings.ContainsRune(text, 'T') {
			filter.Moments[name] = when
		} else if text != "" {
			filter.Patterns[name] = text
		}
	}
	return statusFilter(r, q["status"], filter)
}

// statusFilter reads the statuses. Deleted servers are shown to those who ask
// for nothing else.
func statusFilter(r *api.Request, statuses []string, filter *compute.ServerFilter) error {
	known := slices.ContainsFunc(statuses, compute.KnownStatus)
	if len(statuses) > 0 && !known && r.Version >= 38 {
		return errs.New(errs.Invalid, "Invalid status value")
	}
	filter.Statuses = statuses
	if known && !slices.ContainsFunc(statuses, func(status string) bool { return compute.KnownStatus(status) && !strings.EqualFold(status, "DELETED") }) {
		if !r.Caller.IsAdmin() {
			return errs.New(errs.Forbidden, "Only administrators may list deleted instances")
		}
		filter.Deleted, filter.NotDeleted = true, false
	}
	return nil
}

func timeAndTags(r *api.Request, q url.Values, filter *compute.ServerFilter) error {
	for name, to := range map[string]*time.Time{"changes-since": &filter.ChangesSince, "changes-before": &filter.ChangesBefore} {
		if !q.Has(name) || name == "changes-before" && r.Version < 66 {
			continue
		}
		when, err := parseTime(q.Get(name))
		if err != nil {
			return errs.New(errs.Invalid, "Invalid input for query parameters %s. Value: %s. '%s' is not a 'date-time'", name, q.Get(name), q.Get(name))
		}
		*to = when
	}
	if !filter.ChangesSince.IsZero() && !filter.ChangesBefore.IsZero() && filter.ChangesBefore.Before(filter.ChangesSince) {
		return errs.New(errs.Invalid, "The value of changes-since must be less than or equal to changes-before.")
	}
	if r.Version >= 26 {
		for name, to := range map[string]*[]string{"tags": &filter.Tags, "tags-any": &filter.TagsAny, "not-tags": &filter.NotTags, "not-tags-any": &filter.NotTagsAny} {
			if text := q.Get(name); text != "" {
				*to = strings.Split(text, ",")
			}
		}
	}
	if r.Version >= 73 && q.Has("locked") {
		word := q.Get("locked")
		if !isTrue(word) && !isFalse(word) {
			return errs.New(errs.Invalid, "Invalid value '%s' for locked: it must be a boolean.", word)
		}
		locked := isTrue(word)
		filter.Locked = &locked
	}
	return nil
}

// refs takes the ids out of what may be references (URLs).
func refs(values []string) []string {
	for i, v := range values {
		values[i] = v[strings.LastIndexByte(v, '/')+1:]
	}
	return values
}

// parseTime reads ISO 8601 times with or without fractions and zone.
func parseTime(text string) (time.Time, error) {
	text = strings.Replace(text, " ", "+", 1) // a plus sign that nobody escaped
	var err error
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02T15:04:05Z0700", "2006-01-02T15:04", "2006-01-02", "20060102T150405Z"} {
		var t time.Time
		if t, err = time.Parse(layout, text); err == nil {
			return t, nil
		}
	}
	return time.Time{}, err
}
