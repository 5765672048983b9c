package compute

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/uptrace/bun"

	"wisp/internal/errs"
	"wisp/internal/image"
	"wisp/internal/nodeapi"
	"wisp/internal/policy"
	"wisp/internal/store"
)

// Kinds of snapshots.
const (
	snapshotPlain   = "snapshot"
	snapshotBackup  = "backup"
	snapshotShelved = "shelved"
)

// States of snapshots.
const (
	snapshotWanted  = "wanted"  // the host is to make and send it
	snapshotKept    = "kept"    // a shelved server is in it
	snapshotDropped = "dropped" // the image is to be deleted
)

// snapshot is an image of a server on its way, or one that is the cloud's own.
type snapshot struct {
	bun.BaseModel `bun:"table:server_snapshots,alias:sn"`

	ImageID    string    `bun:"image_id,pk"`
	ServerID   string    `bun:"server_id"`
	Host       string    `bun:"host"`
	Kind       string    `bun:"kind"`
	State      string    `bun:"state"`
	ProjectID  string    `bun:"project_id"` // the image's owner
	UserID     string    `bun:"user_id"`
	BackupType string    `bun:"backup_type"`
	Rotation   int64     `bun:"rotation"`
	CreatedAt  time.Time `bun:"created_at"`
}

// owner is whoever asked for the snapshot, to the image service.
func (s *snapshot) owner() *policy.Caller {
	return &policy.Caller{UserID: s.UserID, ProjectID: s.ProjectID, Roles: []string{"member", "reader"}}
}

// keeper is the cloud itself, to the image service.
var keeper = &policy.Caller{Roles: []string{"admin"}}

// SnapshotRequest asks for an image of a server.
type SnapshotRequest struct {
	Name     string
	Metadata map[string]string // properties of the image
	// Backup makes it one, of which the newest Rotation ones of the server and
	// type are kept.
	Backup     bool
	BackupType string
	Rotation   int64
}

// imageable are the states of servers of which images can be made.
var imageable = []string{StateActive, StateStopped, StatePaused, StateSuspended}

// SnapshotServer makes an image of a server's root disk and returns its id. The
// image is queued until the host has made it.
func (s *Service) SnapshotServer(ctx context.Context, caller *policy.Caller, id string, req SnapshotRequest) (string, error) {
	row := snapshot{Kind: snapshotPlain, BackupType: req.BackupType, Rotation: req.Rotation}
	action, task := "createImage", TaskSnapshot
	if req.Backup {
		row.Kind, action, task = snapshotBackup, "createBackup", TaskBackup
	}
	limits, err := s.bounds(ctx, s.db.Read(), caller.ProjectID, caller.UserID)
	if err != nil {
		return "", err
	}
	if limit := limits[QuotaMetadata]; limit >= 0 && int64(len(req.Metadata)) > limit {
		return "", errs.New(errs.OverQuota, "Image metadata limit exceeded")
	}
	return s.image(ctx, caller, id, row, req.Name, req.Metadata, imageable, action, func(server *Server) []string {
		server.TaskState = task
		return []string{"task_state"}
	})
}

// image makes the row of an image of a server, and with it what the server
// becomes. The image is made before, as it is another slice's, and deleted
// again when the server is not as it must be. A lock keeps a server from being
// shelved, and not from being copied: that changes nothing of it.
func (s *Service) image(ctx context.Context, caller *policy.Caller, id string, row snapshot, name string, properties map[string]string,
	states []string, action string, become func(server *Server) []string,
) (string, error) {
	var before Server
	free := row.Kind != snapshotShelved
	_, err := s.change(ctx, caller, id, free, func(_ context.Context, _ *store.Tx, server *Server) ([]string, error) {
		before = *server
		return nil, demandState(action, server, states, []string{TaskNone})
	})
	if err != nil {
		return "", err
	}
	attributes := imageOf(&before, row, name, properties)
	if original, err := s.images.GetTx(ctx, s.db.Read(), caller, before.ImageID); err == nil { // it may be gone
		attributes["min_ram"] = float64(original.MinRAM)
	}
	made, err := s.images.Create(ctx, caller, attributes)
	if err != nil {
		return "", err
	}
	_, err = s.change(ctx, caller, id, free, func(ctx context.Context, tx *store.Tx, server *Server) ([]string, error) {
		if err := demandState(action, server, states, []string{TaskNone}); err != nil {
			return nil, err
		}
		row.ImageID, row.ServerID, row.Host, row.State, row.CreatedAt = made.ID, server.ID, server.Host, snapshotWanted, s.now()
		row.ProjectID, row.UserID = caller.ProjectID, caller.UserID
		if _, err := tx.NewInsert().Model(&row).Exec(ctx); err != nil {
			return nil, fmt.Errorf("record the snapshot: %w", err)
		}
		columns := become(server)
		tx.Signal(HostTopic(server.Host))
		return columns, s.act(ctx, tx, caller, action, server)
	})
	if err != nil {
		if undo := s.images.Delete(context.WithoutCancel(ctx), keeper, made.ID); undo != nil {
			s.log.WarnContext(ctx, "an image without data is left", "image", made.ID, "error", undo)
		}
		return "", err
	}
	return made.ID, nil
}

// inheritedNot are properties that an image of a server does not take over from
// the image that the server was made of.
var inheritedNot = []string{"hw_rescue_device", "hw_rescue_bus"}

// imageOf are the attributes of an image of a server.
func imageOf(server *Server, row snapshot, name string, properties map[string]string) map[string]any {
	attributes := map[string]any{
		"name": name, "disk_format": "qcow2", "container_format": "bare", "visibility": "private",
		"min_disk": float64(server.Size.RootGiB), // as JSON has numbers
	}
	for property, value := range server.Image.Properties {
		if !slices.Contains(inheritedNot, property) {
			attributes[property] = value
		}
	}
	if server.Image.Kernel != nil {
		attributes["kernel_id"] = server.Image.Kernel.ID
	}
	if server.Image.Ramdisk != nil {
		attributes["ramdisk_id"] = server.Image.Ramdisk.ID
	}
	maps.Copy(attributes, map[string]any{
		"base_image_ref": server.ImageID, "instance_uuid": server.ID, "user_id": server.UserID, "owner_id": server.ProjectID,
		"image_type": "snapshot", "image_location": "snapshot", "image_state": "available",
	})
	if row.Kind == snapshotBackup {
		attributes["image_type"], attributes["backup_type"] = "backup", row.BackupType
	}
	for property, value := range properties { // they win, as in Nova
		attributes[property] = value
	}
	return attributes
}

// loadSnapshots fills what the servers of a host are to be made images of.
func loadSnapshots(ctx context.Context, db bun.IDB, host string, servers []Server) error {
	var rows []snapshot
	if err := db.NewSelect().Model(&rows).Where("host = ? AND state = ?", host, snapshotWanted).Order("image_id").Scan(ctx); err != nil {
		return fmt.Errorf("list the host's snapshots: %w", err)
	}
	of := map[string][]snapshot{}
	for _, row := range rows {
		of[row.ServerID] = append(of[row.ServerID], row)
	}
	for i := range servers {
		servers[i].snapshots = of[servers[i].ID]
	}
	return nil
}

// SaveImage takes an image that a host has made of a server. What is wrong with
// it ends the snapshot; NotFound is that nobody wants it. An empty host is that
// of a node in the server's own process.
func (s *Service) SaveImage(ctx context.Context, host, id string, body io.Reader, size int64) error {
	var row snapshot
	q := s.db.Read().NewSelect().Model(&row).Where("image_id = ? AND state = ?", id, snapshotWanted)
	if host != "" {
		q = q.Where("host = ?", host)
	}
	if err := one(q.Scan(ctx), "get snapshot", "The image %s is not wanted.", id); err != nil {
		return err
	}
	if err := s.uploading(ctx, row); err != nil {
		return err
	}
	err := s.images.Upload(ctx, row.owner(), id, body, size)
	if err != nil && s.passes(ctx, id, err) {
		return fmt.Errorf("save the image: %w", err)
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if ended := s.imageDone(ctx, row, err); ended != nil {
		return ended
	}
	if err != nil {
		return errs.Wrap(err, errs.NotFound, "The image %s is not wanted any more.", id)
	}
	if row.Kind == snapshotBackup {
		if err := s.rotate(ctx, row); err != nil {
			s.log.WarnContext(ctx, "older backups are left for the next time", "server", row.ServerID, "error", err)
		}
	}
	return nil
}

// passes tells whether an image that could not be saved may be later: an
// upload that was cut off is still being cleared, or the store is away. Data
// that its owner has given it meanwhile stay.
func (s *Service) passes(ctx context.Context, id string, err error) bool {
	if errs.Is(err, errs.Conflict) {
		img, err := s.images.GetTx(ctx, s.db.Read(), keeper, id)
		return err == nil && (img.Status == image.Queued || img.Status == image.Saving)
	}
	return errs.Is(err, errs.Internal) || errs.Is(err, errs.Unavailable)
}

// uploading shows that the image is on its way.
func (s *Service) uploading(ctx context.Context, row snapshot) error {
	if row.Kind == snapshotShelved {
		return nil
	}
	return s.db.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		server := Server{ID: row.ServerID}
		err := tx.NewSelect().Model(&server).WherePK().Where("task_state IN (?)", bun.List([]string{TaskSnapshot, TaskBackup})).Scan(ctx)
		if err = one(err, "get server", "none"); errs.Is(err, errs.NotFound) {
			return nil
		} else if err != nil {
			return err
		}
		server.TaskState, server.UpdatedAt = TaskImageUpload, s.now()
		return save(ctx, tx, &server, "task_state")
	})
}

// imageDone ends a snapshot that was saved, or failed for a reason.
func (s *Service) imageDone(ctx context.Context, row snapshot, failure error) error {
	return s.db.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		var server Server
		err := tx.NewSelect().Model(&server).Where("s.id = ? AND s.deleted_at IS NULL", row.ServerID).Scan(ctx)
		if err = one(err, "get server", "Instance %s could not be found.", row.ServerID); err != nil {
			return err
		}
		if failure != nil {
			if err := s.snapshotFailed(ctx, tx, &server, row.ImageID, failure.Error(), true); err != nil || !errs.Is(failure, errs.Conflict) {
				return err
			}
			// It has data of its owner's own, who keeps it.
			if _, err := tx.NewDelete().Model(&row).WherePK().Exec(ctx); err != nil {
				return fmt.Errorf("end the snapshot: %w", err)
			}
			return nil
		}
		q := tx.NewDelete().Model(&row).WherePK().Where("state = ?", snapshotWanted)
		if row.Kind == snapshotShelved {
			if _, err := tx.NewUpdate().Model(&row).Set("state = ?", snapshotKept).WherePK().Exec(ctx); err != nil {
				return fmt.Errorf("keep the snapshot: %w", err)
			}
			return s.shelved(ctx, tx, &server)
		}
		if _, err := q.Exec(ctx); err != nil {
			return fmt.Errorf("end the snapshot: %w", err)
		}
		tx.Signal(HostTopic(row.Host))
		if !imaging[server.TaskState] {
			return nil
		}
		server.TaskState, server.UpdatedAt = TaskNone, s.now()
		if err := save(ctx, tx, &server, "task_state"); err != nil {
			return err
		}
		return s.finish(ctx, tx, []string{server.ID}, ResultSuccess, "")
	})
}

// failSnapshots ends the snapshots of a server that its host could not make. It
// tells whether the server's row is to be written.
func (s *Service) failSnapshots(ctx context.Context, tx *store.Tx, server *Server, failed []nodeapi.FailedSnapshot) (changed bool, err error) {
	for _, one := range failed {
		wanted, err := tx.NewSelect().Model((*snapshot)(nil)).Where("image_id = ? AND server_id = ? AND state = ?", one.ImageID, server.ID, snapshotWanted).Exists(ctx)
		if err != nil {
			return false, fmt.Errorf("look for the snapshot: %w", err)
		}
		if !wanted {
			continue
		}
		if err := s.snapshotFailed(ctx, tx, server, one.ImageID, one.Message, false); err != nil {
			return false, err
		}
		changed = true
	}
	return changed, nil
}

// snapshotFailed takes an image back that cannot be made. A server that was to
// be shelved is what its machine is.
func (s *Service) snapshotFailed(ctx context.Context, tx *store.Tx, server *Server, imageID, why string, write bool) error {
	if err := setSnapshots(ctx, tx, snapshotDropped, "image_id = ?", imageID); err != nil {
		return err
	}
	if imaging[server.TaskState] {
		if server.TaskState == TaskShelving {
			server.VMState = StateStopped
		}
		server.TaskState, server.UpdatedAt = TaskNone, s.now()
		if write {
			if err := save(ctx, tx, server, "task_state", "vm_state"); err != nil {
				return err
			}
		}
	}
	if server.Host != "" {
		tx.Signal(HostTopic(server.Host))
	}
	return s.finish(ctx, tx, []string{server.ID}, ResultError, why)
}

func setSnapshots(ctx context.Context, tx *store.Tx, state, condition string, args ...any) error {
	if _, err := tx.NewUpdate().Model((*snapshot)(nil)).Set("state = ?", state).Where(condition, args...).Exec(ctx); err != nil {
		return fmt.Errorf("change snapshots: %w", err)
	}
	return nil
}

// dropSnapshots takes back what is being made of servers, and what they were
// shelved in.
func (s *Service) dropSnapshots(ctx context.Context, tx *store.Tx, ids []string) error {
	return setSnapshots(ctx, tx, snapshotDropped, "server_id IN (?)", bun.List(ids))
}

// dropShelved lets go of what a server was shelved in.
func dropShelved(ctx context.Context, tx *store.Tx, serverID string) error {
	return setSnapshots(ctx, tx, snapshotDropped, "server_id = ? AND kind = ?", serverID, snapshotShelved)
}

// rotate deletes all but the newest backups of a server and type.
func (s *Service) rotate(ctx context.Context, row snapshot) error {
	query := image.Query{
		Filters: map[string]string{"image_type": "backup", "backup_type": row.BackupType, "instance_uuid": row.ServerID, "status": image.Active, "owner": row.ProjectID},
		Sort:    []store.Order{{Key: "created_at", Desc: true}}, Limit: image.MaxPage,
	}
	list, err := s.images.List(ctx, row.owner(), query)
	if err != nil {
		return fmt.Errorf("list backups: %w", err)
	}
	for i := int(min(row.Rotation, int64(len(list)))); i < len(list); i++ {
		if err := s.images.Delete(ctx, row.owner(), list[i].ID); err != nil && !errs.Is(err, errs.NotFound) {
			return fmt.Errorf("delete backup %s: %w", list[i].ID, err)
		}
	}
	return nil
}

// sweepAtOnce is how many images one look deletes.
const sweepAtOnce = 20

// SweepImages deletes the images that nobody needs any more.
func (s *Service) SweepImages(ctx context.Context) error {
	var rows []snapshot
	err := s.db.Read().NewSelect().Model(&rows).Where("state = ?", snapshotDropped).Order("created_at").Limit(sweepAtOnce).Scan(ctx)
	if err != nil {
		return fmt.Errorf("list dropped snapshots: %w", err)
	}
	for _, row := range rows {
		err := s.images.Delete(ctx, keeper, row.ImageID)
		if err != nil && !errs.Is(err, errs.NotFound) && !errs.Is(err, errs.Forbidden) { // a protected one is its owner's from now on
			return fmt.Errorf("delete image %s: %w", row.ImageID, err)
		}
		err = s.db.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
			_, err := tx.NewDelete().Model(&row).WherePK().Exec(ctx)
			return err
		})
		if err != nil {
			return fmt.Errorf("forget snapshot %s: %w", row.ImageID, err)
		}
	}
	return nil
}
