package compute_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"wisp/internal/compute"
)

// genHosts draws hosts of all kinds, with names of their own.
func genHosts(t *rapid.T) []compute.SchedulerHost {
	hosts := make([]compute.SchedulerHost, rapid.IntRange(0, 6).Draw(t, "hosts"))
	for i := range hosts {
		memory := int64(rapid.IntRange(1, 8).Draw(t, "memory")) * 512
		hosts[i] = schedulerHost(fmt.Sprintf("h%d", i), rapid.Bool().Draw(t, "up"), rapid.Bool().Draw(t, "enabled"),
			int64(rapid.IntRange(1, 4).Draw(t, "vcpus")), 0, memory, int64(rapid.IntRange(0, int(memory)+512).Draw(t, "used")))
		hosts[i].Zone = rapid.SampledFrom([]string{"nova", "east"}).Draw(t, "zone")
		hosts[i].Physical = rapid.SliceOfDistinct(rapid.SampledFrom([]string{"lan1", "lan2"}), rapid.ID).Draw(t, "physical")
	}
	return hosts
}

func genDemand(t *rapid.T) compute.Demand {
	name := rapid.SampledFrom([]string{"h0", "h1", "h2", "h3", "h4", "h5"})
	d := compute.Demand{
		Resources: map[string]int64{"VCPU": int64(rapid.IntRange(0, 3).Draw(t, "vcpus")), "MEMORY_MB": int64(rapid.IntRange(0, 4).Draw(t, "memory")) * 256},
		Zone:      rapid.SampledFrom([]string{"", "", "nova", "east"}).Draw(t, "zone"),
		Physical:  rapid.SliceOfN(rapid.SampledFrom([]string{"lan1", "lan2"}), 0, 2).Draw(t, "physical"),
		Avoid:     map[string]bool{},
		Except:    map[string]string{},
	}
	if rapid.Bool().Draw(t, "avoids") {
		d.Avoid[name.Draw(t, "avoided")] = true
	}
	if rapid.Bool().Draw(t, "excepts") {
		d.Except[name.Draw(t, "excepted")] = "the server's own"
	}
	if rapid.IntRange(0, 3).Draw(t, "near") == 0 {
		d.Near = map[string]bool{name.Draw(t, "near host"): true}
	}
	if rapid.IntRange(0, 3).Draw(t, "forced") == 0 {
		d.Host = name.Draw(t, "host")
	}
	return d
}

// suits says the same as the filters, in other words.
func suits(h *compute.SchedulerHost, d compute.Demand) bool {
	_, excepted := d.Except[h.Name]
	ok := h.Up && h.Enabled && !excepted && !d.Avoid[h.Name] && (d.Near == nil || d.Near[h.Name]) && (d.Host == "" || d.Host == h.Name) && (d.Zone == "" || d.Zone == h.Zone)
	for _, network := range d.Physical {
		ok = ok && slices.Contains(h.Physical, network)
	}
	for class, amount := range d.Resources {
		inventory := h.Candidate.Inventories[class]
		ok = ok && (amount == 0 || h.Candidate.Used[class]+amount <= inventory.Capacity() && amount <= inventory.Max)
	}
	return ok
}

// A choice suits, and there is one whenever a host suits; it does not depend
// on the order of the hosts. What is refused adds up.
func TestScheduleProperty(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		hosts, d := genHosts(t), genDemand(t)
		v := compute.Schedule(hosts, d)
		any := slices.ContainsFunc(hosts, func(h compute.SchedulerHost) bool { return suits(&h, d) })
		switch {
		case v.Chosen < 0 && any:
			t.Fatalf("nobody was chosen: %s", v.Message())
		case v.Chosen >= 0 && !suits(&hosts[v.Chosen], d):
			t.Fatalf("%s does not suit", hosts[v.Chosen].Name)
		}
		removed := 0
		for _, r := range v.Refusals {
			removed += len(r.Hosts)
		}
		if v.Chosen < 0 && removed != len(hosts) {
			t.Fatalf("of %d hosts the filters removed %d", len(hosts), removed)
		}
		shuffled := slices.Clone(hosts)
		seed := rapid.Uint64().Draw(t, "order")
		rand.New(rand.NewPCG(seed, 1)).Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		again := compute.Schedule(shuffled, d)
		if (again.Chosen < 0) != (v.Chosen < 0) || v.Chosen >= 0 && shuffled[again.Chosen].Name != hosts[v.Chosen].Name {
			t.Fatal("another order of the hosts gives another choice")
		}
		if v.Chosen < 0 && (again.Message() != v.Message() || !reflect.DeepEqual(again.Details(), v.Details())) {
			t.Fatalf("another order of the hosts gives another reason: %s; %s", v.Message(), again.Message())
		}
	})
}

// Whatever comes and goes in whatever order, no host holds more than it has.
func TestScheduleNeverOvercommits(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		hosts := genHosts(t)
		for i := range hosts {
			hosts[i].Candidate.Used = map[string]int64{}
		}
		type claim struct {
			host   int
			amount map[string]int64
		}
		var claims []claim
		t.Repeat(map[string]func(*rapid.T){
			"create": func(t *rapid.T) {
				d := genDemand(t)
				v := compute.Schedule(hosts, d)
				if v.Chosen < 0 {
					return
				}
				for class, amount := range d.Resources {
					hosts[v.Chosen].Candidate.Used[class] += amount
				}
				claims = append(claims, claim{v.Chosen, d.Resources})
			},
			"delete": func(t *rapid.T) {
				if len(claims) == 0 {
					t.Skip("nothing to delete")
				}
				at := rapid.IntRange(0, len(claims)-1).Draw(t, "which")
				for class, amount := range claims[at].amount {
					hosts[claims[at].host].Candidate.Used[class] -= amount
				}
				claims = slices.Delete(claims, at, at+1)
			},
			"turn": func(t *rapid.T) {
				if len(hosts) > 0 {
					i := rapid.IntRange(0, len(hosts)-1).Draw(t, "host")
					hosts[i].Up = !hosts[i].Up
				}
			},
			"": func(t *rapid.T) {
				for _, h := range hosts {
					for class, used := range h.Candidate.Used {
						if used > h.Candidate.Inventories[class].Capacity() {
							t.Fatalf("%s holds %d of %s", h.Name, used, class)
						}
					}
				}
			},
		})
	})
}

// On equal hosts, servers of one size are spread as evenly as can be, and the
// hosts are filled to the last place.
func TestScheduleSpreads(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		n, places := rapid.IntRange(1, 6).Draw(t, "hosts"), rapid.IntRange(1, 6).Draw(t, "places")
		hosts := make([]compute.SchedulerHost, n)
		for i := range hosts {
			hosts[i] = schedulerHost(fmt.Sprintf("h%d", i), true, true, 64, 0, int64(places)*512, 0)
		}
		counts := make([]int, n)
		for range n * places {
			v := compute.Schedule(hosts, compute.Demand{Resources: map[string]int64{"VCPU": 1, "MEMORY_MB": 512}})
			if v.Chosen < 0 {
				t.Fatalf("there is room, and %s", v.Message())
			}
			counts[v.Chosen]++
			hosts[v.Chosen].Candidate.Used["MEMORY_MB"] += 512
			least, most := math.MaxInt, 0
			for _, c := range counts {
				least, most = min(least, c), max(most, c)
			}
			if most-least > 1 {
				t.Fatalf("the counts are %v", counts)
			}
		}
	})
}
