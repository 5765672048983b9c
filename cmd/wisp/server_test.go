package main

import (
	"log/slog"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"wisp/internal/identity"
	"wisp/internal/join"
	"wisp/internal/pki"
	"wisp/internal/server"
)

// taken are the settings of a command line, without its start.
func taken(t *testing.T, role, dir string, args ...string) (settings, error) {
	t.Helper()
	var (
		s   settings
		raw serverFlags
	)
	c := &cobra.Command{Use: "test"}
	stateFlag(c, &s)
	raw.add(c, &s)
	nodeFlags(c, &s)
	c.Flags().StringVar(&s.Tunnel, "tunnel", "", "")
	if err := c.ParseFlags(append([]string{"--state-dir", dir}, args...)); err != nil {
		t.Fatal(err)
	}
	err := s.begin(c, role, &raw)
	return s, err
}

func TestServerSettings(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, err := taken(t, roleServer, dir, "--listen", "10.0.0.1:5000", "--physical-network", "public", "--physical-network", "physnet1", "--vlan-range", "physnet1:200:299",
		"--vni-range", "100:200", "--gre-key-range", "1:4294967295", "--tenant-network-type", "vlan", "--mtu", "9000")
	if err != nil {
		t.Fatal(err)
	}
	types, err := s.types()
	want := server.Types{Tenant: "vlan", VNIs: server.Range{First: 100, Last: 200}, GREKeys: server.Range{First: 1, Last: 4294967295}, MTU: 9000}
	if err != nil || types.Tenant != want.Tenant || types.VNIs != want.VNIs || types.GREKeys != want.GREKeys || types.MTU != want.MTU ||
		!maps.Equal(types.VLANs, map[string]server.Range{"physnet1": {First: 200, Last: 299}}) {
		t.Errorf("types %+v, error %v", types, err)
	}
	if names := s.physicalNames(); !slices.Equal(names, []string{"physnet1", "public"}) {
		t.Errorf("physical networks %v", names)
	}
	if s.NodeListen != "10.0.0.1:5001" || s.nodeURL() != "https://10.0.0.1:5001" || s.Name == "" || strings.Contains(s.Name, "/") {
		t.Errorf("nodes reach %s at %s, by %s", s.Name, s.NodeListen, s.nodeURL())
	}
	if err := s.save(); err != nil {
		t.Fatal(err)
	}
	again, err := taken(t, roleServer, dir)
	if err != nil || again.Name != s.Name || again.NodeListen != s.NodeListen || again.VLANs["physnet1"] != "200:299" || again.MTU != 9000 {
		t.Errorf("kept are %+v, error %v", again, err)
	}
	// Another role does not take the directory over.
	if _, err := taken(t, "", dir); err == nil || !strings.Contains(err.Error(), "wisp server") {
		t.Errorf("as an all-in-one: %v", err)
	}
}

// A list that is given again takes the place of the one that was kept.
func TestListsThatAreGivenAgain(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, err := taken(t, "", dir, "--import-allow", "old.example", "--import-port", "8080")
	if err == nil {
		err = s.save()
	}
	if err != nil {
		t.Fatal(err)
	}
	s, err = taken(t, "", dir, "--import-allow", "new.example,other.example", "--import-port", "9090")
	if err != nil || !slices.Equal(s.ImportAllow, []string{"new.example", "other.example"}) || !slices.Equal(s.ImportPorts, []int{9090}) {
		t.Errorf("imports from %v, ports %v, error %v", s.ImportAllow, s.ImportPorts, err)
	}
	if s, err = taken(t, "", dir); err != nil || !slices.Equal(s.ImportAllow, []string{"old.example"}) || !slices.Equal(s.ImportPorts, []int{8080}) {
		t.Errorf("without flags: imports from %v, ports %v, error %v", s.ImportAllow, s.ImportPorts, err)
	}
}

// The cache of images has a size, which is kept.
func TestImageCache(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, err := taken(t, "", dir, "--image-cache", "7")
	if err == nil {
		err = s.save()
	}
	if err != nil {
		t.Fatal(err)
	}
	if s, err = taken(t, "", dir); err != nil || s.ImageCache != 7 {
		t.Errorf("without a flag: %d, error %v", s.ImageCache, err)
	}
	for _, bad := range []string{"-1", "1048577"} {
		if _, err := taken(t, "", t.TempDir(), "--image-cache", bad); err == nil {
			t.Errorf("%s is taken", bad)
		}
	}
}

// Stores and their default are kept, and so is what is shown of them.
func TestImageStores(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, err := taken(t, "", dir, "--extra-image-store", "second=s3://images?endpoint=https://s3.example:9000&region=a", "--extra-image-store", "third=/images",
		"--default-image-store", "third", "--image-locations", "--image-direct-url")
	if err == nil {
		err = s.save()
	}
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"second": "s3://images?endpoint=https://s3.example:9000&region=a", "third": "/images"}
	if s, err = taken(t, "", dir); err != nil || !maps.Equal(s.ImageStores, want) || s.DefaultImageStore != "third" || !s.ImageLocations || !s.ImageDirectURL {
		t.Errorf("without a flag: %+v, error %v", s, err)
	}
	if s, err = taken(t, "", dir, "--image-locations=false"); err != nil || s.ImageLocations {
		t.Errorf("taken back: %+v, error %v", s, err)
	}
}

// What an all-in-one kept before there were roles, node APIs and types of
// networks starts as it was.
func TestSettingsOfBefore(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	old := `{"listen": "127.0.0.1:6000", "url": "http://127.0.0.1:6000", "host": "old-host", "public_cidr": "172.24.4.1/24", "dns": ["9.9.9.9"], "hypervisor": "qemu"}`
	if err := os.WriteFile(filepath.Join(dir, "settings.json"), []byte(old), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := taken(t, "", dir)
	if err != nil {
		t.Fatal(err)
	}
	if s.Listen != "127.0.0.1:6000" || s.URL != "http://127.0.0.1:6000" || s.Host != "old-host" || s.serverName() != "old-host" || s.nodeURL() != "" || s.NodeLife != pki.NodeLife {
		t.Errorf("settings %+v", s)
	}
	if types, err := s.types(); err != nil || types.Tenant != "" || types.MTU != 0 || len(types.VLANs) != 0 {
		t.Errorf("types %+v, error %v", types, err)
	}
	if c := s.choice(); c.Tunnel != "" || len(c.Physical) != 0 || !slices.Equal(s.physicalNames(), []string{"public"}) {
		t.Errorf("the host stands on %+v, networks %v", c, s.physicalNames())
	}
	if _, err := s.underlay(); err != nil {
		t.Error(err)
	}
	cloud, err := s.open(t.Context(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if err := cloud.Close(); err != nil {
		t.Error(err)
	}
}

func TestPasswordRules(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, err := taken(t, "", dir, "--lockout-failures", "2", "--lockout-duration", "5s", "--password-history", "3", "--reclaim-after", "1h", "--password-hash-rounds", "5")
	if err != nil || s.ReclaimAfter != time.Hour || s.LockoutFailures != 2 || s.LockoutDuration != 5*time.Second || s.PasswordHistory != 3 || s.HashRounds != 5 {
		t.Errorf("settings %+v, error %v", s, err)
	}
	for _, wrong := range [][]string{{"--lockout-failures", "-1"}, {"--password-history", "-1"}, {"--reclaim-after", "-1s"}, {"--password-hash-rounds", "3"}, {"--password-hash-rounds", "32"}, {"--lockout-failures", "1", "--lockout-duration", "0s"}} {
		if _, err := taken(t, "", dir, wrong...); err == nil {
			t.Errorf("%v is accepted", wrong)
		}
	}
}

func TestPasswordRulesInDays(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, err := taken(t, "", dir, "--password-life", "90", "--password-min-age", "1", "--password-regex", `^(?=.*\d).{7,}$`, "--password-regex-description", "seven, with a digit", "--password-first-use", "--disable-inactive", "30")
	if err != nil {
		t.Fatal(err)
	}
	rules, err := s.passwordRules()
	if err != nil || rules.LifeDays != 90 || rules.MinDays != 1 || !rules.ChangeFirst || rules.InactiveDays != 30 || rules.Pattern == nil {
		t.Errorf("rules %+v, error %v", rules, err)
	}
	if err := s.save(); err != nil {
		t.Fatal(err)
	}
	again, err := taken(t, "", dir, "--password-life", "30", "--password-min-age", "0", "--password-regex", "x", "--password-regex-description", "an x", "--password-first-use=false", "--disable-inactive", "7")
	if err != nil || again.PasswordLife != 30 || again.PasswordMinAge != 0 || again.PasswordRegex != "x" || again.PasswordDescription != "an x" || again.PasswordFirstUse || again.DisableInactive != 7 {
		t.Errorf("changed: %+v, error %v", again, err)
	}
	if kept, err := taken(t, "", dir); err != nil || kept.PasswordLife != 90 || kept.PasswordRegex == "" || !kept.PasswordFirstUse {
		t.Errorf("kept: %+v, error %v", kept, err)
	}
	if rules, err := (&settings{}).passwordRules(); err != nil || rules != (identity.PasswordRules{}) {
		t.Errorf("without flags: rules %+v, error %v", rules, err)
	}
	for _, wrong := range [][]string{
		{"--password-life", "-1"}, {"--password-life", "36501"}, {"--password-min-age", "-1"}, {"--disable-inactive", "-1"},
		{"--password-life", "2", "--password-min-age", "2"}, {"--password-regex", "("}, {"--password-regex-description", "words alone"},
	} {
		if _, err := taken(t, "", t.TempDir(), wrong...); err == nil {
			t.Errorf("%v is accepted", wrong)
		}
	}
}

func TestNodeListen(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ role, given, want string }{
		{roleServer, "", "127.0.0.1:5001"}, {"", "", ""}, {"", "10.0.0.1", "10.0.0.1:5001"}, {"", "10.0.0.1:6001", "10.0.0.1:6001"}, {"", "[2001:db8::1]", "[2001:db8::1]:5001"}, {"", ":7001", ":7001"},
	} {
		args := []string{"--listen", "127.0.0.1:5000"}
		if c.given != "" {
			args = append(args, "--node-listen", c.given)
		}
		s, err := taken(t, c.role, t.TempDir(), args...)
		if err != nil || s.NodeListen != c.want {
			t.Errorf("%q of role %q is %q, want %q; error %v", c.given, c.role, s.NodeListen, c.want, err)
		}
	}
}

func TestServerSettingsThatAreRefused(t *testing.T) {
	t.Parallel()
	for i, c := range []struct {
		role string
		args []string
		says string
	}{
		{roleServer, []string{"--vni-range", "200:100"}, "first:last"},
		{roleServer, []string{"--vni-range", "1:16777216"}, "16777215"},
		{roleServer, []string{"--vni-range", "100"}, "first:last"},
		{roleServer, []string{"--gre-key-range", "0:1"}, "first:last"},
		{roleServer, []string{"--vlan-range", "public:1:4095"}, "4094"},
		{roleServer, []string{"--vlan-range", "public"}, "first:last"},
		{roleServer, []string{"--vlan-range", "other:1:2"}, "--physical-network"},
		{roleServer, []string{"--vlan-range", "public:1:2", "--vlan-range", "public:5:6"}, "already"},
		{roleServer, []string{"--tenant-network-type", "flat"}, "want one of"},
		{roleServer, []string{"--tenant-network-type", "vlan"}, "--vlan-range"},
		{roleServer, []string{"--mtu", "500"}, "--mtu 500"},
		{roleServer, []string{"--physical-network", "public=eth1"}, "--external"},
		{roleServer, []string{"--physical-network", "a b"}, "name"},
		{"", []string{"--physical-network", "a="}, "name=interface"},
		{"", []string{"--physical-network", "a", "--physical-network", "a"}, "twice"},
		{"", []string{"--node-listen", "10.0.0.1:"}, "port"},
		{"", []string{"--node-certificate-life", "1ms"}, "a second"},
		{"", []string{"--extra-image-store", "/images"}, "name=location"},
		{"", []string{"--extra-image-store", "a=/x", "--extra-image-store", "a=/y"}, "already"},
		{"", []string{"--extra-image-store", "local=/x"}, "local"},
		{"", []string{"--extra-image-store", "a=s3://"}, "s3://"},
		{"", []string{"--default-image-store", "a"}, `no image store "a"`},
	} {
		t.Run(strconv.Itoa(i), func(t *testing.T) {
			t.Parallel()
			if _, err := taken(t, c.role, t.TempDir(), c.args...); err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v: error %v, want %q", c.args, err, c.says)
			}
		})
	}
}

func TestPhysicalNetworksOfAnAllInOne(t *testing.T) {
	t.Parallel()
	s, err := taken(t, "", t.TempDir(), "--physical-network", "public=eth1", "--physical-network", "physnet1=eth2", "--physical-network", "elsewhere")
	if err != nil {
		t.Fatal(err)
	}
	if choice := s.choice(); !maps.Equal(choice.Physical, map[string]string{"public": "eth1", "physnet1": "eth2"}) {
		t.Errorf("this host is on %v", choice.Physical)
	}
	if names := s.physicalNames(); !slices.Equal(names, []string{"elsewhere", "physnet1", "public"}) {
		t.Errorf("the cloud knows %v", names)
	}
	bare, err := taken(t, "", t.TempDir())
	if err != nil || !slices.Equal(bare.physicalNames(), []string{"public"}) || len(bare.choice().Physical) != 0 {
		t.Errorf("without a word: %v on %v, error %v", bare.physicalNames(), bare.choice().Physical, err)
	}
}

func TestTunnelsOfAHost(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		s    settings
		want string
	}{
		"alone":             {settings{Listen: "10.0.0.1:5000"}, ""},
		"one that grows":    {settings{Listen: "10.0.0.1:5000", NodeListen: "10.0.0.1:5001"}, "10.0.0.1"},
		"on loopback":       {settings{Listen: "127.0.0.1:5000", NodeListen: "127.0.0.1:5001"}, ""},
		"as it was said":    {settings{Listen: "10.0.0.1:5000", NodeListen: "10.0.0.1:5001", Tunnel: "eth1"}, "eth1"},
		"none":              {settings{Listen: "10.0.0.1:5000", NodeListen: "10.0.0.1:5001", Tunnel: "none"}, ""},
		"a server has none": {settings{Role: roleServer, Listen: "10.0.0.1:5000", Tunnel: "eth1"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := c.s.choice().Tunnel; got != c.want {
				t.Errorf("tunnels end at %q, want %q", got, c.want)
			}
		})
	}
	if own := (&settings{Role: roleNode, Servers: []string{"https://127.0.0.1:5001"}}).address(); own != netip.MustParseAddr("127.0.0.1") {
		t.Errorf("a node on the way to loopback has %s", own)
	}
}

// What is wrong is said before a token is used up.
func TestNodeCommandsThatAreRefused(t *testing.T) {
	t.Parallel()
	token := join.NewToken(strings.Repeat("ab", 32)).String()
	server := []string{"node", "join", "--no-start", "--server", "https://127.0.0.1:1", "--token", token}
	for i, c := range []struct {
		args []string
		says string
	}{
		{[]string{"node", "join", "--server", "https://127.0.0.1:1", "--token", "x"}, "not a join token"},
		{[]string{"node", "join", "--server", "https://127.0.0.1", "--token", token}, "https://host:port"},
		{[]string{"node", "join", "--token", token}, "server"},
		{append(slices.Clone(server), "--external", "public"), "name=interface"},
		{append(slices.Clone(server), "--external", "public=lo", "--external", "public=lo"), "already"},
		{append(slices.Clone(server), "--external", "public=none0"), "no interface none0"},
		{append(slices.Clone(server), "--tunnel", "192.0.2.77"), "not used"},
		{append(slices.Clone(server), "--management", "192.0.2.77"), "no interface of this machine"},
		{server, "No server can be reached"},
		{[]string{"node", "run"}, "has not joined"},
		{[]string{"node", "list"}, "there is no cloud"},
		{[]string{"node", "token", "create"}, "there is no cloud"},
	} {
		t.Run(strconv.Itoa(i), func(t *testing.T) {
			t.Parallel()
			command := root()
			command.SetOut(nopWriter{})
			command.SetArgs(append(c.args, "--state-dir", filepath.Join(t.TempDir(), "state")))
			if err := command.ExecuteContext(t.Context()); err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v: error %v, want %q", c.args, err, c.says)
			}
		})
	}
}
