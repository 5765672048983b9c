package network

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/uptrace/bun"

	"wisp/internal/policy"
	"wisp/internal/store"
)

// AddressGroup is a list of addresses that rules of security groups name as
// their remote side (API reference: Address groups).
type AddressGroup struct {
	bun.BaseModel `bun:"table:address_groups,alias:ag"`
	Standard
	Sharing

	Name      string
	Addresses JSON[[]netip.Prefix] `bun:"type:text"`
}

// AddressGroupSpec is what a request gives of an address group.
type AddressGroupSpec struct {
	ProjectID, Name, Description Opt[string]
	Addresses                    Opt[[]netip.Prefix]
}

var addressGroups = &resource{
	table: "address_groups", alias: "ag",
	notFound: func(id string) error {
		return missing("AddressGroupNotFound", "Address group %s could not be found.", id)
	},
	columns:  standardColumns("ag", true, nil),
	sharedBy: "ag.id",
	visible:  sharedWith("ag.project_id", "ag.id"),
}

// CreateAddressGroups makes address groups, all or none. Errors: Invalid,
// Forbidden, OverQuota.
func (s *Service) CreateAddressGroups(ctx context.Context, caller *policy.Caller, specs []AddressGroupSpec) ([]AddressGroup, error) {
	return createAll(ctx, s, caller, specs, "address_group", func(s AddressGroupSpec) Opt[string] { return s.ProjectID }, createAddressGroup, loadTargets[*AddressGroup])
}

func createAddressGroup(ctx context.Context, tx *store.Tx, _ *policy.Caller, projectID string, spec AddressGroupSpec) (*AddressGroup, error) {
	g := &AddressGroup{Standard: newStandard(projectID, spec.Description.Value), Name: spec.Name.Value}
	if err := g.add(spec.Addresses.Value); err != nil {
		return nil, err
	}
	if err := insert(ctx, tx, g); err != nil {
		return nil, fmt.Errorf("insert an address group: %w", err)
	}
	return g, nil
}

// add adds addresses that the group does not have.
func (g *AddressGroup) add(addresses []netip.Prefix) error {
	all := slices.Clone(nonNil(g.Addresses.V))
	var twice []string
	for _, a := range addresses {
		if slices.Contains(all, a) {
			twice = append(twice, a.String())
		}
		all = append(all, a)
	}
	if len(twice) > 0 {
		return refuse("AddressesAlreadyExist", "Addresses %s already exist in the address group %s.", strings.Join(twice, ", "), g.ID)
	}
	g.Addresses.V = all
	return nil
}

// AddressGroups lists the address groups that the caller may see.
func (s *Service) AddressGroups(ctx context.Context, caller *policy.Caller, l store.List) ([]AddressGroup, error) {
	var rows []AddressGroup
	if err := addressGroups.list(ctx, s.db.Read(), caller, l, &rows); err != nil {
		return nil, err
	}
	return reversed(l, rows), loadTargets(ctx, s.db.Read(), pointers(rows))
}

// AddressGroup returns one address group, or an error of kind NotFound.
func (s *Service) AddressGroup(ctx context.Context, caller *policy.Caller, id string) (*AddressGroup, error) {
	g := &AddressGroup{}
	if err := addressGroups.find(ctx, s.db.Read(), caller, id, g); err != nil {
		return nil, err
	}
	return g, loadTargets(ctx, s.db.Read(), []*AddressGroup{g})
}

// ownAddressGroup finds an address group that the caller may change under a
// rule.
func ownAddressGroup(ctx context.Context, tx *store.Tx, caller *policy.Caller, rule, id string, e Expect) (*AddressGroup, error) {
	g := &AddressGroup{}
	if err := addressGroups.find(ctx, tx, caller, id, g); err != nil {
		return nil, err
	}
	if err := allow(rule, caller, g.ProjectID); err != nil {
		return nil, err
	}
	return g, expect(e, &g.Standard)
}

func (s *Service) changeAddressGroup(ctx context.Context, caller *policy.Caller, id string, e Expect, change func(g *AddressGroup) error) (*AddressGroup, error) {
	var g *AddressGroup
	err := s.db.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		var err error
		if g, err = ownAddressGroup(ctx, tx, caller, "update_address_group", id, e); err != nil {
			return err
		}
		if err := change(g); err != nil {
			return err
		}
		g.touch()
		if err := update(ctx, tx, g); err != nil {
			return fmt.Errorf("update an address group: %w", err)
		}
		hosts(tx)
		return loadTargets(ctx, tx, []*AddressGroup{g})
	})
	return g, err
}

// UpdateAddressGroup changes name and description. Errors: NotFound,
// Forbidden, PreconditionFailed.
func (s *Service) UpdateAddressGroup(ctx context.Context, caller *policy.Caller, id string, spec AddressGroupSpec, e Expect) (*AddressGroup, error) {
	return s.changeAddressGroup(ctx, caller, id, e, func(g *AddressGroup) error {
		spec.Name.into(&g.Name)
		spec.Description.into(&g.Description)
		return nil
	})
}

// AddAddresses adds addresses to a group. Errors: NotFound, Forbidden, Invalid
// (there already).
func (s *Service) AddAddresses(ctx context.Context, caller *policy.Caller, id string, addresses []netip.Prefix) (*AddressGroup, error) {
	return s.changeAddressGroup(ctx, caller, id, nil, func(g *AddressGroup) error { return g.add(addresses) })
}

// RemoveAddresses takes addresses from a group: NotFound when one is not in
// it, Forbidden.
func (s *Service) RemoveAddresses(ctx context.Context, caller *policy.Caller, id string, addresses []netip.Prefix) (*AddressGroup, error) {
	return s.changeAddressGroup(ctx, caller, id, nil, func(g *AddressGroup) error {
		var strange []string
		for _, a := range addresses {
			if !slices.Contains(g.Addresses.V, a) {
				strange = append(strange, a.String())
			}
		}
		if len(strange) > 0 {
			return missing("AddressesNotFound", "Addresses %s not found in the address group %s.", strings.Join(strange, ", "), id)
		}
		g.Addresses.V = slices.DeleteFunc(g.Addresses.V, func(a netip.Prefix) bool { return slices.Contains(addresses, a) })
		return nil
	})
}

// DeleteAddressGroup deletes a group that no rule names. Errors: NotFound,
// Forbidden, Conflict, PreconditionFailed.
func (s *Service) DeleteAddressGroup(ctx context.Context, caller *policy.Caller, id string, e Expect) error {
	return s.db.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		g, err := ownAddressGroup(ctx, tx, caller, "delete_address_group", id, e)
		if err != nil {
			return err
		}
		used, err := tx.NewSelect().Model((*Rule)(nil)).Where("remote_address_group_id = ?", id).Exists(ctx)
		if err != nil {
			return fmt.Errorf("look for rules that name an address group: %w", err)
		}
		if used {
			return conflict("AddressGroupInUse", "Address group %s is in use on one or more security group rules.", id)
		}
		if err := unshare(ctx, tx, id, "", ""); err != nil {
			return err
		}
		if err := remove(ctx, tx, "address_groups", g); err != nil {
			return fmt.Errorf("delete an address group: %w", err)
		}
		return nil
	})
}
