package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"syscall"
	"time"

	"github.com/spf13/cobra"
)

func downCommand() *cobra.Command {
	var s settings
	command := &cobra.Command{
		Use:   "down",
		Short: "Stop the cloud; instances and their network go on",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := s.load(); err != nil {
				return err
			}
			stopped, err := s.down(c.Context())
			if err != nil {
				return err
			}
			text := "The cloud was not running.\n"
			if stopped {
				text = "The cloud is stopped. Instances go on running; `wisp up` takes them over again, `wisp purge` ends them.\n"
			}
			_, err = io.WriteString(c.OutOrStdout(), text)
			return err
		},
	}
	stateFlag(command, &s)
	return command
}

// down ends the process that holds the state directory's lock.
func (s *settings) down(ctx context.Context) (stopped bool, err error) {
	pid, err := s.holder()
	if err != nil || pid == 0 {
		return false, err
	}
	if err := syscall.Kill(pid, syscall.SIGTERM); err != nil && !errors.Is(err, syscall.ESRCH) {
		return false, fmt.Errorf("end process %d: %w", pid, err)
	}
	ctx, cancel := context.WithTimeout(ctx, upTimeout)
	defer cancel()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		now, err := s.holder()
		if err != nil || now != pid {
			return err == nil, err
		}
		select {
		case <-ctx.Done():
			return false, fmt.Errorf("process %d does not end; %s says more", pid, s.path("wisp.log"))
		case <-tick.C:
		}
	}
}
