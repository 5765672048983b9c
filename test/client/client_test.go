package client

import (
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"wisp/test/world"
)

var update = flag.Bool("update", false, "write what the client prints into the scripts")

// limit is how long one command may take on a busy machine.
const limit = 2 * time.Minute

// Cloud is a running cloud with the openstack client beside it.
type Cloud struct {
	*world.World
	socket string
	users  sync.Mutex // hashing a password takes a processor: one at a time
}

// cloud starts both; they end with the test.
func cloud(t *testing.T) *Cloud {
	t.Helper()
	w := world.New(t)
	w.Up(t, "--hypervisor", "fake", "--host", "node-1", "--lockout-failures", "0")
	script, err := filepath.Abs("loaded.py")
	if err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(w.State, "client")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	c := &Cloud{World: w, socket: filepath.Join(folder, "socket")}
	loaded := w.Command(t.Context(), "python3", "-B", script, folder)
	loaded.Env = append(loaded.Env, "PYTHONHASHSEED=0") // the client prints sets as they come
	loaded.Stderr = os.Stderr
	if err := loaded.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = loaded.Wait() }) // the test's context has killed it
	world.Eventually(t, limit, func() error {
		_, err := os.Stat(c.socket)
		return err
	})
	return c
}

// Printed is what a command left.
type Printed struct {
	Code           int
	Stdout, Stderr string
}

// run runs a command in a folder, as the user of an environment.
func (c *Cloud) run(dir string, env []string, args ...string) (p Printed, err error) {
	conn, err := net.Dial("unix", c.socket)
	if err != nil {
		return p, err
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(limit)); err != nil {
		return p, err
	}
	vars := map[string]string{"HOME": c.State, "LANG": "C.UTF-8", "PATH": "/usr/bin:/bin", "COLUMNS": "400"}
	for _, line := range env {
		name, value, _ := strings.Cut(line, "=")
		vars[name] = value
	}
	if err := json.NewEncoder(conn).Encode(map[string]any{"argv": args, "env": vars, "dir": dir}); err != nil {
		return p, err
	}
	if err := json.NewDecoder(conn).Decode(&p); err != nil {
		return p, fmt.Errorf("openstack %s: %w", strings.Join(args, " "), err)
	}
	return p, nil
}

// record is what a script has printed so far, and how it is shown.
type record struct {
	user *world.World
	text strings.Builder
	ids  map[string]string
	vary []replacement
}

type replacement struct {
	what *regexp.Regexp
	with string
}

var (
	// always is shown alike in each script; digits, where it says so, as 0.
	always = []replacement{
		{regexp.MustCompile(`req-[0-9a-f-]{36}`), "<request>"},
		{regexp.MustCompile(`gAAAAA[\w=-]+`), "<token>"},
		{regexp.MustCompile(`fa:16:3e(:[0-9a-f]{2}){3}`), "<mac>"},
		{regexp.MustCompile(`(?m)^\+[-+]+\+$\n?`), ""},
		{regexp.MustCompile(`  +`), " "},
		{regexp.MustCompile(`(\rProgress: \d+ ?)+`), ""},
		{regexp.MustCompile(`\r\n`), "\n"}, // of a guest's console
	}
	moment = regexp.MustCompile(`\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?`)
	digit  = regexp.MustCompile(`\d`)
	id     = regexp.MustCompile(`\b([0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{32})\b`)
)

// show is a text without what differs from run to run.
func (r *record) show(text string) string {
	for _, v := range slices.Concat(always, r.vary) {
		text = v.what.ReplaceAllString(text, v.with)
	}
	text = moment.ReplaceAllStringFunc(text, func(at string) string { return digit.ReplaceAllString(at, "0") })
	return id.ReplaceAllStringFunc(text, func(found string) string {
		if r.ids[found] == "" {
			r.ids[found] = fmt.Sprintf("<id-%d>", len(r.ids)+1)
		}
		return r.ids[found]
	})
}

// add adds a command and what it printed.
func (r *record) add(prompt string, args []string, p Printed) {
	shown := make([]string, len(args))
	for i, arg := range args {
		if shown[i] = arg; arg == "" || strings.ContainsAny(arg, " {}'\"") {
			shown[i] = "'" + arg + "'"
		}
	}
	text := prompt + " openstack " + strings.Join(shown, " ") + "\n" + p.Stdout
	if p.Stdout != "" && !strings.HasSuffix(p.Stdout, "\n") {
		text += "\n"
	}
	for line := range strings.Lines(p.Stderr) {
		text += "! " + strings.TrimRight(line, "\n") + "\n"
	}
	r.text.WriteString(r.show(text))
}

// TestClients has both clients speak to one cloud.
func TestClients(t *testing.T) {
	c := cloud(t)
	caller := c.NewCaller(t)
	prepare(t, caller)
	// Some change what others see: hosts that take no servers, zones.
	t.Run("alone", func(t *testing.T) { c.scripts(t, caller.In(t), "testdata/alone") })
	t.Run("openstack", func(t *testing.T) {
		t.Parallel()
		c.scripts(t, caller.In(t), "testdata")
	})
	t.Run("gophercloud", func(t *testing.T) {
		t.Parallel()
		c.gophercloud(t)
	})
}

// member makes a project with a user of the same name that is its member. The
// administrator may log in to it too.
func (c *Cloud) member(caller *world.Caller, name string) (member *world.World, project, user string, err error) {
	c.users.Lock()
	defer c.users.Unlock()
	project = caller.Create("/identity/v3/projects", "project", fmt.Sprintf(`{"project": {"name": %q}}`, name))
	user = caller.Create("/identity/v3/users", "user", fmt.Sprintf(`{"user": {"name": %q, "password": "secret", "default_project_id": %q}}`, name, project))
	id := func(kind, name string) any { return caller.List("/identity/v3/"+kind+"?name="+name, kind)[0]["id"] }
	for role, who := range map[string]any{"member": user, "admin": id("users", "admin")} {
		if _, err := caller.Request("PUT", fmt.Sprintf("/identity/v3/projects/%s/users/%s/roles/%s", project, who, id("roles", role)), ""); err != nil {
			return nil, "", "", err
		}
	}
	return c.As(name, "secret", name), project, user, nil
}

// scripts runs the openstack client's commands and compares what they print.
func (c *Cloud) scripts(t *testing.T, caller *world.Caller, dir string) {
	testscript.Run(t, testscript.Params{
		Dir: dir, UpdateScripts: *update, ContinueOnError: true, RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			name := strings.TrimPrefix(filepath.Base(env.WorkDir), "script-")
			user, projectID, userID, err := c.member(caller, name)
			if err != nil {
				return err
			}
			env.Setenv("PROJECT", projectID)
			env.Setenv("USER", userID)
			env.Values["record"] = &record{user: user, ids: map[string]string{}}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"openstack": func(ts *testscript.TestScript, neg bool, args []string) { c.said(ts, false, neg, args) },
			"admin":     func(ts *testscript.TestScript, neg bool, args []string) { c.said(ts, true, neg, args) },
			"value":     c.value,
			"until":     c.until,
			"vary": func(ts *testscript.TestScript, neg bool, args []string) {
				if neg || len(args) != 2 {
					ts.Fatalf("usage: vary REGEX TEXT")
				}
				what, err := regexp.Compile(args[0])
				ts.Check(err)
				r := ts.Value("record").(*record)
				r.vary = append(r.vary, replacement{what, args[1]})
			},
		},
	})
}

// prepare makes what each script may use.
func prepare(t *testing.T, c *world.Caller) {
	t.Helper()
	image, err := c.Made("/image/v2/images", `{"name": "common", "disk_format": "raw", "container_format": "bare", "visibility": "public"}`)
	if err == nil {
		_, err = c.Request("PUT", "/image/v2/images/"+image+"/file", strings.Repeat("\x00", 1<<16), "Content-Type", "application/octet-stream")
	}
	if err != nil {
		t.Fatal(err)
	}
	c.Create("/compute/v2.1/flavors", "flavor", `{"flavor": {"id": "common", "name": "common", "ram": 64, "vcpus": 1, "disk": 1}}`)
	c.Create("/compute/v2.1/flavors", "flavor", `{"flavor": {"id": "bigger", "name": "bigger", "ram": 128, "vcpus": 1, "disk": 1}}`)
	network := c.Create("/network/v2.0/networks", "network",
		`{"network": {"name": "public", "router:external": true, "provider:network_type": "flat", "provider:physical_network": "public"}}`)
	c.Create("/network/v2.0/subnets", "subnet", fmt.Sprintf(
		`{"subnet": {"name": "public", "network_id": %q, "ip_version": 4, "cidr": "172.24.4.0/24", "gateway_ip": "172.24.4.1", "enable_dhcp": false}}`, network))
}

// as is a script's user, or the administrator.
func (c *Cloud) as(ts *testscript.TestScript, admin bool) []string {
	if admin {
		return c.Env()
	}
	return ts.Value("record").(*record).user.Env()
}

// said runs a command whose output counts.
func (c *Cloud) said(ts *testscript.TestScript, admin, neg bool, args []string) {
	p, err := c.run(ts.MkAbs("."), c.as(ts, admin), args...)
	ts.Check(err)
	r := ts.Value("record").(*record)
	r.add(map[bool]string{true: "#", false: "$"}[admin], args, p)
	ts.Check(os.WriteFile(filepath.Join(ts.Getenv("WORK"), "transcript"), []byte(r.text.String()), 0o600))
	switch {
	case strings.Contains(p.Stderr, "Traceback (most recent call last)"):
		ts.Fatalf("openstack %s: %s", strings.Join(args, " "), p.Stderr)
	case neg && p.Code == 0:
		ts.Fatalf("openstack %s succeeded: %s%s", strings.Join(args, " "), p.Stdout, p.Stderr)
	case !neg && p.Code != 0:
		ts.Fatalf("openstack %s: exit %d: %s%s", strings.Join(args, " "), p.Code, p.Stdout, p.Stderr)
	}
}

// value keeps one column of what a command shows.
func (c *Cloud) value(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: value VAR COLUMN ARGS")
	}
	command := append(slices.Clone(args[2:]), "-f", "value", "-c", args[1])
	p, err := c.run(ts.MkAbs("."), c.as(ts, false), command...)
	ts.Check(err)
	if p.Code != 0 || strings.TrimSpace(p.Stdout) == "" { // it may be the administrator's alone
		p, err = c.run(ts.MkAbs("."), c.as(ts, true), command...)
		ts.Check(err)
	}
	if p.Code != 0 || strings.TrimSpace(p.Stdout) == "" {
		ts.Fatalf("openstack %s: exit %d: %s%s", strings.Join(command, " "), p.Code, p.Stdout, p.Stderr)
	}
	ts.Setenv(args[0], strings.TrimSpace(p.Stdout))
}

// until waits for what a command prints.
func (c *Cloud) until(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: until REGEX ARGS")
	}
	want, err := regexp.Compile(args[0])
	ts.Check(err)
	ts.Check(world.Within(limit, func() error {
		p, err := c.run(ts.MkAbs("."), c.as(ts, true), args[1:]...)
		if err == nil && !want.MatchString(p.Stdout+p.Stderr) {
			err = fmt.Errorf("openstack %s: %s%s", strings.Join(args[1:], " "), p.Stdout, p.Stderr)
		}
		return err
	}))
}
