package network

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"wisp/internal/nodeapi"
)

// DHCPOption is an extra option of a port's lease, named as dnsmasq does.
type DHCPOption struct {
	Name      string  `json:"opt_name"`
	Value     *string `json:"opt_value"` // nil in an update deletes
	IPVersion int     `json:"ip_version"`
}

// nextServer is no option but a field of the answer, siaddr: where a machine
// that boots by network goes on (RFC 2131, section 2). dnsmasq names it among
// the options, with the code that no option has.
const nextServer = 255

// optionForm is how the value of a DHCP option is written.
type optionForm int

const (
	formText optionForm = iota
	formAddresses
	formUint16
	formUint32
	formUint8
	formLabels // names, as DNS writes them (RFC 1035, section 3.1)
)

type optionCode struct {
	code uint16
	form optionForm
}

// optionCodes are the options of RFC 2132 and its followers that a port may
// set, by the names that dnsmasq gives them.
var optionCodes = map[string]optionCode{
	"netmask": {1, formAddresses}, "time-offset": {2, formUint32}, "router": {3, formAddresses}, "dns-server": {6, formAddresses},
	"log-server": {7, formAddresses}, "lpr-server": {9, formAddresses}, "hostname": {12, formText}, "boot-file-size": {13, formUint16},
	"domain-name": {15, formText}, "swap-server": {16, formAddresses}, "root-path": {17, formText}, "extension-path": {18, formText},
	"ip-forward-enable": {19, formUint8}, "default-ttl": {23, formUint8}, "mtu": {26, formUint16}, "broadcast": {28, formAddresses},
	"tcp-ttl": {37, formUint8}, "nis-domain": {40, formText}, "nis-server": {41, formAddresses}, "ntp-server": {42, formAddresses},
	"netbios-ns": {44, formAddresses}, "T1": {58, formUint32}, "T2": {59, formUint32}, "vendor-class": {60, formText},
	"tftp-server": {66, formText}, "bootfile-name": {67, formText}, "smtp-server": {69, formAddresses}, "tftp-server-address": {150, formAddresses},
	"classless-static-route": {121, formText}, "posix-timezone": {100, formText}, "tzdb-timezone": {101, formText}, "server-ip-address": {nextServer, formAddresses},
}

// optionCodes6 are those of DHCPv6: RFC 3319, 3646, 3898, 4075, 4242, 4833 and
// 5970.
var optionCodes6 = map[string]optionCode{
	"sip-server-domain": {21, formLabels}, "sip-server": {22, formAddresses}, "dns-server": {23, formAddresses}, "domain-search": {24, formLabels},
	"nis-server": {27, formAddresses}, "nis+-server": {28, formAddresses}, "nis-domain": {29, formLabels}, "nis+-domain": {30, formLabels},
	"sntp-server": {31, formAddresses}, "information-refresh-time": {32, formUint32}, "posix-timezone": {41, formText}, "tzdb-timezone": {42, formText},
	"bootfile-url": {59, formText},
}

// codeOf finds what an option of a port means. A name is one of dnsmasq's, with
// or without "option:" or "option6:" before it, or a number: of IPv4 any, whose
// value is text where it has no name, of IPv6 one that has a name.
func codeOf(o DHCPOption) (optionCode, error) {
	name := strings.TrimPrefix(strings.TrimPrefix(o.Name, "option:"), "option6:")
	all := optionCodes
	if o.IPVersion == 6 {
		all = optionCodes6
	}
	if known, ok := all[name]; ok {
		return known, nil
	}
	n, err := strconv.ParseUint(name, 10, 8)
	if err == nil && n != 0 && n != nextServer {
		for _, known := range all {
			if known.code == uint16(n) {
				return known, nil
			}
		}
		if o.IPVersion != 6 {
			return optionCode{code: uint16(n)}, nil
		}
	}
	return optionCode{}, fmt.Errorf("'%s' is not an option that this cloud knows", o.Name)
}

// encodeOption turns an option of a port into its code and what goes on the
// wire.
func encodeOption(o DHCPOption) (uint16, []byte, error) {
	value := ""
	if o.Value != nil {
		value = *o.Value
	}
	// A line break in an option once wrote other lines into a configuration
	// file; nothing that cannot be printed belongs here.
	if control(o.Name) || control(value) {
		return 0, nil, fmt.Errorf("'%q' has control characters", o.Name)
	}
	known, err := codeOf(o)
	if err != nil {
		return 0, nil, err
	}
	if known.code == 121 && o.IPVersion != 6 {
		return 0, nil, fmt.Errorf("routes are attributes of the subnet: host_routes")
	}
	var out []byte
	switch known.form {
	case formText:
		out = []byte(value)
	case formAddresses:
		for part := range strings.SplitSeq(value, ",") {
			a, err := netip.ParseAddr(strings.Trim(strings.TrimSpace(part), "[]"))
			if err != nil || version(a) != o.IPVersion || a.Zone() != "" {
				return 0, nil, fmt.Errorf("'%s' is not an IPv%d address for %s", part, o.IPVersion, o.Name)
			}
			out = append(out, a.AsSlice()...)
		}
		if known.code == nextServer && len(out) != 4 {
			return 0, nil, fmt.Errorf("%s is one address", o.Name)
		}
	case formLabels:
		for part := range strings.SplitSeq(value, ",") {
			domain := strings.TrimSuffix(strings.TrimSpace(part), ".") + "."
			if checkDomain(domain) != nil {
				return 0, nil, fmt.Errorf("'%s' is not a domain for %s", part, o.Name)
			}
			for label := range strings.SplitSeq(strings.ToLower(domain), ".") {
				out = append(append(out, byte(len(label))), label...) // the last is empty, and ends the name
			}
		}
	default:
		size := map[optionForm]int{formUint8: 1, formUint16: 2, formUint32: 4}[known.form]
		n, err := strconv.ParseUint(value, 10, size*8)
		if err != nil {
			return 0, nil, fmt.Errorf("'%s' is not a number for %s", value, o.Name)
		}
		out = binary.BigEndian.AppendUint32(nil, uint32(n))[4-size:]
	}
	if len(out) == 0 || len(out) > 255 {
		return 0, nil, fmt.Errorf("the value of %s must be 1 to 255 bytes long", o.Name)
	}
	return known.code, out, nil
}

// addOptions tells a lease what the port's own options say.
func addOptions(l *nodeapi.Lease, options []DHCPOption) {
	for _, o := range options {
		code, value, err := encodeOption(o)
		switch {
		case err != nil: // of a version that the port had no address of when it was accepted
		case o.IPVersion == 6 && l.IPv6 != nil:
			l.IPv6.Options = append(l.IPv6.Options, nodeapi.Option6{Code: code, Value: value})
		case o.IPVersion == 6:
		case code == nextServer:
			l.NextServer, _ = netip.AddrFromSlice(value)
		default:
			l.Options = append(l.Options, nodeapi.Option{Code: uint8(code), Value: value})
		}
	}
}

func control(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f || r == 0x85 || r == 0x2028 || r == 0x2029 })
}

// checkOptions checks the port's options. Values are checked where the port
// could be told them: one that has addresses of the other version only keeps
// what it was given, as Neutron does.
func (p *Port) checkOptions() error {
	for _, o := range p.DHCPOpts.V {
		if o.IPVersion != 4 && o.IPVersion != 6 {
			return refuse("HTTPBadRequest", "Invalid input for extra_dhcp_opts. Reason: ip_version '%d' is not in [4, 6].", o.IPVersion)
		}
		_, _, err := encodeOption(o)
		if _, known := codeOf(o); err != nil && known == nil && !control(o.Name) && !control(*o.Value) && p.lacksVersion(o.IPVersion) {
			continue
		}
		if err != nil {
			return refuse("HTTPBadRequest", "Invalid input for extra_dhcp_opts. Reason: %s.", err)
		}
	}
	return nil
}

// lacksVersion tells whether the port has addresses, and none of a version.
func (p *Port) lacksVersion(number int) bool {
	return len(p.FixedIPs) > 0 && !slices.ContainsFunc(p.addresses(), func(a netip.Addr) bool { return version(a) == number })
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
