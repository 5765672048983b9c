// Package bench measures a cloud from outside, as its users meet it. `make
// bench` runs it; it is no part of the tests. Figures are medians.
package bench

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"wisp/test/world"
)

var wanted = flag.Bool("figures", false, "measure")

const rounds = 10

// sample holds the durations of one thing.
type sample []time.Duration

func (s sample) median() time.Duration {
	sorted := slices.Sorted(slices.Values(s))
	return sorted[len(sorted)/2]
}

type table struct{ rows [][3]string }

func (f *table) add(what, figure, goal string) {
	f.rows = append(f.rows, [3]string{what, figure, goal})
}

func (f *table) duration(what string, s sample, goal string) {
	f.add(what, s.median().Round(10*time.Microsecond).String(), goal)
}

func (f *table) log(t *testing.T) {
	t.Helper()
	var text strings.Builder
	for _, row := range f.rows {
		fmt.Fprintf(&text, "| %-52s | %-14s | %-12s |\n", row[0], row[1], row[2])
	}
	t.Logf("\n| %-52s | %-14s | %-12s |\n|---|---|---|\n%s", "figure (median of 10)", "wisp", "goal", text.String())
}

// repeat measures something several times.
func repeat(t *testing.T, times int, do func(i int) error) sample {
	t.Helper()
	var s sample
	for i := range times {
		start := time.Now()
		if err := do(i); err != nil {
			t.Fatal(err)
		}
		s = append(s, time.Since(start))
	}
	return s
}

func until(limit time.Duration, ask func() error) error {
	deadline := time.Now().Add(limit)
	for {
		err := ask()
		if err == nil || time.Now().After(deadline) {
			return err
		}
		<-time.After(2 * time.Millisecond)
	}
}

func status(c *world.Caller, id, want string) func() error {
	return func() error {
		server, err := c.Get("/compute/v2.1/servers/"+id, "server")
		if err != nil {
			return err
		}
		if server["status"] != want {
			return fmt.Errorf("the server is %v: %v", server["status"], server["fault"])
		}
		return nil
	}
}

func gone(c *world.Caller, id string) func() error {
	return func() error {
		_, err := c.Get("/compute/v2.1/servers/"+id, "server")
		if no, ok := errors.AsType[*world.StatusError](err); ok && no.Status == http.StatusNotFound {
			return nil
		}
		return errors.Join(err, errors.New("the server is still there"))
	}
}

// pss is the memory of the cloud's process, in MiB.
func pss(t *testing.T, w *world.World) float64 {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(w.State, "wisp.pid"))
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(filepath.Join("/proc", strings.TrimSpace(string(content)), "smaps_rollup"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	for scan := bufio.NewScanner(f); scan.Scan(); {
		if fields := strings.Fields(scan.Text()); len(fields) > 1 && fields[0] == "Pss:" {
			kib, err := strconv.Atoi(fields[1])
			if err != nil {
				t.Fatal(err)
			}
			return float64(kib) / 1024
		}
	}
	t.Fatal("no Pss in smaps_rollup")
	return 0
}

func TestFigures(t *testing.T) {
	if !*wanted {
		t.Skip("run with -figures")
	}
	f := &table{}
	t.Run("guests", func(t *testing.T) { guests(t, f) })
	t.Run("many", func(t *testing.T) { many(t, f) })
	f.log(t)
}

// guests measures with QEMU.
func guests(t *testing.T, f *table) {
	w := world.New(t)
	start := time.Now()
	w.Up(t)
	f.add("wisp up to healthy", time.Since(start).Round(10*time.Millisecond).String(), "< 3 s")
	f.add("PSS idle", fmt.Sprintf("%.0f MiB", pss(t, w)), "< 100 MB")
	w.Openstack(t, "image", "create", "--file", w.Guest, "--disk-format", "qcow2", "cirros")
	image := w.Value(t, "id", "image", "show", "cirros")
	c := w.NewCaller(t)
	flavor := c.Create("/compute/v2.1/flavors", "flavor", `{"flavor": {"name": "m1.bench", "ram": 128, "vcpus": 1, "disk": 1}}`)
	external := c.Create("/network/v2.0/networks", "network", `{"network": {"name": "ext", "router:external": true, "provider:network_type": "flat", "provider:physical_network": "public"}}`)
	c.Create("/network/v2.0/subnets", "subnet", fmt.Sprintf(`{"subnet": {"network_id": %q, "ip_version": 4, "cidr": "172.24.4.0/24", "gateway_ip": "172.24.4.1", "enable_dhcp": false}}`, external))
	network := c.Create("/network/v2.0/networks", "network", `{"network": {"name": "net"}}`)
	subnet := c.Create("/network/v2.0/subnets", "subnet", fmt.Sprintf(`{"subnet": {"network_id": %q, "ip_version": 4, "cidr": "10.5.0.0/24"}}`, network))
	router := c.Create("/network/v2.0/routers", "router", fmt.Sprintf(`{"router": {"name": "r", "external_gateway_info": {"network_id": %q}}}`, external))
	if _, err := c.Request("PUT", "/network/v2.0/routers/"+router+"/add_router_interface", fmt.Sprintf(`{"subnet_id": %q}`, subnet)); err != nil {
		t.Fatal(err)
	}
	group := c.Create("/network/v2.0/security-groups", "security_group", `{"security_group": {"name": "open"}}`)
	c.Create("/network/v2.0/security-group-rules", "security_group_rule", fmt.Sprintf(`{"security_group_rule": {"security_group_id": %q, "direction": "ingress", "protocol": "icmp"}}`, group))
	port := c.Create("/network/v2.0/ports", "port", fmt.Sprintf(`{"port": {"network_id": %q, "security_groups": [%q]}}`, network, group))
	floating := c.Create("/network/v2.0/floatingips", "floatingip", fmt.Sprintf(`{"floatingip": {"floating_network_id": %q, "port_id": %q}}`, external, port))
	ip, err := c.Get("/network/v2.0/floatingips/"+floating, "floatingip")
	if err != nil {
		t.Fatal(err)
	}
	address, _ := ip["floating_ip_address"].(string)
	boot := func(name string, network string) string {
		return c.Create("/compute/v2.1/servers", "server", fmt.Sprintf(`{"server": {"name": %q, "imageRef": %q, "flavorRef": %q, "networks": [%s]}}`, name, image, flavor, network))
	}
	plugged := fmt.Sprintf(`{"port": %q}`, port)
	warm := boot("warm", plugged) // the first one fetches the image to the host
	if err := errors.Join(until(time.Minute, status(c, warm, "ACTIVE")), remove(c, warm)); err != nil {
		t.Fatal(err)
	}
	var active, pinged, deleted sample
	for i := range rounds {
		start := time.Now()
		id := boot(fmt.Sprint("bench-", i), plugged)
		if err := until(time.Minute, status(c, id, "ACTIVE")); err != nil {
			t.Fatal(err)
		}
		active = append(active, time.Since(start))
		if err := until(2*time.Minute, func() error { return w.Ping(address) }); err != nil {
			t.Fatal(err)
		}
		pinged = append(pinged, time.Since(start))
		start = time.Now()
		if err := remove(c, id); err != nil {
			t.Fatal(err)
		}
		deleted = append(deleted, time.Since(start))
	}
	f.duration("POST server → ACTIVE", active, "< 500 ms")
	f.duration("POST server → guest answers ping (TCG)", pinged, "")
	f.duration("DELETE server → gone", deleted, "")
	var ids []string
	for i := range rounds {
		ids = append(ids, boot(fmt.Sprint("many-", i), fmt.Sprintf(`{"uuid": %q}`, network)))
	}
	for _, id := range ids {
		if err := until(time.Minute, status(c, id, "ACTIVE")); err != nil {
			t.Fatal(err)
		}
	}
	f.add("PSS with 10 guests", fmt.Sprintf("%.0f MiB", pss(t, w)), "< 100 MB")
	for _, id := range ids {
		if err := remove(c, id); err != nil {
			t.Fatal(err)
		}
	}
}

func remove(c *world.Caller, id string) error {
	if _, err := c.Request("DELETE", "/compute/v2.1/servers/"+id, ""); err != nil {
		return err
	}
	return until(time.Minute, gone(c, id))
}

// many measures the APIs with a hypervisor that pretends.
func many(t *testing.T, f *table) {
	w := world.New(t)
	w.Up(t, "--hypervisor", "fake")
	c := w.NewCaller(t)
	env := w.Env()
	f.duration("token issue (bcrypt, 12 rounds)", repeat(t, rounds, func(int) error { c.IssueToken(env); return nil }), "")
	validate := func(int) error {
		_, err := c.Request("GET", "/identity/v3/auth/tokens", "", "X-Subject-Token", c.Token)
		return err
	}
	repeat(t, 100, validate)
	f.duration("token validate", repeat(t, 500, validate), "< 0.5 ms")
	f.duration("network create", repeat(t, rounds, func(i int) error {
		_, err := c.Request("POST", "/network/v2.0/networks", fmt.Sprintf(`{"network": {"name": "n-%d"}}`, i))
		return err
	}), "")
	project := w.Value(t, "id", "project", "show", "admin")
	if _, err := c.Request("PUT", "/compute/v2.1/os-quota-sets/"+project, `{"quota_set": {"instances": -1, "cores": -1, "ram": -1}}`); err != nil {
		t.Fatal(err)
	}
	w.Openstack(t, "image", "create", "--file", w.Guest, "--disk-format", "qcow2", "cirros")
	image := w.Value(t, "id", "image", "show", "cirros")
	flavor := c.Create("/compute/v2.1/flavors", "flavor", `{"flavor": {"name": "m1.tiny", "ram": 1, "vcpus": 1, "disk": 0}}`)
	made := 0
	fill := func(to int) {
		t.Helper()
		for ; made < to; made++ {
			body := fmt.Sprintf(`{"server": {"name": "s-%d", "imageRef": %q, "flavorRef": %q, "networks": "none"}}`, made, image, flavor)
			if _, err := c.Request("POST", "/compute/v2.1/servers", body, "OpenStack-API-Version", "compute 2.37"); err != nil {
				t.Fatal(err)
			}
		}
	}
	list := func(want int) func(int) error {
		return func(int) error {
			// Not decoded: that would measure this program.
			body, err := c.Request("GET", "/compute/v2.1/servers/detail", "")
			if n := strings.Count(body, `"OS-EXT-STS:vm_state"`); err == nil && n != want {
				err = fmt.Errorf("%d servers in the list, want %d", n, want)
			}
			return err
		}
	}
	fill(100)
	f.duration("list of 100 servers, detailed", repeat(t, rounds, list(100)), "")
	fill(1000)
	f.duration("list of 1,000 servers, detailed", repeat(t, rounds, list(1000)), "< 50 ms")
	f.add("PSS with 1,000 pretended servers", fmt.Sprintf("%.0f MiB", pss(t, w)), "")
}
