package computeapi

import (
	"time"

	"wisp/internal/api"
	"wisp/internal/compute"
	"wisp/internal/errs"
)

func (f *face) usageRoutes() []api.Route {
	rule := base + "os-simple-tenant-usage:"
	return []api.Route{
		{Method: "GET", Path: "/os-simple-tenant-usage", Policy: rule + "list", Handler: f.listUsages},
		{Method: "GET", Path: "/os-simple-tenant-usage/{id}", Policy: rule + "show", Target: ofProject, Handler: f.showUsage},
	}
}

type serverUsage struct {
	ID        string  `json:"instance_id"`
	Name      string  `json:"name"`
	TenantID  string  `json:"tenant_id"`
	Flavor    string  `json:"flavor"`
	State     string  `json:"state"`
	Hours     float64 `json:"hours"`
	MemoryMB  int64   `json:"memory_mb"`
	LocalGB   int64   `json:"local_gb"`
	VCPUs     int64   `json:"vcpus"`
	StartedAt any     `json:"started_at"`
	EndedAt   any     `json:"ended_at"`
	Uptime    int64   `json:"uptime"`
}

type projectUsage struct {
	TenantID string        `json:"tenant_id"`
	Start    string        `json:"start"`
	Stop     string        `json:"stop"`
	Hours    float64       `json:"total_hours"`
	LocalGB  float64       `json:"total_local_gb_usage"`
	MemoryMB float64       `json:"total_memory_mb_usage"`
	VCPUs    float64       `json:"total_vcpus_usage"`
	Servers  []serverUsage `json:"server_usages,omitempty"`
}

// span is the time that a request asks for; what is left out is now.
func span(r *api.Request) (start, end time.Time, err error) {
	end = time.Now().UTC()
	start = end.Add(-time.Microsecond)
	for name, to := range map[string]*time.Time{"start": &start, "end": &end} {
		if text := r.Query().Get(name); text != "" {
			if *to, err = parseTime(text); err != nil {
				return start, end, errs.New(errs.Invalid, "Datetime is in invalid format: %s", text)
			}
		}
	}
	if !start.Before(end) {
		return start, end, errs.New(errs.Invalid, "Invalid start time. The start time cannot occur after the end time.")
	}
	return start, end, nil
}

// viewUsage sums a project's servers up. A span that goes on has ended now.
func viewUsage(project string, list []compute.ServerUsage, start, end time.Time, detailed bool) projectUsage {
	format := func(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000") }
	now := time.Now().UTC()
	if end.After(now) {
		end = now
	}
	total := projectUsage{TenantID: project, Start: format(start), Stop: format(end)}
	for _, one := range list {
		s := one.Server
		total.Hours += one.Hours
		disk := s.Size.RootGiB + s.Size.EphemeralGiB
		total.LocalGB += one.Hours * float64(disk)
		total.MemoryMB += one.Hours * float64(s.MemoryMiB)
		total.VCPUs += one.Hours * float64(s.VCPUs)
		if !detailed {
			continue
		}
		state, until := s.VMState, now
		if !s.TerminatedAt.IsZero() {
			state, until = "terminated", s.TerminatedAt
		}
		total.Servers = append(total.Servers, serverUsage{
			ID: s.ID, Name: s.Name, TenantID: s.ProjectID, Flavor: s.Size.Name, State: state, Hours: one.Hours, MemoryMB: s.MemoryMiB, LocalGB: disk,
			VCPUs: s.VCPUs, StartedAt: micro(s.LaunchedAt), EndedAt: micro(s.TerminatedAt), Uptime: int64(max(0, until.Sub(s.LaunchedAt)).Seconds()),
		})
	}
	return total
}

// readUsages reads a page of servers, which there are since 2.40; before, it
// holds all of them.
func (f *face) readUsages(r *api.Request, project string) (list []compute.ServerUsage, asked compute.UsageSpan, err error) {
	known := []string{"start", "end", "limit", "marker"}
	if project == "" {
		known = append(known, "detailed")
	}
	if err := noUnknown(r, known...); err != nil {
		return nil, asked, err
	}
	asked.ProjectID = project
	if asked.Start, asked.End, err = span(r); err != nil {
		return nil, asked, err
	}
	if r.Version >= 40 {
		if asked.Limit, asked.Marker, err = page(r); err != nil {
			return nil, asked, err
		}
	}
	if r.Version >= 40 && none(r) {
		return nil, asked, nil
	}
	list, err = f.svc.Usages(r.Context(), r.Caller, asked)
	return list, asked, err
}

// withLink adds the link to the next page where there is one.
func withLink(r *api.Request, body map[string]any, name string, list []compute.ServerUsage, limit int) any {
	if len(list) > 0 {
		if more := next(r, len(list), limit, list[len(list)-1].Server.ID); more != nil {
			body[name] = more
		}
	}
	return body
}

func (f *face) listUsages(r *api.Request) (any, error) {
	list, asked, err := f.readUsages(r, "")
	if err != nil {
		return nil, err
	}
	views := []projectUsage{}
	for from := 0; from < len(list); {
		project, to := list[from].Server.ProjectID, from
		for to < len(list) && list[to].Server.ProjectID == project {
			to++
		}
		views = append(views, viewUsage(project, list[from:to], asked.Start, asked.End, r.Query().Get("detailed") == "1"))
		from = to
	}
	return withLink(r, map[string]any{"tenant_usages": views}, "tenant_usages_links", list, asked.Limit), nil
}

func (f *face) showUsage(r *api.Request) (any, error) {
	project := r.Param("id")
	list, asked, err := f.readUsages(r, project)
	if err != nil {
		return nil, err
	}
	body := map[string]any{"tenant_usage": struct{}{}}
	if len(list) > 0 {
		body["tenant_usage"] = viewUsage(project, list, asked.Start, asked.End, true)
	}
	return withLink(r, body, "tenant_usage_links", list, asked.Limit), nil
}
