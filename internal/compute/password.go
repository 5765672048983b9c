package compute

import (
	"context"
	"fmt"

	"wisp/internal/errs"
	"wisp/internal/policy"
	"wisp/internal/store"
)

// SavePassword keeps the password that a server's guest tells its owner, once
// until the owner clears it. An empty host is that of a node in the server's
// own process.
func (s *Service) SavePassword(ctx context.Context, host, id, password string) error {
	return s.db.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		var server Server
		q := tx.NewSelect().Model(&server).Where("s.id = ? AND s.deleted_at IS NULL", id)
		if host != "" {
			q = q.Where("s.host = ?", host)
		}
		if err := one(q.Scan(ctx), "get server", "Instance %s could not be found.", id); err != nil {
			return err
		}
		if server.Password != "" {
			return errs.New(errs.Conflict, "Instance %s has told a password already", id)
		}
		server.Password, server.UpdatedAt = password, s.now()
		tx.Signal(HostTopic(server.Host))
		if err := save(ctx, tx, &server, "password"); err != nil {
			return fmt.Errorf("keep the password: %w", err)
		}
		return nil
	})
}

// Password is what a server's guest has told its owner; empty is nothing.
func (s *Service) Password(ctx context.Context, caller *policy.Caller, id string) (string, error) {
	server, err := getServer(ctx, s.db.Read(), caller, id)
	return server.Password, err
}

// ClearPassword forgets what a server's guest has told, so that it can tell it
// anew.
func (s *Service) ClearPassword(ctx context.Context, caller *policy.Caller, id string) error {
	_, err := s.change(ctx, caller, id, true, func(_ context.Context, tx *store.Tx, server *Server) ([]string, error) {
		server.Password = ""
		if server.Host != "" {
			tx.Signal(HostTopic(server.Host))
		}
		return []string{"password"}, nil
	})
	return err
}
