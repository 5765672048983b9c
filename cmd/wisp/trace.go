package main

import (
	"net/url"
	"strconv"

	"github.com/spf13/cobra"

	"wisp/internal/demo"
)

func traceCommand() *cobra.Command {
	var (
		s                   settings
		protocol            string
		destination, source uint16
	)
	command := &cobra.Command{
		Use:   "trace PORT ADDRESS",
		Short: "Follow a packet from a port (its id, name or address) to an address, and say what each step does with it",
		Args:  cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			if err := s.load(); err != nil {
				return err
			}
			var cfg demo.Config
			if err := s.credentials(&cfg); err != nil {
				return err
			}
			q := url.Values{"destination": {args[1]}, "protocol": {protocol}}
			for name, number := range map[string]uint16{"destination_port": destination, "source_port": source} {
				if number != 0 {
					q.Set(name, strconv.Itoa(int(number)))
				}
			}
			trace, err := demo.Trace(c.Context(), cfg, args[0], q)
			if err != nil {
				return err
			}
			if err := trace.Print(c.OutOrStdout()); err != nil {
				return err
			}
			if !trace.Reached {
				return exitCode(1)
			}
			return nil
		},
	}
	stateFlag(command, &s)
	flags := command.Flags()
	flags.StringVar(&protocol, "protocol", "icmp", "icmp, tcp, udp, another name or a number")
	flags.Uint16Var(&destination, "port", 0, "destination port, for tcp and udp")
	flags.Uint16Var(&source, "source-port", 0, "source port (default: one that is free)")
	return command
}
