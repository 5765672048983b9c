package networkapi

import (
	"net/http"
	"net/netip"
	"slices"
	"strconv"

	"wisp/internal/api"
	"wisp/internal/errs"
	"wisp/internal/network"
)

type traceView struct {
	PortID          string      `json:"port_id"`
	Source          string      `json:"source"`
	Destination     string      `json:"destination"`
	Protocol        uint8       `json:"protocol"`
	SourcePort      *uint16     `json:"source_port"`
	DestinationPort *uint16     `json:"destination_port"`
	Reached         bool        `json:"reached"`
	Disagreement    *string     `json:"disagreement"`
	Steps           []traceStep `json:"steps"`
}

type traceStep struct {
	Hop          string     `json:"hop"`
	ResourceType *string    `json:"resource_type"`
	ResourceID   *string    `json:"resource_id"`
	Host         *string    `json:"host"`
	Verdict      string     `json:"verdict"`
	Reason       string     `json:"reason"`
	Rule         *traceRule `json:"rule"`
}

type traceRule struct {
	SecurityGroupID string `json:"security_group_id"`
	ID              string `json:"id"`
}

func viewTrace(t *network.Trace) traceView {
	v := traceView{
		PortID: t.PortID, Source: t.Source.String(), Destination: t.Destination.String(), Protocol: t.Protocol, Reached: t.Reached,
		Disagreement: orNull(t.Disagreement), Steps: make([]traceStep, len(t.Steps)),
	}
	if t.DestinationPort != 0 {
		v.DestinationPort = &t.DestinationPort
	}
	if t.SourcePort != 0 {
		v.SourcePort = &t.SourcePort
	}
	for i, s := range t.Steps {
		v.Steps[i] = traceStep{
			Hop: s.Hop, ResourceType: orNull(s.ResourceType), ResourceID: orNull(s.ResourceID), Host: orNull(s.Host), Verdict: s.Verdict, Reason: s.Reason,
		}
		if s.Rule != nil {
			v.Steps[i].Rule = &traceRule{SecurityGroupID: s.Rule.SecurityGroupID, ID: s.Rule.ID}
		}
	}
	return v
}

func (f *face) traceRoutes() []api.Route {
	return []api.Route{{Method: http.MethodGet, Path: "/v2.0/ports/{id}/trace", Policy: "get_port_trace", Handler: f.trace}}
}

// trace answers the extension port-trace. The route's rule looks at the
// caller's own project; the slice looks at the port's.
func (f *face) trace(r *api.Request) (any, error) {
	req, err := traceRequest(r)
	if err != nil {
		return nil, err
	}
	trace, err := f.svc.Trace(r.Context(), r.Caller, r.Param("id"), req)
	if err != nil {
		return nil, err
	}
	return map[string]any{"trace": viewTrace(trace)}, nil
}

func traceRequest(r *api.Request) (network.TraceRequest, error) {
	var req network.TraceRequest
	q := r.Query()
	wrong := func(format string, args ...any) error {
		return errs.New(errs.Invalid, format, args...).WithType("HTTPBadRequest")
	}
	for name, values := range q {
		if !slices.Contains([]string{"destination", "protocol", "source_port", "destination_port"}, name) {
			return req, wrong("['%s'] is invalid attribute for filtering", name)
		}
		if len(values) > 1 {
			return req, wrong("Invalid input for %s. Reason: it is given more than once.", name)
		}
	}
	if !q.Has("destination") {
		return req, wrong("Invalid input for destination. Reason: it must be given.")
	}
	var err error
	if req.Destination, err = netip.ParseAddr(q.Get("destination")); err != nil {
		return req, wrong("Invalid input for destination. Reason: '%s' is not a valid IP address.", q.Get("destination"))
	}
	req.Destination = req.Destination.Unmap()
	if req.Protocol = q.Get("protocol"); req.Protocol == "" {
		req.Protocol = "icmp"
	}
	for name, to := range map[string]*uint16{"source_port": &req.SourcePort, "destination_port": &req.DestinationPort} {
		if !q.Has(name) {
			continue
		}
		port, err := strconv.ParseUint(q.Get(name), 10, 16)
		if err != nil || port == 0 {
			return req, wrong("Invalid input for %s. Reason: '%s' is not a port from 1 to 65535.", name, q.Get(name))
		}
		*to = uint16(port)
	}
	return req, nil
}
