package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"wisp/internal/physnet"
	"wisp/internal/server"
)

// settings are what a cloud was started with. They are kept in its state
// directory, so that later commands need to be told no more than that.
type settings struct {
	StateDir string `json:"-"`

	Listen          string       `json:"listen"`
	URL             string       `json:"url"` // where clients reach it
	Database        string       `json:"database,omitempty"`
	Host            string       `json:"host"` // this node's name
	PublicInterface string       `json:"public_interface,omitempty"`
	PublicCIDR      netip.Prefix `json:"public_cidr"` // the gateway's address with the range's length
	DNS             []netip.Addr `json:"dns,omitempty"`
	Accelerator     string       `json:"accelerator,omitempty"`
	Hypervisor      string       `json:"hypervisor"`
	ImportAllow     []string     `json:"import_allow,omitempty"` // ranges and names that images may be imported from, though they are not public
	ImportPorts     []int        `json:"import_ports,omitempty"` // besides 80 and 443
	ImageCache      int64        `json:"image_cache,omitempty"`  // GiB
	ImageStore      string       `json:"image_store,omitempty"`  // a folder or an s3:// URL without credentials

	ImageStores       map[string]string `json:"image_stores,omitempty"` // besides that one, by name
	DefaultImageStore string            `json:"default_image_store,omitempty"`
	ImageLocations    bool              `json:"image_locations,omitempty"`
	ImageDirectURL    bool              `json:"image_direct_url,omitempty"`

	Role       string   `json:"role,omitempty"`        // empty is the all-in-one
	Name       string   `json:"name,omitempty"`        // of a server that has no node
	NodeListen string   `json:"node_listen,omitempty"` // of the node API; empty is none
	Servers    []string `json:"servers,omitempty"`     // URLs of node APIs, of a node

	// The host's networks: an address or an interface each, and the interfaces
	// of physical networks by name. Of a name without an interface the cloud
	// knows, and this host is not on it.
	Management string            `json:"management,omitempty"`
	Tunnel     string            `json:"tunnel,omitempty"`
	Physical   map[string]string `json:"physical,omitempty"`

	TenantType string            `json:"tenant_type,omitempty"` // of networks that name none
	VNIs       string            `json:"vnis,omitempty"`        // first:last, as the next ones
	GREKeys    string            `json:"gre_keys,omitempty"`
	VLANs      map[string]string `json:"vlans,omitempty"` // by physical network
	MTU        int               `json:"mtu,omitempty"`   // between hosts
	NodeLife   time.Duration     `json:"node_life,omitempty"`

	LockoutFailures int           `json:"lockout_failures,omitempty"` // log-ins that may fail in a row; 0 is any number
	LockoutDuration time.Duration `json:"lockout_duration,omitempty"`
	ReclaimAfter    time.Duration `json:"reclaim_after,omitempty"`
	PasswordHistory int           `json:"password_history,omitempty"` // passwords that a user may not use again
	HashRounds      int           `json:"password_hash_rounds,omitempty"`

	PasswordLife        int    `json:"password_life,omitempty"`    // days; 0 is for ever
	PasswordMinAge      int    `json:"password_min_age,omitempty"` // days
	PasswordRegex       string `json:"password_regex,omitempty"`
	PasswordDescription string `json:"password_regex_description,omitempty"`
	PasswordFirstUse    bool   `json:"password_first_use,omitempty"` // what administrators set must be changed
	DisableInactive     int    `json:"disable_inactive,omitempty"`   // days without a log-in; 0 is any number
}

// The roles of a process, and so of its state directory.
const (
	roleServer = "server"
	roleNode   = "node"
)

const (
	defaultStateDir = "/var/lib/wisp"
	defaultListen   = "127.0.0.1:5000"
	defaultCIDR     = "172.24.4.1/24"
	publicNetwork   = "public" // the physical network's name
)

func stateFlag(command *cobra.Command, s *settings) {
	dir := os.Getenv("WISP_STATE_DIR")
	if dir == "" {
		dir = defaultStateDir
	}
	command.Flags().StringVar(&s.StateDir, "state-dir", dir, "folder of everything that the cloud keeps (WISP_STATE_DIR)")
}

var errNoCloud = errors.New("there is no cloud in")

// load completes the settings from the state directory; a cloud that was
// never started there is an error that says so.
func (s *settings) load() error {
	if err := s.absolute(); err != nil {
		return err
	}
	if err := s.finishRestore(); err != nil {
		return err
	}
	content, err := os.ReadFile(s.path("settings.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w %s; `wisp up` makes one, and `wisp node join` makes a node of one", errNoCloud, s.StateDir)
	}
	if err != nil {
		return err
	}
	if err := json.Unmarshal(content, s); err != nil {
		return fmt.Errorf("%s: %w", s.path("settings.json"), err)
	}
	return nil
}

func (s *settings) save() error {
	content, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	return replace(s.path("settings.json"), append(content, '\n'), 0o600)
}

func (s *settings) absolute() error {
	dir, err := filepath.Abs(s.StateDir)
	s.StateDir = dir
	return err
}

// replace writes a file so that it is old or new and never half.
func replace(path string, content []byte, mode fs.FileMode) error {
	if err := os.WriteFile(path+".new", content, mode); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

func (s *settings) path(parts ...string) string {
	return filepath.Join(append([]string{s.StateDir}, parts...)...)
}

// prefix begins the names of this cloud's devices: clouds with other state
// directories on the same machine have others.
func (s *settings) prefix() string {
	h := fnv.New32a()
	_, _ = h.Write([]byte(s.StateDir))
	return fmt.Sprintf("w%03x", h.Sum32()&0xfff)
}

func (s *settings) pinDir() string { return filepath.Join("/sys/fs/bpf", "wisp-"+s.prefix()) }

func (s *settings) physical() physnet.Network {
	return physnet.Network{Prefix: s.prefix(), Gateway: s.PublicCIDR, MTU: 1500, StateDir: s.StateDir}
}

// secure tells whether the listener is reached from other machines, and so
// speaks TLS.
func (s *settings) secure() bool {
	host, _, err := net.SplitHostPort(s.Listen)
	if err != nil {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return host != "localhost" && (err != nil || !ip.IsLoopback())
}

// publicHost is the name or address that clients use.
func (s *settings) publicHost() string {
	host, _, _ := net.SplitHostPort(s.Listen)
	ip, err := netip.ParseAddr(host)
	if host != "" && (err != nil || !ip.IsUnspecified()) {
		return host
	}
	if own, ok := ownAddress(); ok {
		return own.String()
	}
	return "127.0.0.1"
}

// ownAddress is this machine's IPv4 address on the way to the world; false
// where there is no way. Nothing is sent: the kernel only says which address
// it would use.
func ownAddress() (netip.Addr, bool) {
	conn, err := net.DialUDP("udp4", nil, net.UDPAddrFromAddrPort(netip.MustParseAddrPort("192.0.2.1:9")))
	if err != nil {
		return netip.Addr{}, false
	}
	defer func() { _ = conn.Close() }()
	own, err := netip.ParseAddrPort(conn.LocalAddr().String())
	return own.Addr(), err == nil
}

// defaultURL is where clients reach the cloud when nobody says otherwise.
func (s *settings) defaultURL() string { return s.urlOf(s.publicHost()) }

// localURL is where this machine itself reaches it.
func (s *settings) localURL() string {
	host, _, _ := net.SplitHostPort(s.Listen)
	if ip, err := netip.ParseAddr(host); host == "" || err == nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return s.urlOf(host)
}

func (s *settings) urlOf(host string) string {
	_, port, _ := net.SplitHostPort(s.Listen)
	scheme := "http"
	if s.secure() {
		scheme = "https"
	}
	return scheme + "://" + net.JoinHostPort(host, port)
}

// lock takes the lock that says that a cloud runs on the state directory; it
// is held until the process ends. taken is false when another process has it.
// The lock is POSIX's, because that one can be looked at without being taken
// and tells who holds it; so this file is opened once per process that holds it.
func (s *settings) lock() (file *os.File, taken bool, err error) {
	file, err = os.OpenFile(s.path(lockFile), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, false, err
	}
	err = unix.FcntlFlock(file.Fd(), unix.F_SETLK, &unix.Flock_t{Type: unix.F_WRLCK})
	if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EACCES) {
		return nil, false, file.Close()
	}
	if err != nil {
		return nil, false, errors.Join(err, file.Close())
	}
	return file, true, nil
}

const lockFile = "lock"

// holder is the process in which a cloud runs on the state directory; 0 when
// none does.
func (s *settings) holder() (pid int, err error) {
	file, err := os.OpenFile(s.path(lockFile), os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	defer func() { _ = file.Close() }()
	asked := unix.Flock_t{Type: unix.F_WRLCK}
	if err := unix.FcntlFlock(file.Fd(), unix.F_GETLK, &asked); err != nil {
		return 0, fmt.Errorf("look at the lock of %s: %w", s.StateDir, err)
	}
	if asked.Type == unix.F_UNLCK {
		return 0, nil
	}
	return int(asked.Pid), nil
}

// running tells whether a cloud runs on the state directory.
func (s *settings) running() (bool, error) {
	pid, err := s.holder()
	return pid != 0, err
}

// imports reads where images may be imported from.
func (s *settings) imports() (server.Import, error) {
	from := server.Import{Ports: s.ImportPorts}
	for _, port := range s.ImportPorts {
		if port < 1 || port > 65535 {
			return from, fmt.Errorf("--import-port %d: not a port", port)
		}
	}
	for _, text := range s.ImportAllow {
		if prefix, err := netip.ParsePrefix(text); err == nil {
			from.Networks = append(from.Networks, prefix.Masked())
		} else if ip, err := netip.ParseAddr(text); err == nil {
			from.Networks = append(from.Networks, netip.PrefixFrom(ip, ip.BitLen()))
		} else if hostName.MatchString(text) {
			from.Hosts = append(from.Hosts, text)
		} else {
			return from, fmt.Errorf("--import-allow %s: want a range such as 192.168.7.0/24, an address or the name of a host", text)
		}
	}
	return from, nil
}

var hostName = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*$`)
