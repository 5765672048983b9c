package placement_test

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"pgregory.net/rapid"

	"wisp/internal/errs"
	"wisp/internal/placement"
	"wisp/internal/store"
	"wisp/internal/store/storetest"
)

func service(db *store.DB) *placement.Service {
	return placement.New(db, slog.New(slog.DiscardHandler))
}

func server(project string) placement.Consumer {
	return placement.Consumer{ID: uuid.NewString(), ProjectID: project, UserID: "user", Type: "INSTANCE"}
}

// host makes a provider with an inventory.
func host(t testing.TB, db *store.DB, name string, inventories ...placement.Inventory) placement.Provider {
	t.Helper()
	s := service(db)
	var p placement.Provider
	err := db.Tx(t.Context(), func(ctx context.Context, tx *store.Tx) (err error) {
		if p, err = s.EnsureProvider(ctx, tx, name); err != nil {
			return err
		}
		return s.SetInventory(ctx, tx, p.ID, inventories)
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func claim(ctx context.Context, db *store.DB, c placement.Consumer, provider string, resources map[string]int64) error {
	return db.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		return service(db).Claim(ctx, tx, c, provider, resources)
	}, placement.Lock(provider))
}

func usage(t testing.TB, db *store.DB, provider string) map[string]int64 {
	t.Helper()
	used, err := service(db).ProviderUsage(context.Background(), db.Read(), provider)
	if err != nil {
		t.Fatal(err)
	}
	return used
}

func TestClaim(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name      string
		inventory placement.Inventory
		held      int64 // by another consumer
		class     string
		amount    int64
		kind      errs.Kind // Internal: fits
	}{
		{"fits", placement.Inventory{Class: "VCPU", Total: 4}, 0, "VCPU", 4, errs.Internal},
		{"one too many", placement.Inventory{Class: "VCPU", Total: 4}, 0, "VCPU", 5, errs.Conflict},
		{"reserved is not to be had", placement.Inventory{Class: "VCPU", Total: 4, Reserved: 1}, 0, "VCPU", 4, errs.Conflict},
		{"ratio multiplies", placement.Inventory{Class: "VCPU", Total: 4, Ratio: 1.5}, 0, "VCPU", 6, errs.Internal},
		{"ratio rounds down", placement.Inventory{Class: "VCPU", Total: 3, Ratio: 1.5}, 0, "VCPU", 5, errs.Conflict},
		{"beside another", placement.Inventory{Class: "VCPU", Total: 4}, 3, "VCPU", 1, errs.Internal},
		{"another has it", placement.Inventory{Class: "VCPU", Total: 4}, 3, "VCPU", 2, errs.Conflict},
		{"below min", placement.Inventory{Class: "VCPU", Total: 8, Min: 2}, 0, "VCPU", 1, errs.Conflict},
		{"above max", placement.Inventory{Class: "VCPU", Total: 8, Max: 4}, 0, "VCPU", 5, errs.Conflict},
		{"off step", placement.Inventory{Class: "VCPU", Total: 8, Step: 2}, 0, "VCPU", 3, errs.Conflict},
		{"none of that class", placement.Inventory{Class: "VCPU", Total: 8}, 0, "MEMORY_MB", 1, errs.Conflict},
		{"unknown class", placement.Inventory{Class: "VCPU", Total: 8}, 0, "CUSTOM_X", 1, errs.Invalid},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			storetest.Each(t, func(t *testing.T, db *store.DB) {
				p := host(t, db, "host", tt.inventory)
				if tt.held > 0 {
					if err := claim(t.Context(), db, server("a"), p.ID, map[string]int64{"VCPU": tt.held}); err != nil {
						t.Fatal(err)
					}
				}
				err := claim(t.Context(), db, server("b"), p.ID, map[string]int64{tt.class: tt.amount})
				if tt.kind == errs.Internal && err != nil {
					t.Fatal(err)
				}
				if tt.kind != errs.Internal && !errs.Is(err, tt.kind) {
					t.Fatalf("error %v, want kind %v", err, tt.kind)
				}
				want := tt.held
				if tt.kind == errs.Internal {
					want += tt.amount
				}
				if used := usage(t, db, p.ID)["VCPU"]; used != want {
					t.Errorf("%d are used, want %d", used, want)
				}
			})
		})
	}
}

func TestClaimUnknownProvider(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		if err := claim(t.Context(), db, server("a"), "nowhere", map[string]int64{"VCPU": 1}); !errs.Is(err, errs.Invalid) {
			t.Fatalf("error %v", err)
		}
	})
}

func TestClaimReplacesAndReleaseFrees(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		p := host(t, db, "host", placement.Inventory{Class: "VCPU", Total: 4}, placement.Inventory{Class: "MEMORY_MB", Total: 1024})
		c := server("a")
		for _, resources := range []map[string]int64{{"VCPU": 3, "MEMORY_MB": 1024}, {"VCPU": 4}} {
			if err := claim(t.Context(), db, c, p.ID, resources); err != nil {
				t.Fatal(err)
			}
		}
		if diff := cmp.Diff(map[string]int64{"VCPU": 4, "MEMORY_MB": 0}, usage(t, db, p.ID)); diff != "" {
			t.Error(diff)
		}
		s := service(db)
		held, ok, err := s.ConsumerByID(t.Context(), db.Read(), c.ID)
		if err != nil || !ok || held.Generation != 2 {
			t.Errorf("consumer %+v, %v, %v", held, ok, err)
		}
		for range 2 { // the second finds nothing, which is fine
			if err := db.Tx(t.Context(), func(ctx context.Context, tx *store.Tx) error { return s.Release(ctx, tx, c.ID) }); err != nil {
				t.Fatal(err)
			}
		}
		if diff := cmp.Diff(map[string]int64{"VCPU": 0, "MEMORY_MB": 0}, usage(t, db, p.ID)); diff != "" {
			t.Error(diff)
		}
		if _, ok, _ := s.ConsumerByID(t.Context(), db.Read(), c.ID); ok {
			t.Error("the consumer is still there")
		}
	})
}

func TestShrunkHostAllowsWhatMakesItNoWorse(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		p := host(t, db, "host", placement.Inventory{Class: "VCPU", Total: 8})
		c := server("a")
		if err := claim(t.Context(), db, c, p.ID, map[string]int64{"VCPU": 8}); err != nil {
			t.Fatal(err)
		}
		host(t, db, "host", placement.Inventory{Class: "VCPU", Total: 2})
		if err := claim(t.Context(), db, c, p.ID, map[string]int64{"VCPU": 4}); err != nil {
			t.Errorf("less than before: %v", err)
		}
		if err := claim(t.Context(), db, c, p.ID, map[string]int64{"VCPU": 5}); !errs.Is(err, errs.Conflict) {
			t.Errorf("more than before: %v", err)
		}
	})
}

func TestSetInventory(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		inv  []placement.Inventory
		kind errs.Kind
	}{
		{"nothing has no total", []placement.Inventory{{Class: "VCPU"}}, errs.Invalid},
		{"negative reserve", []placement.Inventory{{Class: "VCPU", Total: 1, Reserved: -1}}, errs.Invalid},
		{"more reserved than there is", []placement.Inventory{{Class: "VCPU", Total: 1, Reserved: 2}}, errs.Invalid},
		{"negative ratio", []placement.Inventory{{Class: "VCPU", Total: 1, Ratio: -1}}, errs.Invalid},
		{"negative step", []placement.Inventory{{Class: "VCPU", Total: 1, Step: -1}}, errs.Invalid},
		{"total beyond the limit", []placement.Inventory{{Class: "VCPU", Total: placement.MaxUnit + 1}}, errs.Invalid},
		{"unknown class", []placement.Inventory{{Class: "TEA", Total: 1}}, errs.Invalid},
		{"used class goes", nil, errs.Conflict},
		{"other class only", []placement.Inventory{{Class: "DISK_GB", Total: 1}}, errs.Conflict},
	}
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		p := host(t, db, "host", placement.Inventory{Class: "VCPU", Total: 4})
		if err := claim(t.Context(), db, server("a"), p.ID, map[string]int64{"VCPU": 1}); err != nil {
			t.Fatal(err)
		}
		s := service(db)
		for _, tt := range tests {
			err := db.Tx(t.Context(), func(ctx context.Context, tx *store.Tx) error { return s.SetInventory(ctx, tx, p.ID, tt.inv) })
			if !errs.Is(err, tt.kind) {
				t.Errorf("%s: error %v, want kind %v", tt.name, err, tt.kind)
			}
		}
		before, _ := s.ProviderByID(t.Context(), db.Read(), p.ID)
		host(t, db, "host", placement.Inventory{Class: "VCPU", Total: 4})
		after, _ := s.ProviderByID(t.Context(), db.Read(), p.ID)
		if before.Generation != after.Generation {
			t.Error("the generation grew although nothing changed")
		}
	})
}

func TestCandidates(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		a := host(t, db, "a", placement.Inventory{Class: "VCPU", Total: 4}, placement.Inventory{Class: "MEMORY_MB", Total: 512})
		host(t, db, "b", placement.Inventory{Class: "VCPU", Total: 1})
		host(t, db, "c")
		if err := claim(t.Context(), db, server("x"), a.ID, map[string]int64{"VCPU": 3}); err != nil {
			t.Fatal(err)
		}
		found, err := service(db).Candidates(t.Context(), db.Read())
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, c := range found {
			got = append(got, fmt.Sprintf("%s vcpu=%d memory=%d fits=%v", c.Name, c.Free("VCPU"), c.Free("MEMORY_MB"),
				c.Fits(map[string]int64{"VCPU": 1, "MEMORY_MB": 512})))
		}
		want := []string{"a vcpu=1 memory=512 fits=true", "b vcpu=1 memory=0 fits=false", "c vcpu=0 memory=0 fits=false"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
}

// Whatever is claimed, replaced and released in whatever order, no class is
// ever over-committed, and the usage is the sum of what succeeded.
func TestClaimProperty(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		n := 0
		rapid.Check(t, func(rt *rapid.T) {
			n++
			inv := placement.Inventory{
				Class: "VCPU", Total: rapid.Int64Range(1, 30).Draw(rt, "total"), Ratio: rapid.SampledFrom([]float64{0.5, 1, 1.5, 2.25}).Draw(rt, "ratio"),
				Min: rapid.Int64Range(1, 3).Draw(rt, "min"), Max: rapid.Int64Range(3, 20).Draw(rt, "max"), Step: rapid.Int64Range(1, 3).Draw(rt, "step"),
			}
			inv.Reserved = rapid.Int64Range(0, inv.Total).Draw(rt, "reserved")
			p := host(t, db, fmt.Sprint("host", n), inv)
			consumers := make([]placement.Consumer, 4)
			for i := range consumers {
				consumers[i] = server("p")
			}
			model := map[int]int64{}
			sum := func() (total int64) {
				for _, v := range model {
					total += v
				}
				return total
			}
			for range rapid.IntRange(1, 12).Draw(rt, "steps") {
				who := rapid.IntRange(0, 3).Draw(rt, "who")
				amount := rapid.Int64Range(0, 22).Draw(rt, "amount")
				if amount == 0 {
					if err := db.Tx(t.Context(), func(ctx context.Context, tx *store.Tx) error {
						return service(db).Release(ctx, tx, consumers[who].ID)
					}); err != nil {
						rt.Fatal(err)
					}
					delete(model, who)
					continue
				}
				fits := amount >= inv.Min && amount <= inv.Max && amount%inv.Step == 0 && sum()-model[who]+amount <= inv.Capacity()
				err := claim(t.Context(), db, consumers[who], p.ID, map[string]int64{"VCPU": amount})
				switch {
				case fits && err != nil:
					rt.Fatalf("claim of %d: %v", amount, err)
				case !fits && !errs.Is(err, errs.Conflict):
					rt.Fatalf("claim of %d: error %v, want a conflict", amount, err)
				case fits:
					model[who] = amount
				}
				if used := usage(t, db, p.ID)["VCPU"]; used != sum() || used > inv.Capacity() {
					rt.Fatalf("%d are used, want %d of %d", used, sum(), inv.Capacity())
				}
			}
		})
	})
}

func TestConcurrentClaims(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		p := host(t, db, "host", placement.Inventory{Class: "VCPU", Total: 10}, placement.Inventory{Class: "MEMORY_MB", Total: 4096})
		var fitted atomic.Int64
		var group sync.WaitGroup
		for range 30 {
			group.Go(func() {
				err := claim(t.Context(), db, server("p"), p.ID, map[string]int64{"VCPU": 1, "MEMORY_MB": 64})
				switch {
				case err == nil:
					fitted.Add(1)
				case !errs.Is(err, errs.Conflict):
					t.Errorf("claim: %v", err)
				}
			})
		}
		group.Wait()
		if n := fitted.Load(); n != 10 {
			t.Errorf("%d claims of 10 fitted", n)
		}
		if diff := cmp.Diff(map[string]int64{"VCPU": 10, "MEMORY_MB": 640}, usage(t, db, p.ID)); diff != "" {
			t.Error(diff)
		}
	})
}

func TestProviders(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx, s := t.Context(), service(db)
		p := host(t, db, "host", placement.Inventory{Class: "VCPU", Total: 4})
		if again := host(t, db, "host", placement.Inventory{Class: "VCPU", Total: 4}); again.ID != p.ID {
			t.Error("a second provider with the name")
		}
		for what, id := range map[string]string{"name": "", "id": p.ID} {
			name := "host"
			if what == "id" {
				name = "else"
			}
			if _, err := s.CreateProvider(ctx, id, name, ""); !errs.Is(err, errs.Conflict) {
				t.Errorf("used %s: %v", what, err)
			}
		}
		other, err := s.CreateProvider(ctx, "", "other", "")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.UpdateProvider(ctx, other.ID, placement.ProviderChange{Name: "host"}); !errs.Is(err, errs.Conflict) {
			t.Errorf("rename to a used name: %v", err)
		}
		if _, err := s.UpdateProvider(ctx, "nowhere", placement.ProviderChange{Name: "x"}); !errs.Is(err, errs.NotFound) {
			t.Errorf("rename what is not there: %v", err)
		}
		if _, err := s.SetProviderTraits(ctx, p.ID, 99, []string{"COMPUTE_NODE"}); !errs.Is(err, errs.Conflict) {
			t.Errorf("old generation: %v", err)
		}
		if _, err := s.SetProviderTraits(ctx, p.ID, -1, []string{"CUSTOM_NO"}); !errs.Is(err, errs.Invalid) {
			t.Errorf("unknown trait: %v", err)
		}
		if _, err := s.SetProviderTraits(ctx, p.ID, -1, []string{"COMPUTE_NODE"}); err != nil {
			t.Error(err)
		}
		for name, f := range map[string]placement.ProviderFilter{
			"by trait":           {Required: [][]string{{"COMPUTE_NODE", "HW_CPU_X86_VMX"}}},
			"without a trait":    {Forbidden: []string{"HW_CPU_X86_VMX"}, Name: "host"},
			"with room":          {Resources: map[string]int64{"VCPU": 4}},
			"by id":              {ID: p.ID},
			"in no aggregate":    {NotIn: []string{"x"}, ID: p.ID},
			"without room":       {Resources: map[string]int64{"VCPU": 5}},
			"member of nothing":  {MemberOf: [][]string{{"x"}}},
			"no class to be had": {Resources: map[string]int64{"DISK_GB": 1}},
		} {
			found, err := s.Providers(ctx, f)
			want := 1
			if name == "without room" || name == "member of nothing" || name == "no class to be had" {
				want = 0
			}
			if err != nil || len(found) != want {
				t.Errorf("%s: %v, %v", name, found, err)
			}
		}
		for name, f := range map[string]placement.ProviderFilter{
			"class": {Resources: map[string]int64{"TEA": 1}}, "trait": {Forbidden: []string{"TEA"}},
		} {
			if _, err := s.Providers(ctx, f); !errs.Is(err, errs.Invalid) {
				t.Errorf("unknown %s: %v", name, err)
			}
		}
		if err := claim(ctx, db, server("p"), p.ID, map[string]int64{"VCPU": 1}); err != nil {
			t.Fatal(err)
		}
		if err := s.DeleteProvider(ctx, p.ID); !errs.Is(err, errs.Conflict) {
			t.Errorf("delete what is used: %v", err)
		}
		if err := s.DeleteProvider(ctx, other.ID); err != nil {
			t.Error(err)
		}
		if err := s.DeleteProvider(ctx, other.ID); !errs.Is(err, errs.NotFound) {
			t.Errorf("delete twice: %v", err)
		}
	})
}
