package fleet

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"wisp/test/world"
)

// Kit is what instances with real guests are made of.
type Kit struct{ Image, Flavor, Group string }

// Kit uploads the small guest image, and makes a flavor and a security group
// that lets everything in.
func (f *Fleet) Kit(c *world.Caller) Kit {
	f.t.Helper()
	content, err := os.ReadFile(f.Guest)
	if err != nil {
		f.t.Fatal(err)
	}
	made, err := c.Made("/image/v2/images", `{"name": "cirros", "disk_format": "qcow2", "container_format": "bare", "visibility": "public"}`)
	if err != nil {
		f.t.Fatal(err)
	}
	k := Kit{Image: made}
	if _, err := c.Request("PUT", "/image/v2/images/"+k.Image+"/file", string(content), "Content-Type", "application/octet-stream"); err != nil {
		f.t.Fatal(err)
	}
	k.Flavor = c.Create("/compute/v2.1/flavors", "flavor", `{"flavor": {"name": "m1.small", "ram": 128, "vcpus": 1, "disk": 1}}`)
	k.Group = c.Create("/network/v2.0/security-groups", "security_group", `{"security_group": {"name": "open"}}`)
	c.Create("/network/v2.0/security-group-rules", "security_group_rule", fmt.Sprintf(`{"security_group_rule": {"security_group_id": %q, "direction": "ingress"}}`, k.Group))
	return k
}

// Instance is a server with a real guest.
type Instance struct {
	ID, PortID, Address string
}

// Boot makes an instance on a host and waits until it runs.
func (k Kit) Boot(t testing.TB, c *world.Caller, n Network, host string) Instance {
	t.Helper()
	i := Instance{PortID: c.Create("/network/v2.0/ports", "port", fmt.Sprintf(`{"port": {"network_id": %q, "security_groups": [%q]}}`, n.ID, k.Group))}
	port, err := c.Get("/network/v2.0/ports/"+i.PortID, "port")
	if err != nil {
		t.Fatal(err)
	}
	if ips, ok := port["fixed_ips"].([]any); ok && len(ips) > 0 {
		first, _ := ips[0].(map[string]any)
		i.Address, _ = first["ip_address"].(string)
	}
	i.ID = c.Create("/compute/v2.1/servers", "server", fmt.Sprintf(
		`{"server": {"name": "on-%s", "imageRef": %q, "flavorRef": %q, "availability_zone": "nova:%s", "networks": [{"port": %q}]}}`, host, k.Image, k.Flavor, host, i.PortID))
	i.Await(t, c, "ACTIVE", host)
	return i
}

// Await waits for an instance's status and host; ERROR ends the test.
func (i Instance) Await(t testing.TB, c *world.Caller, status, host string) {
	t.Helper()
	world.Eventually(t, time.Minute, func() error {
		server, err := c.Get("/compute/v2.1/servers/"+i.ID, "server")
		if err != nil {
			return err
		}
		if server["status"] == "ERROR" && status != "ERROR" {
			t.Fatalf("server %s: %v", i.ID, server["fault"])
		}
		if server["status"] != status || server["OS-EXT-SRV-ATTR:host"] != host {
			return fmt.Errorf("it is %v on %v", server["status"], server["OS-EXT-SRV-ATTR:host"])
		}
		return nil
	})
}

// Machines are the processes that run an instance, on whichever machine.
func (i Instance) Machines(t testing.TB) (pids []int) {
	t.Helper()
	all, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range all {
		command, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended
		}
		program, _, _ := bytes.Cut(command, []byte{0})
		if bytes.Contains(program, []byte("qemu-system")) && bytes.Contains(command, []byte(i.ID)) {
			if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file))); err == nil {
				pids = append(pids, pid)
			}
		}
	}
	return pids
}

// Losses pings an address once in a while until stop is called, which returns
// how many went out and how many had no answer.
func (f *Fleet) Losses(netns, address string) (stop func() (sent, lost int)) {
	end, done := make(chan struct{}), make(chan struct{})
	var sent, lost int
	go func() {
		defer close(done)
		tick := time.NewTicker(250 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-end:
				return
			case <-tick.C:
			}
			sent++
			if _, err := f.Try(netns, "ping", "-n", "-c", "1", "-W", "1", address); err != nil {
				lost++
			}
		}
	}()
	return func() (int, int) {
		close(end)
		<-done
		return sent, lost
	}
}

var errSeveral = errors.New("several machines run the instance")

// Once waits until one process runs the instance.
func (i Instance) Once(t testing.TB, limit time.Duration) {
	t.Helper()
	world.Eventually(t, limit, func() error {
		if n := len(i.Machines(t)); n != 1 {
			return fmt.Errorf("%w: %d", errSeveral, n)
		}
		return nil
	})
}
