package compute

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/uptrace/bun"

	"wisp/internal/nodeapi"
	"wisp/internal/store"
)

// rows reads servers of lists: a thousand of them, of whose columns most are
// texts that a model would set by reflection, and whose JSON columns are mostly
// the same. What servers share of them (a size's extra specs) is not to be
// changed.
type rows struct {
	server Server // the one being read
	data   bool   // as Load.Data

	size, image, metadata string
	fault                 sql.NullString
	sizes                 map[string]Size
	images                map[string]nodeapi.Image
}

// field is a column and where it goes.
type field struct {
	column string
	to     any
}

// fields are what a list shows, and with data all but secrets: what it shows to
// admins, and what should be.
func (r *rows) fields() []field {
	s := &r.server
	list := []field{
		{"id", &s.ID}, {"project_id", &s.ProjectID}, {"user_id", &s.UserID}, {"name", &s.Name}, {"description", &s.Description},
		{"hostname", &s.Hostname}, {"vm_state", &s.VMState}, {"task_state", &s.TaskState}, {"power_state", &s.PowerState}, {"host", &s.Host},
		{"zone", &s.Zone}, {"pinned_zone", &s.PinnedZone}, {"flavor_id", &s.FlavorID}, {"flavor", &r.size}, {"image_id", &s.ImageID},
		{"key_name", &s.KeyName}, {"config_drive", &s.ConfigDrive}, {"metadata", &r.metadata}, {"locked_by", &s.LockedBy},
		{"locked_reason", &s.LockedReason}, {"disk_config", &s.DiskConfig}, {"access_ipv4", &s.AccessIPv4}, {"access_ipv6", &s.AccessIPv6},
		{"group_id", &s.GroupID}, {"fault", &r.fault}, {"created_at", (*moment)(&s.CreatedAt)}, {"updated_at", (*moment)(&s.UpdatedAt)},
		{"launched_at", (*moment)(&s.LaunchedAt)}, {"terminated_at", (*moment)(&s.TerminatedAt)},
	}
	if r.data {
		list = append(list,
			field{"image", &r.image}, field{"user_data", &s.UserData}, field{"reservation_id", &s.ReservationID}, field{"launch_index", &s.LaunchIndex},
			field{"power", &s.Power}, field{"boot_generation", &s.BootGeneration}, field{"reset_generation", &s.ResetGeneration},
			field{"vcpus", &s.VCPUs}, field{"memory_mb", &s.MemoryMiB}, field{"disk_gb", &s.DiskGiB}, field{"deleted_at", (*moment)(&s.DeletedAt)},
		)
	}
	return list
}

// read runs the query, which selects the columns of r.fields.
func (r *rows) read(ctx context.Context, q *bun.SelectQuery) ([]Server, error) {
	r.sizes, r.images = map[string]Size{}, map[string]nodeapi.Image{}
	fields := r.fields()
	to := make([]any, len(fields))
	for i := range fields {
		to[i] = fields[i].to
	}
	var servers []Server
	err := store.Each(ctx, q, func(row store.Row) error {
		if err := row.Scan(to...); err != nil {
			return err
		}
		if err := r.decode(); err != nil {
			return err
		}
		if len(servers) == cap(servers) { // a server is large: copy each once, not five times
			servers = slices.Grow(servers, len(servers)+16)
		}
		servers = append(servers, r.server)
		return nil
	})
	return servers, err
}

// decode fills the server from its JSON columns.
func (r *rows) decode() (err error) {
	if r.server.Size, err = decoded(r.sizes, r.size); err != nil {
		return fmt.Errorf("decode the flavor of server %s: %w", r.server.ID, err)
	}
	if r.data {
		if r.server.Image, err = decoded(r.images, r.image); err != nil {
			return fmt.Errorf("decode the image of server %s: %w", r.server.ID, err)
		}
	}
	r.server.Metadata, r.server.Fault = map[string]string{}, nil
	if r.metadata != "{}" {
		if err := json.Unmarshal([]byte(r.metadata), &r.server.Metadata); err != nil {
			return fmt.Errorf("decode the metadata of server %s: %w", r.server.ID, err)
		}
	}
	if r.fault.Valid {
		if err := json.Unmarshal([]byte(r.fault.String), &r.server.Fault); err != nil {
			return fmt.Errorf("decode the fault of server %s: %w", r.server.ID, err)
		}
	}
	return nil
}

// decoded decodes a text, once for all that are the same.
func decoded[T any](known map[string]T, text string) (T, error) {
	value, ok := known[text]
	if ok {
		return value, nil
	}
	err := json.Unmarshal([]byte(text), &value)
	known[text] = value
	return value, err
}

// moment reads a time: PostgreSQL gives times, SQLite their texts. NULL is the
// zero time.
type moment time.Time

// Scan implements sql.Scanner.
func (m *moment) Scan(src any) error {
	switch value := src.(type) {
	case nil:
		*m = moment{}
	case time.Time:
		*m = moment(value)
	case string:
		t, err := time.Parse("2006-01-02 15:04:05.999999999-07:00", value)
		*m = moment(t)
		return err
	default:
		return fmt.Errorf("a column of times holds a %T", src)
	}
	return nil
}
