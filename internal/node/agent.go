package node

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"wisp/internal/dataplane"
	"wisp/internal/errs"
	"wisp/internal/hypervisor"
	"wisp/internal/nodeapi"
)

// agent is the node as its stream sees it.
type agent struct{ *Node }

var _ nodeapi.Agent = agent{}

// Hello implements nodeapi.Agent.
func (a agent) Hello(ctx context.Context) (nodeapi.Hello, error) {
	c, err := a.cfg.Driver.Capabilities(ctx)
	if err != nil {
		return nodeapi.Hello{}, fmt.Errorf("asking the hypervisor what it offers: %w", err)
	}
	return nodeapi.Hello{
		Host: a.cfg.Host, Version: a.cfg.Version, Address: a.cfg.Address, Endpoint: a.cfg.Endpoint, API: a.cfg.API, Physical: a.cfg.Physical, Mappings: a.cfg.Mappings, StartedAt: a.started,
		BootedAt: bootedAt(),
		Capacity: nodeapi.Capacity{
			VCPUs: c.VCPUs, MemoryMiB: c.MemoryMiB, DiskGiB: c.DiskGiB, Arch: c.Arch, Hypervisor: c.HypervisorType,
			HypervisorVersion: c.VersionNumber(), Accelerator: c.Accelerator, Reason: c.AcceleratorReason, CPUModel: c.CPU.Model,
			CPUVendor: c.CPU.Vendor, CPUFeatures: c.CPU.Features, Sockets: c.CPU.Sockets, Cores: c.CPU.Cores, Threads: c.CPU.Threads,
		},
	}, nil
}

// Whole implements nodeapi.Agent.
func (a agent) Whole() nodeapi.Report {
	report := a.report()
	a.mu.Lock()
	defer a.mu.Unlock()
	report.Findings, report.Fenced = a.findings, a.fencedGone()
	for _, id := range slices.Sorted(maps.Keys(a.book.statuses)) {
		report.Instances = append(report.Instances, a.book.statuses[id])
	}
	return report
}

// Update implements nodeapi.Agent. What is not looked at yet is replaced.
func (a agent) Update(session uint64, cloud string, state nodeapi.State, revision int64, full bool) {
	a.mu.Lock()
	if a.incoming != nil && a.incoming.cloud == cloud {
		full = full || a.incoming.full
	}
	a.incoming = &update{session: session, cloud: cloud, state: state, revision: revision, full: full}
	a.mu.Unlock()
	select {
	case a.wake <- struct{}{}:
	default:
	}
}

// Call implements nodeapi.Agent.
func (a agent) Call(ctx context.Context, method string, params json.RawMessage) (any, error) {
	switch method {
	case nodeapi.CallConsoleLog:
		var p nodeapi.ConsoleLogParams
		if err := decode(method, params, &p, &p.InstanceID); err != nil {
			return nil, err
		}
		output, err := a.cfg.Driver.ConsoleLog(ctx, p.InstanceID, p.Lines)
		if err != nil {
			return nil, err
		}
		return nodeapi.ConsoleLogResult{Output: output}, nil
	case nodeapi.CallStats:
		var p nodeapi.StatsParams
		if err := decode(method, params, &p, &p.InstanceID); err != nil {
			return nil, err
		}
		return a.stats(ctx, p.InstanceID)
	case nodeapi.CallInterrupt:
		var p nodeapi.InterruptParams
		if err := decode(method, params, &p, &p.InstanceID); err != nil {
			return nil, err
		}
		return nil, a.cfg.Driver.Interrupt(ctx, p.InstanceID)
	case nodeapi.CallPortTrace:
		var p nodeapi.PortTraceParams
		if err := json.Unmarshal(params, &p); err != nil || p.PortID == "" {
			return nil, errs.Wrap(err, errs.Invalid, "The parameters of %s are wrong.", method)
		}
		return a.trace(ctx, p)
	}
	return nil, errs.New(errs.NotImplemented, "This host's wisp does not know the call %q; it is older than the server's.", method)
}

// decode reads the parameters of a call, which name an instance.
func decode(method string, params json.RawMessage, p any, instanceID *string) error {
	if err := json.Unmarshal(params, p); err != nil || !hypervisor.ValidID(*instanceID) {
		return errs.Wrap(err, errs.Invalid, "The parameters of %s are wrong.", method)
	}
	return nil
}

// stats tells what a running instance has used.
func (n *Node) stats(ctx context.Context, id string) (nodeapi.Stats, error) {
	used, err := n.cfg.Driver.Stats(ctx, id)
	if err != nil {
		return nodeapi.Stats{}, err
	}
	host, err := n.cfg.Driver.Capabilities(ctx)
	if err != nil {
		return nodeapi.Stats{}, err
	}
	stats := nodeapi.Stats{Accelerator: host.Accelerator, UptimeSeconds: int64(used.Uptime.Seconds()), CPUTimes: used.CPUTimes, MemoryBytes: used.MemoryBytes}
	for _, d := range used.Disks {
		stats.Disks = append(stats.Disks, nodeapi.DiskStats{
			Device: d.Device, ReadBytes: d.ReadBytes, ReadRequests: d.ReadRequests, WriteBytes: d.WriteBytes, WriteRequests: d.WriteRequests, Errors: d.Errors,
		})
	}
	n.mu.Lock()
	ports := n.desired.Instances[id].Ports
	n.mu.Unlock()
	for _, port := range ports {
		t, err := n.cfg.Dataplane.Traffic(port.PortID)
		if errs.Is(err, errs.NotFound) {
			continue // it is being plugged or unplugged
		}
		if err != nil {
			return stats, fmt.Errorf("counting the packets of port %s: %w", port.PortID, err)
		}
		stats.Ports = append(stats.Ports, nodeapi.PortStats{
			PortID: port.PortID, Device: t.Device,
			RxBytes: int64(t.RxBytes), RxPackets: int64(t.RxPackets), RxErrors: int64(t.RxErrors), RxDropped: int64(t.RxDropped),
			TxBytes: int64(t.TxBytes), TxPackets: int64(t.TxPackets), TxErrors: int64(t.TxErrors), TxDropped: int64(t.TxDropped),
		})
	}
	return stats, nil
}

// trace follows a packet through the dataplane of this host. Few do so at
// once: the dataplane's lock is also what a change of rules waits for, and a
// call goes on when the server does not wait for it any more.
func (a agent) trace(ctx context.Context, p nodeapi.PortTraceParams) (nodeapi.PortTraceResult, error) {
	select {
	case a.tracing <- struct{}{}:
		defer func() { <-a.tracing }()
	default:
		return nodeapi.PortTraceResult{}, errs.New(errs.Unavailable, "Other packets are being followed on this host; try again.").WithType(nodeapi.TypeHostBusy)
	}
	steps, err := a.cfg.Dataplane.Trace(ctx, p.PortID, dataplane.Probe{
		From: p.Source, To: p.Destination, Via: p.Via, Protocol: p.Protocol, SrcPort: p.SourcePort, DstPort: p.DestinationPort,
	})
	if err != nil {
		return nodeapi.PortTraceResult{}, err
	}
	result := nodeapi.PortTraceResult{Steps: make([]nodeapi.PortTraceStep, len(steps))}
	for i, s := range steps {
		result.Steps[i] = nodeapi.PortTraceStep{Program: s.Program, PortID: s.Port, Verdict: s.Verdict, Reason: s.Reason, Source: s.Src, Destination: s.Dst}
		if s.Host.IsValid() {
			result.Steps[i].Host = s.Host.String()
		}
	}
	return result, nil
}

// report is a report without instances.
func (n *Node) report() nodeapi.Report {
	usage := measure(n.cfg.StateDir)
	n.mu.Lock()
	defer n.mu.Unlock()
	return nodeapi.Report{
		Revision: n.revision, Problems: n.book.problemsNow(), Meters: n.meters,
		MemoryUsedMiB: usage.memoryMiB, DiskUsedGiB: usage.diskGiB, Load: usage.load,
	}
}

// tell records an instance's status and reports it at once when it is news.
func (n *Node) tell(status nodeapi.InstanceStatus) {
	// What is read first must be sent first, or the older report would have
	// the last word.
	n.telling.Lock()
	defer n.telling.Unlock()
	n.mu.Lock()
	_, wanted := n.desired.Instances[status.ID]
	news := wanted && n.book.set(status)
	status = n.book.statuses[status.ID]
	n.mu.Unlock()
	if !news {
		return
	}
	n.log.Info("instance", "instance", status.ID, "phase", status.Phase, "message", status.Message)
	report := n.report()
	report.Instances = []nodeapi.InstanceStatus{status}
	n.send(report)
}
