package compute

import (
	"strconv"

	"wisp/internal/store"
)

func (s *Server) change(action string) store.Change {
	return store.Change{Resource: "server", ID: s.ID, Action: action, ProjectID: s.ProjectID}
}

// A private flavor's changes are told to administrators; projects learn of
// being given and denied it.
func (f *Flavor) change(action string) store.Change {
	return store.Change{Resource: "flavor", ID: f.ID, Action: action, Public: f.Public}
}

func flavorAccessChange(id, project string) store.Change {
	return store.Change{Resource: "flavor", ID: id, Action: store.Update, Projects: []string{project}}
}

func keypairChange(userID, name, action string) store.Change {
	return store.Change{Resource: "keypair", ID: name, Action: action, UserID: userID}
}

func (g *Group) change(action string) store.Change {
	return store.Change{Resource: "server_group", ID: g.ID, Action: action, ProjectID: g.ProjectID}
}

func (a *Aggregate) change(action string) store.Change {
	return store.Change{Resource: "aggregate", ID: strconv.FormatInt(a.Number, 10), Action: action}
}

// change is that of the host's service, and of the hypervisor of the same host.
func (h *Host) change(action string) store.Change {
	return store.Change{Resource: "service", ID: h.ServiceID, Action: action}
}

func limitsChange(project, action string) store.Change {
	return store.Change{Resource: "quota_set", ID: project, Action: action, ProjectID: project}
}

// The limits of a class are those of many projects, so everyone hears of them.
func classChange(class string) store.Change {
	return store.Change{Resource: "quota_class_set", ID: class, Action: store.Update, Public: true}
}

func noteHosts(tx *store.Tx, hosts []Host) {
	for i := range hosts {
		tx.Changed(hosts[i].change(store.Update))
	}
}
