package dataplane

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"

	"wisp/internal/errs"
)

// Kinds of names. A cursor is kept beside each, so that a number that was
// just given up is not given to the next object, whose connections would
// inherit the old one's.
const (
	kindNet        = 1
	kindPort       = 2
	kindRouter     = 3
	kindGroup      = 4
	kindRuleset    = 5
	kindGeneration = 6
	kindPromisc    = 7
	kindScope      = 8
	kindLabel      = 9
	kindFloating   = 10
	kindCursor     = 0x100
)

// maxID bounds all numbers: the addresses of 198.18.0.0/15 that stand for
// ports at the service end are 131072.
const maxID = 1<<17 - 1

// ids gives the cloud's names small numbers that live as long as the object.
type ids struct {
	byName map[bpfIdKey]uint32
	used   map[uint32]map[uint32]string // names by kind and number
	cursor map[uint32]uint32
	wanted map[bpfIdKey]uint32
}

// newIDs takes over the numbers that are in the kernel.
func newIDs(held map[bpfIdKey]uint32) *ids {
	s := &ids{byName: map[bpfIdKey]uint32{}, used: map[uint32]map[uint32]string{}, cursor: map[uint32]uint32{}}
	for k, v := range held {
		if k.Kind >= kindCursor {
			s.cursor[k.Kind-kindCursor] = v
			continue
		}
		s.byName[k] = v
		s.use(k.Kind, v, idName(k))
	}
	return s
}

func (s *ids) use(kind, id uint32, name string) {
	if s.used[kind] == nil {
		s.used[kind] = map[uint32]string{}
	}
	s.used[kind][id] = name
}

func idKey(kind uint32, name string) (bpfIdKey, error) {
	k := bpfIdKey{Kind: kind}
	if name == "" || len(name) > len(k.Name) {
		return k, errs.New(errs.Invalid, "id %q must have 1 to %d bytes", name, len(k.Name))
	}
	copy(k.Name[:], name)
	return k, nil
}

func idName(k bpfIdKey) string { return string(bytes.TrimRight(k.Name[:], "\x00")) }

// begin starts one compilation: what get does not ask for until end is given up.
func (s *ids) begin() { s.wanted = map[bpfIdKey]uint32{} }

// get is the number of a name, a new one if it has none.
func (s *ids) get(kind uint32, name string) (uint32, error) {
	k, err := idKey(kind, name)
	if err != nil {
		return 0, err
	}
	if id, ok := s.byName[k]; ok {
		s.wanted[k] = id
		return id, nil
	}
	for range maxID {
		next := s.cursor[kind]%maxID + 1
		s.cursor[kind] = next
		if _, taken := s.used[kind][next]; !taken {
			s.use(kind, next, name)
			s.byName[k], s.wanted[k] = next, next
			return next, nil
		}
	}
	return 0, errs.New(errs.Unavailable, "this host has %d objects of one kind already", maxID)
}

// find is the number of a name that has one.
func (s *ids) find(kind uint32, name string) (uint32, bool) {
	k, err := idKey(kind, name)
	if err != nil {
		return 0, false
	}
	id, ok := s.byName[k]
	return id, ok
}

// name is whose number it is; empty when nobody's.
func (s *ids) name(kind, id uint32) string { return s.used[kind][id] }

// next is a number that no earlier call gave.
func (s *ids) next(kind uint32) uint32 {
	s.cursor[kind]++
	return s.cursor[kind]
}

// end gives up all names that nobody asked for and returns what the kernel
// should hold.
func (s *ids) end() map[bpfIdKey]uint32 {
	for k, id := range s.byName {
		if _, ok := s.wanted[k]; !ok && k.Kind != kindPromisc {
			delete(s.byName, k)
			delete(s.used[k.Kind], id)
		}
	}
	out := make(map[bpfIdKey]uint32, len(s.byName)+len(s.cursor))
	for k, id := range s.byName {
		out[k] = id
	}
	for kind, at := range s.cursor {
		out[bpfIdKey{Kind: kindCursor + kind}] = at
	}
	return out
}

// shortName makes a name of any length fit.
func shortName(name string) string {
	sum := sha256.Sum256([]byte(name))
	return hex.EncodeToString(sum[:20])
}

// keep remembers a name that has no number of its own, until the end.
func (s *ids) keep(kind uint32, name string) {
	if k, err := idKey(kind, name); err == nil {
		s.byName[k] = 1
	}
}

// names lists the names of a kind.
func (s *ids) names(kind uint32) []string {
	var out []string
	for k := range s.byName {
		if k.Kind == kind {
			out = append(out, idName(k))
		}
	}
	return out
}
