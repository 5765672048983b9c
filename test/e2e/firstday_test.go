package e2e

import (
	"bufio"
	"bytes"
	"context"
	"crypto/md5"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"wisp/test/world"
)

// TestFirstDay is what a new user does on the first day, with the
// distribution's own client and real guests.
func TestFirstDay(t *testing.T) {
	w := world.New(t)
	out := w.Up(t)
	if !strings.Contains(out, "http://127.0.0.1:5000") || !strings.Contains(out, "openrc") {
		t.Errorf("up does not say where the cloud is: %s", out)
	}
	t.Run("up again changes nothing", func(t *testing.T) {
		if again := w.Up(t); !strings.Contains(again, "runs already") {
			t.Errorf("the second up said: %s", again)
		}
	})
	for _, name := range []string{"clouds.yaml", "openrc", "admin-password"} {
		if info, err := os.Stat(filepath.Join(w.State, name)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: mode %v, error %v", name, info.Mode(), err)
		}
	}
	t.Run("the administrator looks around", func(t *testing.T) { lookAround(t, w) })
	user := makeUser(t, w, "demo")
	images(t, user)
	t.Run("flavor and key pairs", func(t *testing.T) { flavorAndKeys(t, w, user) })
	t.Run("networks", func(t *testing.T) { networks(t, w, user) })
	t.Run("bad input", func(t *testing.T) { badInput(t, user) })
	var d *day
	t.Run("instances", func(t *testing.T) { d = instances(t, user) })
	if d == nil {
		t.FailNow()
	}
	t.Run("floating IP: ping, SSH, metadata", func(t *testing.T) { d.fromHost(t) })
	t.Run("pings between guests and outside", func(t *testing.T) { d.pings(t) })
	t.Run("a rule closes and opens a running ping", func(t *testing.T) { d.rule(t) })
	t.Run("the same addresses in another project", func(t *testing.T) { d.isolated(t, w) })
	t.Run("guests go on while wisp is dead", func(t *testing.T) { d.outlives(t) })
	t.Run("power", func(t *testing.T) { d.power(t) })
	t.Run("delete", func(t *testing.T) { d.remove(t) })
	t.Run("purge leaves nothing", func(t *testing.T) { purgeLeavesNothing(t, w) })
}

func lookAround(t *testing.T, w *world.World) {
	for _, c := range []struct {
		args []string
		want []string
	}{
		{[]string{"token", "issue"}, []string{"project_id", "gAAAAA"}},
		{[]string{"catalog", "list"}, []string{"identity", "compute", "image", "network", "placement"}},
		{[]string{"service", "list"}, []string{"keystone", "nova", "glance", "neutron", "placement"}},
		{[]string{"endpoint", "list"}, []string{"/compute/v2.1", "public", "internal", "admin", "RegionOne"}},
		{[]string{"compute", "service", "list"}, []string{"nova-compute", "enabled", "up"}},
		{[]string{"network", "agent", "list"}, []string{":-)", "UP"}},
		{[]string{"hypervisor", "list"}, []string{"QEMU", "up"}},
		{[]string{"availability", "zone", "list"}, []string{"nova", "available"}},
		{[]string{"extension", "list", "--network"}, []string{"router", "security-group"}},
	} {
		out := w.Openstack(t, c.args...)
		for _, want := range c.want {
			if !strings.Contains(out, want) {
				t.Errorf("openstack %s lacks %q:\n%s", strings.Join(c.args, " "), want, out)
			}
		}
	}
}

// makeUser makes a project with a user of the same name that is its member.
func makeUser(t *testing.T, w *world.World, name string) *world.World {
	t.Helper()
	w.Openstack(t, "project", "create", name)
	w.Openstack(t, "user", "create", "--project", name, "--password", "secret-"+name, name)
	w.Openstack(t, "role", "add", "--project", name, "--user", name, "member")
	return w.As(name, "secret-"+name, name)
}

func images(t *testing.T, w *world.World) {
	w.Openstack(t, "image", "create", "--file", w.Guest, "--disk-format", "qcow2", "--container-format", "bare", "cirros")
	t.Run("images", func(t *testing.T) {
		raw := filepath.Join(w.State, "small.raw")
		content := bytes.Repeat([]byte("wisp"), 64<<10)
		if err := os.WriteFile(raw, content, 0o600); err != nil {
			t.Fatal(err)
		}
		defer func() { _ = os.Remove(raw) }()
		w.Openstack(t, "image", "create", "--progress", "--file", raw, "--disk-format", "raw", "raw-image")
		if list := w.Openstack(t, "image", "list"); !strings.Contains(list, "raw-image") || !strings.Contains(list, "active") {
			t.Errorf("the list lacks the image:\n%s", list)
		}
		if sum := w.Value(t, "checksum", "image", "show", "raw-image"); sum != fmt.Sprintf("%x", md5.Sum(content)) {
			t.Errorf("the checksum is %s", sum)
		}
		saved := raw + ".saved"
		defer func() { _ = os.Remove(saved) }()
		w.Openstack(t, "image", "save", "--file", saved, "raw-image")
		if back, err := os.ReadFile(saved); err != nil || !bytes.Equal(back, content) {
			t.Errorf("the saved image differs (%v)", err)
		}
		w.Openstack(t, "image", "delete", "raw-image")
		w.Refused(t, "raw-image", "image", "show", "raw-image")
		// What says raw and is qcow2 is refused.
		if _, err := w.Run(world.Short, "openstack", "image", "create", "--file", w.Guest, "--disk-format", "raw", "liar"); err == nil {
			t.Error("a qcow2 file was taken as raw")
		}
	})
}

func flavorAndKeys(t *testing.T, w, user *world.World) {
	w.Openstack(t, "flavor", "create", "--ram", "128", "--disk", "1", "--vcpus", "1", "m1.small")
	user.Refused(t, "403", "flavor", "create", "--ram", "64", "mine")
	secret := user.Openstack(t, "keypair", "create", "generated")
	user.KeyFile = filepath.Join(user.State, "generated.pem")
	if err := os.WriteFile(user.KeyFile, []byte(secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	public, err := user.Run(world.Short, "ssh-keygen", "-y", "-f", user.KeyFile)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(user.State, "generated.pub")
	if err := os.WriteFile(file, []byte(public), 0o600); err != nil {
		t.Fatal(err)
	}
	user.Openstack(t, "keypair", "create", "--public-key", file, "imported")
	if list := user.Openstack(t, "keypair", "list"); strings.Count(list, "ssh") != 2 {
		t.Errorf("key pairs:\n%s", list)
	}
}

func networks(t *testing.T, w, user *world.World) {
	w.Openstack(t, "network", "create", "--external", "--provider-network-type", "flat", "--provider-physical-network", "public", "ext_net")
	w.Openstack(t, "subnet", "create", "--network", "ext_net", "--subnet-range", "172.24.4.0/24", "--gateway", "172.24.4.1", "--no-dhcp",
		"--allocation-pool", "start=172.24.4.10,end=172.24.4.200", "ext_subnet")
	for name, cidr := range map[string]string{"net-a": "10.1.0.0/24", "net-b": "10.2.0.0/24"} {
		user.Openstack(t, "network", "create", name)
		args := []string{"subnet", "create", "--network", name, "--subnet-range", cidr, "--dns-nameserver", "9.9.9.9"}
		if name == "net-a" {
			args = append(args, "--host-route", "destination=198.51.100.0/24,gateway=10.1.0.254", "--allocation-pool", "start=10.1.0.10,end=10.1.0.99", "--gateway", "10.1.0.1")
		}
		user.Openstack(t, append(args, name)...)
	}
	if kind := w.Value(t, "provider:network_type", "network", "show", "net-a"); kind != "vxlan" {
		t.Errorf("a tenant's network has type %s", kind)
	}
	user.Openstack(t, "router", "create", "r1")
	user.Openstack(t, "router", "set", "--external-gateway", "ext_net", "r1")
	user.Openstack(t, "router", "add", "subnet", "r1", "net-a")
	user.Openstack(t, "router", "add", "subnet", "r1", "net-b")
	user.Openstack(t, "security", "group", "create", "web")
	user.Openstack(t, "security", "group", "rule", "create", "--protocol", "icmp", "web")
	user.Openstack(t, "security", "group", "rule", "create", "--protocol", "tcp", "--dst-port", "22", "web")
}

func badInput(t *testing.T, user *world.World) {
	user.Refused(t, "No Network found", "subnet", "create", "--network", "nowhere", "--subnet-range", "10.9.0.0/24", "x")
	user.Refused(t, "overlap", "subnet", "create", "--network", "net-a", "--subnet-range", "10.1.0.0/25", "x")
	user.Refused(t, "403", "network", "create", "--external", "mine")
	user.Refused(t, "409", "network", "delete", "net-a")
	user.Refused(t, "m1.none", "server", "create", "--image", "cirros", "--flavor", "m1.none", "--network", "net-a", "x")
	user.Refused(t, "403", "user", "list")
	wrong := user.As("demo", "wrong", "demo")
	wrong.Refused(t, "401", "token", "issue")
}

// day is what the tests after the instances' creation use.
type day struct {
	*world.World
	floating   string
	a1, a2, b1 string // addresses
}

func instances(t *testing.T, user *world.World) *day {
	script := filepath.Join(user.State, "user-data")
	if err := os.WriteFile(script, []byte("#!/bin/sh\necho user-data-ran on $(hostname) > /dev/console\necho yes > /run/user-data-ran\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, network := range map[string]string{"a1": "net-a", "a2": "net-a", "b1": "net-b"} {
		args := []string{"server", "create", "--image", "cirros", "--flavor", "m1.small", "--network", network, "--security-group", "web",
			"--key-name", "generated", "--property", "role=" + name}
		if name == "a1" {
			args = append(args, "--user-data", script)
		}
		if name == "b1" {
			args = append(args, "--config-drive", "True")
		}
		user.Openstack(t, append(args, name)...)
	}
	d := &day{World: user}
	for name, address := range map[string]*string{"a1": &d.a1, "a2": &d.a2, "b1": &d.b1} {
		user.WaitStatus(t, name, "ACTIVE")
		// net-a=10.1.0.23 in the list, {'net-a': ['10.1.0.23']} in newer clients
		text := user.Value(t, "addresses", "server", "show", name)
		start := strings.Index(text, "10.")
		if start < 0 {
			t.Fatalf("%s has the addresses %q", name, text)
		}
		*address = strings.FieldsFunc(text[start:], func(r rune) bool { return r != '.' && (r < '0' || r > '9') })[0]
	}
	if list := user.Openstack(t, "server", "list"); strings.Count(list, "ACTIVE") != 3 {
		t.Errorf("the list:\n%s", list)
	}
	d.floating = user.Value(t, "floating_ip_address", "floating", "ip", "create", "ext_net")
	user.Openstack(t, "server", "add", "floating", "ip", "a1", d.floating)
	return d
}

func (d *day) fromHost(t *testing.T) {
	world.Eventually(t, world.BootLimit, func() error { return d.Ping(d.floating) })
	d.SSHEventually(t, d.floating, "true")
	guest := func(command string) string {
		t.Helper()
		out, err := d.SSH(d.floating, command)
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(out)
	}
	if name := guest("hostname"); !strings.HasPrefix(name, "a1") {
		t.Errorf("the guest's name is %q", name)
	}
	if got := guest("cat /run/user-data-ran"); got != "yes" {
		t.Errorf("the user-data script left %q", got)
	}
	if got := guest("sudo id -u"); got != "0" {
		t.Errorf("sudo gave uid %q", got)
	}
	link := guest("ip link show eth0")
	if !strings.Contains(link, "mtu 1450") {
		t.Errorf("the MTU is not that of a VXLAN network: %s", link)
	}
	if routes := guest("ip route"); !strings.Contains(routes, "default via 10.1.0.1") || !strings.Contains(routes, "198.51.100.0/24 via 10.1.0.254") {
		t.Errorf("the routes are:\n%s", routes)
	}
	if dns := guest("cat /etc/resolv.conf"); !strings.Contains(dns, "9.9.9.9") {
		t.Errorf("resolv.conf is:\n%s", dns)
	}
	const url = "wget -qO- http://169.254.169.254/"
	var meta struct {
		UUID string            `json:"uuid"`
		Name string            `json:"name"`
		Meta map[string]string `json:"meta"`
		Keys map[string]string `json:"public_keys"`
	}
	if err := json.Unmarshal([]byte(guest(url+"openstack/latest/meta_data.json")), &meta); err != nil {
		t.Fatal(err)
	}
	if meta.Name != "a1" || meta.Meta["role"] != "a1" || !strings.HasPrefix(meta.Keys["generated"], "ssh-") {
		t.Errorf("meta_data.json says %+v", meta)
	}
	for path, want := range map[string]string{
		"openstack/latest/user_data":                       "user-data-ran",
		"openstack/latest/vendor_data.json":                "{",
		"openstack/latest/network_data.json":               "ipv4_dhcp",
		"latest/meta-data/instance-id":                     "i-",
		"latest/meta-data/local-ipv4":                      d.a1,
		"latest/meta-data/public-ipv4":                     d.floating,
		"latest/meta-data/public-keys/0/openssh-key":       "ssh-",
		"2009-04-04/meta-data/placement/availability-zone": "nova",
	} {
		if got := guest(url + path); !strings.Contains(got, want) {
			t.Errorf("%s is %q, want %q in it", path, got, want)
		}
	}
	if log := d.Openstack(t, "console", "log", "show", "a1"); !strings.Contains(log, "user-data-ran on a1") {
		t.Errorf("the console log lacks what the user-data script wrote:\n%s", log)
	}
}

func (d *day) pings(t *testing.T) {
	d.SSHEventually(t, d.a2, "true", d.floating)
	d.SSHEventually(t, d.b1, "true", d.floating)
	const drive = "mkdir -p /tmp/c && sudo mount -o ro $(sudo blkid -t LABEL=config-2 -o device) /tmp/c && cat /tmp/c/openstack/latest/meta_data.json"
	if out, err := d.SSH(d.b1, drive, d.floating); err != nil || !strings.Contains(out, `"b1"`) {
		t.Errorf("the config drive: %v %s", err, out)
	}
	for _, p := range []struct {
		name, from, to string
		through        []string
	}{
		{"same network", d.floating, d.a2, nil},
		{"across the router", d.floating, d.b1, nil},
		{"the router", d.floating, "10.1.0.1", nil},
		{"the router's other side", d.floating, "10.2.0.1", nil},
		{"outside by the floating IP", d.floating, world.OutsideAddr, nil},
		{"back across the router", d.b1, d.a1, []string{d.floating}},
		{"outside by the shared address", d.b1, world.OutsideAddr, []string{d.floating}},
		{"a floating IP from inside", d.b1, d.floating, []string{d.floating}},
	} {
		if out, err := d.SSH(p.from, "ping -c 3 -W 2 "+p.to, p.through...); err != nil || !strings.Contains(out, " 0% packet loss") {
			t.Errorf("%s: %v %s", p.name, err, out)
		}
	}
}

// watch runs a ping on the machine and remembers when answers came.
type watch struct {
	mu      sync.Mutex
	answers []time.Time
}

func (d *day) watch(t *testing.T, address string) *watch {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	c := d.Command(ctx, "ping", "-n", "-i", "0.1", address)
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	w := &watch{}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for scan := bufio.NewScanner(out); scan.Scan(); {
			if strings.Contains(scan.Text(), "bytes from") {
				w.mu.Lock()
				w.answers = append(w.answers, time.Now())
				w.mu.Unlock()
			}
		}
	}()
	t.Cleanup(func() {
		cancel()
		<-done
		_ = c.Wait()
	})
	return w
}

// between counts the answers in a span of time.
func (w *watch) between(from, to time.Time) (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, at := range w.answers {
		if at.After(from) && at.Before(to) {
			n++
		}
	}
	return n
}

func (d *day) rule(t *testing.T) {
	const effect = time.Second
	id := ""
	for line := range strings.Lines(d.Openstack(t, "security", "group", "rule", "list", "web", "--protocol", "icmp", "-f", "value", "-c", "ID")) {
		id = strings.TrimSpace(line)
	}
	w := d.watch(t, d.floating)
	answering := func(since time.Time) error {
		if w.between(since, time.Now()) == 0 {
			return errors.New("no answer")
		}
		return nil
	}
	world.Eventually(t, world.Short, func() error { return answering(time.Now().Add(-300 * time.Millisecond)) })
	d.Openstack(t, "security", "group", "rule", "delete", id)
	removed := time.Now()
	world.Eventually(t, world.Short, func() error {
		if time.Since(removed) < 2*effect {
			return errors.New("still watching")
		}
		return nil
	})
	if n := w.between(removed.Add(effect), removed.Add(2*effect)); n > 0 {
		t.Errorf("%d answers more than a second after the rule was removed", n)
	}
	before := time.Now()
	d.Openstack(t, "security", "group", "rule", "create", "--protocol", "icmp", "web")
	added := time.Now()
	world.Eventually(t, effect, func() error { return answering(before) })
	t.Logf("answers came back %s after the command ended", time.Since(added).Round(10*time.Millisecond))
}

// isolated makes the same network in another project: neither sees the other.
func (d *day) isolated(t *testing.T, admin *world.World) {
	other := makeUser(t, admin, "foreign")
	other.Openstack(t, "network", "create", "net-a")
	other.Openstack(t, "subnet", "create", "--network", "net-a", "--subnet-range", "10.1.0.0/24", "--gateway", "10.1.0.1", "net-a")
	other.Refused(t, "No", "server", "show", "a1")
	other.Openstack(t, "security", "group", "rule", "create", "--protocol", "icmp", "default")
	// The guest of the other project takes the address of a2, and pings a1.
	script := filepath.Join(d.State, "probe")
	text := fmt.Sprintf("#!/bin/sh\nfor i in 1 2 3; do if ping -c 1 -W 1 %s >/dev/null; then echo FOREIGN-REACHED > /dev/console; else echo FOREIGN-SILENT > /dev/console; fi; done\necho PROBE-DONE > /dev/console\n", d.a1)
	if err := os.WriteFile(script, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	image := d.Value(t, "id", "image", "show", "cirros")
	admin.Openstack(t, "image", "set", "--public", image)
	other.Openstack(t, "port", "create", "--network", "net-a", "--fixed-ip", "ip-address="+d.a2, "p2")
	other.Openstack(t, "server", "create", "--image", image, "--flavor", "m1.small", "--port", "p2", "--user-data", script, "twin")
	other.WaitStatus(t, "twin", "ACTIVE")
	var log string
	world.Eventually(t, world.BootLimit, func() error {
		log = other.Openstack(t, "console", "log", "show", "twin")
		if !strings.Contains(log, "PROBE-DONE") {
			return fmt.Errorf("the guest has not probed yet: %s", log)
		}
		return nil
	})
	if strings.Contains(log, "FOREIGN-REACHED") || !strings.Contains(log, "FOREIGN-SILENT") {
		t.Errorf("the other project's guest saw ours:\n%s", log)
	}
	// And ours still reaches its own neighbour, not the twin.
	if out, err := d.SSH(d.a2, "hostname", d.floating); err != nil || !strings.HasPrefix(out, "a2") {
		t.Errorf("the neighbour at %s is %q (%v)", d.a2, out, err)
	}
	other.Openstack(t, "server", "delete", "--wait", "twin")
	other.Openstack(t, "port", "delete", "p2")
	other.Openstack(t, "network", "delete", "net-a")
}

// outlives kills wisp: guests go on, and are managed again afterwards.
func (d *day) outlives(t *testing.T) {
	w := d.watch(t, d.floating)
	world.Eventually(t, world.Short, func() error {
		if w.between(time.Now().Add(-time.Second), time.Now()) == 0 {
			return errors.New("no answer")
		}
		return nil
	})
	killed := time.Now()
	if err := d.Kill(); err != nil {
		t.Fatal(err)
	}
	world.Eventually(t, world.Short, func() error {
		if time.Since(killed) < 3*time.Second {
			return errors.New("still dead on purpose")
		}
		return nil
	})
	dead := w.between(killed, time.Now())
	if dead < 20 {
		t.Errorf("%d answers in the 3 s without wisp", dead)
	}
	d.run2(t, "up")
	if n := w.between(time.Now().Add(-time.Second), time.Now()); n == 0 {
		t.Error("no answers after wisp came back")
	}
	d.WaitStatus(t, "a1", "ACTIVE")
	if out, err := d.SSH(d.floating, "uptime"); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

func (d *day) run2(t *testing.T, verb string) {
	t.Helper()
	if out, err := d.Run(2*time.Minute, d.Wisp, verb, "--state-dir", d.State); err != nil {
		t.Fatalf("%v %s", err, out)
	}
}

func (d *day) power(t *testing.T) {
	d.Openstack(t, "server", "stop", "a2")
	d.WaitStatus(t, "a2", "SHUTOFF")
	d.Openstack(t, "server", "start", "a2")
	d.WaitStatus(t, "a2", "ACTIVE")
	d.SSHEventually(t, d.a2, "true", d.floating)
	d.Openstack(t, "server", "reboot", "--hard", "--wait", "a2")
	d.WaitStatus(t, "a2", "ACTIVE")
	d.SSHEventually(t, d.a2, "true", d.floating)
	before := strings.TrimSpace(d.SSHEventually(t, d.a2, "cat /proc/sys/kernel/random/boot_id", d.floating))
	d.Openstack(t, "server", "reboot", "--soft", "--wait", "a2")
	world.Eventually(t, world.BootLimit, func() error {
		after, err := d.SSH(d.a2, "cat /proc/sys/kernel/random/boot_id", d.floating)
		if err == nil && strings.TrimSpace(after) == before {
			err = errors.New("the guest has not rebooted")
		}
		return err
	})
}

func (d *day) remove(t *testing.T) {
	d.Openstack(t, "server", "remove", "floating", "ip", "a1", d.floating)
	if err := d.Ping(d.floating); err == nil {
		t.Error("the floating IP answers without an instance")
	}
	d.Openstack(t, "server", "delete", "--wait", "a1", "a2", "b1")
	if list := d.Openstack(t, "server", "list", "-f", "value"); list != "" {
		t.Errorf("servers are left:\n%s", list)
	}
	if ports := d.Openstack(t, "port", "list", "--device-owner", "compute:nova", "-f", "value"); ports != "" {
		t.Errorf("ports are left:\n%s", ports)
	}
}
