package main

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"wisp/internal/image"
	"wisp/internal/operator"
	"wisp/internal/pki"
	"wisp/internal/server"
)

const (
	shutdownGrace = 3 * time.Second
	headerTimeout = 30 * time.Second
	idleTimeout   = 2 * time.Minute

	nodePort = "5001" // of the node API
)

func serverCommand() *cobra.Command {
	var (
		s       settings
		raw     serverFlags
		verbose bool
	)
	command := &cobra.Command{
		Use:   "server",
		Short: "Run a server that has no node, in the foreground as a service unit wants; several share a PostgreSQL database",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := s.begin(c, roleServer, &raw); err != nil {
				return err
			}
			return s.run(c.Context(), logTo(verbose))
		},
	}
	stateFlag(command, &s)
	raw.add(command, &s)
	flags := command.Flags()
	flags.StringVar(&s.Name, "name", "", "name of this server among those of the cloud (default: the machine's, with random letters)")
	flags.BoolVar(&verbose, "verbose", false, "log more")
	return command
}

// serverFlags are the flags of whatever answers the APIs that need reading.
type serverFlags struct {
	cidr, url string
	dns       []string
	physical  []string
	vlans     []string
	stores    []string
}

func (raw *serverFlags) add(command *cobra.Command, s *settings) {
	flags := command.Flags()
	flags.StringVar(&s.Listen, "listen", defaultListen, "address and port of the APIs; beyond loopback they speak TLS")
	flags.StringVar(&raw.url, "url", "", "URL that clients use, when it is not that of --listen")
	flags.StringVar(&s.Database, "database", "", "postgres:// URL; without one the database is a file in the state directory")
	flags.StringSliceVar(&raw.dns, "dns", nil, "DNS servers for subnets that name none (default: this machine's)")
	flags.StringSliceVar(&s.ImportAllow, "import-allow", nil, "ranges, addresses and host names that images may be imported from although they are not of the public Internet")
	flags.IntSliceVar(&s.ImportPorts, "import-port", nil, "ports that images may be imported from besides 80 and 443")
	flags.Int64Var(&s.ImageCache, "image-cache", 0, "GiB of images' data that this server keeps beside the image store, for stores that are far away (default: none)")
	flags.StringVar(&s.ImageStore, "image-store", "", "folder, or s3://bucket?endpoint=…&region=… with credentials from the environment, where the images' data are (default: images in the state directory)")
	flags.StringArrayVar(&raw.stores, "extra-image-store", nil, "name=location of one more store of images' data, where the location is as that of --image-store, which is called \"local\"; may be given again")
	flags.StringVar(&s.DefaultImageStore, "default-image-store", "", "name of the store that has the images whose owners name none (default: local)")
	flags.BoolVar(&s.ImageLocations, "image-locations", false, "show owners where their images' data are, and let them say that they are at http:// and https:// URLs, under the rules of --import-allow")
	flags.BoolVar(&s.ImageDirectURL, "image-direct-url", false, "show owners the first place where their images' data are")
	flags.StringVar(&s.NodeListen, "node-listen", "", "address and port where nodes on other machines reach this server (`wisp server`: port "+nodePort+" of the management address)")
	flags.StringVar(&s.Management, "management", "", "this machine's address, or its interface, towards the cloud's other machines (default: that of --listen)")
	flags.StringArrayVar(&raw.physical, "physical-network", nil, "name[=interface] of a physical network that flat and vlan networks may use; may be given again (default: public)")
	flags.StringVar(&s.TenantType, "tenant-network-type", "", "type of networks that name none: "+strings.Join(server.Carried(), ", ")+" (default: vxlan)")
	flags.StringVar(&s.VNIs, "vni-range", "", "first:last of the VXLAN identifiers that are given out")
	flags.StringVar(&s.GREKeys, "gre-key-range", "", "first:last of the GRE keys that are given out")
	flags.StringArrayVar(&raw.vlans, "vlan-range", nil, "physical-network:first:last of the VLAN tags that are given out; may be given again")
	flags.IntVar(&s.MTU, "mtu", 0, fmt.Sprintf("bytes that packets between hosts may have, tunnels' headers counted (default: %d)", server.DefaultMTU))
	s.addPasswordFlags(command)
	flags.DurationVar(&s.ReclaimAfter, "reclaim-after", 0, "how long a deleted instance can be restored before its disks are destroyed; 0 is not at all")
	flags.DurationVar(&s.NodeLife, "node-certificate-life", pki.NodeLife, "how long nodes' certificates hold; they are renewed when a third is left")
}

// takeServer completes and checks what concerns the APIs and the networks.
func (s *settings) takeServer(c *cobra.Command, raw *serverFlags) error {
	changed := c.Flags().Changed
	if raw.url != "" {
		s.URL = strings.TrimRight(raw.url, "/")
	} else if s.URL == "" || changed("listen") {
		s.URL = s.defaultURL()
	}
	if s.Role == roleServer && s.Name == "" {
		s.Name = s.Host + "-" + strings.ToLower(rand.Text()[:6])
	}
	if s.NodeListen == "" && s.Role == roleServer {
		s.NodeListen = ":" + nodePort
		if address := s.address(); s.Management == "" && !address.IsUnspecified() {
			s.NodeListen = net.JoinHostPort(address.String(), nodePort)
		}
	} else if s.NodeListen != "" {
		if _, _, err := net.SplitHostPort(s.NodeListen); err != nil {
			s.NodeListen = net.JoinHostPort(strings.Trim(s.NodeListen, "[]"), nodePort)
		}
		if _, port, err := net.SplitHostPort(s.NodeListen); err != nil || port == "" {
			return fmt.Errorf("--node-listen %s: want an address and a port", s.NodeListen)
		}
	}
	if s.NodeLife != 0 && s.NodeLife < time.Second {
		return fmt.Errorf("--node-certificate-life %s: want at least a second", s.NodeLife)
	}
	if err := s.checkPasswordFlags(); err != nil {
		return err
	}
	if s.ReclaimAfter < 0 {
		return fmt.Errorf("--reclaim-after %s: want 0 or more", s.ReclaimAfter)
	}
	if err := s.takeNetworks(c, raw); err != nil {
		return err
	}
	if err := s.takeStores(c, raw); err != nil {
		return err
	}
	_, err := s.types()
	return err
}

var networkName = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._-]{0,62}[A-Za-z0-9])?$`)

// physicalNetwork reads name[=interface].
func physicalNetwork(flag, text string, wantDevice bool) (name, device string, err error) {
	name, device, given := strings.Cut(text, "=")
	if !networkName.MatchString(name) || given && device == "" || wantDevice && !given {
		form := "name, or name=interface"
		if wantDevice {
			form = "name=interface, such as public=eth1"
		}
		return "", "", fmt.Errorf("--%s %s: want %s", flag, text, form)
	}
	return name, device, nil
}

func (s *settings) takeNetworks(c *cobra.Command, raw *serverFlags) error {
	if c.Flags().Changed("physical-network") {
		s.Physical = map[string]string{}
		for _, text := range raw.physical {
			name, device, err := physicalNetwork("physical-network", text, false)
			if err != nil {
				return err
			}
			if _, twice := s.Physical[name]; twice {
				return fmt.Errorf("--physical-network %s: given twice", name)
			}
			if device != "" && s.Role == roleServer {
				return fmt.Errorf("--physical-network %s: this server has no interfaces for networks; nodes say theirs with --external", text)
			}
			if name == publicNetwork && device != "" {
				s.PublicInterface = device
			}
			s.Physical[name] = device
		}
	}
	if c.Flags().Changed("vlan-range") {
		s.VLANs = map[string]string{}
		for _, text := range raw.vlans {
			name, tags, _ := strings.Cut(text, ":")
			if _, twice := s.VLANs[name]; twice {
				return fmt.Errorf("--vlan-range %s: there is a range for %s already", text, name)
			}
			s.VLANs[name] = tags
		}
	}
	return nil
}

// takeStores completes and checks the image stores besides the local one.
func (s *settings) takeStores(c *cobra.Command, raw *serverFlags) error {
	if c.Flags().Changed("extra-image-store") {
		s.ImageStores = map[string]string{}
		for _, text := range raw.stores {
			name, location, ok := strings.Cut(text, "=")
			if !ok || location == "" {
				return fmt.Errorf("--extra-image-store %s: want name=location", text)
			}
			if _, twice := s.ImageStores[name]; twice {
				return fmt.Errorf("--extra-image-store %s: there is a store %s already", text, name)
			}
			s.ImageStores[name] = location
		}
	}
	local := s.ImageStore
	if local == "" {
		local = filepath.Join(s.StateDir, "images")
	}
	checked, err := image.CheckStores(local, s.ImageStores, s.DefaultImageStore)
	if err != nil {
		return fmt.Errorf("--extra-image-store and --default-image-store: %w", err)
	}
	s.ImageStores = checked
	return nil
}

// physicalNames are the physical networks that the cloud knows.
func (s *settings) physicalNames() []string {
	var names []string
	for name := range s.Physical {
		names = append(names, name)
	}
	if s.Role == "" && !slices.Contains(names, publicNetwork) || len(names) == 0 {
		names = append(names, publicNetwork)
	}
	slices.Sort(names)
	return names
}

const (
	lastVNI    = 1<<24 - 1
	lastGREKey = 1<<32 - 1
	firstVLAN  = 1
	lastVLAN   = 4094
	leastMTU   = 1280 + 50 // what every IPv6 link carries, in a VXLAN tunnel
)

// types reads what networks may be.
func (s *settings) types() (server.Types, error) {
	t := server.Types{Tenant: s.TenantType, MTU: s.MTU, VLANs: map[string]server.Range{}}
	if t.Tenant != "" && !slices.Contains(server.Carried(), t.Tenant) {
		return t, fmt.Errorf("--tenant-network-type %s: want one of %s", t.Tenant, strings.Join(server.Carried(), ", "))
	}
	if t.MTU != 0 && (t.MTU < leastMTU || t.MTU > 65535) {
		return t, fmt.Errorf("--mtu %d: want %d to 65535", t.MTU, leastMTU)
	}
	var err error
	if t.VNIs, err = segments("vni-range", s.VNIs, 1, lastVNI); err != nil {
		return t, err
	}
	if t.GREKeys, err = segments("gre-key-range", s.GREKeys, 1, lastGREKey); err != nil {
		return t, err
	}
	for name, tags := range s.VLANs {
		if !slices.Contains(s.physicalNames(), name) {
			return t, fmt.Errorf("--vlan-range %s:%s: there is no physical network %s; name it with --physical-network", name, tags, name)
		}
		if tags == "" {
			return t, fmt.Errorf("--vlan-range %s: want physical-network:first:last", name)
		}
		if t.VLANs[name], err = segments("vlan-range", tags, firstVLAN, lastVLAN); err != nil {
			return t, err
		}
	}
	if t.Tenant == "vlan" && len(t.VLANs) == 0 {
		return t, errors.New("--tenant-network-type vlan needs a --vlan-range")
	}
	return t, nil
}

// segments reads first:last; empty is the zero range.
func segments(flag, text string, least, most uint64) (server.Range, error) {
	if text == "" {
		return server.Range{}, nil
	}
	first, last, ok := strings.Cut(text, ":")
	a, err1 := strconv.ParseUint(first, 10, 64)
	b, err2 := strconv.ParseUint(last, 10, 64)
	if !ok || err1 != nil || err2 != nil || a < least || b < a || b > most {
		return server.Range{}, fmt.Errorf("--%s %s: want first:last within %d to %d", flag, text, least, most)
	}
	return server.Range{First: uint32(a), Last: uint32(b)}, nil
}

// serverName is that of this server among those of the cloud.
func (s *settings) serverName() string {
	if s.Role == roleServer {
		return s.Name
	}
	return s.Host
}

// nodeURL is where nodes reach this server; empty when they do not.
func (s *settings) nodeURL() string {
	if s.NodeListen == "" {
		return ""
	}
	host, port, _ := net.SplitHostPort(s.NodeListen)
	if ip, err := netip.ParseAddr(host); host == "" || err == nil && ip.IsUnspecified() {
		host = s.address().String()
	}
	return "https://" + net.JoinHostPort(host, port)
}

// listeners are the sockets of a server.
type listeners struct {
	public, nodes, operator, memory net.Listener // some may be nil
}

func (l *listeners) close() {
	for _, one := range []net.Listener{l.public, l.nodes, l.operator, l.memory} {
		if one != nil {
			_ = one.Close()
		}
	}
}

// listen opens the sockets, so that a server which cannot have one of them
// ends before it does anything.
func (s *settings) listen(ctx context.Context) (l listeners, err error) {
	defer func() {
		if err != nil {
			l.close()
		}
	}()
	if l.public, err = bind(ctx, s.Listen); err != nil {
		return l, err
	}
	if s.NodeListen != "" {
		if l.nodes, err = bind(ctx, s.NodeListen); err != nil {
			return l, fmt.Errorf("listen for nodes: %w", err)
		}
	}
	l.operator, err = operator.Listen(ctx, s.StateDir)
	return l, err
}

// publicNames are those by which clients may reach this machine.
func (s *settings) publicNames() []string {
	names := []string{s.publicHost(), "localhost", "127.0.0.1"}
	if at, err := url.Parse(s.URL); err == nil && at.Hostname() != "" && at.Hostname() != names[0] {
		names = append([]string{at.Hostname()}, names...)
	}
	return names
}

// serve is a server until ctx ends.
func (s *settings) serve(ctx context.Context, l listeners, log *slog.Logger) error {
	cloud, err := s.open(ctx, log)
	if err != nil {
		return err
	}
	public := l.public
	if s.secure() {
		config, err := cloud.Public(s.publicNames()...)
		if err != nil {
			return errors.Join(err, cloud.Close())
		}
		public = tls.NewListener(public, config)
	}
	apis := &http.Server{
		Handler: cloud.Handler(), ReadHeaderTimeout: headerTimeout, IdleTimeout: idleTimeout,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	apis.RegisterOnShutdown(cloud.EndStreams)
	operators := &http.Server{Handler: cloud.Operator.Handler(), ReadHeaderTimeout: headerTimeout}
	ends := []func() error{cloud.Nodes.Close, operators.Close}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return apis.Serve(public) })
	group.Go(func() error { return operators.Serve(l.operator) })
	if l.memory != nil {
		memory := cloud.Nodes.NewHTTPServer()
		ends = append(ends, memory.Close)
		group.Go(func() error { return memory.Serve(l.memory) })
	}
	if l.nodes != nil {
		nodes, err := cloud.NodeServer()
		if err != nil {
			ends = append(ends, func() error { return err })
			group.Go(func() error { return err })
		} else {
			ends = append(ends, nodes.Close)
			group.Go(func() error { return nodes.ServeTLS(l.nodes, "", "") })
			log.InfoContext(ctx, "nodes may come", "url", s.nodeURL())
		}
	}
	group.Go(func() error { cloud.Run(ctx); return nil })
	group.Go(func() error {
		<-ctx.Done()
		// Requests that are under way end by themselves, within limits.
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownGrace)
		defer cancel()
		err := apis.Shutdown(grace)
		if errors.Is(err, context.DeadlineExceeded) {
			err = apis.Close()
		}
		failed := []error{err}
		for _, end := range ends {
			failed = append(failed, end())
		}
		return errors.Join(failed...)
	})
	log.InfoContext(ctx, "the APIs answer", "url", s.URL)
	err = group.Wait()
	if errors.Is(err, http.ErrServerClosed) {
		err = nil
	}
	return errors.Join(err, cloud.Close())
}

// open constructs the server and writes the administrator's credentials.
func (s *settings) open(ctx context.Context, log *slog.Logger) (*server.Server, error) {
	imports, err := s.imports()
	if err != nil {
		return nil, err
	}
	types, err := s.types()
	if err != nil {
		return nil, err
	}
	password, err := s.password()
	if err != nil {
		return nil, err
	}
	rules, err := s.passwordRules()
	if err != nil {
		return nil, err
	}
	nodes := server.Nodes{URL: s.nodeURL(), Life: s.NodeLife, Apart: s.Role == roleServer}
	if s.Role == "" {
		nodes.Own = s.Host
	}
	cloud, err := server.New(ctx, server.Config{
		Name: s.serverName(), StateDir: s.StateDir, Database: s.Database, URL: s.URL, Region: region, AdminPassword: password,
		PhysicalNetworks: s.physicalNames(), Types: types, DNS: s.DNS, Import: imports, ImageStore: s.ImageStore, ImageCache: s.ImageCache << 30,
		Images: server.Images{Stores: s.ImageStores, Default: s.DefaultImageStore, Locations: s.ImageLocations, DirectURL: s.ImageDirectURL}, Reclaim: s.ReclaimAfter, Nodes: nodes, Version: buildVersion(),
		HashCost: s.HashRounds, Passwords: rules,
	}, log)
	if err != nil {
		return nil, err
	}
	if password != cloud.AdminPassword {
		// Another server of the cloud began it.
		err = replace(s.path("admin-password"), []byte(cloud.AdminPassword+"\n"), 0o600)
	}
	cacert := ""
	if s.secure() {
		cacert = pki.File(s.path("tls"))
	}
	if err = errors.Join(err, s.writeCredentials(cloud.AdminPassword, cacert)); err != nil {
		return nil, errors.Join(err, cloud.Close())
	}
	return cloud, nil
}

// claim takes the state directory for a process, and keeps the settings there.
func (s *settings) claim() (*os.File, error) {
	if err := os.MkdirAll(s.StateDir, 0o711); err != nil {
		return nil, err
	}
	lock, taken, err := s.lock()
	if err != nil {
		return nil, err
	}
	if !taken {
		return nil, fmt.Errorf("%s runs on %s already", what[s.Role], s.StateDir)
	}
	err = errors.Join(s.save(), replace(s.path("wisp.pid"), []byte(strconv.Itoa(os.Getpid())+"\n"), 0o600))
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return lock, nil
}
