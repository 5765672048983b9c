package network

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/uptrace/bun"

	"wisp/internal/errs"
	"wisp/internal/policy"
	"wisp/internal/store"
)

// quotaTables are the resources that have quotas, and where they are counted.
var quotaTables = map[string]string{
	"network": "networks", "subnet": "subnets", "port": "ports", "router": "routers", "floatingip": "floating_ips",
	"security_group": "security_groups", "security_group_rule": "security_group_rules",
	"subnetpool": "subnet_pools", "rbac_policy": "network_rbac", "address_group": "address_groups",
}

// defaultQuotas are Neutron's own.
var defaultQuotas = map[string]int{
	"network": 100, "subnet": 100, "port": 500, "router": 10, "floatingip": 50, "security_group": 10, "security_group_rule": 100,
	"subnetpool": -1, "rbac_policy": 10, "address_group": -1,
}

// Quota is a limit and what is used of it. Limit -1 is unlimited.
type Quota struct{ Limit, Used, Reserved int }

type quotaRow struct {
	bun.BaseModel `bun:"table:network_quotas,alias:q"`
	ProjectID     string `bun:",pk"`
	Resource      string `bun:",pk"`
	MaxCount      int
}

func quotaLock(projectID string) store.Lock { return store.Lock("network-quota:" + projectID) }

func (s *Service) defaultQuota(resource string) int {
	if limit, ok := s.config.Quotas[resource]; ok {
		return limit
	}
	return defaultQuotas[resource]
}

// reserve fails with OverQuota unless the project may have count more. Of what
// has no quota it may.
func (s *Service) reserve(ctx context.Context, tx bun.IDB, projectID, resource string, count int) error {
	if quotaTables[resource] == "" {
		return nil
	}
	row := quotaRow{MaxCount: s.defaultQuota(resource)}
	if _, err := one(ctx, tx.NewSelect().Model(&row).Where("project_id = ? AND resource = ?", projectID, resource)); err != nil {
		return fmt.Errorf("read a quota: %w", err)
	}
	if row.MaxCount < 0 {
		return nil
	}
	used, err := tx.NewSelect().TableExpr("?", bun.Ident(quotaTables[resource])).Where("project_id = ?", projectID).Count(ctx)
	if err != nil {
		return fmt.Errorf("count for a quota: %w", err)
	}
	if int(used)+count > row.MaxCount {
		return errs.New(errs.OverQuota, "Quota exceeded for resources: ['%s'].", resource).WithType("OverQuota")
	}
	return nil
}

// DefaultQuotas returns the limits of projects that have none of their own.
func (s *Service) DefaultQuotas() map[string]int {
	limits := map[string]int{}
	for resource := range quotaTables {
		limits[resource] = s.defaultQuota(resource)
	}
	return limits
}

// Quotas returns the limits of a project. What others have is Forbidden.
func (s *Service) Quotas(ctx context.Context, caller *policy.Caller, projectID string) (map[string]int, error) {
	if err := allow("get_quota", caller, projectID); err != nil {
		return nil, err
	}
	return s.quotas(ctx, s.db.Read(), projectID)
}

func (s *Service) quotas(ctx context.Context, db bun.IDB, projectID string) (map[string]int, error) {
	limits := s.DefaultQuotas()
	var own []quotaRow
	if err := db.NewSelect().Model(&own).Where("project_id = ?", projectID).Scan(ctx); err != nil {
		return nil, fmt.Errorf("read quotas: %w", err)
	}
	for _, q := range own {
		limits[q.Resource] = q.MaxCount
	}
	return limits, nil
}

// QuotaDetails returns the limits of a project and what it uses.
func (s *Service) QuotaDetails(ctx context.Context, caller *policy.Caller, projectID string) (map[string]Quota, error) {
	limits, err := s.Quotas(ctx, caller, projectID)
	if err != nil {
		return nil, err
	}
	used, err := usedOf(ctx, s.db.Read(), projectID)
	if err != nil {
		return nil, err
	}
	details := map[string]Quota{}
	for name, n := range used {
		details[name] = Quota{Limit: limits[name], Used: n}
	}
	return details, nil
}

// usedOf counts what a project has of each resource that has a quota, in one
// query.
func usedOf(ctx context.Context, db bun.IDB, projectID string) (map[string]int, error) {
	names := slices.Sorted(maps.Keys(quotaTables))
	q := db.NewSelect()
	for _, name := range names {
		q = q.ColumnExpr("(SELECT COUNT(*) FROM ? WHERE project_id = ?)", bun.Ident(quotaTables[name]), projectID)
	}
	counts := make([]int, len(names))
	into := make([]any, len(names))
	for i := range counts {
		into[i] = &counts[i]
	}
	if err := q.Scan(ctx, into...); err != nil {
		return nil, fmt.Errorf("count what is used: %w", err)
	}
	used := make(map[string]int, len(names))
	for i, name := range names {
		used[name] = counts[i]
	}
	return used, nil
}

// checkLimits refuses limits below what is used.
func checkLimits(ctx context.Context, db bun.IDB, projectID string, limits map[string]int) error {
	used, err := usedOf(ctx, db, projectID)
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(limits)) {
		if limits[name] >= 0 && used[name] > limits[name] {
			return refuse("HTTPBadRequest", "Quota limit %d for %s must be greater than or equal to already used %d", limits[name], name, used[name])
		}
	}
	return nil
}

// AllQuotas returns the limits of the projects that have some of their own,
// by project. For admins.
func (s *Service) AllQuotas(ctx context.Context, caller *policy.Caller) (map[string]map[string]int, error) {
	if err := allow("update_quota", caller, caller.ProjectID); err != nil {
		return nil, err
	}
	var rows []quotaRow
	if err := s.db.Read().NewSelect().Model(&rows).Scan(ctx); err != nil {
		return nil, fmt.Errorf("read quotas: %w", err)
	}
	all := map[string]map[string]int{}
	for _, row := range rows {
		if all[row.ProjectID] == nil {
			all[row.ProjectID] = s.DefaultQuotas()
		}
		all[row.ProjectID][row.Resource] = row.MaxCount
	}
	return all, nil
}

// SetQuotas changes some limits of a project and returns them all. With check,
// one below what is used already is Invalid.
func (s *Service) SetQuotas(ctx context.Context, caller *policy.Caller, projectID string, limits map[string]int, check bool) (map[string]int, error) {
	if err := allow("update_quota", caller, projectID); err != nil {
		return nil, err
	}
	var rows []quotaRow
	for resource, limit := range limits {
		if _, known := quotaTables[resource]; !known {
			return nil, errs.New(errs.Invalid, "Unrecognized attribute(s) '%s'", resource).WithType("HTTPBadRequest")
		}
		if limit < -1 || limit > 1<<31-1 {
			return nil, errs.New(errs.Invalid, "Invalid input for %s. Reason: '%d' should be between -1 and 2147483647.", resource, limit).WithType("HTTPBadRequest")
		}
		rows = append(rows, quotaRow{ProjectID: projectID, Resource: resource, MaxCount: limit})
	}
	var all map[string]int
	err := s.db.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		if check {
			if err := checkLimits(ctx, tx, projectID, limits); err != nil {
				return err
			}
		}
		if len(rows) > 0 {
			if _, err := tx.NewInsert().Model(&rows).On("CONFLICT (project_id, resource) DO UPDATE").Set("max_count = EXCLUDED.max_count").Exec(ctx); err != nil {
				return fmt.Errorf("write quotas: %w", err)
			}
		}
		tx.Changed(quotaChange(projectID, store.Update))
		var err error
		all, err = s.quotas(ctx, tx, projectID)
		return err
	}, quotaLock(projectID))
	return all, err
}

// ResetQuotas gives a project the default limits. One without limits of its
// own is NotFound.
func (s *Service) ResetQuotas(ctx context.Context, caller *policy.Caller, projectID string) error {
	if err := allow("delete_quota", caller, projectID); err != nil {
		return err
	}
	return s.db.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		tx.Changed(quotaChange(projectID, store.Delete))
		result, err := tx.NewDelete().Model((*quotaRow)(nil)).Where("project_id = ?", projectID).Exec(ctx)
		if err != nil {
			return fmt.Errorf("delete quotas: %w", err)
		}
		if n, err := result.RowsAffected(); err != nil || n > 0 {
			return err
		}
		return missing("TenantQuotaNotFound", "Quota for project %s could not be found.", projectID)
	}, quotaLock(projectID))
}
