package kernel

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os/exec"
	"strings"
	"testing"
)

// inner is a test that ran in a machine.
type inner struct {
	name     string // below that of its parent
	action   string // pass, fail, skip; "" when it did not end
	output   strings.Builder
	elapsed  float64 // seconds
	children []*inner
}

// event is a line of test2json.
type event struct {
	Action, Test, Output string
	Elapsed              float64
}

// parse makes a tree of what a test binary printed with -test.v=test2json. What
// belongs to no test is the output of the root.
func parse(output []byte) (*inner, error) {
	cmd := exec.Command("go", "tool", "test2json", "-t")
	cmd.Stdin = bytes.NewReader(output)
	events, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("test2json: %w", err)
	}
	root := &inner{}
	all := map[string]*inner{"": root}
	for line := range bytes.Lines(events) {
		var e event
		if err := json.Unmarshal(line, &e); err != nil {
			return nil, fmt.Errorf("a line of test2json: %w", err)
		}
		at := root.find(all, e.Test)
		switch e.Action {
		case "pass", "fail", "skip":
			at.action, at.elapsed = e.Action, e.Elapsed
		case "output":
			if strings.HasPrefix(e.Output, "=== ") {
				continue // the events tell
			}
			at.output.WriteString(e.Output)
		}
	}
	return root, nil
}

func (root *inner) find(all map[string]*inner, path string) *inner {
	if t, ok := all[path]; ok {
		return t
	}
	parent, name := "", path
	if i := strings.LastIndexByte(path, '/'); i >= 0 {
		parent, name = path[:i], path[i+1:]
	}
	t := &inner{name: name}
	p := root.find(all, parent)
	p.children = append(p.children, t)
	all[path] = t
	return t
}

// show makes a subtest of each test in the tree.
func (i *inner) show(t *testing.T) {
	for _, c := range i.children {
		t.Run(c.name, func(t *testing.T) {
			c.show(t)
			switch c.action {
			case "pass":
				t.Logf("%.1f s\n%s", c.elapsed, c.output.String())
			case "skip":
				t.Skip(c.output.String())
			case "fail":
				t.Errorf("%.1f s\n%s", c.elapsed, c.output.String())
			default:
				t.Errorf("it did not end\n%s", c.output.String())
			}
		})
	}
}

// count tells how many tests, those inside of others included, ended how.
func (i *inner) count() map[string]int {
	n := map[string]int{}
	for _, c := range i.children {
		n[c.action]++
		for action, more := range c.count() {
			n[action] += more
		}
	}
	return n
}
