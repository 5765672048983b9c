package demo

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/keypairs"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/servers"
	"golang.org/x/crypto/ssh"
)

const (
	activeLimit = 60 * time.Second
	bootLimit   = 3 * time.Minute // of a guest, in software emulation on a busy machine
	askEvery    = 100 * time.Millisecond
	loginEvery  = 500 * time.Millisecond
	sshTimeout  = 10 * time.Second
	guestUser   = "cirros"
)

type instance struct {
	name, id string
	address  netip.Addr
}

type privateKey struct {
	signer ssh.Signer
	public string
}

func unique(name string) string { return name + "-" + strings.ToLower(rand.Text()[:6]) }

func (d *day) createServers(ctx context.Context) error {
	for _, s := range []struct{ name, network string }{{"a1", d.netA}, {"a2", d.netA}, {"b1", d.netB}} {
		server, err := servers.Create(ctx, d.user.compute, keypairs.CreateOptsExt{
			KeyName: keyName,
			CreateOptsBuilder: servers.CreateOpts{
				Name: s.name, ImageRef: d.imageID, FlavorRef: d.flavorID, SecurityGroups: []string{"demo"},
				Networks: []servers.Network{{UUID: s.network}}, Metadata: map[string]string{"made-by": "demo"},
			},
		}, nil).Extract()
		if err != nil {
			return err
		}
		d.servers[s.name] = &instance{name: s.name, id: server.ID}
		d.later("instance "+s.name, func(ctx context.Context) error { return d.deleteServer(ctx, server.ID) })
	}
	return nil
}

func (d *day) deleteServer(ctx context.Context, id string) error {
	if err := servers.Delete(ctx, d.user.compute, id).ExtractErr(); err != nil {
		return err
	}
	return until(ctx, activeLimit, askEvery, func(ctx context.Context) (bool, string, error) {
		_, err := servers.Get(ctx, d.user.compute, id).Extract()
		if gophercloud.ResponseCodeIs(err, 404) {
			return true, "", nil
		}
		return false, "it is still there", err
	})
}

func (d *day) waitStatus(ctx context.Context, s *instance, status string) error {
	err := until(ctx, activeLimit, askEvery, func(ctx context.Context) (bool, string, error) {
		server, err := servers.Get(ctx, d.user.compute, s.id).Extract()
		if err != nil {
			return false, "", err
		}
		if server.Status == "ERROR" {
			return false, "", fmt.Errorf("ERROR: %s", server.Fault.Message)
		}
		for _, list := range server.Addresses {
			addresses, _ := list.([]any)
			for _, one := range addresses {
				if m, ok := one.(map[string]any); ok && m["OS-EXT-IPS:type"] == "fixed" {
					text, _ := m["addr"].(string)
					if ip, err := netip.ParseAddr(text); err == nil {
						s.address = ip
					}
				}
			}
		}
		return server.Status == status, "its status is " + server.Status, nil
	})
	if err != nil {
		return fmt.Errorf("instance %s: %w", s.name, err)
	}
	return nil
}

func (d *day) waitActive(ctx context.Context) error {
	for _, name := range []string{"a1", "a2", "b1"} {
		if err := d.waitStatus(ctx, d.servers[name], "ACTIVE"); err != nil {
			return err
		}
	}
	return nil
}

func (d *day) pingFloating(ctx context.Context) (err error) {
	p, err := startPing(d.floating)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.stop()) }()
	start := time.Now()
	err = until(ctx, bootLimit, pingEvery, func(context.Context) (bool, string, error) {
		return !p.last().IsZero(), d.floating.String() + " does not answer", nil
	})
	if err == nil {
		d.saw("this machine", "floating IP "+d.floating.String(), "ping answered %s after the floating IP was there", time.Since(start).Round(100*time.Millisecond))
	}
	return err
}

// inGuest runs a command in the instance with the floating IP.
func (d *day) inGuest(ctx context.Context, command string) (string, error) {
	client, err := d.dial(ctx)
	if err != nil {
		return "", err
	}
	defer func() { _ = client.Close() }()
	return output(client, command)
}

func output(client *ssh.Client, command string) (string, error) {
	session, err := client.NewSession()
	if err != nil {
		return "", err
	}
	defer func() { _ = session.Close() }()
	text, err := session.CombinedOutput(command)
	if err != nil {
		return string(text), fmt.Errorf("%s: %w: %s", command, err, strings.TrimSpace(string(text)))
	}
	return string(text), nil
}

func (d *day) sshConfig() *ssh.ClientConfig {
	return &ssh.ClientConfig{
		User: guestUser, Auth: []ssh.AuthMethod{ssh.PublicKeys(d.key.signer)}, Timeout: sshTimeout,
		HostKeyCallback: ssh.InsecureIgnoreHostKey(), // the guest made its key a moment ago; nobody can know it
	}
}

func (d *day) dial(ctx context.Context) (*ssh.Client, error) {
	dialer := net.Dialer{Timeout: sshTimeout}
	conn, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort(d.floating.String(), "22"))
	if err != nil {
		return nil, err
	}
	return d.handshake(conn, d.floating)
}

func (d *day) handshake(conn net.Conn, to netip.Addr) (*ssh.Client, error) {
	_ = conn.SetDeadline(time.Now().Add(3 * sshTimeout)) // connections through a guest have none
	c, channels, requests, err := ssh.NewClientConn(conn, to.String(), d.sshConfig())
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	_ = conn.SetDeadline(time.Time{})
	return ssh.NewClient(c, channels, requests), nil
}

// hop logs in to another guest through the one with the floating IP.
func (d *day) hop(ctx context.Context, to netip.Addr) (through, client *ssh.Client, err error) {
	if through, err = d.dial(ctx); err != nil {
		return nil, nil, err
	}
	conn, err := through.DialContext(ctx, "tcp", net.JoinHostPort(to.String(), "22"))
	if err != nil {
		return nil, nil, errors.Join(err, through.Close())
	}
	if client, err = d.handshake(conn, to); err != nil {
		return nil, nil, errors.Join(err, through.Close())
	}
	return through, client, nil
}

func (d *day) logIn(ctx context.Context) error {
	start := time.Now()
	err := until(ctx, bootLimit, loginEvery, func(ctx context.Context) (bool, string, error) {
		if _, err := d.inGuest(ctx, "true"); err != nil {
			return false, err.Error(), nil //nolint:nilerr // the guest may still boot: until tells the reason when time is up
		}
		return true, "", nil
	})
	if err == nil {
		d.saw("this machine", "a1", "SSH login with the key after %s", time.Since(start).Round(100*time.Millisecond))
	}
	return err
}

func (d *day) checkMetadata(ctx context.Context) error {
	const base = "wget -qO- http://169.254.169.254/"
	for path, want := range map[string]string{
		"openstack/latest/meta_data.json":    d.servers["a1"].id,
		"openstack/latest/network_data.json": d.netA,
		"latest/meta-data/local-ipv4":        d.servers["a1"].address.String(),
		"latest/meta-data/hostname":          "a1",
	} {
		text, err := d.inGuest(ctx, base+path)
		if err != nil {
			return err
		}
		if !strings.Contains(text, want) {
			return fmt.Errorf("%s does not hold %s: %s", path, want, text)
		}
	}
	d.saw("a1", "169.254.169.254", "metadata in the OpenStack and EC2 forms")
	return nil
}

func (d *day) waitGuests(ctx context.Context) error {
	for _, name := range []string{"a2", "b1"} {
		s := d.servers[name]
		err := until(ctx, bootLimit, loginEvery, func(ctx context.Context) (bool, string, error) {
			through, client, err := d.hop(ctx, s.address)
			if err != nil {
				return false, err.Error(), nil //nolint:nilerr // the guest may still boot: until tells the reason when time is up
			}
			return true, "", errors.Join(client.Close(), through.Close())
		})
		if err != nil {
			return fmt.Errorf("instance %s: %w", name, err)
		}
		d.saw("a1", name, "SSH to %s", s.address)
	}
	return nil
}

func (d *day) pingAll(ctx context.Context) error {
	const command = "ping -c 3 -W 2 "
	for _, p := range []struct {
		label string
		to    netip.Addr
	}{
		{"a2 (same network)", d.servers["a2"].address},
		{"b1 (across the router)", d.servers["b1"].address},
		{"the router", d.gatewayA},
		{"the outside, by its floating IP", d.cfg.Outside},
	} {
		text, err := d.inGuest(ctx, command+p.to.String())
		if err != nil {
			return err
		}
		d.saw("a1", fmt.Sprintf("%s %s", p.label, p.to), "%s", summary(text))
	}
	through, client, err := d.hop(ctx, d.servers["b1"].address)
	if err != nil {
		return err
	}
	text, err := output(client, command+d.cfg.Outside.String())
	if err := errors.Join(err, client.Close(), through.Close()); err != nil {
		return err
	}
	d.saw("b1", fmt.Sprintf("the outside, by the shared address %s: %s", d.externalG, d.cfg.Outside), "%s", summary(text))
	return nil
}

// summary is the last line of ping's output: the times.
func summary(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.TrimSpace(lines[len(lines)-1])
}

func (d *day) readConsole(ctx context.Context) error {
	text, err := servers.ShowConsoleOutput(ctx, d.user.compute, d.servers["a1"].id, servers.ShowConsoleOutputOpts{}).Extract()
	if err != nil {
		return err
	}
	if !strings.Contains(text, "a1 login:") && !strings.Contains(text, guestUser) {
		return fmt.Errorf("the console log shows no login: %q", text)
	}
	d.saw("a1", "console log", "%d bytes, with a login prompt", len(text))
	return nil
}

func (d *day) powerCycle(ctx context.Context) error {
	s := d.servers["a2"]
	if err := servers.Stop(ctx, d.user.compute, s.id).ExtractErr(); err != nil {
		return err
	}
	if err := d.waitStatus(ctx, s, "SHUTOFF"); err != nil {
		return err
	}
	if err := servers.Start(ctx, d.user.compute, s.id).ExtractErr(); err != nil {
		return err
	}
	if err := d.waitStatus(ctx, s, "ACTIVE"); err != nil {
		return err
	}
	if err := servers.Reboot(ctx, d.user.compute, s.id, servers.RebootOpts{Type: servers.HardReboot}).ExtractErr(); err != nil {
		return err
	}
	return d.waitStatus(ctx, s, "ACTIVE")
}
