package computeapi

import (
	"math"

	"wisp/internal/api"
	"wisp/internal/compute"
)

var createImageAction = action{base + "servers:create_image", func(int) *schema {
	return object(map[string]*schema{"name": &nameString, "metadata": &metadataMap}, "name")
}, func(f *face, r *api.Request, content []byte) (any, error) {
	var body struct {
		CreateImage struct {
			Name     string
			Metadata map[string]string
		}
	}
	if err := api.Decode(content, &body); err != nil {
		return nil, err
	}
	id, err := f.svc.SnapshotServer(r.Context(), r.Caller, r.Param("id"), compute.SnapshotRequest{Name: body.CreateImage.Name, Metadata: body.CreateImage.Metadata})
	if err != nil {
		return nil, err
	}
	return viewImageMade(r, id), nil
}}

var createBackupAction = action{base + "os-create-backup", func(int) *schema {
	rotation := integer(0, math.MaxInt32)
	return object(map[string]*schema{
		"name": &nameString, "backup_type": {types: []string{"string"}}, "rotation": &rotation, "metadata": &metadataMap,
	}, "name", "backup_type", "rotation")
}, func(f *face, r *api.Request, content []byte) (any, error) {
	var body struct {
		CreateBackup struct {
			Name       string
			BackupType string `json:"backup_type"`
			Rotation   number64
			Metadata   map[string]string
		}
	}
	if err := api.Decode(content, &body); err != nil {
		return nil, err
	}
	in := body.CreateBackup
	id, err := f.svc.SnapshotServer(r.Context(), r.Caller, r.Param("id"), compute.SnapshotRequest{
		Name: in.Name, Metadata: in.Metadata, Backup: true, BackupType: in.BackupType, Rotation: int64(in.Rotation),
	})
	if err != nil || in.Rotation == 0 {
		return nil, err
	}
	return viewImageMade(r, id), nil
}}

// viewImageMade names an image that is being made: until 2.44 by a header, then
// by the body.
func viewImageMade(r *api.Request, id string) any {
	if r.Version >= 45 {
		return map[string]string{"image_id": id}
	}
	r.Writer.Header().Set("Location", r.ServiceURL()+"/images/"+id)
	return nil
}
