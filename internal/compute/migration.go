package compute

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/uptrace/bun"

	"wisp/internal/errs"
	"wisp/internal/policy"
	"wisp/internal/store"
)

// Kinds of migrations.
const (
	MigrationEvacuation = "evacuation"
	MigrationResize     = "resize" // on the same host
)

// Statuses of a resize.
const (
	MigrationMigrating = "migrating" // the host is to change the machine
	MigrationFinished  = "finished"  // it waits for its confirmation
	MigrationConfirmed = "confirmed"
	MigrationReverted  = "reverted"
)

// Statuses of an evacuation.
const (
	MigrationAccepted  = "accepted"  // the new host is to build the server
	MigrationDone      = "done"      // it has built it
	MigrationCompleted = "completed" // and the old host has confirmed that nothing is left there
	MigrationError     = "error"
)

// Migration is a move of a server from one host to another (API ref:
// Migrations). It is kept when it is over, and when the server is deleted.
type Migration struct {
	bun.BaseModel `bun:"table:compute_migrations,alias:mi"`

	Number    int64     `bun:"number,pk"` // the id that the API shows
	ID        string    `bun:"id"`        // uuid, shown since 2.59
	Kind      string    `bun:"kind"`
	Status    string    `bun:"status"`
	ServerID  string    `bun:"server_id"`
	ProjectID string    `bun:"project_id"` // of who asked, as is UserID
	UserID    string    `bun:"user_id"`
	Source    string    `bun:"source_host"`
	Target    string    `bun:"target_host"` // empty where none was found
	TargetIP  string    `bun:"target_ip"`   // management address of the target
	CreatedAt time.Time `bun:"created_at"`
	UpdatedAt time.Time `bun:"updated_at,nullzero"`
}

// recordMigration adds a migration. The caller holds scheduleLock, which keeps
// numbers apart.
func (s *Service) recordMigration(ctx context.Context, tx *store.Tx, caller *policy.Caller, m Migration) error {
	m.ID, m.ProjectID, m.UserID, m.CreatedAt = uuid.NewString(), caller.ProjectID, caller.UserID, s.now()
	if m.Target != "" {
		host, _, err := s.getHost(ctx, tx, m.Target)
		if err != nil {
			return err
		}
		m.TargetIP = host.Address
	}
	if err := tx.NewSelect().Model((*Migration)(nil)).ColumnExpr("COALESCE(MAX(number), 0) + 1").Scan(ctx, &m.Number); err != nil {
		return fmt.Errorf("number the migration: %w", err)
	}
	if _, err := tx.NewInsert().Model(&m).Exec(ctx); err != nil {
		return fmt.Errorf("record the migration: %w", err)
	}
	return nil
}

// endEvacuations says how the evacuations ended that servers were in.
func (s *Service) endEvacuations(ctx context.Context, tx *store.Tx, ids []string, result string) error {
	status := MigrationDone
	if result == ResultError {
		status = MigrationError
	}
	_, err := tx.NewUpdate().Model((*Migration)(nil)).Set("status = ?, updated_at = ?", status, s.now()).
		Where("server_id IN (?) AND kind = ? AND status = ?", bun.List(ids), MigrationEvacuation, MigrationAccepted).Exec(ctx)
	if err != nil {
		return fmt.Errorf("end the evacuation's migration: %w", err)
	}
	return nil
}

// noteResizes says how far the resizes of servers are that are not over.
func (s *Service) noteResizes(ctx context.Context, tx *store.Tx, ids []string, status string) error {
	_, err := tx.NewUpdate().Model((*Migration)(nil)).Set("status = ?, updated_at = ?", status, s.now()).
		Where("server_id IN (?) AND kind = ? AND status IN (?)", bun.List(ids), MigrationResize, bun.List([]string{MigrationMigrating, MigrationFinished})).Exec(ctx)
	if err != nil {
		return fmt.Errorf("note the resize's migration: %w", err)
	}
	return nil
}

// completeEvacuations says that a host has nothing left of servers that moved
// off it.
func (s *Service) completeEvacuations(ctx context.Context, tx *store.Tx, host string, gone []string) error {
	_, err := tx.NewUpdate().Model((*Migration)(nil)).Set("status = ?, updated_at = ?", MigrationCompleted, s.now()).
		Where("server_id IN (?) AND source_host = ? AND kind = ? AND status = ?", store.Set(gone), host, MigrationEvacuation, MigrationDone).Exec(ctx)
	if err != nil {
		return fmt.Errorf("complete the evacuation's migration: %w", err)
	}
	return nil
}

// MigrationFilter narrows ListMigrations; empty fields match all.
type MigrationFilter struct {
	Host              string // source or target
	Source            string
	ServerID          string
	Status, Kind      string
	UserID, ProjectID string
	Since, Before     time.Time // of the last change
	Limit             int
	Marker            string // uuid
}

// ListMigrations lists migrations, the newest first. A marker that is not
// there is Invalid.
func (s *Service) ListMigrations(ctx context.Context, f MigrationFilter) ([]Migration, error) {
	db := s.db.Read()
	list := []Migration{}
	q := db.NewSelect().Model(&list).Order("mi.created_at DESC", "mi.number DESC")
	for column, value := range map[string]string{
		"mi.source_host": f.Source, "mi.server_id": f.ServerID, "mi.status": f.Status, "mi.kind": f.Kind, "mi.user_id": f.UserID, "mi.project_id": f.ProjectID,
	} {
		if value != "" {
			q = q.Where("? = ?", bun.Safe(column), value)
		}
	}
	if f.Host != "" {
		q = q.Where("(mi.source_host = ? OR mi.target_host = ?)", f.Host, f.Host)
	}
	if !f.Since.IsZero() {
		q = q.Where("COALESCE(mi.updated_at, mi.created_at) >= ?", f.Since.UTC())
	}
	if !f.Before.IsZero() {
		q = q.Where("COALESCE(mi.updated_at, mi.created_at) <= ?", f.Before.UTC())
	}
	if f.Marker != "" {
		var last Migration
		err := db.NewSelect().Model(&last).Where("mi.id = ?", f.Marker).Scan(ctx)
		if err := one(err, "get migration", "Marker %s could not be found.", f.Marker); err != nil {
			if errs.Is(err, errs.NotFound) {
				err = errs.Wrap(err, errs.Invalid, "Marker %s could not be found.", f.Marker)
			}
			return nil, err
		}
		q = q.Where("(mi.created_at < ? OR mi.created_at = ? AND mi.number < ?)", last.CreatedAt, last.CreatedAt, last.Number)
	}
	if f.Limit > 0 {
		q = q.Limit(int64(f.Limit))
	}
	if err := q.Scan(ctx); err != nil {
		return nil, fmt.Errorf("list migrations: %w", err)
	}
	return list, nil
}
