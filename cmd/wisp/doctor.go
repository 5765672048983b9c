package main

import (
	"encoding/json"
	"strings"

	"github.com/spf13/cobra"

	"wisp/internal/doctor"
	"wisp/internal/join"
)

func doctorCommand() *cobra.Command {
	var (
		s       settings
		raw     serverFlags
		asJSON  bool
		problem bool
	)
	command := &cobra.Command{
		Use:   "doctor",
		Short: "Examine this machine for what a cloud needs, and say what mends what is wrong",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			given := s
			running := false
			if err := s.absolute(); err != nil {
				return err
			}
			if s.exists() {
				if err := s.load(); err != nil {
					return err
				}
				var err error
				if running, err = s.running(); err != nil {
					return err
				}
			}
			if err := s.take(c, given, &raw); err != nil {
				return err
			}
			findings := doctor.Examine(c.Context(), s.doctor(running))
			if problem {
				var wrong []doctor.Finding
				for _, f := range findings {
					if f.Level != doctor.OK {
						wrong = append(wrong, f)
					}
				}
				findings = wrong
			}
			var err error
			if asJSON {
				encoder := json.NewEncoder(c.OutOrStdout())
				encoder.SetIndent("", "  ")
				err = encoder.Encode(findings)
			} else {
				err = doctor.Print(c.OutOrStdout(), findings)
			}
			if err == nil && doctor.Worst(findings) == doctor.Fatal {
				return exitCode(1)
			}
			return err
		},
	}
	stateFlag(command, &s)
	flags := command.Flags()
	flags.StringVar(&s.Listen, "listen", defaultListen, "address and port that the APIs would use")
	flags.StringVar(&s.PublicInterface, "public-interface", "", "interface of the physical network \"public\"")
	flags.StringVar(&raw.cidr, "public-cidr", defaultCIDR, "address and range of the network that wisp makes")
	flags.StringVar(&s.Accelerator, "accelerator", "", "kvm or tcg (default: what works)")
	flags.BoolVar(&asJSON, "json", false, "print JSON")
	flags.BoolVar(&problem, "problems", false, "print only what is not ok")
	return command
}

func (s *settings) doctor(running bool) doctor.Config {
	return doctor.Config{
		Role: s.Role, Node: s.doctorNode(), StateDir: s.StateDir, Listen: s.Listen, PublicInterface: s.PublicInterface, PublicGateway: s.PublicCIDR,
		Running:     running,
		Bind:        bind,
		OwnDevice:   func(name string) bool { return strings.HasPrefix(name, s.prefix()) },
		Accelerator: s.detectAccelerator,
	}
}

// doctorNode is what a node needs besides; nil for others.
func (s *settings) doctorNode() *doctor.Node {
	if s.Role != roleNode {
		return nil
	}
	n := &doctor.Node{Servers: s.Servers, Underlay: s.underlay, TunnelDevice: s.prefix() + "vx"}
	if credential, err := join.Open(s.path("tls")); err == nil {
		n.Credential = credential
	}
	return n
}
