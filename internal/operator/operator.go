// Package operator is what an operator does to the nodes of a cloud: tokens
// with which machines join, lists, draining and removal. It is served on a
// socket in the state directory of a server, which only the owner of that
// directory can open; nothing of it can be reached over a network. Operator is
// the server's end, Client the commands' end.
package operator

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"wisp/internal/compute"
	"wisp/internal/errs"
	"wisp/internal/membership"
	"wisp/internal/store"
)

// Compute is what is needed of the compute slice.
type Compute interface {
	ListHosts(ctx context.Context, filter compute.HostFilter) ([]compute.Host, error)
	UpdateHost(ctx context.Context, filter compute.HostFilter, change compute.HostUpdate) (compute.Host, error)
	DeleteHost(ctx context.Context, service string) error
}

// Network is what is needed of the network slice.
type Network interface {
	EnableGateways(ctx context.Context, tx *store.Tx, host string, enabled bool) error
	ForgetHost(ctx context.Context, tx *store.Tx, host string) error
}

// Gateways moves the gateways of routers off hosts, and tells how many moved.
type Gateways interface {
	MoveGateways(ctx context.Context, tx *store.Tx, lost []string) (moved int, err error)
}

// Config is what an Operator works on.
type Config struct {
	DB       *store.DB
	Members  *membership.Service
	Compute  Compute
	Network  Network
	Gateways Gateways
	Server   string // this server's name
	NodeURL  string // of this server's node API; empty when it has none
	Log      *slog.Logger
}

// Operator does what Config's comment says.
type Operator struct{ Config }

// New makes an operator.
func New(c Config) *Operator { return &Operator{c} }

// Instance is an instance that is on a host, in short.
type Instance struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// States of a Node.
const (
	StateUp     = "up"
	StateDown   = "down"
	StateJoined = "joined" // and not seen yet
)

// Node is a host of the cloud: one that joined, or one whose node runs in a
// server's process.
type Node struct {
	Host        string     `json:"host"`
	State       string     `json:"state"`
	Disabled    bool       `json:"disabled"` // gets no new instances
	Reason      string     `json:"reason,omitempty"`
	Address     string     `json:"address,omitempty"`    // management
	Tunnel      string     `json:"tunnel,omitempty"`     // end of tunnels
	Version     string     `json:"version,omitempty"`    // of wisp
	Certificate time.Time  `json:"certificate,omitzero"` // expiry; zero without one
	Server      string     `json:"server,omitempty"`     // that it is connected to
	LastSeen    time.Time  `json:"last_seen,omitzero"`   //
	Instances   []Instance `json:"instances,omitempty"`  // on it
	connected   bool       // and perhaps silent
	service     string     // id; empty when it was never seen
	member      bool       // joined
}

// Nodes lists the hosts, by name; with a name only that.
func (o *Operator) Nodes(ctx context.Context, host string) ([]Node, error) {
	members, err := o.Members.Nodes(ctx)
	if err != nil {
		return nil, err
	}
	hosts, err := o.Compute.ListHosts(ctx, compute.HostFilter{Name: host, Servers: true})
	if err != nil {
		return nil, err
	}
	all := map[string]*Node{}
	for _, m := range members {
		if host == "" || m.Host == host {
			all[m.Host] = &Node{Host: m.Host, State: StateJoined, Certificate: m.ExpiresAt, member: true}
		}
	}
	for i := range hosts {
		h := &hosts[i]
		n := all[h.Name]
		if n == nil {
			n = &Node{Host: h.Name}
			all[h.Name] = n
		}
		n.State = StateDown
		if h.Up {
			n.State = StateUp
		}
		n.Disabled, n.Address, n.Tunnel, n.Version, n.LastSeen = h.Disabled, h.Address, h.Endpoint, h.Version, h.LastSeenAt
		if h.DisabledReason != nil {
			n.Reason = *h.DisabledReason
		}
		if n.service, n.connected = h.ServiceID, h.Connected; h.Connected {
			// Sessions of servers that share the database begin with the server's name.
			n.Server = o.Server
			if at := strings.LastIndexByte(h.Session, '/'); at > 0 {
				n.Server = h.Session[:at]
			}
		}
		for _, s := range h.Servers {
			n.Instances = append(n.Instances, Instance(s))
		}
	}
	list := make([]Node, 0, len(all))
	for _, name := range slices.Sorted(maps.Keys(all)) {
		list = append(list, *all[name])
	}
	return list, nil
}

// Node returns one host, or NotFound.
func (o *Operator) Node(ctx context.Context, host string) (Node, error) {
	found, err := o.Nodes(ctx, host)
	if err != nil {
		return Node{}, err
	}
	if len(found) == 0 {
		return Node{}, errs.New(errs.NotFound, "There is no host %s; `wisp node list` shows those that there are.", host)
	}
	return found[0], nil
}

// DefaultReason is that of a host which is drained without one.
const DefaultReason = "drained by an operator"

// Drain makes a host get no new instances and moves the gateways of routers off
// it. It returns the host with the instances that are still there, and how many
// gateways moved.
func (o *Operator) Drain(ctx context.Context, host, reason string) (Node, int, error) {
	if reason == "" {
		reason = DefaultReason
	}
	if _, err := o.seen(ctx, host); err != nil {
		return Node{}, 0, err
	}
	moved, err := o.empty(ctx, host, reason)
	if err != nil {
		return Node{}, 0, err
	}
	n, err := o.Node(ctx, host)
	return n, moved, err
}

// empty does what Drain does, to a host that was seen.
func (o *Operator) empty(ctx context.Context, host, reason string) (moved int, err error) {
	yes := true
	if _, err := o.Compute.UpdateHost(ctx, compute.HostFilter{Name: host}, compute.HostUpdate{Disabled: &yes, Reason: &reason}); err != nil {
		return 0, err
	}
	err = o.DB.Tx(ctx, func(ctx context.Context, tx *store.Tx) (err error) {
		if err := o.Network.EnableGateways(ctx, tx, host, false); err != nil {
			return err
		}
		moved, err = o.Gateways.MoveGateways(ctx, tx, []string{host})
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("move the gateways off host %s: %w", host, err)
	}
	return moved, nil
}

// seen returns a host whose node was connected at some time.
func (o *Operator) seen(ctx context.Context, host string) (Node, error) {
	n, err := o.Node(ctx, host)
	if err == nil && n.service == "" {
		err = errs.New(errs.Conflict, "The host %s joined and was never connected: there is nothing on it.", host)
	}
	return n, err
}

// Undrain undoes Drain, except that gateways stay where they are.
func (o *Operator) Undrain(ctx context.Context, host string) (Node, error) {
	if _, err := o.seen(ctx, host); err != nil {
		return Node{}, err
	}
	no := false
	if _, err := o.Compute.UpdateHost(ctx, compute.HostFilter{Name: host}, compute.HostUpdate{Disabled: &no}); err != nil {
		return Node{}, err
	}
	err := o.DB.Tx(ctx, func(ctx context.Context, tx *store.Tx) error { return o.Network.EnableGateways(ctx, tx, host, true) })
	if err != nil {
		return Node{}, err
	}
	return o.Node(ctx, host)
}

const (
	// endTimeout is how long the end of a removed node's session is waited for.
	endTimeout = 40 * time.Second
	endEvery   = 50 * time.Millisecond
)

// Remove takes a host out of the cloud: its certificate is refused from then
// on, and its service, its agents and its record go. One that has instances is
// a Conflict. With force, a host that is down may have some: then it is only
// shut out and forced down, so that they can be evacuated or deleted, and it is
// removed when Remove comes again.
func (o *Operator) Remove(ctx context.Context, host string, force bool) (Node, error) {
	n, err := o.Node(ctx, host)
	if err != nil {
		return n, err
	}
	up := n.State == StateUp
	switch {
	case len(n.Instances) > 0 && !force:
		return n, errs.New(errs.Conflict, "There are %d instances on host %s: delete them, or move them elsewhere. `wisp node drain %s --wait` waits until none is there; "+
			"when the host is dead, --force shuts it out so that they can be evacuated.", len(n.Instances), host, host)
	case len(n.Instances) > 0 && up:
		return n, errs.New(errs.Conflict, "There are %d instances on host %s, which is up: --force is for hosts that are down.", len(n.Instances), host)
	case up && !n.member:
		return n, errs.New(errs.Conflict, "The node of host %s runs in the process of a server: stop that first.", host)
	}
	if n.service != "" {
		if _, err := o.empty(ctx, host, "is being removed"); err != nil {
			return n, err
		}
		// None comes from now on; one may have come since the first look.
		now, err := o.Node(ctx, host)
		if err != nil {
			return n, err
		}
		if len(now.Instances) > len(n.Instances) {
			return now, errs.New(errs.Conflict, "The host %s got instances while it was being removed. It gets no more; remove it again.", host)
		}
	}
	if _, err := o.Members.Remove(ctx, host); err != nil {
		return n, err
	}
	o.Log.InfoContext(ctx, "a node was removed", "host", host, "forced", force)
	if n.service == "" {
		return n, nil
	}
	if len(n.Instances) > 0 {
		yes := true
		_, err := o.Compute.UpdateHost(ctx, compute.HostFilter{Name: host}, compute.HostUpdate{ForcedDown: &yes})
		return n, err
	}
	if err := o.ended(ctx, host); err != nil {
		return n, err
	}
	// The service is last: without it there is no host to remove again when
	// the rest could not be done.
	err = o.DB.Tx(ctx, func(ctx context.Context, tx *store.Tx) error { return o.Network.ForgetHost(ctx, tx, host) })
	if err != nil {
		return n, err
	}
	return n, o.Compute.DeleteHost(ctx, n.service)
}

// ended waits until a node that was shut out has no session any more, so that
// nothing of it is written again after it was deleted.
func (o *Operator) ended(ctx context.Context, host string) error {
	ctx, cancel := context.WithTimeout(ctx, endTimeout)
	defer cancel()
	tick := time.NewTicker(endEvery)
	defer tick.Stop()
	for {
		n, err := o.Node(ctx, host)
		if err != nil {
			return err
		}
		if !n.connected || n.State != StateUp {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return errs.New(errs.Unavailable, "The host %s is shut out, but a server still has its session; try again.", host)
		}
	}
}
