package network

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"

	"wisp/internal/policy"
	"wisp/internal/store"
)

// AddressScope is a set of subnet pools whose addresses are unique among them
// (API reference: Address scopes). Routers pass packets within a scope as they
// are, without translation, and none from one scope to another.
type AddressScope struct {
	bun.BaseModel `bun:"table:address_scopes,alias:ac"`
	Standard
	Sharing

	Name      string
	IPVersion int `bun:"ip_version"`
}

// AddressScopeSpec is what a request gives of an address scope.
type AddressScopeSpec struct {
	ProjectID, Name Opt[string]
	IPVersion       Opt[int]
	Shared          Opt[bool]
}

var addressScopes = &resource{
	table: "address_scopes", alias: "ac",
	notFound: func(id string) error {
		return missing("AddressScopeNotFound", "Address scope %s could not be found", id)
	},
	columns: map[string]column{
		"id": {sql: "ac.id"}, "project_id": {sql: "ac.project_id"}, "tenant_id": {sql: "ac.project_id"}, "name": {sql: "ac.name"},
		"ip_version": {sql: "ac.ip_version", kind: number},
	},
	sharedBy: "ac.id",
	visible:  sharedWith("ac.project_id", "ac.id"),
}

// CreateAddressScopes makes address scopes, all or none. Errors: Invalid,
// Forbidden.
func (s *Service) CreateAddressScopes(ctx context.Context, caller *policy.Caller, specs []AddressScopeSpec) ([]AddressScope, error) {
	return createAll(ctx, s, caller, specs, "address_scope", func(s AddressScopeSpec) Opt[string] { return s.ProjectID }, s.createAddressScope, loadTargets[*AddressScope])
}

func (s *Service) createAddressScope(ctx context.Context, tx *store.Tx, caller *policy.Caller, projectID string, spec AddressScopeSpec) (*AddressScope, error) {
	if err := allowSet(spec.Shared, false, "create_address_scope:shared", caller, projectID); err != nil {
		return nil, err
	}
	a := &AddressScope{Standard: newStandard(projectID, ""), Sharing: Sharing{Shared: spec.Shared.Value}, Name: spec.Name.Value, IPVersion: spec.IPVersion.Value}
	if err := checkVersion(a.IPVersion); err != nil {
		return nil, err
	}
	if err := insert(ctx, tx, a); err != nil {
		return nil, fmt.Errorf("insert an address scope: %w", err)
	}
	if !a.Shared {
		return a, nil
	}
	return a, share(ctx, tx, projectID, "address_scope", a.ID, AsShared)
}

// checkVersion refuses what is no version of IP.
func checkVersion(version int) error {
	if version != 4 && version != 6 {
		return refuse("HTTPBadRequest", "Invalid input for ip_version. Reason: '%d' is not in [4, 6].", version)
	}
	return nil
}

// AddressScopes lists the address scopes that the caller may see.
func (s *Service) AddressScopes(ctx context.Context, caller *policy.Caller, l store.List) ([]AddressScope, error) {
	var rows []AddressScope
	if err := addressScopes.list(ctx, s.db.Read(), caller, l, &rows); err != nil {
		return nil, err
	}
	return reversed(l, rows), loadTargets(ctx, s.db.Read(), pointers(rows))
}

// AddressScope returns one address scope, or an error of kind NotFound.
func (s *Service) AddressScope(ctx context.Context, caller *policy.Caller, id string) (*AddressScope, error) {
	a := &AddressScope{}
	if err := addressScopes.find(ctx, s.db.Read(), caller, id, a); err != nil {
		return nil, err
	}
	return a, loadTargets(ctx, s.db.Read(), []*AddressScope{a})
}

// UpdateAddressScope changes name and sharing; what is shared with all stays
// so. Errors: NotFound, Forbidden, Invalid.
func (s *Service) UpdateAddressScope(ctx context.Context, caller *policy.Caller, id string, spec AddressScopeSpec, e Expect) (*AddressScope, error) {
	if err := noRevision(e); err != nil {
		return nil, err
	}
	var a *AddressScope
	err := s.db.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		a = &AddressScope{}
		if err := addressScopes.find(ctx, tx, caller, id, a); err != nil {
			return err
		}
		if err := allow("update_address_scope", caller, a.ProjectID); err != nil {
			return err
		}
		if err := allowSet(spec.Shared, a.Shared, "update_address_scope:shared", caller, a.ProjectID); err != nil {
			return err
		}
		if a.Shared && !spec.Shared.Or(true) {
			return refuse("AddressScopeUpdateError", "Unable to update address scope %s : Shared address scope can't be unshared", id)
		}
		if !a.Shared && spec.Shared.Value {
			if err := share(ctx, tx, a.ProjectID, "address_scope", a.ID, AsShared); err != nil {
				return err
			}
		}
		spec.Shared.into(&a.Shared)
		spec.Name.into(&a.Name)
		a.touch()
		if err := update(ctx, tx, a); err != nil {
			return fmt.Errorf("update an address scope: %w", err)
		}
		return loadTargets(ctx, tx, []*AddressScope{a})
	})
	return a, err
}

// DeleteAddressScope deletes a scope that no subnet pool is in. Errors:
// NotFound, Forbidden, Conflict.
func (s *Service) DeleteAddressScope(ctx context.Context, caller *policy.Caller, id string, e Expect) error {
	if err := noRevision(e); err != nil {
		return err
	}
	return s.db.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		a := &AddressScope{}
		if err := addressScopes.find(ctx, tx, caller, id, a); err != nil {
			return err
		}
		if err := allow("delete_address_scope", caller, a.ProjectID); err != nil {
			return err
		}
		used, err := tx.NewSelect().TableExpr("subnet_pools").Where("address_scope_id = ?", id).Exists(ctx)
		if err != nil {
			return fmt.Errorf("look for subnet pools of an address scope: %w", err)
		}
		if used {
			return conflict("AddressScopeInUse", "Unable to complete operation on address scope %s. There are one or more subnet pools in use on the address scope", id)
		}
		if err := unshare(ctx, tx, id, "", ""); err != nil {
			return err
		}
		if err := remove(ctx, tx, "address_scopes", a); err != nil {
			return fmt.Errorf("delete an address scope: %w", err)
		}
		return nil
	}, poolsLock)
}
