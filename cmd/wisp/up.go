package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"wisp/internal/doctor"
	"wisp/internal/image"
)

const (
	upTimeout   = 60 * time.Second
	pollEvery   = 20 * time.Millisecond
	logTailSize = 4 << 10
)

func upCommand() *cobra.Command {
	var (
		s          settings
		raw        serverFlags
		foreground bool
		verbose    bool
	)
	command := &cobra.Command{
		Use:   "up",
		Short: "Start a cloud on this machine, in the background",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := s.begin(c, "", &raw); err != nil {
				return err
			}
			if foreground {
				return s.run(c.Context(), logTo(verbose))
			}
			return s.up(c.Context(), c.OutOrStdout())
		},
	}
	stateFlag(command, &s)
	raw.add(command, &s)
	flags := command.Flags()
	flags.StringVar(&s.Host, "host", "", "name of this host in the cloud (default: the machine's)")
	flags.StringVar(&s.PublicInterface, "public-interface", "", "interface of the physical network \"public\"; without one wisp makes a network on this machine")
	flags.StringVar(&raw.cidr, "public-cidr", defaultCIDR, "this machine's address on the network that wisp makes, with its length")
	flags.StringVar(&s.Tunnel, "tunnel", "", "address or interface where tunnels to other hosts end (default: the management address, with --node-listen)")
	nodeFlags(command, &s)
	flags.BoolVar(&foreground, "foreground", false, "stay in the foreground and log to standard error, as a service unit wants")
	flags.BoolVar(&verbose, "verbose", false, "log more, in the foreground")
	return command
}

// nodeFlags are those of whatever runs instances.
func nodeFlags(command *cobra.Command, s *settings) {
	flags := command.Flags()
	flags.StringVar(&s.Accelerator, "accelerator", "", "kvm or tcg (default: what works)")
	flags.StringVar(&s.Hypervisor, "hypervisor", hypervisorQEMU, "qemu, or fake for measuring without machines")
	_ = flags.MarkHidden("hypervisor")
}

// logTo is the log of a process in the foreground.
func logTo(verbose bool) *slog.Logger {
	level := slog.LevelInfo
	if verbose {
		level = slog.LevelDebug
	}
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level}))
}

// begin completes the settings for a start in a role: from the state directory
// as far as there are some, and from the flags.
func (s *settings) begin(c *cobra.Command, role string, raw *serverFlags) error {
	given := *s
	// Reading what was kept would write over what the flags gave: both share
	// their memory.
	s.ImportAllow, s.ImportPorts, s.Servers = nil, nil, nil
	err := s.load()
	switch {
	case errors.Is(err, errNoCloud):
		*s = given // the first start
		if err := s.absolute(); err != nil {
			return err
		}
	case err != nil:
		return err // never start on settings that cannot be read
	case s.Role != role:
		return fmt.Errorf("%s is the state directory of %s; `%s` starts it, and --state-dir names another", s.StateDir, what[s.Role], starts[s.Role])
	}
	s.Role = role
	return s.take(c, given, raw)
}

// What a state directory is of, by role, and what starts it.
var (
	what   = map[string]string{"": "a cloud on one machine", roleServer: "a server", roleNode: "a node"}
	starts = map[string]string{"": "wisp up", roleServer: "wisp server", roleNode: "wisp node run"}
)

// take completes the settings: a flag that was given wins over what was kept,
// which wins over the default.
func (s *settings) take(c *cobra.Command, given settings, raw *serverFlags) error {
	changed := c.Flags().Changed
	for name, set := range map[string]func(){
		"listen":                func() { s.Listen = given.Listen },
		"database":              func() { s.Database = given.Database },
		"host":                  func() { s.Host = given.Host },
		"name":                  func() { s.Name = given.Name },
		"public-interface":      func() { s.PublicInterface = given.PublicInterface },
		"accelerator":           func() { s.Accelerator = given.Accelerator },
		"hypervisor":            func() { s.Hypervisor = given.Hypervisor },
		"import-allow":          func() { s.ImportAllow = given.ImportAllow },
		"import-port":           func() { s.ImportPorts = given.ImportPorts },
		"image-cache":           func() { s.ImageCache = given.ImageCache },
		"image-store":           func() { s.ImageStore = given.ImageStore },
		"default-image-store":   func() { s.DefaultImageStore = given.DefaultImageStore },
		"image-locations":       func() { s.ImageLocations = given.ImageLocations },
		"image-direct-url":      func() { s.ImageDirectURL = given.ImageDirectURL },
		"node-listen":           func() { s.NodeListen = given.NodeListen },
		"management":            func() { s.Management = given.Management },
		"tunnel":                func() { s.Tunnel = given.Tunnel },
		"server":                func() { s.Servers = given.Servers },
		"tenant-network-type":   func() { s.TenantType = given.TenantType },
		"vni-range":             func() { s.VNIs = given.VNIs },
		"gre-key-range":         func() { s.GREKeys = given.GREKeys },
		"mtu":                   func() { s.MTU = given.MTU },
		"node-certificate-life": func() { s.NodeLife = given.NodeLife },
		"lockout-failures":      func() { s.LockoutFailures = given.LockoutFailures },
		"lockout-duration":      func() { s.LockoutDuration = given.LockoutDuration },
		"reclaim-after":         func() { s.ReclaimAfter = given.ReclaimAfter },
		"password-history":      func() { s.PasswordHistory = given.PasswordHistory },
		"password-hash-rounds":  func() { s.HashRounds = given.HashRounds },

		"password-life":              func() { s.PasswordLife = given.PasswordLife },
		"password-min-age":           func() { s.PasswordMinAge = given.PasswordMinAge },
		"password-regex":             func() { s.PasswordRegex = given.PasswordRegex },
		"password-regex-description": func() { s.PasswordDescription = given.PasswordDescription },
		"password-first-use":         func() { s.PasswordFirstUse = given.PasswordFirstUse },
		"disable-inactive":           func() { s.DisableInactive = given.DisableInactive },
	} {
		if changed(name) {
			set()
		}
	}
	if cidr := raw.cidr; cidr != "" && (changed("public-cidr") || !s.PublicCIDR.IsValid()) {
		prefix, err := netip.ParsePrefix(cidr)
		if err != nil || !prefix.Addr().Is4() || prefix.Bits() > 30 || prefix.Addr() == prefix.Masked().Addr() {
			return fmt.Errorf("--public-cidr %s: want this machine's IPv4 address in the range, with the range's length, such as %s", cidr, defaultCIDR)
		}
		s.PublicCIDR = prefix
	}
	if changed("dns") || s.DNS == nil {
		s.DNS = nil
		if raw.dns == nil {
			raw.dns = resolvers()
		}
		for _, text := range raw.dns {
			server, err := netip.ParseAddr(text)
			if err != nil {
				return fmt.Errorf("--dns %s: not an address", text)
			}
			s.DNS = append(s.DNS, server)
		}
	}
	if s.Host == "" {
		name, err := os.Hostname()
		if err != nil {
			return err
		}
		s.Host = name
	}
	if s.Role != roleNode {
		if err := s.takeServer(c, raw); err != nil {
			return err
		}
	}
	if h := s.Hypervisor; h != "" && h != hypervisorQEMU && h != hypervisorFake {
		return fmt.Errorf("--hypervisor %s: want qemu", h)
	}
	if a := s.Accelerator; a != "" && a != "kvm" && a != "tcg" {
		return fmt.Errorf("--accelerator %s: want kvm or tcg", a)
	}
	if s.ImageCache < 0 || s.ImageCache > 1<<20 {
		return fmt.Errorf("--image-cache %d: want a number of GiB", s.ImageCache)
	}
	if s.ImageStore != "" {
		location, err := image.CheckStore(s.ImageStore)
		if err != nil {
			return fmt.Errorf("--image-store: %w", err)
		}
		s.ImageStore = location
	}
	_, err := s.imports()
	return err
}

// resolvers are this machine's DNS servers, as far as instances can reach
// them too: those on loopback are not.
func resolvers() []string {
	content, err := os.ReadFile("/etc/resolv.conf")
	if err != nil {
		return nil
	}
	var servers []string
	for line := range strings.Lines(string(content)) {
		fields := strings.Fields(line)
		if len(fields) < 2 || fields[0] != "nameserver" {
			continue
		}
		if ip, err := netip.ParseAddr(fields[1]); err == nil && ip.Is4() && !ip.IsLoopback() {
			servers = append(servers, ip.String())
		}
	}
	return servers
}

func (s *settings) up(ctx context.Context, out io.Writer) error {
	if err := os.MkdirAll(s.StateDir, 0o711); err != nil {
		return err
	}
	running, err := s.stays(ctx)
	if err != nil {
		return err
	}
	if running {
		_, err := fmt.Fprintf(out, "The cloud runs already at %s; nothing was changed.\n", s.URL)
		return err
	}
	progress := newSteps(out)
	var findings []doctor.Finding
	err = progress.do("examine this machine", func() error {
		findings = doctor.Examine(ctx, s.doctor(false))
		return nil
	})
	if err != nil {
		return err
	}
	wrong := slices.DeleteFunc(slices.Clone(findings), func(f doctor.Finding) bool { return f.Level == doctor.OK })
	if err := doctor.Print(out, wrong); err != nil {
		return err
	}
	if doctor.Worst(findings) == doctor.Fatal {
		return errors.New("the cloud cannot start on this machine; what FATAL says above must be mended first")
	}
	if err := s.save(); err != nil {
		return err
	}
	var child *exec.Cmd
	if err := progress.do("start the cloud", func() (err error) { child, err = s.spawn(ctx, "up", "--foreground"); return err }); err != nil {
		return err
	}
	if err := progress.do("wait until every part answers", func() error { return s.healthy(ctx, child) }); err != nil {
		return err
	}
	return s.welcome(out)
}

// spawn starts a command of this program in a session of its own, with its log
// in the state directory. It outlives the context.
func (s *settings) spawn(ctx context.Context, command ...string) (*exec.Cmd, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	log, err := os.OpenFile(s.path("wisp.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }()
	child := exec.CommandContext(context.WithoutCancel(ctx), self, append(command, "--state-dir", s.StateDir)...)
	child.Dir, child.Stdout, child.Stderr = "/", log, log
	child.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	return child, child.Start()
}

func (s *settings) logTail() string {
	content, err := os.ReadFile(s.path("wisp.log"))
	if err != nil {
		return err.Error()
	}
	if len(content) > logTailSize {
		content = content[len(content)-logTailSize:]
		if i := bytes.IndexByte(content, '\n'); i >= 0 {
			content = content[i+1:]
		}
	}
	return string(content)
}

func (s *settings) welcome(out io.Writer) error {
	state := ""
	if s.StateDir != defaultStateDir {
		state = " --state-dir " + s.StateDir
	}
	_, err := fmt.Fprintf(out, `
The cloud is up at %s

  credentials   %s and %s (user admin)
  log           %s

What to type next:

  eval "$(wisp openrc%s)"
  openstack service list
  openstack image create --file build/guest.qcow2 --disk-format qcow2 --public cirros
  wisp demo%s            # a whole first day: networks, instances, pings; by itself
`, s.URL, s.path("clouds.yaml"), s.path("openrc"), s.path("wisp.log"), state, state)
	return err
}
