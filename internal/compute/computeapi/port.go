package computeapi

import (
	"net/http"
	"regexp"

	"wisp/internal/api"
	"wisp/internal/compute"
	"wisp/internal/errs"
	"wisp/internal/network"
)

func (f *face) portRoutes() []api.Route {
	return []api.Route{
		{Method: "GET", Path: "/servers/{id}/ips", Policy: base + "ips:index", Handler: f.listAddresses},
		{Method: "GET", Path: "/servers/{id}/ips/{network}", Policy: base + "ips:show", Handler: f.showAddresses},
		{Method: "GET", Path: "/servers/{id}/os-interface", Policy: base + "os-attach-interfaces:list", Handler: f.listInterfaces},
		{Method: "GET", Path: "/servers/{id}/os-interface/{port}", Policy: base + "os-attach-interfaces:show", Handler: f.showInterface},
		{Method: "GET", Path: "/servers/{id}/os-volume_attachments", Policy: base + "os-volumes-attachments:index", Handler: f.listVolumes},
		{Method: "POST", Path: "/servers/{id}/os-volume_attachments", Policy: base + "os-volumes-attachments:create", Status: http.StatusNotFound, Handler: f.attachVolume},
	}
}

func (f *face) withPorts(r *api.Request) (compute.Server, error) {
	return f.svc.GetServer(r.Context(), r.Caller, r.Param("id"), compute.Load{Ports: true})
}

func (f *face) listAddresses(r *api.Request) (any, error) {
	server, err := f.withPorts(r)
	if err != nil {
		return nil, err
	}
	return map[string]any{"addresses": addresses(server.Ports, false)}, nil
}

func (f *face) showAddresses(r *api.Request) (any, error) {
	server, err := f.withPorts(r)
	if err != nil {
		return nil, err
	}
	name := r.Param("network")
	list, ok := addresses(server.Ports, false)[name]
	if !ok {
		return nil, errs.New(errs.NotFound, "Instance is not a member of specified network")
	}
	return map[string]any{name: list}, nil
}

type interfaceView struct {
	FixedIPs  []map[string]string `json:"fixed_ips"`
	MAC       string              `json:"mac_addr"`
	NetworkID string              `json:"net_id"`
	PortID    string              `json:"port_id"`
	State     string              `json:"port_state"`
	Tag       any                 `json:"tag,omitempty"` // 2.70
}

func viewInterface(r *api.Request, port network.PluggedPort) interfaceView {
	v := interfaceView{FixedIPs: []map[string]string{}, MAC: port.MAC, NetworkID: port.NetworkID, PortID: port.PortID, State: port.Status}
	for _, fixed := range port.FixedIPs {
		v.FixedIPs = append(v.FixedIPs, map[string]string{"subnet_id": fixed.SubnetID, "ip_address": fixed.Address.String()})
	}
	if r.Version >= 70 {
		v.Tag = (*string)(nil)
		if port.Tag != "" {
			v.Tag = port.Tag
		}
	}
	return v
}

func (f *face) listInterfaces(r *api.Request) (any, error) {
	server, err := f.withPorts(r)
	if err != nil {
		return nil, err
	}
	views := make([]interfaceView, len(server.Ports))
	for i, port := range server.Ports {
		views[i] = viewInterface(r, port)
	}
	return map[string]any{"interfaceAttachments": views}, nil
}

func (f *face) showInterface(r *api.Request) (any, error) {
	server, err := f.withPorts(r)
	if err != nil {
		return nil, err
	}
	for _, port := range server.Ports {
		if port.PortID == r.Param("port") {
			return map[string]any{"interfaceAttachment": viewInterface(r, port)}, nil
		}
	}
	return nil, errs.New(errs.NotFound, "Instance %s does not have a port with id %s", server.ID, r.Param("port"))
}

// listVolumes answers for servers of a cloud without volumes: none.
func (f *face) listVolumes(r *api.Request) (any, error) {
	if _, err := f.svc.GetServer(r.Context(), r.Caller, r.Param("id"), compute.Load{}); err != nil {
		return nil, err
	}
	return map[string]any{"volumeAttachments": []any{}}, nil
}

func volumeSchema(version int) *schema {
	device := schema{types: []string{"string", "null"}, pattern: regexp.MustCompile(`^(/dev/x?[a-z]?d?)?[a-z]+[0-9]*$`)}
	return object(map[string]*schema{"volumeAttachment": object(map[string]*schema{
		"volumeId": &uuidString, "device": &device, "tag": tagString.since(49), "delete_on_termination": booleans.since(79),
	}, "volumeId")}, "volumeAttachment")
}

// attachVolume finds no volume: there is no block storage.
func (f *face) attachVolume(r *api.Request) (any, error) {
	var body struct {
		Attachment struct{ VolumeID string } `json:"volumeAttachment"`
	}
	if err := bind(r, volumeSchema(r.Version), &body); err != nil {
		return nil, err
	}
	if _, err := ofServer(f, r); err != nil {
		return nil, err
	}
	return nil, errs.New(errs.NotFound, "Volume %s could not be found.", body.Attachment.VolumeID)
}
