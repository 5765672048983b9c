package qemu

import (
	"context"
	"errors"
	"slices"
	"time"

	"wisp/internal/hypervisor"
	"wisp/internal/qmp"
)

// place is the number of the interface of a port.
func (m *machine) place(port string) int {
	r := m.record
	if place, known := r.Places[port]; known {
		return place
	}
	return slices.IndexFunc(r.Spec.NICs, func(n hypervisor.NIC) bool { return n.PortID == port })
}

// freePlace is the lowest number that no interface has.
func (m *machine) freePlace() int {
	taken := map[int]bool{}
	for _, place := range m.record.Places {
		taken[place] = true
	}
	place := 0
	for taken[place] {
		place++
	}
	return place
}

// unplugRetry is how often a guest is asked again to let go of an interface.
const unplugRetry = 5 * time.Second

// plug makes the interfaces of a machine that runs those of the spec. Where
// its type cannot do so, they come with its next process.
func (m *machine) plug(ctx context.Context, spec hypervisor.Spec, seen observation) (hypervisor.Status, error) {
	r := m.record
	if !seen.alive || r.Spec.Features.MachineType != "pc" || samePorts(m.plugged(), spec.NICs) {
		return m.settled(seen), nil
	}
	if r.Places == nil {
		r.Places = map[string]int{}
		for i, n := range r.Spec.NICs {
			r.Places[n.PortID] = i
		}
	}
	slots, err := m.slots(ctx)
	if err != nil {
		return hypervisor.Status{}, err
	}
	waiting := false
	for _, n := range m.plugged() {
		if hasPort(spec.NICs, n.PortID) {
			continue
		}
		gone, err := m.unplugNIC(ctx, n, slots)
		if err != nil {
			return hypervisor.Status{}, err
		}
		waiting = waiting || !gone
	}
	for _, n := range spec.NICs {
		if hasPort(r.Spec.NICs, n.PortID) {
			continue
		}
		if err := m.plugNIC(ctx, n, slots); err != nil {
			return hypervisor.Status{}, err
		}
	}
	status := m.settled(seen)
	if waiting {
		status.Settled, status.RetryAfter = false, unplugRetry
		m.wakeIn(unplugRetry)
	}
	return status, nil
}

// plugged are the interfaces that QEMU has, and those of tries that were cut off.
func (m *machine) plugged() []hypervisor.NIC {
	nics := slices.Clone(m.record.Spec.NICs)
	for port := range m.record.Places {
		if !hasPort(nics, port) {
			nics = append(nics, hypervisor.NIC{PortID: port})
		}
	}
	return nics
}

func hasPort(nics []hypervisor.NIC, port string) bool {
	return slices.ContainsFunc(nics, func(n hypervisor.NIC) bool { return n.PortID == port })
}

func samePorts(a, b []hypervisor.NIC) bool {
	return len(a) == len(b) && !slices.ContainsFunc(a, func(n hypervisor.NIC) bool { return !hasPort(b, n.PortID) })
}

// plugNIC adds an interface. Its place is recorded first, so that a try that
// was cut off is gone on with.
func (m *machine) plugNIC(ctx context.Context, n hypervisor.NIC, slots map[string]int) error {
	r := m.record
	place, begun := r.Places[n.PortID]
	if !begun {
		place = m.freePlace()
		r.Places[n.PortID] = place
		if err := m.save(); err != nil {
			return err
		}
	}
	id := nicID(place)
	if _, there := slots[id]; !there {
		if begun {
			_ = m.ask(ctx, "netdev_del", object{"id": "host-" + id}, nil) // there may be none
		}
		if err := m.driver.step("plug"); err != nil {
			return err
		}
		tap, err := tapOf(ctx, n)
		if err != nil {
			return err
		}
		if tap != nil {
			defer tap.Close()
			if err := m.askFile(ctx, "getfd", object{"fdname": "tap-" + id}, tap); err != nil {
				return err
			}
			if err := m.ask(ctx, "netdev_add", object{"type": "tap", "id": "host-" + id, "fd": "tap-" + id, "vhost": false}, nil); err != nil {
				return err
			}
		}
		device := nicDevice(place, n, tap != nil)
		device["driver"] = vifDrivers[n.Model]
		if err := m.ask(ctx, "device_add", device, nil); err != nil {
			return err
		}
		if err := m.driver.step("plugged"); err != nil {
			return err
		}
	}
	r.Spec.NICs = append(r.Spec.NICs, n)
	return m.save()
}

// unplugNIC asks the guest to let go of an interface, and tells whether it has.
// Its cable is cut at once.
func (m *machine) unplugNIC(ctx context.Context, n hypervisor.NIC, slots map[string]int) (gone bool, err error) {
	r := m.record
	id := nicID(m.place(n.PortID))
	if _, there := slots[id]; there {
		if err := m.driver.step("unplug"); err != nil {
			return false, err
		}
		err := m.ask(ctx, "set_link", object{"name": id, "up": false}, nil)
		if err == nil {
			_ = m.ask(ctx, "device_del", object{"id": id}, nil) // refused while the guest is at it
			return false, nil
		}
		// A guest that was asked before may have let go since the slots were listed.
		if refusal, ok := errors.AsType[*qmp.Error](err); !ok || refusal.Class != "DeviceNotFound" {
			return false, err
		}
	}
	_ = m.ask(ctx, "netdev_del", object{"id": "host-" + id}, nil) // one without a cable has none
	delete(r.Places, n.PortID)
	r.Spec.NICs = slices.DeleteFunc(slices.Clone(r.Spec.NICs), func(other hypervisor.NIC) bool { return other.PortID == n.PortID })
	return true, m.save()
}
