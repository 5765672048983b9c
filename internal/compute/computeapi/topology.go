package computeapi

import "wisp/internal/api"

func (f *face) topologyRoutes() []api.Route {
	return []api.Route{{Method: "GET", Path: "/servers/{id}/topology", Policy: ruleTopology, Min: 78, Handler: f.showTopology}}
}

// topologyView is the NUMA topology of a server, as Nova shows one that asked
// for none: guests have a single node, which nothing is pinned to.
type topologyView struct {
	Nodes    []any  `json:"nodes"`
	PageSize *int64 `json:"pagesize_kb"`
}

func (f *face) showTopology(r *api.Request) (any, error) {
	if _, err := ofServer(f, r); err != nil {
		return nil, err
	}
	return topologyView{Nodes: []any{}}, nil
}
