package compute

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/uptrace/bun"

	"wisp/internal/errs"
	"wisp/internal/store"
)

// Resources that have a quota (API ref: Quota sets).
const (
	QuotaInstances    = "instances"
	QuotaCores        = "cores"
	QuotaRAM          = "ram" // MiB
	QuotaMetadata     = "metadata_items"
	QuotaKeypairs     = "key_pairs"
	QuotaGroups       = "server_groups"
	QuotaGroupMembers = "server_group_members"
	QuotaFiles        = "injected_files"
	QuotaFileBytes    = "injected_file_content_bytes"
	QuotaPathBytes    = "injected_file_path_bytes"

	// Resources of the network service, which counts them itself: these limits
	// are kept and shown up to 2.35, as Nova does, and limit nothing.
	QuotaFixedIPs    = "fixed_ips"
	QuotaFloatingIPs = "floating_ips"
	QuotaSecGroups   = "security_groups"
	QuotaSecRules    = "security_group_rules"
)

// The limits of a project that nobody changed, as Nova has them, but for
// injected files: nothing can be injected here, whatever the limit is, so it is 0.
var defaultLimits = map[string]int64{
	QuotaInstances: 10, QuotaCores: 20, QuotaRAM: 51200, QuotaMetadata: 128, QuotaKeypairs: 100,
	QuotaGroups: 10, QuotaGroupMembers: 10, QuotaFiles: 0, QuotaFileBytes: 10240, QuotaPathBytes: 255,
	QuotaFixedIPs: -1, QuotaFloatingIPs: -1, QuotaSecGroups: -1, QuotaSecRules: -1,
}

type quotaRow struct {
	bun.BaseModel `bun:"table:compute_quotas,alias:q"`
	ProjectID     string `bun:"project_id,pk"`
	Resource      string `bun:"resource,pk"`
	Limit         int64  `bun:"hard_limit"`
}

// Usage is what a project has.
type Usage struct {
	Instances, Cores, RAM, Groups int64
}

// Map gives the usage by resource name.
func (u Usage) Map() map[string]int64 {
	return map[string]int64{QuotaInstances: u.Instances, QuotaCores: u.Cores, QuotaRAM: u.RAM, QuotaGroups: u.Groups}
}

// configuredLimits are the limits that hold where neither a class nor a project
// has its own; -1 is unlimited.
func (s *Service) configuredLimits() map[string]int64 {
	limits := maps.Clone(defaultLimits)
	maps.Copy(limits, s.config.Quotas)
	return limits
}

// CheckProject refuses an id that is no project's as Invalid.
func (s *Service) CheckProject(ctx context.Context, id string) error {
	if s.config.Projects == nil {
		return nil
	}
	exists, err := s.config.Projects.ProjectExists(ctx, id)
	if err != nil {
		return fmt.Errorf("look for the project: %w", err)
	}
	if !exists {
		return errs.New(errs.Invalid, "Project ID %s is not a valid project.", id)
	}
	return nil
}

// Limits returns the limits of a project.
func (s *Service) Limits(ctx context.Context, project string) (map[string]int64, error) {
	return s.limits(ctx, s.db.Read(), project)
}

func (s *Service) limits(ctx context.Context, db bun.IDB, project string) (map[string]int64, error) {
	limits, err := s.classLimits(ctx, db, DefaultClass)
	if err != nil {
		return nil, err
	}
	var rows []quotaRow
	if err := db.NewSelect().Model(&rows).Where("project_id = ?", project).Scan(ctx); err != nil {
		return nil, fmt.Errorf("load quotas: %w", err)
	}
	for _, row := range rows {
		limits[row.Resource] = row.Limit
	}
	return limits, nil
}

// UsageOf returns what a project uses now.
func (s *Service) UsageOf(ctx context.Context, project string) (Usage, error) {
	return usageOf(ctx, s.db.Read(), project, "")
}

// usageOf counts what a user has in a project, or all of them where user is "".
// Servers that wait for their end after they were deleted do not count.
func usageOf(ctx context.Context, db bun.IDB, project, user string) (Usage, error) {
	var u Usage
	groups := db.NewSelect().TableExpr("server_groups").ColumnExpr("COUNT(*)").Where("project_id = ?", project)
	servers := db.NewSelect().TableExpr("servers").ColumnExpr("COUNT(*)").ColumnExpr("CAST(COALESCE(SUM(vcpus), 0) AS BIGINT)").
		ColumnExpr("CAST(COALESCE(SUM(memory_mb), 0) AS BIGINT)").
		Where("project_id = ? AND deleted_at IS NULL AND soft_deleted_at IS NULL", project)
	if user != "" {
		groups, servers = groups.Where("user_id = ?", user), servers.Where("user_id = ?", user)
	}
	if err := servers.ColumnExpr("(?)", groups).Scan(ctx, &u.Instances, &u.Cores, &u.RAM, &u.Groups); err != nil {
		return u, fmt.Errorf("count what the project uses: %w", err)
	}
	return u, nil
}

// SetLimits changes limits of a project. A limit below what is used, or what
// its users' own limits are together, is Invalid unless force is given; -1 is
// unlimited.
func (s *Service) SetLimits(ctx context.Context, project string, changes map[string]int64, force bool) (limits map[string]int64, err error) {
	err = s.db.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		u, err := usageOf(ctx, tx, project, "")
		if err != nil {
			return err
		}
		used := u.Map()
		shared, err := sharedOut(ctx, tx, project, "")
		if err != nil {
			return err
		}
		var rows []quotaRow
		for _, resource := range slices.Sorted(maps.Keys(changes)) {
			limit := changes[resource]
			if limit < -1 {
				return errs.New(errs.Invalid, "Quota limit %d for %s must be -1 or greater.", limit, resource)
			}
			if least := max(used[resource], shared[resource]); !force && limit >= 0 && limit < least {
				return tooLow(resource, limit, least)
			}
			rows = append(rows, quotaRow{ProjectID: project, Resource: resource, Limit: limit})
		}
		if err := writeLimits(ctx, tx, rows); err != nil {
			return err
		}
		tx.Changed(limitsChange(project, store.Update))
		limits, err = s.limits(ctx, tx, project)
		return err
	}, quotaLock(project))
	return limits, err
}

func writeLimits(ctx context.Context, tx *store.Tx, rows []quotaRow) error {
	if len(rows) == 0 {
		return nil
	}
	if _, err := tx.NewInsert().Model(&rows).On("CONFLICT (project_id, resource) DO UPDATE").Set("hard_limit = EXCLUDED.hard_limit").Exec(ctx); err != nil {
		return fmt.Errorf("set quotas: %w", err)
	}
	return nil
}

// ResetLimits gives a project, and each user in it, the default limits again.
func (s *Service) ResetLimits(ctx context.Context, project string) error {
	return s.db.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		if _, err := tx.NewDelete().Model((*quotaRow)(nil)).Where("project_id = ?", project).Exec(ctx); err != nil {
			return fmt.Errorf("reset quotas: %w", err)
		}
		if _, err := tx.NewDelete().Model((*userQuotaRow)(nil)).Where("project_id = ?", project).Exec(ctx); err != nil {
			return fmt.Errorf("reset the quotas of users: %w", err)
		}
		tx.Changed(limitsChange(project, store.Delete))
		return nil
	}, quotaLock(project))
}

func quotaLock(project string) store.Lock { return store.Lock("compute-quota:" + project) }

// admit returns how many servers of a size, at most most and at least least,
// the limits leave room for. None is an error of kind OverQuota in Nova's words.
func admit(limits map[string]int64, used Usage, vcpus, ram int64, least, most int) (int, error) {
	have := used.Map()
	each := map[string]int64{QuotaInstances: 1, QuotaCores: vcpus, QuotaRAM: ram}
	count := int64(most)
	var over []string
	for _, resource := range slices.Sorted(maps.Keys(each)) {
		limit, want := limits[resource], each[resource]
		if limit < 0 || want == 0 || have[resource]+want*int64(most) <= limit {
			continue
		}
		over = append(over, resource)
		count = min(count, max(0, limit-have[resource])/want)
	}
	if count >= int64(least) {
		return int(count), nil
	}
	var wanted, usedTexts, limitTexts []string
	for _, resource := range over {
		wanted = append(wanted, fmt.Sprint(each[resource]*int64(most)))
		usedTexts = append(usedTexts, fmt.Sprint(have[resource]))
		limitTexts = append(limitTexts, fmt.Sprint(limits[resource]))
	}
	names := strings.Join(over, ", ")
	return 0, errs.New(errs.OverQuota, "Quota exceeded for %s: Requested %s, but already used %s of %s %s",
		names, strings.Join(wanted, ", "), strings.Join(usedTexts, ", "), strings.Join(limitTexts, ", "), names)
}
