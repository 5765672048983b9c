package kernel

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

// A machine whose tests fail, or that ends in the middle, must not pass.
func TestMachineTellsHowItEnded(t *testing.T) {
	t.Parallel()
	image, modules := kernelFiles(t)
	init := build(t, "build", "./init")
	for name, c := range map[string]struct {
		command string
		status  string // what it begins with
		want    string // in the verdict; "" when there is nothing to say
	}{
		"success": {"exit 0", "0 ", ""},
		"failure": {"exit 3", "3 ", "status 3"},
		"crash":   {"echo c > /proc/sysrq-trigger", "", "sysrq triggered crash"},
	} {
		t.Run(name, func(t *testing.T) {
			p := plan{Command: []string{"/bin/sh", "-c", c.command}, Dir: "/src", Env: []string{"PATH=/bin"}}
			g, err := pack(t.TempDir(), image, modules, init, init, "init", p)
			if err != nil {
				t.Fatal(err)
			}
			ctx, stop := context.WithTimeout(t.Context(), 5*time.Minute)
			defer stop()
			r, err := g.run(ctx, func(string) {})
			if err != nil {
				t.Fatal(err)
			}
			if !strings.HasPrefix(r.status, c.status) || r.boot == "" {
				t.Errorf("began with %q, ended with %q", r.boot, r.status)
			}
			if err := r.verdict(&inner{}); (err != nil) != (c.want != "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("the verdict is %v, want one with %q", err, c.want)
			}
		})
	}
}

// One that is stopped because it takes too long tells what there was.
func TestMachineIsStopped(t *testing.T) {
	t.Parallel()
	image, modules := kernelFiles(t)
	init := build(t, "build", "./init")
	p := plan{Command: []string{"/bin/sh", "-c", "echo here; while :; do :; done"}, Dir: "/src", Env: []string{"PATH=/bin"}}
	g, err := pack(t.TempDir(), image, modules, init, init, "init", p)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithTimeout(t.Context(), 5*time.Minute)
	defer stop()
	r, err := g.run(ctx, func(line string) {
		if line == "here" {
			stop()
		}
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("stopping the machine gave %v", err)
	}
	if r.boot == "" || string(r.output) != "here\n" || r.status != "" {
		t.Errorf("began with %q, said %q, ended with %q", r.boot, r.output, r.status)
	}
	if r.verdict(&inner{}) == nil {
		t.Error("nothing is wrong with it")
	}
}

func TestReport(t *testing.T) {
	t.Parallel()
	const mark = "\x16"
	root, err := parse([]byte("before all\n" +
		mark + "=== RUN   TestA\n" + mark + "=== RUN   TestA/one\n" + mark + "=== RUN   TestA/two\n" +
		"    a_test.go:5: not so\n" +
		mark + "--- FAIL: TestA (1.50s)\n" + mark + "    --- PASS: TestA/one (0.10s)\n" + mark + "    --- FAIL: TestA/two (1.40s)\n" +
		mark + "=== RUN   TestB\n    b_test.go:7: needs more\n" + mark + "--- SKIP: TestB (0.00s)\n" +
		mark + "=== RUN   TestC\npanic: away\n"))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	var walk func(i *inner, above string)
	walk = func(i *inner, above string) {
		for _, c := range i.children {
			got = append(got, above+c.name+" "+c.action)
			walk(c, above+c.name+"/")
		}
	}
	walk(root, "")
	want := []string{"TestA fail", "TestA/one pass", "TestA/two fail", "TestB skip", "TestC "}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if out := root.children[0].children[1].output.String(); !strings.Contains(out, "not so") {
		t.Errorf("the failed test said %q", out)
	}
	if root.children[0].elapsed != 1.5 {
		t.Errorf("%v s", root.children[0].elapsed)
	}
	if n := root.count(); n["fail"] != 2 || n["pass"] != 1 || n["skip"] != 1 || n[""] != 1 {
		t.Errorf("%v", n)
	}
}

func TestPackingFails(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	a := newArchive(&out)
	if err := a.file("/x", "no such file"); err == nil {
		t.Error("a file that is not there was packed")
	}
	if err := a.program("no-such-program"); err == nil {
		t.Error("a program that is not there was packed")
	}
	none := &modules{version: "0", files: map[string]string{"text": "failure_test.go"}, builtin: map[string]bool{"in_kernel": true}}
	if _, err := none.closure("in-kernel"); err != nil {
		t.Error(err)
	}
	for name, want := range map[string]string{"no-such": "has no module no_such", "text": "reading module text"} {
		if _, err := none.closure(name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := openModules("no such folder"); err == nil {
		t.Error("modules of a folder that is not there")
	}
}

func TestSignatureIsCutOff(t *testing.T) {
	t.Parallel()
	const line = "~Module signature appended~\n"
	info := func(size byte) string { return "12345678\x00\x00\x00" + string([]byte{size}) }
	for in, want := range map[string]string{
		"body" + "sig" + info(3) + line: "body",
		"body":                          "body",
		line:                            line,
		"x" + info(200) + line:          "x" + info(200) + line, // says more than there is
	} {
		if got := string(unsigned([]byte(in))); got != want {
			t.Errorf("%q becomes %q, want %q", in, got, want)
		}
	}
}

func TestUnknownKernel(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("asks apt")
	}
	_, _, err := unpackKernel("linux-image-no-such-kernel", t.TempDir(), t.TempDir())
	if err == nil || !strings.Contains(err.Error(), "linux-image-no-such-kernel") {
		t.Errorf("%v", err)
	}
}
