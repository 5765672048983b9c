package compute

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"wisp/internal/errs"
	"wisp/internal/nodeapi"
	"wisp/internal/policy"
	"wisp/internal/store"
)

// consoleTokenLife is how long a console's token may be used, as Nova's
// consoleauth.token_ttl.
const consoleTokenLife = 10 * time.Minute

// consoleTokenSize is how many random bytes a token is.
const consoleTokenSize = 32

// consoleToken lets whoever holds it open one console of one server, once.
type consoleToken struct {
	bun.BaseModel `bun:"table:console_tokens,alias:t"`

	Hash      string    `bun:"hash,pk"` // of the token, in hexadecimal
	ServerID  string    `bun:"server_id"`
	Kind      string    `bun:"kind"` // nodeapi.Console…
	ExpiresAt time.Time `bun:"expires_at"`
}

func hashOfToken(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// consoleKind is the kind of a console by the names that Nova has for it
// (API ref: Server consoles). What this cloud does not have is Invalid.
func consoleKind(protocol, name string) (string, error) {
	switch {
	case protocol == "vnc" && name == "novnc":
		return nodeapi.ConsoleVNC, nil
	case protocol == "serial" && name == "serial":
		return nodeapi.ConsoleSerial, nil
	case protocol == "vnc", protocol == "serial":
		return "", errs.New(errs.Invalid, "Invalid console type %s", name)
	}
	return "", errs.New(errs.Invalid, "Unavailable console type %s.", name)
}

// ready refuses what needs a machine that runs.
func (s *Server) ready() error {
	if s.Host == "" || s.PowerState != PowerRunning || s.Power != nodeapi.PowerRunning {
		return errs.New(errs.Conflict, "Instance %s is not ready", s.ID)
	}
	return nil
}

// CreateConsole makes a token that opens a console of a running server, by
// Nova's names of protocol and type: a kind that this cloud does not have is
// Invalid, a server that does not run a Conflict. kind is nodeapi's name.
func (s *Service) CreateConsole(ctx context.Context, caller *policy.Caller, id, protocol, name string) (token, kind string, err error) {
	random := make([]byte, consoleTokenSize)
	_, _ = rand.Read(random) // never fails
	token = base64.RawURLEncoding.EncodeToString(random)
	err = s.db.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		server, err := getServer(ctx, tx, caller, id)
		if err != nil {
			return err
		}
		if kind, err = consoleKind(protocol, name); err != nil {
			return err
		}
		if err := server.ready(); err != nil {
			return err
		}
		row := consoleToken{Hash: hashOfToken(token), ServerID: id, Kind: kind, ExpiresAt: s.now().Add(consoleTokenLife)}
		if _, err := tx.NewInsert().Model(&row).Exec(ctx); err != nil {
			return fmt.Errorf("keep a console's token: %w", err)
		}
		return nil
	})
	return token, kind, err
}

// Console is what a token opens.
type Console struct {
	ServerID string
	Host     string
	Kind     string // nodeapi.Console…
}

// findConsole looks a valid token up, of the kind unless that is empty.
func (s *Service) findConsole(ctx context.Context, db bun.IDB, token, kind string) (Console, error) {
	var found consoleToken
	q := db.NewSelect().Model(&found).Where("t.hash = ? AND t.expires_at > ?", hashOfToken(token), s.now())
	if kind != "" {
		q = q.Where("t.kind = ?", kind)
	}
	if err := one(q.Scan(ctx), "look a console's token up", "Token not found"); err != nil {
		return Console{}, err
	}
	var server Server
	err := db.NewSelect().Model(&server).Column("id", "host", "power", "power_state").Where("s.id = ? AND s.deleted_at IS NULL", found.ServerID).Scan(ctx)
	if err := one(err, "get the server of a console", "Token not found"); err != nil {
		return Console{}, err
	}
	return Console{ServerID: server.ID, Host: server.Host, Kind: found.Kind}, server.ready()
}

// ShowConsole tells what a token opens, and leaves it usable (admin). A token
// that is not valid, used or expired is NotFound.
func (s *Service) ShowConsole(ctx context.Context, token string) (Console, error) {
	console, err := s.findConsole(ctx, s.db.Read(), token, "")
	if errs.Is(err, errs.Conflict) {
		err = nil // the server may run again before the token expires
	}
	return console, err
}

// TakeConsole uses a token up: nobody can open anything by it any more. A
// token that is not valid for a console of the kind is NotFound, one of a
// server that does not run now a Conflict.
func (s *Service) TakeConsole(ctx context.Context, token, kind string) (console Console, err error) {
	var refused error
	err = s.db.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		console, refused = s.findConsole(ctx, tx, token, kind)
		if refused != nil && !errs.Is(refused, errs.Conflict) {
			return refused
		}
		_, err := tx.NewDelete().Model((*consoleToken)(nil)).Where("hash = ?", hashOfToken(token)).Exec(ctx)
		return err
	})
	if err == nil {
		err = refused // and yet the token is used
	}
	return console, err
}

// OpenConsole connects to a console. Unavailable is a host that is not
// connected, Conflict a machine that does not run.
func (s *Service) OpenConsole(ctx context.Context, console Console) (nodeapi.Stream, error) {
	return s.nodes.OpenConsole(ctx, console.Host, console.ServerID, console.Kind)
}

// dropConsoleTokens forgets the tokens of servers that are gone.
func dropConsoleTokens(ctx context.Context, tx *store.Tx, ids []string) error {
	if _, err := tx.NewDelete().Model((*consoleToken)(nil)).Where("server_id IN (?)", bun.List(ids)).Exec(ctx); err != nil {
		return fmt.Errorf("drop tokens of consoles: %w", err)
	}
	return nil
}

// sweepConsoleTokens forgets the tokens that have expired.
func (s *Service) sweepConsoleTokens(ctx context.Context) error {
	now := s.now()
	expired, err := s.db.Read().NewSelect().Model((*consoleToken)(nil)).Where("t.expires_at <= ?", now).Exists(ctx)
	if err != nil || !expired {
		return err
	}
	return s.db.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.NewDelete().Model((*consoleToken)(nil)).Where("expires_at <= ?", now).Exec(ctx)
		return err
	})
}
