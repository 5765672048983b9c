package tempest

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"wisp/internal/netlinkx"
	"wisp/test/world"
)

var (
	stages = flag.String("stages", "", "numbers of stages, with commas; none leaves Tempest out")
	only   = flag.String("only", "", "regular expression of the ids of those tests that are wanted")
	part   = flag.String("part", "", "a part of the tests, as 2/4: all parts together are all of them")
	keep   = flag.String("results", "", "folder for what Tempest wrote")
)

const (
	// webPort is where, on the cloud's machine, an image can be downloaded.
	webPort = 8099
)

// TestConformance runs stages of Tempest, each against a cloud of its own.
func TestConformance(t *testing.T) {
	if *stages == "" {
		t.Skip("no stages are wanted; `make conformance` asks for them")
	}
	wanted := *stages
	if wanted == "all" {
		wanted = ""
	}
	all, err := Stages(wanted)
	if err != nil {
		t.Fatal(err)
	}
	known, err := Known()
	if err != nil {
		t.Fatal(err)
	}
	ids, err := regexp.Compile(*only)
	if err != nil {
		t.Fatal(err)
	}
	times, err := Times()
	if err != nil {
		t.Fatal(err)
	}
	which, err := ParsePart(*part)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range Cut(all, which, times) {
		if s = s.Only(ids); len(s.Tests) == 0 {
			continue
		}
		t.Run(s.Number+" "+s.Name, func(t *testing.T) {
			if !s.Guests() { // which have enough to do with their own
				t.Parallel()
			}
			conform(t, s, known)
		})
	}
}

// conform runs one stage and compares with what is known not to pass.
func conform(t *testing.T, s Stage, known map[string]string) {
	began := time.Now()
	got := run(t, s)
	if *record {
		if err := keepRecord(s, wispCloud, got); err != nil {
			t.Error(err)
		}
	}
	counts := map[string]int{}
	for _, id := range slices.Sorted(maps.Keys(got)) {
		if s.Guests() && got[id].Status == passed { // in the form of times.txt
			t.Logf("%.1f %s", got[id].Took, id)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(got)) {
		o := got[id]
		counts[o.Status]++
		switch why := known[id]; {
		case o.Status != passed && why == "":
			t.Errorf("%s %s:\n%s", o.Status, id, end(o.Why))
		case o.Status == passed && why != "":
			t.Errorf("%s passes now: known.md still says %q", id, why)
		}
	}
	t.Logf("stage %s %s: %d tests in %.0f s: %d passed, %d failed, %d skipped, %d not run", s.Number, s.Name, len(got), time.Since(began).Seconds(),
		counts[passed], counts[failed], counts[skipped], counts[missing])
}

// end is the end of a traceback, where its reason is.
func end(text string) string {
	const most = 1500
	text = strings.TrimSpace(text)
	return text[max(0, len(text)-most):]
}

// run runs a stage's tests against a fresh cloud.
func run(t *testing.T, s Stage) map[string]Outcome {
	t.Helper()
	w := world.New(t)
	// Tempest makes two users for each class of tests: what hashes their passwords
	// well would be most of what is waited for.
	args := []string{"--password-hash-rounds", "4", "--image-cache", "1", "--image-locations", "--image-direct-url", "--import-allow", "127.0.0.1", "--import-port", fmt.Sprint(webPort)}
	if !s.Guests() {
		args = append(args, "--hypervisor", "fake")
	}
	if p := s.Passwords(); p != nil {
		args = append(args, "--lockout-failures", fmt.Sprint(p.Failures), "--lockout-duration", fmt.Sprintf("%ds", p.Seconds), "--password-history", fmt.Sprint(p.History))
	}
	w.Up(t, args...)
	dir := filepath.Join(w.State, "tempest")
	if *keep != "" {
		var err error
		if dir, err = filepath.Abs(filepath.Join(*keep, s.Number+"-"+s.Name)); err != nil {
			t.Fatal(err)
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
	}
	tempest := func(limit time.Duration, args ...string) *exec.Cmd {
		ctx, cancel := context.WithTimeout(t.Context(), limit)
		t.Cleanup(cancel)
		c := w.Command(ctx, "tempest", args...)
		c.Dir = dir
		c.Env = append(c.Env, "TEMPEST_CONFIG_DIR="+dir+"/etc", "TEMPEST_CONFIG=tempest.conf", "PYTHONWARNINGS=ignore", "PYTHONDONTWRITEBYTECODE=1")
		return c
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		t.Fatal(err)
	}
	begin := w.Command(t.Context(), "tempest", "init", "--workspace-path", filepath.Join(w.State, "workspaces.yaml"), dir)
	begin.Dir = w.State // it leaves its log where it stands
	if out, err := begin.CombinedOutput(); err != nil {
		t.Fatalf("tempest init: %v\n%s", err, out)
	}
	// The distribution's has every worker empty the log.
	_ = os.Remove(filepath.Join(dir, "etc", "logging.conf"))
	var conf bytes.Buffer
	cloud := furnish(t, w, dir, s.Guests())
	cloud.Xen, cloud.Passwords = s.BadMetadata(), s.Passwords()
	if err := cloud.write(&conf); err != nil {
		t.Fatal(err)
	}
	list := filepath.Join(dir, "tests.txt")
	for path, content := range map[string][]byte{filepath.Join(dir, "etc", "tempest.conf"): conf.Bytes(), list: []byte(strings.Join(s.Tests, "\n") + "\n")} {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var stream, said, report bytes.Buffer
	c := tempest(s.Limit(), "run", "--load-list", list, "--concurrency", fmt.Sprint(s.Workers()), "--subunit")
	c.Stdout, c.Stderr = &stream, &said
	failure := c.Run() // also when a test fails
	convert := exec.CommandContext(t.Context(), "subunit2junitxml")
	convert.Stdin, convert.Stdout = &stream, &report
	_ = convert.Run() // fails when a test has failed
	got, err := results(s, &report)
	if err != nil {
		t.Fatalf("%v; tempest: %v: %s", err, failure, end(said.String()))
	}
	return got
}

// furnish makes what Tempest wants to find in a cloud.
func furnish(t *testing.T, w *world.World, dir string, guests bool) Cloud {
	t.Helper()
	c := w.NewCaller(t)
	values := map[string]string{}
	for _, line := range w.Env() {
		name, value, _ := strings.Cut(line, "=")
		values[name] = value
	}
	cloud := Cloud{
		IdentityURL: c.Base + "/identity/v3", User: values["OS_USERNAME"], Password: values["OS_PASSWORD"], Project: values["OS_PROJECT_NAME"],
		Region: values["OS_REGION_NAME"], Flavor: "42", OtherFlavor: "84", NetworkName: "public", Folder: filepath.Join(dir, "logs"), Guests: guests,
		GuestUser: "cirros", GuestPassword: "gocubsgo",
	}
	cloud.ImageFile, cloud.Format = filepath.Join(dir, "image"), "raw"
	content := make([]byte, 1<<20)
	if guests {
		var err error
		cloud.Format = "qcow2"
		if content, err = os.ReadFile(w.Guest); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(cloud.ImageFile, content, 0o600); err != nil {
		t.Fatal(err)
	}
	cloud.WebImage = publish(t, w, content)
	for name, id := range map[string]*string{"tempest": &cloud.Image, "tempest-other": &cloud.OtherImage} {
		made, err := c.Made("/image/v2/images", fmt.Sprintf(`{"name": %q, "disk_format": %q, "container_format": "bare", "visibility": "public"}`, name, cloud.Format))
		if err == nil {
			_, err = c.Request("PUT", "/image/v2/images/"+made+"/file", string(content), "Content-Type", "application/octet-stream")
		}
		if err != nil {
			t.Fatal(err)
		}
		*id = made
	}
	// The other server that imports and deletes are asked of is this one again:
	// several servers are tested where there is PostgreSQL.
	service := c.Create("/identity/v3/services", "service", fmt.Sprintf(`{"service": {"type": %q, "name": "the other server"}}`, remoteImages))
	c.Create("/identity/v3/endpoints", "endpoint", fmt.Sprintf(
		`{"endpoint": {"service_id": %q, "interface": "public", "region_id": %q, "url": %q}}`, service, cloud.Region, c.Base+"/image"))
	for id, ram := range map[string]int{cloud.Flavor: 128, cloud.OtherFlavor: 192} {
		c.Create("/compute/v2.1/flavors", "flavor", fmt.Sprintf(`{"flavor": {"id": %q, "name": "m1.tempest-%s", "ram": %d, "vcpus": 1, "disk": 1}}`, id, id, ram))
		if _, err := c.Request("POST", "/compute/v2.1/flavors/"+id+"/os-extra_specs", `{"extra_specs": {"hw_rng:allowed": "True"}}`); err != nil {
			t.Fatal(err)
		}
	}
	limit(t, c, cloud.Region)
	cloud.Network = c.Create("/network/v2.0/networks", "network",
		`{"network": {"name": "public", "router:external": true, "is_default": true, "provider:network_type": "flat", "provider:physical_network": "public"}}`)
	c.Create("/network/v2.0/subnets", "subnet", fmt.Sprintf(
		`{"subnet": {"network_id": %q, "ip_version": 4, "cidr": "172.24.4.0/24", "gateway_ip": "172.24.4.1", "enable_dhcp": false}}`, cloud.Network))
	c.Create("/network/v2.0/subnetpools", "subnetpool", `{"subnetpool": {"name": "default", "prefixes": ["10.200.0.0/16"], "default_prefixlen": 26, "shared": true, "is_default": true}}`)
	text, err := c.Request("GET", "/network/v2.0/extensions", "")
	if err != nil {
		t.Fatal(err)
	}
	var answer struct {
		Extensions []struct {
			Alias string `json:"alias"`
		} `json:"extensions"`
	}
	if err := json.Unmarshal([]byte(text), &answer); err != nil {
		t.Fatal(err)
	}
	for _, e := range answer.Extensions {
		cloud.Extensions = append(cloud.Extensions, e.Alias)
	}
	return cloud
}

// limit registers the unified limits for images: where there are none, Tempest
// takes it that the service does not know them.
func limit(t *testing.T, c *world.Caller, region string) {
	t.Helper()
	service := c.List("/identity/v3/services?type=image", "services")[0]["id"]
	var limits []map[string]any
	for name, most := range map[string]int{"image_size_total": 10000, "image_stage_total": 10000, "image_count_total": 1000, "image_count_uploading": 1000} {
		limits = append(limits, map[string]any{"service_id": service, "region_id": region, "resource_name": name, "default_limit": most})
	}
	body, err := json.Marshal(map[string]any{"registered_limits": limits})
	if err == nil {
		_, err = c.Request("POST", "/identity/v3/registered_limits", string(body))
	}
	if err != nil {
		t.Fatal(err)
	}
}

// publish serves an image by HTTP on the cloud's machine, and returns its URL.
func publish(t *testing.T, w *world.World, content []byte) string {
	t.Helper()
	address := fmt.Sprintf("127.0.0.1:%d", webPort)
	var listener net.Listener
	err := netlinkx.In(netlinkx.NetnsPath(w.Host), func() (err error) {
		listener, err = (&net.ListenConfig{}).Listen(t.Context(), "tcp", address)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(answer http.ResponseWriter, r *http.Request) {
		http.ServeContent(answer, r, "image", time.Time{}, bytes.NewReader(content))
	})}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	return "http://" + address + "/image"
}
