package nodeapi

import (
	"maps"
	"reflect"
	"slices"

	"wisp/internal/dataplane/intent"
)

// Update changes the State that a node has. The first one of a session is
// Full and carries everything; the others carry the objects that are new or
// differ, whole, and name those that are no more.
type Update struct {
	// Revision grows from update to update, also from one session and one
	// server to the next: it is the time of the computation in microseconds
	// since 1970, or one more than the revision before.
	Revision int64 `json:"revision"`
	// Base is the revision that the changes build on; 0 when Full.
	Base int64 `json:"base,omitempty"`
	Full bool  `json:"full,omitempty"`
	// Cloud is the id of the cloud that says so; in every Full.
	Cloud   string  `json:"cloud,omitempty"`
	State   State   `json:"state"`
	Removed Removed `json:"removed,omitzero"`
}

// Removed names the objects that are no more, by kind, each list sorted.
type Removed struct {
	Instances      []string `json:"instances,omitempty"`
	Networks       []string `json:"networks,omitempty"`
	Ports          []string `json:"ports,omitempty"`
	Routers        []string `json:"routers,omitempty"`
	SecurityGroups []string `json:"security_groups,omitempty"`
	Hosts          []string `json:"hosts,omitempty"`
	Leases         []string `json:"leases,omitempty"`
	Images         []string `json:"images,omitempty"`
	Fenced         []string `json:"fenced,omitempty"`
}

// Diff returns the update, without revisions, that makes updated out of old.
// Objects that did not change are not in it.
func Diff(old, updated State) Update {
	var u Update
	u.State.Instances, u.Removed.Instances = diffObjects(old.Instances, updated.Instances)
	u.State.Leases, u.Removed.Leases = diffObjects(old.Leases, updated.Leases)
	u.State.Images, u.Removed.Images = diffObjects(old.Images, updated.Images)
	u.State.Fenced, u.Removed.Fenced = diffObjects(old.Fenced, updated.Fenced)
	if updated.FenceSeconds != old.FenceSeconds {
		u.State.FenceSeconds = updated.FenceSeconds
	}
	was, is, changed := old.Network, updated.Network, &u.State.Network
	changed.Networks, u.Removed.Networks = diffObjects(was.Networks, is.Networks)
	changed.Ports, u.Removed.Ports = diffObjects(was.Ports, is.Ports)
	changed.Routers, u.Removed.Routers = diffObjects(was.Routers, is.Routers)
	changed.SecurityGroups, u.Removed.SecurityGroups = diffObjects(was.SecurityGroups, is.SecurityGroups)
	changed.Hosts, u.Removed.Hosts = diffObjects(was.Hosts, is.Hosts)
	return u
}

// Empty tells whether the update changes nothing. A full one is never empty:
// it says that everything else must go.
func (u Update) Empty() bool {
	return !u.Full && reflect.DeepEqual(u.State, State{}) && reflect.DeepEqual(u.Removed, Removed{})
}

// Apply returns the state that s becomes by an update. It leaves s alone:
// whoever holds it may go on reading.
func (s State) Apply(u Update) State {
	if u.Full {
		s = State{}
	}
	fence := s.FenceSeconds
	if u.State.FenceSeconds != 0 {
		fence = u.State.FenceSeconds
	}
	return State{
		Fenced:       applyObjects(s.Fenced, u.State.Fenced, u.Removed.Fenced),
		FenceSeconds: fence,
		Instances:    applyObjects(s.Instances, u.State.Instances, u.Removed.Instances),
		Leases:       applyObjects(s.Leases, u.State.Leases, u.Removed.Leases),
		Images:       applyObjects(s.Images, u.State.Images, u.Removed.Images),
		Network: intent.State{
			Networks:       applyObjects(s.Network.Networks, u.State.Network.Networks, u.Removed.Networks),
			Ports:          applyObjects(s.Network.Ports, u.State.Network.Ports, u.Removed.Ports),
			Routers:        applyObjects(s.Network.Routers, u.State.Network.Routers, u.Removed.Routers),
			SecurityGroups: applyObjects(s.Network.SecurityGroups, u.State.Network.SecurityGroups, u.Removed.SecurityGroups),
			Hosts:          applyObjects(s.Network.Hosts, u.State.Network.Hosts, u.Removed.Hosts),
		},
	}
}

func diffObjects[T any](old, updated map[string]T) (changed map[string]T, removed []string) {
	for id, object := range updated {
		if before, known := old[id]; known && reflect.DeepEqual(before, object) {
			continue
		}
		if changed == nil {
			changed = map[string]T{}
		}
		changed[id] = object
	}
	for id := range old {
		if _, stays := updated[id]; !stays {
			removed = append(removed, id)
		}
	}
	slices.Sort(removed)
	return changed, removed
}

// applyObjects returns nil when nothing is left, so that an empty state is
// the same whichever way it came to be.
func applyObjects[T any](objects, changed map[string]T, removed []string) map[string]T {
	if len(changed) == 0 && len(removed) == 0 && len(objects) > 0 {
		return objects
	}
	result := make(map[string]T, len(objects)+len(changed))
	maps.Copy(result, objects)
	maps.Copy(result, changed)
	for _, id := range removed {
		delete(result, id)
	}
	if len(result) == 0 {
		return nil
	}
	return result
}
