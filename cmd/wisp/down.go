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
		Short: "Stop what runs on the state directory; instances and their network go on",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := s.load(); err != nil {
				return err
			}
			stopped, err := s.down(c.Context())
			if err != nil {
				return err
			}
			_, err = io.WriteString(c.OutOrStdout(), s.downText(stopped))
			return err
		},
	}
	stateFlag(command, &s)
	return command
}

func (s *settings) downText(stopped bool) string {
	switch {
	case !stopped && s.Role == "":
		return "The cloud was not running.\n"
	case !stopped:
		return "The " + s.Role + " was not running.\n"
	case s.Role == roleServer:
		return "The server is stopped; instances do not notice. `wisp server` starts it again.\n"
	}
	return "The " + map[string]string{"": "cloud", roleNode: "node"}[s.Role] + " is stopped. Instances go on running; `" + starts[s.Role] + "` takes them over again, `wisp purge` ends them.\n"
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
