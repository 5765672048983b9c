package doctor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"wisp/internal/netlinkx"
)

func checkPort(ctx context.Context, c Config) []Finding {
	const name = "port"
	if c.Running {
		return ok(name, "%s is this cloud's own", c.Listen)
	}
	bind := c.Bind
	if bind == nil {
		bind = func(ctx context.Context, address string) (net.Listener, error) {
			var config net.ListenConfig
			return config.Listen(ctx, "tcp", address)
		}
	}
	l, err := bind(ctx, c.Listen)
	if err == nil {
		_ = l.Close()
		return ok(name, "%s is free", c.Listen)
	}
	_, port, _ := net.SplitHostPort(c.Listen)
	if errors.Is(err, unix.EADDRINUSE) {
		return []Finding{{name, Fatal, c.Listen + " is in use by another program", "the APIs and the dashboard",
			fmt.Sprintf("ss -ltnp 'sport = :%s' shows which; end it, or choose another port with --listen", port)}}
	}
	return []Finding{{name, Fatal, err.Error(), "the APIs and the dashboard", "choose an address of this machine with --listen"}}
}

func checkForwarding(ctx context.Context, c Config) []Finding {
	const name = "forwarding"
	if c.PublicInterface != "" {
		return ok(name, "not needed: %s reaches the outside itself", c.PublicInterface)
	}
	var findings []Finding
	if policy := forwardPolicy(ctx); policy != "" {
		findings = append(findings, Finding{name, Warning, "a firewall of this machine drops forwarded packets: " + policy,
			"instances reach this machine, but nothing behind it",
			fmt.Sprintf("iptables -I FORWARD -s %[1]s -j ACCEPT; iptables -I FORWARD -d %[1]s -j ACCEPT", c.PublicGateway.Masked())})
	}
	if c.read("/proc/sys/net/ipv4/ip_forward") != "1" {
		return append(findings, ok(name, "IPv4 forwarding is off; wisp turns it on and, when purged, off again")...)
	}
	return append(findings, ok(name, "IPv4 forwarding is on")...)
}

// forwardPolicy names a forward chain whose policy drops, as firewalls and
// container engines set it.
func forwardPolicy(ctx context.Context) string {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	output, err := exec.CommandContext(ctx, "nft", "list", "chains").Output()
	if err != nil {
		return ""
	}
	table := ""
	for line := range strings.Lines(string(output)) {
		line = strings.TrimSpace(line)
		if rest, found := strings.CutPrefix(line, "table "); found {
			table = strings.TrimSuffix(rest, " {")
		}
		if strings.Contains(line, "hook forward") && strings.Contains(line, "policy drop") {
			return "table " + table
		}
	}
	return ""
}

func checkRange(_ context.Context, c Config) []Finding {
	const name = "address range"
	if c.PublicInterface != "" {
		return nil
	}
	h, err := netlinkx.Open()
	if err != nil {
		return []Finding{{name, Warning, err.Error(), "clashes of address ranges are not seen", ""}}
	}
	defer h.Close()
	addresses, err := h.Addresses()
	if err != nil {
		return []Finding{{name, Warning, err.Error(), "clashes of address ranges are not seen", ""}}
	}
	routes, err := h.Routes()
	if err != nil {
		return []Finding{{name, Warning, err.Error(), "clashes of address ranges are not seen", ""}}
	}
	return clashes(c, addresses, routes)
}

func clashes(c Config, addresses []netlinkx.Address, routes []netlinkx.Route) []Finding {
	const name = "address range"
	want := c.PublicGateway.Masked()
	own := func(device string) bool { return c.OwnDevice != nil && c.OwnDevice(device) }
	mend := fmt.Sprintf("choose another range: --public-cidr %s", alternative(addresses, routes))
	for _, a := range addresses {
		if !own(a.Device) && a.Prefix.Overlaps(want) {
			return []Finding{{name, Fatal, fmt.Sprintf("%s of the external network is in use here: %s has %s", want, a.Device, a.Prefix),
				"floating IPs, and this machine's way to its own network", mend}}
		}
	}
	for _, r := range routes {
		if !own(r.Device) && r.Destination.Bits() > 0 && r.Destination.Overlaps(want) {
			return []Finding{{name, Fatal, fmt.Sprintf("%s of the external network is routed elsewhere: %s by %s", want, r.Destination, r.Device),
				"floating IPs, or this machine's way to that network", mend}}
		}
	}
	return ok(name, "%s is free for the external network", want)
}

// alternative proposes a gateway and range that nothing here uses.
func alternative(addresses []netlinkx.Address, routes []netlinkx.Route) netip.Prefix {
	for third := range 200 {
		candidate := netip.PrefixFrom(netip.AddrFrom4([4]byte{172, 24, byte(5 + third), 1}), 24)
		used := slices.ContainsFunc(addresses, func(a netlinkx.Address) bool { return a.Prefix.Overlaps(candidate.Masked()) }) ||
			slices.ContainsFunc(routes, func(r netlinkx.Route) bool {
				return r.Destination.Bits() > 0 && r.Destination.Overlaps(candidate.Masked())
			})
		if !used {
			return candidate
		}
	}
	return netip.MustParsePrefix("192.168.240.1/24")
}

// checkInterfaces looks at the physical network cards: a second one is what
// an external network wants, and is often down or half configured.
func checkInterfaces(_ context.Context, c Config) []Finding {
	const name = "network cards"
	h, err := netlinkx.Open()
	if err != nil {
		return []Finding{{name, Warning, err.Error(), "the state of network cards is not known", ""}}
	}
	defer h.Close()
	links, err := h.Links()
	if err != nil {
		return []Finding{{name, Warning, err.Error(), "the state of network cards is not known", ""}}
	}
	addresses, err := h.Addresses()
	if err != nil {
		return []Finding{{name, Warning, err.Error(), "the state of network cards is not known", ""}}
	}
	if c.PublicInterface != "" {
		return publicInterface(c, links, addresses)
	}
	var cards []string
	for _, l := range links {
		if l.Kind != "device" || l.Name == "lo" || !isCard(c, l.Name) {
			continue
		}
		state := "down"
		if l.Up {
			state = "up"
		}
		if l.Up && c.read("/sys/class/net/"+l.Name+"/carrier") == "0" {
			state = "up, but no cable"
		}
		var has []string
		for _, a := range addresses {
			if a.Device == l.Name && !a.Prefix.Addr().IsLinkLocalUnicast() {
				has = append(has, a.Prefix.String())
			}
		}
		if len(has) == 0 {
			has = []string{"no address: --public-interface " + l.Name + " would make it the external network"}
		}
		cards = append(cards, fmt.Sprintf("%s %s (%s)", l.Name, state, strings.Join(has, ", ")))
	}
	if len(cards) == 0 {
		return ok(name, "none; the external network is made on this machine")
	}
	return ok(name, "%s; the external network is made on this machine", strings.Join(cards, "; "))
}

func isCard(c Config, device string) bool {
	_, err := filepath.EvalSymlinks(c.path("/sys/class/net/" + device + "/device"))
	return err == nil
}

func publicInterface(c Config, links []netlinkx.Link, addresses []netlinkx.Address) []Finding {
	const name, breaks = "network cards", "floating IPs and the way to the outside"
	at := slices.IndexFunc(links, func(l netlinkx.Link) bool { return l.Name == c.PublicInterface })
	if at < 0 {
		var names []string
		for _, l := range links {
			names = append(names, l.Name)
		}
		return []Finding{{name, Fatal, c.PublicInterface + " does not exist", breaks, "choose one with --public-interface: " + strings.Join(names, ", ")}}
	}
	var findings []Finding
	if !links[at].Up {
		findings = append(findings, Finding{name, Warning, c.PublicInterface + " is down", breaks, "ip link set " + c.PublicInterface + " up"})
	} else if c.read("/sys/class/net/"+c.PublicInterface+"/carrier") == "0" {
		findings = append(findings, Finding{name, Warning, c.PublicInterface + " has no cable or no link", breaks, "plug it in, or look at the switch"})
	}
	for _, a := range addresses {
		if a.Device == c.PublicInterface && !a.Prefix.Addr().IsLinkLocalUnicast() {
			findings = append(findings, Finding{name, Warning, fmt.Sprintf("%s has the address %s", c.PublicInterface, a.Prefix),
				"nothing, as long as no floating IP range holds that address",
				fmt.Sprintf("ip addr del %s dev %s, when the interface is for the cloud alone", a.Prefix, c.PublicInterface)})
		}
	}
	if len(findings) == 0 {
		return ok(name, "%s is up and carries the external network", c.PublicInterface)
	}
	return findings
}
