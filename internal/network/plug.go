package network

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/uptrace/bun"

	"wisp/internal/errs"
	"wisp/internal/policy"
	"wisp/internal/store"
)

// Values of PlugRequest.Auto, as Nova's "networks" parameter has them.
const (
	NetworkAuto = "auto" // the project's only usable network, or one that is made
	NetworkNone = "none" // no ports at all
)

// PlugRequest asks for the ports of a device, in the order of its NICs.
type PlugRequest struct {
	DeviceID         string // the server's id
	DeviceOwner      string // "compute:nova": "compute:" and the availability zone
	Host             string // where the ports are bound to
	AvailabilityZone string
	ProjectID        string // whose the created ports are
	// Auto is for empty Requests: NetworkNone for no port, "" for one on the
	// project's only usable network, NetworkAuto for one on a network that is
	// made where the project can use none (AutoNetwork).
	Auto           string
	Requests       []PortRequest
	SecurityGroups []string // ids or names; empty is the project's default group
	DNSName        string   // host name of the device; may be empty
	FirstNIC       int      // place of the first of the requests among the device's NICs
}

// PortRequest is one NIC: an existing port, or a network to make one on.
type PortRequest struct {
	PortID    string
	NetworkID string
	FixedIP   netip.Addr // with NetworkID: the address wanted; zero is any
	Tag       string     // the device's role tag
}

// PluggedPort is a NIC of a device, with all that the device and its metadata
// need to know.
type PluggedPort struct {
	PortID             string
	NetworkID          string
	NetworkName        string
	ProjectID          string
	MAC                string
	MTU                int
	Tag                string
	Status             string // PortActive, PortDown, …
	FixedIPs           []PluggedIP
	SecurityGroupNames []string
	CreatedByCompute   bool // PlugTx made it, UnplugTx deletes it
	Order              int  // of the NIC, from 0
}

// PluggedIP is one fixed address with what its subnet says.
type PluggedIP struct {
	SubnetID    string
	Address     netip.Addr
	Prefix      netip.Prefix // the subnet's
	Gateway     netip.Addr   // zero: none
	DNS         []netip.Addr
	Routes      []HostRoute
	DHCP        bool
	FloatingIPs []netip.Addr
}

// HostRoute is a route that a subnet gives to its hosts.
type HostRoute struct {
	Destination netip.Prefix
	NextHop     netip.Addr
}

// PlugTx gives a device its ports: it makes new ones on networks, takes over
// existing ones, and binds them to the host. The ports are in the order of the
// requests. Errors: Invalid, NotFound, Conflict (a port in use, several
// possible networks, no free address; of type TypePortBindingFailed: the host
// does not have a network), OverQuota, Forbidden. Transactions that plug should
// hold PlugLocks.
func (s *Service) PlugTx(ctx context.Context, tx *store.Tx, caller *policy.Caller, req PlugRequest) ([]PluggedPort, error) {
	requests := req.Requests
	if len(requests) == 0 {
		if req.Auto == NetworkNone {
			return nil, nil
		}
		n, err := onlyNetwork(ctx, tx, req.ProjectID)
		if err == nil && n == "" && req.Auto == NetworkAuto {
			n, err = s.autoNetwork(ctx, tx, req.ProjectID)
		}
		if err != nil || n == "" {
			return nil, err
		}
		requests = []PortRequest{{NetworkID: n}}
	}
	groups, err := s.groupsNamed(ctx, tx, caller, req.ProjectID, req.SecurityGroups)
	if err != nil {
		return nil, err
	}
	made := 0
	for _, r := range requests {
		if r.PortID == "" {
			made++
		}
	}
	if made > 0 {
		if err := s.reserve(ctx, tx, req.ProjectID, "port", made); err != nil {
			return nil, err
		}
	}
	for i, r := range requests {
		if r.PortID != "" {
			err = s.takeOver(ctx, tx, caller, req, r, req.FirstNIC+i)
		} else {
			err = s.plugNew(ctx, tx, caller, req, r, req.FirstNIC+i, groups)
		}
		if err != nil {
			return nil, err
		}
	}
	hosts(tx)
	all, err := s.DevicePorts(ctx, tx, []string{req.DeviceID})
	if err != nil {
		return nil, err
	}
	plugged := all[req.DeviceID]
	networkIDs := make([]string, len(plugged))
	for i, p := range plugged {
		networkIDs[i] = p.NetworkID
	}
	return plugged, bindable(ctx, tx, req.Host, networkIDs)
}

// PlugLocks are the locks that make transactions with PlugTx wait for each
// other instead of failing.
func PlugLocks(req PlugRequest) []store.Lock {
	if req.Auto == NetworkAuto && len(req.Requests) == 0 {
		return autoLocks(req.ProjectID)
	}
	locks := []store.Lock{quotaLock(req.ProjectID)}
	for _, r := range req.Requests {
		if r.NetworkID != "" {
			locks = append(locks, networkLock(r.NetworkID))
		}
	}
	slices.Sort(locks[1:])
	return slices.Compact(locks)
}

// onlyNetwork is the network of a device that names none: the only one of its
// project, or else the only shared one. "" is that there is none.
func onlyNetwork(ctx context.Context, db bun.IDB, projectID string) (string, error) {
	shared := "project_id <> ?0 AND id IN (SELECT object_id FROM network_rbac WHERE action = ?1 AND target_project IN (?0, ?2))"
	for _, which := range []string{"project_id = ?0", shared} {
		found, err := columnOf[string](ctx, db.NewSelect().TableExpr("networks AS n").Column("n.id").Where(which, projectID, AsShared, everyone).
			Where("NOT external").Where("EXISTS (SELECT 1 FROM subnets WHERE network_id = n.id)").Limit(2))
		if err != nil {
			return "", fmt.Errorf("look for the project's network: %w", err)
		}
		if len(found) > 1 {
			return "", conflict("NetworkAmbiguous", "Multiple possible networks found, use a Network ID to be more specific.")
		}
		if len(found) == 1 {
			return found[0], nil
		}
	}
	return "", nil
}

// groupsNamed finds security groups by id or name in the project; no names
// are the project's default group.
func (s *Service) groupsNamed(ctx context.Context, tx *store.Tx, caller *policy.Caller, projectID string, names []string) ([]string, error) {
	standard, err := s.ensureDefaultGroup(ctx, tx, projectID)
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		return []string{standard}, nil
	}
	var rows []SecurityGroup
	if err := tx.NewSelect().Model(&rows).Where("(project_id = ? OR id IN (SELECT object_id FROM network_rbac WHERE target_project IN (?, ?)))", projectID, projectID, everyone).
		Where("(id IN (?) OR name IN (?) AND project_id = ?)", bun.List(names), bun.List(names), projectID).Scan(ctx); err != nil {
		return nil, fmt.Errorf("look for security groups: %w", err)
	}
	var ids []string
	for _, name := range names {
		var found []string
		for _, g := range rows {
			if g.ID == name {
				found = []string{g.ID}
				break
			}
			if g.Name == name {
				found = append(found, g.ID)
			}
		}
		switch len(found) {
		case 0:
			return nil, missing("SecurityGroupNotFound", "Security group %s not found.", name)
		case 1:
			ids = append(ids, found[0])
		default:
			return nil, conflict("NoUniqueMatch", "Multiple security groups found matching '%s'. Use an ID to be more specific.", name)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids), nil
}

func (s *Service) plugNew(ctx context.Context, tx *store.Tx, caller *policy.Caller, req PlugRequest, r PortRequest, nic int, groups []string) error {
	n := &Network{}
	if err := networks.find(ctx, tx, caller, r.NetworkID, n); err != nil {
		return err
	}
	if err := loadTargets(ctx, tx, []*Network{n}); err != nil {
		return err
	}
	if n.External && !n.SharedWith(caller.ProjectID) && !caller.IsAdmin() && n.ProjectID != caller.ProjectID {
		return errs.New(errs.Forbidden, "It is not allowed to create an interface on external network %s", n.ID).WithType("ExternalNetworkAttachForbidden")
	}
	p := &Port{
		Standard: newStandard(req.ProjectID, ""), NetworkID: n.ID, AdminStateUp: true, Status: StatusDown, PortSecurityEnabled: n.PortSecurityEnabled,
		DeviceID: req.DeviceID, DeviceOwner: req.DeviceOwner, Host: req.Host, VNICType: "normal", Role: roleCompute, Tag: r.Tag, NIC: nic,
		DNSName: dnsName(req.DNSName),
	}
	p.AddressPairs.V, p.DHCPOpts.V = []AddressPair{}, []DHCPOption{}
	wanted := Opt[[]FixedIPSpec]{}
	if r.FixedIP.IsValid() {
		wanted = Some([]FixedIPSpec{{Address: r.FixedIP.String()}})
	}
	if err := s.placePort(ctx, tx, n, p, wanted, false); err != nil {
		return err
	}
	if len(p.FixedIPs) == 0 {
		return refuse("NetworkRequiresSubnet", "Network %s requires a subnet in order to boot instances on.", n.ID)
	}
	if !p.PortSecurityEnabled {
		groups = nil
	}
	return setGroups(ctx, tx, p.ID, groups)
}

// dnsName makes a host name of what a device is called; "" when nothing of
// it can be one.
func dnsName(name string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(name) {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			b.WriteRune(r)
		case r == '-' || r == '_' || r == ' ' || r == '.':
			b.WriteByte('-')
		}
	}
	out := b.String()
	if len(out) > 63 {
		out = out[:63]
	}
	return strings.Trim(out, "-")
}

// takeOver binds an existing port to the device.
func (s *Service) takeOver(ctx context.Context, tx *store.Tx, caller *policy.Caller, req PlugRequest, r PortRequest, nic int) error {
	p, _, err := s.ownPort(ctx, tx, caller, "update_port", r.PortID, nil)
	if err != nil {
		return err
	}
	if p.ProjectID != req.ProjectID && !caller.IsAdmin() {
		return portNotFound(p.ID)
	}
	if p.Role != roleNone || p.DeviceID != "" && p.DeviceID != req.DeviceID {
		return p.inUse()
	}
	if r.FixedIP.IsValid() {
		return invalid("a fixed IP cannot be given for port %s, which has its own", p.ID)
	}
	p.Role, p.DeviceID, p.DeviceOwner, p.Host, p.Status, p.Tag, p.NIC = roleAttached, req.DeviceID, req.DeviceOwner, req.Host, StatusDown, r.Tag, nic
	p.BindingFailed = false
	if p.DNSName == "" {
		p.DNSName = dnsName(req.DNSName)
	}
	p.touch()
	if err := update(ctx, tx, p); err != nil {
		return fmt.Errorf("bind a port: %w", err)
	}
	return nil
}

// UnplugTx takes the ports of a device away: those that PlugTx made are
// deleted, the others are unbound and kept. A device without ports is no
// error.
func (s *Service) UnplugTx(ctx context.Context, tx *store.Tx, deviceID string) error {
	if deviceID == "" {
		return errors.New("unplug a device without an id")
	}
	if err := deletePorts(ctx, tx, tx.NewSelect().TableExpr("ports").Column("id").Where("device_id = ? AND role = ?", deviceID, roleCompute)); err != nil {
		return err
	}
	var kept owned
	_, err := tx.NewUpdate().TableExpr("ports").Set("role = '', device_id = '', device_owner = '', host = '', binding_failed = FALSE, tag = '', nic = 0, status = ?", StatusDown).
		Set("revision = revision + 1").Set("updated_at = ?", now()).Where("device_id = ? AND role = ?", deviceID, roleAttached).Returning(returning).Exec(ctx, &kept)
	if err != nil {
		return fmt.Errorf("unbind the ports of a device: %w", err)
	}
	kept.note(tx, "port", store.Update)
	hosts(tx)
	return nil
}

// DevicePorts returns the ports of devices by device id, in the order of
// their NICs, in a constant number of queries. Ports share what is the same of
// their subnets and groups: change none of it.
func (s *Service) DevicePorts(ctx context.Context, db bun.IDB, deviceIDs []string) (map[string][]PluggedPort, error) {
	all := make(map[string][]PluggedPort, len(deviceIDs))
	if len(deviceIDs) == 0 {
		return all, nil
	}
	rows, err := plugs(ctx, db, deviceIDs)
	if err != nil || len(rows) == 0 {
		return all, err
	}
	v, err := loadView(ctx, db, rows)
	if err != nil {
		return nil, err
	}
	for i := 0; i < len(rows); {
		first := &rows[i]
		end := i + 1
		for end < len(rows) && rows[end].portID == first.portID {
			end++
		}
		if n := v.networks[first.networkID]; n != nil { // else it went between two queries, and the port with it
			port := PluggedPort{
				PortID: first.portID, NetworkID: n.ID, NetworkName: n.Name, ProjectID: first.projectID, MAC: first.mac, MTU: n.MTU, Tag: first.tag,
				Status: first.status, CreatedByCompute: first.role == roleCompute, Order: first.nic,
				FixedIPs: v.fixedIPs(rows[i:end]), SecurityGroupNames: v.names(first.groups),
			}
			all[first.deviceID] = append(all[first.deviceID], port)
		}
		i = end
	}
	return all, nil
}

// plug is a port of a device with one of its fixed addresses and one floating
// IP of that: a row for each, "" where there is none. It is read without the
// model, for there are thousands: lists of servers show them.
type plug struct {
	portID, deviceID, networkID, projectID, mac, tag, status, role string
	nic                                                            int
	groups                                                         string // ids, with spaces between, in no order
	subnetID, address, floating                                    string
}

// plugs reads the rows of a port together, ports in the order of NICs, fixed
// addresses in theirs.
func plugs(ctx context.Context, db bun.IDB, deviceIDs []string) ([]plug, error) {
	q := db.NewSelect().TableExpr("ports AS p").
		Column("p.id", "p.device_id", "p.network_id", "p.project_id", "p.mac", "p.tag", "p.status", "p.role", "p.nic").
		ColumnExpr("COALESCE((SELECT string_agg(group_id, ' ') FROM port_security_groups WHERE port_id = p.id), '')").
		ColumnExpr("COALESCE(a.subnet_id, ''), COALESCE(a.address, ''), COALESCE(f.address, '')").
		Join("LEFT JOIN port_addresses AS a ON a.port_id = p.id").
		Join("LEFT JOIN floating_ips AS f ON f.port_id = p.id AND f.fixed_address = a.address").
		Where("p.device_id IN (?) AND p.role IN (?)", store.Set(deviceIDs), bun.List([]string{roleCompute, roleAttached})).
		Order("p.nic", "p.created_at", "p.id", "a.position", "a.address", "f.address")
	list := make([]plug, 0, len(deviceIDs))
	err := store.Each(ctx, q, func(row store.Row) error {
		list = append(list, plug{})
		p := &list[len(list)-1]
		return row.Scan(&p.portID, &p.deviceID, &p.networkID, &p.projectID, &p.mac, &p.tag, &p.status, &p.role, &p.nic,
			&p.groups, &p.subnetID, &p.address, &p.floating)
	})
	if err != nil {
		return nil, fmt.Errorf("read the ports of devices: %w", err)
	}
	return list, nil
}

// view is what ports of devices refer to.
type view struct {
	networks map[string]*Network
	subnets  map[string]PluggedIP // without addresses
	groups   map[string]string    // names by id
	named    map[string][]string  // what names returned
}

// fixedIPs are those of the rows of one port.
func (v *view) fixedIPs(rows []plug) []PluggedIP {
	var list []PluggedIP
	last := ""
	for i := range rows {
		ip, known := v.subnets[rows[i].subnetID]
		if !known {
			continue
		}
		if rows[i].address != last {
			last = rows[i].address
			ip.Address = netip.MustParseAddr(last)
			list = append(list, ip)
		}
		if rows[i].floating != "" {
			at := &list[len(list)-1]
			at.FloatingIPs = append(at.FloatingIPs, netip.MustParseAddr(rows[i].floating))
		}
	}
	return list
}

// names are those of groups, as plug has them, in the order of the ids.
func (v *view) names(groups string) []string {
	names, known := v.named[groups]
	if !known {
		for _, id := range slices.Sorted(strings.FieldsSeq(groups)) {
			names = append(names, v.groups[id])
		}
		v.named[groups] = names
	}
	return names
}

func loadView(ctx context.Context, db bun.IDB, rows []plug) (*view, error) {
	v := &view{networks: map[string]*Network{}, subnets: map[string]PluggedIP{}, groups: map[string]string{}, named: map[string][]string{}}
	together := map[string]bool{}
	for i := range rows {
		v.networks[rows[i].networkID] = nil
		together[rows[i].groups] = true
	}
	for groups := range together {
		for id := range strings.FieldsSeq(groups) {
			v.groups[id] = ""
		}
	}
	networkIDs := keys(v.networks)
	var nets []*Network
	if err := db.NewSelect().Model(&nets).Column("id", "name", "mtu").Where("id IN (?)", store.Set(networkIDs)).Scan(ctx); err != nil {
		return nil, fmt.Errorf("read the networks of ports: %w", err)
	}
	for _, n := range nets {
		v.networks[n.ID] = n
	}
	subs, err := subnetsOf(ctx, db, networkIDs...)
	if err != nil {
		return nil, err
	}
	for _, sub := range subs {
		v.subnets[sub.ID] = PluggedIP{
			SubnetID: sub.ID, Prefix: sub.prefix(), Gateway: sub.gateway(), DNS: addresses(sub.DNS.V), Routes: hostRoutes(sub), DHCP: sub.EnableDHCP,
		}
	}
	if len(v.groups) == 0 {
		return v, nil
	}
	var groups []SecurityGroup
	if err := db.NewSelect().Model(&groups).Column("id", "name").Where("id IN (?)", store.Set(keys(v.groups))).Scan(ctx); err != nil {
		return nil, fmt.Errorf("read the security groups of ports: %w", err)
	}
	for i := range groups {
		v.groups[groups[i].ID] = groups[i].Name
	}
	return v, nil
}

// addresses parses what was checked when it was stored.
func addresses(list []string) []netip.Addr {
	var out []netip.Addr
	for _, text := range list {
		if a, err := netip.ParseAddr(text); err == nil {
			out = append(out, a)
		}
	}
	return out
}

func hostRoutes(sub *Subnet) []HostRoute {
	var out []HostRoute
	for _, r := range sub.HostRoutes.V {
		d, err := netip.ParsePrefix(r.Destination)
		if err != nil {
			continue
		}
		if hop, err := netip.ParseAddr(r.NextHop); err == nil {
			out = append(out, HostRoute{Destination: d, NextHop: hop})
		}
	}
	return out
}

// PortsActive records which ports of devices work (up) and which do not.
func (s *Service) PortsActive(ctx context.Context, tx *store.Tx, up, down []string) error {
	for _, change := range []struct {
		ids    []string
		status string
	}{{up, StatusActive}, {down, StatusDown}} {
		if len(change.ids) == 0 {
			continue
		}
		var rows owned
		_, err := tx.NewUpdate().TableExpr("ports").Set("status = ?", change.status).Set("revision = revision + 1").Set("updated_at = ?", now()).
			Where("id IN (?) AND status <> ? AND role IN (?)", bun.List(change.ids), change.status, bun.List([]string{roleCompute, roleAttached})).Returning(returning).Exec(ctx, &rows)
		if err != nil {
			return fmt.Errorf("record the status of ports: %w", err)
		}
		rows.note(tx, "port", store.Update)
	}
	return nil
}
