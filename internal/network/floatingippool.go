package network

import (
	"context"

	"github.com/uptrace/bun"

	"wisp/internal/errs"
	"wisp/internal/policy"
	"wisp/internal/store"
)

// FloatingIPPool is a subnet that floating IPs come from: an IPv4 one of an
// external network (API reference: Floating IP pools).
type FloatingIPPool struct {
	bun.BaseModel `bun:"table:subnets,alias:s"`

	ID        string `bun:",pk"` // of the subnet
	Name      string
	NetworkID string
	CIDR      string `bun:"cidr"`
}

// FloatingIPPools lists the pools on external networks that the caller may
// see.
func (s *Service) FloatingIPPools(ctx context.Context, caller *policy.Caller, l store.List) ([]FloatingIPPool, error) {
	const external = "external" // what holds for all, as a filter
	res := &resource{
		table: "subnets", alias: "s", notFound: subnets.notFound,
		columns: map[string]column{"id": {sql: "s.id"}, "subnet_id": {sql: "s.id"}, "subnet_name": {sql: "s.name"}, "network_id": {sql: "s.network_id"}, "cidr": {sql: "s.cidr"}},
		visible: func(q *bun.SelectQuery, _ *policy.Caller) *bun.SelectQuery { return q.Where("1 = 1") },
	}
	filters := map[string][]string{external: {"true"}}
	for name, values := range l.Filters {
		if name == external || name == "id" {
			return nil, errs.New(errs.Invalid, "['%s'] is invalid attribute for filtering", name).WithType("HTTPBadRequest")
		}
		filters[name] = values
	}
	l.Filters = filters
	seen := networks.scope(s.db.Read().NewSelect().TableExpr("networks AS n").ColumnExpr("n.id").Where("n.external"), caller)
	res.filters = map[string]func(*bun.SelectQuery, []string) (*bun.SelectQuery, error){
		external: func(q *bun.SelectQuery, _ []string) (*bun.SelectQuery, error) {
			return q.Where("s.ip_version = 4 AND s.network_id IN (?)", seen), nil
		},
	}
	var rows []FloatingIPPool
	err := res.list(ctx, s.db.Read(), caller, l, &rows)
	return reversed(l, rows), err
}
