package computeapi

import (
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"github.com/google/uuid"

	"wisp/internal/api"
	"wisp/internal/compute"
	"wisp/internal/errs"
	"wisp/internal/network"
)

type networkRequest struct {
	UUID    *string
	Port    *string
	FixedIP string `json:"fixed_ip"`
	Tag     string
}

type networksField struct {
	word string // "auto" or "none"
	list []networkRequest
}

func (n *networksField) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '"' {
		return api.Decode(b, &n.word)
	}
	return api.Decode(b, &n.list)
}

// stringOrList is a scheduler hint that may be one id or several.
type stringOrList []string

func (s *stringOrList) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '"' {
		*s = make(stringOrList, 1)
		return api.Decode(b, &(*s)[0])
	}
	return api.Decode(b, (*[]string)(s))
}

type hintsBody struct {
	Group         string
	SameHost      stringOrList `json:"same_host"`
	DifferentHost stringOrList `json:"different_host"`
}

type blockDevice struct {
	UUID            string
	ImageID         string `json:"image_id"`
	SourceType      string `json:"source_type"`
	DestinationType string `json:"destination_type"`
	BootIndex       any    `json:"boot_index"`
	GuestFormat     string `json:"guest_format"`
	DeviceType      string `json:"device_type"`
	DiskBus         string `json:"disk_bus"`
	VolumeSize      any    `json:"volume_size"`
	DeleteOnEnd     *truth `json:"delete_on_termination"`
}

type createBody struct {
	Server struct {
		Name           string
		ImageRef       string
		FlavorRef      text
		AdminPass      string `json:"adminPass"`
		Metadata       map[string]string
		Networks       *networksField
		DiskConfig     string `json:"OS-DCF:diskConfig"`
		AccessIPv4     string
		AccessIPv6     string
		Personality    []struct{ Path, Contents string }
		Zone           string                   `json:"availability_zone"`
		OldDevices     []any                    `json:"block_device_mapping"`
		Devices        []blockDevice            `json:"block_device_mapping_v2"`
		ConfigDrive    *truth                   `json:"config_drive"`
		KeyName        string                   `json:"key_name"`
		MinCount       *number64                `json:"min_count"`
		MaxCount       *number64                `json:"max_count"`
		Reservation    truth                    `json:"return_reservation_id"`
		SecurityGroups *[]struct{ Name string } `json:"security_groups"`
		UserData       *string                  `json:"user_data"`
		Description    *string
		Tags           []string
		TrustedCerts   []string `json:"trusted_image_certificates"`
		Host           string
		Hypervisor     string `json:"hypervisor_hostname"`
		Hostname       string
	}
	Hints    hintsBody `json:"os:scheduler_hints"`
	OldHints hintsBody `json:"OS-SCH-HNT:scheduler_hints"`
}

// hintSchema lets only those hints pass that the scheduler honours: others,
// and internal ones above all, must not slip by it (S27).
func hintSchema() *schema {
	ids := &schema{oneOf: []*schema{&uuidString, {types: []string{"array"}, items: &uuidString}}}
	return object(map[string]*schema{"group": &uuidString, "same_host": ids, "different_host": ids})
}

func networkSchema(version int) *schema {
	ip := schema{types: []string{"string"}, format: "ip"}
	id := anyString
	if version >= 37 {
		id = uuidString
	}
	properties := map[string]*schema{"fixed_ip": &ip, "port": {types: []string{"string", "null"}, format: "uuid"}, "uuid": &id}
	if version >= 32 && version < 37 || version >= 42 {
		properties["tag"] = &tagString
	}
	list := &schema{types: []string{"array"}, items: object(properties)}
	if version < 37 {
		return list
	}
	return &schema{oneOf: []*schema{list, {types: []string{"string"}, enum: []any{"none", "auto"}}}}
}

func deviceSchema(version int) *schema {
	device := schema{types: []string{"string"}, maxLength: 255}
	properties := map[string]*schema{
		"virtual_name": &device, "volume_id": &uuidString, "snapshot_id": &uuidString, "volume_size": &natural, "device_name": &device,
		"delete_on_termination": &booleans, "no_device": &anything, "connection_info": &anyString,
		"source_type":      {types: []string{"string"}, enum: []any{"volume", "image", "snapshot", "blank"}},
		"uuid":             {types: []string{"string"}, minLength: 1, maxLength: 255, pattern: regexp.MustCompile(`^[a-zA-Z0-9._-]*$`)},
		"image_id":         &uuidString,
		"destination_type": {types: []string{"string"}, enum: []any{"local", "volume"}},
		"guest_format":     &device, "device_type": &device, "disk_bus": &device,
		"boot_index": {types: []string{"integer", "string", "null"}, pattern: regexp.MustCompile(`^-?[0-9]+$`)},
		"tag":        tagString.since(42), "volume_type": device.since(67),
	}
	if version == 32 {
		properties["tag"] = &tagString
	}
	return &schema{types: []string{"array"}, items: object(properties)}
}

func createSchema(version int) *schema {
	image := &schema{oneOf: []*schema{&uuidString, {types: []string{"string"}, enum: []any{""}}}}
	tags := schema{types: []string{"array"}, maxItems: compute.MaxTags, items: &tagString}
	files := schema{types: []string{"array"}, items: object(map[string]*schema{"path": &anyString, "contents": {types: []string{"string"}, format: "base64"}})}
	properties := map[string]*schema{
		"name": &nameString, "imageRef": image, "flavorRef": {types: []string{"string", "integer"}, minLength: 1}, "adminPass": &adminPass, "metadata": &metadataMap,
		"networks": networkSchema(version), "OS-DCF:diskConfig": &diskConfig, "accessIPv4": {types: []string{"string"}, format: "ipv4"},
		"accessIPv6": {types: []string{"string"}, format: "ipv6"}, "personality": files.until(56), "availability_zone": &nameString,
		"block_device_mapping": {types: []string{"array"}}, "block_device_mapping_v2": deviceSchema(version), "config_drive": &booleans,
		"key_name": &nameString, "min_count": &positive, "max_count": &positive, "return_reservation_id": &booleans,
		"security_groups": {types: []string{"array"}, items: object(map[string]*schema{"name": &nameString})},
		"user_data":       {types: []string{"string"}, format: "base64", maxLength: 65535},
		"description":     described.since(19), "tags": tags.since(52), "trusted_image_certificates": trustedCerts.since(63),
		"host": fqdnString.since(74), "hypervisor_hostname": fqdnString.since(74), "hostname": hostnameField.since(90),
	}
	required := []string{"name", "flavorRef"}
	if version >= 37 {
		required = append(required, "networks")
	}
	return object(map[string]*schema{
		"server": object(properties, required...), "os:scheduler_hints": hintSchema(), "OS-SCH-HNT:scheduler_hints": hintSchema(),
	}, "server")
}

func (f *face) createServer(r *api.Request) (any, error) {
	var body createBody
	if err := bind(r, createSchema(r.Version), &body); err != nil {
		return nil, err
	}
	request, err := createRequest(r, &body)
	if err != nil {
		return nil, err
	}
	made, err := f.svc.CreateServers(r.Context(), r.Caller, request)
	if err != nil {
		return nil, err
	}
	if body.Server.Reservation {
		return map[string]string{"reservation_id": made.ReservationID}, nil
	}
	server := made.Servers[0]
	groups := []map[string]string{{"name": "default"}}
	if body.Server.SecurityGroups != nil {
		groups = []map[string]string{}
		for _, g := range *body.Server.SecurityGroups {
			groups = append(groups, map[string]string{"name": g.Name})
		}
	}
	view := map[string]any{
		"id": server.ID, "links": links(r, "servers", server.ID), "OS-DCF:diskConfig": server.DiskConfig, "security_groups": groups,
		"adminPass": made.AdminPass,
	}
	r.Writer.Header().Set("Location", r.ServiceURL()+"/v2.1/servers/"+server.ID)
	return map[string]any{"server": view}, nil
}

func createRequest(r *api.Request, body *createBody) (compute.CreateRequest, error) {
	in := &body.Server
	request := compute.CreateRequest{
		Name: in.Name, Description: in.Description, Hostname: in.Hostname, FlavorID: refs([]string{string(in.FlavorRef)})[0], KeyName: in.KeyName,
		UserData: in.UserData, AdminPass: in.AdminPass, ConfigDrive: in.ConfigDrive != nil && bool(*in.ConfigDrive), Metadata: in.Metadata, Tags: in.Tags,
		AccessIPv4: in.AccessIPv4, AccessIPv6: in.AccessIPv6, DiskConfig: in.DiskConfig, ZeroDisk: r.Can(ruleZeroDisk, ownTarget(r)),
	}
	if r.Version < 19 {
		request.Description = &in.Name
	}
	if in.UserData != nil {
		clean := strings.NewReplacer("\n", "", "\r", "").Replace(*in.UserData)
		request.UserData = &clean
	}
	if in.Hostname != "" {
		if err := hostnameFits(r, in.Hostname); err != nil {
			return request, err
		}
	}
	if len(in.Personality) > 0 {
		return request, errs.New(errs.OverQuota, "Personality file limit exceeded: this cloud injects no files, user_data does their work.")
	}
	if len(in.TrustedCerts) > 0 {
		return request, errs.New(errs.Invalid, "Image certificate validation is not offered: trusted_image_certificates must be empty.")
	}
	for _, step := range []func(*api.Request, *createBody, *compute.CreateRequest) error{wantCounts, wantImage, wantHost, wantNetworks, wantHints} {
		if err := step(r, body, &request); err != nil {
			return request, err
		}
	}
	return request, nil
}

// maxCount is how many servers one request can ask for, whatever the quota: more
// would hold the database for long.
const maxCount = 1000

func wantCounts(_ *api.Request, body *createBody, request *compute.CreateRequest) error {
	request.Least, request.Most = 1, 1
	if n := body.Server.MinCount; n != nil {
		request.Least, request.Most = int(*n), int(*n)
	}
	if n := body.Server.MaxCount; n != nil {
		request.Most = int(*n)
	}
	if request.Most > maxCount {
		return errs.New(errs.Invalid, "Invalid input for field/attribute max_count. Value: %d. %d is greater than the maximum of %d", request.Most, request.Most, maxCount)
	}
	if request.Least > request.Most {
		return errs.New(errs.Invalid, "min_count must be <= max_count")
	}
	return nil
}

// wantImage takes the image from imageRef, or from the one block device that
// this cloud offers: an image on the host's own disk.
func wantImage(_ *api.Request, body *createBody, request *compute.CreateRequest) error {
	in := &body.Server
	request.ImageID = in.ImageRef
	if len(in.OldDevices) > 0 {
		return errs.New(errs.Invalid, "Block Device Mapping is Invalid: block_device_mapping names volumes, which this cloud does not offer.")
	}
	for i, device := range in.Devices {
		id := device.UUID
		if id == "" {
			id = device.ImageID
		}
		switch {
		case device.SourceType != "image" || device.DestinationType == "volume":
			return errs.New(errs.Invalid, "Block Device Mapping is Invalid: only an image on a local disk is offered (source_type image, destination_type local).")
		case i > 0 || bootIndex(device.BootIndex) != 0:
			return errs.New(errs.Invalid, "Block Device Mapping is Invalid: Boot sequence for the instance and image/block device mapping combination is not valid.")
		case device.GuestFormat != "" || device.DeviceType != "" && device.DeviceType != "disk" || device.DiskBus != "" && device.DiskBus != "virtio" || device.VolumeSize != nil:
			return errs.New(errs.Invalid, "Block Device Mapping is Invalid: guest_format, device_type, disk_bus and volume_size of the root disk cannot be chosen.")
		case device.DeleteOnEnd != nil && !bool(*device.DeleteOnEnd):
			return errs.New(errs.Invalid, "Block Device Mapping is Invalid: a local disk is deleted with its server.")
		case request.ImageID != "" && request.ImageID != id:
			return errs.New(errs.Invalid, "Block Device Mapping is Invalid: Boot sequence for the instance and image/block device mapping combination is not valid.")
		case uuid.Validate(id) != nil:
			return errs.New(errs.Invalid, "Block Device Mapping is Invalid: failed to get image %s.", id)
		}
		request.ImageID = id
	}
	if request.ImageID == "" {
		return errs.New(errs.Invalid, "Invalid imageRef provided.")
	}
	return nil
}

func bootIndex(value any) int64 {
	if value == nil {
		return -1
	}
	return intOf(value)
}

// wantHost reads "zone:host", and host and hypervisor_hostname of 2.74.
func wantHost(r *api.Request, body *createBody, request *compute.CreateRequest) error {
	in := &body.Server
	parts := strings.Split(in.Zone, ":")
	request.Zone = parts[0]
	if len(parts) > 3 {
		return errs.New(errs.Invalid, "Invalid input received: Unable to parse availability_zone")
	}
	if len(parts) > 1 {
		for _, name := range parts[1:] {
			if name != "" && request.Host != "" && request.Host != name {
				return errs.New(errs.Invalid, "Invalid input received: host and node of availability_zone differ; here each host is its own node.")
			}
			if name != "" {
				request.Host = name
			}
		}
		if request.Host != "" {
			if err := r.Allow(ruleForcedHost, ownTarget(r)); err != nil {
				return err
			}
		}
	}
	for _, name := range []string{in.Host, in.Hypervisor} {
		if name == "" {
			continue
		}
		if err := r.Allow(ruleDestination, ownTarget(r)); err != nil {
			return err
		}
		if request.Host != "" && request.Host != name {
			return errs.New(errs.Invalid, "One mechanism with host and/or hypervisor_hostname and another mechanism with zone:host:node are mutually exclusive.")
		}
		request.Host = name
	}
	return nil
}

func wantNetworks(_ *api.Request, body *createBody, request *compute.CreateRequest) error {
	in := &body.Server
	if in.SecurityGroups != nil {
		for _, g := range *in.SecurityGroups {
			if g.Name != "" && !slices.Contains(request.SecurityGroups, g.Name) {
				request.SecurityGroups = append(request.SecurityGroups, g.Name)
			}
		}
	}
	if in.Networks == nil {
		return nil
	}
	switch in.Networks.word {
	case "none":
		request.NetworkAuto = network.NetworkNone
	case "auto":
		request.NetworkAuto = network.NetworkAuto
	}
	ports := map[string]bool{}
	for _, n := range in.Networks.list {
		var one network.PortRequest
		one.Tag = n.Tag
		if n.Port != nil && *n.Port != "" {
			switch {
			case ports[*n.Port]:
				return errs.New(errs.Invalid, "Port ID '%s' was specified twice: you cannot attach a port multiple times.", *n.Port)
			case n.FixedIP != "":
				return errs.New(errs.Invalid, "Specified Fixed IP '%s' cannot be used with port '%s': the two cannot be specified together.", n.FixedIP, *n.Port)
			}
			ports[*n.Port] = true
			one.PortID = *n.Port
		} else {
			if n.UUID == nil {
				return errs.New(errs.Invalid, "Bad network format: missing 'uuid'")
			}
			if uuid.Validate(*n.UUID) != nil {
				return errs.New(errs.Invalid, "Bad networks format: network uuid is not in proper format (%s)", *n.UUID)
			}
			one.NetworkID = *n.UUID
			if n.FixedIP != "" {
				address, err := netip.ParseAddr(n.FixedIP)
				if err != nil {
					return errs.Wrap(err, errs.Invalid, "Invalid fixed IP address (%s)", n.FixedIP)
				}
				one.FixedIP = address
			}
		}
		request.Networks = append(request.Networks, one)
	}
	return nil
}

func wantHints(_ *api.Request, body *createBody, request *compute.CreateRequest) error {
	hints := body.Hints
	if hints.Group == "" && hints.SameHost == nil && hints.DifferentHost == nil {
		hints = body.OldHints
	}
	request.GroupID, request.SameHost, request.DifferentHost = hints.Group, hints.SameHost, hints.DifferentHost
	return nil
}
