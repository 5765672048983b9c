package doctor

import (
	"bytes"
	"context"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"wisp/internal/netlinkx"
)

// machine writes files below a folder that stands for the root.
func machine(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, content := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestHostChecks(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name  string
		check check
		files map[string]string
		want  Level
		says  string
	}{
		{"kernel of today", checkKernel, map[string]string{"proc/sys/kernel/osrelease": "6.18.4-amd64\n"}, OK, "6.18.4"},
		{"the oldest kernel", checkKernel, map[string]string{"proc/sys/kernel/osrelease": "6.1.0-28-amd64\n"}, OK, "6.1.0"},
		{"a kernel too old", checkKernel, map[string]string{"proc/sys/kernel/osrelease": "5.10.0-9-amd64\n"}, Fatal, "older than 6.1"},
		{"a kernel without a number", checkKernel, map[string]string{"proc/sys/kernel/osrelease": "mine\n"}, Warning, "not understood"},
		{"plenty of memory", checkMemory, map[string]string{"proc/meminfo": "MemTotal: 8000000 kB\nMemAvailable: 6000000 kB\n"}, OK, "5859 MiB"},
		{"little memory", checkMemory, map[string]string{"proc/meminfo": "MemTotal: 1000000 kB\nMemAvailable: 600000 kB\n"}, Warning, "585 MiB"},
		{"no memory", checkMemory, map[string]string{"proc/meminfo": "MemTotal: 1000000 kB\nMemAvailable: 100000 kB\n"}, Fatal, "97 MiB"},
		{"no cgroups", checkCgroups, map[string]string{"proc/self/mountinfo": "22 1 0:20 / / rw - ext4 /dev/vda rw\n"}, Warning, "no cgroup"},
		{"cgroups", checkCgroups, map[string]string{"proc/self/mountinfo": "30 22 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"}, OK, "/sys/fs/cgroup"},
		{"no sysfs", checkBPFFS, nil, Fatal, "/sys/fs/bpf"},
		{"no bpf file system yet", checkBPFFS, map[string]string{"sys/fs/bpf/x": ""}, OK, "not mounted yet"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			findings := c.check(t.Context(), Config{root: machine(t, c.files), StateDir: t.TempDir()})
			if got := Worst(findings); got != c.want || !strings.Contains(findings[0].Detail, c.says) {
				t.Errorf("level %s (want %s): %+v", got, c.want, findings)
			}
			for _, f := range findings {
				if f.Level != OK && f.Breaks == "" {
					t.Errorf("%+v does not say what it breaks", f)
				}
			}
		})
	}
}

func TestPort(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	cases := []struct {
		name   string
		config Config
		want   Level
	}{
		{"in use", Config{Listen: l.Addr().String()}, Fatal},
		{"in use by this cloud", Config{Listen: l.Addr().String(), Running: true}, OK},
		{"free", Config{Listen: "127.0.0.1:0"}, OK},
		{"no address of this machine", Config{Listen: "192.0.2.1:0"}, Fatal},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got := Worst(checkPort(t.Context(), c.config)); got != c.want {
				t.Errorf("level %s, want %s", got, c.want)
			}
		})
	}
}

func TestClashes(t *testing.T) {
	t.Parallel()
	config := Config{PublicGateway: netip.MustParsePrefix("172.24.4.1/24"), OwnDevice: func(name string) bool { return name == "wabcext" }}
	address := func(device, prefix string) []netlinkx.Address {
		return []netlinkx.Address{{Device: device, Prefix: netip.MustParsePrefix(prefix)}}
	}
	route := func(device, prefix string) []netlinkx.Route {
		return []netlinkx.Route{{Device: device, Destination: netip.MustParsePrefix(prefix)}}
	}
	cases := []struct {
		name      string
		addresses []netlinkx.Address
		routes    []netlinkx.Route
		want      Level
	}{
		{"nothing", nil, route("eth0", "0.0.0.0/0"), OK},
		{"its own address", address("wabcext", "172.24.4.1/24"), route("wabcext", "172.24.4.0/24"), OK},
		{"an address", address("eth1", "172.24.4.20/24"), nil, Fatal},
		{"a wider network", address("eth1", "172.24.0.20/16"), nil, Fatal},
		{"a route", nil, route("tun0", "172.16.0.0/12"), Fatal},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			findings := clashes(config, c.addresses, c.routes)
			if Worst(findings) != c.want {
				t.Fatalf("%+v, want %s", findings, c.want)
			}
			if c.want == Fatal && !strings.Contains(findings[0].Mend, "--public-cidr") {
				t.Errorf("%+v does not say how to choose another range", findings[0])
			}
		})
	}
	if got := alternative(address("eth1", "172.24.5.1/24"), nil); got.Overlaps(netip.MustParsePrefix("172.24.5.0/24")) {
		t.Errorf("%s is proposed, and in use", got)
	}
}

func TestPublicInterface(t *testing.T) {
	t.Parallel()
	links := []netlinkx.Link{{Name: "eth1", Up: true}, {Name: "eth2"}}
	addresses := []netlinkx.Address{{Device: "eth1", Prefix: netip.MustParsePrefix("192.0.2.7/24")}}
	cases := []struct {
		name, device, carrier string
		want                  Level
		says                  string
	}{
		{"missing", "eth9", "", Fatal, "does not exist"},
		{"down", "eth2", "", Warning, "is down"},
		{"no cable", "eth1", "0", Warning, "no cable"},
		{"with an address", "eth1", "1", Warning, "192.0.2.7"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			root := machine(t, map[string]string{"sys/class/net/" + c.device + "/carrier": c.carrier})
			findings := publicInterface(Config{PublicInterface: c.device, root: root}, links, addresses)
			if Worst(findings) != c.want || !strings.Contains(findings[0].Detail, c.says) {
				t.Errorf("%+v, want %s: %s", findings, c.want, c.says)
			}
		})
	}
}

func TestExamine(t *testing.T) {
	t.Parallel()
	config := Config{
		StateDir: t.TempDir(), Listen: "127.0.0.1:0", PublicGateway: netip.MustParsePrefix("172.24.4.1/24"),
		Accelerator: func(context.Context) (string, string) { return "tcg", "the processor offers no virtualization" },
	}
	findings := Examine(t.Context(), config)
	asked := 0
	for _, one := range checks {
		if slices.Contains(one.roles, RoleAll) {
			asked++
		}
	}
	if len(findings) < asked-2 {
		t.Errorf("only %d findings of %d checks", len(findings), asked)
	}
	var out bytes.Buffer
	if err := Print(&out, findings); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "software (TCG)") {
		t.Errorf("the report lacks the accelerator:\n%s", out.String())
	}
}
