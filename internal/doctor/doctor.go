// Package doctor examines a machine for what a cloud needs, by trying rather
// than by asking, and says of each thing: ok, or what is wrong, what it breaks
// and the command that mends it. A Check is one question; Examine asks them
// all. It imports the dataplane's probe, the hypervisor and netlinkx, and
// nothing that is part of a running cloud.
package doctor

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
)

// Level says how bad a finding is.
type Level int

// The levels. Only Fatal keeps a cloud from starting.
const (
	OK Level = iota
	Warning
	Fatal
)

var levelNames = [...]string{"ok", "warn", "FATAL"}

func (l Level) String() string { return levelNames[l] }

// MarshalText gives the level's name, for JSON.
func (l Level) MarshalText() ([]byte, error) { return []byte(strings.ToLower(l.String())), nil }

// Finding is the answer to one check.
type Finding struct {
	Check  string `json:"check"`
	Level  Level  `json:"level"`
	Detail string `json:"detail"`           // what is there, or what is wrong
	Breaks string `json:"breaks,omitempty"` // what does not work because of it
	Mend   string `json:"mend,omitempty"`   // a command, or a sentence where no command can
}

// Config is what the cloud to be wants of the machine.
type Config struct {
	// Role is what shall run here: a Role constant.
	Role string
	// Node is what a node whose servers are elsewhere needs besides.
	Node     *Node
	StateDir string
	Listen   string // host:port
	// PublicInterface is the interface of the physical network "public"; empty
	// when wisp makes one with PublicGateway's range.
	PublicInterface string
	PublicGateway   netip.Prefix
	// Running tells whether a cloud with this state directory runs already:
	// then its port and its address range are in use by itself.
	Running bool
	// OwnDevice tells whether a network device belongs to this cloud.
	OwnDevice func(name string) bool
	// Bind opens the listener that the cloud would open; nil is net's own.
	Bind func(ctx context.Context, address string) (net.Listener, error)
	// Accelerator finds how machines will run: "kvm" or "tcg", and why.
	Accelerator func(ctx context.Context) (name, reason string)

	// root is where /proc, /sys and /usr are looked up; tests give others.
	root string
}

func (c Config) path(name string) string { return c.root + name }

func (c Config) read(name string) string {
	content, err := os.ReadFile(c.path(name))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(content))
}

// What runs on a machine.
const (
	RoleAll    = "" // a server and a node
	RoleServer = "server"
	RoleNode   = "node"
)

type check func(ctx context.Context, c Config) []Finding

var (
	everywhere = []string{RoleAll, RoleServer, RoleNode}
	instances  = []string{RoleAll, RoleNode} // that run here
	answers    = []string{RoleAll, RoleServer}
)

// In the order in which a reader wants them.
var checks = []struct {
	ask   check
	roles []string // that it is for
}{
	{checkRoot, instances}, {checkKernel, instances}, {checkFeatures, instances}, {checkBPFFS, instances}, {checkQEMU, instances}, {checkAccelerator, instances},
	{checkMemory, everywhere}, {checkDisk, everywhere}, {checkCgroups, instances}, {checkPort, answers},
	{checkForwarding, []string{RoleAll}}, {checkRange, []string{RoleAll}}, {checkInterfaces, []string{RoleAll}},
	{checkUnderlay, []string{RoleNode}}, {checkTunnelPort, []string{RoleNode}}, {checkCertificate, []string{RoleNode}}, {checkServers, []string{RoleNode}},
	{checkClock, everywhere},
}

// Examine makes all checks, several at once, and returns their findings in a
// fixed order.
func Examine(ctx context.Context, c Config) []Finding {
	results := make([][]Finding, len(checks))
	var wg sync.WaitGroup
	for i, one := range checks {
		if slices.Contains(one.roles, c.Role) {
			wg.Go(func() { results[i] = one.ask(ctx, c) })
		}
	}
	wg.Wait()
	var all []Finding
	for _, found := range results {
		all = append(all, found...)
	}
	return all
}

// Worst is the highest level among findings.
func Worst(findings []Finding) Level {
	worst := OK
	for _, f := range findings {
		worst = max(worst, f.Level)
	}
	return worst
}

// Print writes findings for people.
func Print(w io.Writer, findings []Finding) error {
	width := 0
	for _, f := range findings {
		width = max(width, len(f.Check))
	}
	for _, f := range findings {
		text := fmt.Sprintf("%-5s  %-*s  %s\n", f.Level, width, f.Check, f.Detail)
		indent := strings.Repeat(" ", 7+width+2)
		if f.Breaks != "" {
			text += indent + "breaks: " + f.Breaks + "\n"
		}
		if f.Mend != "" {
			text += indent + "mend:   " + f.Mend + "\n"
		}
		if _, err := io.WriteString(w, text); err != nil {
			return err
		}
	}
	return nil
}

func ok(name, format string, args ...any) []Finding {
	return []Finding{{Check: name, Detail: fmt.Sprintf(format, args...)}}
}
