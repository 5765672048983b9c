package web

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"wisp/test/world"
)

const limit = 35 * time.Minute

// TestBrowser runs the browser's tests against a cloud of their own. The
// environment's SPEC narrows them to the files whose names match, and PAGES
// (/path,/other) those that visit every page. Pictures of the pages are left in
// web/screenshots.
func TestBrowser(t *testing.T) {
	var summary string
	t.Cleanup(func() { // after everything else that a failure prints
		if t.Failed() && summary != "" {
			t.Logf("the browser's tests that failed:\n%s", summary)
		}
	})
	w := world.New(t)
	node, err := exec.LookPath("node")
	if err != nil {
		t.Fatal(err)
	}
	root, err := filepath.Abs("../../web")
	if err != nil {
		t.Fatal(err)
	}
	w.Up(t)
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	args := []string{filepath.Join(root, "node_modules", "@playwright", "test", "cli.js"), "test"}
	run := w.Command(ctx, node, append(args, strings.Fields(os.Getenv("SPEC"))...)...)
	run.Dir = root
	run.Env = append(run.Env, "CI=1", "WISP_URL=http://127.0.0.1:5000", "WISP_BINARY="+w.Wisp, "WISP_STATE_DIR="+w.State, "WISP_GUEST="+w.Guest, "WISP_OUTSIDE="+world.OutsideAddr)
	if pages := os.Getenv("PAGES"); pages != "" {
		run.Env = append(run.Env, "PAGES="+pages)
	}
	for _, line := range w.Env() {
		if name, value, _ := strings.Cut(line, "="); name == "OS_PASSWORD" {
			run.Env = append(run.Env, "WISP_PASSWORD="+value)
		}
	}
	out, err := os.Create(filepath.Join(t.TempDir(), "playwright.log"))
	if err != nil {
		t.Fatal(err)
	}
	run.Stdout, run.Stderr = out, out
	failed := run.Run()
	log, err := os.ReadFile(out.Name())
	if err != nil {
		t.Error(err)
	}
	t.Logf("%s", log)
	if failed != nil {
		summary = failures(string(log))
		t.Fatalf("the browser's tests failed: %v", failed)
	}
}

// failures is the part of Playwright's output that tells what failed: for each
// test its name, the error and the line, then the counts.
func failures(log string) string {
	const firstFailure = "\n  1) "
	start := strings.Index(log, firstFailure)
	if start < 0 {
		return ""
	}
	const limit = 6 << 10
	return log[start+1 : min(len(log), start+limit)]
}
