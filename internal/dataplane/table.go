package dataplane

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// table is a BPF map together with what this process last knew to be in it.
type table[K, V comparable] struct {
	name string
	m    *ebpf.Map
	held map[K]V
}

// load reads the map. It returns how many entries differed from what was
// held: written, changed or removed by somebody else.
func (t *table[K, V]) load() (drift int, err error) {
	now := make(map[K]V, len(t.held))
	var (
		k K
		v V
	)
	it := t.m.Iterate()
	for it.Next(&k, &v) {
		now[k] = v
	}
	if err := it.Err(); err != nil {
		return 0, fmt.Errorf("reading map %s: %w", t.name, err)
	}
	for k, v := range t.held {
		if was, ok := now[k]; !ok || was != v {
			drift++
		}
	}
	for k := range now {
		if _, ok := t.held[k]; !ok {
			drift++
		}
	}
	t.held = now
	return drift, nil
}

// Attempts to write an entry that the kernel has no room for, and the wait
// between the first two.
const (
	roomTries = 10
	roomWait  = time.Millisecond
)

// write writes an entry. The kernel takes it from a small reserve, which it
// refills in the background: whoever writes many at once must wait for it.
func write(m *ebpf.Map, key, value any) error {
	wait := roomWait
	for tries := 1; ; tries++ {
		err := m.Update(key, value, ebpf.UpdateAny)
		if !errors.Is(err, unix.ENOMEM) || tries == roomTries {
			return err
		}
		<-time.After(wait)
		wait *= 2
	}
}

// put writes what want has and the map has not. An entry that cannot be
// written does not stop the others.
func (t *table[K, V]) put(want map[K]V) (changed int, err error) {
	var failed []error
	for k, v := range want {
		if was, ok := t.held[k]; ok && was == v {
			continue
		}
		if err := write(t.m, &k, &v); err != nil {
			failed = append(failed, fmt.Errorf("writing map %s: %w", t.name, err))
			continue
		}
		t.held[k] = v
		changed++
	}
	return changed, errors.Join(failed...)
}

// prune removes what want has not.
func (t *table[K, V]) prune(want map[K]V) (changed int, err error) {
	var failed []error
	for k := range t.held {
		if _, ok := want[k]; ok {
			continue
		}
		if err := t.m.Delete(&k); err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
			failed = append(failed, fmt.Errorf("pruning map %s: %w", t.name, err))
			continue
		}
		delete(t.held, k)
		changed++
	}
	return changed, errors.Join(failed...)
}

// wanted is what all maps should hold.
type wanted struct {
	ids      map[bpfIdKey]uint32
	devs     map[uint32]bpfDev
	ports    map[uint32]bpfPort
	nets     map[uint32]bpfNet
	vnis     map[uint32]uint32
	greKeys  map[uint32]uint32
	hosts    map[uint32]uint32
	vlans    map[bpfVlanKey]uint32
	fdb      map[bpfFdbKey]bpfDest
	neigh    map[bpfNeighKey]bpfDest
	flood    map[bpfFloodKey]bpfDest
	sources  map[bpfSourceKey]uint32
	pairs    map[bpfPairKey]uint32
	rulesets map[uint32]bpfRuleset
	rules    map[bpfRuleKey]bpfRule
	members  map[bpfMemberKey]uint32
	routers  map[uint32]bpfRouter
	routes   map[bpfRouteKey]bpfRoute
	raddrs   map[bpfRaddrKey]bpfRaddr
	meters   map[bpfMeterKey]bpfMeterRule
	rates    map[bpfRateKey]bpfRate
	confs    map[uint32]bpfConf
}

func newWanted() *wanted {
	return &wanted{
		ids: map[bpfIdKey]uint32{}, devs: map[uint32]bpfDev{}, ports: map[uint32]bpfPort{}, nets: map[uint32]bpfNet{},
		vnis: map[uint32]uint32{}, greKeys: map[uint32]uint32{}, hosts: map[uint32]uint32{}, vlans: map[bpfVlanKey]uint32{}, fdb: map[bpfFdbKey]bpfDest{}, neigh: map[bpfNeighKey]bpfDest{},
		flood: map[bpfFloodKey]bpfDest{}, sources: map[bpfSourceKey]uint32{}, pairs: map[bpfPairKey]uint32{},
		rulesets: map[uint32]bpfRuleset{}, rules: map[bpfRuleKey]bpfRule{}, members: map[bpfMemberKey]uint32{},
		routers: map[uint32]bpfRouter{}, routes: map[bpfRouteKey]bpfRoute{}, raddrs: map[bpfRaddrKey]bpfRaddr{}, meters: map[bpfMeterKey]bpfMeterRule{}, rates: map[bpfRateKey]bpfRate{},
		confs: map[uint32]bpfConf{},
	}
}

// tables are the maps that Go writes.
type tables struct {
	ids      table[bpfIdKey, uint32]
	devs     table[uint32, bpfDev]
	ports    table[uint32, bpfPort]
	nets     table[uint32, bpfNet]
	vnis     table[uint32, uint32]
	greKeys  table[uint32, uint32]
	hosts    table[uint32, uint32]
	vlans    table[bpfVlanKey, uint32]
	fdb      table[bpfFdbKey, bpfDest]
	neigh    table[bpfNeighKey, bpfDest]
	flood    table[bpfFloodKey, bpfDest]
	sources  table[bpfSourceKey, uint32]
	pairs    table[bpfPairKey, uint32]
	rulesets table[uint32, bpfRuleset]
	rules    table[bpfRuleKey, bpfRule]
	members  table[bpfMemberKey, uint32]
	routers  table[uint32, bpfRouter]
	routes   table[bpfRouteKey, bpfRoute]
	raddrs   table[bpfRaddrKey, bpfRaddr]
	meters   table[bpfMeterKey, bpfMeterRule]
	rates    table[bpfRateKey, bpfRate]
	buckets  *ebpf.Map // what the programs keep of rates
	// What they keep of guests at other MACs than their port's.
	straymacs, straylists *ebpf.Map
	counts                *ebpf.Map // of packets that they dropped, by port
	confs                 table[uint32, bpfConf]
	// stale tells that something was written, or may have been by another
	// process, since the programs were told of a new epoch.
	stale bool
}

func makeTable[K, V comparable](maps map[string]*ebpf.Map, name string) table[K, V] {
	return table[K, V]{name: name, m: maps[name], held: map[K]V{}}
}

func newTables(m map[string]*ebpf.Map) *tables {
	return &tables{
		ids: makeTable[bpfIdKey, uint32](m, "ids"), devs: makeTable[uint32, bpfDev](m, "devs"),
		ports: makeTable[uint32, bpfPort](m, "ports"), nets: makeTable[uint32, bpfNet](m, "nets"),
		vnis: makeTable[uint32, uint32](m, "vnis"), greKeys: makeTable[uint32, uint32](m, "gre_keys"), hosts: makeTable[uint32, uint32](m, "hosts"), vlans: makeTable[bpfVlanKey, uint32](m, "vlans"), fdb: makeTable[bpfFdbKey, bpfDest](m, "fdb"),
		neigh: makeTable[bpfNeighKey, bpfDest](m, "neigh"), flood: makeTable[bpfFloodKey, bpfDest](m, "flood"),
		sources: makeTable[bpfSourceKey, uint32](m, "sources"), pairs: makeTable[bpfPairKey, uint32](m, "pairs"),
		rulesets: makeTable[uint32, bpfRuleset](m, "rulesets"), rules: makeTable[bpfRuleKey, bpfRule](m, "rules"),
		members: makeTable[bpfMemberKey, uint32](m, "members"), routers: makeTable[uint32, bpfRouter](m, "routers"),
		routes: makeTable[bpfRouteKey, bpfRoute](m, "routes"), raddrs: makeTable[bpfRaddrKey, bpfRaddr](m, "raddrs"), meters: makeTable[bpfMeterKey, bpfMeterRule](m, "meters"),
		rates: makeTable[bpfRateKey, bpfRate](m, "rates"), buckets: m["buckets"], straymacs: m["straymacs"], straylists: m["straylists"], counts: m["counts"],

		confs: makeTable[uint32, bpfConf](m, "confs"),
		stale: true,
	}
}

// step is one table with what it should hold.
type step struct {
	load  func() (int, error)
	put   func() (int, error)
	prune func() (int, error)
}

func stepOf[K, V comparable](t *table[K, V], want map[K]V) step {
	return step{
		load:  t.load,
		put:   func() (int, error) { return t.put(want) },
		prune: func() (int, error) { return t.prune(want) },
	}
}

// steps lists the tables in the order of writing: what others point at comes
// first, and rules before the ruleset that puts them in force. Pruning goes
// the other way.
func (t *tables) steps(w *wanted) []step {
	return []step{
		stepOf(&t.ids, w.ids), stepOf(&t.confs, w.confs), stepOf(&t.members, w.members), stepOf(&t.rules, w.rules),
		stepOf(&t.rulesets, w.rulesets), stepOf(&t.rates, w.rates), stepOf(&t.sources, w.sources), stepOf(&t.pairs, w.pairs),
		stepOf(&t.ports, w.ports), stepOf(&t.flood, w.flood), stepOf(&t.nets, w.nets), stepOf(&t.hosts, w.hosts), stepOf(&t.vnis, w.vnis),
		stepOf(&t.greKeys, w.greKeys), stepOf(&t.vlans, w.vlans),
		stepOf(&t.routes, w.routes), stepOf(&t.raddrs, w.raddrs), stepOf(&t.meters, w.meters), stepOf(&t.routers, w.routers),
		stepOf(&t.neigh, w.neigh), stepOf(&t.fdb, w.fdb), stepOf(&t.devs, w.devs),
	}
}

// load reads all tables from the kernel; drift counts what differed from
// what this process left there.
func (t *tables) load() (drift int, err error) {
	for _, s := range t.steps(newWanted()) {
		n, err := s.load()
		if err != nil {
			return drift, err
		}
		drift += n
	}
	return drift, nil
}

// put writes what is missing or differs.
func (t *tables) put(w *wanted) (changed int, err error) {
	conf := w.confs[0]
	conf.Epoch = t.confs.held[0].Epoch
	w.confs[0] = conf
	var failed []error
	for _, s := range t.steps(w) {
		n, err := s.put()
		changed += n
		failed = append(failed, err)
	}
	failed = append(failed, t.turn(changed))
	return changed, errors.Join(failed...)
}

// turn begins a new epoch when something has changed: what connections keep of
// the one before is looked up again. It comes after the writing, so that
// nothing that is kept in the new epoch was read before it.
func (t *tables) turn(changed int) error {
	t.stale = t.stale || changed > 0
	if !t.stale {
		return nil
	}
	conf := t.confs.held[0]
	if conf.Epoch == 0 {
		conf.Epoch = rand.Uint32() // connections may remember small ones
	}
	conf.Epoch++
	if conf.Epoch == 0 {
		conf.Epoch++
	}
	if _, err := t.confs.put(map[uint32]bpfConf{0: conf}); err != nil {
		return err
	}
	t.stale = false
	return nil
}

// prune removes what is not wanted.
func (t *tables) prune(w *wanted) (changed int, err error) {
	var failed []error
	all, left := t.steps(w), t.portsLeave(w)
	for i := range all {
		n, err := all[len(all)-1-i].prune()
		changed += n
		failed = append(failed, err)
	}
	failed = append(failed, t.turn(changed), t.pruneBuckets(), t.pruneStrays())
	if left {
		failed = append(failed, t.pruneCounts())
	}
	return changed, errors.Join(failed...)
}

// portsLeave tells whether a port that is here is not wanted any more.
func (t *tables) portsLeave(w *wanted) bool {
	for id := range t.ports.held {
		if _, ok := w.ports[id]; !ok {
			return true
		}
	}
	return false
}

// pruneCounts forgets what was dropped of ports that are gone. Port 0 stands
// for what was of no port.
func (t *tables) pruneCounts() error {
	var gone []bpfCountKey
	failed := []error{each(t.counts, func(key bpfCountKey, _ []bpfCount) {
		if _, held := t.ports.held[key.Port]; !held && key.Port != 0 {
			gone = append(gone, key)
		}
	})}
	for _, key := range gone {
		failed = append(failed, forget(t.counts, key))
	}
	if err := errors.Join(failed...); err != nil {
		return fmt.Errorf("pruning map counts: %w", err)
	}
	return nil
}

// pruneBuckets forgets what the programs keep of rates that are gone.
func (t *tables) pruneBuckets() error {
	var gone []bpfRateKey
	failed := []error{each(t.buckets, func(key bpfRateKey, _ bpfBucket) {
		_, bytes := t.rates.held[key]
		key.Which |= ratePackets
		_, packets := t.rates.held[key]
		if !bytes && !packets {
			key.Which &^= ratePackets
			gone = append(gone, key)
		}
	})}
	for _, key := range gone {
		failed = append(failed, forget(t.buckets, key))
	}
	if err := errors.Join(failed...); err != nil {
		return fmt.Errorf("pruning map buckets: %w", err)
	}
	return nil
}

// pruneStrays forgets at which MACs guests are whose port is gone, or has port
// security now.
func (t *tables) pruneStrays() error {
	gone := map[bpfFdbKey]bpfStrayList{}
	failed := []error{each(t.straylists, func(key bpfFdbKey, list bpfStrayList) {
		if t.fdb.held[key].Flags&destLoose == 0 {
			gone[key] = list
		}
	})}
	for key, list := range gone {
		for _, mac := range list.Macs {
			var bytes [8]byte
			binary.NativeEndian.PutUint64(bytes[:], mac)
			failed = append(failed, forget(t.straymacs, bpfFdbKey{Net: key.Net, Mac: [6]byte(bytes[:6])}))
		}
		failed = append(failed, forget(t.straylists, key))
	}
	if err := errors.Join(failed...); err != nil {
		return fmt.Errorf("pruning map straylists: %w", err)
	}
	return nil
}
