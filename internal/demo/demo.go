// Package demo is a user's whole first day, done through the public API with
// gophercloud: a project, an image, networks, a router, instances, a floating
// IP, and pings from everywhere to everywhere, each measured. It imports
// nothing of the project: what it needs to know, a client of any OpenStack
// cloud needs to know.
package demo

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"
)

// Config says which cloud, and what of it.
type Config struct {
	AuthURL, Username, Password string
	Project, Domain, Region     string
	CACert                      string // PEM file; empty for the system's roots

	Image           string // file of a qcow2 image that behaves as CirrOS
	PhysicalNetwork string // of the external network
	// External is the range of the external network, with the address of its
	// gateway.
	External netip.Prefix
	// Outside is an address that is not in the cloud and answers pings.
	Outside netip.Addr
	Keep    bool // leave everything as it is in the end
}

// Progress runs one named step and shows it.
type Progress func(name string, step func() error) error

// Timing is how long a step took.
type Timing struct {
	Step string
	Took time.Duration
}

// Check is something that was seen to work: a ping, a login, an answer.
type Check struct {
	From, To string
	Detail   string
}

// Result is what the day was like.
type Result struct {
	Steps  []Timing
	Checks []Check
}

// day is a demo on its way: what it made, so that the next step can use it and
// the end can remove it.
type day struct {
	cfg    Config
	show   Progress
	result *Result

	admin, user *clients
	undo        []undo

	project, imageID, flavorID    string
	external, netA, netB          string
	subnetA, subnetB, router      string
	groupID, icmpRule             string
	key                           privateKey
	servers                       map[string]*instance
	floatingID                    string
	floating, gatewayA, externalG netip.Addr
}

type undo struct {
	name string
	do   func(ctx context.Context) error
}

// Run does it all. What was made is removed in the end, after a failure too,
// unless Config.Keep says otherwise; the error then is that of the first step
// that failed.
func Run(ctx context.Context, cfg Config, show Progress) (*Result, error) {
	d := &day{cfg: cfg, show: show, result: &Result{}, servers: map[string]*instance{}}
	err := d.run(ctx)
	if !cfg.Keep {
		// Also when ctx has ended: nothing of the demo may stay.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTimeout)
		defer cancel()
		err = errors.Join(err, d.step("clean up", func() error { return d.cleanUp(ctx) }))
	}
	return d.result, err
}

const cleanupTimeout = 2 * time.Minute

func (d *day) run(ctx context.Context) error {
	for _, s := range []struct {
		name string
		do   func(ctx context.Context) error
	}{
		{"log in as the administrator, read the catalog", d.login},
		{"services, agents and hypervisors are up", d.inspect},
		{"create a project and a user with the member role", d.createUser},
		{"upload an image", d.uploadImage},
		{"create a flavor", d.createFlavor},
		{"create a key pair", d.createKeyPair},
		{"create an external network (flat, on " + d.cfg.PhysicalNetwork + ")", d.createExternal},
		{"create two networks (VXLAN) and their subnets", d.createNetworks},
		{"create a router with a gateway and both subnets", d.createRouter},
		{"open ICMP and SSH in a security group", d.createGroup},
		{"create three instances", d.createServers},
		{"wait until they are ACTIVE", d.waitActive},
		{"give the first one a floating IP", d.createFloating},
		{"ping the floating IP from this machine", d.pingFloating},
		{"log in by SSH with the key that metadata brought", d.logIn},
		{"metadata tells the guest its name and its key", d.checkMetadata},
		{"wait until the other guests have booted", d.waitGuests},
		{"ping from guest to guest, router and outside", d.pingAll},
		{"close ICMP while a ping runs, and open it again", d.closeAndOpen},
		{"read the console log", d.readConsole},
		{"stop, start and reboot an instance", d.powerCycle},
	} {
		if err := d.step(s.name, func() error { return s.do(ctx) }); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	return nil
}

func (d *day) step(name string, do func() error) error {
	start := time.Now()
	err := d.show(name, do)
	d.result.Steps = append(d.result.Steps, Timing{Step: name, Took: time.Since(start)})
	return err
}

func (d *day) saw(from, to, format string, args ...any) {
	d.result.Checks = append(d.result.Checks, Check{From: from, To: to, Detail: fmt.Sprintf(format, args...)})
}

// later registers how to remove what was just made.
func (d *day) later(name string, do func(ctx context.Context) error) {
	d.undo = append(d.undo, undo{name, do})
}

// cleanUp removes things in the reverse order of their making, and goes on
// when one cannot be.
func (d *day) cleanUp(ctx context.Context) error {
	var failed []error
	for i := len(d.undo) - 1; i >= 0; i-- {
		if err := d.undo[i].do(ctx); err != nil {
			failed = append(failed, fmt.Errorf("remove %s: %w", d.undo[i].name, err))
		}
	}
	return errors.Join(failed...)
}

// until asks a question again and again until the answer is yes. The last
// answer's reason is in the error when time is up.
func until(ctx context.Context, limit, pause time.Duration, ask func(ctx context.Context) (done bool, why string, err error)) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	tick := time.NewTicker(pause)
	defer tick.Stop()
	why := ""
	for {
		done, reason, err := ask(ctx)
		if err != nil && ctx.Err() == nil {
			return err
		}
		if done {
			return nil
		}
		if reason != "" {
			why = reason
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("not within %s: %s", limit, why)
		case <-tick.C:
		}
	}
}
