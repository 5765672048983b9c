package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"wisp/internal/operator"
)

// onServer makes a command that speaks to the server of the state directory.
func onServer(command *cobra.Command, run func(ctx context.Context, client *operator.Client, out io.Writer, args []string) error) *cobra.Command {
	var s settings
	command.RunE = func(c *cobra.Command, args []string) error {
		if err := s.load(); err != nil {
			return err
		}
		if s.Role == roleNode {
			return fmt.Errorf("%s is the state directory of a node; this is to be said on a machine of the cloud where a server runs", s.StateDir)
		}
		client := operator.NewClient(s.StateDir)
		defer client.Close()
		return run(c.Context(), client, c.OutOrStdout(), args)
	}
	stateFlag(command, &s)
	return command
}

func nodeTokenCommand() *cobra.Command {
	command := &cobra.Command{Use: "token", Short: "Tokens with which machines join, each for one machine"}
	command.AddCommand(tokenCreateCommand(), tokenListCommand(), tokenRevokeCommand())
	return command
}

func tokenCreateCommand() *cobra.Command {
	var (
		host string
		life time.Duration
	)
	command := onServer(&cobra.Command{Use: "create", Short: "Make a token, and print what to type on the machine that shall join", Args: cobra.NoArgs},
		func(ctx context.Context, client *operator.Client, out io.Writer, _ []string) error {
			made, err := client.CreateToken(ctx, host, life)
			if err != nil {
				return err
			}
			whom, name := "one machine", ""
			if host != "" {
				whom, name = "the machine that shall be host "+host, " --host "+host
			}
			_, err = fmt.Fprintf(out, "The token %s is for %s and holds until %s. On that machine, type:\n\n  wisp node join --server %s%s --token %s\n",
				made.Row.ID, whom, made.Row.ExpiresAt.Local().Format(time.DateTime), made.NodeURL, name, made.Token)
			return err
		})
	command.Flags().StringVar(&host, "host", "", "only a machine that joins under this name can use it")
	command.Flags().DurationVar(&life, "ttl", time.Hour, "how long it holds")
	return command
}

// table prints rows, the first of which is the heading.
func table(out io.Writer, rows [][]string) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		if _, err := fmt.Fprintln(w, strings.Join(row, "\t")); err != nil {
			return err
		}
	}
	return w.Flush()
}

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

func tokenListCommand() *cobra.Command {
	return onServer(&cobra.Command{Use: "list", Short: "List the tokens", Args: cobra.NoArgs},
		func(ctx context.Context, client *operator.Client, out io.Writer, _ []string) error {
			tokens, err := client.Tokens(ctx)
			if err != nil {
				return err
			}
			rows := [][]string{{"TOKEN", "HOST", "EXPIRES", "STATE"}}
			for _, t := range tokens {
				state := "unused"
				switch {
				case !t.UsedAt.IsZero():
					state = "used by " + t.UsedBy
				case time.Now().After(t.ExpiresAt):
					state = "expired"
				}
				rows = append(rows, []string{t.ID, orDash(t.Host), t.ExpiresAt.Local().Format(time.DateTime), state})
			}
			return table(out, rows)
		})
}

func tokenRevokeCommand() *cobra.Command {
	return onServer(&cobra.Command{Use: "revoke TOKEN", Short: "Forget a token; a machine that used it stays a node", Args: cobra.ExactArgs(1)},
		func(ctx context.Context, client *operator.Client, out io.Writer, args []string) error {
			id, _, _ := strings.Cut(args[0], ".") // the whole token will do
			if err := client.RevokeToken(ctx, id); err != nil {
				return err
			}
			_, err := fmt.Fprintf(out, "The token %s is not valid any more.\n", id)
			return err
		})
}

func nodeListCommand() *cobra.Command {
	return onServer(&cobra.Command{Use: "list", Short: "List the cloud's hosts", Args: cobra.NoArgs},
		func(ctx context.Context, client *operator.Client, out io.Writer, _ []string) error {
			nodes, err := client.Nodes(ctx)
			if err != nil {
				return err
			}
			rows := [][]string{{"HOST", "STATE", "ADDRESS", "TUNNELS", "INSTANCES", "VERSION", "CERTIFICATE", "SERVER"}}
			for i := range nodes {
				n := &nodes[i]
				state, certificate := n.State, "-"
				if n.Disabled {
					state += ", drained"
				}
				if !n.Certificate.IsZero() {
					certificate = "until " + n.Certificate.Local().Format(time.DateTime)
				}
				rows = append(rows, []string{
					n.Host, state, orDash(n.Address), orDash(n.Tunnel), fmt.Sprint(len(n.Instances)), orDash(n.Version), certificate, orDash(n.Server),
				})
			}
			return table(out, rows)
		})
}

func printInstances(out io.Writer, n operator.Node) error {
	rows := make([][]string, len(n.Instances))
	for i, one := range n.Instances {
		rows[i] = []string{"  " + one.ID, one.Name}
	}
	return table(out, rows)
}

const drainEvery = time.Second

func nodeDrainCommand() *cobra.Command {
	var (
		wait   bool
		reason string
	)
	command := onServer(&cobra.Command{Use: "drain HOST", Short: "Send no new instances to a host, and move routers' gateways off it", Args: cobra.ExactArgs(1)},
		func(ctx context.Context, client *operator.Client, out io.Writer, args []string) error {
			drained, err := client.Drain(ctx, args[0], reason)
			if err != nil {
				return err
			}
			n := drained.Node
			_, err = fmt.Fprintf(out, "The host %s gets no new instances; %d gateways of routers were moved off it.\n", n.Host, drained.Moved)
			if err != nil {
				return err
			}
			if len(n.Instances) == 0 {
				_, err = fmt.Fprintln(out, "No instance is there.")
				return err
			}
			if _, err := fmt.Fprintf(out, "%d instances are there:\n", len(n.Instances)); err != nil {
				return err
			}
			if err := printInstances(out, n); err != nil || !wait {
				return err
			}
			return waitEmpty(ctx, client, out, n)
		})
	command.Flags().BoolVar(&wait, "wait", false, "wait until no instance is there")
	command.Flags().StringVar(&reason, "reason", operator.DefaultReason, "that the list of services shows")
	return command
}

func waitEmpty(ctx context.Context, client *operator.Client, out io.Writer, n operator.Node) error {
	tick := time.NewTicker(drainEvery)
	defer tick.Stop()
	for left := len(n.Instances); left > 0; {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
		now, err := client.Node(ctx, n.Host)
		if err != nil {
			return err
		}
		if len(now.Instances) != left {
			left = len(now.Instances)
			if _, err := fmt.Fprintf(out, "%d left\n", left); err != nil {
				return err
			}
		}
	}
	return nil
}

func nodeUndrainCommand() *cobra.Command {
	return onServer(&cobra.Command{Use: "undrain HOST", Short: "Send instances to a host again", Args: cobra.ExactArgs(1)},
		func(ctx context.Context, client *operator.Client, out io.Writer, args []string) error {
			n, err := client.Undrain(ctx, args[0])
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(out, "The host %s gets instances again.\n", n.Host)
			return err
		})
}

func nodeRemoveCommand() *cobra.Command {
	var force bool
	command := onServer(&cobra.Command{Use: "remove HOST", Short: "Take a host out of the cloud: it is refused from then on", Args: cobra.ExactArgs(1)},
		func(ctx context.Context, client *operator.Client, out io.Writer, args []string) error {
			n, err := client.Remove(ctx, args[0], force)
			if err != nil {
				return err
			}
			if len(n.Instances) == 0 {
				_, err = fmt.Fprintf(out, "The host %s is not of the cloud any more. On that machine, `wisp purge` clears what is left there.\n", n.Host)
				return err
			}
			_, err = fmt.Fprintf(out, "The host %s is shut out and counts as down. These instances are still recorded there: evacuate or delete them, then remove the host again.\n", n.Host)
			if err != nil {
				return err
			}
			return printInstances(out, n)
		})
	command.Flags().BoolVar(&force, "force", false, "although instances are there, of a host that is down")
	return command
}
