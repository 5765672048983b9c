package identity

import (
	"context"
	"errors"
	"fmt"

	"github.com/uptrace/bun"

	"wisp/internal/errs"
	"wisp/internal/store"
)

// PolicyBlob is a document that the cloud keeps for services to fetch. What is
// in it means nothing to the cloud: its own rules are another thing.
type PolicyBlob struct {
	bun.BaseModel `bun:"table:policies,alias:po"`
	ID            string `bun:",pk"`
	Type          string
	Blob          string
	Extra         Extra `bun:"type:text"`
}

// PolicyBlobChange is what changes of a policy; nil leaves as it is.
type PolicyBlobChange struct {
	Type, Blob *string
	Extra      Extra
}

// PolicyAssociation says for what a policy is: an endpoint, a service, or a
// service in a region.
type PolicyAssociation struct {
	bun.BaseModel `bun:"table:policy_associations,alias:pa"`
	ID            string `bun:",pk"`
	PolicyID      string
	EndpointID    *string
	ServiceID     *string
	RegionID      *string
}

// NewPolicyAssociation names an association; ids that do not matter are empty.
func NewPolicyAssociation(policyID, endpointID, serviceID, regionID string) PolicyAssociation {
	return PolicyAssociation{
		ID: endpointID + "/" + serviceID + "/" + regionID, PolicyID: policyID,
		EndpointID: nilIfEmpty(endpointID), ServiceID: nilIfEmpty(serviceID), RegionID: nilIfEmpty(regionID),
	}
}

var policyColumns = columns{text: map[string]string{"id": "po.id", "type": "po.type"}}

// Policies lists policies.
func (s *Service) Policies(ctx context.Context, l Listing) ([]PolicyBlob, error) {
	list := []PolicyBlob{}
	return list, s.list(ctx, l, s.db.Read().NewSelect().Model(&list), "policies", policyColumns)
}

// Policy returns a policy by id.
func (s *Service) Policy(ctx context.Context, id string) (PolicyBlob, error) {
	var p PolicyBlob
	return p, one(ctx, s.db.Read().NewSelect().Model(&p).Where("id = ?", id), "policy", id)
}

// CreatePolicy makes a policy.
func (s *Service) CreatePolicy(ctx context.Context, p PolicyBlob) (PolicyBlob, error) {
	p.ID = newID()
	return p, s.change(ctx, func(ctx context.Context, tx *store.Tx) error {
		tx.Changed(changeOf("policy", p.ID, store.Create))
		return write(ctx, tx.NewInsert().Model(&p), "policy", "Duplicate entry")
	})
}

// UpdatePolicy changes a policy.
func (s *Service) UpdatePolicy(ctx context.Context, id string, c PolicyBlobChange) (PolicyBlob, error) {
	var p PolicyBlob
	err := s.change(ctx, func(ctx context.Context, tx *store.Tx) error {
		p = PolicyBlob{}
		if err := one(ctx, tx.NewSelect().Model(&p).Where("id = ?", id), "policy", id); err != nil {
			return err
		}
		if c.Type != nil {
			p.Type = *c.Type
		}
		if c.Blob != nil {
			p.Blob = *c.Blob
		}
		p.Extra = p.Extra.merge(c.Extra)
		tx.Changed(changeOf("policy", id, store.Update))
		return write(ctx, tx.NewUpdate().Model(&p).WherePK(), "policy", "Duplicate entry")
	})
	return p, err
}

// DeletePolicy removes a policy and its associations.
func (s *Service) DeletePolicy(ctx context.Context, id string) error {
	return s.remove(ctx, (*PolicyBlob)(nil), "policy", id)
}

// exists checks that all that an association names is there.
func (a PolicyAssociation) exists(ctx context.Context, db bun.IDB) error {
	if err := one(ctx, db.NewSelect().Model(&PolicyBlob{}).Where("id = ?", a.PolicyID), "policy", a.PolicyID); err != nil {
		return err
	}
	for _, part := range []struct {
		id    *string
		model any
		what  string
	}{{a.EndpointID, &Endpoint{}, "endpoint"}, {a.ServiceID, &CatalogService{}, "service"}, {a.RegionID, &Region{}, "region"}} {
		if part.id == nil {
			continue
		}
		if err := one(ctx, db.NewSelect().Model(part.model).Where("id = ?", *part.id), part.what, *part.id); err != nil {
			return err
		}
	}
	return nil
}

var errNoAssociation = errs.New(errs.NotFound, "Could not find policy association.")

// AssociatePolicy makes a policy the one of an endpoint, a service, or a
// service in a region; another one is no more.
func (s *Service) AssociatePolicy(ctx context.Context, a PolicyAssociation) error {
	return s.change(ctx, func(ctx context.Context, tx *store.Tx) error {
		if err := a.exists(ctx, tx); err != nil {
			return err
		}
		tx.Changed(changeOf("policy", a.PolicyID, store.Update))
		return write(ctx, tx.NewInsert().Model(&a).On("CONFLICT (id) DO UPDATE").Set("policy_id = EXCLUDED.policy_id"), "policy association", "Duplicate entry")
	})
}

// PolicyAssociated returns nil when the association is there.
func (s *Service) PolicyAssociated(ctx context.Context, a PolicyAssociation) error {
	if err := a.exists(ctx, s.db.Read()); err != nil {
		return err
	}
	there, err := s.db.Read().NewSelect().Model((*PolicyAssociation)(nil)).Where("id = ? AND policy_id = ?", a.ID, a.PolicyID).Exists(ctx)
	if err != nil {
		return fmt.Errorf("read policy association: %w", err)
	}
	if !there {
		return errNoAssociation
	}
	return nil
}

// DissociatePolicy removes an association.
func (s *Service) DissociatePolicy(ctx context.Context, a PolicyAssociation) error {
	return s.change(ctx, func(ctx context.Context, tx *store.Tx) error {
		if err := a.exists(ctx, tx); err != nil {
			return err
		}
		result, err := tx.NewDelete().Model((*PolicyAssociation)(nil)).Where("id = ? AND policy_id = ?", a.ID, a.PolicyID).Exec(ctx)
		if err != nil {
			return fmt.Errorf("delete policy association: %w", err)
		}
		tx.Changed(changeOf("policy", a.PolicyID, store.Update))
		if n, err := result.RowsAffected(); err != nil || n == 0 {
			return errors.Join(err, errNoAssociation)
		}
		return nil
	})
}

// regionsUp is a region and those above it, the nearest first.
const regionsUp = `WITH RECURSIVE up (id, depth) AS (SELECT r.id, 0 FROM catalog_regions r WHERE r.id = ?
	UNION ALL SELECT r.parent_id, up.depth + 1 FROM catalog_regions r JOIN up ON r.id = up.id WHERE r.parent_id IS NOT NULL)
	SELECT id FROM up ORDER BY depth`

// EndpointPolicy returns the policy of an endpoint: its own, else that of its
// service in the nearest region from the endpoint's up, else of its service.
func (s *Service) EndpointPolicy(ctx context.Context, endpointID string) (PolicyBlob, error) {
	e, err := s.Endpoint(ctx, endpointID)
	if err != nil {
		return PolicyBlob{}, err
	}
	ids := []string{e.ID + "//"}
	if e.RegionID != nil {
		var up []string
		if err := s.db.Read().NewRaw(regionsUp, *e.RegionID).Scan(ctx, &up); err != nil {
			return PolicyBlob{}, fmt.Errorf("read parents of region: %w", err)
		}
		for _, region := range up {
			ids = append(ids, "/"+e.ServiceID+"/"+region)
		}
	}
	ids = append(ids, "/"+e.ServiceID+"/")
	var rows []PolicyAssociation
	if err := s.db.Read().NewSelect().Model(&rows).Where("id IN (?)", bun.List(ids)).Scan(ctx); err != nil {
		return PolicyBlob{}, fmt.Errorf("read policy associations: %w", err)
	}
	byID := map[string]string{}
	for _, row := range rows {
		byID[row.ID] = row.PolicyID
	}
	for _, id := range ids {
		if policy, ok := byID[id]; ok {
			return s.Policy(ctx, policy)
		}
	}
	return PolicyBlob{}, errs.New(errs.NotFound, "No policy is associated with endpoint %s.", endpointID)
}

// PolicyEndpoints lists the endpoints whose policy is this one. One of its own
// counts for an endpoint only; that of a service, and of a region, for those
// of the service there, with the regions below.
func (s *Service) PolicyEndpoints(ctx context.Context, policyID string) ([]Endpoint, error) {
	if _, err := s.Policy(ctx, policyID); err != nil {
		return nil, err
	}
	list := []Endpoint{}
	err := s.db.Read().NewRaw(`WITH RECURSIVE below (association, service_id, region_id) AS (
		SELECT id, service_id, region_id FROM policy_associations WHERE policy_id = ? AND region_id IS NOT NULL
		UNION SELECT below.association, below.service_id, r.id FROM catalog_regions r JOIN below ON r.parent_id = below.region_id)
		SELECT e.* FROM catalog_endpoints e WHERE e.id IN (SELECT endpoint_id FROM policy_associations WHERE policy_id = ? AND endpoint_id IS NOT NULL)
			OR e.service_id IN (SELECT service_id FROM policy_associations WHERE policy_id = ? AND service_id IS NOT NULL AND region_id IS NULL)
			OR EXISTS (SELECT 1 FROM below WHERE below.service_id = e.service_id AND below.region_id = e.region_id)
		ORDER BY e.id`, policyID, policyID, policyID).Scan(ctx, &list)
	if err != nil {
		return nil, fmt.Errorf("read endpoints of a policy: %w", err)
	}
	return list, nil
}
