package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/spf13/cobra"

	"wisp/internal/join"
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
			if s.Role == roleNode {
				return s.nodeStatus(c.OutOrStdout())
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

// nodeStatus says how a node that runs is doing.
func (s *settings) nodeStatus(out io.Writer) error {
	status, err := s.told()
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	certificate := ""
	if credential, err := join.Open(s.path("tls")); err == nil {
		certificate = fmt.Sprintf("; its certificate holds until %s", credential.Expires().Local().Format(time.DateTime))
	}
	switch {
	case err != nil:
		_, _ = fmt.Fprintf(out, "the node %s runs, and has not reached a server yet\n", s.Host)
	case status.Connected:
		_, err := fmt.Fprintf(out, "the node %s runs, connected to %s, since %s%s\n", s.Host, status.Server, ago(status.Since), certificate)
		return err
	case status.Refused:
		_, _ = fmt.Fprintf(out, "the node %s runs, and the cloud does not take it: %s\n", s.Host, status.Problem)
	default:
		_, _ = fmt.Fprintf(out, "the node %s runs without a server since %s: %s%s\n", s.Host, ago(status.Since), status.Problem, certificate)
	}
	return exitCode(1)
}

// exists tells whether a cloud was ever started on the state directory.
func (s *settings) exists() bool {
	_, err := os.Stat(s.path("settings.json"))
	return !errors.Is(err, fs.ErrNotExist)
}
