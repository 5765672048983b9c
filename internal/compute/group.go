package compute

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/uptrace/bun"

	"wisp/internal/errs"
	"wisp/internal/policy"
	"wisp/internal/store"
)

// Policies of server groups.
const (
	Affinity         = "affinity"
	AntiAffinity     = "anti-affinity"
	SoftAffinity     = "soft-affinity"
	SoftAntiAffinity = "soft-anti-affinity"
)

// Group keeps servers together or apart (API ref: Server groups).
type Group struct {
	bun.BaseModel `bun:"table:server_groups,alias:g"`

	ID        string    `bun:"id,pk"`
	ProjectID string    `bun:"project_id"`
	UserID    string    `bun:"user_id"`
	Name      string    `bun:"name"`
	Policy    string    `bun:"policy"`
	PerHost   int64     `bun:"per_host"` // of anti-affinity; 0 is 1
	CreatedAt time.Time `bun:"created_at"`
	Members   []string  `bun:"-"` // server ids, oldest first

	hosts map[string]int // servers by host
}

// constrain adds what the group's policy asks for, with members already on hosts.
func (g *Group) constrain(d Demand, members map[string]int) Demand {
	switch g.Policy {
	case Affinity:
		if len(members) > 0 {
			near := map[string]bool{}
			for host := range members {
				if d.Near == nil || d.Near[host] {
					near[host] = true
				}
			}
			d.Near = near
		}
	case AntiAffinity:
		d.Avoid = maps.Clone(d.Avoid)
		if d.Avoid == nil {
			d.Avoid = map[string]bool{}
		}
		for host, n := range members {
			if int64(n) >= max(g.PerHost, 1) {
				d.Avoid[host] = true
			}
		}
	case SoftAffinity:
		d.Prefer = maps.Clone(members)
	case SoftAntiAffinity:
		d.Shun = maps.Clone(members)
	}
	return d
}

func loadMembers(ctx context.Context, db bun.IDB, groups []Group) error {
	if len(groups) == 0 {
		return nil
	}
	ids := make([]string, len(groups))
	index := map[string]*Group{}
	for i := range groups {
		groups[i].Members, groups[i].hosts = []string{}, map[string]int{}
		ids[i] = groups[i].ID
		index[ids[i]] = &groups[i]
	}
	var rows []struct{ ID, GroupID, Host string }
	err := db.NewSelect().TableExpr("servers").Column("id", "group_id", "host").Where("group_id IN (?) AND deleted_at IS NULL", bun.List(ids)).
		OrderExpr("created_at, id").Scan(ctx, &rows)
	if err != nil {
		return fmt.Errorf("list members of groups: %w", err)
	}
	for _, row := range rows {
		g := index[row.GroupID]
		g.Members = append(g.Members, row.ID)
		if row.Host != "" {
			g.hosts[row.Host]++
		}
	}
	return nil
}

// ListGroups lists the project's groups, or all for admins who ask.
func (s *Service) ListGroups(ctx context.Context, caller *policy.Caller, all bool, limit, offset int) ([]Group, error) {
	groups := []Group{}
	q := s.db.Read().NewSelect().Model(&groups).Order("created_at", "id")
	if !all || !caller.IsAdmin() {
		q = q.Where("project_id = ?", caller.ProjectID)
	}
	if err := q.Scan(ctx); err != nil {
		return nil, fmt.Errorf("list server groups: %w", err)
	}
	groups = groups[min(offset, len(groups)):]
	if limit > 0 && limit < len(groups) {
		groups = groups[:limit]
	}
	return groups, loadMembers(ctx, s.db.Read(), groups)
}

// GetGroup returns a group that the caller may see.
func (s *Service) GetGroup(ctx context.Context, caller *policy.Caller, id string) (Group, error) {
	return getGroup(ctx, s.db.Read(), caller, id)
}

func getGroup(ctx context.Context, db bun.IDB, caller *policy.Caller, id string) (Group, error) {
	groups := make([]Group, 1)
	q := db.NewSelect().Model(&groups[0]).Where("id = ?", id)
	if !caller.IsAdmin() {
		q = q.Where("project_id = ?", caller.ProjectID)
	}
	if err := one(q.Scan(ctx), "get server group", "Instance group %s could not be found.", id); err != nil {
		return Group{}, err
	}
	err := loadMembers(ctx, db, groups)
	return groups[0], err
}

// CreateGroup adds a group to the caller's project.
func (s *Service) CreateGroup(ctx context.Context, caller *policy.Caller, group Group) (Group, error) {
	group.ID, group.ProjectID, group.UserID, group.CreatedAt = uuid.NewString(), caller.ProjectID, caller.UserID, s.now()
	group.Members = []string{}
	err := s.db.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		whole, own, err := s.bothLimits(ctx, tx, caller.ProjectID, caller.UserID)
		if err != nil {
			return err
		}
		used, err := usageOf(ctx, tx, caller.ProjectID, "")
		if err != nil {
			return err
		}
		usedOwn, err := usageOf(ctx, tx, caller.ProjectID, caller.UserID)
		if err != nil {
			return err
		}
		if full(whole[QuotaGroups], used.Groups) || full(own[QuotaGroups], usedOwn.Groups) {
			return errs.New(errs.OverQuota, "Quota exceeded, too many server groups.")
		}
		if _, err := tx.NewInsert().Model(&group).Exec(ctx); err != nil {
			return fmt.Errorf("insert server group: %w", err)
		}
		tx.Changed(group.change(store.Create))
		return nil
	}, quotaLock(caller.ProjectID))
	return group, err
}

// full tells whether a limit leaves room for nothing more.
func full(limit, used int64) bool { return limit >= 0 && used >= limit }

// DeleteGroup removes a group; its servers stay.
func (s *Service) DeleteGroup(ctx context.Context, caller *policy.Caller, id string) error {
	return s.db.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		group, err := getGroup(ctx, tx, caller, id)
		if err != nil {
			return err
		}
		tx.Changed(group.change(store.Delete))
		if _, err := tx.NewDelete().Model((*Group)(nil)).Where("id = ?", id).Exec(ctx); err != nil {
			return fmt.Errorf("delete server group: %w", err)
		}
		return nil
	})
}

// KnownPolicy tells whether groups can have the policy.
func KnownPolicy(name string) bool {
	return slices.Contains([]string{Affinity, AntiAffinity, SoftAffinity, SoftAntiAffinity}, name)
}
