// Package arch holds the tests of the project's own structure: who may import
// whom. It parses the import clauses alone, which takes milliseconds.
package arch

import (
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// The written order of slices: each may import those that stand in its list.
var slicesOrder = map[string][]string{
	"identity":  nil,
	"metadef":   nil,
	"image":     {"identity", "metadef"},
	"placement": {"identity"},
	"network":   {"identity"},
	"compute":   {"identity", "image", "placement", "network"},
}

// What a package of the platform may import of the project; a name stands for
// its subpackages too. A package that is not listed here, not a slice, a face
// or a root is a stranger, and the test says so.
var platform = map[string][]string{
	"errs":       nil,
	"policy":     {"errs"},
	"store":      {"errs", "store"},
	"archive":    {"errs", "store"},
	"api":        {"errs", "policy", "store", "api"},
	"reconcile":  {"errs"},
	"qmp":        {"errs"},
	"qcow2":      {"errs"},
	"netlinkx":   {"errs"},
	"metadata":   {"errs"},
	"dataplane":  {"errs", "netlinkx", "dataplane"},
	"hypervisor": {"errs", "qmp", "qcow2", "hypervisor"},
	"nodeapi":    {"errs", "dataplane/intent", "metadata", "nodeapi"},
	"dhcp":       {"errs", "nodeapi", "dataplane/intent"},
	"radv":       {"nodeapi"},
	"node":       {"errs", "reconcile", "nodeapi", "dhcp", "radv", "metadata", "dataplane", "hypervisor", "qcow2", "node"},
	"doctor":     {"errs", "netlinkx", "hypervisor", "dataplane", "join", "pki", "underlay", "doctor"},
	"physnet":    {"errs", "netlinkx"},
	"webfetch":   {"errs"},
	"pki":        nil,
	"join":       {"errs", "pki"},
	"membership": {"errs", "store", "secrets", "pki", "join"},
	"operator":   {"errs", "store", "membership", "compute"},
	"underlay":   {"netlinkx"},
	"secrets":    {"store"},
	"cluster":    {"errs", "store"},
	"demo":       {"errs", "demo"},
	"dashboard":  {"errs", "policy", "store", "api"},
	"console":    {"errs", "nodeapi"},
}

// Slices may import these of the platform besides.
var forSlices = []string{"errs", "policy", "store", "secrets", "nodeapi", "metadata", "dataplane/intent", "qcow2"}

// Roots construct things and may import all of the project.
var roots = []string{"server", "cloudtest", "arch"}

// Libraries that only one room may touch.
var libraries = map[string][]string{
	"modernc.org/sqlite":             {"internal/store"},
	"github.com/jackc/pgx":           {"internal/store"},
	"github.com/pressly/goose":       {"internal/store"},
	"github.com/vishvananda/netlink": {"internal/netlinkx"},
	"github.com/vishvananda/netns":   {"internal/netlinkx"},
	"github.com/cilium/ebpf":         {"internal/dataplane", "test/bench"},
	"github.com/spf13/cobra":         {"cmd"},
	"github.com/gophercloud":         {"internal/demo", "test"},
	"wisp/web":                       {"internal/server"},
	"github.com/coder/websocket":     {"internal/console"},
	"github.com/santhosh-tekuri":     {"internal/api/contract"},
}

func TestImports(t *testing.T) {
	t.Parallel()
	root := filepath.Join("..", "..")
	for file, imports := range parse(t, root) {
		dir := filepath.ToSlash(filepath.Dir(file))
		test := strings.HasSuffix(file, "_test.go")
		for _, path := range imports {
			if why := refuse(dir, path, test); why != "" {
				t.Errorf("%s imports %s: %s", file, path, why)
			}
		}
	}
}

// The rule itself is tested, so that it cannot rot into allowing all.
func TestRule(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name, dir, path string
		test, allowed   bool
	}{
		{name: "a slice takes the store", dir: "internal/network", path: "wisp/internal/store", allowed: true},
		{name: "compute takes network", dir: "internal/compute", path: "wisp/internal/network", allowed: true},
		{name: "network takes compute", dir: "internal/network", path: "wisp/internal/compute"},
		{name: "a slice takes its face", dir: "internal/network", path: "wisp/internal/network/networkapi"},
		{name: "a face takes its slice", dir: "internal/network/networkapi", path: "wisp/internal/network", allowed: true},
		{name: "a face takes another face", dir: "internal/network/networkapi", path: "wisp/internal/image/imageapi"},
		{name: "a slice takes HTTP", dir: "internal/network", path: "net/http"},
		{name: "the node takes the store", dir: "internal/node", path: "wisp/internal/store"},
		{name: "the node takes a slice", dir: "internal/node", path: "wisp/internal/network"},
		{name: "the dataplane takes nodeapi", dir: "internal/dataplane", path: "wisp/internal/nodeapi"},
		{name: "a platform package takes a slice", dir: "internal/policy", path: "wisp/internal/identity"},
		{name: "netlink outside of its room", dir: "internal/node", path: "github.com/vishvananda/netlink"},
		{name: "a driver outside of the store", dir: "internal/image", path: "modernc.org/sqlite"},
		{name: "a stranger", dir: "internal/util", path: "wisp/internal/errs"},
		{name: "a test takes a test's helper", dir: "internal/network", path: "wisp/internal/store/storetest", test: true, allowed: true},
		{name: "the dashboard takes a slice", dir: "internal/dashboard", path: "wisp/internal/identity"},
		{name: "the dashboard takes the files itself", dir: "internal/dashboard", path: "wisp/web"},
		{name: "the server takes the files", dir: "internal/server", path: "wisp/web", allowed: true},
		{name: "the server takes all", dir: "internal/server", path: "wisp/internal/compute/computeapi", allowed: true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if why := refuse(c.dir, c.path, c.test); (why == "") != c.allowed {
				t.Errorf("refused because %q, want allowed %t", why, c.allowed)
			}
		})
	}
}

func refuse(dir, path string, test bool) string {
	if why := refuseLibrary(dir, path, test); why != "" {
		return why
	}
	to, ours := strings.CutPrefix(path, "wisp/internal/")
	from, inside := strings.CutPrefix(dir, "internal/")
	if !ours || !inside || test {
		return "" // commands and tests put together what they need
	}
	head, rest, _ := strings.Cut(from, "/")
	if slices.Contains(roots, head) {
		return ""
	}
	if allowed, ok := platform[head]; ok {
		if within(to, allowed) {
			return ""
		}
		return head + " is a platform package and may import only " + strings.Join(allowed, ", ")
	}
	order, ok := slicesOrder[head]
	if !ok {
		return head + " has no place in the structure: name it in this test"
	}
	if rest == head+"api" {
		if within(to, append([]string{"api"}, forSlices...)) || to == head || slices.Contains(order, to) {
			return ""
		}
		return "a face imports its own slice, slices before it, and the platform"
	}
	if to == head || within(to, forSlices) || slices.Contains(order, to) {
		return ""
	}
	return "the order of slices is identity ← image, network, placement ← compute, and faces are imported by the server alone"
}

func refuseLibrary(dir, path string, test bool) string {
	if test {
		return ""
	}
	if path == "net/http" {
		if head, rest, _ := strings.Cut(strings.TrimPrefix(dir, "internal/"), "/"); rest == "" {
			if _, slice := slicesOrder[head]; slice {
				return "slices contain no HTTP: that is their face's"
			}
		}
		return ""
	}
	for library, rooms := range libraries {
		if (path == library || strings.HasPrefix(path, library+"/")) && !slices.ContainsFunc(rooms, func(room string) bool {
			return dir == room || strings.HasPrefix(dir, room+"/")
		}) {
			return "only " + strings.Join(rooms, ", ") + " may"
		}
	}
	return ""
}

func within(to string, allowed []string) bool {
	return slices.ContainsFunc(allowed, func(name string) bool { return to == name || strings.HasPrefix(to, name+"/") })
}

func parse(t *testing.T, root string) map[string][]string {
	t.Helper()
	found := map[string][]string{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if name := d.Name(); path != root && (strings.HasPrefix(name, ".") || slices.Contains([]string{"build", "bin", "node_modules", "state"}, name)) {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(path, ".go") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		imports := map[string]bool{}
		for _, spec := range file.Imports {
			name, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			imports[name] = true
		}
		found[relative] = slices.Sorted(maps.Keys(imports))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(found) < 10 {
		t.Fatalf("only %d files were found", len(found))
	}
	return found
}
