package compute

import (
	"context"
	"errors"
	"regexp"
	"strings"
	"time"

	"wisp/internal/errs"
	"wisp/internal/nodeapi"
	"wisp/internal/store"
)

// refuse puts a server for which there is no host into ERROR.
func (s *Server) refuse(v Verdict, now time.Time) {
	s.VMState, s.TaskState, s.Power, s.AdminPass = StateError, TaskNone, nodeapi.PowerStopped, ""
	s.Fault = &Fault{Code: 500, Message: v.Message(), Details: v.Details(), Created: now}
}

// failAction marks the create of a server that never got a host.
func (s *Service) failAction(ctx context.Context, tx *store.Tx, server *Server) error {
	_, err := tx.NewUpdate().Model((*Action)(nil)).Set("message = ?", "Error").Where("server_id = ?", server.ID).Exec(ctx)
	return err
}

var (
	hostPath = regexp.MustCompile(`(?:/[\w.@+-]+){2,}/?`)
	secret   = regexp.MustCompile(`(?i)\b(password|passwd|token|secret|key)\s*[=:]\s*\S+`)
)

// publicFault is the part of a host's message that users may read: its first
// line, without paths of the host and without secrets (S31).
func publicFault(message string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(message), "\n")
	line = secret.ReplaceAllString(line, "$1=***")
	line = hostPath.ReplaceAllString(line, "(a file of the host)")
	if line == "" {
		line = "The host could not run the server and did not say why."
	}
	if r := []rune(line); len(r) > 255 {
		line = string(r[:254]) + "…"
	}
	return line
}

func asPublic(err error) (*errs.Error, bool) { return errors.AsType[*errs.Error](err) }
