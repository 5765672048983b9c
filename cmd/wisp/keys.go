package main

import (
	"log/slog"
	"os"

	"github.com/spf13/cobra"

	"wisp/internal/server"
)

func keysCommand() *cobra.Command {
	command := &cobra.Command{Use: "keys", Short: "The keys that seal tokens"}
	command.AddCommand(rotateKeysCommand())
	return command
}

func rotateKeysCommand() *cobra.Command {
	var s settings
	command := &cobra.Command{
		Use:   "rotate",
		Short: "Seal tokens with the next key; those of the key before the last are refused from then on",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := s.load(); err != nil {
				return err
			}
			if s.Database == "" {
				s.Database = s.path("wisp.db")
			}
			return server.RotateKeys(c.Context(), s.Database, slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})))
		},
	}
	stateFlag(command, &s)
	return command
}
