package dataplane

import (
	"fmt"
	"slices"
	"strings"

	"wisp/internal/netlinkx"
)

// Traffic counts a local port's packets, from its guest's point of view: what
// the guest has received and transmitted since the device was made.
type Traffic struct {
	Device                                  string
	RxBytes, RxPackets, RxErrors, RxDropped uint64
	TxBytes, TxPackets, TxErrors, TxDropped uint64
}

// Traffic reads the counters of a local port's device. A port without one is
// an error of kind NotFound.
func (d *Dataplane) Traffic(portID string) (Traffic, error) {
	if err := d.lock(); err != nil {
		return Traffic{}, err
	}
	defer d.mu.Unlock()
	link, err := d.nl.Link(d.DeviceName(portID))
	if err != nil {
		return Traffic{}, err
	}
	return trafficOf(link), nil
}

// trafficOf turns a device's counters round: what it transmits its guest
// receives.
func trafficOf(link netlinkx.Link) Traffic {
	c := link.Counters
	return Traffic{
		Device:  link.Name,
		RxBytes: c.TxBytes, RxPackets: c.TxPackets, RxErrors: c.TxErrors, RxDropped: c.TxDropped,
		TxBytes: c.RxBytes, TxPackets: c.RxPackets, TxErrors: c.RxErrors, TxDropped: c.RxDropped,
	}
}

// Count is how many packets, and bytes of whole frames.
type Count struct{ Packets, Bytes uint64 }

// sumOf is what all processors have counted together.
func sumOf(cpus []bpfCount) Count {
	var sum Count
	for _, c := range cpus {
		sum.Packets += c.Packets
		sum.Bytes += c.Bytes
	}
	return sum
}

// PortCounters are the packets of one port that were dropped, by reason.
// Packets of no port, such as those which came by a tunnel, are under an
// empty PortID.
type PortCounters struct {
	PortID string
	Drops  map[string]Count
}

// Reasons are the names of all reasons to drop a packet.
func Reasons() []string {
	return slices.Clone(reasonNames[1:])
}

// reasonNames are in the order of enum reason in bpf/types.h.
var reasonNames = [...]string{
	"none", "malformed", "port-down", "spoofed-mac", "spoofed-ip", "spoofed-arp", "spoofed-nd", "dhcp-server",
	"router-advert", "ethertype", "no-rule-out", "no-rule-in", "rule-removed", "invalid-state", "unknown-mac",
	"no-device", "router-down", "ttl", "no-route", "no-host", "too-big", "not-translated", "nat-full", "unresolved",
	"loop", "stranger", "fragment", "router-local", "tunnel", "address-conflict", "address-scope", "over-limit",
}

func reasonName(r uint32) string {
	if int(r) < len(reasonNames) {
		return reasonNames[r]
	}
	return fmt.Sprintf("reason-%d", r)
}

// Counters reads what was dropped since the maps were made.
func (d *Dataplane) Counters() ([]PortCounters, error) {
	if err := d.lock(); err != nil {
		return nil, err
	}
	defer d.mu.Unlock()
	byPort := map[string]map[string]Count{}
	err := each(d.mapNamed("counts"), func(key bpfCountKey, cpus []bpfCount) {
		name := d.ids.name(kindPort, key.Port)
		if name == "" && key.Port != 0 {
			return // of a port that is gone
		}
		if byPort[name] == nil {
			byPort[name] = map[string]Count{}
		}
		byPort[name][reasonName(key.Reason)] = sumOf(cpus)
	})
	if err != nil {
		return nil, err
	}
	out := make([]PortCounters, 0, len(byPort))
	for name, drops := range byPort {
		out = append(out, PortCounters{PortID: name, Drops: drops})
	}
	slices.SortFunc(out, func(a, b PortCounters) int { return strings.Compare(a.PortID, b.PortID) })
	return out, nil
}
