package computeapi

import (
	"strings"

	"wisp/internal/api"
	"wisp/internal/compute"
	"wisp/internal/errs"
)

type rebuildBody struct {
	Rebuild struct {
		ImageRef     string
		AdminPass    string `json:"adminPass"`
		Name         *string
		Metadata     map[string]string
		DiskConfig   *string `json:"OS-DCF:diskConfig"`
		AccessIPv4   *string
		AccessIPv6   *string
		Personality  []struct{ Path, Contents string }
		Ephemeral    truth `json:"preserve_ephemeral"`
		Description  optional[*string]
		KeyName      optional[*string] `json:"key_name"`
		UserData     optional[*string] `json:"user_data"`
		TrustedCerts []string          `json:"trusted_image_certificates"`
		Hostname     *string
	}
}

func rebuildSchema(version int) *schema {
	files := schema{types: []string{"array"}, items: object(map[string]*schema{"path": &anyString, "contents": {types: []string{"string"}, format: "base64"}})}
	keyName := nameString
	keyName.types = []string{"string", "null"}
	userData := schema{types: []string{"string", "null"}, format: "base64", maxLength: 65535}
	return object(map[string]*schema{
		"name": &nameString, "imageRef": &uuidString, "adminPass": &adminPass, "metadata": &metadataMap, "preserve_ephemeral": &booleans,
		"OS-DCF:diskConfig": &diskConfig, "accessIPv4": &ipv4OrEmpty, "accessIPv6": &ipv6OrEmpty, "personality": files.until(56),
		"description": described.since(19), "key_name": keyName.since(54), "user_data": userData.since(57),
		"trusted_image_certificates": trustedCerts.since(63), "hostname": hostnameField.since(90),
	}, "imageRef")
}

var rebuildAction = action{base + "servers:rebuild", rebuildSchema, func(f *face, r *api.Request, content []byte) (any, error) {
	var body rebuildBody
	if err := api.Decode(content, &body); err != nil {
		return nil, err
	}
	request, err := rebuildRequest(r, &body)
	if err != nil {
		return nil, err
	}
	pass, err := f.svc.Rebuild(r.Context(), r.Caller, r.Param("id"), request)
	if err != nil {
		return nil, err
	}
	viewing := newViewing(r, false)
	server, err := f.svc.GetServer(r.Context(), r.Caller, r.Param("id"), viewing.load())
	if err != nil {
		return nil, err
	}
	r.Writer.Header().Set("Location", r.ServiceURL()+"/v2.1/servers/"+server.ID)
	return map[string]any{"server": viewRebuilt(r, viewing.server(&server), &server, pass)}, nil
}}

func rebuildRequest(r *api.Request, body *rebuildBody) (compute.RebuildRequest, error) {
	in := &body.Rebuild
	request := compute.RebuildRequest{
		ImageID: in.ImageRef, AdminPass: in.AdminPass, Name: in.Name, Hostname: in.Hostname, Metadata: in.Metadata, AccessIPv4: in.AccessIPv4,
		AccessIPv6: in.AccessIPv6, DiskConfig: in.DiskConfig, ZeroDisk: r.Can(ruleZeroDisk, ownTarget(r)),
	}
	switch {
	case len(in.Personality) > 0:
		return request, errs.New(errs.OverQuota, "Personality file limit exceeded")
	case len(in.TrustedCerts) > 0:
		return request, errs.New(errs.Invalid, "Image certificate validation is not offered: trusted_image_certificates must be empty.")
	case bool(in.Ephemeral):
		return request, errs.New(errs.Invalid, "The current driver does not support preserving ephemeral partitions.")
	}
	if in.Hostname != nil {
		if err := hostnameFits(r, *in.Hostname); err != nil {
			return request, err
		}
	}
	if in.Description.given {
		request.Description = &in.Description.value
	}
	if in.KeyName.given {
		request.KeyName = &in.KeyName.value
	}
	if in.UserData.given {
		request.UserData = &in.UserData.value
		if text := in.UserData.value; text != nil {
			clean := strings.NewReplacer("\n", "", "\r", "").Replace(*text)
			request.UserData = new(*string)
			*request.UserData = &clean
		}
	}
	return request, nil
}

// rebuiltView is what answers a rebuild: the server as it is shown elsewhere at
// the version, and what only this answer has.
type rebuiltView struct {
	updatedView
	AdminPass string `json:"adminPass"`
	KeyName   any    `json:"key_name,omitempty"`  // 2.54
	UserData  any    `json:"user_data,omitempty"` // 2.57
}

type rebuiltWhole struct {
	serverView
	AdminPass string  `json:"adminPass"`
	RawData   *string `json:"user_data"`
}

func viewRebuilt(r *api.Request, v serverView, s *compute.Server, pass string) any {
	if r.Version >= 75 {
		if v.serverAttributes != nil {
			v.UserData = nil // it has a name of its own here
		}
		return rebuiltWhole{serverView: v, AdminPass: pass, RawData: s.UserData}
	}
	view := rebuiltView{updatedView: trimUpdated(v, s), AdminPass: pass}
	if r.Version >= 54 {
		view.KeyName = s.KeyName
	}
	if r.Version >= 57 {
		view.UserData = s.UserData
	}
	return view
}
