package computeapi

import (
	"fmt"
	"time"

	"wisp/internal/api"
	"wisp/internal/compute"
	"wisp/internal/errs"
)

func (f *face) auditLogRoutes() []api.Route {
	rule := base + "os-instance-usage-audit-log:"
	return []api.Route{
		{Method: "GET", Path: "/os-instance_usage_audit_log", Policy: rule + "list", Handler: f.listAuditLog},
		{Method: "GET", Path: "/os-instance_usage_audit_log/{before}", Policy: rule + "show", Handler: f.showAuditLog},
	}
}

// auditLog says which hosts audited the usage of a month. As in a Nova whose
// hosts do not audit, which is its default, none did.
type auditLog struct {
	Begin     string         `json:"period_beginning"`
	End       string         `json:"period_ending"`
	Hosts     int            `json:"num_hosts"`
	Done      int            `json:"num_hosts_done"`
	Running   int            `json:"num_hosts_running"`
	NotRun    int            `json:"num_hosts_not_run"`
	Missing   []string       `json:"hosts_not_run"`
	Instances int            `json:"total_instances"`
	Errors    int            `json:"total_errors"`
	Status    string         `json:"overall_status"`
	Log       map[string]any `json:"log"`
}

// auditOf is the log of the last calendar month that was over at a time.
func (f *face) auditOf(r *api.Request, before time.Time) (auditLog, error) {
	hosts, err := f.svc.ListHosts(r.Context(), compute.HostFilter{})
	if err != nil {
		return auditLog{}, err
	}
	end := time.Date(before.Year(), before.Month(), 1, 0, 0, 0, 0, time.UTC)
	const form = "2006-01-02 15:04:05"
	log := auditLog{
		Begin: end.AddDate(0, -1, 0).Format(form), End: end.Format(form), Hosts: len(hosts), NotRun: len(hosts), Missing: []string{},
		Status: fmt.Sprintf("0 of %d hosts done. 0 errors.", len(hosts)), Log: map[string]any{},
	}
	if len(hosts) == 0 {
		log.Status = "ALL hosts done. 0 errors."
	}
	for _, h := range hosts {
		log.Missing = append(log.Missing, h.Name)
	}
	return log, nil
}

func (f *face) listAuditLog(r *api.Request) (any, error) {
	log, err := f.auditOf(r, time.Now().UTC())
	if err != nil {
		return nil, err
	}
	return map[string]any{"instance_usage_audit_logs": log}, nil
}

func (f *face) showAuditLog(r *api.Request) (any, error) {
	before, err := time.Parse("2006-01-02 15:04:05", r.Param("before")) // with or without a fraction
	if err != nil {
		return nil, errs.Wrap(err, errs.Invalid, "Invalid timestamp for date %s", r.Param("before"))
	}
	log, err := f.auditOf(r, before)
	if err != nil {
		return nil, err
	}
	return map[string]any{"instance_usage_audit_log": log}, nil
}
