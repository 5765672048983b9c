package compute_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"wisp/internal/compute"
	"wisp/internal/placement"
)

func schedulerHost(name string, up, enabled bool, vcpus, usedVCPUs, ram, usedRAM int64) compute.SchedulerHost {
	return compute.SchedulerHost{
		Name: name, Zone: "nova", Arch: "x86_64", Up: up, Enabled: enabled,
		Candidate: placement.Candidate{
			Inventories: map[string]placement.Inventory{
				"VCPU":      {Class: "VCPU", Total: vcpus, Ratio: 4, Min: 1, Max: vcpus, Step: 1},
				"MEMORY_MB": {Class: "MEMORY_MB", Total: ram, Ratio: 1, Min: 1, Max: ram, Step: 1},
			},
			Used: map[string]int64{"VCPU": usedVCPUs, "MEMORY_MB": usedRAM},
		},
	}
}

func TestSchedule(t *testing.T) {
	t.Parallel()
	hosts := []compute.SchedulerHost{
		schedulerHost("a", true, true, 4, 0, 4096, 2048),
		schedulerHost("b", true, true, 8, 0, 8192, 1024),
		schedulerHost("c", false, true, 8, 0, 8192, 0),
		schedulerHost("d", true, false, 8, 0, 8192, 0),
	}
	hosts[0].Zone = "east"
	small := map[string]int64{"VCPU": 1, "MEMORY_MB": 512}
	cases := []struct {
		name   string
		demand compute.Demand
		want   string // host, or part of the message
	}{
		{"most free memory", compute.Demand{Resources: small}, "b"},
		{"zone", compute.Demand{Resources: small, Zone: "east"}, "a"},
		{"host", compute.Demand{Resources: small, Host: "a"}, "a"},
		{"avoided", compute.Demand{Resources: small, Avoid: map[string]bool{"b": true}}, "a"},
		{"near", compute.Demand{Resources: small, Near: map[string]bool{"a": true}}, "a"},
		{"preferred", compute.Demand{Resources: small, Prefer: map[string]int{"a": 1}}, "a"},
		{"shunned", compute.Demand{Resources: small, Shun: map[string]int{"b": 2, "a": 1}}, "a"},
		{"zero counts as nothing", compute.Demand{Resources: map[string]int64{"DISK_GB": 0}}, "b"},
		{"too large", compute.Demand{Resources: map[string]int64{"MEMORY_MB": 9000}},
			"No valid host was found. Of 4 hosts: 1 down, 1 disabled, 2 short of MEMORY_MB (9000 wanted, 2048 free; 9000 wanted, 7168 free)."},
		{"too many for one server", compute.Demand{Resources: map[string]int64{"VCPU": 9}}, "2 short of VCPU (9 wanted, at most 4 for one server; 9 wanted, at most 8 for one server)"},
		{"unknown class", compute.Demand{Resources: map[string]int64{"FPGA": 1}}, "2 short of FPGA (1 wanted, none there)"},
		{"down host", compute.Demand{Resources: small, Host: "c"}, "3 not the host that was asked for (c), 1 down"},
		{"architecture", compute.Demand{Resources: small, Arch: "aarch64"}, "2 of another architecture than the image (aarch64) (x86_64)"},
		{"zone nobody is in", compute.Demand{Resources: small, Zone: "west"}, "4 not in availability zone west"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			v := compute.Schedule(hosts, c.demand)
			if v.Chosen >= 0 {
				if hosts[v.Chosen].Name != c.want {
					t.Errorf("chose %s, want %s", hosts[v.Chosen].Name, c.want)
				}
				return
			}
			if !strings.Contains(v.Message(), c.want) {
				t.Errorf("message %q, want %q", v.Message(), c.want)
			}
		})
	}
	if m := compute.Schedule(nil, compute.Demand{}).Message(); !strings.Contains(m, "There is no compute host") {
		t.Errorf("without hosts: %q", m)
	}
}

// What is chosen passes every filter; what is refused is refused once, and
// all hosts are accounted for; the order of hosts does not matter.
func TestScheduleProperties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 12).Draw(t, "hosts")
		hosts := make([]compute.SchedulerHost, n)
		for i := range hosts {
			hosts[i] = schedulerHost(fmt.Sprint("host-", i), rapid.Bool().Draw(t, "up"), rapid.Bool().Draw(t, "enabled"),
				rapid.Int64Range(1, 16).Draw(t, "vcpus"), rapid.Int64Range(0, 70).Draw(t, "used vcpus"),
				rapid.Int64Range(1, 64).Draw(t, "ram"), rapid.Int64Range(0, 64).Draw(t, "used ram"))
			hosts[i].Zone = rapid.SampledFrom([]string{"a", "b"}).Draw(t, "zone")
		}
		demand := compute.Demand{
			Resources: map[string]int64{"VCPU": rapid.Int64Range(0, 20).Draw(t, "want vcpus"), "MEMORY_MB": rapid.Int64Range(0, 70).Draw(t, "want ram")},
			Zone:      rapid.SampledFrom([]string{"", "a", "c"}).Draw(t, "want zone"),
			Avoid:     map[string]bool{"host-1": rapid.Bool().Draw(t, "avoid")},
		}
		fits := func(h compute.SchedulerHost) bool {
			for class, amount := range demand.Resources {
				if amount > 0 && (amount > h.Candidate.Free(class) || !h.Candidate.Inventories[class].UnitFits(amount)) {
					return false
				}
			}
			return h.Up && h.Enabled && !demand.Avoid[h.Name] && (demand.Zone == "" || h.Zone == demand.Zone)
		}
		v := compute.Schedule(hosts, demand)
		refused := map[string]int{}
		for _, r := range v.Refusals {
			for _, host := range r.Hosts {
				refused[host]++
			}
		}
		chosen := ""
		for i, h := range hosts {
			want := 1
			if fits(h) {
				want = 0
				if v.Chosen < 0 {
					t.Fatalf("%s fits, and none was chosen: %s", h.Name, v.Message())
				}
				if h.Candidate.Free("MEMORY_MB") > hosts[v.Chosen].Candidate.Free("MEMORY_MB") {
					t.Fatalf("%s has more free memory than %s", h.Name, hosts[v.Chosen].Name)
				}
			}
			if refused[h.Name] != want {
				t.Fatalf("%s was refused %d times, want %d", h.Name, refused[h.Name], want)
			}
			if v.Chosen == i {
				chosen = h.Name
				if !fits(h) {
					t.Fatalf("%s was chosen and does not fit", h.Name)
				}
			}
		}
		shuffled := slices.Clone(hosts)
		rand.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		again := compute.Schedule(shuffled, demand)
		other := ""
		if again.Chosen >= 0 {
			other = shuffled[again.Chosen].Name
		}
		if other != chosen || again.Message() != v.Message() {
			t.Fatalf("in another order %q is chosen, not %q; %q, not %q", other, chosen, again.Message(), v.Message())
		}
	})
}
