package network

import (
	"context"
	"fmt"
	"strings"

	"github.com/uptrace/bun"

	"wisp/internal/errs"
	"wisp/internal/policy"
	"wisp/internal/store"
)

// Network is a layer-2 segment of a project (API reference: Networks).
type Network struct {
	bun.BaseModel `bun:"table:networks,alias:n"`
	Standard
	Sharing

	Name                string
	AdminStateUp        bool
	External            bool
	IsDefault           bool
	PortSecurityEnabled bool
	MTU                 int `bun:"mtu"`

	NetworkType     string
	PhysicalNetwork string
	SegmentationID  int64
	DNSDomain       string         `bun:"dns_domain"` // empty, or with a dot at its end
	ZoneHints       JSON[[]string] `bun:"type:text"`
	QoSPolicyID     string         `bun:"qos_policy_id,nullzero"`

	Subnets []string `bun:"-"` // ids
	Zones   []string `bun:"-"` // availability zones, of the agents
	// Scopes are the ids of the address scopes of IPv4 and IPv6, by version;
	// loaded with the network.
	Scopes map[int]string `bun:"-"`
}

// Status is what the API shows.
func (n *Network) Status() string { return StatusActive }

// Statuses of networks, ports, routers and floating IPs.
const (
	StatusActive = "ACTIVE"
	StatusDown   = "DOWN"
	StatusBuild  = "BUILD"
	StatusNone   = "N/A"
)

// NetworkSpec is what a request gives of a network.
type NetworkSpec struct {
	ProjectID, Name, Description   Opt[string]
	AdminStateUp, Shared, External Opt[bool]
	IsDefault, PortSecurityEnabled Opt[bool]
	MTU                            Opt[int]
	NetworkType, PhysicalNetwork   Opt[string]
	DNSDomain, QoSPolicyID         Opt[string]
	SegmentationID                 Opt[*int64]
	ZoneHints                      Opt[[]string]
}

var networks = &resource{
	table: "networks", alias: "n",
	notFound: networkNotFound,
	columns: standardColumns("n", true, map[string]column{
		"admin_state_up":  {sql: "admin_state_up", kind: flag},
		"router:external": {sql: "external", kind: flag}, "is_default": {sql: "is_default", kind: flag},
		"port_security_enabled": {sql: "port_security_enabled", kind: flag}, "mtu": {sql: "mtu", kind: number},
		"provider:network_type": {sql: "network_type"}, "provider:physical_network": {sql: "physical_network"},
		"status": {sql: always(StatusActive)}, "provider:segmentation_id": {sql: "segmentation_id", kind: number}, "dns_domain": {sql: "dns_domain"}, "qos_policy_id": {sql: "qos_policy_id"},
	}),
	filters: map[string]func(*bun.SelectQuery, []string) (*bun.SelectQuery, error){
		"subnets": func(q *bun.SelectQuery, values []string) (*bun.SelectQuery, error) {
			return q.Where("n.id IN (SELECT network_id FROM subnets WHERE id IN (?))", bun.List(values)), nil
		},
	},
	sharedBy: "n.id",
	visible:  sharedWith("n.project_id", "n.id"),
}

func networkNotFound(id string) error {
	return missing("NetworkNotFound", "Network %s could not be found.", id)
}

// CreateNetworks makes networks, all or none. Errors: Invalid, Forbidden,
// OverQuota, Conflict (a segment in use), Unavailable (no segment left).
func (s *Service) CreateNetworks(ctx context.Context, caller *policy.Caller, specs []NetworkSpec) ([]Network, error) {
	return createAll(ctx, s, caller, specs, "network", func(s NetworkSpec) Opt[string] { return s.ProjectID }, s.createNetwork, s.loadNetworks, segmentLock)
}

func (s *Service) createNetwork(ctx context.Context, tx *store.Tx, caller *policy.Caller, projectID string, spec NetworkSpec) (*Network, error) {
	for _, err := range []error{
		allow("create_network", caller, projectID),
		allowSet(spec.Shared, false, "create_network:shared", caller, projectID),
		allowSet(spec.External, false, "create_network:router:external", caller, projectID),
		allowSet(spec.IsDefault, false, "create_network:is_default", caller, projectID),
		allowSet(spec.PortSecurityEnabled, true, "create_network:port_security_enabled", caller, projectID),
		allowSet(spec.NetworkType, "", "create_network:provider:network_type", caller, projectID),
		allowSet(spec.PhysicalNetwork, "", "create_network:provider:physical_network", caller, projectID),
		allowSet(spec.SegmentationID, nil, "create_network:provider:segmentation_id", caller, projectID),
		s.checkZones("network", spec.ZoneHints.Value),
		checkDomain(spec.DNSDomain.Value),
	} {
		if err != nil {
			return nil, err
		}
	}
	n := &Network{
		Standard: newStandard(projectID, spec.Description.Value), Name: spec.Name.Value, AdminStateUp: spec.AdminStateUp.Or(true),
		Sharing: Sharing{Shared: spec.Shared.Value}, External: spec.External.Value, IsDefault: spec.IsDefault.Value,
		PortSecurityEnabled: spec.PortSecurityEnabled.Or(true), ZoneHints: JSON[[]string]{nonNil(spec.ZoneHints.Value)},
		DNSDomain: strings.ToLower(spec.DNSDomain.Value),
	}
	if n.IsDefault {
		if err := s.onlyDefault(ctx, tx, n); err != nil {
			return nil, err
		}
	}
	if err := s.chooseSegment(ctx, tx, n, spec); err != nil {
		return nil, err
	}
	limit := s.segmentMTU(n)
	n.MTU = spec.MTU.Or(0)
	if n.MTU == 0 {
		n.MTU = limit
	}
	if n.MTU > limit {
		return nil, invalid("Requested MTU is too big, maximum is %d", limit)
	}
	var err error
	if n.QoSPolicyID, err = chooseQoS(ctx, tx, caller, "", spec.QoSPolicyID); err != nil {
		return nil, err
	}
	if n.QoSPolicyID == "" {
		if n.QoSPolicyID, err = defaultQoS(ctx, tx, projectID); err != nil {
			return nil, err
		}
	}
	if err := checkQoS(ctx, tx, "network", n.ID, n.QoSPolicyID); err != nil {
		return nil, err
	}
	if err := insert(ctx, tx, n); err != nil {
		if store.IsDuplicate(err) {
			return nil, n.segmentInUse()
		}
		return nil, fmt.Errorf("insert a network: %w", err)
	}
	return n, n.sharePolicies(ctx, tx)
}

// sharePolicies makes the policies that the network's own attributes stand
// for.
func (n *Network) sharePolicies(ctx context.Context, tx *store.Tx) error {
	for action, on := range map[string]bool{AsShared: n.Shared, AsExternal: n.External} {
		if !on {
			continue
		}
		if err := share(ctx, tx, n.ProjectID, "network", n.ID, action); err != nil {
			return err
		}
	}
	return nil
}

// onlyDefault refuses a second default external network.
func (s *Service) onlyDefault(ctx context.Context, db bun.IDB, n *Network) error {
	if !n.External {
		return bad("network", "is_default can only be set for an external network")
	}
	taken, err := db.NewSelect().Model((*Network)(nil)).Where("is_default AND id <> ?", n.ID).Exists(ctx)
	if err != nil {
		return fmt.Errorf("look for the default network: %w", err)
	}
	if taken {
		return conflict("DefaultExternalNetworkExists", "A default external network already exists.")
	}
	return nil
}

// Networks lists the networks that the caller may see.
func (s *Service) Networks(ctx context.Context, caller *policy.Caller, l store.List) ([]Network, error) {
	var rows []Network
	if err := networks.list(ctx, s.db.Read(), caller, l, &rows); err != nil {
		return nil, err
	}
	return reversed(l, rows), s.loadNetworks(ctx, s.db.Read(), pointers(rows))
}

// Network returns one network, or an error of kind NotFound.
func (s *Service) Network(ctx context.Context, caller *policy.Caller, id string) (*Network, error) {
	var n Network
	if err := networks.find(ctx, s.db.Read(), caller, id, &n); err != nil {
		return nil, err
	}
	return &n, s.loadNetworks(ctx, s.db.Read(), []*Network{&n})
}

func (s *Service) loadNetworks(ctx context.Context, db bun.IDB, rows []*Network) error {
	if len(rows) == 0 {
		return nil
	}
	byID := map[string]*Network{}
	for _, n := range rows {
		n.Subnets, n.Zones = []string{}, []string{}
		byID[n.ID] = n
	}
	var children []Subnet
	err := db.NewSelect().Model(&children).Column("id", "network_id").Where("network_id IN (?)", bun.List(keys(byID))).Order("created_at", "id").Scan(ctx)
	if err != nil {
		return fmt.Errorf("load the subnets of networks: %w", err)
	}
	for _, child := range children {
		n := byID[child.NetworkID]
		n.Subnets = append(n.Subnets, child.ID)
	}
	zones, err := s.agentZones(ctx, db, AgentDHCP)
	if err != nil {
		return err
	}
	for _, n := range rows {
		if len(n.Subnets) > 0 {
			n.Zones = zones
		}
	}
	if err := loadScopes(ctx, db, byID); err != nil {
		return err
	}
	if err := loadTargets(ctx, db, rows); err != nil {
		return err
	}
	return loadTags(ctx, db, rows)
}

// loadScopes fills the address scopes of networks.
func loadScopes(ctx context.Context, db bun.IDB, byID map[string]*Network) error {
	var scoped []struct {
		NetworkID string
		IPVersion int `bun:"ip_version"`
		ScopeID   string
	}
	err := db.NewSelect().TableExpr("subnets AS s").Join("JOIN subnet_pools AS p ON p.id = s.pool_id").ColumnExpr("DISTINCT s.network_id, s.ip_version, p.address_scope_id AS scope_id").
		Where("s.network_id IN (?) AND p.address_scope_id IS NOT NULL", bun.List(keys(byID))).Scan(ctx, &scoped)
	if err != nil {
		return fmt.Errorf("load the address scopes of networks: %w", err)
	}
	for _, row := range scoped {
		n := byID[row.NetworkID]
		if n.Scopes == nil {
			n.Scopes = map[int]string{}
		}
		n.Scopes[row.IPVersion] = row.ScopeID
	}
	return nil
}

// UpdateNetwork changes a network. Errors: NotFound, Forbidden, Invalid,
// Conflict, PreconditionFailed.
func (s *Service) UpdateNetwork(ctx context.Context, caller *policy.Caller, id string, spec NetworkSpec, e Expect) (*Network, error) {
	var n *Network
	err := s.db.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		n = &Network{}
		if err := networks.find(ctx, tx, caller, id, n); err != nil {
			return err
		}
		if err := expect(e, &n.Standard); err != nil {
			return err
		}
		owner := n.ProjectID
		for _, check := range []struct {
			set  bool
			rule string
		}{
			{true, "update_network"}, {spec.Shared.Set, "update_network:shared"}, {spec.External.Set, "update_network:router:external"},
			{spec.IsDefault.Set, "update_network:is_default"}, {spec.PortSecurityEnabled.Set, "update_network:port_security_enabled"},
			{spec.NetworkType.Set, "update_network:provider:network_type"}, {spec.PhysicalNetwork.Set, "update_network:provider:physical_network"},
			{spec.SegmentationID.Set, "update_network:provider:segmentation_id"},
		} {
			if !check.set {
				continue
			}
			if err := allow(check.rule, caller, owner); err != nil {
				return err
			}
		}
		if spec.NetworkType.Value != "" || spec.PhysicalNetwork.Value != "" || spec.SegmentationID.Value != nil { // null changes nothing
			return invalid("Plugin does not support updating provider attributes")
		}
		if err := s.unshareNetwork(ctx, tx, n, spec); err != nil {
			return err
		}
		if err := loadTargets(ctx, tx, []*Network{n}); err != nil {
			return err
		}
		tx.Changed(n.change(store.Update)) // to those too who see it no more
		wasExternal := n.External
		spec.Name.into(&n.Name)
		spec.Description.into(&n.Description)
		spec.AdminStateUp.into(&n.AdminStateUp)
		spec.Shared.into(&n.Shared)
		spec.External.into(&n.External)
		spec.IsDefault.into(&n.IsDefault)
		spec.PortSecurityEnabled.into(&n.PortSecurityEnabled)
		spec.MTU.into(&n.MTU)
		if err := checkDomain(spec.DNSDomain.Value); err != nil {
			return err
		}
		spec.DNSDomain.into(&n.DNSDomain)
		if limit := s.segmentMTU(n); spec.MTU.Set && (n.MTU > limit || n.MTU == 0) {
			if n.MTU > limit {
				return invalid("Requested MTU is too big, maximum is %d", limit)
			}
			n.MTU = limit
		}
		if spec.MTU.Set {
			subs, err := subnetsOf(ctx, tx, n.ID)
			if err != nil {
				return err
			}
			if err := n.carries(subs...); err != nil {
				return err
			}
		}
		if n.IsDefault && (spec.IsDefault.Set || spec.External.Set) {
			if err := s.onlyDefault(ctx, tx, n); err != nil {
				return err
			}
		}
		var err error
		if n.QoSPolicyID, err = chooseQoS(ctx, tx, caller, n.QoSPolicyID, spec.QoSPolicyID); err != nil {
			return err
		}
		if spec.QoSPolicyID.Set {
			if err := checkQoS(ctx, tx, "network", n.ID, n.QoSPolicyID); err != nil {
				return err
			}
		}
		if err := n.followAttributes(ctx, tx, wasExternal); err != nil {
			return err
		}
		n.touch()
		if err := update(ctx, tx, n); err != nil {
			return fmt.Errorf("update a network: %w", err)
		}
		hosts(tx)
		return s.loadNetworks(ctx, tx, []*Network{n})
	})
	return n, err
}

// followAttributes brings the policies of a network in line with what its own
// attributes say now. One that was external without a policy for all stays so.
func (n *Network) followAttributes(ctx context.Context, tx *store.Tx, wasExternal bool) error {
	if !n.Shared {
		if err := unshare(ctx, tx, n.ID, AsShared, everyone); err != nil {
			return err
		}
	}
	if !n.External {
		if err := unshare(ctx, tx, n.ID, AsExternal, ""); err != nil {
			return err
		}
	}
	for action, on := range map[string]bool{AsShared: n.Shared, AsExternal: n.External && !wasExternal} {
		if !on {
			continue
		}
		if err := share(ctx, tx, n.ProjectID, "network", n.ID, action); err != nil {
			return err
		}
	}
	return nil
}

// unshareNetwork refuses to take a network away from who still uses it.
func (s *Service) unshareNetwork(ctx context.Context, tx *store.Tx, n *Network, spec NetworkSpec) error {
	if n.Shared && spec.Shared.Set && !spec.Shared.Value {
		foreign, err := dependents(ctx, tx, "network", n.ID, n.ProjectID, AsShared, everyone)
		if err != nil {
			return err
		}
		if len(foreign) > 0 {
			return conflict("InvalidSharedSetting", "Unable to reconfigure sharing settings for network %s. Multiple projects are using it.", n.ID)
		}
	}
	if n.External && spec.External.Set && !spec.External.Value {
		used, err := tx.NewSelect().Model((*Port)(nil)).Where("network_id = ? AND role IN (?)", n.ID, bun.List([]string{roleGateway, roleFloating})).Exists(ctx)
		if err != nil {
			return fmt.Errorf("look for gateways: %w", err)
		}
		if used {
			return conflict("ExternalNetworkInUse", "External network %s cannot be updated to be made non-external, since it has existing gateway ports.", n.ID)
		}
	}
	return nil
}

// DeleteNetwork deletes a network that has no ports of users, with its
// subnets. Errors: NotFound, Forbidden, Conflict, PreconditionFailed.
func (s *Service) DeleteNetwork(ctx context.Context, caller *policy.Caller, id string, e Expect) error {
	return s.db.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		var n Network
		if err := networks.find(ctx, tx, caller, id, &n); err != nil {
			return err
		}
		if err := allow("delete_network", caller, n.ProjectID); err != nil {
			return err
		}
		if err := expect(e, &n.Standard); err != nil {
			return err
		}
		if err := releaseFree(ctx, tx, id); err != nil {
			return err
		}
		used, err := tx.NewSelect().Model((*Port)(nil)).Where("network_id = ? AND role <> ?", id, roleDHCP).Exists(ctx)
		if err != nil {
			return fmt.Errorf("look for ports: %w", err)
		}
		if used {
			return networkInUse(id)
		}
		if err := deletePorts(ctx, tx, tx.NewSelect().TableExpr("ports").Column("id").Where("network_id = ?", id)); err != nil {
			return err
		}
		if _, err := tx.NewDelete().TableExpr("network_tags").Where("object_id IN (SELECT id FROM subnets WHERE network_id = ?)", id).Exec(ctx); err != nil {
			return fmt.Errorf("delete the tags of subnets: %w", err)
		}
		var gone owned
		if _, err := tx.NewDelete().TableExpr("subnets").Where("network_id = ?", id).Returning(returning).Exec(ctx, &gone); err != nil {
			return fmt.Errorf("delete the subnets of a network: %w", err)
		}
		gone.note(tx, "subnet", store.Delete)
		if err := unshare(ctx, tx, id, "", ""); err != nil {
			return err
		}
		if err := remove(ctx, tx, "networks", &n); err != nil {
			return fmt.Errorf("delete a network: %w", err)
		}
		hosts(tx)
		return nil
	})
}

func networkInUse(id string) error {
	return conflict("NetworkInUse", "Unable to complete operation on network %s. There are one or more ports still in use on the network.", id)
}

// networkByID reads a network without regard to who asks.
func networkByID(ctx context.Context, db bun.IDB, id string) (*Network, error) {
	n := &Network{}
	found, err := one(ctx, db.NewSelect().Model(n).Where("id = ?", id))
	if err != nil {
		return nil, fmt.Errorf("read a network: %w", err)
	}
	if !found {
		return nil, networkNotFound(id)
	}
	return n, nil
}

// checkZones refuses hints at zones that no agent is in.
func (s *Service) checkZones(kind string, hints []string) error {
	for _, hint := range hints {
		if hint != s.config.AvailabilityZone {
			return errs.New(errs.NotFound, "AvailabilityZone %s could not be found.", hint).WithType("AvailabilityZoneNotFound")
		}
	}
	return nil
}
