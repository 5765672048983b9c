package computeapi

import (
	"maps"
	"slices"
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

// span is the time that a request asks for; 4 weeks up to now by default.
func span(r *api.Request) (start, end time.Time, err error) {
	end = time.Now().UTC()
	start = end.Add(-28 * 24 * time.Hour)
	for name, to := range map[string]*time.Time{"start": &start, "end": &end} {
		if text := r.Query().Get(name); text != "" {
			if *to, err = parseTime(text); err != nil {
				return start, end, errs.New(errs.Invalid, "Datetime is in invalid format: %s", text)
			}
		}
	}
	if end.Before(start) {
		return start, end, errs.New(errs.Invalid, "Invalid start time. The start time cannot occur after the end time.")
	}
	return start, end, nil
}

func viewUsage(project string, list []compute.ServerUsage, start, end time.Time, detailed bool) projectUsage {
	format := func(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000") }
	total := projectUsage{TenantID: project, Start: format(start), Stop: format(end)}
	for _, one := range list {
		s := one.Server
		total.Hours += one.Hours
		total.LocalGB += one.Hours * float64(s.DiskGiB)
		total.MemoryMB += one.Hours * float64(s.MemoryMiB)
		total.VCPUs += one.Hours * float64(s.VCPUs)
		if !detailed {
			continue
		}
		state, until := s.VMState, end
		if !s.TerminatedAt.IsZero() {
			state, until = "terminated", s.TerminatedAt
		}
		total.Servers = append(total.Servers, serverUsage{
			ID: s.ID, Name: s.Name, TenantID: s.ProjectID, Flavor: s.Size.Name, State: state, Hours: one.Hours, MemoryMB: s.MemoryMiB, LocalGB: s.DiskGiB,
			VCPUs: s.VCPUs, StartedAt: micro(s.LaunchedAt), EndedAt: micro(s.TerminatedAt), Uptime: int64(max(0, until.Sub(s.LaunchedAt)).Seconds()),
		})
	}
	return total
}

func (f *face) listUsages(r *api.Request) (any, error) {
	start, end, err := span(r)
	if err != nil {
		return nil, err
	}
	usages, err := f.svc.Usages(r.Context(), r.Caller, "", start, end)
	if err != nil {
		return nil, err
	}
	views := []projectUsage{}
	for _, project := range slices.Sorted(maps.Keys(usages)) {
		views = append(views, viewUsage(project, usages[project], start, end, r.Query().Get("detailed") == "1"))
	}
	return map[string]any{"tenant_usages": views}, nil
}

func (f *face) showUsage(r *api.Request) (any, error) {
	start, end, err := span(r)
	if err != nil {
		return nil, err
	}
	project := r.Param("id")
	usages, err := f.svc.Usages(r.Context(), r.Caller, project, start, end)
	if err != nil {
		return nil, err
	}
	if len(usages[project]) == 0 {
		return map[string]any{"tenant_usage": struct{}{}}, nil
	}
	return map[string]any{"tenant_usage": viewUsage(project, usages[project], start, end, true)}, nil
}
