package compute

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"wisp/internal/placement"
)

// SchedulerHost is a host as the scheduler sees it.
type SchedulerHost struct {
	Name, Zone, Arch string
	Up, Enabled      bool
	Physical         []string            // physical networks that it is attached to
	Candidate        placement.Candidate // what it has and what of it is used
}

// Demand is what one server needs of its host.
type Demand struct {
	Resources map[string]int64  // by class; amounts of 0 count as nothing
	Zone      string            // "" is any
	Host      string            // the only host that will do; "" is any
	Arch      string            // of the image; "" is any
	Physical  []string          // physical networks that its networks need
	Except    map[string]string // hosts that must not be, with why: the filter's name
	Avoid     map[string]bool   // hosts that must not be (anti-affinity, different_host)
	Near      map[string]bool   // when not nil, the hosts that may be (affinity, same_host)
	// Prefer and Shun only weigh: soft affinity and soft anti-affinity, as the
	// number of the group's servers by host.
	Prefer, Shun map[string]int
}

// Refusal says what one filter removed.
type Refusal struct {
	Filter string // "host down", …
	Hosts  []string
	// Missing says what each host was short of, by host; may be empty.
	Missing map[string]string
}

// Verdict is the scheduler's answer: the index of the chosen host, or -1 and
// why not, filter by filter, in the order in which they ran.
type Verdict struct {
	Chosen   int
	Total    int
	Refusals []Refusal
}

// Schedule chooses the host for a server: of those that pass every filter,
// the one with the most free memory, then the first by name. It is pure: the
// same arguments give the same answer, whatever their order.
func Schedule(hosts []SchedulerHost, d Demand) Verdict {
	v := Verdict{Chosen: -1, Total: len(hosts)}
	left := make([]int, len(hosts))
	for i := range left {
		left[i] = i
	}
	keep := func(filter string, passes func(h *SchedulerHost) (bool, string)) {
		r := Refusal{Filter: filter, Missing: map[string]string{}}
		left = slices.DeleteFunc(left, func(i int) bool {
			ok, missing := passes(&hosts[i])
			if !ok {
				r.Hosts = append(r.Hosts, hosts[i].Name)
				if missing != "" {
					r.Missing[hosts[i].Name] = missing
				}
			}
			return !ok
		})
		if len(r.Hosts) > 0 {
			slices.Sort(r.Hosts)
			v.Refusals = append(v.Refusals, r)
		}
	}
	if d.Host != "" {
		keep("not the host that was asked for ("+d.Host+")", func(h *SchedulerHost) (bool, string) { return h.Name == d.Host, "" })
	}
	for _, why := range slices.Compact(slices.Sorted(maps.Values(d.Except))) {
		keep(why, func(h *SchedulerHost) (bool, string) { return d.Except[h.Name] != why, "" })
	}
	if d.Zone != "" {
		keep("not in availability zone "+d.Zone, func(h *SchedulerHost) (bool, string) { return h.Zone == d.Zone, "" })
	}
	keep("down", func(h *SchedulerHost) (bool, string) { return h.Up, "" })
	keep("disabled", func(h *SchedulerHost) (bool, string) { return h.Enabled, "" })
	if d.Arch != "" {
		keep("of another architecture than the image ("+d.Arch+")", func(h *SchedulerHost) (bool, string) { return h.Arch == "" || h.Arch == d.Arch, h.Arch })
	}
	for _, network := range slices.Compact(slices.Sorted(slices.Values(d.Physical))) {
		keep("without physical network "+network, func(h *SchedulerHost) (bool, string) { return slices.Contains(h.Physical, network), "" })
	}
	if len(d.Avoid) > 0 {
		keep("excluded by the server group or by different_host", func(h *SchedulerHost) (bool, string) { return !d.Avoid[h.Name], "" })
	}
	if d.Near != nil {
		keep("not the host that the server group or same_host asks for", func(h *SchedulerHost) (bool, string) { return d.Near[h.Name], "" })
	}
	for _, class := range slices.Sorted(maps.Keys(d.Resources)) {
		amount := d.Resources[class]
		if amount == 0 {
			continue
		}
		keep("short of "+class, func(h *SchedulerHost) (bool, string) {
			inventory, has := h.Candidate.Inventories[class]
			if !has {
				return false, fmt.Sprintf("%d wanted, none there", amount)
			}
			free := h.Candidate.Free(class)
			switch {
			case amount > free:
				return false, fmt.Sprintf("%d wanted, %d free", amount, max(0, free))
			case !inventory.UnitFits(amount):
				return false, fmt.Sprintf("%d wanted, at most %d for one server", amount, inventory.Max)
			}
			return true, ""
		})
	}
	for _, i := range left {
		if v.Chosen < 0 || better(&hosts[i], &hosts[v.Chosen], d) {
			v.Chosen = i
		}
	}
	return v
}

// better tells whether a should be chosen rather than b.
func better(a, b *SchedulerHost, d Demand) bool {
	if x, y := d.Prefer[a.Name]-d.Shun[a.Name], d.Prefer[b.Name]-d.Shun[b.Name]; x != y {
		return x > y
	}
	if x, y := a.Candidate.Free("MEMORY_MB"), b.Candidate.Free("MEMORY_MB"); x != y {
		return x > y
	}
	return a.Name < b.Name
}

// Message says for everyone how many hosts each filter removed and what was
// missing, without naming hosts.
func (v Verdict) Message() string {
	if v.Total == 0 {
		return "No valid host was found. There is no compute host: start a node (wisp node) and see that it registers."
	}
	var parts []string
	for _, r := range v.Refusals {
		part := fmt.Sprintf("%d %s", len(r.Hosts), r.Filter)
		if missing := slices.Compact(slices.Sorted(maps.Values(r.Missing))); len(missing) > 0 {
			part += " (" + strings.Join(missing[:min(3, len(missing))], "; ") + ")"
		}
		parts = append(parts, part)
	}
	noun := "hosts"
	if v.Total == 1 {
		noun = "host"
	}
	return fmt.Sprintf("No valid host was found. Of %d %s: %s.", v.Total, noun, strings.Join(parts, ", "))
}

// Choice says for everyone how many hosts could take a server and what removed
// the others; below the first line, for administrators, which was chosen and
// by what weight, and what each of the others lacked.
func (v Verdict) Choice(chosen *SchedulerHost, d Demand) string {
	removed := 0
	var parts []string
	for _, r := range v.Refusals {
		removed += len(r.Hosts)
		parts = append(parts, fmt.Sprintf("%d %s", len(r.Hosts), r.Filter))
	}
	text := fmt.Sprintf("%d of %s could take the server", v.Total-removed, count(v.Total, "host"))
	if len(parts) > 0 {
		text += "; the filters removed " + strings.Join(parts, ", ")
	}
	text += fmt.Sprintf(".\nChosen: %s, by the most free memory: %d MiB before this server", chosen.Name, chosen.Candidate.Free("MEMORY_MB"))
	if n := d.Prefer[chosen.Name] - d.Shun[chosen.Name]; n != 0 {
		text += fmt.Sprintf(", after the server group's weight of %d", n)
	}
	return strings.TrimRight(text+".\n"+v.Details(), "\n")
}

// Details names the hosts, for administrators.
func (v Verdict) Details() string {
	var lines []string
	for _, r := range v.Refusals {
		for _, host := range r.Hosts {
			line := host + ": " + r.Filter
			if missing := r.Missing[host]; missing != "" {
				line += ": " + missing
			}
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "\n")
}
