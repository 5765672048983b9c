package computeapi

import (
	"net/http"
	"net/netip"

	"wisp/internal/api"
	"wisp/internal/errs"
	"wisp/internal/network"
)

func (f *face) attachmentRoutes() []api.Route {
	rule := base + "os-attach-interfaces:"
	return []api.Route{
		{Method: "POST", Path: "/servers/{id}/os-interface", Policy: rule + "create", Handler: f.attachInterface},
		{Method: "DELETE", Path: "/servers/{id}/os-interface/{port}", Policy: rule + "delete", Status: http.StatusAccepted, Handler: f.detachInterface},
	}
}

func attachSchema(version int) *schema {
	ip := schema{types: []string{"string"}, format: "ip"}
	properties := map[string]*schema{
		"net_id": {types: []string{"string"}, format: "uuid"}, "port_id": {types: []string{"string"}, format: "uuid"},
		"fixed_ips": {types: []string{"array"}, maxItems: 1, items: object(map[string]*schema{"ip_address": &ip}, "ip_address")},
		"tag":       tagString.since(49),
	}
	return object(map[string]*schema{"interfaceAttachment": object(properties)})
}

func (f *face) attachInterface(r *api.Request) (any, error) {
	var body struct {
		Interface struct {
			NetworkID string `json:"net_id"`
			PortID    string `json:"port_id"`
			FixedIPs  []struct {
				IPAddress string `json:"ip_address"`
			} `json:"fixed_ips"`
			Tag string
		} `json:"interfaceAttachment"`
	}
	if err := bind(r, attachSchema(r.Version), &body); err != nil {
		return nil, err
	}
	in := body.Interface
	switch {
	case in.NetworkID != "" && in.PortID != "":
		return nil, errs.New(errs.Invalid, "Must not input both network_id and port_id")
	case len(in.FixedIPs) > 0 && in.NetworkID == "":
		return nil, errs.New(errs.Invalid, "Must input network_id when request IP address")
	}
	request := network.PortRequest{PortID: in.PortID, NetworkID: in.NetworkID, Tag: in.Tag}
	if len(in.FixedIPs) > 0 {
		address, err := netip.ParseAddr(in.FixedIPs[0].IPAddress)
		if err != nil {
			return nil, errs.Wrap(err, errs.Invalid, "Invalid fixed IP address (%s)", in.FixedIPs[0].IPAddress)
		}
		request.FixedIP = address
	}
	port, err := f.svc.AttachInterface(r.Context(), r.Caller, r.Param("id"), request)
	if err != nil {
		return nil, err
	}
	return map[string]any{"interfaceAttachment": viewInterface(r, port)}, nil
}

func (f *face) detachInterface(r *api.Request) (any, error) {
	return nil, f.svc.DetachInterface(r.Context(), r.Caller, r.Param("id"), r.Param("port"))
}
