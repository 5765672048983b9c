package main

import (
	"fmt"
	"net/netip"
	"os"

	"github.com/spf13/cobra"

	"wisp/internal/demo"
)

func demoCommand() *cobra.Command {
	var (
		s       settings
		cfg     demo.Config
		outside string
		cidr    string
	)
	command := &cobra.Command{
		Use:   "demo",
		Short: "Do a user's whole first day on the cloud, through its public API, and show what was seen",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := s.load(); err != nil {
				return err
			}
			if err := s.credentials(&cfg); err != nil {
				return err
			}
			var err error
			cfg.PhysicalNetwork, cfg.External = publicNetwork, s.PublicCIDR
			if cidr != "" {
				if cfg.External, err = netip.ParsePrefix(cidr); err != nil {
					return fmt.Errorf("--external-cidr: %w", err)
				}
			} else if s.PublicInterface != "" {
				return fmt.Errorf("the external network is on %s: say its gateway and length with --external-cidr", s.PublicInterface)
			}
			if cfg.Outside, err = outsideAddress(outside, cfg.External.Addr()); err != nil {
				return err
			}
			if _, err := os.Stat(cfg.Image); err != nil {
				return fmt.Errorf("%w; `make guest` builds it, --image names another", err)
			}
			progress := newSteps(c.OutOrStdout())
			result, err := demo.Run(c.Context(), cfg, progress.do)
			if printed := result.Print(c.OutOrStdout()); err == nil {
				err = printed
			}
			return err
		},
	}
	stateFlag(command, &s)
	flags := command.Flags()
	flags.StringVar(&cfg.Image, "image", "build/guest.qcow2", "image to boot: a qcow2 that behaves as CirrOS")
	flags.StringVar(&outside, "outside", "", "address outside of the cloud that answers pings (default: this machine's own)")
	flags.StringVar(&cidr, "external-cidr", "", "gateway of the external network with the range's length (default: what wisp made)")
	flags.BoolVar(&cfg.Keep, "keep", false, "leave everything as it is in the end")
	return command
}

// outsideAddress is the one given, or this machine's own on the way to the
// world, or the gateway of the external network where it has none.
func outsideAddress(given string, gateway netip.Addr) (netip.Addr, error) {
	if given != "" {
		ip, err := netip.ParseAddr(given)
		if err != nil {
			return ip, fmt.Errorf("--outside: %w", err)
		}
		return ip, nil
	}
	if own, ok := ownAddress(); ok {
		return own, nil
	}
	return gateway, nil
}

// credentials are the administrator's, for a client of the public API.
func (s *settings) credentials(cfg *demo.Config) error {
	if s.Role == roleNode {
		return s.noCredentials()
	}
	password, err := s.password()
	if err != nil {
		return err
	}
	cfg.AuthURL, cfg.Username, cfg.Password = s.URL+"/identity/v3", "admin", password
	cfg.Project, cfg.Domain, cfg.Region = "admin", "Default", region
	if s.secure() {
		cfg.CACert = s.path("tls", "ca.pem")
	}
	return nil
}
