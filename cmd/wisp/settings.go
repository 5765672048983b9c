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

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"wisp/internal/physnet"
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
}

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

// load completes the settings from the state directory; a cloud that was
// never started there is an error that says so.
func (s *settings) load() error {
	if err := s.absolute(); err != nil {
		return err
	}
	content, err := os.ReadFile(s.path("settings.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("there is no cloud in %s; `wisp up` makes one", s.StateDir)
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
	// Nothing is sent: the kernel only says which address it would use.
	if conn, err := net.Dial("udp", "192.0.2.1:9"); err == nil {
		defer func() { _ = conn.Close() }()
		if addr, ok := conn.LocalAddr().(*net.UDPAddr); ok {
			return addr.IP.String()
		}
	}
	return "127.0.0.1"
}

func (s *settings) defaultURL() string {
	_, port, _ := net.SplitHostPort(s.Listen)
	scheme := "http"
	if s.secure() {
		scheme = "https"
	}
	return scheme + "://" + net.JoinHostPort(s.publicHost(), port)
}

// lock takes the lock that says that a cloud runs on the state directory; it
// is held until the process ends. taken is false when another process has it.
func (s *settings) lock() (file *os.File, taken bool, err error) {
	file, err = os.OpenFile(s.path("lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, false, err
	}
	err = unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return nil, false, file.Close()
	}
	if err != nil {
		return nil, false, errors.Join(err, file.Close())
	}
	return file, true, nil
}

// running tells whether a cloud runs on the state directory.
func (s *settings) running() (bool, error) {
	file, taken, err := s.lock()
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil || !taken {
		return err == nil, err
	}
	return false, file.Close()
}
