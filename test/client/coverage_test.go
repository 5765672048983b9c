package client

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// commandGroups are those of the services that wisp is, as the client names them.
var commandGroups = []string{
	"openstack.cli", "openstack.common", "openstack.compute.v2", "openstack.identity.v3", "openstack.image.v2", "openstack.network.v2", "openstack.placement.v1",
}

// absent are commands, or the beginnings of those of a whole resource, that
// wisp does not offer, and why. The script absent shows what they say.
var absent = map[string]string{
	"identity provider":           "users are wisp's own; none come from another identity service",
	"mapping":                     "users are wisp's own; none come from another identity service",
	"federation protocol":         "users are wisp's own; none come from another identity service",
	"service provider":            "users are wisp's own; none go to another identity service",
	"network flavor":              "there is one kind of router",
	"network segment":             "a network has one segment, and the ranges are the server's settings",
	"network l3 conntrack helper": "the dataplane follows no protocol that opens connections of its own",
	"floating ip port forwarding": "the dataplane translates addresses, not single ports, yet",
	"local ip":                    "the dataplane has no addresses that are the host's own",
}

// reason is why a command is absent.
func reason(name string) string {
	for beginning, why := range absent {
		if strings.HasPrefix(name+" ", beginning+" ") {
			return why
		}
	}
	return ""
}

// TestEveryCommand holds the scripts and the table of what is absent against
// the list of the client's commands.
func TestEveryCommand(t *testing.T) {
	t.Parallel()
	commands := commandList(t)
	shown, missed := map[string]bool{}, map[string]bool{} // by the scripts, and by the one that shows what is absent
	scripts, err := filepath.Glob("testdata/*.txtar")
	alone, failure := filepath.Glob("testdata/alone/*.txtar")
	if scripts = append(scripts, alone...); err != nil || failure != nil || len(scripts) == 0 {
		t.Fatalf("no scripts: %v, %v", err, failure)
	}
	for _, script := range scripts {
		content, err := os.ReadFile(script)
		if err != nil {
			t.Fatal(err)
		}
		used := shown
		if filepath.Base(script) == "absent.txtar" {
			used = missed
		}
		head, _, _ := strings.Cut(string(content), "\n-- ")
		for line := range strings.Lines(head) {
			used[command(strings.Fields(line), commands)] = true
		}
	}
	for _, name := range commands {
		switch why := reason(name); {
		case why == "" && !shown[name]:
			t.Errorf("no script shows %q, and it is not among what is absent", name)
		case why != "" && shown[name]:
			t.Errorf("a script shows %q, and it is among what is absent: %s", name, why)
		case why != "" && !missed[name]:
			t.Errorf("%q is absent, and the script absent does not show what it says", name)
		}
	}
	for beginning := range absent {
		if !slices.ContainsFunc(commands, func(name string) bool { return strings.HasPrefix(name+" ", beginning+" ") }) {
			t.Errorf("the client has no command %q", beginning)
		}
	}
}

// command is the one that a script's line runs, or nothing.
func command(words []string, commands []string) string {
	if len(words) > 0 && words[0] == "!" {
		words = words[1:]
	}
	if len(words) == 0 || words[0] != "openstack" && words[0] != "admin" {
		return ""
	}
	for words = words[1:]; len(words) > 1 && strings.HasPrefix(words[0], "--"); {
		words = words[2:]
	}
	for n := len(words); n > 0; n-- {
		if name := strings.Join(words[:n], " "); slices.Contains(commands, name) {
			return name
		}
	}
	return ""
}

// commandList is the client's own.
func commandList(t *testing.T) (names []string) {
	t.Helper()
	// The distribution's Python, whichever else is installed.
	c := exec.CommandContext(t.Context(), "/usr/bin/openstack", "command", "list", "-f", "json")
	out, err := c.Output()
	if err != nil {
		t.Fatal(err)
	}
	var listed []struct {
		Group    string   `json:"Command Group"`
		Commands []string `json:"Commands"`
	}
	if err := json.Unmarshal(out, &listed); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	found := map[string][]string{}
	for _, l := range listed {
		found[l.Group] = l.Commands
	}
	for _, group := range commandGroups {
		if len(found[group]) == 0 {
			t.Errorf("the client has no commands of %s", group)
		}
		names = append(names, found[group]...)
	}
	return names
}
