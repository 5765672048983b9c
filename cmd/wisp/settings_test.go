package main

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"gopkg.in/yaml.v3"
)

func TestURLs(t *testing.T) {
	t.Parallel()
	cases := []struct {
		listen, public, local string
		secure                bool
	}{
		{"127.0.0.1:5000", "http://127.0.0.1:5000", "http://127.0.0.1:5000", false},
		{"localhost:6000", "http://localhost:6000", "http://localhost:6000", false},
		{"192.0.2.7:5000", "https://192.0.2.7:5000", "https://192.0.2.7:5000", true},
		{"[::1]:5000", "http://[::1]:5000", "http://[::1]:5000", false},
		{"cloud.example:443", "https://cloud.example:443", "https://cloud.example:443", true},
		{"0.0.0.0:5000", "", "https://127.0.0.1:5000", true},
	}
	for _, c := range cases {
		t.Run(c.listen, func(t *testing.T) {
			t.Parallel()
			s := settings{Listen: c.listen}
			if got := s.defaultURL(); c.public != "" && got != c.public {
				t.Errorf("clients use %s, want %s", got, c.public)
			}
			if got := s.localURL(); got != c.local {
				t.Errorf("this machine uses %s, want %s", got, c.local)
			}
			if s.secure() != c.secure {
				t.Errorf("TLS is %t", s.secure())
			}
		})
	}
}

// What a person named in a strange way must not run in a shell that reads the
// credentials.
func TestCredentialsAreQuoted(t *testing.T) {
	t.Parallel()
	s := settings{StateDir: t.TempDir(), URL: "http://127.0.0.1:5000"}
	secret := "it's $(touch x) `id` \"quoted\" \\ end"
	if err := s.writeCredentials(secret, "/a path/ca.pem"); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("sh", "-c", `. "$0"; printf %s "$OS_PASSWORD|$OS_CACERT"`, s.path("openrc")).Output()
	if err != nil || string(out) != secret+"|/a path/ca.pem" {
		t.Errorf("the shell reads %q (%v)", out, err)
	}
	content, err := os.ReadFile(s.path("clouds.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var clouds struct {
		Clouds map[string]struct {
			Auth map[string]string
		}
	}
	if err := yaml.Unmarshal(content, &clouds); err != nil || clouds.Clouds["wisp"].Auth["password"] != secret {
		t.Errorf("clouds.yaml holds %+v (%v)", clouds, err)
	}
	for _, name := range []string{"openrc", "clouds.yaml"} {
		if info, err := os.Stat(s.path(name)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %v", name, info.Mode(), err)
		}
	}
}

func TestPasswordStays(t *testing.T) {
	t.Parallel()
	s := settings{StateDir: t.TempDir()}
	first, err := s.password()
	if err != nil || len(first) < 20 {
		t.Fatalf("%q %v", first, err)
	}
	if again, err := s.password(); err != nil || again != first {
		t.Errorf("%q is now %q (%v)", first, again, err)
	}
}

func TestLoad(t *testing.T) {
	t.Parallel()
	s := settings{StateDir: t.TempDir()}
	if err := s.load(); !errors.Is(err, errNoCloud) {
		t.Errorf("without a cloud: %v", err)
	}
	s.PublicCIDR, s.DNS = netip.MustParsePrefix("172.24.4.1/24"), []netip.Addr{netip.MustParseAddr("9.9.9.9")}
	if err := s.save(); err != nil {
		t.Fatal(err)
	}
	again := settings{StateDir: s.StateDir}
	if err := again.load(); err != nil || again.PublicCIDR != s.PublicCIDR {
		t.Errorf("%+v %v", again, err)
	}
	if err := os.WriteFile(s.path("settings.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.load(); err == nil || errors.Is(err, errNoCloud) {
		t.Errorf("damaged settings: %v", err)
	}
}

func TestPrefix(t *testing.T) {
	t.Parallel()
	a, b := settings{StateDir: "/var/lib/wisp"}, settings{StateDir: "/tmp/other"}
	if a.prefix() == b.prefix() || len(a.prefix()) != 4 {
		t.Errorf("%s and %s", a.prefix(), b.prefix())
	}
}

// The lock is held by another process here, as no process sees its own.
func TestHolder(t *testing.T) {
	if dir := os.Getenv("WISP_TEST_HOLD"); dir != "" {
		s := settings{StateDir: dir}
		if _, taken, err := s.lock(); err != nil || !taken {
			t.Fatalf("taken %t, error %v", taken, err)
		}
		if err := os.WriteFile(filepath.Join(dir, "held"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		<-t.Context().Done() // until it is killed
		return
	}
	t.Parallel()
	s := settings{StateDir: t.TempDir()}
	if pid, err := s.holder(); pid != 0 || err != nil {
		t.Fatalf("holder %d, error %v, before anybody has it", pid, err)
	}
	child := exec.Command(os.Args[0], "-test.run=^TestHolder$", "-test.timeout=60s")
	child.Env = append(os.Environ(), "WISP_TEST_HOLD="+s.StateDir)
	stdin, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = stdin.Close() }()
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	eventually := func(want int) {
		t.Helper()
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		deadline := time.After(30 * time.Second)
		for {
			pid, err := s.holder()
			if err != nil {
				t.Fatal(err)
			}
			if pid == want {
				return
			}
			select {
			case <-deadline:
				t.Fatalf("the holder is %d, want %d", pid, want)
			case <-tick.C:
			}
		}
	}
	eventually(child.Process.Pid)
	if _, taken, err := s.lock(); taken || err != nil {
		t.Errorf("taken twice: %t %v", taken, err)
	}
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = child.Wait()
	eventually(0)
}

// A port whose owner ends a moment later is had; one whose owner stays is not.
func TestBind(t *testing.T) {
	t.Parallel()
	owner, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(5*pollEvery, func() { _ = owner.Close() })
	l, err := bind(t.Context(), owner.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	if second, err := bind(t.Context(), l.Addr().String()); err == nil {
		_ = second.Close()
		t.Error("one port was had twice")
	}
}

func TestTakeRefuses(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{"--public-cidr", "172.24.4.0/24"}, {"--public-cidr", "nonsense"}, {"--public-cidr", "2001:db8::1/64"}, {"--public-cidr", "172.24.4.1/31"},
		{"--dns", "resolver"}, {"--accelerator", "magic"}, {"--hypervisor", "other"}, {"unexpected"},
	} {
		t.Run(strings.Join(args, " "), func(t *testing.T) {
			t.Parallel()
			command := root()
			command.SetArgs(append([]string{"up", "--state-dir", filepath.Join(t.TempDir(), strconv.Itoa(len(args)))}, args...))
			command.SetOut(nopWriter{})
			if err := command.ExecuteContext(t.Context()); err == nil {
				t.Error("was accepted")
			}
		})
	}
}

type nopWriter struct{}

func (nopWriter) Write(p []byte) (int, error) { return len(p), nil }

func TestImportSettings(t *testing.T) {
	t.Parallel()
	s := settings{ImportAllow: []string{"10.0.0.7/8", "192.168.1.1", "fd00::/8", "mirror.intranet", "mirror"}, ImportPorts: []int{8080}}
	got, err := s.imports()
	want := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("192.168.1.1/32"), netip.MustParsePrefix("fd00::/8")}
	if err != nil || !slices.Equal(got.Networks, want) || !slices.Equal(got.Hosts, []string{"mirror.intranet", "mirror"}) || !slices.Equal(got.Ports, []int{8080}) {
		t.Errorf("imports from %+v (%v)", got, err)
	}
	for _, bad := range []settings{
		{ImportAllow: []string{""}}, {ImportAllow: []string{"10.0.0.0/33"}}, {ImportAllow: []string{"http://x"}}, {ImportAllow: []string{"-x"}}, {ImportAllow: []string{"x:80"}},
		{ImportPorts: []int{0}}, {ImportPorts: []int{65536}},
	} {
		if got, err := bad.imports(); err == nil {
			t.Errorf("%v %v is taken as %+v", bad.ImportAllow, bad.ImportPorts, got)
		}
	}
}
