package network

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/uptrace/bun"

	"wisp/internal/errs"
	"wisp/internal/nodeapi"
	"wisp/internal/policy"
)

// NodeCaller asks a node for something that is not state. A host that is not
// connected is an error of kind Unavailable.
type NodeCaller interface {
	Call(ctx context.Context, host, method string, params, result any) error
}

// SetNodes says who carries calls to nodes. It is called once, before any
// request.
func (s *Service) SetNodes(nodes NodeCaller) { s.nodes = nodes }

// nobody is the NodeCaller of a service without nodes.
type nobody struct{}

func (nobody) Call(context.Context, string, string, any, any) error {
	return errs.New(errs.Unavailable, "No host is connected.")
}

// TraceRequest asks what would happen to the first packet of a connection.
type TraceRequest struct {
	Destination netip.Addr
	Protocol    string // icmp, tcp, udp, another name or a number; icmp of IPv6 is ICMPv6
	// Ports are for TCP, UDP, SCTP, DCCP and UDP-Lite. A SourcePort of 0 is one
	// that no connection of the port has.
	SourcePort, DestinationPort uint16
}

// What a step of a trace is about.
const (
	HopPort       = "port"
	HopGroup      = "security_group"
	HopNetwork    = "network"
	HopRouter     = "router"
	HopFloatingIP = "floating_ip"
	HopSNAT       = "snat"
	HopWire       = "wire" // the packet leaves the cloud
	HopHost       = "host" // another host, or the host's own services
)

// Verdicts of a step.
const (
	TraceForwarded = "forwarded"
	TraceAccepted  = "accepted" // by rules, or in the end by the receiver
	TraceDropped   = "dropped"
)

// TraceStep is one hop of a packet, in sentences for a person.
type TraceStep struct {
	Hop          string
	ResourceType string // port, security_group, network, router or floatingip
	ResourceID   string // empty when it is another project's and the caller no admin
	Host         string // for admins
	Verdict      string
	Reason       string
	Rule         *TraceRule // that lets it pass; nil when none does
}

// TraceRule names a security group rule.
type TraceRule struct{ SecurityGroupID, ID string }

// Trace is the way of a packet.
type Trace struct {
	PortID          string
	Source          netip.Addr
	Destination     netip.Addr
	Protocol        uint8
	SourcePort      uint16 // that the packet had
	DestinationPort uint16
	Reached         bool   // nothing in the cloud stops the packet
	Disagreement    string // what the host does and its rules say differ; empty when they agree
	Steps           []TraceStep
}

// Trace follows the first packet of a connection from a port: its host's
// dataplane judges it, and what the cloud knows explains each step. For the
// port's project and admins. Errors: NotFound, Forbidden, Invalid, Conflict
// for a port that no guest on any host has, Unavailable when its host does not
// answer, or others have packets followed there for long.
func (s *Service) Trace(ctx context.Context, caller *policy.Caller, portID string, req TraceRequest) (*Trace, error) {
	db := s.db.Read()
	port, err := portOf(ctx, db, caller, portID)
	if err != nil {
		return nil, err
	}
	if err := allow("get_port_trace", caller, port.ProjectID); err != nil {
		return nil, err
	}
	protocol, err := req.check()
	if err != nil {
		return nil, err
	}
	if err := port.traceable(); err != nil {
		return nil, err
	}
	w := &walk{source: port, protocol: protocol, dst: req.Destination, sport: req.SourcePort, dport: req.DestinationPort}
	w.provider = can("get_network:provider", caller, "") // of networks of all projects: the way may lead through several
	subnets, err := subnetsOf(ctx, db, port.NetworkID)
	if err != nil {
		return nil, err
	}
	via, err := w.leave(subnets)
	if err != nil {
		return nil, err
	}
	done, err := s.traces.enter(ctx, port.Host)
	if err != nil {
		return nil, err
	}
	defer done()
	if w.state, _, err = s.HostState(ctx, db, port.Host); err != nil {
		return nil, err
	}
	params := nodeapi.PortTraceParams{
		PortID: port.ID, Source: w.src, Destination: req.Destination, Via: via, Protocol: protocol, SourcePort: req.SourcePort, DestinationPort: req.DestinationPort,
	}
	var seen nodeapi.PortTraceResult
	if via.IsValid() || w.asksMetadata() { // else the guest itself has nowhere to send it
		if err := s.nodes.Call(ctx, port.Host, nodeapi.CallPortTrace, params, &seen); err != nil {
			return nil, traceError(err, port.ID)
		}
	}
	if len(seen.Steps) > 0 && seen.Steps[0].Source.IsValid() && hasPorts(protocol) && w.sport == 0 {
		w.sport = seen.Steps[0].Source.Port()
	}
	w.run(via)
	if err := s.elsewhere(ctx, db, w); err != nil {
		return nil, err
	}
	trace := &Trace{PortID: port.ID, Source: params.Source, Destination: req.Destination, Protocol: protocol, SourcePort: w.sport, DestinationPort: req.DestinationPort}
	w.judge(seen.Steps, trace)
	return trace, s.conceal(ctx, db, caller, trace, w)
}

// traceError is what a caller is told when the host did not follow a packet.
func traceError(err error, port string) error {
	public, ok := errors.AsType[*errs.Error](err)
	switch {
	case ok && public.Type == nodeapi.TypeHostBusy:
		return errs.Wrap(err, errs.Unavailable, "%s", hostBusy).WithType(nodeapi.TypeHostBusy)
	case errs.Is(err, errs.Unavailable):
		return errs.Wrap(err, errs.Unavailable, "The host of port %s does not answer; a packet cannot be followed there now.", port).WithType("HostUnavailable")
	case errs.Is(err, errs.NotFound):
		return errs.Wrap(err, errs.Conflict, "The host of port %s has not made its device yet.", port).WithType("PortNotReady")
	case errs.Is(err, errs.NotImplemented):
		return errs.Wrap(err, errs.NotImplemented, "The host of port %s runs a wisp that cannot follow packets.", port)
	case errs.Is(err, errs.Invalid) && ok:
		return errs.Wrap(err, errs.Invalid, "Invalid input for operation: %s.", public.Message).WithType("InvalidInput")
	}
	return fmt.Errorf("follow a packet on its host: %w", err)
}

// traceable refuses ports from which no guest sends.
func (p *Port) traceable() error {
	switch p.Role {
	case roleNone, roleCompute, roleAttached:
	default:
		return conflict("PortNotTraceable", "Port %s belongs to %s: no instance sends from it.", p.ID, p.DeviceOwner)
	}
	if p.Host == "" {
		return conflict("PortNotBound", "Port %s is bound to no host: give it to an instance first.", p.ID)
	}
	if p.BindingFailed {
		return conflict("PortNotBound", "The binding of port %s failed: its host does not have its network.", p.ID)
	}
	return nil
}

func hasPorts(protocol uint8) bool {
	return slices.Contains([]uint8{6, 17, 33, 132, 136}, protocol)
}

// check returns the number of the protocol.
func (r *TraceRequest) check() (uint8, error) {
	a := r.Destination
	if !a.IsValid() || a.Zone() != "" || a.IsUnspecified() || a.IsMulticast() || a == netip.AddrFrom4([4]byte{255, 255, 255, 255}) {
		return 0, invalid("'%s' is not the address of one receiver", a)
	}
	number, some := protocolNumber(strings.ToLower(r.Protocol))
	if !some {
		return 0, invalid("protocol %s not supported", r.Protocol)
	}
	const icmp, icmp6 = 1, 58
	switch {
	case number == icmp && a.Is6():
		number = icmp6
	case number == icmp6 && a.Is4():
		return 0, invalid("ICMPv6 is no protocol of IPv4")
	}
	if !hasPorts(number) && (r.SourcePort != 0 || r.DestinationPort != 0) {
		return 0, invalid("protocol %s has no ports", r.Protocol)
	}
	if hasPorts(number) && r.DestinationPort == 0 {
		return 0, invalid("destination_port must be given for protocol %s", r.Protocol)
	}
	return number, nil
}

// elsewhere adds the rules of a receiver whose port is on another host.
func (s *Service) elsewhere(ctx context.Context, db bun.IDB, w *walk) error {
	if w.target == "" || w.state.Ports[w.target].Local {
		return nil
	}
	var host string
	if err := db.NewSelect().TableExpr("ports").Column("host").Where("id = ?", w.target).Scan(ctx, &host); err != nil {
		return fmt.Errorf("find the host of a port: %w", err)
	}
	state, _, err := s.HostState(ctx, db, host)
	if err != nil {
		return err
	}
	w.arrive(state, host)
	return nil
}

// conceal takes out what a caller who is no admin must not see: hosts, and
// which resources others have.
func (s *Service) conceal(ctx context.Context, db bun.IDB, caller *policy.Caller, trace *Trace, w *walk) error {
	if caller.IsAdmin() {
		return nil
	}
	own, err := ownResources(ctx, db, caller, trace.Steps)
	if err != nil {
		return err
	}
	for i := range trace.Steps {
		step := &trace.Steps[i]
		step.Host = ""
		if step.Rule != nil && !own[step.Rule.SecurityGroupID] {
			step.Rule = nil
		}
		if step.ResourceID == "" || own[step.ResourceID] {
			continue
		}
		step.ResourceID, step.Rule = "", nil
		step.Reason = "This is another project's " + strings.ReplaceAll(step.ResourceType, "_", " ") + "."
		if step.Verdict == TraceDropped {
			step.Reason = "Another project's " + strings.ReplaceAll(step.ResourceType, "_", " ") + " does not let the packet pass."
		}
	}
	if trace.Disagreement != "" {
		trace.Disagreement = disagreeBriefly
	}
	return nil
}

// tableOf are the tables of a trace's resources, by type.
var tableOf = map[string]string{"port": "ports", "security_group": "security_groups", "network": "networks", "router": "routers", "floatingip": "floating_ips"}

// ownResources tells which of the steps' resources the caller may see: its
// project's, and networks that are for everyone.
func ownResources(ctx context.Context, db bun.IDB, caller *policy.Caller, steps []TraceStep) (map[string]bool, error) {
	byTable := map[string][]string{}
	for _, step := range steps {
		if step.ResourceID != "" {
			byTable[tableOf[step.ResourceType]] = append(byTable[tableOf[step.ResourceType]], step.ResourceID)
		}
		if step.Rule != nil {
			byTable["security_groups"] = append(byTable["security_groups"], step.Rule.SecurityGroupID)
		}
	}
	own := map[string]bool{}
	for table, ids := range byTable { // one query for each kind
		q := db.NewSelect().TableExpr("?", bun.Ident(table)).Column("id").Where("id IN (?)", bun.List(ids))
		if table == "networks" {
			q = q.WhereGroup(" AND ", func(q *bun.SelectQuery) *bun.SelectQuery { return sharedWith("project_id", "id")(q, caller) })
		} else {
			q = q.Where("project_id = ?", caller.ProjectID)
		}
		found, err := columnOf[string](ctx, q)
		if err != nil {
			return nil, fmt.Errorf("find whose %s are: %w", table, err)
		}
		for _, id := range found {
			own[id] = true
		}
	}
	return own, nil
}

// protocolName is a protocol for people.
func protocolName(number uint8) string {
	switch number {
	case 1:
		return "ICMP"
	case 6:
		return "TCP"
	case 17:
		return "UDP"
	case 58:
		return "ICMPv6"
	case 132:
		return "SCTP"
	}
	return "protocol " + strconv.Itoa(int(number))
}
