package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/spf13/cobra"
)

func statusCommand() *cobra.Command {
	var s settings
	command := &cobra.Command{
		Use:   "status",
		Short: "Say whether the cloud runs and which of its parts answer",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := s.load(); err != nil {
				return err
			}
			running, err := s.running()
			if err != nil {
				return err
			}
			if !running {
				_, _ = fmt.Fprintf(c.OutOrStdout(), "stopped (%s)\n", s.StateDir)
				return exitCode(3) // as service managers have it
			}
			client, err := s.client()
			if err != nil {
				return err
			}
			waiting, err := askHealth(c.Context(), client, s.localURL()+"/healthz")
			if err != nil {
				return fmt.Errorf("the cloud runs and does not answer: %w", err)
			}
			if waiting != "" {
				_, _ = fmt.Fprintf(c.OutOrStdout(), "running at %s, %s\n", s.URL, waiting)
				return exitCode(1)
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "running at %s, every part answers\n", s.URL)
			return err
		},
	}
	stateFlag(command, &s)
	return command
}

// exists tells whether a cloud was ever started on the state directory.
func (s *settings) exists() bool {
	_, err := os.Stat(s.path("settings.json"))
	return !errors.Is(err, fs.ErrNotExist)
}
