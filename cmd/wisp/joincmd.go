package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"wisp/internal/doctor"
	"wisp/internal/join"
)

func nodeCommand() *cobra.Command {
	command := &cobra.Command{
		Use:   "node",
		Short: "Machines that run instances for a cloud whose servers are elsewhere",
	}
	command.AddCommand(nodeJoinCommand(), nodeRunCommand(), nodeTokenCommand(), nodeListCommand(), nodeDrainCommand(), nodeUndrainCommand(), nodeRemoveCommand())
	return command
}

func nodeRunCommand() *cobra.Command {
	var (
		s       settings
		verbose bool
	)
	command := &cobra.Command{
		Use:   "run",
		Short: "Run the node of this machine, in the foreground as a service unit wants",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := s.loadNode(); err != nil {
				return err
			}
			return s.runApart(c.Context(), logTo(verbose))
		},
	}
	stateFlag(command, &s)
	command.Flags().BoolVar(&verbose, "verbose", false, "log more")
	return command
}

// loadNode is load for a node's state directory.
func (s *settings) loadNode() error {
	err := s.load()
	if errors.Is(err, errNoCloud) {
		return fmt.Errorf("this machine has not joined a cloud with the state directory %s; `wisp node join` does that", s.StateDir)
	}
	if err == nil && (s.Role != roleNode || len(s.Servers) == 0) {
		err = fmt.Errorf("%s is the state directory of %s; `%s` starts it", s.StateDir, what[s.Role], starts[s.Role])
	}
	return err
}

func nodeJoinCommand() *cobra.Command {
	var (
		s        settings
		token    string
		external []string
		noStart  bool
	)
	command := &cobra.Command{
		Use:   "join --server https://host:5001 --token TOKEN",
		Short: "Make this machine a node of a cloud, and start it in the background",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			bought, err := join.ParseToken(token)
			if err != nil {
				return err
			}
			if err := s.beginNode(c, external); err != nil {
				return err
			}
			return s.join(c.Context(), c.OutOrStdout(), bought, !noStart)
		},
	}
	stateFlag(command, &s)
	flags := command.Flags()
	flags.StringArrayVar(&s.Servers, "server", nil, "URL of a server's node API; given again, the servers are tried in turn")
	flags.StringVar(&token, "token", "", "token that `wisp node token create` made on a server")
	_ = command.MarkFlagRequired("server")
	_ = command.MarkFlagRequired("token")
	flags.StringVar(&s.Host, "host", "", "name of this host in the cloud (default: the machine's)")
	flags.StringVar(&s.Management, "management", "", "this machine's address, or its interface, towards the servers (default: the one on the way to them)")
	flags.StringVar(&s.Tunnel, "tunnel", "", "address or interface where tunnels to other hosts end, or none (default: the management address)")
	flags.StringArrayVar(&external, "external", nil, "physical-network=interface, such as public=eth1; may be given again")
	flags.BoolVar(&noStart, "no-start", false, "only join; `wisp node run` starts it")
	nodeFlags(command, &s)
	return command
}

// beginNode completes the settings for joining.
func (s *settings) beginNode(c *cobra.Command, external []string) error {
	if err := s.begin(c, roleNode, &serverFlags{}); err != nil {
		return err
	}
	running, err := s.running()
	if err != nil {
		return err
	}
	if running {
		return fmt.Errorf("the node of %s runs; stop it first: wisp down --state-dir %s (instances go on)", s.StateDir, s.StateDir)
	}
	for i, text := range s.Servers {
		if err := join.CheckServer(text); err != nil {
			return err
		}
		s.Servers[i] = strings.TrimSuffix(text, "/")
	}
	if c.Flags().Changed("external") {
		s.Physical = map[string]string{}
		for _, text := range external {
			name, device, err := physicalNetwork("external", text, true)
			if err != nil {
				return err
			}
			if _, twice := s.Physical[name]; twice {
				return fmt.Errorf("--external %s: there is an interface for %s already", text, name)
			}
			s.Physical[name] = device
		}
	}
	return nil
}

// join buys a certificate, and starts the node. What is wrong with the machine
// is said before the token is used up.
func (s *settings) join(ctx context.Context, out io.Writer, token join.Token, start bool) error {
	if err := os.MkdirAll(s.StateDir, 0o711); err != nil {
		return err
	}
	progress := newSteps(out)
	if start {
		config := s.doctor(false)
		config.Node.Credential = nil // one that is there is about to be replaced
		var findings []doctor.Finding
		err := progress.do("examine this machine", func() error {
			findings = doctor.Examine(ctx, config)
			return nil
		})
		if err != nil {
			return err
		}
		wrong := slices.DeleteFunc(findings, func(f doctor.Finding) bool { return f.Level == doctor.OK })
		if err := doctor.Print(out, wrong); err != nil {
			return err
		}
		if doctor.Worst(wrong) == doctor.Fatal {
			return errors.New("this machine cannot run instances; what FATAL says above must be mended first, and the token is not used")
		}
	}
	if _, err := s.underlay(); err != nil {
		return fmt.Errorf("%w\nthe token is not used", err)
	}
	err := progress.do("join the cloud", func() error {
		_, terms, err := join.Enrol(ctx, s.Servers, token, s.Host, s.path("tls"))
		s.MTU = terms.MTU
		return err
	})
	if err != nil {
		return err
	}
	if err := errors.Join(s.save(), os.RemoveAll(s.path(statusFile))); err != nil {
		return err
	}
	if _, err := s.underlay(); err != nil {
		return fmt.Errorf("this machine is a node now, but %w\nchange that and start it: wisp node run --state-dir %s", err, s.StateDir)
	}
	if !start {
		_, err := fmt.Fprintf(out, "This machine is the node %s now; start it: wisp node run --state-dir %s\n", s.Host, s.StateDir)
		return err
	}
	var child *exec.Cmd
	if err := progress.do("start the node", func() (err error) { child, err = s.spawn(ctx, "node", "run"); return err }); err != nil {
		return err
	}
	if err := progress.do("wait until a server has it", func() error { return s.attached(ctx, child) }); err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "\nThis machine runs instances as host %s now.\n  log     %s\n  status  wisp status --state-dir %s\n", s.Host, s.path("wisp.log"), s.StateDir)
	return err
}

// attached waits until the node has a session with a server. When its process
// ends instead, the error shows the end of its log.
func (s *settings) attached(ctx context.Context, child *exec.Cmd) error {
	ctx, cancel := context.WithTimeout(ctx, upTimeout)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- child.Wait() }()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	last := "it has not tried yet"
	for {
		if status, err := s.told(); err == nil {
			last = status.Problem
			switch {
			case status.Connected:
				return nil
			case status.Refused:
				return fmt.Errorf("the cloud does not take this node: %s", status.Problem)
			}
		}
		select {
		case err := <-ended:
			if err == nil {
				err = errors.New("without an error")
			}
			return fmt.Errorf("the node ended at its start: %w; the end of %s:\n%s", err, s.path("wisp.log"), s.logTail())
		case <-ctx.Done():
			return fmt.Errorf("no server has it after %s: %s; %s says more", upTimeout, last, s.path("wisp.log"))
		case <-tick.C:
		}
	}
}
