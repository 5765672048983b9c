package demo

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"strings"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/ports"
)

// Trace follows a packet from a port, named by id, name or address, through
// the extension port-trace; query holds its parameters.
func Trace(ctx context.Context, cfg Config, port string, query url.Values) (*PortTrace, error) {
	provider, err := logIn(ctx, cfg)
	if err != nil {
		return nil, err
	}
	network, err := openstack.NewNetworkV2(provider, gophercloud.EndpointOpts{Region: cfg.Region})
	if err != nil {
		return nil, err
	}
	id, err := findPort(ctx, network, port)
	if err != nil {
		return nil, err
	}
	var answer struct{ Trace PortTrace }
	response, err := network.Get(ctx, network.ServiceURL("ports", id, "trace")+"?"+query.Encode(), &answer, nil)
	if err != nil {
		return nil, err
	}
	return &answer.Trace, response.Body.Close()
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

// PortTrace is what the extension port-trace answers (GET
// /v2.0/ports/{id}/trace).
type PortTrace struct {
	Source, Destination string
	Reached             bool
	Disagreement        *string
	Steps               []struct {
		Hop, Verdict, Reason string
		ResourceID           string `json:"resource_id"`
		Rule                 *struct{ ID string }
	}
}

// Print writes the steps for people.
func (t *PortTrace) Print(out io.Writer) error {
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
