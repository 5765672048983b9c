package network

import (
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"github.com/uptrace/bun"

	"wisp/internal/errs"
	"wisp/internal/policy"
	"wisp/internal/store"
)

const maxAddressPairs = 10

// check checks a port's own attributes against each other and brings them to
// their canonical form.
func (p *Port) check() error {
	if p.DNSName != "" && !dnsLabel.MatchString(p.DNSName) {
		return refuse("HTTPBadRequest", "Invalid input for dns_name. Reason: '%s' not a valid PQDN or FQDN. Reason: it must be a label of letters, digits and hyphens.", p.DNSName)
	}
	if len(p.AddressPairs.V) > maxAddressPairs {
		return refuse("AllowedAddressPairExhausted", "The number of allowed address pair exceeds the maximum %d.", maxAddressPairs)
	}
	if len(p.AddressPairs.V) > 0 && !p.PortSecurityEnabled {
		return conflict("AddressPairAndPortSecurityRequired", "Port Security must be enabled in order to have allowed address pairs on a port.")
	}
	pairs := make([]AddressPair, 0, len(p.AddressPairs.V))
	for _, pair := range p.AddressPairs.V {
		prefix, err := parsePrefix(pair.IPAddress)
		if err != nil {
			return refuse("HTTPBadRequest", "Invalid input for allowed_address_pairs. Reason: '%s' is not a valid IP address or subnet.", pair.IPAddress)
		}
		if pair.MACAddress != "" {
			if pair.MACAddress, err = parseMAC(pair.MACAddress); err != nil {
				return refuse("HTTPBadRequest", "Invalid input for allowed_address_pairs. Reason: %s.", err)
			}
		}
		pair.IPAddress = prefix.Masked().String()
		if prefix.IsSingleIP() {
			pair.IPAddress = prefix.Addr().String()
		}
		if slices.Contains(pairs, pair) {
			return refuse("DuplicateAddressPairInRequest", "Invalid input for operation: Request contains duplicate address pair: mac_address %s ip_address %s.", pair.MACAddress, pair.IPAddress)
		}
		pairs = append(pairs, pair)
	}
	p.AddressPairs.V = pairs
	if !slices.Contains([]string{"normal", "direct", "macvtap", "baremetal", "direct-physical", "virtio-forwarder", "smart-nic", "vdpa", "remote-managed", "accelerator-direct", "accelerator-direct-physical"}, p.VNICType) {
		return refuse("HTTPBadRequest", "Invalid input for binding:vnic_type. Reason: '%s' is not a VNIC type.", p.VNICType)
	}
	return nil
}

var dnsLabel = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

// checkDomain checks a DNS domain: labels, and a dot at the end. "" is none.
func checkDomain(domain string) error {
	if domain == "" {
		return nil
	}
	labels := strings.Split(strings.ToLower(domain), ".")
	bad := len(domain) > 253 || len(labels) < 2 || labels[len(labels)-1] != ""
	for _, label := range labels[:len(labels)-1] {
		bad = bad || !dnsLabel.MatchString(label)
	}
	if bad {
		return refuse("HTTPBadRequest", "Invalid input for dns_domain. Reason: '%s' is not a FQDN: labels of letters, digits and hyphens, and a period at the end.", domain)
	}
	return nil
}

// parsePrefix reads an address or a prefix; an address is a prefix of full
// length.
func parsePrefix(text string) (netip.Prefix, error) {
	if !strings.Contains(text, "/") {
		a, err := netip.ParseAddr(text)
		if err != nil {
			return netip.Prefix{}, err
		}
		if a.Zone() != "" {
			return netip.Prefix{}, fmt.Errorf("'%s' has a zone", text)
		}
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	return netip.ParsePrefix(text)
}

// parseMAC reads a MAC address that a host can have, in the form that is
// stored.
func parseMAC(text string) (string, error) {
	hw, err := net.ParseMAC(text)
	if err != nil || len(hw) != 6 || hw[0]&1 != 0 || hw.String() == "00:00:00:00:00:00" {
		return "", errs.New(errs.Invalid, "'%s' is not a valid MAC address", text)
	}
	return hw.String(), nil
}

// chooseMAC checks the port's MAC, or makes one that is free on the network.
func (s *Service) chooseMAC(ctx context.Context, tx bun.IDB, p *Port) error {
	var candidates []string
	if p.MAC != "" {
		mac, err := parseMAC(p.MAC)
		if err != nil {
			return refuse("HTTPBadRequest", "Invalid input for mac_address. Reason: %s.", err)
		}
		p.MAC, candidates = mac, []string{mac}
	} else {
		for range 4 {
			var b [3]byte
			_, _ = rand.Read(b[:])
			candidates = append(candidates, fmt.Sprintf("fa:16:3e:%02x:%02x:%02x", b[0], b[1], b[2]))
		}
	}
	used, err := columnOf[string](ctx, tx.NewSelect().TableExpr("ports").Column("mac").Where("network_id = ? AND mac IN (?) AND id <> ?", p.NetworkID, bun.List(candidates), p.ID))
	if err != nil {
		return fmt.Errorf("look for used MAC addresses: %w", err)
	}
	for _, c := range candidates {
		if !slices.Contains(used, c) {
			p.MAC = c
			return nil
		}
	}
	if p.MAC == "" {
		return errs.New(errs.Unavailable, "Unable to generate unique mac on network %s.", p.NetworkID).WithType("NetworkMacAddressGenerationFailure")
	}
	return p.macInUse()
}

func (p *Port) macInUse() error {
	return conflict("MacAddressInUse", "Unable to complete operation for network %s. The mac address %s is in use.", p.NetworkID, p.MAC)
}

// checkDevice refuses a port that pretends to be part of somebody else's
// router, or of one that it was not added to.
func (s *Service) checkDevice(ctx context.Context, tx bun.IDB, caller *policy.Caller, p *Port) error {
	if p.DeviceID == "" || caller.IsAdmin() {
		return nil
	}
	owners, err := columnOf[string](ctx, tx.NewSelect().TableExpr("routers").Column("project_id").Where("id = ?", p.DeviceID))
	if err != nil {
		return fmt.Errorf("look for a router: %w", err)
	}
	router := strings.HasPrefix(p.DeviceOwner, "network:router")
	if len(owners) > 0 && (owners[0] != caller.ProjectID || router) || len(owners) == 0 && router {
		return conflict("DeviceIDNotOwnedByTenant", "The following device_id %s is not owned by your tenant or matches another tenants router.", p.DeviceID)
	}
	return nil
}

// chooseGroups sets the port's security groups: those given, or the project's
// default group. Ports without port security have none.
func (s *Service) chooseGroups(ctx context.Context, tx *store.Tx, caller *policy.Caller, p *Port, wanted Opt[[]string]) error {
	if !p.PortSecurityEnabled {
		if len(wanted.Value) > 0 {
			if len(p.SecurityGroups) > 0 {
				return conflict("PortSecurityPortHasSecurityGroup", "Port has security group associated. Cannot disable port security or IP address until security group is removed.")
			}
			return refuse("PortSecurityAndIPRequiredForSecurityGroups", "Port security must be enabled and port must have an IP address in order to use security groups.")
		}
		p.SecurityGroups = nil
		return nil
	}
	if !wanted.Set {
		id, err := s.ensureDefaultGroup(ctx, tx, p.ProjectID)
		p.SecurityGroups = []string{id}
		return err
	}
	ids := slices.Compact(slices.Sorted(slices.Values(wanted.Value)))
	if len(ids) > 0 {
		q := tx.NewSelect().TableExpr("security_groups").Column("id").Where("id IN (?)", bun.List(ids))
		if !caller.IsAdmin() {
			q = q.Where("(project_id IN (?0, ?1) OR id IN (SELECT object_id FROM network_rbac WHERE target_project IN (?0, ?1, ?2)))", p.ProjectID, caller.ProjectID, everyone)
		}
		found, err := columnOf[string](ctx, q)
		if err != nil {
			return fmt.Errorf("look for security groups: %w", err)
		}
		for _, id := range ids {
			if !slices.Contains(found, id) {
				return groupNotFound(id)
			}
		}
	}
	p.SecurityGroups = ids
	return nil
}

type portGroup struct {
	bun.BaseModel `bun:"table:port_security_groups,alias:pg"`
	PortID        string `bun:",pk"`
	GroupID       string `bun:",pk"`
}

// setGroups puts a port into groups and no others. Errors: Conflict (stateful
// and stateless ones).
func setGroups(ctx context.Context, tx bun.IDB, portID string, groups []string) error {
	if _, err := tx.NewDelete().Model((*portGroup)(nil)).Where("port_id = ?", portID).Exec(ctx); err != nil {
		return fmt.Errorf("take the security groups of a port: %w", err)
	}
	if len(groups) == 0 {
		return nil
	}
	kinds, err := columnOf[bool](ctx, tx.NewSelect().TableExpr("security_groups").ColumnExpr("DISTINCT stateful").Where("id IN (?)", store.Set(groups)))
	if err != nil {
		return fmt.Errorf("look for stateless groups: %w", err)
	}
	if len(kinds) > 1 {
		return conflict("SecurityGroupConflict", "Error Cannot apply both stateful and stateless security groups on the same port at the same time while attempting the operation.")
	}
	rows := make([]portGroup, len(groups))
	for i, id := range groups {
		rows[i] = portGroup{PortID: portID, GroupID: id}
	}
	if _, err := tx.NewInsert().Model(&rows).Exec(ctx); err != nil {
		return fmt.Errorf("insert the security groups of a port: %w", err)
	}
	return nil
}
