package e2e

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"wisp/test/world"
)

const crashRounds = 30

// TestCrashes kills wisp at random moments while a server is being created.
// Each time it comes back, the server becomes ACTIVE, or ERROR with a reason;
// in the end nothing has leaked.
func TestCrashes(t *testing.T) {
	w := world.New(t)
	w.Up(t)
	w.Openstack(t, "image", "create", "--file", w.Guest, "--disk-format", "qcow2", "cirros")
	w.Openstack(t, "flavor", "create", "--ram", "128", "--disk", "1", "--vcpus", "1", "m1.small")
	w.Openstack(t, "network", "create", "net")
	w.Openstack(t, "subnet", "create", "--network", "net", "--subnet-range", "10.3.0.0/24", "net")
	c := w.NewCaller(t)
	image, flavor, network := w.Value(t, "id", "image", "show", "cirros"), w.Value(t, "id", "flavor", "show", "m1.small"), w.Value(t, "id", "network", "show", "net")
	ports := c.Count("/network/v2.0/ports", "ports")
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	ended := map[string]int{}
	for round := range crashRounds {
		moment := time.Duration(random.Int64N(int64(600 * time.Millisecond)))
		killed := make(chan struct{})
		timer := time.AfterFunc(moment, func() {
			if err := w.Kill(); err != nil {
				t.Error(err)
			}
			close(killed)
		})
		body := fmt.Sprintf(`{"server": {"name": "crash-%d", "imageRef": %q, "flavorRef": %q, "networks": [{"uuid": %q}]}}`, round, image, flavor, network)
		_, _ = c.Request("POST", "/compute/v2.1/servers", body) // its answer may be lost: that is the point
		<-killed
		timer.Stop()
		if out, err := w.Run(time.Minute, w.Wisp, "up", "--state-dir", w.State); err != nil {
			t.Fatalf("round %d, killed after %s: %v %s", round, moment, err, out)
		}
		for _, server := range c.List("/compute/v2.1/servers/detail", "servers") {
			id, _ := server["id"].(string)
			status := ""
			world.Eventually(t, time.Minute, func() error {
				now, err := c.Get("/compute/v2.1/servers/"+id, "server")
				if err != nil {
					return err
				}
				if status, _ = now["status"].(string); status != "ACTIVE" && status != "ERROR" {
					return fmt.Errorf("round %d, killed after %s: the server is %s", round, moment, status)
				}
				if fault, _ := now["fault"].(map[string]any); status == "ERROR" && fault["message"] == nil {
					t.Errorf("round %d: ERROR without a reason", round)
				}
				return nil
			})
			ended[status]++
			if _, err := c.Request("DELETE", "/compute/v2.1/servers/"+id, ""); err != nil {
				t.Error(err)
			}
		}
		world.Eventually(t, time.Minute, func() error {
			if n := c.Count("/compute/v2.1/servers", "servers"); n > 0 {
				return fmt.Errorf("%d servers are left", n)
			}
			return nil
		})
	}
	t.Logf("how the servers ended: %v", ended)
	if n := c.Count("/network/v2.0/ports", "ports"); n != ports {
		t.Errorf("%d ports, before there were %d", n, ports)
	}
	if usage, err := c.Get("/compute/v2.1/limits", "limits"); err != nil || !strings.Contains(fmt.Sprint(usage), "totalInstancesUsed:0") {
		t.Errorf("limits after all: %v %v", usage, err)
	}
	if left := leftovers(t, w); len(left) > 0 {
		t.Errorf("left behind:\n%s", strings.Join(left, "\n"))
	}
}

// leftovers are traces of instances: processes, taps, disks.
func leftovers(t *testing.T, w *world.World) []string {
	t.Helper()
	var left []string
	out, err := w.Run(world.Short, "ip", "-o", "link", "show", "type", "tun")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(out) {
		left = append(left, "device "+strings.TrimSpace(line))
	}
	disks, err := filepath.Glob(filepath.Join(w.State, "node", "instances", "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, disk := range disks {
		left = append(left, "folder "+disk)
	}
	return append(left, processes(t, w)...)
}

// processes are those whose command line names the state directory.
func processes(t *testing.T, w *world.World) []string {
	t.Helper()
	var found []string
	entries, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		content, err := os.ReadFile(entry)
		if err != nil {
			continue // it has ended
		}
		if line := strings.ReplaceAll(string(content), "\x00", " "); strings.Contains(line, w.State) && strings.Contains(line, "qemu") {
			found = append(found, "process "+line)
		}
	}
	return found
}

func purgeLeavesNothing(t *testing.T, w *world.World) {
	if out, err := w.Run(2*time.Minute, w.Wisp, "purge", "--yes", "--state-dir", w.State); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	links, err := w.Run(world.Short, "ip", "-o", "link")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(links) {
		if !strings.Contains(line, "lo:") && !strings.Contains(line, "eth0@") {
			t.Errorf("a device is left: %s", line)
		}
	}
	for _, name := range []string{"wisp.db", "node", "images", "settings.json", "openrc"} {
		if _, err := os.Stat(filepath.Join(w.State, name)); err == nil {
			t.Errorf("%s is left", name)
		}
	}
	if left := processes(t, w); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
	if rules, err := w.Run(world.Short, "nft", "list", "tables"); err != nil || strings.Contains(rules, "wisp") {
		t.Errorf("nftables (%v): %s", err, rules)
	}
	if names, err := exec.Command("ip", "netns", "list").Output(); err != nil || strings.Contains(string(names), "svc") && strings.Contains(string(names), w.Prefix()) {
		t.Errorf("namespaces (%v): %s", err, names)
	}
}
