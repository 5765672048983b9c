package compute

import (
	"context"
	"maps"

	"wisp/internal/errs"
	"wisp/internal/metadata"
	"wisp/internal/policy"
	"wisp/internal/store"
)

// RebuildRequest makes the disks of a server anew of an image; nil fields stay
// (API ref: Rebuild Server).
type RebuildRequest struct {
	ImageID                string
	AdminPass              string // "" is generated
	Name, Hostname         *string
	Description            **string
	Metadata               map[string]string // nil stays
	AccessIPv4, AccessIPv6 *string
	DiskConfig             *string
	KeyName                **string // to nil: none
	UserData               **string // base64
	ZeroDisk               bool     // as of CreateRequest
}

// Rebuild makes the disks of a server anew: what was on them is lost. A server
// that is off stays so. It returns the administrator's password.
func (s *Service) Rebuild(ctx context.Context, caller *policy.Caller, id string, req RebuildRequest) (string, error) {
	pass := req.AdminPass
	if pass == "" {
		pass = random(12)
	}
	_, err := s.change(ctx, caller, id, false, func(ctx context.Context, tx *store.Tx, server *Server) ([]string, error) {
		if err := demandState("rebuild", server, []string{StateActive, StateStopped, StateError}, []string{TaskNone}); err != nil {
			return nil, err
		}
		img, err := s.images.GetTx(ctx, tx, caller, req.ImageID)
		if err != nil {
			return nil, asInvalid(err, "Cannot find image for rebuild")
		}
		if err := checkImage(img, Flavor{RootGiB: server.Size.RootGiB, MemoryMiB: server.Size.MemoryMiB}, req.ZeroDisk); err != nil {
			return nil, err
		}
		if server.Image, err = s.bootable(ctx, tx, caller, img); err != nil {
			return nil, err
		}
		server.ImageID = img.ID
		if err := s.rename(ctx, tx, caller, server, req); err != nil {
			return nil, err
		}
		if server.ConfigDrive {
			server.AdminPass = pass
		}
		off := server.VMState == StateStopped
		power := server.Power
		s.again(server, false) // what the guest has is of no more use
		if off {
			server.Power = power
		}
		server.TaskState, server.Rescue = TaskRebuilding, nil
		server.DiskGeneration++
		tx.Signal(HostTopic(server.Host))
		columns := []string{
			"image_id", "image", "admin_pass", "disk_generation", "rescue", "name", "hostname", "description", "metadata", "access_ipv4", "access_ipv6",
			"disk_config", "key_name", "key_pair", "user_data",
		}
		return append(columns, powerColumns...), s.act(ctx, tx, caller, "rebuild", server)
	})
	return pass, err
}

// rename changes what a rebuilt server says of itself.
func (s *Service) rename(ctx context.Context, tx *store.Tx, caller *policy.Caller, server *Server, req RebuildRequest) error {
	for _, one := range []struct{ to, value *string }{
		{&server.Name, req.Name}, {&server.Hostname, req.Hostname}, {&server.AccessIPv4, req.AccessIPv4}, {&server.AccessIPv6, req.AccessIPv6},
		{&server.DiskConfig, req.DiskConfig},
	} {
		if one.value != nil {
			*one.to = *one.value
		}
	}
	server.AccessIPv6 = canonical(server.AccessIPv6)
	if req.Description != nil {
		server.Description = *req.Description
	}
	if req.UserData != nil {
		server.UserData = *req.UserData
	}
	if req.Metadata != nil {
		limits, err := s.bounds(ctx, tx, server.ProjectID, server.UserID)
		if err != nil {
			return err
		}
		if err := checkMetadata(req.Metadata, limits); err != nil {
			return err
		}
		server.Metadata = maps.Clone(req.Metadata)
	}
	if req.KeyName == nil {
		return nil
	}
	server.KeyName, server.KeyPair = nil, nil
	if *req.KeyName == nil {
		return nil
	}
	pair, err := getKeypair(ctx, tx, server.UserID, **req.KeyName)
	if err != nil {
		if errs.Is(err, errs.NotFound) && caller.UserID != server.UserID {
			pair, err = getKeypair(ctx, tx, caller.UserID, **req.KeyName)
		}
		if err != nil {
			return asInvalid(err, "Invalid key_name provided.")
		}
	}
	server.KeyName, server.KeyPair = &pair.Name, &metadata.Key{Name: pair.Name, Type: pair.Type, Data: pair.PublicKey}
	return nil
}
