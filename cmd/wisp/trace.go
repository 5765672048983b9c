package main

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/ports"
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
			provider, err := demo.Login(c.Context(), cfg)
			if err != nil {
				return err
			}
			network, err := openstack.NewNetworkV2(provider, gophercloud.EndpointOpts{Region: cfg.Region})
			if err != nil {
				return err
			}
			port, err := findPort(c.Context(), network, args[0])
			if err != nil {
				return err
			}
			q := url.Values{"destination": {args[1]}, "protocol": {protocol}}
			for name, number := range map[string]uint16{"destination_port": destination, "source_port": source} {
				if number != 0 {
					q.Set(name, strconv.Itoa(int(number)))
				}
			}
			var answer struct{ Trace portTrace }
			if _, err := network.Get(c.Context(), network.ServiceURL("ports", port, "trace")+"?"+q.Encode(), &answer, nil); err != nil {
				return err
			}
			if err := answer.Trace.print(c.OutOrStdout()); err != nil {
				return err
			}
			if !answer.Trace.Reached {
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

// findPort finds the only port with an id, a name or an address.
func findPort(ctx context.Context, network *gophercloud.ServiceClient, what string) (string, error) {
	for _, opts := range []ports.ListOpts{{ID: what}, {Name: what}, {FixedIPs: []ports.FixedIPOpts{{IPAddress: what}}}} {
		pages, err := ports.List(network, opts).AllPages(ctx)
		if err != nil {
			return "", err
		}
		found, err := ports.ExtractPorts(pages)
		if err != nil {
			return "", err
		}
		switch len(found) {
		case 0:
		case 1:
			return found[0].ID, nil
		default:
			return "", fmt.Errorf("%d ports have the name or address %s: give the id of one", len(found), what)
		}
	}
	return "", fmt.Errorf("no port has the id, name or address %s", what)
}

// portTrace is what the extension port-trace answers.
type portTrace struct {
	Source, Destination string
	Reached             bool
	Disagreement        *string
	Steps               []struct {
		Hop, Verdict, Reason string
		ResourceID           string `json:"resource_id"`
		Rule                 *struct{ ID string }
	}
}

// print writes the steps for people.
func (t *portTrace) print(out io.Writer) error {
	var text strings.Builder
	for i, s := range t.Steps {
		fmt.Fprintf(&text, "%2d  %-14s  %-9s  %s\n", i+1, s.Hop, s.Verdict, s.Reason)
		var about []string
		if s.ResourceID != "" {
			about = append(about, s.ResourceID)
		}
		if s.Rule != nil {
			about = append(about, "rule "+s.Rule.ID)
		}
		if len(about) > 0 {
			fmt.Fprintf(&text, "%33s%s\n", "", strings.Join(about, ", "))
		}
	}
	if t.Disagreement != nil {
		fmt.Fprintf(&text, "\n%s\n", *t.Disagreement)
	}
	verdict := "does not reach"
	if t.Reached {
		verdict = "reaches"
	}
	fmt.Fprintf(&text, "\n%s %s %s\n", t.Source, verdict, t.Destination)
	_, err := io.WriteString(out, text.String())
	return err
}
