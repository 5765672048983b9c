package network

import (
	"context"
	"fmt"
	"slices"

	"github.com/uptrace/bun"

	"wisp/internal/errs"
	"wisp/internal/store"
)

// RequestedNetworks names the networks that a device with the requested ports
// would be on, as PlugTx chooses them. What is not there is left out: PlugTx
// says what is wrong with it.
func (s *Service) RequestedNetworks(ctx context.Context, db bun.IDB, req PlugRequest) ([]string, error) {
	var networks, ports []string
	for _, r := range req.Requests {
		if r.PortID != "" {
			ports = append(ports, r.PortID)
		} else {
			networks = append(networks, r.NetworkID)
		}
	}
	if len(req.Requests) == 0 && req.Auto != NetworkNone {
		only, err := onlyNetwork(ctx, db, req.ProjectID)
		switch {
		case errs.Is(err, errs.Conflict): // several are possible, which PlugTx refuses
		case err != nil:
			return nil, err
		case only != "":
			networks = append(networks, only)
		}
	}
	if len(ports) > 0 {
		found, err := columnOf[string](ctx, db.NewSelect().TableExpr("ports").Column("network_id").Where("id IN (?)", store.Set(ports)))
		if err != nil {
			return nil, fmt.Errorf("read the networks of ports: %w", err)
		}
		networks = append(networks, found...)
	}
	slices.Sort(networks)
	return slices.Compact(networks), nil
}
