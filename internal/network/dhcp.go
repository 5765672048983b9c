package network

import (
	"context"
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/uptrace/bun"

	"wisp/internal/nodeapi"
	"wisp/internal/store"
)

// ensureDHCP makes the network's DHCP port have an address in each subnet
// with DHCP and in no other: the address that leases come from. Hosts answer
// DHCP themselves; the port reserves the address and shows it. A subnet that
// is full is left out. Without such subnets there is no port.
func (s *Service) ensureDHCP(ctx context.Context, tx *store.Tx, n *Network, subs []*Subnet) error {
	p := &Port{}
	exists, err := one(ctx, tx.NewSelect().Model(p).Where("network_id = ? AND role = ?", n.ID, roleDHCP))
	if err != nil {
		return fmt.Errorf("read the DHCP port: %w", err)
	}
	if exists {
		if err := loadPorts(ctx, tx, []*Port{p}); err != nil {
			return err
		}
	} else {
		p = &Port{
			Standard: newStandard(n.ProjectID, ""), NetworkID: n.ID, AdminStateUp: true, Status: StatusActive, DeviceOwner: OwnerDHCP,
			DeviceID: "dhcp-" + n.ID, VNICType: "normal", Role: roleDHCP,
		}
		p.AddressPairs.V, p.DHCPOpts.V = []AddressPair{}, []DHCPOption{}
		if err := s.chooseMAC(ctx, tx, p); err != nil {
			return err
		}
	}
	c := &chooser{tx: tx, network: n.ID, subnets: subs, mac: p.MAC, lowest: true}
	for _, sub := range subs {
		if !sub.EnableDHCP {
			continue
		}
		if i := slices.IndexFunc(p.FixedIPs, func(ip FixedIP) bool { return ip.SubnetID == sub.ID }); i >= 0 {
			c.add(sub, netip.MustParseAddr(p.FixedIPs[i].Address))
		} else if sub.automatic() {
			c.add(sub, eui64(sub.prefix(), p.MAC))
		} else if _, err := c.allocate(ctx, sub); err != nil {
			return err
		}
	}
	if exists && len(c.chosen) == 0 {
		return deletePorts(ctx, tx, tx.NewSelect().TableExpr("ports").Column("id").Where("id = ?", p.ID))
	}
	if len(c.chosen) == 0 {
		return nil
	}
	if exists {
		tx.Changed(p.change(store.Update))
		if _, err := tx.NewDelete().Model((*FixedIP)(nil)).Where("port_id = ?", p.ID).Exec(ctx); err != nil {
			return fmt.Errorf("take the DHCP port's addresses: %w", err)
		}
	} else if err := insert(ctx, tx, p); err != nil {
		return fmt.Errorf("insert the DHCP port: %w", err)
	}
	for i := range c.chosen {
		c.chosen[i].PortID = p.ID
	}
	p.FixedIPs = c.chosen
	return writeAddresses(ctx, tx, p)
}

// optionForm is how the value of a DHCP option is written.
type optionForm int

const (
	formText optionForm = iota
	formAddresses
	formUint16
	formUint32
	formUint8
)

// optionCodes are the options of RFC 2132 and its followers that a port may
// set, by the names that dnsmasq gives them.
var optionCodes = map[string]struct {
	code uint8
	form optionForm
}{
	"netmask": {1, formAddresses}, "time-offset": {2, formUint32}, "router": {3, formAddresses}, "dns-server": {6, formAddresses},
	"log-server": {7, formAddresses}, "lpr-server": {9, formAddresses}, "hostname": {12, formText}, "boot-file-size": {13, formUint16},
	"domain-name": {15, formText}, "swap-server": {16, formAddresses}, "root-path": {17, formText}, "extension-path": {18, formText},
	"ip-forward-enable": {19, formUint8}, "default-ttl": {23, formUint8}, "mtu": {26, formUint16}, "broadcast": {28, formAddresses},
	"tcp-ttl": {37, formUint8}, "nis-domain": {40, formText}, "nis-server": {41, formAddresses}, "ntp-server": {42, formAddresses},
	"netbios-ns": {44, formAddresses}, "T1": {58, formUint32}, "T2": {59, formUint32}, "vendor-class": {60, formText},
	"tftp-server": {66, formText}, "bootfile-name": {67, formText}, "smtp-server": {69, formAddresses}, "tftp-server-address": {150, formAddresses},
	"classless-static-route": {121, formText}, "posix-timezone": {100, formText}, "tzdb-timezone": {101, formText},
}

// encodeOption turns an option of a port into what goes on the wire. A name
// is one of dnsmasq's, with or without "option:" before it, or a number, whose
// value is text.
func encodeOption(o DHCPOption) (nodeapi.Option, error) {
	name := strings.TrimPrefix(o.Name, "option:")
	value := ""
	if o.Value != nil {
		value = *o.Value
	}
	// A line break in an option once wrote other lines into a configuration
	// file; nothing that cannot be printed belongs here.
	if control(o.Name) || control(value) {
		return nodeapi.Option{}, fmt.Errorf("'%q' has control characters", o.Name)
	}
	known, ok := optionCodes[name]
	if !ok {
		n, err := strconv.ParseUint(name, 10, 8)
		if err != nil || n == 0 || n == 255 {
			return nodeapi.Option{}, fmt.Errorf("'%s' is not an option that this cloud knows", o.Name)
		}
		known.code = uint8(n)
		for _, named := range optionCodes {
			if named.code == known.code {
				known = named
			}
		}
	}
	out := nodeapi.Option{Code: known.code}
	if known.code == 121 {
		return out, fmt.Errorf("routes are attributes of the subnet: host_routes")
	}
	switch known.form {
	case formText:
		out.Value = []byte(value)
	case formAddresses:
		for part := range strings.SplitSeq(value, ",") {
			a, err := netip.ParseAddr(strings.TrimSpace(part))
			if err != nil || !a.Is4() {
				return out, fmt.Errorf("'%s' is not an IPv4 address for %s", part, o.Name)
			}
			out.Value = append(out.Value, a.AsSlice()...)
		}
	default:
		size := map[optionForm]int{formUint8: 1, formUint16: 2, formUint32: 4}[known.form]
		n, err := strconv.ParseUint(value, 10, size*8)
		if err != nil {
			return out, fmt.Errorf("'%s' is not a number for %s", value, o.Name)
		}
		out.Value = binary.BigEndian.AppendUint32(nil, uint32(n))[4-size:]
	}
	if len(out.Value) == 0 || len(out.Value) > 255 {
		return out, fmt.Errorf("the value of %s must be 1 to 255 bytes long", o.Name)
	}
	return out, nil
}

func control(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f || r == 0x85 || r == 0x2028 || r == 0x2029 })
}

func checkOptions(options []DHCPOption) error {
	for _, o := range options {
		if o.IPVersion != 4 && o.IPVersion != 6 {
			return refuse("HTTPBadRequest", "Invalid input for extra_dhcp_opts. Reason: ip_version '%d' is not in [4, 6].", o.IPVersion)
		}
		if o.IPVersion == 6 {
			return refuse("HTTPBadRequest", "Invalid input for extra_dhcp_opts. Reason: options of DHCPv6 are not offered.")
		}
		if _, err := encodeOption(o); err != nil {
			return refuse("HTTPBadRequest", "Invalid input for extra_dhcp_opts. Reason: %s.", err)
		}
	}
	return nil
}

// mergeOptions lays given options over those that a port has, by name; one
// without a value is taken away.
func mergeOptions(have, given []DHCPOption) []DHCPOption {
	out := slices.Clone(nonNil(have))
	for _, o := range given {
		if o.IPVersion == 0 {
			o.IPVersion = 4
		}
		i := slices.IndexFunc(out, func(h DHCPOption) bool { return h.Name == o.Name && h.IPVersion == o.IPVersion })
		switch {
		case o.Value == nil && i >= 0:
			out = slices.Delete(out, i, i+1)
		case o.Value == nil:
		case i >= 0:
			out[i] = o
		default:
			out = append(out, o)
		}
	}
	return out
}

// dhcpServers returns the address that leases come from, by subnet.
func dhcpServers(ctx context.Context, db bun.IDB, networkIDs []string) (map[string]netip.Addr, error) {
	var rows []FixedIP
	if len(networkIDs) == 0 {
		return nil, nil
	}
	err := db.NewSelect().Model(&rows).Where("network_id IN (?)", bun.List(networkIDs)).
		Where("port_id IN (SELECT id FROM ports WHERE role = ?)", roleDHCP).Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the addresses of DHCP ports: %w", err)
	}
	servers := map[string]netip.Addr{}
	for _, row := range rows {
		servers[row.SubnetID], _ = netip.ParseAddr(row.Address)
	}
	return servers, nil
}
