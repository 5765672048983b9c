package server

import (
	"context"
	"fmt"
	"time"

	"wisp/internal/compute"
	"wisp/internal/nodeapi"
	"wisp/internal/store"
)

// setPeers connects calls to nodes with those of the other servers.
func (s *Server) setPeers() error {
	if s.config.Nodes.URL == "" || !s.cluster.Others() {
		return nil
	}
	config, err := s.PeerTLS()
	if err != nil {
		return err
	}
	s.Nodes.SetPeers(nodeapi.Peering{Name: s.config.Name, TLS: config, Find: s.findHost})
	return nil
}

// findHost returns where the server is reached that has a host's session.
func (s *Server) findHost(ctx context.Context, host string) (string, error) {
	hosts, err := s.Compute.ListHosts(ctx, compute.HostFilter{Name: host})
	if err != nil || len(hosts) == 0 || !hosts[0].Connected {
		return "", err
	}
	return s.cluster.URL(ctx, nodeapi.SessionServer(hosts[0].Session))
}

// clockTolerance is how far a server's clock may be from the database's.
const clockTolerance = time.Second

// clusterHealth is the part "servers". Notices that come by polling work, and
// are late.
func (s *Server) clusterHealth(ctx context.Context) PartHealth {
	began := time.Now()
	members, err := s.cluster.Members(ctx)
	part := PartHealth{OK: err == nil, Notices: s.DB.Notices()}
	skew := s.cluster.Skew()
	switch {
	case err != nil:
		s.log.WarnContext(ctx, "the servers of the cloud cannot be listed", "error", err)
		part.Reason, part.Mend = "The database does not tell which servers there are.", mendDatabase
	case s.cluster.Displaced():
		part.OK, part.Reason = false, "Another server runs under this server's name: give each its own."
	case skew.Abs() > clockTolerance:
		part.OK, part.Reason = false, fmt.Sprintf("This server's clock is %s off the database's: tokens and signs of life carry times.", skew.Abs().Round(100*time.Millisecond))
	case part.Notices == store.NoticesPoll:
		part.Reason = "The database tells nothing by itself, perhaps because of a pooler between: what other servers change is known here later."
	}
	if err == nil {
		running := len(members)
		part.Servers = &running
	}
	part.Milliseconds = since(began)
	return part
}
