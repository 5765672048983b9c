package compute

import (
	"context"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"wisp/internal/nodeapi"
	"wisp/internal/store"
)

// HostGone records that a node's session has ended, unless the host has begun
// another one since, perhaps with another server. Its machines may run on, so
// nothing of them is given up before the host is lost: Sweep does that.
func (s *Service) HostGone(ctx context.Context, host, session string) {
	err := s.db.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		now := s.now()
		var gone []Host
		_, err := tx.NewUpdate().Model((*Host)(nil)).Set("connected = ?, disconnected_at = ?, updated_at = ?", false, now, now).
			Where("host = ? AND session = ?", host, session).Returning("service_id").Exec(ctx, &gone)
		if err != nil || len(gone) == 0 {
			return err
		}
		noteHosts(tx, gone)
		return release(ctx, tx, []string{host})
	})
	if err != nil {
		s.log.ErrorContext(ctx, "a host's end could not be recorded", "host", host, "error", err)
	}
}

// Sweep ends what waits for hosts that are lost: servers that were to be
// deleted there are, those that were to be built have failed, and what else
// was being done to servers has too. Tokens of consoles that have expired go.
func (s *Service) Sweep(ctx context.Context) error {
	if err := s.sweepConsoleTokens(ctx); err != nil {
		return fmt.Errorf("drop tokens of consoles: %w", err)
	}
	lost, _, err := s.lostHosts(ctx, s.db.Read())
	if err != nil || len(lost) == 0 {
		return err
	}
	return s.db.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		lost, silent, err := s.lostHosts(ctx, tx) // some may have come back
		if err != nil || len(lost) == 0 {
			return err
		}
		var gone []Host
		_, err = tx.NewUpdate().Model((*Host)(nil)).Set("connected = ?", false).Where("host IN (?) AND connected = ?", store.Set(silent), true).
			Returning("service_id").Exec(ctx, &gone)
		if err != nil {
			return fmt.Errorf("mark hosts down: %w", err)
		}
		noteHosts(tx, gone)
		if err := release(ctx, tx, silent); err != nil {
			return err
		}
		if err := s.finalizeDeleted(ctx, tx, lost); err != nil {
			return err
		}
		if err := s.offloadLost(ctx, tx, lost); err != nil {
			return err
		}
		return s.giveUp(ctx, tx, lost)
	})
}

// lostHosts names the hosts that are lost, and those of them that are silent.
func (s *Service) lostHosts(ctx context.Context, db bun.IDB) (lost, silent []string, err error) {
	var hosts []Host
	if err := db.NewSelect().Model(&hosts).Scan(ctx); err != nil {
		return nil, nil, fmt.Errorf("load hosts: %w", err)
	}
	now := s.now()
	for i := range hosts {
		if s.lost(&hosts[i], now) {
			lost = append(lost, hosts[i].Name)
		}
		if s.silent(&hosts[i], now) {
			silent = append(silent, hosts[i].Name)
		}
	}
	return lost, silent, nil
}

func (s *Service) finalizeDeleted(ctx context.Context, tx *store.Tx, hosts []string) error {
	var ids []string
	err := tx.NewSelect().Model((*Server)(nil)).Column("s.id").
		Where("s.host IN (?) AND s.power = ? AND s.deleted_at IS NULL", store.Set(hosts), nodeapi.PowerDeleted).Scan(ctx, &ids)
	if err != nil {
		return fmt.Errorf("list servers that are being deleted: %w", err)
	}
	return s.finalize(ctx, tx, ids)
}

// offloadLost takes shelved servers off lost hosts, which will find that they
// have strangers.
func (s *Service) offloadLost(ctx context.Context, tx *store.Tx, hosts []string) error {
	var servers []Server
	err := tx.NewSelect().Model(&servers).Where("s.host IN (?) AND s.power = ? AND s.deleted_at IS NULL", store.Set(hosts), powerOffloaded).Scan(ctx)
	if err != nil {
		return fmt.Errorf("list servers that leave lost hosts: %w", err)
	}
	for i := range servers {
		if err := s.offloaded(ctx, tx, &servers[i]); err != nil {
			return err
		}
	}
	return nil
}

// giveUp fails what is being done to servers on lost hosts.
func (s *Service) giveUp(ctx context.Context, tx *store.Tx, hosts []string) error {
	var servers []Server
	err := tx.NewSelect().Model(&servers).ExcludeColumn("user_data", "image", "flavor", "metadata", "key_pair").
		Where("s.host IN (?) AND s.deleted_at IS NULL AND s.power <> ?", store.Set(hosts), nodeapi.PowerDeleted).
		Where("(s.vm_state = ? OR s.task_state <> '')", StateBuilding).Scan(ctx)
	if err != nil {
		return fmt.Errorf("list servers that wait for lost hosts: %w", err)
	}
	if err := setSnapshots(ctx, tx, snapshotDropped, "host IN (?) AND state = ?", store.Set(hosts), snapshotWanted); err != nil {
		return err
	}
	now := s.now()
	waiting := map[string][]string{} // ids by host
	for i := range servers {
		server := &servers[i]
		waiting[server.Host] = append(waiting[server.Host], server.ID)
		server.abandon(now)
		server.UpdatedAt = now
		if err := save(ctx, tx, server, "vm_state", "task_state", "power_state", "power", "fault", "admin_pass"); err != nil {
			return err
		}
	}
	for host, ids := range waiting {
		if err := s.finish(ctx, tx, ids, ResultError, fmt.Sprintf("The host %s did not come back.", host)); err != nil {
			return err
		}
		tx.Signal(HostTopic(host))
	}
	return nil
}

// abandon ends what is being done to a server whose host is lost. One that
// was never made has failed; another is what it was, and its host does what
// was asked for if it comes back.
func (s *Server) abandon(now time.Time) {
	s.TaskState = TaskNone
	if s.VMState != StateBuilding {
		return
	}
	s.VMState, s.Power, s.PowerState, s.AdminPass = StateError, nodeapi.PowerStopped, PowerNoState, ""
	const message = "The host%s did not come back; delete the server and create it again."
	s.Fault = &Fault{Code: 500, Message: fmt.Sprintf(message, ""), Details: fmt.Sprintf(message, " "+s.Host), Created: now} // its name is not for users
}
