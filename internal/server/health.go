package server

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"

	"wisp/internal/api"
	"wisp/internal/compute"
)

// Health is what /healthz answers: every part, and whether it works. It needs
// no token, so it names no host and no path, and tells no cause that a
// database or a service gave.
type Health struct {
	OK      bool                  `json:"ok"`
	Parts   map[string]bool       `json:"parts"`
	Details map[string]PartHealth `json:"details"`
}

// PartHealth is one part: how long it took to answer, and when it does not
// work, why and what mends it.
type PartHealth struct {
	OK           bool    `json:"ok"`
	Milliseconds float64 `json:"milliseconds"`
	Reason       string  `json:"reason,omitempty"`
	Mend         string  `json:"mend,omitempty"` // a command
	// Of the node: how many hosts are connected to this server, and how old
	// the newest sign of life of a host is; null when there was none.
	Hosts     *int     `json:"hosts,omitempty"`
	Heartbeat *float64 `json:"last_heartbeat_seconds,omitempty"`
	// Of the servers: how many are running, and how this one hears what the
	// others commit: store.Notices….
	Servers *int   `json:"servers,omitempty"`
	Notices string `json:"notices,omitempty"`
}

const healthTimeout = 2 * time.Second

const (
	mendDatabase = "wisp doctor --problems"
	mendNode     = "wisp down && wisp up"
	mendService  = "wisp down && wisp up"
)

func (s *Server) health(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), healthTimeout)
	defer cancel()
	h := Health{OK: true, Parts: map[string]bool{}, Details: map[string]PartHealth{}}
	began := time.Now()
	hosts, err := s.Compute.ListHosts(ctx, compute.HostFilter{}) // a real query
	database := PartHealth{OK: err == nil, Milliseconds: since(began)}
	if err != nil {
		s.log.WarnContext(r.Context(), "the database does not answer", "error", err)
		database.Reason, database.Mend = fmt.Sprintf("The database gave no answer within %s; the server's log says why.", healthTimeout), mendDatabase
	}
	h.Details["database"] = database
	h.Details["node"] = s.nodeHealth(hosts)
	h.Details["servers"] = s.clusterHealth(ctx)
	for _, service := range s.services {
		part := PartHealth{Reason: "The service needs the database, which does not answer.", Mend: mendDatabase}
		if database.OK {
			part = s.serviceHealth(r, service.Prefix+"/")
		}
		h.Details[service.Type] = part
	}
	for name, part := range h.Details {
		h.Parts[name] = part.OK
		h.OK = h.OK && part.OK
	}
	status := http.StatusOK
	if !h.OK {
		status = http.StatusServiceUnavailable
	}
	api.WriteJSON(w, r, status, h)
}

// since is how many milliseconds ago something was, to the microsecond.
func since(began time.Time) float64 { return float64(time.Since(began).Microseconds()) / 1000 }

func (s *Server) nodeHealth(hosts []compute.Host) PartHealth {
	began := time.Now()
	connected := len(s.Nodes.Hosts())
	part := PartHealth{OK: connected > 0 || s.config.Nodes.Apart, Hosts: &connected}
	for i := range hosts {
		part.OK = part.OK || hosts[i].Up && s.cluster.Others() // they are connected to another server
		if seen := hosts[i].LastSeenAt; !seen.IsZero() {
			if age := max(0, time.Since(seen).Round(100*time.Millisecond).Seconds()); part.Heartbeat == nil || age < *part.Heartbeat {
				part.Heartbeat = &age
			}
		}
	}
	if !part.OK {
		part.Reason, part.Mend = "No node is connected to this server: no instance can be made, changed or reached.", mendNode
	}
	part.Milliseconds = since(began)
	return part
}

// serviceHealth asks a service for its versions, within this process.
func (s *Server) serviceHealth(r *http.Request, path string) PartHealth {
	began := time.Now()
	status := ask(r, s.handler, path)
	part := PartHealth{OK: status >= http.StatusOK && status < http.StatusBadRequest, Milliseconds: since(began)}
	if !part.OK {
		part.Reason, part.Mend = fmt.Sprintf("The service answers %d %s to a question for its versions.", status, http.StatusText(status)), mendService
	}
	return part
}

func ask(r *http.Request, handler http.Handler, path string) int {
	// Without the router's notes on the request that is being answered: with
	// them it would go on where those end, and not at the path below.
	request := r.Clone(context.WithValue(r.Context(), chi.RouteCtxKey, nil))
	request.Method, request.URL.Path, request.URL.RawPath = http.MethodGet, path, ""
	w := &discard{header: http.Header{}}
	handler.ServeHTTP(w, request)
	return w.status
}

type discard struct {
	header http.Header
	status int
}

func (d *discard) Header() http.Header { return d.header }

func (d *discard) WriteHeader(status int) { d.status = status }

func (d *discard) Write(p []byte) (int, error) {
	if d.status == 0 {
		d.status = http.StatusOK
	}
	return len(p), nil
}
